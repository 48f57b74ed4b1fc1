"""Networks that travel: what is saved is loaded, and what cannot be is refused."""

import json
import stat
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import deltarule as dr
from deltarule._files.tensors import read_tensors, write_tensors
from deltarule.layers import LayerDescription
from support import (
    DTYPES,
    NUMBER_EMBEDDINGS,
    Array,
    assert_same_bits,
    data,
    data_of_every_kind,
    network,
    of_every_kind,
    of_number_embeddings,
    output_of,
)


def trained(dtype: str = "float32") -> dr.Network:
    """A layer of every kind, with an average, a history, and rules that have been changed."""
    net = of_every_kind(dtype)
    X, y = data_of_every_kind(24, dtype)
    net.fit(X, y, epochs=2, batch_size=8, average=0.9, metrics=["accuracy"])
    layers: Any = net.layers
    layers["slow"].learning_rate, layers["first"].frozen, layers["inner"].l1 = 0.3, True, 0.01
    return net


def there_and_back(net: dr.Network, path: Path) -> dr.Network:
    net.save(path)
    loaded = dr.load(path)
    assert isinstance(loaded, dr.Network)
    return loaded


# What is saved is loaded -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_network_comes_back_whole(dtype: str, tmp_path: Path) -> None:
    net = trained(dtype)
    loaded = there_and_back(net, tmp_path / "x.safetensors")
    assert net.average is not None
    assert loaded.average is not None
    assert_same_bits(loaded.parameters, net.parameters)
    assert_same_bits(loaded.statistics, net.statistics)
    assert_same_bits(loaded.average, net.average)
    assert [layer.rule() for layer in loaded.layers] == [layer.rule() for layer in net.layers]
    assert loaded._descriptions == net._descriptions
    assert loaded.history == net.history
    assert repr(loaded) == repr(net)
    X, y = data_of_every_kind(20, dtype, seed=4)
    assert_same_bits(loaded.predict(X), net.predict(X))
    for each in (net, loaded):  # the same order of the examples, and the same masks
        each.fit(X, y, epochs=2, batch_size=7, optimizer="adam")
    assert_same_bits(loaded.parameters, net.parameters)


def test_the_names_of_the_inputs(tmp_path: Path) -> None:
    net = dr.Network([dr.Dense(1)], input_size=3)
    path = tmp_path / "x.safetensors"
    for names in (None, ["a", "b", "c"], ["", "a\n*/", "é \U0001f600"], ["a", "b", "a"]):
        net.feature_names = names
        assert there_and_back(net, path).feature_names == names


def test_the_same_network_is_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    there_and_back(trained(), first).save(second)
    assert first.read_bytes() == second.read_bytes()


def test_standardize_adapts_at_the_first_fit_or_never_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, path = of_every_kind(), tmp_path / "x"
    X, y = data_of_every_kind(24)
    with monkeypatch.context() as as_older_versions:  # which wrote what has not seen data
        as_older_versions.setattr(dr.Network, "_expect_adapted", lambda *_: None)
        loaded = there_and_back(net, path)
    with pytest.raises(ValueError, match="predict: the Standardize layer has no means"):
        loaded.predict(X)
    loaded.fit(X, y)
    mean = loaded.layers[0].mean.copy()
    assert mean.any()
    again = there_and_back(loaded, path)
    again.fit(X + np.array([1, 0, 0, 1, 0, 0]), y)
    assert_same_bits(again.layers[0].mean, mean)


@pytest.mark.parametrize("name", ["MT19937", "Philox", "SFC64", "PCG64DXSM"])
def test_any_generator_of_numpy_s(name: str, tmp_path: Path) -> None:
    net = network([2, 3])
    net._generator = np.random.Generator(getattr(np.random, name)(5))
    net._generator.integers(9, size=3, dtype=np.uint32)  # half a word is left over
    loaded = there_and_back(net, tmp_path / "x")
    assert loaded._generator.integers(99, size=50).tolist() == (
        net._generator.integers(99, size=50).tolist()
    )


def test_initialisers_are_not_written(tmp_path: Path) -> None:
    layer = dr.Dense(
        np.int64(3), initializer=lambda generator, n, n_prev: np.ones((n, n_prev)), l2=np.float32(2)
    )
    net = dr.Network([layer], 2)
    loaded = there_and_back(net, tmp_path / "x")
    assert_same_bits(loaded.parameters, net.parameters)
    assert loaded.layers[0].description.initializer is None  # type: ignore[attr-defined]
    assert loaded.layers[0].l2 == 2


def test_nested_residual_blocks(tmp_path: Path) -> None:
    def block(*layers: Any) -> dr.Residual:
        return dr.Residual([*layers, dr.Dense(3)])

    net = dr.Network(
        [block(block(dr.Dense(3, "tanh"), block()), block()), dr.Dense(3), block(block())], 3
    )
    loaded = there_and_back(net, tmp_path / "x")
    X, _ = data(5, [3, 3])
    assert_same_bits(loaded.predict(X), net.predict(X))


def test_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    net = trained()
    net.save(path)
    X, _ = data_of_every_kind(4)
    np.save(tmp_path / "X.npy", X)
    script = f"""
import sys
import numpy as np
import deltarule as dr
net = dr.load({str(path)!r})
print(net.predict(np.load({str(tmp_path / "X.npy")!r})).tobytes().hex())
print("sklearn" in sys.modules, "deltarule.checkpoint" in sys.modules)
"""
    predicted, imported = output_of(script).splitlines()
    assert predicted == net.predict(X).tobytes().hex()
    assert imported == "False False"


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x"
    network([2, 3]).save(path)
    path.chmod(0o640)
    network([2, 3]).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


# The format ------------------------------------------------------------------------------------


def test_tensors_have_the_names_and_shapes_that_others_know(tmp_path: Path) -> None:
    path, net = tmp_path / "x.safetensors", trained()
    net.save(path)
    tensors = safetensors.numpy.load_file(path)
    layers: Any = net.layers
    assert net.average is not None
    for name, array in {
        "layers.0.mean": layers[0].mean[:, 0],
        "layers.0.variance": layers[0].variance[:, 0],
        "layers.1.E4": layers[1].E4,
        "layers.2.weight": layers[2].W,
        "layers.2.bias": layers[2].b[:, 0],
        "layers.3.weight": layers[3].gamma[:, 0],
        "layers.3.running_mean": layers[3].mean[:, 0],
        "layers.3.running_var": layers[3].variance[:, 0],
        "layers.8.weight": layers[8].slope[:, 0],
        "average.layers.2.weight": net.unflatten(net.average)[2].W,
    }.items():
        assert_same_bits(tensors[name], np.ascontiguousarray(array))
    assert tensors["history.accuracy"].tolist() == net.history["accuracy"]


def test_the_metadata_say_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    net = trained()
    net.history["score"] = [1.0, float("nan")]
    net.save(path)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    content = json.loads(metadata["deltarule"], parse_constant=pytest.fail)
    assert (content["format"], content["version"]) == ("deltarule", 2)
    assert content["written_by"] == f"deltarule {dr.__version__}"
    assert content["summary"]["epochs"] == 2
    assert content["summary"]["last"]["loss"] == net.history["loss"][1]
    assert content["network"]["layers"][6] == {
        "kind": "dense",
        "units": 8,
        "activation": "identity",
        "name": "slow",
        "frozen": False,
        "learning_rate": 0.5,
        "l1": 0.0,
        "l2": 0.0,
        "max_norm": 0.0,
    }
    assert content["network"]["rules"][6]["learning_rate"] == 0.3
    assert content["network"]["layers"][11] == {
        "kind": "add", "name": None, "frozen": False, "learning_rate": 1.0, "source": 6
    }  # fmt: skip


def test_a_file_that_another_tool_has_sealed_anew(tmp_path: Path) -> None:
    """Written by the safetensors library, with the hash that docs/files.md describes."""
    path = tmp_path / "x.safetensors"
    net = trained()
    net.save(path)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    metadata["sha256"] = "0" * 64
    whole = safetensors.numpy.save(safetensors.numpy.load_file(path), metadata)
    digits = sha256(whole).hexdigest().encode()
    path.write_bytes(whole.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + digits))
    loaded: Any = dr.load(path)
    assert_same_bits(loaded.parameters, net.parameters)


# Refused ---------------------------------------------------------------------------------------


def changed(path: Path, change: Callable[[Any, dict[str, Array]], Any]) -> None:
    """Change a file's content and seal it anew, so that the checks behind the hash are reached."""
    tensors, strings = read_tensors(path)
    content = json.loads(strings["deltarule"])
    change(content, tensors)
    write_tensors(path, tensors, {"deltarule": json.dumps(content)})


def layer(index: int, **fields: Any) -> Callable[[Any, Any], Any]:
    return lambda content, tensors: content["network"]["layers"][index].update(fields)


def rule(index: int, **fields: Any) -> Callable[[Any, Any], Any]:
    return lambda content, tensors: content["network"]["rules"][index].update(fields)


def of_network(**fields: Any) -> Callable[[Any, Any], Any]:
    return lambda content, tensors: content["network"].update(fields)


def of_file(**fields: Any) -> Callable[[Any, Any], Any]:
    return lambda content, tensors: content.update(fields)


def number(name: str, value: float) -> Callable[[Any, Any], Any]:
    return lambda content, tensors: tensors[name].reshape(-1).__setitem__(-1, value)


def generator(**fields: Any) -> Callable[[Any, Any], Any]:
    return lambda content, tensors: content["network"]["generator"].update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_file(format="x"), "format is 'x', version 2: expected 'deltarule' and a number"),
        (of_file(version="2"), "version '2': expected"),
        (of_file(version=True), "version True: expected"),
        (of_file(version=0), "format is 'deltarule' but version is 0: there is no such one"),
        (of_file(version=3, written_by="deltarule 9.0"), "has format version 3, written by 'delta"),
        (of_file(kind="pickle"), "kind is 'pickle': expected one of"),
        (of_file(kind=["network"]), r"kind is \['network'\]: expected one of"),
        (of_file(network=None), "network is None: expected an object"),
        (of_network(layers=[]), r"layers is \[\]: expected 1 to 4096"),
        (of_network(layers=[{"kind": "activation"}] * 5000), "expected 1 to 4096"),
        (of_network(input_size=10**9), "tensor 'layers.2.weight' is float32 of shape"),
        (of_network(input_size=2**31), r"input_size is 2147483648: expected 1 to 2\^31 - 1"),
        (of_network(input_size=True), "input_size is True: expected"),
        (of_network(dtype="float16"), "dtype is 'float16': expected 'float32' or 'float64'"),
        (of_network(dtype="float64"), "is float32 of shape .*: expected float64"),
        (of_network(adapted=None), "adapted is None: expected true"),
        (of_network(input_means=[0.0] * 5), "input_means is .*: expected 6 finite numbers"),
        (of_network(input_means=[0.0] * 5 + [1]), "input_means is .*: expected 6 finite numbers"),
        (of_network(input_means={"0": 1.0}), "input_means is .*: expected 6 finite numbers"),
        (of_network(dropout=[0, 2**64]), "dropout is .*: expected a seed"),
        (of_network(feature_names="abcdef"), "feature_names are 'abcdef': expected a list of str"),
        (
            of_network(feature_names={"a": 1}),
            r"feature_names are \{'a': 1\}: expected a list of st",
        ),
        (
            of_network(feature_names=["a"] * 5),
            "feature_names has 5 names: expected 6, one for each",
        ),
        (
            of_network(feature_names=["a"] * 5 + [1]),
            r"feature_names\[5\] is a int: expected a stri",
        ),
        (
            of_network(feature_names=["\ud800"] * 6),
            r"feature_names\[0\] is '\\ud800': expected text",
        ),
        (of_network(feature_names=["a" * 2**18] * 6), "feature_names take .* bytes: expected 1048"),
        (of_network(rules=[{}]), "rules is .*: expected 13, one for each"),
        (layer(2, kind="lambda"), r"layers\[2\].kind is 'lambda': expected one of"),
        (layer(2, kind={}), r"layers\[2\].kind is \{\}: expected one of"),
        (layer(2, units=10**9), r"'layers.2.weight' is .*: expected float32 of shape \(1000000000"),
        (layer(2, units=2**40), "units is 1099511627776: expected 1 or more, and less than"),
        (layer(2, units=8.0), "units is 8.0: expected an integer"),
        (layer(2, units=True), "units is True: expected an integer"),
        (layer(2, activation="eval"), "activation is 'eval': expected one of"),
        (layer(2, activation=["relu"]), r"layers\[2\].activation is \['relu'\]: expected a plain"),
        (layer(2, initializer="zeros"), r"layers\[2\] has .*'initializer'.*: expected"),
        (layer(2, l1=-1.0), "l1 is -1.0: expected 0 or more"),
        (layer(2, l1=float("nan")), "l1 is nan: expected 0 or more"),
        (layer(2, name=3), "name is 3: expected a string"),
        (layer(2, name="slow"), "two layers have the name 'slow'"),
        (layer(5, rate=1.0), "rate is 1.0: expected 0 or more and less than 1"),
        (layer(3, epsilon=0.0), "epsilon is 0.0: expected"),
        (layer(1, columns=[[1, 4, 3], [1, 4, 3]]), "columns has column 1 twice"),
        (layer(1, columns=[[2**63, 4, 3]]), "less than 2.31"),
        (layer(1, columns=[[1, 10**9, 3], [4, 3, 2]]), "layers.1.E1"),
        (layer(1, columns={"1": [4, 3]}), r"expected \[column, categories, dimension\]"),
        (layer(11, source=-1), r"layers\[11\].source is -1: expected 0 to 10"),
        (layer(11, source=11), r"layers\[11\].source is 11: expected 0 to 10"),
        (layer(11, source=2), "adds the output of layer 2 to 8 units: expected an earlier layer"),
        (layer(11, source=True), "source is True: expected an integer"),
        (layer(0, kind="activation", activation="relu"), r"layers\[1\] is an Embedding"),
        (rule(2, frozen=1), r"rules\[2\].frozen is 1: expected true or false"),
        (rule(2, l1=float("inf")), r"rules\[2\].l1 is inf: expected a number, 0 or more"),
        (rule(3, l1=1.0), r"rules\[3\].l1 is 1.0: expected 0, as the layer is no Dense"),
        (rule(3, extra=1), r"rules\[3\] is .*: expected"),
        (
            number("layers.2.weight", np.nan),
            r"'layers.2.weight' has nan at \[7, 8\]: expected fini",
        ),
        (number("average.layers.2.bias", np.inf), r"'average.layers.2.bias' has inf at \[7\]"),
        (number("layers.3.running_var", -1), r"running_var' has -1.0 at \[7\]: expected 0 or more"),
        (number("layers.0.variance", 0), r"'layers.0.variance' has 0.0 at \[5\]: expected above 0"),
        (lambda content, tensors: tensors.pop("layers.2.bias"), "'layers.2.bias' is missing"),
        (
            lambda content, tensors: tensors.update(
                {"layers.2.bias": np.zeros((8, 1), np.float32)}
            ),
            r"is float32 of shape \(8, 1\): expected float32 of shape \(8,\)",
        ),
        (
            lambda content, tensors: tensors.update({"layers.13.bias": np.zeros(8)}),
            r"tensors that belong to nothing: \['layers.13.bias'\]",
        ),
        (
            lambda content, tensors: tensors.update({"history.loss": np.zeros((2, 2))}),
            "have shapes .*: expected vectors, as long",
        ),
        (generator(bit_generator="os.system"), "bit_generator is 'os.system': expected one of"),
        (generator(bit_generator="MT19937"), r"generator is .*: expected an object of \['bit_gen"),
        (generator(uinteger=2**32), "generator.uinteger is 4294967296: expected a whole number up"),
        (
            generator(state={"state": 2**128, "inc": 1}),
            "generator.state.state is .*: expected a wh",
        ),
        (generator(has_uint32=-1), "generator.has_uint32 is -1: expected"),
    ],
)
def test_contents_that_cannot_be(
    change: Callable[[Any, Any], Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    trained().save(path)
    changed(path, change)
    with pytest.raises(dr.ModelFileError, match=message) as caught:
        dr.load(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("MT19937", {"pos": 625}),
        ("MT19937", {"key": [1] * 623}),
        ("MT19937", {"key": [2**32] * 624}),
        ("Philox", {"key": [1]}),
    ],
)
def test_a_generator_that_would_read_beyond_its_buffer(
    name: str, state: dict[str, Any], tmp_path: Path
) -> None:
    path, net = tmp_path / "x", network([2, 3])
    net._generator = np.random.Generator(getattr(np.random, name)(5))
    net.save(path)
    changed(path, lambda content, tensors: content["network"]["generator"]["state"].update(state))
    with pytest.raises(dr.ModelFileError, match=r"generator\.state\.\w+ is .*: expected"):
        dr.load(path)
    if name == "Philox":
        net.save(path)
        changed(path, generator(buffer_pos=-1))
        with pytest.raises(dr.ModelFileError, match="buffer_pos is -1: expected a whole number up"):
            dr.load(path)


def test_residual_blocks_that_cross(tmp_path: Path) -> None:
    path = tmp_path / "x"
    dr.Network([dr.Residual([dr.Dense(3)]), dr.Residual([dr.Dense(3)])], 3).save(path)
    changed(path, layer(3, source=1))
    with pytest.raises(dr.ModelFileError, match=r"layers\[3\].source is 1: expected 2 to 2"):
        dr.load(path)


def test_tensors_alone_are_no_network(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file({"0.weight": np.ones((2, 2), np.float32)}, path)
    with pytest.raises(dr.ModelFileError, match="no 'deltarule': expected a file that deltarule"):
        dr.load(path)
    write_tensors(path, {}, {"deltarule": "[" * 10_000})
    with pytest.raises(dr.ModelFileError, match="nested too deeply"):
        dr.load(path)


def test_a_hash_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    network([2, 3]).save(path)
    path.write_bytes(path.read_bytes().replace(b'"sha256"', b'"sha257"'))
    with pytest.raises(dr.ModelFileError, match="__metadata__ has no sha256: expected one"):
        dr.load(path)


def test_a_newer_version_says_which_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x"
    network([2, 3]).save(path)
    changed(path, of_file(version=7, written_by="deltarule 4.2", kind="transformer"))
    message = (
        f"format version 7, written by 'deltarule 4.2': deltarule {dr.__version__} reads versions "
        "up to 2; pip install --upgrade deltarule"
    )
    with pytest.raises(dr.ModelFileError, match=message):
        dr.load(path)


@dataclass(frozen=True)
class Own(LayerDescription):
    kind = "activation"

    def core(self) -> dict[str, Any]:
        return {"kind": "activation", "activation": "relu"}


def test_what_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(TypeError, match=r"save: layers\[1\] is a Own: expected one of the package"):
        dr.Network([dr.Dense(2), Own()], 2).save(path)
    net = network([2, 3])
    net.layers[0].W[1, 1] = np.nan
    with pytest.raises(ValueError, match=r"save: layers.0.weight\[1, 1\] is nan: expected finite"):
        net.save(path)
    with pytest.raises(ValueError, match="network has 5000 layers: expected 4096 or fewer"):
        dr.Network([dr.Activation("relu")] * 5000, 2).save(path)
    assert not path.exists()


# What loading costs ----------------------------------------------------------------------------

LIMITED = """
import resource, sys
import deltarule as dr
from support import PEAK_MEMORY
exec(PEAK_MEMORY)
dr.load({warm!r})
before = peak_memory()
try:
    dr.load({path!r})
except dr.ModelFileError as error:
    print(peak_memory() - before)
"""


@pytest.mark.parametrize(
    "change",
    [
        of_network(layers=[{"kind": "dense", "units": 10**9}] * 4000),
        layer(0, units=2**31 - 1),
        of_network(input_size=2**31 - 1),
        of_file(network={"layers": [[[]] * 20_000]}),
    ],
)
def test_a_small_file_that_claims_much(change: Callable[[Any, Any], Any], tmp_path: Path) -> None:
    """Nothing is made before what it would be made of has been found in the file."""
    warm, path = tmp_path / "warm", tmp_path / "x"
    network([20, 30, 3]).save(warm)
    network([20, 30, 3]).save(path)
    changed(path, change)
    kib = int(output_of(LIMITED.format(warm=str(warm), path=str(path))))
    assert kib < 20 * 1024


def test_a_network_takes_a_few_times_the_file(tmp_path: Path) -> None:
    path, warm = tmp_path / "x", tmp_path / "warm"
    net = dr.Network([dr.Dense(2000)], 2000)
    net.save(path)
    network([2, 3]).save(warm)
    script = LIMITED.replace("except", "    print(peak_memory() - before)\nexcept")
    kib = int(output_of(script.format(warm=str(warm), path=str(path))))
    size = path.stat().st_size // 1024
    assert size < kib < 5 * size


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NUMBER_EMBEDDINGS)
def test_embeddings_of_numbers_are_saved_and_loaded(name: str, dtype: str, tmp_path: Path) -> None:
    net, X = of_number_embeddings(name, dtype)
    net.save(tmp_path / "model.safetensors")
    back = dr.load(tmp_path / "model.safetensors")
    assert_same_bits(back.predict(X), net.predict(X))
    y = net.predict(X)[::-1]
    for each in (net, back):
        each.fit(X, y, epochs=2, batch_size=8)
    assert_same_bits(back.parameters, net.parameters)
