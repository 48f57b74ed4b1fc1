"""Nodes known again as steps of a dense network, and a list of those that are not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import assert_near
from support_onnx import model, read, run

W = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
X = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)


def assert_the_same(made: Any, folder: Path, kinds: str) -> dr.Network:
    net = read(made, folder)
    assert " ".join(layer.description.kind for layer in net.layers) == kinds
    assert_near(net.predict(X), run(made, X), 1e-5)
    return net


@pytest.mark.parametrize(
    ("kind", "attributes", "activation"),
    [
        ("Relu", {}, "relu"),
        ("LeakyRelu", {}, "leaky_relu"),
        ("LeakyRelu", {"alpha": 0.01}, "leaky_relu"),
        ("Elu", {}, "elu"),
        ("Sigmoid", {}, "sigmoid"),
        ("Tanh", {}, "tanh"),
        ("Softplus", {}, "softplus"),
        ("Exp", {}, "exponential"),
        ("Softmax", {"axis": 1}, "softmax"),
        ("Gelu", {}, "gelu"),
        ("Gelu", {"approximate": "tanh"}, "gelu_tanh"),
    ],
)
def test_activations(
    tmp_path: Path, kind: str, attributes: dict[str, Any], activation: str
) -> None:
    nodes = [("Gemm", "X W b", "Z", {"transB": 1}), (kind, "Z", "A", attributes)]
    for opset in [20] if kind == "Gelu" else [7, 9, 11, 13, 20]:
        made = model(nodes, {"W": W, "b": np.ones(4, np.float32)}, opset=opset)
        assert assert_the_same(made, tmp_path, "dense").layers[0].activation == activation


def test_swish(tmp_path: Path) -> None:
    net = read(model([("Swish", "X", "A")], opset=24), tmp_path)
    assert_near(net.predict(X), X / (1 + np.exp(-X)), 1e-6)


def test_another_slope_is_a_prelu(tmp_path: Path) -> None:
    made = model([("LeakyRelu", "X", "A", {"alpha": 0.3})])
    net = assert_the_same(made, tmp_path, "prelu")
    np.testing.assert_array_equal(net.layers[0].slope, np.full((3, 1), np.float32(0.3)))


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1), (1, 3)])
def test_slopes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    slope = np.linspace(0.1, 0.5, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    assert_the_same(model([("PRelu", "X s", "A")], {"s": slope}), tmp_path, "prelu")


def test_gemm_in_all_its_forms(tmp_path: Path) -> None:
    for transposed in (0, 1):
        for c in (None, 0.5, [0.5], [[1.0]], [1.0, 2, 3, 4], [[1.0, 2, 3, 4]]):
            attributes = {"alpha": 0.5, "beta": -2.0, "transB": transposed}
            numbers: dict[str, Any] = {"W": W if transposed else np.ascontiguousarray(W.T)}
            numbers |= {} if c is None else {"c": c}
            nodes = [("Gemm", "X W" + " c" * (c is not None), "A", attributes)]
            assert_the_same(model(nodes, numbers), tmp_path, "dense")


def test_what_does_nothing_in_prediction_leaves_no_layer(tmp_path: Path) -> None:
    nodes = [
        ("Identity", "X", "a"),
        ("Dropout", "a ratio", "b"),
        ("Cast", "b", "c", {"to": 1}),
        ("Flatten", "c", "d"),
        ("Relu", "d", "A"),
    ]
    assert_the_same(model(nodes, {"ratio": 0.5}), tmp_path, "activation")


def test_constants_from_nodes(tmp_path: Path) -> None:
    from onnx import numpy_helper

    nodes = [
        ("Constant", "", "W", {"value": numpy_helper.from_array(W)}),
        ("Transpose", "W", "T", {"perm": [1, 0]}),
        ("MatMul", "X T", "a"),
        ("Constant", "", "b", {"value_floats": [1.0, 2.0, 3.0, 4.0]}),
        ("Identity", "b", "c"),
        ("Add", "c a", "A"),
    ]
    assert_the_same(model(nodes), tmp_path, "dense")


def test_normalisations(tmp_path: Path) -> None:
    numbers = {"g": [1.0, 2, 3], "b": [0.1, 0.2, 0.3], "m": [1.0, 0, -1], "v": [1.0, 2, 0.5]}
    made = model([("BatchNormalization", "X g b m v", "A")], numbers)
    net = assert_the_same(made, tmp_path, "batch_norm")
    assert net.layers[0].description == dr.BatchNorm(0.1, 1e-5)
    for inputs in ("X g b", "X g"):
        made = model([("LayerNormalization", inputs, "A", {"epsilon": 1e-3})], numbers)
        net = assert_the_same(made, tmp_path, "layer_norm")
        assert net.layers[0].description == dr.LayerNorm(1e-3)


def test_blocks_in_blocks(tmp_path: Path) -> None:
    nodes = [
        ("Relu", "X", "a"),
        ("Tanh", "a", "b"),
        ("Sigmoid", "b", "c"),
        ("Add", "c b", "d"),
        ("Add", "a d", "e"),
        ("Add", "e X", "A"),
    ]
    kinds = "activation activation activation add add add"
    assert_the_same(model(nodes), tmp_path, kinds)


def test_a_deep_network_is_read(tmp_path: Path) -> None:
    kinds = ["Tanh", "Relu", "Sigmoid"]
    names = ["X", *(f"v{i}" for i in range(2999)), "A"]
    nodes = [(kinds[i % 3], names[i], names[i + 1]) for i in range(3000)]
    assert len(read(model(nodes), tmp_path).layers) == 3000


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([("Conv", "X W", "A")], "node 0 'n0': Conv: expected one of the operators that are read"),
        ([("LogSoftmax", "X", "A")], "LogSoftmax: expected one of"),
        ([("com.microsoft.Gelu", "X", "A")], "Gelu of 'com.microsoft': expected one of"),
        ([("Gemm", "X W", "A", {"transA": 1})], "transA is '1': expected one of [0]"),
        ([("Gemm", "X W", "A", {"other": 1})], "attribute 'other': expected 'alpha', 'beta'"),
        ([("Gemm", "X X", "A")], "Gemm: of 2 values that depend on the input"),
        ([("Gemm", "W X", "A")], "Gemm: not as a part of a dense network: expected the weights"),
        ([("MatMul", "X b", "A")], "weights of shape (3,): expected (a, b)"),
        ([("Elu", "X", "A", {"alpha": 2.0})], "alpha is '2.0': expected one of [1.0]"),
        ([("Elu", "X", "A", {"alpha": 1})], "alpha is '1': expected one of [1.0]"),
        ([("Softmax", "X", "A", {"axis": 0})], "axis is '0': expected one of [1, -1]"),
        ([("Erf", "X", "A")], "Erf: not as a part of a dense network: expected it in a formula"),
        ([("Div", "b X", "A")], "expected the constant as the second input"),
        ([("Cast", "X", "A", {"to": 10})], "to is '10'"),
        ([("Cast", "X", "A", {"to": 7})], "expected integers as an embedding's codes alone"),
        ([("Relu", "X b", "A")], "2 inputs: expected 1"),
        ([("Relu", "", "A")], "0 inputs: expected 1"),
        ([("Dropout", "X b t", "A")], "training_mode: expected a model for predicting"),
        ([("Add", "X i", "A")], "input 1: expected a constant of floats"),
        ([("Add", "b b", "A")], "of 0 values that depend on the input"),
        ([("Identity", "b", "A")], "the output does not depend on the input"),
        ([("Dropout", "X", "y mask"), ("Relu", "mask", "A")], "'mask': a second result of a node"),
        ([("Tanh", "X", "a"), ("Relu", "X", "b2"), ("Add", "a b2", "A")], "a residual block"),
        ([("Add", "X X", "A")], "a value is added to itself"),
        ([("ReduceMean", "X", "A")], "axes 'None': expected [1] or [-1]"),
        ([("Concat", "X X", "A", {"axis": 1})], "expected an embedding"),
        ([("Concat", "X", "A")], "no attribute axis: expected one"),
        ([("Gather", "X i", "A", {"axis": 1})], "expected it in an embedding"),
        ([("Transpose", "X", "A")], "expected it of a constant"),
        ([("If", "X", "A")], "If: expected one of"),
    ],
)
def test_what_is_not_supported(tmp_path: Path, nodes: list[Any], message: str) -> None:
    numbers = {"W": W, "b": [1.0, 2, 3], "i": np.array([0, 1, 2]), "t": np.array([1], np.int64)}
    with pytest.raises(dr.ModelFileError) as error:
        read(model(nodes, numbers), tmp_path)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / 'model.onnx'}: not a dense network")


def test_all_of_it_is_listed_at_once(tmp_path: Path) -> None:
    nodes = [
        ("Conv", "X W", "a"),
        ("Elu", "a", "b", {"alpha": 0.5}),
        ("custom.Thing", "b", "c"),
        ("Softmax", "c", "A", {"axis": 0}),
        ("Selu", "X", "not_needed"),
    ]
    with pytest.raises(dr.ModelFileError) as error:
        read(model(nodes, {"W": W}), tmp_path)
    _, *lines, last = str(error.value).split("\n")
    assert [line.split(": ")[0] for line in lines] == [f"  node {i} 'n{i}'" for i in range(4)]
    assert last.startswith("The operators that are read: Abs, Add, BatchNormalization, Cast")


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    names = ["X", *(f"v{i}" for i in range(149)), "A"]
    nodes = [("Conv", names[i], names[i + 1]) for i in range(150)]
    with pytest.raises(dr.ModelFileError, match="\n  and 50 more\n"):
        read(model(nodes), tmp_path)


@pytest.mark.parametrize("levels", [50, 51])
def test_blocks_nest_fifty_deep(tmp_path: Path, levels: int) -> None:
    inner = [("Tanh", "X", "x0"), *(("Tanh", f"x{i}", f"x{i + 1}") for i in range(levels))]
    outer = [
        ("Add", f"x{i} {'z' if i < levels - 1 else 'x'}{i + 1}", f"z{i}") for i in range(levels)
    ]
    made = model([*inner, *outer[::-1], ("Relu", "z0", "A")])
    if levels <= 50:
        assert_the_same(made, tmp_path, "activation " * 51 + "add " * 50 + "activation")
    else:
        with pytest.raises(dr.ModelFileError, match="more than 50 blocks in one another"):
            read(made, tmp_path)


def test_too_many_layers(tmp_path: Path) -> None:
    names = ["X", *(f"v{i}" for i in range(10_000)), "A"]
    nodes = [("Tanh", names[i], names[i + 1]) for i in range(10_001)]
    with pytest.raises(dr.ModelFileError, match="more than 10000 layers"):
        read(model(nodes), tmp_path)
