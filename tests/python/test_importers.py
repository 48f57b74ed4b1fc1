"""Networks out of ONNX files: those of other writers, and the package's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from record_onnx import TORCH, X, export_torch, torch_modules
from support import DTYPES, assert_near, data_of_every_kind, of_every_kind
from support_onnx import GOLDEN, model, read, run

RECORDED = sorted(path.stem for path in GOLDEN.glob("*.onnx"))


def kinds(net: dr.Network) -> list[str]:
    return [layer.description.kind for layer in net.layers]


def test_every_writer_is_recorded() -> None:
    writers = {name.split("_")[0] for name in RECORDED}
    assert writers == {"every", "residual", "sklearn", "deltarule"}
    assert len(RECORDED) == 16


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_files_predict_what_their_model_did(name: str) -> None:
    path = GOLDEN / f"{name}.onnx"
    with np.load(GOLDEN / f"{name}.npz") as recorded:
        X, A = recorded["X"], recorded["A"]
    output = "probabilities" if name.endswith("classes") else None
    net = dr.from_onnx(path, output="output_probability" if output else None)
    assert net.dtype == X.dtype
    assert_near(net.predict(X), A, 1e-5)


@pytest.mark.parametrize(
    ("name", "exporter"),
    [("every_layer", "torchscript_20"), ("residual", "torchscript_14"), ("every_layer", "dynamo")],
)
def test_live_files_of_torch(tmp_path: Path, name: str, exporter: str) -> None:
    torch = pytest.importorskip("torch")
    if TORCH[exporter]["dynamo"]:
        pytest.importorskip("onnxscript")
    module, path = torch_modules()[name], tmp_path / "model.onnx"
    export_torch(module, X[:2], path, **TORCH[exporter])
    net = dr.from_onnx(path)
    assert_near(net.predict(X), module(torch.tensor(X)).detach().numpy(), 1e-5)
    assert kinds(net).count("add") == (2 if name == "residual" else 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_layers_come_back(tmp_path: Path, dtype: str) -> None:
    net, path = of_every_kind(dtype, dropout=False), tmp_path / "model.onnx"
    X, y = data_of_every_kind(40, dtype)
    net.fit(X, y, epochs=2)
    net.layers[0].mean = net.layers[0].mean  # of the network's dtype, as it is in the file
    net.to_onnx(path)
    back = dr.from_onnx(path)
    # Behind a normalisation an activation stays a layer of its own.
    assert kinds(back) == kinds(net)
    assert [layer.activation for layer in back.layers] == [g.activation for g in net.layers]
    np.testing.assert_array_equal(back.parameters, net.parameters)
    np.testing.assert_array_equal(back.statistics, net.statistics)
    np.testing.assert_array_equal(back.predict(X), net.predict(X))
    # A second time nothing changes any more.
    first = path.read_bytes()
    back.to_onnx(path)
    assert path.read_bytes() == first


def test_what_is_read_can_be_trained(tmp_path: Path) -> None:
    net, path = of_every_kind(), tmp_path / "model.onnx"
    X, y = data_of_every_kind(60)
    net.fit(X, y, epochs=1)
    net.to_onnx(path)
    back = dr.from_onnx(path, seed=3)
    moments = back.layers[0].mean.copy()
    costs = back.fit(X, y, epochs=20, optimizer=dr.Adam(1e-2))["loss"]
    assert costs[-1] < costs[0]
    np.testing.assert_array_equal(back.layers[0].mean, moments)  # not adapted again


def test_one_of_several_outputs(tmp_path: Path) -> None:
    made = model([("Relu", "X", "H"), ("Tanh", "H", "A")], outputs=("H", "A"))
    assert kinds(read(made, tmp_path, output="H")) == ["activation"]
    assert len(read(made, tmp_path, output="A").layers) == 2
    with pytest.raises(dr.ModelFileError, match=r"outputs 'H', 'A': expected one, or output="):
        read(made, tmp_path)
    with pytest.raises(ValueError, match=r"output is 'B': expected one of 'H', 'A'"):
        read(made, tmp_path, output="B")


@pytest.mark.parametrize(
    "text",
    ["", "a,b,c", "[", "[" * 10_000, '["a", "b"]', '["a", "b", 3]', '"abc"', "null",
     '{"a": 1, "b": 2, "c": 3}', '["a", "b", "\\ud800"]', "9" * 10_000, '["a", "b", NaN]'],
)  # fmt: skip
def test_names_of_features_that_are_none(tmp_path: Path, text: str) -> None:
    made = model([("Relu", "X", "A")])
    made.metadata_props.add(key="feature_names", value=text)
    assert read(made, tmp_path).feature_names is None


def test_images_are_flattened(tmp_path: Path) -> None:
    W = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    X = np.random.default_rng(1).normal(size=(3, 2, 1, 4)).astype(np.float32)
    for flatten, numbers in (
        (("Flatten", "S", "F"), {}),
        (("Reshape", "S shape", "F"), {"shape": np.array([-1, 8])}),
        (("Reshape", "S shape", "F"), {"shape": np.array([0, -1])}),
    ):
        nodes = [("Div", "X c", "S"), flatten, ("Gemm", "F W", "A", {"transB": 1})]
        made = model(nodes, {"W": W, "c": 255.0, **numbers}, shape=["m", 2, 1, 4])
        net = read(made, tmp_path)
        assert net.input_size == 8
        assert_near(net.predict(X.reshape(3, 8)), run(made, X), 1e-5)


@pytest.mark.parametrize("shape", [["m", "n"], None])
def test_an_open_number_of_features_is_that_of_the_weights(tmp_path: Path, shape: Any) -> None:
    made = model([("MatMul", "X W", "A")], {"W": np.ones((7, 2), np.float32)}, shape=["m", "n"])
    if shape is None:
        made.graph.input[0].type.tensor_type.ClearField("shape")
    assert read(made, tmp_path).input_size == 7
    unknown = model([("Relu", "X", "A")], shape=["m", "n"])
    with pytest.raises(dr.ModelFileError, match="expected a number of features"):
        read(unknown, tmp_path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        dr.from_onnx(tmp_path / "none.onnx")
