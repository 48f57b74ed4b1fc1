"""A network out of an ONNX file: its nodes, known again as layers.

The way leads from the output back to the input, a layer at a time, and then forwards again, where
what is added to units and multiplied with them becomes part of the layer beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from deltarule.checkpoint import ModelFileError, PathLike
from deltarule.layers import (
    Activation,
    BatchNorm,
    Dense,
    Embedding,
    LayerDescription,
    LayerNorm,
    PReLU,
    Residual,
    Standardize,
)
from deltarule.network import Network
from deltarule.onnx_export import import_onnx
from deltarule.onnx_file import Constant, OnnxFile, Value, shown
from deltarule.onnx_formulas import (
    FORMULAS,
    LAYER_NORM,
    OPERATORS,
    PRELU,
    STANDARDIZE,
    TWO_CLASSES,
    Formula,
    X,
)

Array = NDArray[Any]

_MOST_BLOCKS = 50  # in one another
_MOST_LAYERS = 10_000
_EITHER_WAY = {"Add", "Mul", "Max", "Min"}


def from_onnx(path: PathLike, *, output: str | None = None, seed: int | None = 0) -> Network:
    """Read a dense network from an ONNX file.

    Parameters
    ----------
    path : path_like
        A regular file, whoever wrote it: PyTorch, skl2onnx, ``Network.to_onnx``, others.
    output : str, optional
        Which of the model's outputs, where it has several, such as "probabilities".
    seed : int or None
        Of what the network draws later, as in ``Network``.

    Returns
    -------
    Network
        With the layers that predict the same, float64 where a weight is, else float32. It can be
        trained further.

    Raises
    ------
    ModelFileError
        For a file that is damaged or none of ONNX, and for a model that is no dense network; the
        message lists all nodes that are not supported.
    ImportError
        Without the package ``onnx``.
    OSError
        Where there is no such file.

    Notes
    -----
    Nothing in the file is run, and no other file that it names is opened. docs/parts/onnx.md has
    the operators that are read.

    References
    ----------
    ONNX, "Open Neural Network Exchange Intermediate Representation Specification".
    """
    package = import_onnx("from_onnx")
    try:
        return _Reader(OnnxFile(package, path), output).network(seed)
    except UnicodeDecodeError:
        raise ModelFileError(f"{path!s}: a name is not UTF-8") from None


@dataclass
class Step:
    """What a node, or several, do to the units: a layer to be, or a part of one."""

    kind: str
    node: str
    numbers: dict[str, Any] = field(default_factory=dict)
    block: "list[Step]" = field(default_factory=list)


@dataclass
class Part:
    """A layer, and its numbers by name; those of a residual block's layers are in ``block``."""

    description: Any
    numbers: dict[str, Array] = field(default_factory=dict)
    block: "list[Part]" = field(default_factory=list)


@dataclass
class Scale:
    """``factor a + shift`` for each unit, not yet part of a layer; None is 1, or 0."""

    factor: Array | None
    shift: Array | None
    moments: tuple[Array, Array] | None  # where it was written as a standardisation
    node: str


class _Reader:
    def __init__(self, file: OnnxFile, output: str | None) -> None:
        self.file, self.problems = file, file.problems
        value = file.value(output)
        if isinstance(value, Constant):
            self.problems.refuse("the output does not depend on the input")
        self._layers = 0
        self._steps = self._back(value, None, 0)
        self.problems.check()
        dtypes = {array.dtype for array in _weights(self._steps)}
        self.dtype = np.dtype(
            ("float64" if np.dtype("float64") in dtypes else "float32")
            if dtypes
            else file.declared.dtype
        )

    # Back from the output -------------------------------------------------------------------

    def _back(self, value: Value, stop: Value | None, depth: int) -> list[Step]:
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
            return [Step("add", node, block=self._back(after, before, depth + 1))], before
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
        """Columns that pass, and rows of tables by the codes in the others."""
        passing: list[int] = []
        tables: dict[int, Array] = {}
        x: Value | None = None
        for place, given in enumerate(value.inputs):
            part = next(_matches(_VECTORS, given, {}), None)
            columns = None if part is None else part["column"]
            if part is None and place == 0:
                part = next(_matches(_PASSED, given, {}), None)
                columns = None if part is None else part["passing"]
            if (
                part is None
                or columns is None
                or columns.dtype.kind != "i"
                or (x is not None and part[X] is not x)
                or not _of_columns(given, "table" in part)
            ):
                self.problems.refuse(
                    f"{value.name}: not as a part of a dense network: expected an embedding: the "
                    "columns of the input that pass, and rows of tables by the codes in others"
                )
            x = cast(Value, part[X])
            if "table" in part:
                table, column = part["table"], columns
                if column.size != 1 or table.ndim != 2 or table.dtype.kind != "f":
                    self.problems.refuse(
                        f"{value.name}: expected a table (codes, numbers) a column"
                    )
                if int(column.reshape(())) in tables:
                    self.problems.refuse(f"{value.name}: expected each column once")
                tables[int(column.reshape(()))] = table
            else:
                passing = columns.reshape(-1).tolist()
        if x is None or not tables:
            self.problems.refuse(f"{value.name}: expected an embedding")
        return [Step("embedding", value.name, {"passing": passing, "tables": tables})], x

    # Forwards to the layers -----------------------------------------------------------------

    def network(self, seed: int | None) -> Network:
        """The network of the steps."""
        n = self._features()
        parts, _ = self._forward(self._steps, n, at_input=True)
        self.problems.check()
        parts = parts or [Part(Activation("identity"))]
        try:
            network = Network([p.description for p in parts], n, seed=seed, dtype=self.dtype)
            for layer, part in zip(network.layers, _flat(parts), strict=True):
                for name, numbers in part.numbers.items():
                    setattr(layer, name, numbers)
        except ValueError as error:
            self.file.damaged(str(error))
        network._adapted = True
        return network

    def _features(self) -> int:
        """How many features the input has, flat."""
        shape = self.file.declared.shape
        sizes: list[int | None] = [None] if shape is None else list(shape[1:])
        if len(sizes) > 1 and (not self._steps or self._steps[0].kind != "flatten"):
            self.problems.refuse(
                f"input {shown(self.file.input_name)} of shape {shape}: expected (m, features), or "
                "a Flatten first"
            )
        if all(size is not None for size in sizes):
            n = int(np.prod([int(size or 0) for size in sizes], dtype=object))
        else:
            n = next(_inputs_of(self._steps), 0)
        if not 1 <= n < 2**31:
            self.problems.refuse(
                f"input {shown(self.file.input_name)} of shape {shape}: expected a number of "
                "features"
            )
        return n

    def _forward(self, steps: list[Step], n: int, at_input: bool) -> tuple[list[Part], int]:
        """The layers of steps behind ``n`` units."""
        parts: list[Part] = []
        waiting: Scale | None = None
        for step in steps:
            if step.kind == "scale":
                scale = self._scale_of(step, n)
                if waiting is not None:
                    waiting = _after(waiting, scale)
                elif not parts or not self._fold_behind(parts[-1], scale):
                    waiting = scale
                continue
            standard = None
            if waiting is not None and at_input and not parts:
                standard = self._standardize(waiting, n)
                if standard is not None:
                    parts.append(standard)
                    waiting = None
            if step.kind == "dense":
                part, n = self._dense_part(step, n, waiting)
                parts.append(part)
                waiting = None
                continue
            if waiting is not None:
                self._left_over(waiting)
                waiting = None
            n = self._add_part(parts, step, n, at_input)
        if waiting is not None:
            standard = self._standardize(waiting, n) if at_input and not parts else None
            if standard is None:
                self._left_over(waiting)
            else:
                parts.append(standard)
        return parts, n

    def _add_part(self, parts: list[Part], step: Step, n: int, at_input: bool) -> int:
        """Append what a step is, or make it a part of the last layer; n behind it."""
        numbers = step.numbers
        match step.kind:
            case "activation":
                last = parts[-1].description if parts else None
                if isinstance(last, Dense) and last.activation == "identity":
                    parts[-1].description = replace(last, activation=numbers["name"])
                else:
                    parts.append(Part(Activation(numbers["name"])))
            case "flatten":
                self._expect_flat(step, n)
            case "prelu":
                slope = self._vector(numbers["slope"], n, step.node)
                parts.append(Part(PReLU(), self._kept({"slope": slope}, step)))
            case "batch_norm" | "layer_norm":
                parts.append(self._normalization_part(step, n))
            case "two_classes":
                self._two_classes(parts, step)
                n = 2
            case "embedding":
                if not at_input or any(not isinstance(p.description, Standardize) for p in parts):
                    self.problems.refuse(
                        f"{step.node}: expected an embedding of the input's columns"
                    )
                parts.append(self._embedding_part(step, n))
                n = parts[-1].description.units_after(n)
            case "add":
                block, behind = self._forward(step.block, n, at_input=False)
                if behind != n:
                    self.problems.refuse(
                        f"{step.node}: {behind} units are added to {n}: expected as many"
                    )
                if not block:
                    self.problems.refuse(f"{step.node}: a value is added to itself")
                parts.append(Part(Residual([p.description for p in block]), block=block))
        return n

    def _vector(self, array: Array, n: int, node: str) -> Array:
        """A number for each unit; what stands for all of them is not repeated in memory."""
        array = np.asarray(array)
        if array.dtype.kind == "f" and array.ndim <= 2:
            if array.size == 1:
                return np.broadcast_to(array.reshape(()), (n,))
            if array.shape in ((n,), (1, n)):
                return array.reshape(n)
        self.problems.add(
            f"{node}: a constant of {array.dtype} and shape {array.shape}: expected floats of shape "
            f"({n},)"
        )
        return np.broadcast_to(np.float32(1), (n,))

    def _kept(self, numbers: dict[str, Any], step: Step) -> dict[str, Array]:
        """Vectors as columns of the network's dtype."""
        kept = {}
        for name, vector in numbers.items():
            self.file.spend(vector.size * self.dtype.itemsize, step.node)
            kept[name] = vector.astype(self.dtype)[:, np.newaxis]
        return kept

    def _scale_of(self, step: Step, n: int) -> Scale:
        given = {name: self._vector(array, n, step.node) for name, array in step.numbers.items()}
        # Of numbers that overflow, or divide by zero, the network's own check will tell.
        with np.errstate(all="ignore"):
            if "variance" in given:
                mean, deviation = given["mean"], np.sqrt(self._wide(given["variance"], step))
                moments = (mean, given["variance"])
                return Scale(1.0 / deviation, -mean / deviation, moments, step.node)
            factor, shift = given.get("factor"), given.get("shift")
            if "divisor" in given:
                factor = 1.0 / self._wide(given["divisor"], step)
            if "offset" in given:
                shift = -self._wide(given["offset"], step)
                shift = shift if factor is None else shift * factor
        return Scale(factor, shift, None, step.node)

    def _wide(self, array: Array, step: Step) -> Array:
        self.file.spend(2 * array.size * 8, step.node)
        return array.astype(np.float64)

    def _fold_behind(self, part: Part, scale: Scale) -> bool:
        """Make what is done to a layer's result a part of the layer."""
        last = part.description
        if isinstance(last, Dense) and last.activation == "identity":
            names = ("W", "b")
        elif isinstance(last, (BatchNorm, LayerNorm)):
            names = ("gamma", "beta")
        else:
            return False
        scaled, shifted = (part.numbers[name] for name in names)
        with np.errstate(all="ignore"):
            if scale.factor is not None:
                factor = scale.factor.astype(np.float64)[:, np.newaxis]
                scaled, shifted = scaled * factor, shifted * factor
            if scale.shift is not None:
                shifted = shifted + scale.shift[:, np.newaxis]
            part.numbers |= {
                names[0]: scaled.astype(self.dtype),
                names[1]: shifted.astype(self.dtype),
            }
        return True

    def _standardize(self, scale: Scale, n: int) -> Part | None:
        """The layer that standardises the input, where that is what a scale does."""
        with np.errstate(all="ignore"):
            if scale.moments is not None:
                mean, variance = scale.moments
            else:
                factor = np.ones(1) if scale.factor is None else scale.factor.astype(np.float64)
                if not (factor > 0).all():
                    return None
                shift = np.zeros(1) if scale.shift is None else scale.shift
                mean, variance = -shift / factor, 1.0 / factor**2
            numbers = {
                "mean": np.broadcast_to(mean, (n,)),
                "variance": np.broadcast_to(variance, (n,)),
            }
            kept = self._kept(numbers, Step("standardize", scale.node))
        usable = np.isfinite(kept["mean"]) & np.isfinite(kept["variance"]) & (kept["variance"] > 0)
        return Part(Standardize(), kept) if usable.all() else None

    def _left_over(self, scale: Scale) -> None:
        self.problems.add(
            f"{scale.node}: of a constant: expected it beside a dense layer or a normalisation, or "
            "as a standardisation of the input"
        )

    def _dense_part(self, step: Step, n: int, before: Scale | None) -> tuple[Part, int]:
        """``W (s a + t) + b = (W s) a + (W t + b)``."""
        W, b, alpha, beta = (step.numbers[name] for name in ("W", "b", "alpha", "beta"))
        units, n_prev = W.shape
        if n_prev != n:
            self.problems.refuse(
                f"{step.node}: weights for {n_prev} inputs: expected {n}, as there are so many"
            )
        self.file.spend(W.size * self.dtype.itemsize, step.node)
        with np.errstate(all="ignore"):
            W = W.astype(self.dtype) if alpha == 1.0 else (W * np.float64(alpha)).astype(self.dtype)
            b = np.zeros(1, self.dtype) if b is None else b
            b = self._vector(b, units, step.node)
            b = b if beta == 1.0 else b * np.float64(beta)
            b = b[:, np.newaxis]
            if before is not None and before.shift is not None:
                b = b + W.astype(np.float64) @ before.shift[:, np.newaxis]
            if before is not None and before.factor is not None:
                W = (W * before.factor.astype(np.float64)).astype(self.dtype)
            numbers = {"W": W, "b": self._kept({"b": b[:, 0]}, step)["b"]}
        return Part(Dense(units), numbers), units

    def _normalization_part(self, step: Step, n: int) -> Part:
        numbers = dict(step.numbers)
        epsilon, momentum = numbers.pop("epsilon"), numbers.pop("momentum", 0.9)
        defaults = {"gamma": np.ones(1, np.float32), "beta": np.zeros(1, np.float32)}
        vectors = {
            name: self._vector(array, n, step.node) for name, array in (defaults | numbers).items()
        }
        try:
            description: LayerDescription = (
                LayerNorm(epsilon)
                if step.kind == "layer_norm"
                # The share of the batch is ours, of the past ONNX's; 1 - 0.9 is to be 0.1.
                else BatchNorm(float(str(np.float32(1.0 - momentum))), epsilon)
            )
        except ValueError as error:
            self.problems.refuse(f"{step.node}: {error}")
        return Part(description, self._kept(vectors, step))

    def _two_classes(self, parts: list[Part], step: Step) -> None:
        """``[1 - sigmoid(z), sigmoid(z)] = softmax([0, z])``."""
        last = parts[-1].description if parts else None
        if not isinstance(last, Dense) or last.activation != "sigmoid" or last.units != 1:
            self.problems.refuse(f"{step.node}: expected it behind a sigmoid of one unit")
        numbers = parts[-1].numbers
        self.file.spend(2 * numbers["W"].nbytes, step.node)
        parts[-1] = Part(
            Dense(2, "softmax"),
            {name: np.concatenate([0 * numbers[name], numbers[name]]) for name in ("W", "b")},
        )

    def _embedding_part(self, step: Step, n: int) -> Part:
        tables = step.numbers["tables"]
        passing = [column for column in range(n) if column not in tables] if n < 2**24 else []
        if step.numbers["passing"] != passing or [*tables] != sorted(tables) or max(tables) >= n:
            self.problems.refuse(
                f"{step.node}: expected all columns that are not embedded, in their order, and "
                "behind them those that are, in theirs"
            )
        kept = {}
        for column, table in tables.items():
            self.file.spend(table.size * self.dtype.itemsize, step.node)
            kept[f"E{column}"] = table.T.astype(self.dtype)
        return Part(Embedding({column: table.shape for column, table in tables.items()}), kept)

    def _expect_flat(self, step: Step, n: int) -> None:
        """Hold a Reshape to (m, n), which it leaves."""
        wanted = step.numbers["shape"]
        if wanted is None:
            return
        shape = self.file.declared.shape
        m = [] if shape is None or shape[0] is None else [shape[0]]
        sizes = wanted.reshape(-1).tolist()
        kept = [0] if not step.numbers["zeros"] else []
        right = wanted.shape == (2,) and (
            (sizes[0] in [-1, *kept, *m] and sizes[1] == n)
            or (sizes[0] in [*kept, *m] and sizes[1] == -1)
        )
        if not right:
            self.problems.add(f"{step.node}: to {sizes[:8]}: expected (-1, {n})")


_VECTORS: Formula = ("Gather", "table", ("Cast", ("Gather", X, "column")))
_PASSED: Formula = ("Gather", X, "passing")
_HINTS = {
    kind: "expected it in a formula that deltarule knows, such as GELU's or layer normalisation's"
    for kind in ("Erf", "Abs", "Log", "Max", "Min", "Pow", "Sqrt", "Where", "Greater", "ReduceMean")
}
_HINTS |= {
    "Cast": "expected integers as an embedding's codes alone",
    "Gather": "expected it in an embedding of the input's columns",
    "Transpose": "expected it of a constant",
    "Gemm": "expected the weights as the second input",
    "MatMul": "expected the weights as the second input",
    "Div": "expected the constant as the second input",
}


def _of_columns(gather: Any, embeds: bool) -> bool:
    """Whether an embedding's Gathers are along the right axes."""
    if not embeds:
        return bool(gather.attributes["axis"] == 1)
    cast_ = gather.inputs[1]
    return bool(
        gather.attributes["axis"] == 0
        and cast_.inputs[0].attributes["axis"] == 1
        and cast_.inputs[0].inputs[1].array.ndim == 0
    )


def _matches(formula: Formula, value: Any, bound: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each way in which a value is what a formula says: what stands for its X and constants."""
    if formula == X:
        if isinstance(value, Value) and bound.get(X, value) is value:
            yield bound | {X: value}
    elif isinstance(formula, str):
        if isinstance(value, Constant) and value.array.dtype.kind in "fi":
            yield bound | {formula: value.array}
    elif isinstance(formula, float):
        if isinstance(value, Constant) and value.array.size == 1:
            # As a writer in float32 may have rounded it.
            if abs(float(value.array.reshape(())) - formula) <= 1e-6 * abs(formula):
                yield bound
    elif isinstance(value, Value) and value.operator == formula[0]:
        parts = formula[1:]
        if len(parts) == len(value.inputs):
            yield from _all_match(parts, value.inputs, bound)
            if formula[0] in _EITHER_WAY:
                yield from _all_match(parts, value.inputs[::-1], bound)


def _all_match(
    parts: tuple[Formula, ...], values: tuple[Any, ...], bound: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if not parts:
        yield bound
        return
    for more in _matches(parts[0], values[0], bound):
        yield from _all_match(parts[1:], values[1:], more)


def _after(first: Scale, then: Scale) -> Scale:
    """``s2 (s1 a + t1) + t2``."""
    factor, shift = first.factor, first.shift
    with np.errstate(all="ignore"):
        if then.factor is not None:
            wide = then.factor.astype(np.float64)
            factor = wide if factor is None else factor * wide
            shift = None if shift is None else shift * wide
        if then.shift is not None:
            shift = then.shift if shift is None else shift + then.shift
    return Scale(factor, shift, None, then.node)


def _weights(steps: list[Step]) -> Iterator[Array]:
    for step in steps:
        arrays = [*step.numbers.values(), *step.numbers.get("tables", {}).values()]
        yield from (a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f")
        yield from _weights(step.block)


def _inputs_of(steps: list[Step]) -> Iterator[int]:
    """The number of inputs, as the first layers that know it say."""
    for step in steps:
        if step.kind == "dense":
            yield step.numbers["W"].shape[1]
        elif step.kind in ("batch_norm", "layer_norm") and "gamma" in step.numbers:
            yield step.numbers["gamma"].size
        yield from _inputs_of(step.block)


def _flat(parts: list[Part]) -> Iterator[Part]:
    """One by one, as ``Network.layers`` has them."""
    for part in parts:
        yield from _flat(part.block)
        yield part
