"""Formulas of several operators: what ONNX Runtime makes of them is the activation's value."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._interchange.onnx.formulas import FORMULAS, LAYER_NORM, PRELU, STANDARDIZE
from support import assert_near
from support_onnx import model, read, run

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(0, 3, size=(40, 3)), [[0, -1, 1], [25, -25, 30]]]).astype(np.float32)
CONSTANTS = {
    "mean": np.float32([1, -2, 0.5]),
    "variance": np.float32([1, 4, 0.3]),
    "slope": np.float32([0.1, 2, -0.5]),
    "epsilon": np.float32(1e-3),
}


def spelled(formula: Any, turned: bool = False) -> Any:
    """A formula's model; turned, what may change places does."""
    nodes: list[Any] = []
    numbers: dict[str, Any] = {}

    def write(part: Any) -> str:
        if part == "X":
            return "X"
        if isinstance(part, float):
            numbers[name := f"c{len(numbers)}"] = part
            return name
        if isinstance(part, str):
            numbers[part] = CONSTANTS[part]
            return part
        inputs = [write(each) for each in part[1:]]
        if turned and part[0] in ("Add", "Mul", "Max", "Min"):
            inputs.reverse()
        attributes = {"axes": [-1]} if part[0] == "ReduceMean" else {}
        nodes.append((part[0], " ".join(inputs), f"t{len(nodes)}", attributes))
        return str(nodes[-1][2])

    write(formula)
    nodes[-1] = (*nodes[-1][:2], "A", *nodes[-1][3:])
    return model(nodes, numbers, opset=17)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("name", "formula"), [(name, each) for name, several in FORMULAS.items() for each in several]
)
def test_activations(tmp_path: Path, name: str, formula: Any, turned: bool) -> None:
    made = spelled(formula, turned)
    net = read(made, tmp_path)
    assert [layer.activation for layer in net.layers] == [name]
    # e^30 and the like: log(1 + e^z) has fewer digits as it is written.
    assert_near(net.predict(X), run(made, X), 1e-5)


@pytest.mark.parametrize("formula", [PRELU, STANDARDIZE, *LAYER_NORM])
def test_layers(tmp_path: Path, formula: Any) -> None:
    made = spelled(formula)
    net = read(made, tmp_path)
    assert len(net.layers) == 1
    assert_near(net.predict(X), run(made, X), 1e-5)


def test_a_formula_of_two_values_is_none(tmp_path: Path) -> None:
    # Like SiLU, but for what is multiplied.
    made = model([("Tanh", "X", "T"), ("Sigmoid", "X", "S"), ("Mul", "T S", "A")])
    with pytest.raises(dr.ModelFileError, match="node 2 'n2': Mul: of 2 values that depend on"):
        read(made, tmp_path)
