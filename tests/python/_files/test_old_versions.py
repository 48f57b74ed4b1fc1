"""Files of every version that there has been: golden/ has some, as they were written then."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import deltarule as dr
from deltarule._files.tensors import read_tensors, write_tensors
from record_golden import HERE as GOLDEN
from record_golden import every_kind_optimizer, small_data, y_of_classes
from support import assert_near, assert_same_bits, data_of_every_kind, of_every_kind

EVERY = sorted(path.stem for path in GOLDEN.glob("*.safetensors"))
OF_TABLES = [name for name in EVERY if "Tabular" in name]
FILES = [name for name in EVERY if name not in OF_TABLES]
VERSION_1 = [name for name in FILES if name.startswith("v1")]


def test_there_is_a_file_of_each_version() -> None:
    assert {name.split("-")[0] for name in FILES} == {"v1", "v2"}


@pytest.mark.parametrize("name", FILES)
def test_what_was_written_is_read(name: str) -> None:
    """Parameters to the bit; predictions nearly, as their bits are an instruction set's own."""
    model: Any = dr.load(GOLDEN / f"{name}.safetensors")
    net: dr.Network = getattr(model, "network_", model)
    with np.load(GOLDEN / f"{name}.npz") as expected:
        assert_same_bits(net.parameters, expected["parameters"])
        assert_same_bits(net.statistics, expected["statistics"])
        assert (net.average is not None) == ("average" in expected)
        if net.average is not None:
            assert_same_bits(net.average, expected["average"])
        assert net.history["loss"] == expected["loss"].tolist()
        assert_near(net.predict(expected["X"]), expected["A"], 1e-6)


@pytest.mark.parametrize("name", OF_TABLES)
def test_what_models_of_tables_were_written_is_read(name: str) -> None:
    pytest.importorskip("sklearn")
    model: Any = dr.load(GOLDEN / f"{name}.safetensors")
    with np.load(GOLDEN / f"{name}.npz") as expected:
        X = expected["X"]
        if "P" in expected:
            assert_near(model.predict_proba(X), expected["P"], 1e-5)
        else:
            assert_near(model.predict(X), expected["A"], 1e-5)
            assert_near(np.array(model.predict_interval(X, 0.8)), expected["interval"], 1e-5)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d", "e"]
    assert "networks" in model.summary()


@pytest.mark.parametrize("version", [1, 2])
def test_resumed_is_uninterrupted(version: int) -> None:
    """From a file of any version, to where a training comes that has not stopped.

    Nearly: the file may have been written by another instruction set.
    """
    path = GOLDEN / f"v{version}-every-kind-float32.safetensors"
    X, y = data_of_every_kind(24)
    options: dict[str, Any] = {"batch_size": 8, "average": 0.9}
    trained = []
    for resume in (None, path):
        net = of_every_kind(seed=0 if resume is None else 9)
        stop = dr.EarlyStopping("loss")
        net.fit(
            X,
            y,
            epochs=5,
            optimizer=every_kind_optimizer(),
            callbacks=[stop],
            resume=resume,
            **options,
        )
        trained.append((net, stop))
    (whole, stop), (resumed, other) = trained
    for net in (whole, resumed):
        # A bias that a batch norm takes away again: its gradient is what rounding leaves of zero,
        # of which Adam makes steps like any other's.
        net.layers["first"].b[:] = 0
    assert_near(resumed.parameters, whole.parameters, 1e-4)
    assert other.best_epoch == stop.best_epoch
    assert resumed.history.epochs == 5
    np.testing.assert_allclose(resumed.history["loss"], whole.history["loss"], rtol=1e-4)


def test_an_old_file_saved_again_is_a_new_one(tmp_path: Path) -> None:
    old, new = GOLDEN / "v1-dense-float64.safetensors", tmp_path / "x.safetensors"
    net: Any = dr.load(old)
    net.save(new)
    _, strings = read_tensors(new)
    assert json.loads(strings["deltarule"])["version"] == 2
    assert_same_bits(dr.load(new).parameters, net.parameters)  # type: ignore[union-attr]


def test_estimators_go_on() -> None:
    model: Any = dr.load(GOLDEN / "v2-MLPClassifier.safetensors")
    X, _ = small_data("float32")
    y = model.classes_[y_of_classes()]
    assert model.classes_.tolist() == ["maybe", "no", "yes"]
    before = model.loss_
    model.partial_fit(X, y)
    assert model.loss_ != before
    assert model._optimizer.step == 4


def test_the_layers_of_version_1() -> None:
    """Descriptions are made from what the core was told and from the rules of the time."""
    net: Any = dr.load(GOLDEN / "v1-every-kind-float32.safetensors")
    like = of_every_kind()
    assert [type(layer) for layer in net._descriptions] == [
        type(layer) for layer in like._descriptions
    ]
    assert net._descriptions == like._descriptions


@pytest.mark.parametrize("name", VERSION_1)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content, tensors: content.pop("network"), "version 1: KeyError"),
        (lambda content, tensors: content.update(callbacks=3), "version 1: TypeError"),
        (lambda content, tensors: content["network"].update(rules=[]), "version 1: IndexError"),
        (lambda content, tensors: content["network"].update(history=[1]), "1: AttributeError"),
        (
            lambda content, tensors: content["network"]["history"].update(loss=["x"]),
            "version 1: ValueError",
        ),
        (
            lambda content, tensors: content["network"]["layers"][-1]["core"].update(units=10**9),
            r"'network.parameters' has shape .*: expected \(\d{10,},\)",
        ),
        (
            lambda content, tensors: tensors.pop("network.parameters"),
            "tensor 'layers.*' is missing",
        ),
        (
            lambda content, tensors: tensors.update({"network.more": np.zeros(2)}),
            "tensor 'network.more' belongs to nothing",
        ),
        (
            lambda content, tensors: tensors["network.parameters"].fill(np.nan),
            "has nan at .*: expected finite numbers",
        ),
    ],
)
def test_a_damaged_file_of_version_1(
    change: Callable[..., Any], message: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    tensors, strings = read_tensors(GOLDEN / f"{name}.safetensors")
    content = json.loads(strings["deltarule"])
    change(content, tensors)
    write_tensors(path, tensors, {"deltarule": json.dumps(content)})
    with pytest.raises(dr.ModelFileError, match=message):
        dr.load(path)


def test_the_safetensors_library_reads_them_all() -> None:
    for name in FILES:
        assert safetensors.numpy.load_file(GOLDEN / f"{name}.safetensors")
