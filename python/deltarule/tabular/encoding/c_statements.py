"""Encodings as statements of C, from a table's columns to the inputs of a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deltarule._interchange.c_header import Encode, quoted
from deltarule.tabular.encoding.categories import Category
from deltarule.tabular.encoding.dates import Date
from deltarule.tabular.encoding.numbers import Number
from deltarule.tabular.encoding.scaling import Quantiles, Robust


def add_columns(function: Encode, encodings: Sequence[Number | Category | Date]) -> None:
    """Add every column, and what makes numbers of it."""
    first = 0
    for place, encoding in enumerate(encodings):
        match encoding:
            case Number():
                _add_number(function, encoding, place, first)
            case Category():
                _add_category(function, encoding, place, first)
            case Date(name=name):
                raise ValueError(
                    f"to_c: column {name!r} holds dates: expected none, as C has no calendar; fit "
                    f"the encoder with kinds={{{name!r}: 'drop'}}, or write "
                    "network.without_inputs()"
                )
        first += len(encoding.outputs)


def _add_number(function: Encode, encoding: Number, place: int, first: int) -> None:
    x = function.column(encoding.name, "a number")
    held = f"{encoding.median!r}, {encoding.least!r}, {encoding.most!r}"
    value = f"{function.call('number')}({x}, {held})"
    scaling = encoding.scaling
    if isinstance(scaling, Quantiles):
        edges = function.doubles(f"edges_{place}", scaling.edges)
        heights = function.doubles(f"heights_{place}", scaling.heights)
        value = (
            f"{function.call('interpolated')}({value}, {edges}, {heights}, {len(scaling.edges)})"
        )
    else:
        value = f"{function.call('held')}(({value} - {scaling.centre!r}) * {scaling.factor!r})"
        if isinstance(scaling, Robust):
            value = f"{function.call('drawn_in')}({value})"
    function.encode(first, value, *[f"{x} != {x}"] * encoding.indicator)


def _add_category(function: Encode, encoding: Category, place: int, first: int) -> None:
    n, of_each = len(encoding.levels), f"{encoding.missing_code}, {encoding.rare_code}"
    if encoding.source in ("number", "logical"):
        logical = encoding.source == "logical"
        numbers = [float(level == "True") if logical else float(level) for level in encoding.levels]
        x = function.column(encoding.name, "1 for True, 0 for False" if logical else "a number")
        levels = function.doubles(f"levels_{place}", np.array(numbers)) if n else "NULL"
        code = f"{function.call('level')}({x}, {levels}, {n}, {of_each})"
    else:
        x = function.column(encoding.name, f"the code of its level; {_coded(encoding.levels)}")
        code = f"{function.call('known')}({x}, {n}, {of_each})"
    code = function.integer(f"code_{place}", code)
    if encoding.embedded:
        function.encode(first, code)
    elif len(encoding.outputs) == 1:
        function.encode(first, f"{code} == 0 ? -1 : {code} == 1")
    else:
        function.encode(first, *(f"{code} == {level}" for level in range(len(encoding.outputs))))


def _coded(levels: Sequence[str]) -> str:
    """The levels with their codes, for a comment."""
    return ", ".join(f"{code} {quoted(level)}" for code, level in enumerate(levels))
