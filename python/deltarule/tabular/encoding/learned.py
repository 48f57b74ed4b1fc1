"""What an encoder has learned of a table: how each column becomes numbers, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from deltarule.tabular.encoding.categories import Category
from deltarule.tabular.encoding.dates import Date
from deltarule.tabular.encoding.numbers import Number
from deltarule.tabular.encoding.settings import Settings

Encoding = Number | Category | Date


@dataclass(frozen=True)
class Learned:
    """All that makes rows of a table.

    Attributes
    ----------
    settings : Settings
        What the fit went by.
    names : list of str
        All columns of the table, in its order.
    by_place : bool
        Whether it was an array, whose columns go by their places.
    encodings : dict of str to encoding
        Of the columns that are used, in the order of the result.
    left_out, remarks : dict of str to str
        Why a column is not used; what is to be said of one that is.
    """

    settings: Settings
    names: list[str]
    by_place: bool
    encodings: dict[str, Encoding]
    left_out: dict[str, str]
    remarks: dict[str, str]

    @cached_property
    def feature_names_out(self) -> list[str]:
        """The columns of the result."""
        return [name for encoding in self.encodings.values() for name in encoding.outputs]

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where the columns of each encoding begin in the result, and end."""
        return list(_spans(self.encodings.values()))

    @cached_property
    def embedded(self) -> dict[str, tuple[int, int]]:
        """The columns that become codes: where they stand in the result, and how many there are."""
        return {
            name: (first, encoding.categories)
            for (name, encoding), (first, _) in zip(self.encodings.items(), self.spans, strict=True)
            if encoding.categories is not None
        }

    @cached_property
    def numbers(self) -> list[int]:
        """The columns of the result that hold numbers on a scale."""
        return [
            first + place
            for encoding, (first, _) in zip(self.encodings.values(), self.spans, strict=True)
            for place in encoding.numbers
        ]

    @cached_property
    def known(self) -> frozenset[str]:
        """The names of all columns of the table."""
        return frozenset(self.names)


def _spans(encodings: Iterable[Encoding]) -> Iterator[tuple[int, int]]:
    last = 0
    for encoding in encodings:
        first, last = last, last + len(encoding.outputs)
        yield first, last
