"""A model's steps, as the layers of a network.

Arithmetic with constants becomes part of the layer beside it: of the dense layer or the
normalisation before it, of the dense layer behind it, or a standardisation of the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._interchange.blueprint import Blueprint
from deltarule._interchange.onnx.file import OnnxFile, shown
from deltarule._interchange.onnx.steps import Step
from deltarule.layers import (
    Activation,
    BatchNorm,
    Dense,
    Embedding,
    LayerDescription,
    LayerNorm,
    Periodic,
    PiecewiseLinear,
    PReLU,
    Residual,
    Standardize,
)
from deltarule.layers.columns import columns_of, may_precede


@dataclass
class Part:
    """A layer, and its numbers by name; those of a residual block's layers are in ``block``."""

    description: Any
    numbers: dict[str, Array] = field(default_factory=dict)
    block: list[Part] = field(default_factory=list)


@dataclass
class Scale:
    """``factor a + shift`` for each unit, not yet part of a layer; None is 1, or 0."""

    factor: Array | None
    shift: Array | None
    moments: tuple[Array, Array] | None  # where it was written as a standardisation
    node: str


def blueprint_of(file: OnnxFile, steps: list[Step]) -> Blueprint:
    """The network that makes an input's steps.

    Raises
    ------
    ModelFileError
        For steps that do not fit together, or are none of a dense network.
    """
    return _Maker(file, steps).blueprint()


class _Maker:
    def __init__(self, file: OnnxFile, steps: list[Step]) -> None:
        self.file, self.problems, self._steps = file, file.problems, steps
        dtypes = {array.dtype.name for array in _weights(steps)}
        wide = "float64" if "float64" in dtypes else "float32"
        self.dtype = np.dtype(wide if dtypes else file.declared.dtype)
        self._unflattened: tuple[int | None, ...] | None = None  # an example's shape until then

    def blueprint(self) -> Blueprint:
        """The network of the steps."""
        n = self._features()
        parts, _ = self._forward(self._steps, n, at_input=True)
        self.problems.check()
        parts = parts or [Part(Activation("identity"))]
        numbers = [(index, part.numbers) for index, part in enumerate(_flat(parts))]
        return Blueprint([part.description for part in parts], n, self.dtype, numbers)

    def _features(self) -> int:
        """How many features the input has, flat."""
        shape = self.file.declared.shape
        sizes: list[int | None] = [None] if shape is None else list(shape[1:])
        what = f"input {shown(self.file.input_name)} of shape {shape and shape[:8]}"
        if len(sizes) > 1:
            if not _flattened(self._steps):
                self.problems.refuse(
                    f"{what}: expected (m, features), or a Flatten before all but arithmetic"
                )
            self._unflattened = (1, *sizes)
        if all(size is not None for size in sizes):
            n = int(np.prod([int(size or 0) for size in sizes], dtype=object))
        else:
            n = next(_inputs_of(self._steps), 0)
        if not 1 <= n < 2**31:
            self.problems.refuse(f"{what}: expected a number of features")
        return n

    def _forward(self, steps: list[Step], n: int, at_input: bool) -> tuple[list[Part], int]:
        """The layers of steps behind ``n`` units."""
        parts: list[Part] = []
        waiting: Scale | None = None
        for step in steps:
            if step.kind == "scale":
                scale = self._scale_of(step, n)
                waiting = scale if waiting is None else self._after(waiting, scale)
                continue
            if step.kind == "flatten":
                self._expect_flat(step, n)
                self._unflattened = None
                continue
            if waiting is not None and self._settle(waiting, parts, n, at_input):
                waiting = None
            if step.kind == "dense":
                part, n = self._dense_part(step, n, waiting)
                parts.append(part)
            else:
                if waiting is not None:
                    self._left_over(waiting)
                n = self._add_part(parts, step, n, at_input)
            waiting = None
        if waiting is not None and not self._settle(waiting, parts, n, at_input):
            self._left_over(waiting)
        return parts, n

    def _settle(self, scale: Scale, parts: list[Part], n: int, at_input: bool) -> bool:
        """Make a scale part of the layer before it, or the input's standardisation."""
        if parts:
            return self._fold_behind(parts[-1], scale)
        standard = self._standardize(scale, n) if at_input else None
        if standard is not None:
            parts.append(standard)
        return standard is not None

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
            case "prelu":
                slope = self._vector(numbers["slope"], n, step.node)
                parts.append(Part(PReLU(), self._kept({"slope": slope}, n, step.node)))
            case "batch_norm" | "layer_norm":
                parts.append(self._normalization_part(step, n))
            case "two_classes":
                self._two_classes(parts, step)
                n = 2
            case "embedding":
                allowed = step.numbers["way"] == "vectors"
                if not at_input or not all(
                    isinstance(part.description, Standardize)
                    if allowed
                    else may_precede(part.description)
                    for part in parts
                ):
                    self.problems.refuse(
                        f"{step.node}: expected an embedding of the input's columns"
                    )
                self._expect_all_columns(step, n)
                made = (
                    self._embedding_part(step)
                    if allowed
                    else self._number_part(step, [part.description for part in parts])
                )
                if allowed:
                    for part in parts:
                        self._expect_codes(part, step)
                parts.append(made)
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
        """A number for each unit, or one for all of them, which is not repeated in memory."""
        array = np.asarray(array)
        flat = array if self._unflattened is None else self._flat_constant(array, n, node)
        if (
            flat is not None
            and flat.dtype.kind == "f"
            and flat.ndim <= 2
            and (flat.size == 1 or flat.shape in ((n,), (1, n)))
        ):
            return flat.reshape(-1)
        self.problems.add(
            f"{node}: a constant of {array.dtype} and shape {array.shape}: expected floats of "
            f"shape ({n},)"
        )
        return np.ones(1, np.float32)

    def _flat_constant(self, array: Array, n: int, node: str) -> Array | None:
        """What a constant is to each feature once the example is flat; None where it does not fit.

        It meets the example's last sizes, and those again for each of the sizes before them.
        """
        shape = self._unflattened or ()
        if array.ndim > len(shape):
            return None
        if array.size == 1:
            return array.reshape(-1)
        sizes = [size or 0 for size in shape[len(shape) - array.ndim :]]
        fits = all(own in (1, size) for own, size in zip(array.shape, sizes, strict=True))
        if 0 in sizes or not fits:  # 0 is a size that the file leaves open
            return None
        self.file.spend(n * array.itemsize, node)
        flat = np.broadcast_to(array, sizes).reshape(-1)
        return np.tile(flat, n // flat.size)

    def _kept(self, numbers: dict[str, Any], n: int, node: str) -> dict[str, Array]:
        """Vectors as columns of the network's dtype, a number for each unit."""
        kept = {}
        for name, vector in numbers.items():
            self.file.spend(n * self.dtype.itemsize, node)
            kept[name] = np.broadcast_to(vector.astype(self.dtype), n)[:, np.newaxis].copy()
        return kept

    def _scale_of(self, step: Step, n: int) -> Scale:
        numbers = step.numbers
        given = {name: self._vector(array, n, step.node) for name, array in numbers.items()}
        if self._unflattened is not None and {"offset", "factor"} <= {*numbers}:
            # A Scaler, whose numbers are those of the second axis.
            self.problems.add(f"{step.node}: expected it behind a Flatten")
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

    def _after(self, first: Scale, then: Scale) -> Scale:
        """``s2 (s1 a + t1) + t2``."""
        factor, shift = first.factor, first.shift
        for array in (factor, shift):
            self.file.spend(0 if array is None else array.size * 8, then.node)
        with np.errstate(all="ignore"):
            if then.factor is not None:
                wide = then.factor.astype(np.float64)
                factor = wide if factor is None else factor * wide
                shift = None if shift is None else shift * wide
            if then.shift is not None:
                shift = then.shift if shift is None else shift + then.shift
        return Scale(factor, shift, None, then.node)

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
            kept = self._kept({"mean": mean, "variance": variance}, n, scale.node)
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
                b = b + W.astype(np.float64) @ np.broadcast_to(before.shift, n)[:, np.newaxis]
            if before is not None and before.factor is not None:
                W = (W * before.factor.astype(np.float64)).astype(self.dtype)
            numbers = {"W": W, "b": self._kept({"b": b[:, 0]}, units, step.node)["b"]}
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
        return Part(description, self._kept(vectors, n, step.node))

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

    def _expect_all_columns(self, step: Step, n: int) -> None:
        passing, columns = step.numbers["passing"], step.numbers["columns"]
        all_there = len(passing) + len(columns) == n and {*passing, *columns} == {*range(n)}
        if not all_there or passing != sorted(passing) or [*columns] != sorted(columns):
            self.problems.refuse(
                f"{step.node}: expected all columns that are not embedded, in their order, and "
                "behind them those that are, in theirs"
            )

    def _embedding_part(self, step: Step) -> Part:
        kept, sizes = {}, {}
        for column, numbers in step.numbers["columns"].items():
            table = numbers["table"]
            if table.ndim != 2 or table.dtype.kind != "f":
                self.problems.refuse(f"{step.node}: expected a table (codes, numbers) a column")
            self.file.spend(table.size * self.dtype.itemsize, step.node)
            kept[f"E{column}"] = table.T.astype(self.dtype)
            sizes[column] = table.shape
        return Part(Embedding(sizes), kept)

    def _number_part(self, step: Step, before: list[LayerDescription]) -> Part:
        """The embedding of numbers, behind layers that have taken columns of theirs."""
        taken = sorted(column for layer in before for column in columns_of(layer))
        own = {}
        for place, numbers in step.numbers["columns"].items():
            column = place
            for other in taken:
                column += other <= column
            own[column] = {name: self._of_number(a, name, step) for name, a in numbers.items()}
        try:
            made, kept = _number_embedding(step.numbers["way"], own)
        except ValueError as error:
            self.problems.refuse(f"{step.node}: {error}")
        if isinstance(made, PiecewiseLinear) and any(isinstance(b, Standardize) for b in before):
            self.problems.refuse(
                f"{step.node}: behind a standardisation: expected bins of X's numbers"
            )
        return Part(made, kept)

    def _of_number(self, array: Array, name: str, step: Step) -> Array:
        wanted = 2 if name == "map" else 1
        if array.ndim != wanted or array.dtype.kind != "f" or not array.size:
            self.problems.refuse(
                f"{step.node}: {name} of {array.dtype} and shape {array.shape}: expected floats of "
                f"{wanted} dimensions"
            )
        self.file.spend(2 * array.size * self.dtype.itemsize, step.node)
        return array.astype(self.dtype)

    def _expect_codes(self, standardized: Part, step: Step) -> None:
        columns = list(step.numbers["columns"])
        for name, wanted in (("mean", 0), ("variance", 1)):
            if any(standardized.numbers[name][column, 0] != wanted for column in columns):
                self.problems.refuse(
                    f"{step.node}: its codes are standardised before: expected not"
                )

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


def _number_embedding(
    way: str, own: dict[int, dict[str, Array]]
) -> tuple[LayerDescription, dict[str, Array]]:
    """The layer that makes of columns what a way says, and its numbers."""
    columns, each = list(own), list(own.values())
    d = len(each[0]["map"]) if "map" in each[0] else None
    K = len(each[0].get("frequency", ()))
    for numbers in each:
        bins = len(numbers.get("starts", ()))
        features = bins or (2 * K if way == "plr" else K)
        shapes = {"map": (d, features), "bias": (d,), "slope": (d,), "frequency": (K,)}
        shapes |= {"phase": (K,), "scale": (1 + K,), "shift": (1 + K,)}
        for name, array in numbers.items():
            if array.shape != (wanted := shapes.get(name, (bins,))):
                raise ValueError(f"{name} has shape {array.shape}: expected {wanted}")
    names = [name for name in each[0] if name not in ("map", *_OF_BINS)]
    kept = {name: np.stack([numbers[name] for numbers in each], axis=1) for name in names}
    maps = {f"map{c}": numbers["map"] for c, numbers in own.items() if "map" in numbers}
    if K == 0:
        edges = [_edges(numbers) for numbers in each]
        layer = PiecewiseLinear(edges, d, linear=way != "pieces", columns=columns)
        return layer, kept | maps
    form = "plr" if way == "waves" else way
    shared = len(maps) > 1 and all(
        np.array_equal(numbers[name], each[0][name]) for numbers in each for name in ("map", "bias")
    )
    if shared:
        maps, kept["bias"] = {"map": each[0]["map"]}, kept["bias"][:, :1]
    d = None if d is None else d + (form == "pbld")
    return Periodic(K, d, form=form, shared=shared, columns=columns), kept | maps


_OF_BINS = ("starts", "widths", "least", "most")


def _edges(numbers: dict[str, Array]) -> Array:
    """The edges of bins that lie side by side, and go on at their ends."""
    starts, widths, least, most = (numbers[name] for name in _OF_BINS)
    ends = starts + widths
    apart = np.abs(ends[:-1] - starts[1:])
    rounding = 4 * np.finfo(starts.dtype).eps * np.maximum(np.abs(starts[1:]), widths[:-1])
    held = np.isneginf(least[0]) and np.isposinf(most[-1])
    if not held or least[1:].any() or (most[:-1] != 1).any() or (apart > rounding).any():
        raise ValueError("expected bins side by side, the first open below and the last above")
    return np.append(starts, ends[-1])


def _weights(steps: list[Step]) -> Iterator[Array]:
    for step in steps:
        of_columns = step.numbers.get("columns", {}).values()
        arrays = [*step.numbers.values(), *(a for numbers in of_columns for a in numbers.values())]
        yield from (a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f")
        yield from _weights(step.block)


def _flattened(steps: list[Step]) -> bool:
    """Whether all is made rows before anything but arithmetic with constants is done to it."""
    first = next((step for step in steps if step.kind != "scale"), None)
    return first is not None and first.kind == "flatten"


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
