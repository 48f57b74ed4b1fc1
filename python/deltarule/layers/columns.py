"""Which columns of X a layer takes, and where they come in.

A layer that takes columns lets the others pass, in their order, and puts its own units behind them.
So a second one finds the columns that are left at other places than in X.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import pairwise
from typing import Any, Self

from deltarule._checks import is_integer
from deltarule.layers.base import LayerDescription
from deltarule.layers.embedding import Embedding
from deltarule.layers.standardize import Standardize


@dataclass(frozen=True)
class NumberEmbedding(LayerDescription):
    """A layer that embeds columns of numbers: all that no layer before it takes, or those given.

    Attributes
    ----------
    places : tuple of int or None
        Where the columns come in, once the layer stands in a network.
    """

    _: KW_ONLY
    columns: Sequence[int] | None = None
    places: tuple[int, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.columns is not None:
            object.__setattr__(self, "columns", _checked(self.columns, type(self).__name__))

    def _count(self, n_prev: int) -> int:
        """How many columns it embeds."""
        return n_prev if self.columns is None else len(self.columns)

    def _columns(self) -> tuple[int, ...]:
        if self.columns is None:
            raise ValueError(f"{type(self).__name__}: its columns are known in a network alone")
        return tuple(self.columns)

    def _places(self) -> tuple[int, ...]:
        return self._columns() if self.places is None else self.places

    def _widths(self) -> list[int]:
        """How many numbers each column becomes."""
        raise NotImplementedError

    def _placed(self, columns: tuple[int, ...], places: tuple[int, ...]) -> Self:
        """The same of these columns, which come in at these places."""
        made = replace(self, columns=columns)
        object.__setattr__(made, "places", places)
        return made


def _checked(columns: Any, kind: str) -> tuple[int, ...]:
    if isinstance(columns, (str, bytes)) or not isinstance(columns, Iterable):
        raise TypeError(f"{kind}: columns is {columns!r}: expected a list of columns of X")
    columns = tuple(columns)
    for column in columns:
        if not is_integer(column):
            raise TypeError(f"{kind}: column {column!r}: expected an integer")
        if not 0 <= column < 2**31:
            raise ValueError(f"{kind}: column {column}: expected 0 or more, and less than 2^31")
    if not columns or any(a >= b for a, b in pairwise(columns)):
        raise ValueError(
            f"{kind}: columns are {list(columns)}: expected 1 or more, in ascending order"
        )
    return tuple(map(int, columns))


def columns_of(layer: LayerDescription) -> tuple[int, ...]:
    """The columns of X that a layer in a network takes."""
    if isinstance(layer, Embedding):
        return tuple(layer.columns)
    return layer._columns() if isinstance(layer, NumberEmbedding) else ()


def origins(layers: Iterable[LayerDescription], input_size: int) -> list[int]:
    """Of which column of X each unit is made, behind layers of a network that take columns."""
    made = list(range(input_size))
    for layer in layers:
        columns = columns_of(layer)
        if isinstance(layer, Embedding):
            widths = [dimension for _, dimension in layer.columns.values()]
        else:
            widths = layer._widths() if isinstance(layer, NumberEmbedding) else []
        taken = set(columns)
        made = [column for column in made if column not in taken]
        for column, width in zip(columns, widths, strict=True):
            made += [column] * width
    return made


def may_precede(layer: LayerDescription) -> bool:
    """Whether columns of X are still to be told apart behind a layer."""
    return isinstance(layer, (Standardize, Embedding, NumberEmbedding))


def placed(
    layer: NumberEmbedding, before: Sequence[LayerDescription], input_size: int, where: str
) -> NumberEmbedding:
    """A layer that embeds numbers, with its columns, and the places where they come in.

    Raises
    ------
    ValueError
        For a column that X has not, that another layer takes, and where none is left; and for what
        stands behind layers that leave no columns.
    """
    kind = type(layer).__name__
    if not all(map(may_precede, before)):
        raise ValueError(
            f"Network: {where} is a {kind}: expected it before every layer but Standardize and "
            "others that take columns of X"
        )
    taken = sorted(column for other in before for column in columns_of(other))
    columns = layer.columns
    if columns is None:
        others = set(taken)
        columns = tuple(column for column in range(input_size) if column not in others)
        if not columns:
            raise ValueError(f"Network: {where} is a {kind}, and no column of X is left for it")
    places = [bisect_left(taken, column) for column in columns]
    for column, place in zip(columns, places, strict=True):
        if column >= input_size:
            raise ValueError(
                f"Network: {where} takes column {column}: expected less than {input_size}, "
                "as X has so many"
            )
        if place < len(taken) and taken[place] == column:
            raise ValueError(
                f"Network: {where} takes column {column}, which another layer takes before: "
                "expected each column once"
            )
    return layer._placed(
        tuple(columns), tuple(c - place for c, place in zip(columns, places, strict=True))
    )
