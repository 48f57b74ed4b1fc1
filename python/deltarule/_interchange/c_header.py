"""Trained networks as a single C header, for devices: C99, and C++11 as well.

The header holds the weights and a function that predicts; of a network that takes raw tables,
another that encodes a row of one. It needs the mathematical functions of the C library, and nothing
else: no allocation, no file, no other header of ours.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_finite
from deltarule._files import atomic
from deltarule._network.bare import BareNetwork
from deltarule._network.layer_views import Layer
from deltarule._version import __version__
from deltarule.layers import (
    Activation,
    Add,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    Periodic,
    PiecewiseLinear,
    PReLU,
    Standardize,
)
from deltarule.layers.columns import NumberEmbedding

# The functions of a header are files of C, which compilers check as they stand. In the templates
# here $real is the network's type, and $f the ending of its constants and of the library's
# functions for it. Names are the network's own or such as A_1, as boards have macros for their
# pins, A1 among them.
_FILES = ("c_functions.h", "c_encoding.h", "c_answers.h")
_FUNCTIONS = [Path(__file__).with_name(name) for name in _FILES]
_OF_MATH_H = ("cos", "erfc", "exp", "expm1", "fabs", "log1p", "rint", "sin", "sqrt", "tanh")
_OF_THE_LIBRARY = {"tanh": "tanh$f", "exponential": "exp$f"}

_START = """\
/* $name: $what as C99, or C++11, written by deltarule $version
 *
$layers
$features *
 * $constants bytes of constants, $bytes bytes of buffers.
 *
 * Include it in the one source file that calls ${name}_predict, and link the mathematical functions
 * (-lm). Nothing is allocated.
 * $threads
 */
#ifndef ${NAME}_H
#define ${NAME}_H

#include <math.h>
#include <stddef.h>

#define ${NAME}_INPUTS $inputs
#define ${NAME}_OUTPUTS $outputs

"""
_REENTRANT = "Several threads may call it at the same time."
_STATIC = """\
The buffers are static: one call must end before the next begins. Where several threads call it,
 * or an interrupt does, define ${NAME}_STORAGE before the #include: as nothing, for buffers on the
 * stack, or as what your compiler has for static memory of each thread."""
_STORAGE = """\
#ifndef ${NAME}_STORAGE
#define ${NAME}_STORAGE static
#endif

"""
_PREDICT = """\
/* A := the prediction for X, of ${NAME}_INPUTS and ${NAME}_OUTPUTS numbers, which do not overlap */
static inline void ${name}_predict(const $real *X, $real *A) {
"""
_COLUMNS = """\
#define ${NAME}_COLUMNS $columns

"""
_ENCODE = """\
/* X := what ${name}_predict takes of the columns of a table, ${NAME}_COLUMNS numbers */
static inline void ${name}_encode(const double *columns, $real *X) {
$statements}

"""
_MEMBER = """\
static inline void ${name}_${k}_predict(const $real *X, $real *A$room) {
$statements}

"""
_NUMBERS_A_LINE = 8
_NUMBERS_AT_ONCE = 1000 * _NUMBERS_A_LINE


def to_c(network: BareNetwork, path: str | os.PathLike[str], name: str = "model") -> None:
    """Write the network as a C header, as ``Network.to_c`` says."""
    header = _header(name, network)
    body = _Body(header, network)
    described = ["a network", *body.layers()]
    predict = _Predict(body.statements, body.size)
    encode = None
    if network.inputs is not None:
        encode = Encode(header)
        network.inputs.add_to_c(encode)
    _write(path, header.parts(described, network.feature_names, [body], predict, encode))


def ensemble_to_c(
    networks: Sequence[BareNetwork],
    weights: Sequence[float],
    feature_names: list[str] | None,
    path: str | os.PathLike[str],
    name: str = "model",
    add_table: AddTable | None = None,
) -> None:
    """Write networks that share X and what each weighs, as ``Ensemble.to_c`` says.

    ``add_table`` adds what makes X of a table's columns, and hands back what makes answers of A.
    """
    header = _header(name, networks[0])
    bodies = [_Body(header, network, f"{k}_") for k, network in enumerate(networks)]
    described = [
        f"the mean of {len(networks)} networks",
        *(f"{w:.4f} of {network._sizes()}" for w, network in zip(weights, networks, strict=True)),
    ]
    predict = _mean(header, bodies, weights)
    encode, answer = None, ""
    if add_table is not None:
        encode = Encode(header)
        answer = add_table(header, encode)
    _write(path, header.parts(described, feature_names, bodies, predict, encode, answer))


def _header(name: Any, network: BareNetwork) -> Header:
    if not isinstance(name, str):
        raise TypeError(f"to_c: name is {name!r}: expected a string")
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name):
        raise ValueError(
            f"to_c: name is {name!r}: expected what a C identifier may begin with: letters, digits "
            "behind a letter, and single underscores between them, such as 'model'"
        )
    return Header(name, network.dtype, network.input_size, network.output_size)


def _mean(header: Header, bodies: Sequence[_Body], weights: Sequence[float]) -> _Predict:
    """A function for each network, and the mean of what they make: A += share (A_k - A)."""
    n = header.outputs
    functions, statements, total = [], [], 0.0
    several, rooms = len(bodies) > 1, max(body.size for body in bodies)
    memory = f"memory + {n}" if several else "memory"
    if several:
        statements.append(header.text("$real *const A_k = memory;"))
    for k, (body, weight) in enumerate(zip(bodies, weights, strict=True)):
        functions.append(
            header.text(
                _MEMBER,
                k=k,
                room=header.text(", $real *memory") if body.size else "",
                statements=_indented(body.statements),
            )
        )
        total += weight
        A = "A_k" if k else "A"
        room = f", {memory}" if body.size else ""
        statements.append(header.text("${name}_${k}_predict(X, $A$room);", k=k, A=A, room=room))
        if k:
            share = header.number(weight / total)
            statements.append(
                f"for (size_t i = 0; i < {n}; ++i) A[i] += {share} * (A_k[i] - A[i]);"
            )
    return _Predict(statements, rooms + (n if several else 0), functions)


def _write(path: str | os.PathLike[str], parts: Iterable[str]) -> None:
    atomic.replace(path, (part.encode("ascii") for part in parts))


@cache
def _functions() -> dict[str, str]:
    """Each function of the files of C by its name, with the comment above it."""
    texts = [path.read_text(encoding="utf-8").rstrip("\n") for path in _FUNCTIONS]
    parts = [part for text in texts for part in text.split("\n\n")[1:]]
    named = [(re.search(r"\bmodel_(\w+)\(", part), part) for part in parts]
    return {name[1]: part for name, part in named if name}


class Header:
    """What the networks of a header share: its name, its type and its functions."""

    def __init__(self, name: str, dtype: np.dtype[Any], inputs: int, outputs: int) -> None:
        single = dtype == np.float32
        self._dtype, self._inputs, self.outputs = dtype, inputs, outputs
        self._words = {
            "name": name,
            "NAME": name.upper(),
            "real": "float" if single else "double",
            "f": "f" if single else "",
        }
        self._functions: set[str] = set()

    def parts(
        self,
        described: Sequence[str],
        feature_names: list[str] | None,
        bodies: Sequence[_Body],
        predict: _Predict,
        encode: Encode | None = None,
        answer: str = "",
    ) -> Iterator[str]:
        """The text, a bounded part at a time; what it is, and more lines on it, come first."""
        what, *lines = described
        buffers = predict.size + (self._inputs + self.outputs if answer else 0)
        features = _features("X", map(quoted, feature_names or []))
        arrays = {name: array for body in bodies for name, array in body.arrays.items()}
        if encode is not None:
            features = _features("columns", encode.columns)
            arrays |= encode.arrays
        constants = sum(array.nbytes for array in arrays.values())
        yield self.text(
            _START,
            what=what,
            version=__version__,
            layers="\n".join(f" *   {line}" for line in lines),
            features=features,
            constants=f"{constants:,}",
            bytes=f"{buffers * self._dtype.itemsize:,}",
            threads=self.text(_STATIC) if buffers else _REENTRANT,
            inputs=self._inputs,
            outputs=self.outputs,
        )
        if encode is not None:
            yield self.text(_COLUMNS, columns=len(encode.columns))
        if buffers:
            yield self.text(_STORAGE)
        for name, array in arrays.items():
            yield from self._definition(name, array)
        for function, text in _functions().items():
            if function in self._functions:
                yield self._in_words(text) + "\n\n"
        yield from predict.before
        if encode is not None:
            yield self.text(_ENCODE, statements=_indented(encode.statements))
        yield self.text(_PREDICT)
        if predict.size:
            yield self.text("  ${NAME}_STORAGE $real memory[$size];\n", size=predict.size)
        yield _indented(predict.statements)
        yield f"}}\n\n{answer}#endif /* {self._words['NAME']}_H */\n"

    def text(self, text: str, **words: Any) -> str:
        """A template in the header's words."""
        return Template(text).substitute(self._words, **words)

    def number(self, value: float) -> str:
        """A constant of the header's type."""
        (text,) = _decimals(np.full(1, value, self._dtype))
        return text

    def _definition(self, name: str, array: Array) -> Iterator[str]:
        """An array as C has it, a bounded part at a time."""
        flat, real = array.ravel(), "float" if array.dtype == np.float32 else "double"
        yield self.text(
            "static const $kind ${name}_$which[$n] = {\n", kind=real, which=name, n=flat.size
        )
        for first in range(0, flat.size, _NUMBERS_AT_ONCE):
            numbers = _decimals(flat[first : first + _NUMBERS_AT_ONCE])
            lines = (
                numbers[at : at + _NUMBERS_A_LINE] for at in range(0, len(numbers), _NUMBERS_A_LINE)
            )
            yield "".join(f"  {', '.join(line)},\n" for line in lines)
        yield "};\n\n"

    def call(self, function: str) -> str:
        """The name of a function, which the header then has."""
        if function in _OF_THE_LIBRARY:
            return self.text(_OF_THE_LIBRARY[function])
        self._functions |= {function, *re.findall(r"model_(\w+)\(", _functions()[function])}
        return f"{self._words['name']}_{function}"

    def _in_words(self, text: str) -> str:
        """A function of the files of C, under the header's name and of the network's type."""
        if not self._words["f"]:
            text = re.sub(r"\bfloat\b", "double", text)
            text = re.sub(rf"\b({'|'.join(_OF_MATH_H)})f\(", r"\1(", text)
            text = re.sub(r"(?<=\d)f\b", "", text)
        return re.sub(r"\bmodel_", f"{self._words['name']}_", text)


class _Predict(NamedTuple):
    """The function that predicts: its statements, its memory, and what stands before it."""

    statements: Sequence[str]
    size: int  # in numbers
    before: Sequence[str] = ()


def _indented(statements: Iterable[str]) -> str:
    return "".join(f"  {statement}\n" for statement in statements)


def _decimals(flat: Array) -> list[str]:
    """Constants of C: the shortest that read back to the same bits of their type."""
    end = "f" if flat.dtype == np.float32 else ""
    return [number + end for number in flat.astype("U32").tolist()]


def _features(argument: str, told: Iterable[str]) -> str:
    """What each number of an argument is, where it is told."""
    lines = [f" *   {argument}[{place}]  {each}\n" for place, each in enumerate(told)]
    return " *\n" + "".join(lines) if lines else ""


def quoted(text: str) -> str:
    """A text for a comment: in ASCII, and with nothing that ends one."""
    return json.dumps(text).replace("/", r"\u002f")


class Encode:
    """The function that makes X of a table's columns, in a header in the making.

    Attributes
    ----------
    columns : list of str
        What each column is called, and what it holds.
    arrays : dict of str to ndarray
        Constants by their names, of double whatever the header's type.
    statements : list of str
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self.columns: list[str] = []
        self.arrays: dict[str, Array] = {}
        self.statements: list[str] = []

    def column(self, name: str, holds: str) -> str:
        """Add a column, of which a comment says what it holds; its value in C."""
        self.columns.append(f"{quoted(name)}: {holds}")
        return f"columns[{len(self.columns) - 1}]"

    def call(self, function: str) -> str:
        """The name of a function, which the header then has."""
        return self._header.call(function)

    def doubles(self, name: str, numbers: Array) -> str:
        """The name of an array, which the header then has."""
        self.arrays[name] = np.asarray(numbers, np.float64)
        expect_finite(self.arrays[name], f"to_c: {name}")
        return self._header.text("${name}_$which", which=name)

    def integer(self, name: str, value: str) -> str:
        """Add a whole number, by its name."""
        self.statements.append(f"const int {name} = {value};")
        return name

    def encode(self, first: int, *values: str) -> None:
        """Add what makes some numbers of X, from the first of them on."""
        self.statements += [
            self._header.text("X[$place] = ($real)($value);", place=place, value=value)
            for place, value in enumerate(values, first)
        ]


AddTable: TypeAlias = Callable[[Header, Encode], str]


class _Body:
    """A network in a header: its constants, and the statements that make A of X.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The constants by their names, which begin with the header's and with ``prefix``.
    statements : list of str
        They keep what passes from layer to layer in ``memory``, which has ``size`` numbers.
    """

    def __init__(self, header: Header, network: BareNetwork, prefix: str = "") -> None:
        network._expect_adapted("to_c")
        network._expect_finite_parameters("to_c")
        self._header, self._network, self._prefix = header, network, prefix
        self._places = _Places(network)
        self.size = self._places.size
        self.arrays: dict[str, Array] = {}
        self.statements: list[str] = []
        for l, offset in self._places.offsets.items():
            at = f"memory + {offset}" if offset else "memory"
            self.statements.append(header.text("$real *const A_$l = $at;", l=l, at=at))
        for l, layer in enumerate(network.layers, 1):
            self._add_layer(l, layer)

    def layers(self) -> Iterator[str]:
        """A line on each layer."""
        for l, layer in enumerate(self._network.layers, 1):
            kind = type(layer.description).__name__
            if layer.activation != "identity":
                kind += f" {layer.activation}"
            yield f"{l:>3}  {layer.inputs} -> {layer.units}  {kind}"

    def _constant(self, name: str, array: Array, where: str) -> str:
        """The name of an array, which the header then has."""
        expect_finite(array, f"to_c: {where}")
        self.arrays[self._prefix + name] = array
        return self._header.text("${name}_$which", which=self._prefix + name)

    def _add_layer(self, l: int, layer: Layer) -> None:
        """Add what makes A[l] of A[l-1]."""
        n, A_prev, A = layer.units, self._places[l - 1], self._places[l]

        def constant(name: str, array: Array | None = None) -> str:
            numbers = getattr(layer, name) if array is None else array
            return self._constant(f"{name}{l}", numbers, f"layers[{l - 1}].{name}")

        def for_each_unit(expression: str) -> None:
            self.statements.append(f"for (size_t i = 0; i < {n}; ++i) {A}[i] = {expression};")

        def activate(activation: str, Z: str) -> None:
            if activation == "softmax":
                self.statements.append(f"{self._header.call(activation)}({n}, {Z}, {A});")
            elif activation != "identity":
                for_each_unit(f"{self._header.call(activation)}({Z}[i])")
            elif Z != A:
                for_each_unit(f"{Z}[i]")

        match layer.description:
            case Dense(activation=activation):
                W, b = constant("W", layer.W.T), constant("b")
                sizes = f"{layer.inputs}, {n}"
                self.statements.append(
                    f"{self._header.call('dense')}({W}, {b}, {sizes}, {A_prev}, {A});"
                )
                activate(activation, A)
            case Activation(activation=activation):
                activate(activation, A_prev)
            case Dropout():
                activate("identity", A_prev)
            case BatchNorm(epsilon=epsilon):
                mean, beta = constant("mean"), constant("beta")
                factor = constant("factor", _factor(layer.variance + epsilon, layer.gamma))
                for_each_unit(f"({A_prev}[i] - {mean}[i]) * {factor}[i] + {beta}[i]")
            case Standardize():
                mean, factor = constant("mean"), constant("factor", _factor(layer.variance, 1))
                for_each_unit(f"({A_prev}[i] - {mean}[i]) * {factor}[i]")
            case LayerNorm(epsilon=epsilon):
                gamma, beta = constant("gamma"), constant("beta")
                number = self._header.number(epsilon)
                arguments = f"{gamma}, {beta}, {number}, {n}, {A_prev}, {A}"
                self.statements.append(f"{self._header.call('layer_norm')}({arguments});")
            case PReLU():
                slope = constant("slope")
                for_each_unit(f"{A_prev}[i] > 0 ? {A_prev}[i] : {slope}[i] * {A_prev}[i]")
            case Add(source=source):
                for_each_unit(f"{A_prev}[i] + {self._places[source]}[i]")
            case Embedding(columns=columns):
                self._add_embedding(layer, columns, A_prev, A)
            case PiecewiseLinear() as description:
                self._add_piecewise_linear(l, layer, description, A_prev, A)
            case Periodic() as description:
                self._add_periodic(l, layer, description, A_prev, A)

    def _pass(self, taken: Collection[int], inputs: int, A_prev: str, A: str) -> int:
        """Add what copies the columns that no embedding takes; how many they are."""
        row, first = 0, 0
        for column in [*taken, inputs]:  # the columns that pass, from one to the next
            if count := column - first:
                self.statements.append(
                    f"for (size_t i = 0; i < {count}; ++i) {A}[{row} + i] = {A_prev}[{first} + i];"
                )
            row, first = row + count, column + 1
        return row

    def _add_embedding(
        self, layer: Layer, columns: Mapping[int, tuple[int, int]], A_prev: str, A: str
    ) -> None:
        row = self._pass(columns, layer.inputs, A_prev, A)
        for column, (categories, dimension) in columns.items():
            name = f"E{column}"
            table = self._constant(name, getattr(layer, name).T, f"layers[{layer._index}].{name}")
            vector = f"E_{column}"
            code = f"{self._header.call('code')}({A_prev}[{column}], {categories})"
            self.statements += [
                self._header.text(
                    "const $real *const $vector = $place;",
                    vector=vector,
                    place=f"{table} + {dimension} * {code}",
                ),
                f"for (size_t i = 0; i < {dimension}; ++i) {A}[{row} + i] = {vector}[i];",
            ]
            row += dimension

    def _add_piecewise_linear(
        self, l: int, layer: Layer, description: PiecewiseLinear, A_prev: str, A: str
    ) -> None:
        row = self._pass(description._places(), layer.inputs, A_prev, A)
        d, where = description.d, f"layers[{layer._index}]"
        terms = {
            name: self._constant(f"{name}{l}", getattr(layer, name).T, f"{where}.{name}")
            for name in ("bias", "slope")
            if name in layer._views
        }
        columns, places = description._columns(), description._places()
        for c, bins in enumerate(description._edges()):
            column, place = columns[c], places[c]
            edges = np.asarray(bins, self._network.dtype)
            given = f"{self._constant(f'edges{column}', edges, f'{where}.bins')}, {edges.size - 1}"
            x, Z = f"{A_prev}[{place}]", f"{A} + {row}"
            if d is None:
                self.statements.append(f"{self._header.call('through_bins')}({given}, {x}, {Z});")
                row += edges.size - 1
                continue
            name = f"map{column}"
            W = self._constant(name, getattr(layer, name).T, f"{where}.{name}")
            function, b = self._header.call("piecewise_linear"), f"{terms['bias']} + {c * d}"
            self.statements.append(f"{function}({given}, {W}, {b}, {d}, {x}, {Z});")
            if "slope" in terms:
                slope = f"{terms['slope']}[{c * d} + i]"
                self.statements.append(
                    f"for (size_t i = 0; i < {d}; ++i) {A}[{row} + i] += {slope} * {x};"
                )
            row += d

    def _add_periodic(
        self, l: int, layer: Layer, description: Periodic, A_prev: str, A: str
    ) -> None:
        row = self._pass(description._places(), layer.inputs, A_prev, A)
        function = self._header.call("waves" if description._is_plain else description.form)
        names = [name for name in layer._views if not name.startswith("map")]
        columns = {
            name: self._constant(f"{name}{l}", getattr(layer, name).T, f"layers[{l - 1}].{name}")
            for name in names
        }
        # A column's own part of what all of them have.
        own = {name: getattr(layer, name).shape[0] for name in names}
        K, units = int(description.frequencies), description._numbers
        for c, column in enumerate(description._columns()):
            of_column = {name: f"{array} + {c * own[name]}" for name, array in columns.items()}
            arguments = [of_column[name] for name in ("frequency", "phase") if name in names]
            arguments.append(f"{K}")
            if "bias" in names:
                name = "map" if description.shared else f"map{column}"
                W = getattr(layer, name).T
                arguments.append(
                    self._constant(
                        f"map_{l}" if description.shared else name, W, f"layers[{l - 1}].map"
                    )
                )
                arguments.append(columns["bias"] if description.shared else of_column["bias"])
                arguments.append(f"{units}")
            elif "scale" in names:
                arguments += [of_column["scale"], of_column["shift"]]
            x = f"{A_prev}[{description._places()[c]}]"
            self.statements.append(f"{function}({', '.join(arguments)}, {x}, {A} + {row});")
            row += units


def _factor(variance: Array, gamma: Any) -> Array:
    """Compute gamma / sqrt(variance), in the network's precision, as the core has it."""
    with np.errstate(divide="ignore", over="ignore"):  # what is not finite is refused
        factor: Array = 1 / np.sqrt(variance) * gamma
    return factor


class _Places:
    """Where each ``A[l]`` lies: in X, in A, or in a memory whose parts serve several in turn.

    Attributes
    ----------
    offsets : dict of int to int
        For each l whose A[l] begins a place in the memory, the first number of it.
    size : int
        How many numbers the memory has.
    """

    def __init__(self, network: BareNetwork) -> None:
        layers = network.layers
        last = len(layers)
        # The last layer that reads A[l].
        read = [l + 1 for l in range(last + 1)]
        for l, layer in enumerate(layers, 1):
            if isinstance(layer.description, Add):
                source = layer.description.source
                read[source] = max(read[source], l)
        # Where the place of A[l] begins: a layer writes over what it alone still reads.
        self._starts, until = [0], {0: read[0]}
        for l, layer in enumerate(layers, 1):
            kind, start = layer.description, self._starts[-1]
            passes = isinstance(kind, Dropout) and (start > 0 or l < last)
            vector = isinstance(kind, (Dense, Embedding, NumberEmbedding))
            apart = vector or start == 0 or until[start] > l
            self._starts.append(start if passes or not apart else l)
            start = self._starts[-1]
            until[start] = max(until.get(start, 0), read[l])
        self._last = self._starts[-1]
        self.offsets: dict[int, int] = {}
        self.size = 0
        inner = [start for start in until if start not in (0, self._last)]
        # The largest first, each as near the front as those allow that live at the same time.
        for start in sorted(inner, key=lambda start: -layers[start - 1].units):
            units, offset = layers[start - 1].units, 0
            for other in sorted(self.offsets, key=self.offsets.__getitem__):
                together = start <= until[other] and other <= until[start]
                end = self.offsets[other] + layers[other - 1].units
                if together and self.offsets[other] < offset + units and end > offset:
                    offset = end
            self.offsets[start] = offset
            self.size = max(self.size, offset + units)
        self.offsets = dict(sorted(self.offsets.items()))

    def __getitem__(self, l: int) -> str:
        start = self._starts[l]
        return "X" if start == 0 else "A" if start == self._last else f"A_{start}"
