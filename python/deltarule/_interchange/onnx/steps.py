"""What a model does between its input and its output, a step a layer.

A node is known again as a step, or several together are: a formula. The way leads from the output
back to the input, so that what has no part in the output is never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from deltarule._arrays import Array
from deltarule._interchange.onnx.file import Constant, OnnxFile, Value
from deltarule._interchange.onnx.formulas import (
    FORMULAS,
    LAYER_NORM,
    OF_COLUMNS,
    OPERATORS,
    PASSED,
    PRELU,
    STANDARDIZE,
    TWO_CLASSES,
    Formula,
    X,
)

_MOST_BLOCKS = 50  # in one another
_MOST_LAYERS = 10_000
_EITHER_WAY = {"Add", "Mul", "Max", "Min"}


@dataclass
class Step:
    """What a node, or several, do to the units: a layer to be, or a part of one."""

    kind: str
    node: str
    numbers: dict[str, Any] = field(default_factory=dict)
    block: list[Step] = field(default_factory=list)


def steps_of(file: OnnxFile, output: str | None) -> list[Step]:
    """The steps from the input to an output.

    Raises
    ------
    ModelFileError
        With all nodes that are no part of a dense network.
    """
    value = file.value(output)
    if isinstance(value, Constant):
        file.problems.refuse("the output does not depend on the input")
    steps = _Walk(file).back(value, None, 0)
    file.problems.check()
    return steps


class _Walk:
    def __init__(self, file: OnnxFile) -> None:
        self.problems = file.problems
        self._layers = 0

    def back(self, value: Value, stop: Value | None, depth: int) -> list[Step]:
        """The steps from ``stop``, or the input, to a value."""
        steps: list[Step] = []
        while value.operator and value is not stop:
            if stop is not None and value.number < stop.number:
                break
            made, value = self._step(value, depth)
            steps.extend(reversed(made))
            self._layers += 1
            if self._layers > _MOST_LAYERS:
                self.problems.refuse(f"more than {_MOST_LAYERS} layers")
        if stop is not None and value is not stop:
            self.problems.refuse(
                f"{stop.name} and {value.name}: expected a residual block: what goes into it added "
                "to what comes out"
            )
        return steps[::-1]

    def _step(self, value: Value, depth: int) -> tuple[list[Step], Value]:
        """What was done last, and what it was done to."""
        kind, node, given = value.operator, value.name, value.inputs
        found = self._formula(value)
        if found is not None:
            return found
        data = [each for each in given if isinstance(each, Value)]
        if kind == "Add" and len(data) == 2:
            if depth == _MOST_BLOCKS:
                self.problems.refuse(f"{node}: more than {_MOST_BLOCKS} blocks in one another")
            before, after = sorted(data, key=lambda each: each.number)
            return [Step("add", node, block=self.back(after, before, depth + 1))], before
        if kind == "Concat":
            return self._embedding(value)
        if len(data) != 1:
            self.problems.refuse(
                f"{node}: of {len(data)} values that depend on the input: expected one, or a "
                "residual block's Add"
            )
        name = self._activation(value)
        if name is not None:
            return [Step("activation", node, {"name": name})], data[0]
        if given[0] is data[0]:
            if kind in ("Flatten", "Reshape"):
                shape = self._constant(value, 1, "i") if kind == "Reshape" else None
                numbers = {"shape": shape, "zeros": value.attributes.get("allowzero")}
                return [Step("flatten", node, numbers)], data[0]
            if kind in ("Gemm", "MatMul"):
                return [Step("dense", node, self._dense(value))], data[0]
            if kind == "LeakyRelu":
                slope = np.asarray(value.attributes["alpha"], np.float32)
                return [Step("prelu", node, {"slope": slope})], data[0]
            if kind == "PRelu":
                return [Step("prelu", node, {"slope": self._constant(value, 1)})], data[0]
            if kind in ("BatchNormalization", "LayerNormalization"):
                return [self._normalization(value)], data[0]
        scale = self._scale(value)
        if scale is None:
            self.problems.add(f"{node}: not as a part of a dense network: {_HINTS.get(kind, '')}")
            scale = {}
        return [Step("scale", node, scale)], data[0]

    def _activation(self, value: Value) -> str | None:
        if value.operator == "Swish":
            return "silu"
        for name, (kind, attributes) in OPERATORS.items():
            if kind == value.operator and all(
                value.attributes[each] == wanted or each == "axis"
                for each, wanted in attributes.items()
            ):
                return name
        return None

    def _formula(self, value: Value) -> tuple[list[Step], Value] | None:
        """What several nodes are together, if they are anything."""

        def found(formula: Formula) -> dict[str, Any] | None:
            return next(_matches(formula, value, {}), None)

        for name, formulas in FORMULAS.items():
            for formula in formulas:
                if bound := found(formula):
                    return [Step("activation", value.name, {"name": name})], bound.pop(X)
        for formula in LAYER_NORM:
            bound = found(formula)
            if bound and bound["epsilon"].size == 1:
                epsilon = float(str(bound["epsilon"].reshape(())))
                return [Step("layer_norm", value.name, {"epsilon": epsilon})], bound.pop(X)
        if bound := found(PRELU):
            x = bound.pop(X)
            return [Step("prelu", value.name, bound)], x
        if bound := found(STANDARDIZE):
            x = bound.pop(X)
            return [Step("scale", value.name, bound)], x
        if bound := found(TWO_CLASSES):
            return [Step("two_classes", value.name)], bound.pop(X)
        return None

    def _constant(self, value: Value, place: int, kinds: str = "f") -> Array | None:
        """An input that is a constant, or none."""
        given = value.inputs[place] if place < len(value.inputs) else None
        if given is None:
            return None
        if isinstance(given, Value) or given.array.dtype.kind not in kinds:
            what = "floats" if kinds == "f" else "integers"
            self.problems.refuse(f"{value.name}: input {place}: expected a constant of {what}")
        return given.array

    def _dense(self, value: Value) -> dict[str, Any]:
        """``Gemm: alpha A B + beta C``, with B or its transpose; ``MatMul: A B``."""
        B, C = self._constant(value, 1), self._constant(value, 2)
        if B is None or B.ndim != 2:
            self.problems.refuse(
                f"{value.name}: weights of shape {None if B is None else B.shape}: expected (a, b)"
            )
        attributes = value.attributes
        return {
            "W": B if attributes.get("transB") else B.T,
            "b": C,
            "alpha": attributes.get("alpha", 1.0),
            "beta": attributes.get("beta", 1.0),
        }

    def _normalization(self, value: Value) -> Step:
        names = ("gamma", "beta", "mean", "variance")
        numbers = {name: self._constant(value, i) for i, name in enumerate(names, 1)}
        numbers = {name: array for name, array in numbers.items() if array is not None}
        if value.operator == "LayerNormalization":
            epsilon = value.attributes["epsilon"]
            return Step("layer_norm", value.name, numbers | {"epsilon": epsilon})
        attributes = {name: value.attributes[name] for name in ("epsilon", "momentum")}
        return Step("batch_norm", value.name, numbers | attributes)

    def _scale(self, value: Value) -> dict[str, Any] | None:
        """Arithmetic with a constant: the factor and the shift."""
        if value.operator == "Neg":
            return {"factor": np.float32(-1)}
        if value.operator == "Scaler":
            offset, scale = (value.attributes[each] or [] for each in ("offset", "scale"))
            scale = np.array(scale or [1.0], np.float32)
            offset = np.array(offset or [0.0], np.float32)
            return {"offset": offset, "factor": scale}
        first = isinstance(value.inputs[0], Value)
        if value.operator not in ("Add", "Sub", "Mul", "Div"):
            return None
        array = self._constant(value, 1 if first else 0)
        match value.operator:
            case "Add":
                return {"shift": array}
            case "Mul":
                return {"factor": array}
            case "Sub" if first:
                return {"offset": array}
            case "Sub":
                return {"factor": np.float32(-1), "shift": array}
            case "Div" if first:
                return {"divisor": array}
        return None

    def _embedding(self, value: Value) -> tuple[list[Step], Value]:
        """Columns that pass, and what the others become: one way for all of them."""
        passing: list[int] = []
        columns: dict[int, dict[str, Any]] = {}
        ways = set()
        x: Value | None = None
        for place, given in enumerate(value.inputs):
            way, part = self._of_column(given)
            if way == "passed" and place > 0:
                part = None
            if (
                part is None
                or part["which"].dtype.kind != "i"
                or (x is not None and part[X] is not x)
                or part["which"].ndim != _INDEX_DIMENSIONS.get(way, 1)
            ):
                self.problems.refuse(
                    f"{value.name}: not as a part of a dense network: expected an embedding: the "
                    "columns of the input that pass, and what is made of the others"
                )
            x = cast(Value, part.pop(X))
            which = part.pop("which").reshape(-1).tolist()
            if way == "passed":
                passing = which
                continue
            ways.add(way)
            if len(which) != 1 or which[0] in columns or len(ways) > 1:
                self.problems.refuse(
                    f"{value.name}: expected each column once, and one way for all of them"
                )
            columns[which[0]] = part
        if x is None or not columns:
            self.problems.refuse(f"{value.name}: expected an embedding")
        numbers = {"passing": passing, "columns": columns, "way": ways.pop()}
        return [Step("embedding", value.name, numbers)], x

    @staticmethod
    def _of_column(given: Any) -> tuple[str, dict[str, Any] | None]:
        """What is made of a column, or of those that pass, and of which: its name and numbers."""
        for way, formula in {"passed": PASSED, **OF_COLUMNS}.items():
            part = next(_matches(formula, given, {}), None)
            if part is not None:
                part["which"] = part.pop("passing" if way == "passed" else "column")
                return way, part
        return "", None


# Codes are the numbers of a column, and what becomes of a number is made of a column of one.
_INDEX_DIMENSIONS = {"vectors": 0}
_HINTS = dict.fromkeys(
    ("Abs", "Erf", "Greater", "Log", "Max", "Min", "Pow", "ReduceMean", "Sqrt", "Where"),
    "expected it in a formula that deltarule knows, such as GELU's or layer normalisation's",
)
_HINTS |= {
    "Cast": "expected integers as an embedding's codes alone",
    "Gather": "expected it in an embedding of the input's columns",
    "Transpose": "expected it of a constant",
    "Gemm": "expected the weights as the second input",
    "MatMul": "expected the weights as the second input",
    "Div": "expected the constant as the second input",
}


def _matches(formula: Formula, value: Any, bound: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each way in which a value is what a formula says: what stands for its X and constants."""
    if formula == X:
        if isinstance(value, Value) and bound.get(X, value) is value:
            yield bound | {X: value}
    elif isinstance(formula, str):
        fits = isinstance(value, Constant) and value.array.dtype.kind in "fi"
        if fits and bound.get(formula, value.array) is value.array:
            yield bound | {formula: value.array}
    elif isinstance(formula, float):
        # A writer in float32 may have rounded it.
        if isinstance(value, Constant) and value.array.size == 1:
            apart = abs(float(value.array.reshape(())) - formula)
            if apart <= 1e-6 * abs(formula):
                yield bound
    elif isinstance(value, Value) and value.operator == formula[0]:
        parts, wanted = formula[1:], {}
        if isinstance(parts[-1], dict):
            *parts, wanted = parts
        if len(parts) == len(value.inputs) and _has(value, wanted):
            parts = tuple(parts)
            yield from _all_match(parts, value.inputs, bound)
            if formula[0] in _EITHER_WAY:
                yield from _all_match(parts, value.inputs[::-1], bound)


def _has(value: Value, attributes: dict[str, Any]) -> bool:
    """Whether a node has attributes; an axis of -1 is the last of two."""
    given = value.attributes
    return all(
        given[name] == wanted or (name == "axis" and wanted == 1 and given[name] == -1)
        for name, wanted in attributes.items()
    )


def _all_match(
    parts: tuple[Formula, ...], values: tuple[Any, ...], bound: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if not parts:
        yield bound
        return
    for more in _matches(parts[0], values[0], bound):
        yield from _all_match(parts[1:], values[1:], more)
