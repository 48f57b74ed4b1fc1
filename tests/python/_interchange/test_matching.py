"""Weights that PyTorch has written, in files of tensors, into networks that are there."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import deltarule as dr
from deltarule._files.architecture import names_in_torch
from support import (
    DTYPES,
    NUMBER_EMBEDDINGS,
    Array,
    assert_same_bits,
    data_of_every_kind,
    nothing_written,
    of_every_kind,
    of_number_embeddings,
)

RNG = np.random.default_rng(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


def numbers(*shape: int, dtype: str = "float32") -> Array:
    return RNG.normal(size=shape).astype(dtype)


def linear(place: str, n_prev: int, n: int, dtype: str = "float32") -> dict[str, Array]:
    names = [f"{place}.{name}".lstrip(".") for name in ("weight", "bias")]
    return dict(zip(names, [numbers(n, n_prev, dtype=dtype), numbers(n, dtype=dtype)], strict=True))


def batch_norm(place: str, n: int) -> dict[str, Array]:
    return {
        f"{place}.weight": numbers(n),
        f"{place}.bias": numbers(n),
        f"{place}.running_mean": numbers(n),
        f"{place}.running_var": np.abs(numbers(n)),
        f"{place}.num_batches_tracked": np.array(7),
    }


def deep(places: list[str], path: Path) -> list[Array]:
    """A file of equal layers; returns their biases in order."""
    state: dict[str, Array] = {}
    for place in places:
        state |= linear(place, 3, 3)
    save_file(state, path)
    return [state[f"{place}.bias"] for place in places]


# Which numbers are which layer's -------------------------------------------------------------


@pytest.mark.parametrize(
    "places",
    [
        [f"{2 * i}" for i in range(12)],
        [f"model.{i}" for i in range(12)],
        [f"module.blocks.{i // 4}.fc{i % 4 + 1}" for i in range(12)],
        [f"fc{i}" for i in range(1, 13)],
        ["fc", *(f"fc_{i}" for i in range(1, 12))],
        [f"0.{i}" for i in range(6)] + [f"3.{i}" for i in range(3)] + ["10.0", "10.1", "10.2"],
    ],
)
def test_numbers_in_names_tell_the_order(places: list[str], path: Path) -> None:
    biases = deep(places, path)
    net = dr.Network([dr.Dense(3) for _ in places], 3)
    net.load_weights(path)
    for layer, b in zip(net.layers, biases, strict=True):
        np.testing.assert_array_equal(layer.b[:, 0], b)


def test_one_layer_without_a_name(path: Path) -> None:
    state = linear("", 4, 2)
    save_file(state, path)
    net = dr.Network([dr.Dense(2, "tanh")], 4)
    net.load_weights(str(path))
    np.testing.assert_array_equal(net.layers[0].W, state["weight"])
    np.testing.assert_array_equal(net.layers[0].b[:, 0], state["bias"])


def test_kinds_and_shapes_tell_where_numbers_do_not(path: Path) -> None:
    state = {
        **linear("zero", 4, 5),
        **batch_norm("bn1", 5),
        **batch_norm("bn2", 5),
        **linear("hidden", 5, 3),
        **linear("any", 3, 5),
        "slopes.weight": numbers(5),
        "norm.weight": numbers(5),
        "norm.bias": numbers(5),
        "smaller.weight": numbers(2),
        "smaller.bias": numbers(2),
        "last.weight": numbers(2, 5),
    }
    save_file(state, path)
    net = dr.Network(
        [
            dr.Dense(5),
            dr.BatchNorm(),
            dr.Dense(3),
            dr.Dense(5),
            dr.BatchNorm(),
            dr.PReLU(),
            dr.LayerNorm(),
            dr.Dense(2),
            dr.LayerNorm(),
        ],
        4,
    )
    net.load_weights(path)
    dense = [net.layers[i] for i in (0, 2, 3)]
    for layer, name in zip(dense, ["zero", "hidden", "any"], strict=True):
        np.testing.assert_array_equal(layer.W, state[f"{name}.weight"])
    for layer, name in ((net.layers[1], "bn1"), (net.layers[4], "bn2")):
        np.testing.assert_array_equal(layer.gamma[:, 0], state[f"{name}.weight"])
        np.testing.assert_array_equal(layer.beta[:, 0], state[f"{name}.bias"])
        np.testing.assert_array_equal(layer.mean[:, 0], state[f"{name}.running_mean"])
        np.testing.assert_array_equal(layer.variance[:, 0], state[f"{name}.running_var"])
    np.testing.assert_array_equal(net.layers[5].slope[:, 0], state["slopes.weight"])
    np.testing.assert_array_equal(net.layers[6].gamma[:, 0], state["norm.weight"])
    np.testing.assert_array_equal(net.layers[8].gamma[:, 0], state["smaller.weight"])


def test_names_of_the_networks_layers_tell_the_rest(path: Path) -> None:
    state = {**linear("model.second", 3, 3), **linear("model.first", 3, 3)}
    save_file(state, path)
    unnamed = dr.Network([dr.Dense(3), dr.Dense(3)], 3)
    with (
        nothing_written(unnamed),
        pytest.raises(dr.ModelFileError, match=r"names do not tell.*name='model\.second'"),
    ):
        unnamed.load_weights(path)
    for prefix in ("", "model."):
        names = [f"{prefix}first", f"{prefix}second"]
        net = dr.Network([dr.Dense(3, name=name) for name in names], 3)
        net.load_weights(path)
        np.testing.assert_array_equal(net.layers[0].W, state["model.first.weight"])
        np.testing.assert_array_equal(net.layers[1].W, state["model.second.weight"])


def test_names_come_before_numbers_in_them(path: Path) -> None:
    state = {**linear("fc1", 3, 3), **linear("fc2", 3, 3)}
    save_file(state, path)
    net = dr.Network([dr.Dense(3, name="fc2"), dr.Dense(3, name="fc1")], 3)
    net.load_weights(path)
    np.testing.assert_array_equal(net.layers["fc2"].W, state["fc2.weight"])
    np.testing.assert_array_equal(net.layers["fc1"].W, state["fc1.weight"])


def test_what_a_file_leaves_out(path: Path) -> None:
    state = {
        "0.weight": numbers(3, 3),
        "1.running_mean": numbers(3),
        "1.running_var": np.abs(numbers(3)),
        "2.weight": numbers(1),
    }
    save_file(state, path)
    net = dr.Network([dr.Dense(3), dr.BatchNorm(), dr.PReLU()], 3)
    net.parameters = np.full(net.parameters.size, 9.0)
    net.load_weights(path)
    dense, norm, prelu = net.layers
    np.testing.assert_array_equal(dense.W, state["0.weight"])
    assert (dense.b == 0).all()
    assert (norm.gamma == 1).all()
    assert (norm.beta == 0).all()
    np.testing.assert_array_equal(norm.mean[:, 0], state["1.running_mean"])
    assert (prelu.slope == state["2.weight"]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_to_torch_calls_the_numbers_of_every_kind(dtype: str, path: Path) -> None:
    net = of_every_kind(dtype)
    X, y = data_of_every_kind(30, dtype)
    net.fit(X, y, epochs=1)
    net.layers[0].mean = net.layers[0].mean  # of the network's dtype, as it is in the file
    state = {}
    for index, layer in enumerate(net.layers):
        for own, theirs in names_in_torch(layer.description).items():
            array = getattr(layer, own)
            state[f"{index}.{theirs}"] = np.ascontiguousarray(
                array if own == "W" or own.startswith("E") else array[:, 0]
            )
    save_file(state, path)
    other = of_every_kind(dtype, seed=5)
    other.load_weights(path)
    assert_same_bits(other.predict(X), net.predict(X))
    other.fit(X[:5], y[:5], epochs=1)  # whose data its Standardize does not take any more
    assert_same_bits(other.layers[0].mean, net.layers[0].mean)


def test_a_state_dict_that_pytorch_wrote(path: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    from safetensors.torch import save_file as save

    nn = torch.nn
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.PReLU(), nn.Linear(6, 2)).eval()
    save(module.state_dict(), path)
    net = dr.Network([dr.Dense(6), dr.BatchNorm(), dr.PReLU(), dr.Dense(2)], 4)
    net.load_weights(path)
    X = numbers(20, 4)
    np.testing.assert_allclose(
        net.predict(X), module(torch.from_numpy(X)).detach().numpy(), atol=1e-6
    )


# Numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", DTYPES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes(dtype: str, own: str, path: Path) -> None:
    state = linear("0", 4, 2, dtype)
    save_file(state, path)
    net = dr.Network([dr.Dense(2)], 4, dtype=own)
    net.load_weights(path)
    assert_same_bits(net.layers[0].W, np.asfortranarray(state["0.weight"].astype(own)))


BAD = np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.bias": np.array([1, np.nan])}, "'0': b has numbers that are not finite"),
        ({"0.bias": np.array([1, -np.inf])}, "not finite"),
        ({"0.bias": np.array([1, 1e300])}, "too large for float32"),
        ({"0.bias": np.array([1, 2])}, r"bias int64\[2\], .*: expected the numbers of a Linear"),
        ({"0.bias": np.ones((2, 1))}, "expected the numbers of a Linear"),
        ({"0.bias": np.ones(3)}, r"stands where the network has layers\[0\]"),
        ({"0.weight": np.ones((4, 2))}, r"W \(4, 2\).*stands where.*W \(2, 4\)"),
        ({"0.scale": BAD}, "expected the numbers of a Linear"),
        ({"0.weight": np.float64(1)}, "expected the numbers of a Linear"),
        ({"2.weight": np.ones((2, 2))}, r"3 layers with numbers: '0'.*; expected 2: layers\[0\]"),
        ({"1.running_var": np.array([1, -1.0])}, "the number -1.0: expected a variance"),
        ({"1.running_mean": BAD[:1]}, "stands where"),
        ({"1.running_mean": None}, "expected the numbers of a Linear"),
        ({"0.weight": None, "0.bias": None}, "1 layers with numbers"),
    ],
)
def test_refused(change: dict[str, Array | None], message: str, path: Path) -> None:
    state: dict[str, Any] = linear("0", 4, 2) | batch_norm("1", 2) | change
    save_file({name: np.asarray(a) for name, a in state.items() if a is not None}, path)
    net = dr.Network([dr.Dense(2), dr.BatchNorm()], 4)
    with nothing_written(net), pytest.raises(dr.ModelFileError, match=message):
        net.load_weights(path)


def test_bfloat16_is_the_upper_half_of_a_float32(path: Path) -> None:
    header = b'{"weight": {"dtype": "BF16", "shape": [1, 3], "data_offsets": [0, 6]}}'
    halves = np.array([1.5, -0.0078125, 3e38], "<f4").view("<u4") >> 16
    path.write_bytes(len(header).to_bytes(8, "little") + header + halves.astype("<u2").tobytes())
    net = dr.Network([dr.Dense(1)], 3)
    net.load_weights(path)
    np.testing.assert_array_equal(net.layers[0].W[0, :2], [1.5, -0.0078125])
    assert net.layers[0].W[0, 2] == pytest.approx(3e38, rel=2**-7)


def test_a_missing_table_of_an_embedding_is_refused(path: Path) -> None:
    save_file({"0.E1": numbers(3, 4), **linear("1", 9, 2)}, path)
    net = dr.Network([dr.Embedding({1: (4, 3), 4: (3, 2)}), dr.Dense(2)], 6)
    with nothing_written(net), pytest.raises(dr.ModelFileError, match="stands where"):
        net.load_weights(path)


def test_messages_stay_short(path: Path) -> None:
    save_file({f"{i}.weight": numbers(1, 1) for i in range(500)}, path)
    with pytest.raises(dr.ModelFileError, match="and 492 more") as caught:
        dr.Network([dr.Dense(1)], 1).load_weights(path)
    assert len(str(caught.value)) < 1000


# Files ---------------------------------------------------------------------------------------


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        dr.Network([dr.Dense(1)], 1).load_weights(path)


def test_pickles_are_refused_with_a_remedy(path: Path) -> None:
    net = dr.Network([dr.Dense(1)], 1)
    path.write_bytes(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")
    with pytest.raises(dr.ModelFileError, match=r"pickle.*safetensors\.torch\.save_file"):
        net.load_weights(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    with pytest.raises(dr.ModelFileError, match=r"safetensors\.torch\.save_file"):
        net.load_weights(path)


def test_damaged_files_change_nothing(path: Path) -> None:
    save_file(linear("0", 4, 3) | batch_norm("1", 3) | linear("long" * 300 + "2", 3, 2), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    variants = [whole[:n] for n in range(0, len(whole), 61)] + [whole + b" ", b"", b"\0" * 100]
    for _ in range(300):
        mutated = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 4)):
            mutated[place] = rng.integers(256)
        variants.append(bytes(mutated))
    refused = 0
    for variant in variants:
        path.write_bytes(variant)
        net = dr.Network([dr.Dense(3), dr.BatchNorm(), dr.Dense(2)], 4)
        before = net.parameters.copy()
        try:
            net.load_weights(path)
        except dr.ModelFileError:
            refused += 1
            assert_same_bits(net.parameters, before)
            assert (net.statistics[:3] == 0).all()
        else:
            assert np.isfinite(net.parameters).all()
    assert refused > len(variants) // 2


@pytest.mark.parametrize("name", NUMBER_EMBEDDINGS)
def test_embeddings_of_numbers_from_a_state_dict(name: str, path: Path) -> None:
    torch = pytest.importorskip("safetensors.torch")
    net, _ = of_number_embeddings(name)
    torch.save_file(net.to_torch().state_dict(), path)
    other, _ = of_number_embeddings(name)
    other.parameters = np.zeros(other.parameters.shape)
    other.load_weights(path)
    assert_same_bits(other.parameters, net.parameters)
