"""Keras's files: golden ones that Keras 3 wrote, and ones that are not what they should be."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import deltarule as dr
from record_keras import DEEP, FOLDER, INPUTS
from support import Array, assert_same_bits, nothing_written, output_of


@pytest.fixture(scope="module")
def predicted() -> dict[str, Array]:
    with np.load(FOLDER / "predicted.npz") as arrays:
        return dict(arrays)


def described() -> list[Any]:
    """The layers of sequential.keras."""
    return [
        dr.Standardize(),
        dr.Dense(8),
        dr.PReLU(0.2, frozen=True),
        dr.BatchNorm(0.1, 1e-3),
        dr.PReLU(),
        dr.Dropout(0.2),
        dr.Dense(7, "gelu"),
        dr.LayerNorm(1e-3),
        dr.Dense(6),
        dr.BatchNorm(0.01, 1e-3),
        dr.PReLU(),
        dr.Dense(6),
        dr.PReLU(0.3, frozen=True),
        dr.Dense(6, "relu", frozen=True),
        dr.Dense(3, "softmax"),
    ]


# Golden files --------------------------------------------------------------------------------


def test_a_sequential_model(predicted: dict[str, Array]) -> None:
    net = dr.from_keras(FOLDER / "sequential.keras")
    A = net.predict(predicted["X"])
    np.testing.assert_allclose(A, predicted["sequential.keras"], atol=1e-6)
    own = dr.Network(described(), INPUTS)
    assert [layer.description.kind for layer in net.layers] == [d.kind for d in own._descriptions]
    for layer, like in zip(net.layers, own._descriptions, strict=True):
        assert layer.description.core() == pytest.approx(like.core())
        assert layer.frozen == like.frozen
    names = [layer.name for layer in net.layers]
    assert names[1:3] == ["first", None]
    assert names[6] == "inner"
    assert names[-1] == "a_last"


def test_a_functional_model_in_float64(predicted: dict[str, Array]) -> None:
    net = dr.from_keras(FOLDER / "functional.keras")
    assert net.dtype == "float64"
    assert [layer.units for layer in net.layers] == DEEP
    # Keras computes a part of it in float32.
    A = net.predict(predicted["X"])
    np.testing.assert_allclose(A, predicted["functional.keras"], atol=1e-6)


def test_weights_of_more_than_ten_layers(predicted: dict[str, Array]) -> None:
    net = dr.Network([dr.Dense(units, "tanh") for units in DEEP], INPUTS, seed=3)
    net.load_weights(FOLDER / "deep.weights.h5")
    np.testing.assert_allclose(net.predict(predicted["X"]), predicted["deep.weights.h5"], atol=1e-6)


def test_weights_of_a_keras_file(predicted: dict[str, Array]) -> None:
    net = dr.Network([d for d in described() if d != dr.Dropout(0.2)], INPUTS, seed=3)
    net.load_weights(FOLDER / "sequential.keras")
    np.testing.assert_allclose(
        net.predict(predicted["X"]), predicted["sequential.keras"], atol=1e-6
    )


def test_weights_that_do_not_fit_a_network() -> None:
    net = dr.Network([dr.Dense(units, "tanh") for units in DEEP[:-1]], INPUTS)
    with nothing_written(net), pytest.raises(dr.ModelFileError, match=r"13 layers.* expected 12"):
        net.load_weights(FOLDER / "deep.weights.h5")
    net = dr.Network([dr.Dense(units + 1) for units in DEEP], INPUTS)
    with nothing_written(net), pytest.raises(dr.ModelFileError, match="stands where"):
        net.load_weights(FOLDER / "deep.weights.h5")


# HDF5 files ----------------------------------------------------------------------------------


def one_layer(group: Any, name: str = "dense", n: int = 2) -> Any:
    numbers = group.require_group(f"layers/{name}/vars")
    numbers["0"] = np.arange(3.0 * n, dtype="float32").reshape(3, n)
    numbers["1"] = np.ones(n, "float32")
    return numbers


def net_for_one() -> dr.Network:
    return dr.Network([dr.Dense(2)], 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "of.weights.h5"


def test_a_kernel_is_turned(path: Path) -> None:
    with h5py.File(path, "w") as file:
        one_layer(file)
        file["optimizer/vars/0"] = np.ones(7)
    net = net_for_one()
    net.load_weights(path)
    np.testing.assert_array_equal(net.layers[0].W, [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(net.layers[0].b, [[1], [1]])


def test_the_first_versions_container(path: Path) -> None:
    with h5py.File(path, "w") as file:
        one_layer(file)
        file.move("layers", "_layer_checkpoint_dependencies")
    net_for_one().load_weights(path)


def test_a_variance_of_0_is_keras_smallest(path: Path) -> None:
    with h5py.File(path, "w") as file:
        numbers = file.create_group("layers/normalization/vars")
        numbers["0"], numbers["1"], numbers["2"] = np.zeros(2, "f4"), np.array([0, 4], "f4"), 7
    net = dr.Network([dr.Standardize()], 2)
    net.load_weights(path)
    np.testing.assert_allclose(net.predict([[1e-7, 1.0]]), [[1.0, 0.5]], rtol=1e-6)


def test_layers_that_names_do_not_order(path: Path) -> None:
    with h5py.File(path, "w") as file:
        one_layer(file, n=3)
        one_layer(file.create_group("layers/sequential"), n=3)
    net = dr.Network([dr.Dense(3), dr.Dense(3)], 3)
    with nothing_written(net), pytest.raises(dr.ModelFileError, match="names do not tell"):
        net.load_weights(path)


def soft_link(file: Any) -> None:
    one_layer(file)
    file["elsewhere"] = file["layers/dense/vars/0"]
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.SoftLink("/elsewhere")


def external_link(file: Any) -> None:
    other = Path(file.filename).with_name("other.h5")
    with h5py.File(other, "w") as target:
        one_layer(target)
    file["layers"] = h5py.ExternalLink(str(other), "/layers")


def virtual(file: Any) -> None:
    numbers = one_layer(file)
    del numbers["1"]
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource(file.filename, "layers/dense/vars/0", (3, 2))[0, :]
    numbers.create_virtual_dataset("1", layout)


def external_storage(file: Any) -> None:
    numbers = one_layer(file)
    del numbers["1"]
    raw = Path(file.filename).with_name("raw")
    raw.write_bytes(b"\0" * 8)
    numbers.create_dataset("1", (2,), "f4", external=[(str(raw), 0, 8)])


def chunked(file: Any) -> None:
    numbers = one_layer(file)
    del numbers["1"]
    numbers.create_dataset("1", data=np.ones(2, "f4"), chunks=(2,), compression="gzip")


def never_written(file: Any) -> None:
    numbers = one_layer(file)
    del numbers["0"]
    numbers.create_dataset("0", (3, 2), "f4")


def enormous(file: Any) -> None:
    numbers = one_layer(file)
    del numbers["0"]
    numbers.create_dataset("0", (2**30, 2**20), "f4")


def missing(file: Any) -> None:
    numbers = one_layer(file)
    del numbers["0"]


def a_group_in_itself(file: Any) -> None:
    one_layer(file)
    file["layers/dense/layers"] = file["layers"]


def one_array_twice(file: Any) -> None:
    numbers = one_layer(file)
    file.create_group("layers/dense_1/vars")["0"] = numbers["0"]


def very_deep(file: Any) -> None:
    one_layer(file.create_group("/".join(["layers/model"] * 100)))


def replaced(name: str, value: Any) -> Callable[[Any], None]:
    def write(file: Any) -> None:
        numbers = one_layer(file)
        del numbers[name]
        numbers[name] = value

    return write


def of_keras_2(file: Any) -> None:
    file.attrs["layer_names"] = ["dense"]
    file["dense/dense/kernel:0"] = np.ones((3, 2))


def norm_of_three(file: Any) -> None:
    one_layer(file, "batch_normalization")
    file["layers/batch_normalization/vars/2"] = np.ones(2)


def group_for_array(file: Any) -> None:
    numbers = one_layer(file)
    del numbers["1"]
    numbers.create_group("1")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (soft_link, "link to elsewhere"),
        (external_link, "link to elsewhere"),
        (virtual, "in another file"),
        (external_storage, "in another file"),
        (chunked, "compressed, in pieces"),
        (never_written, "not in the file as a whole"),
        (enormous, "not in the file as a whole"),
        (missing, "array 0 is missing"),
        (a_group_in_itself, "is not a Group alone"),
        (one_array_twice, "is not a Dataset alone"),
        (very_deep, "models in models"),
        (replaced("0", np.ones((3, 2), "i4")), r"W is int32\[3, 2\]"),
        (replaced("0", np.ones((3, 2, 1))), "in 2 dimensions"),
        (replaced("0", np.ones((2, 3))), "stands where"),
        (replaced("1", "text"), "array 1"),
        (replaced("1", np.array([1, np.nan])), "not finite"),
        (replaced("1", np.array([1, 1e300])), "too large for float32"),
        (replaced("1", h5py.Empty("f4")), "of Keras 3"),
        (group_for_array, "is not a Dataset alone"),
        (norm_of_three, "3 arrays"),
        (lambda file: one_layer(file, "conv1d"), "expected a Dense"),
        (of_keras_2, "format of Keras 2"),
        (lambda file: file.create_dataset("model_weights", data=1), "format of Keras 2"),
        (lambda file: None, "no layers of Keras 3"),
        (lambda file: file.create_dataset("layers", data=1), "is not a Group alone"),
    ],
)
def test_refused(write: Callable[[Any], Any], message: str, path: Path) -> None:
    with h5py.File(path, "w") as file:
        write(file)
    net = net_for_one()
    with nothing_written(net), pytest.raises(dr.ModelFileError, match=message):
        net.load_weights(path)


def test_a_name_that_is_a_path_is_not_followed(path: Path) -> None:
    with h5py.File(path, "w") as file:
        one_layer(file, "denseXdense")
        one_layer(file.create_group("layers/dense"), "dense")
    path.write_bytes(path.read_bytes().replace(b"denseXdense", b"dense/dense"))
    with pytest.raises(dr.ModelFileError, match="link to elsewhere"):
        net_for_one().load_weights(path)


def test_a_standardizing_layer_stands_first(path: Path) -> None:
    def write(file: Any) -> None:
        one_layer(file)
        numbers = file.create_group("layers/normalization/vars")
        numbers["0"], numbers["1"], numbers["2"] = np.zeros(2, "f4"), np.ones(2, "f4"), 7

    given = model(layer(), layer("Normalization", name="b", axis=-1, invert=False, mean=None))
    with pytest.raises(dr.ModelFileError, match="expected it to be the first"):
        dr.from_keras(archive(path, given, write))


# Archives ------------------------------------------------------------------------------------


def archive(
    path: Path, config: Any, write: Callable[[Any], Any] = one_layer, **changes: Any
) -> Path:
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        write(file)
    with zipfile.ZipFile(path, "w", **changes) as made:
        made.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        made.writestr("model.weights.h5", held.getvalue())
    return path


def layer(kind: str = "Dense", **changes: Any) -> dict[str, Any]:
    given = {"name": "a", "trainable": True, "units": 2, "activation": "linear"}
    return {"class_name": kind, "config": given | changes}


def model(*layers: Any) -> dict[str, Any]:
    first = {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": [None, 3]}}
    return {"class_name": "Sequential", "config": {"layers": [first, *layers]}}


def test_a_description_and_its_numbers(path: Path) -> None:
    net = dr.from_keras(archive(path, model(layer(activation="relu"), layer("Dropout", rate=0.5))))
    np.testing.assert_array_equal(net.predict([[1.0, 0.0, -1.0]]), [[0.0, 0.0]])
    np.testing.assert_array_equal(net.layers["a"].W, [[0, 2, 4], [1, 3, 5]])


def test_a_picture_is_flattened(path: Path) -> None:
    given = model(layer("Flatten"), layer())
    given["config"]["layers"][0]["config"]["batch_shape"] = [None, 1, 3]
    assert dr.from_keras(archive(path, given)).input_size == 3
    given["config"]["layers"][1:2] = []
    with pytest.raises(dr.ModelFileError, match="expected rows, or a Flatten behind"):
        dr.from_keras(archive(path, given))


def test_a_model_without_an_input_layer(path: Path) -> None:
    given = model(layer())
    del given["config"]["layers"][0]
    assert dr.from_keras(archive(path, given)).input_size == 3


def test_a_frozen_batch_norm_and_one_that_is_not_scaled(path: Path) -> None:
    def write(file: Any) -> None:
        for place in ("batch_normalization", "batch_normalization_1"):
            numbers = file.create_group(f"layers/{place}/vars")
            numbers["0"], numbers["1"] = np.zeros(3), np.ones(3)

    common = {"axis": -1, "momentum": 0.9, "epsilon": 1e-3, "scale": False, "center": False}
    norms = [
        layer("BatchNormalization", **common),
        layer("BatchNormalization", **common, name="b", trainable=False),
    ]
    net = dr.from_keras(archive(path, model(*norms), write))
    assert net.dtype == "float64"
    assert [each.learning_rate for each in net.layers] == [0.0, 0.0]
    assert [each.frozen for each in net.layers] == [False, True]
    assert net.layers[0].description.momentum == pytest.approx(0.1)


def test_everything_that_cannot_be_expressed_is_named(path: Path) -> None:
    given = model(
        layer(activation="relu6"),
        layer("Conv1D"),
        {"class_name": "Sequential", "config": {"layers": [layer("Softmax", axis=0)]}},
        layer("Dropout", rate=2),
        layer(name="not in the file"),
    )
    with pytest.raises(dr.ModelFileError, match="no network can express") as caught:
        dr.from_keras(archive(path, given))
    problems = [line.strip() for line in str(caught.value).splitlines()[1:-1]]
    assert problems[0].startswith("layers/dense: Dense: activation='relu6'; expected one of")
    assert problems[1:] == [
        "layers/conv1d: Conv1D",
        "layers/sequential/layers/softmax: Softmax: axis=0; expected -1",
        "layers/dropout: Dropout: Dropout: rate is 2: expected 0 or more and less than 1",
        "layers/dense_1: Dense: its numbers are not in the file",
    ]


def functional(*inbound: list[str], output: str = "b") -> dict[str, Any]:
    def nodes(names: list[str]) -> Any:
        tensors = [
            {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}
            for name in names
        ]
        return [{"args": tensors, "kwargs": {}}] if names else []

    kinds = ["InputLayer", "Dense", "Activation"]
    layers = [
        layer(kind, name=name, batch_shape=[None, 3]) | {"inbound_nodes": nodes(names)}
        for kind, name, names in zip(kinds, ["i", "a", "b"], inbound, strict=True)
    ]
    config = {"layers": layers, "input_layers": ["i", 0, 0], "output_layers": [[output, 0, 0]]}
    return {"class_name": "Functional", "config": config}


def test_functional_models_are_chains(path: Path) -> None:
    dr.from_keras(archive(path, functional([], ["i"], ["a"])))
    for given in (
        functional([], ["i"], ["i"]),
        functional([], ["i"], ["a", "i"]),
        functional([], ["i"], ["a"], output="a"),
        functional([], [], ["a"]),
    ):
        with pytest.raises(dr.ModelFileError, match="expected"):
            dr.from_keras(archive(path, given))


def deep_json(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    "config",
    [
        [],
        "x",
        "null",
        "3",
        "{}",
        deep_json(100_000),
        '{"class_name": "Sequential"}',
        '{"class_name": "Sequential", "config": []}',
        '{"class_name": ["Sequential"], "config": {"layers": []}}',
        {"class_name": "Sequential", "config": {"layers": 3}},
        model(),
        model(3),
        model(layer(3)),
        model({"class_name": "Dense", "config": None}),
        model({"class_name": "Dense", "config": {}}),
        model(layer(units="2")),
        model(layer(units=-2)),
        model(layer(units=2.0)),
        model(layer(units=2**40)),
        model(layer(units=2**30)),
        model(layer(name=3)),
        model(layer(activation={"class_name": "function"})),
        model(layer(activation=["relu"])),
        model(layer(), layer("LeakyReLU", negative_slope=float("nan"))),
        model(layer(), layer("LeakyReLU", negative_slope=[])),
        model(layer(), layer("Dropout", rate="0.5")),
        model(layer(), *(layer("LeakyReLU", negative_slope=0.2) for _ in range(3000))),
        model(layer("LeakyReLU", negative_slope=0.2)),
        model(*[{"class_name": "Sequential", "config": {"layers": []}}] * 3),
        model(layer(), layer("Normalization", axis=-1, invert=False, mean=None)),
        {"class_name": "Functional", "config": {"layers": [], "output_layers": "x"}},
        {"class_name": "Mine", "config": {}},
    ],
)
def test_descriptions_that_are_none(config: Any, path: Path) -> None:
    archive(path, config)
    with pytest.raises(dr.ModelFileError):
        dr.from_keras(path)


def test_inputs_that_no_numbers_warrant(path: Path) -> None:
    given = model(layer("LeakyReLU", negative_slope=0.2))
    given["config"]["layers"][0]["config"]["batch_shape"] = [None, 2**31 - 1]
    with pytest.raises(dr.ModelFileError, match="not the same"):
        dr.from_keras(archive(path, given))


def test_a_description_of_ones_own_class_has_no_order(path: Path) -> None:
    archive(path, {"class_name": "Mine", "config": {}})
    net_for_one().load_weights(path)
    with pytest.raises(dr.ModelFileError, match=r"network\.load_weights reads the weights alone"):
        dr.from_keras(path)


def test_archives_that_are_none(path: Path) -> None:
    archive(path, model(layer()), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(dr.ModelFileError, match="compressed or encrypted"):
        dr.from_keras(path)
    archive(path, model(layer()))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as twice:
        twice.writestr("config.json", "{}")
    with pytest.raises(dr.ModelFileError, match=r"2 parts 'config\.json'"):
        dr.from_keras(path)
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("../config.json", "{}")
    with pytest.raises(dr.ModelFileError, match=r"0 parts 'config\.json'"):
        dr.from_keras(path)


def test_only_a_keras_file_has_a_description(path: Path) -> None:
    with pytest.raises(dr.ModelFileError, match="no description"):
        dr.from_keras(FOLDER / "deep.weights.h5")
    with pytest.raises(FileNotFoundError):
        dr.from_keras(path)


@pytest.mark.parametrize("name", ["sequential.keras", "deep.weights.h5"])
def test_damaged_files_change_nothing(name: str, tmp_path: Path) -> None:
    whole = (FOLDER / name).read_bytes()
    path = tmp_path / name
    layers = described() if name.endswith(".keras") else [dr.Dense(n, "tanh") for n in DEEP]
    net = dr.Network(layers, INPUTS)
    before = net.parameters.copy()
    rng = np.random.default_rng(0)
    refused = 0
    for turn in range(120):
        damaged = bytearray(whole)
        if turn % 4 == 0:
            del damaged[rng.integers(len(whole)) :]
        else:  # where the structure is, rather than the numbers
            for place in rng.integers(6000, size=turn % 4 * 8):
                damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            net.load_weights(path)
        except dr.ModelFileError:
            refused += 1
            assert_same_bits(net.parameters, before)
        else:
            assert np.isfinite(net.parameters).all()
            net.parameters = before
    assert refused > 60


@pytest.mark.parametrize(
    "call", ["dr.from_keras(path)", "dr.Network([dr.Dense(1)], 1).load_weights(path)"]
)
def test_without_h5py(call: str) -> None:
    script = f"""
import sys
sys.modules["h5py"] = None
import deltarule as dr
path = {str(FOLDER / "sequential.keras")!r}
try:
    {call}
except ImportError as error:
    print(error)
"""
    said = output_of(script)
    assert "need h5py" in said
    assert said.endswith('not installed: pip install "deltarule[files]"')
