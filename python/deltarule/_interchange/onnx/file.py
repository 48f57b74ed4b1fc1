"""An ONNX file, read with suspicion: its nodes and constants as plain values.

Nothing that the file says is believed before it has been held against the file itself: a tensor has
the bytes that its shape takes, a node uses what an earlier one makes, and what another file would
hold is never looked for. Nothing is run, neither ONNX's checker nor its shape inference.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from deltarule._arrays import Array
from deltarule._data.names import expect_names
from deltarule._files.atomic import PathLike
from deltarule._files.untrusted import naming, opened
from deltarule._interchange.onnx.operators import (
    ML,
    ML_OPSETS,
    OPSETS,
    REQUIRED,
    SUPPORTED,
    Operator,
)
from deltarule.errors import ModelFileError

_MOST_BYTES = 2**31 - 1  # protobuf's own limit
_MOST_LINES = 100
# What is made of a file's numbers takes so many times its size at most: float16 doubles, a number
# for all units becomes a vector. A file that would take more shares its numbers among many layers.
_MOST_TIMES = 8

# ONNX's numbers for types of elements: what NumPy calls them, and where they are when not raw.
_TYPES: dict[int, tuple[str, str]] = {
    1: ("<f4", "float_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    10: ("<f2", "int32_data"),
    11: ("<f8", "double_data"),
}
_FLOATS = (1, 11)
_READABLE = ", ".join(f"{domain}.{name}" if domain else name for domain, name in sorted(SUPPORTED))
_TYPE_NAMES = "float16, float, double, int32 and int64"
# Of attributes: what each type is called here.
_KINDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}


def import_onnx(where: str) -> Any:
    """Import the package, or say how to come by it."""
    try:
        import onnx
    except ImportError:
        raise ImportError(
            f"{where}: onnx is not there: expected it for ONNX files "
            '(`pip install "deltarule[files]"`)'
        ) from None
    return onnx


@dataclass(eq=False)
class Value:
    """What a node makes of the input, or the input itself, which has no operator."""

    number: int  # its place among the nodes
    operator: str
    name: str  # of the node, for messages
    inputs: tuple[Value | Constant | None, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Constant:
    """Numbers that are in the file."""

    array: Array


@dataclass(frozen=True)
class Declared:
    """The input as the file declares it: None is a size, or a shape, that it leaves open."""

    shape: tuple[int | None, ...] | None
    dtype: str


class Problems:
    """What is not supported, all of it, for one error."""

    def __init__(self, path: PathLike) -> None:
        self._path = path
        self._lines: list[str] = []
        self.last = ""  # what the error ends with

    def add(self, what: str) -> None:
        """Note one."""
        self._lines.append(what)

    def refuse(self, what: str) -> NoReturn:
        """Note one behind which nothing more can be told."""
        self.add(what)
        self.check()
        raise AssertionError

    def check(self) -> None:
        """Raise what there is."""
        if self._lines:
            shown = list(dict.fromkeys(self._lines))
            more = len(shown) - _MOST_LINES
            lines = "\n".join(f"  {line}" for line in shown[:_MOST_LINES])
            raise ModelFileError(
                f"{self._path}: not a dense network that deltarule reads:\n{lines}"
                + (f"\n  and {more} more" if more > 0 else "")
                + (f"\n{self.last}" if self.last else "")
            )


def shown(text: Any) -> str:
    """A name out of a file, of a length that a message bears."""
    name = str(text)
    return repr(name if len(name) <= 60 else name[:57] + "...")


def _read(path: PathLike) -> bytes:
    with naming(path), opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > _MOST_BYTES:
            raise ModelFileError(
                f"the file has {size} bytes: expected {_MOST_BYTES} or fewer, which is all that an "
                "ONNX file holds"
            )
        return file.read(size)


class OnnxFile:
    """A model file that was read: its input, its outputs, and what lies between.

    Parameters
    ----------
    onnx : module
        The package, whose message is parsed.
    path : path_like

    Raises
    ------
    ModelFileError
        For a file that is damaged, or no ONNX model.
    """

    def __init__(self, onnx: Any, path: PathLike) -> None:
        from google.protobuf.message import DecodeError

        self.path, self._onnx = path, onnx
        data = _read(path)
        self._room = _MOST_TIMES * len(data) + 2**16
        self._model = onnx.ModelProto()
        try:
            self._model.ParseFromString(data)
        except (DecodeError, UnicodeDecodeError):  # the latter in protobuf's Python alone
            raise ModelFileError(f"{path!s}: not an ONNX file, or damaged") from None
        self.problems = Problems(path)
        self._constants: dict[str, Constant] = {}
        self._opset = self._check_model()
        graph = self._model.graph
        self._initializers = self._names(
            ((tensor.name, tensor) for tensor in graph.initializer), "initializers"
        )
        self._makers: dict[str, tuple[int, int]] = {}  # of a value: the node, and which output
        self._check_order()
        self.input_name, self.declared = self._check_input()

    def damaged(self, why: str) -> NoReturn:
        """Refuse a file that contradicts itself."""
        raise ModelFileError(f"{self.path!s}: {why}")

    def spend(self, size: int, what: str) -> None:
        """Hold what is made of the file to a multiple of the file's size, before it is made."""
        self._room -= size
        if self._room < 0:
            self.damaged(
                f"{what} takes the whole to more than {_MOST_TIMES} times the file's size: "
                "expected layers that have their own numbers"
            )

    def feature_names(self, n: int) -> list[str] | None:
        """What the metadata call ``n`` features; None where they say nothing that can be."""
        for each in self._model.metadata_props:
            if each.key == "feature_names":
                # Others may mean something else by it.
                with suppress(TypeError, ValueError, RecursionError):
                    names = json.loads(each.value)
                    if isinstance(names, list):
                        return expect_names(names, n, "feature_names")
        return None

    # The frame ------------------------------------------------------------------------------

    def _check_model(self) -> int:
        """The opset; what is declared beyond one graph of standard operators is refused."""
        model = self._model
        if not model.HasField("graph") or not model.graph.node:
            self.damaged("no graph: expected an ONNX model")
        versions = self._names(
            ((_standard(each.domain), each.version) for each in model.opset_import),
            "opset_import",
        )
        opset = versions.get("", 1)
        if opset not in OPSETS:
            self.problems.refuse(f"opset {opset}: expected {OPSETS[0]} to {OPSETS[-1]}")
        if versions.get(ML, 1) not in ML_OPSETS:
            self.problems.refuse(
                f"opset {versions[ML]} of {ML}: expected {ML_OPSETS[0]} to {ML_OPSETS[-1]}"
            )
        if model.functions:
            self.problems.refuse(f"{len(model.functions)} functions of the model's own")
        if model.graph.sparse_initializer:
            self.problems.refuse(f"{len(model.graph.sparse_initializer)} sparse initializers")
        return int(opset)

    def _names(self, pairs: Iterable[tuple[str, Any]], what: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if not isinstance(name, str):
                self.damaged(f"{what}: {shown(name)} is not UTF-8")
            if name in found:
                self.damaged(f"{what}: the name {shown(name)} stands twice")
            found[name] = value
        return found

    def _check_order(self) -> None:
        """Each value has one maker, and is made before it is used: so there are no cycles."""
        known = {"", *self._initializers, *(each.name for each in self._model.graph.input)}
        for index, node in enumerate(self._model.graph.node):
            texts = (node.name, node.op_type, node.domain, *node.input, *node.output)
            if not all(isinstance(text, str) for text in texts):
                self.damaged(f"node {index}: a name is not UTF-8")
            for name in node.input:
                if name not in known:
                    self.damaged(
                        f"{_label(index, node)} takes {shown(name)}, which nothing before it makes"
                    )
            for place, name in enumerate(node.output):
                if not name:
                    continue
                if name in known:
                    self.damaged(f"{_label(index, node)} makes {shown(name)} a second time")
                known.add(name)
                self._makers[name] = (index, place)

    def _check_input(self) -> tuple[str, Declared]:
        inputs = [each for each in self._model.graph.input if each.name not in self._initializers]
        if len(inputs) != 1:
            names = [each.name for each in inputs]
            self.problems.refuse(f"inputs {_listed(names)}: expected one")
        # An empty name stands for what an operator leaves out, so nothing can be called that.
        if not all(each.name for each in (inputs[0], *self._model.graph.output)):
            self.damaged("an input or output of the graph has no name")
        name, kind = inputs[0].name, inputs[0].type
        if not kind.HasField("tensor_type") or kind.tensor_type.elem_type not in _FLOATS:
            self.problems.refuse(f"input {shown(name)}: expected a tensor of float or double")
        tensor = kind.tensor_type
        shape: tuple[int | None, ...] | None = None
        if tensor.HasField("shape"):
            sizes = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
            # Some writers declare an open number of examples as 0.
            shape = tuple(None if size == 0 and i == 0 else size for i, size in enumerate(sizes))
            if len(shape) < 2 or any(size is not None and size < 1 for size in shape):
                self.problems.refuse(
                    f"input {shown(name)} of shape {sizes[:8]}: expected (m, features)"
                )
        return name, Declared(shape, "float64" if tensor.elem_type == 11 else "float32")

    # The values -----------------------------------------------------------------------------

    def value(self, output: str | None) -> Value | Constant:
        """What an output is made of: every node that has a part in it, checked one by one.

        Parameters
        ----------
        output : str, optional
            Which, where there are several.
        """
        names = [each.name for each in self._model.graph.output]
        if output is None and len(names) != 1:
            self.problems.refuse(f"outputs {_listed(names)}: expected one, or output=")
        chosen = names[0] if output is None else output
        if chosen not in names:
            raise ValueError(f"from_onnx: output is {output!r}: expected one of {_listed(names)}")
        values: dict[str, Value | Constant | None] = {
            "": None,
            self.input_name: Value(-1, "", "the input"),
        }
        for index in self._needed(chosen):
            node = self._model.graph.node[index]
            value = self._value(index, node, [self._named(values, name) for name in node.input])
            values |= {
                name: value if place == 0 else None for place, name in enumerate(node.output)
            }
            values[""] = None
        if chosen not in values and chosen not in self._initializers:
            self.damaged(f"nothing makes the output {shown(chosen)}")
        found = self._named(values, chosen)
        self.problems.check()
        return found  # type: ignore[no-any-return]

    def _named(self, values: dict[str, Value | Constant | None], name: str) -> Any:
        if name in values:
            if values[name] is None and name:
                self.problems.add(
                    f"{shown(name)}: a second result of a node: expected only first ones to be used"
                )
            return values[name]
        if name not in self._constants:
            self._constants[name] = Constant(
                self._tensor(self._initializers[name], f"initializer {shown(name)}")
            )
        return self._constants[name]

    def _needed(self, output: str) -> list[int]:
        """The nodes that have a part in an output, in their order."""
        needed: set[int] = set()
        ahead = [output]
        while ahead:
            index, _ = self._makers.get(ahead.pop(), (None, None))
            if index is not None and index not in needed:
                needed.add(index)
                ahead.extend(self._model.graph.node[index].input)
        return sorted(needed)

    def _value(self, index: int, node: Any, inputs: list[Any]) -> Value | Constant:
        label = _label(index, node)
        domain = _standard(node.domain)
        operator = SUPPORTED.get((domain, node.op_type))
        unknown = Value(index, "?", label, tuple(inputs))
        if operator is None:
            where = f" of {shown(node.domain)}" if domain else ""
            self.problems.add(f"{label}{where}: expected one of the operators that are read")
            self.problems.last = f"The operators that are read: {_READABLE}"
            return unknown
        given = len(inputs)
        if not operator.inputs[0] <= given <= operator.inputs[1]:
            few, many = operator.inputs
            self.problems.add(
                f"{label}: {given} inputs: expected {few}" + (f" to {many}" if many > few else "")
            )
            return unknown
        attributes = self._attributes(label, node, operator)
        if attributes is None:
            return unknown
        if node.op_type == "Constant":
            return Constant(self._constant(label, attributes))
        first = inputs[0]
        if isinstance(first, Constant) and node.op_type in ("Identity", "Cast", "Transpose"):
            return self._of_constant(label, node.op_type, first, attributes)
        if node.op_type in ("Identity", "Dropout", "ZipMap") or attributes.get("to") in _FLOATS:
            training = inputs[2] if len(inputs) > 2 else None
            if isinstance(training, Value) or (training is not None and training.array.any()):
                self.problems.add(f"{label}: training_mode: expected a model for predicting")
            return first if first is not None else unknown
        if node.op_type == "ReduceMean":
            axes = inputs.pop() if len(inputs) == 2 else None
            found = axes.array.tolist() if isinstance(axes, Constant) else attributes["axes"]
            if found not in ([1], [-1]):
                self.problems.add(f"{label}: axes {shown(found)}: expected [1] or [-1]")
        return Value(index, node.op_type, label, tuple(inputs), attributes)

    def _attributes(self, label: str, node: Any, operator: Operator) -> dict[str, Any] | None:
        """All of them, with defaults; None where one is not supported."""
        found = {name: default for name, (default, _) in operator.attributes.items()}
        supported = True
        for each in node.attribute:
            if each.name not in operator.attributes or each.ref_attr_name:
                self.problems.add(
                    f"{label}: attribute {shown(each.name)}: expected {_listed(found)}"
                )
                supported = False
                continue
            value = self._attribute(label, each)
            default, allowed = operator.attributes[each.name]
            right = default in (None, REQUIRED) or type(value) is type(default)
            if not right or (allowed is not None and value not in allowed):
                what = type(default).__name__ if allowed is None else f"one of {list(allowed)}"
                self.problems.add(f"{label}: {each.name} is {shown(value)}: expected {what}")
                supported = False
            found[each.name] = value
        for name, value in found.items():
            if value is REQUIRED:
                self.problems.add(f"{label}: no attribute {name}: expected one")
                supported = False
        return found if supported else None

    def _attribute(self, label: str, attribute: Any) -> Any:
        kind = _KINDS.get(attribute.type)
        if kind is None:
            return None
        value = getattr(attribute, kind)
        if kind == "f":
            # In float32; its shortest decimal is what the writer meant: 0.01, not 0.0099999998.
            return float(str(np.float32(value)))
        if kind == "s":
            return value.decode("utf-8", "replace")
        if kind == "t":
            return self._tensor(value, label)
        return value if kind == "i" else list(value)

    def _constant(self, label: str, attributes: Mapping[str, Any]) -> Array:
        given = [value for value in attributes.values() if value is not None]
        if len(given) != 1:
            self.problems.refuse(f"{label}: expected one value, a tensor or numbers")
        array = np.asarray(given[0])
        if array.dtype.kind not in "fi" or array.dtype.itemsize > 8:
            self.problems.refuse(f"{label}: expected a value of {_TYPE_NAMES}")
        if isinstance(given[0], (float, list)) and array.dtype.kind == "f":
            return array.astype(np.float32)
        return array

    def _of_constant(
        self, label: str, kind: str, given: Constant, attributes: Mapping[str, Any]
    ) -> Constant:
        array = given.array
        if kind == "Transpose":
            if array.ndim != 2:
                self.problems.refuse(f"{label}: a constant of shape {array.shape}: expected (a, b)")
            return Constant(array.T)
        if kind == "Cast":
            dtype = {1: np.float32, 7: np.int64, 11: np.float64}[attributes["to"]]
            if array.dtype != dtype:
                self.spend(array.size * 8, label)
                with np.errstate(over="ignore", invalid="ignore"):
                    return Constant(array.astype(dtype))
        return given

    def _tensor(self, tensor: Any, what: str) -> Array:
        """The numbers of a tensor, which must be as many as its shape takes."""
        if tensor.data_location == tensor.EXTERNAL or tensor.external_data:
            self.problems.refuse(
                f"{what}: its numbers are in another file, which is never opened: expected a model "
                "saved in one piece (onnx.save_model(..., save_as_external_data=False))"
            )
        if tensor.data_type not in _TYPES or tensor.HasField("segment"):
            self.problems.refuse(
                f"{what}: elements of type {tensor.data_type}: expected {_TYPE_NAMES}"
            )
        dtype, place = _TYPES[tensor.data_type]
        shape = tuple(tensor.dims)
        count = math.prod(shape)
        if len(shape) > 8 or any(size < 0 for size in shape) or (not count and len(shape) > 1):
            self.damaged(f"{what}: shape {list(shape[:8])}: expected sizes of 1 or more")
        raw = tensor.HasField("raw_data")
        held = tensor.raw_data if raw else getattr(tensor, place)
        least = count * np.dtype(dtype).itemsize if raw else count
        if len(held) != least:
            self.damaged(
                f"{what}: {len(held)} {'bytes' if raw else 'numbers'}, but shape {list(shape)} of "
                f"{np.dtype(dtype).name} takes {least}"
            )
        if not raw and dtype == "<f2":  # the bits of each, in an integer
            bits = np.array(held, np.int64)
            if ((bits < 0) | (bits > 0xFFFF)).any():
                self.damaged(f"{what}: a float16 of more than 16 bits")
        array: Array = self._onnx.numpy_helper.to_array(tensor)
        return array


def _standard(domain: str) -> str:
    """The standard operators' domain has two names."""
    return "" if domain == "ai.onnx" else domain


def _label(index: int, node: Any) -> str:
    name = f" {shown(node.name)}" if node.name else ""
    kind = node.op_type if len(node.op_type) <= 60 else shown(node.op_type)
    return f"node {index}{name}: {kind}"


def _listed(names: Iterable[str]) -> str:
    several = [shown(name) for name in names]
    return ", ".join(several[:20]) + (f" and {len(several) - 20} more" if len(several) > 20 else "")
