"""Columns of categories: a column of 0 and 1 for each, or their codes, for an embedding."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, cast

import numpy as np

from deltarule._arrays import Array
from deltarule.tabular.encoding.parts import Parts, flag, refuse
from deltarule.tabular.raw.columns import Column, Levels, Nothing, Numbers, Times
from deltarule.tabular.raw.readings import Place, as_levels, as_numbers, as_times, held_by

# Codes that float32 tells apart, less those of what is missing and of what is rare.
_MOST_LEVELS = 2**24 - 2
# What the levels were before they were text.
_SOURCES = ("text", "number", "logical", "time", "zoned time")


@dataclass(frozen=True)
class Category:
    """A column of categories.

    Levels that are rare in fit share one, which is also that of unseen ones; what is missing has a
    level of its own where something was missing in fit, and else that of the rare. Where nothing
    was rare, an unseen level is 0 in all columns.

    Two levels in all are one column of -1 and 1, more are a column of 0 and 1 each. If embedded,
    they are one column of codes, with a code for the rare in any case.
    """

    kind: ClassVar[str] = "category"

    name: str
    source: str
    levels: list[str] = field(repr=False)
    has_missing: bool
    has_rare: bool
    embedded: bool

    @property
    def outputs(self) -> list[str]:
        """The names of the columns that it becomes."""
        if self.embedded:
            return [self.name]
        names = [f"{self.name}={level}" for level in self.levels]
        names += [f"{self.name} missing"] * self.has_missing + [f"{self.name} rare"] * self.has_rare
        return names[1:] if len(names) == 2 else names

    @property
    def numbers(self) -> list[int]:
        """Those of them that hold numbers on a scale."""
        return []

    @property
    def categories(self) -> int | None:
        """How many codes there are, if it is embedded."""
        return len(self.levels) + self.has_missing + 1 if self.embedded else None

    @classmethod
    def fitted(
        cls, name: str, column: Column, place: Place, min_count: int, one_hot: int
    ) -> Category | None:
        """Of a column; None where less than two levels would be left."""
        found = as_levels(column, place)
        counts = np.bincount(found.codes[found.codes >= 0], minlength=len(found.levels))
        kept = np.flatnonzero(counts >= min_count)
        if len(kept) > _MOST_LEVELS:
            kept = kept[np.argsort(-counts[kept], kind="stable")[:_MOST_LEVELS]]
        levels = [found.levels[at] for at in kept.tolist()]
        levels.sort(key=None if not isinstance(column, Numbers) else float)
        has_missing = bool((found.codes < 0).any())
        has_rare = len(kept) < int(np.count_nonzero(counts))
        count = len(levels) + has_missing + has_rare
        if count < 2:
            return None
        return cls(name, _source_of(column), levels, has_missing, has_rare, count > one_hot)

    @property
    def rare_code(self) -> int:
        """The code of rare and of unseen levels; -1 where there is none."""
        return len(self.levels) + self.has_missing if self.has_rare or self.embedded else -1

    @property
    def missing_code(self) -> int:
        """The code of what is missing."""
        return len(self.levels) if self.has_missing else self.rare_code

    @cached_property
    def _places(self) -> dict[str, int]:
        return {level: place for place, level in enumerate(self.levels)}

    @cached_property
    def _numbers(self) -> Array:
        return np.array([float(level) for level in self.levels])

    @cached_property
    def _codes_by_number(self) -> dict[float, int]:
        return {number: code for code, number in enumerate(self._numbers.tolist())}

    def codes(self, column: Column, place: Place) -> Array:
        """Each row's code: the levels', then that of what is missing, then of what is rare."""
        missing, rare = self.missing_code, self.rare_code
        if self.source == "number":
            return self._codes_of_numbers(as_numbers(column, place), missing, rare)
        levels = self._levels_of(column, place)
        known = (self._places.get(level, rare) for level in levels.levels)
        table = np.fromiter((*known, missing), np.int64, len(levels.levels) + 1)
        return cast(Array, table[levels.codes])

    def _codes_of_numbers(self, values: Array, missing: int, rare: int) -> Array:
        if not self.levels:
            return np.where(np.isnan(values), missing, rare)
        at = np.searchsorted(self._numbers, values).clip(max=len(self.levels) - 1)
        codes: Array = np.where(self._numbers[at] == values, at, rare)
        codes[np.isnan(values)] = missing
        return codes

    def _levels_of(self, column: Column, place: Place) -> Levels:
        if self.source.endswith("time"):
            return as_levels(as_times(column, place, self.source == "zoned time"), place)
        logical = self.source == "logical"
        if isinstance(column, Nothing) or (
            isinstance(column, Levels) and column.logical == logical
        ):
            return as_levels(column, place)
        expected = "True and False" if logical else "text"
        mend = "" if logical else "; .astype(str) makes text of numbers"
        return place.refuse_all(f" holds {held_by(column)}", f"{expected}, as in fit{mend}")

    def encode(self, column: Column, place: Place, out: Array) -> None:
        """Write a column's categories to the columns of ``out``, which are 0."""
        codes = self.codes(column, place)
        if self.embedded:
            out[:, 0] = codes
        elif out.shape[1] == 1:
            out[:, 0] = np.array([-1.0, 1.0, 0.0], np.float32)[codes]
        else:
            rows = np.flatnonzero(codes >= 0)
            out[rows, codes[rows]] = 1

    def encode_one(self, value: object, spellings: Collection[str]) -> list[float] | None:
        """The same of a single value, to the bit; None for one that takes the long way."""
        code = self._code_of(value, spellings)
        if code is None:
            return None
        if self.embedded:
            return [float(code)]
        width = len(self.levels) + self.has_missing + self.has_rare
        if width == 2:
            return [(-1.0, 1.0, 0.0)[code]]
        row = [0.0] * width
        if code >= 0:
            row[code] = 1.0
        return row

    def _code_of(self, value: object, spellings: Collection[str]) -> int | None:
        """A single value's code, if it is of a type that needs no look at others."""
        if value is None:
            return self.missing_code
        kind = type(value)
        if kind is str and self.source == "text":
            if value.strip().casefold() in spellings:  # type: ignore[attr-defined]
                return self.missing_code
            return self._places.get(cast(str, value), self.rare_code)
        if kind is bool and self.source == "logical":
            return self._places.get(str(value), self.rare_code)
        if kind in (int, float) and self.source == "number":
            if value != value:
                return self.missing_code
            return self._codes_by_number.get(cast(float, value), self.rare_code)
        return None

    def told(self) -> tuple[str, str]:
        """What was found, and what it becomes, in words."""
        n = len(self.levels)
        found = f"category, {n:,} level{'s' * (n != 1)}"
        found += ", missing" * self.has_missing + ", rare ones" * self.has_rare
        if self.embedded:
            return found, f"codes 0 to {cast(int, self.categories) - 1}, to be embedded"
        return found, "-1 and 1" if len(self.outputs) == 1 else "0 and 1 for each"

    def parts(self) -> Parts:
        """Its state, for a file."""
        source = _SOURCES.index(self.source)
        return Parts.of([source, self.has_missing, self.has_rare, self.embedded], [], self.levels)

    @classmethod
    def of_parts(cls, name: str, parts: Parts, scaling: str) -> Category:
        """From a file's state."""
        parts.expect_no(name, floats=True)
        source, *flags = parts.flags(4, name)
        if not 0 <= source < len(_SOURCES):
            refuse(name, f"the source {source}", f"0 to {len(_SOURCES) - 1}")
        has_missing, has_rare, embedded = (flag(each, name) for each in flags)
        levels = parts.texts
        if len(levels) + has_missing + has_rare < 2 or len(levels) > _MOST_LEVELS:
            refuse(name, f"{len(levels)} levels", f"2 to {_MOST_LEVELS}")
        if len(set(levels)) != len(levels):
            refuse(name, "a level twice", "different ones")
        made = cls(name, _SOURCES[source], levels, has_missing, has_rare, embedded)
        if made.source == "number":
            try:
                numbers = made._numbers
            except ValueError:
                refuse(name, "a level that is no number", "numbers")
            if not (np.diff(numbers) > 0).all():
                refuse(name, "numbers in no order", "rising ones")
        if made.source == "logical" and not set(levels) <= {"False", "True"}:
            refuse(name, "other levels than False and True", "these")
        return made


def _source_of(column: Column) -> str:
    match column:
        case Numbers():
            return "number"
        case Levels(logical=True):
            return "logical"
        case Times(zoned=zoned):
            return "zoned time" if zoned else "time"
    return "text"
