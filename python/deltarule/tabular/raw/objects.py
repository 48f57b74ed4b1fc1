"""Columns of Python's own objects, and NumPy's arrays: told by the types that are in them."""

from __future__ import annotations

import datetime as dt
import sys
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.tabular.raw.columns import (
    DAY,
    TOO_LONG,
    Column,
    Levels,
    Nothing,
    Other,
    durations,
    numbers,
    times,
    truths,
)

_BOOLS = (bool, np.bool_)
_FLOATS = (float, np.floating)
_NUMBERS = (int, np.integer, *_FLOATS, Decimal, Fraction, *_BOOLS)
_DATES = (dt.date, np.datetime64)  # a datetime is a date
_DURATIONS = (dt.timedelta, np.timedelta64)
_MOST_DAYS = 2**63 // DAY - 1
# pandas' own words for what is missing, and its objects that are told by their text.
_MISSING_TYPES = ("NoneType", "NAType", "NaTType")
_TOLD_BY_TEXT = ("Period", "Interval")


def of_array(values: Array) -> Column:
    """A column of an array of one dimension, of any type."""
    if "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(values)
        return _among_missing(of_array(np.asarray(values.data)[~masked]), masked)
    match values.dtype.kind:
        case "b":
            return truths(values)
        case "i" | "u" | "f":
            return numbers(values)
        case "M":
            return times(values)
        case "m":
            return durations(values)
        case "U":
            levels, codes = np.unique(values, return_inverse=True)
            return Levels(codes, levels.tolist())
        case "T" | "O":
            return of_objects(values.tolist())
        case _:
            return Other(len(values), f"values of type {values.dtype}")


def of_objects(values: Sequence[Any]) -> Column:
    """A column of objects, each of a type of its own."""
    types = set(map(type, values))
    if types <= {str}:
        return _text(values)
    missing = np.zeros(len(values), bool)
    if any(kind.__name__ in _MISSING_TYPES or issubclass(kind, _FLOATS) for kind in types):
        missing = np.fromiter(map(_is_missing, values), bool, len(values))
        values = [value for value, gone in zip(values, missing.tolist(), strict=True) if not gone]
        types = set(map(type, values))
    if not values:
        return Nothing(len(missing))
    found = _of_types(values, types)
    return _among_missing(found, missing) if missing.any() else found


def _among_missing(column: Column, missing: Array) -> Column:
    """A column whose rows stand where nothing is missing."""
    if not len(column):
        return Nothing(len(missing))
    codes = np.full(len(missing), -1)
    codes[~missing] = np.arange(len(column))
    return column.taken(codes)


def _is_missing(value: Any) -> bool:
    kind = type(value)
    return kind.__name__ in _MISSING_TYPES or (issubclass(kind, _FLOATS) and value != value)


def _of_types(values: Sequence[Any], types: set[type]) -> Column:
    """A column without a missing value."""

    def all_are(*wanted: type) -> bool:
        return all(issubclass(kind, wanted) for kind in types)

    if all_are(*_BOOLS):
        return truths(np.array(values, bool))
    if all_are(*_DURATIONS):  # first, as NumPy's are integers to Python
        return _durations(values)
    if all_are(*_NUMBERS):
        return _numbers(values)
    if all_are(str):
        return _text(map(str, values))
    if all_are(str, *_NUMBERS, uuid.UUID):
        return _text(map(as_text, values))
    if all_are(*_DATES):
        return _times(values)
    if all_are(dt.time):
        return numbers([_hours(value) for value in values])
    if all(kind.__name__ in _TOLD_BY_TEXT for kind in types):
        return _text(map(str, values))
    return Other(len(values), f"objects of type {sorted(kind.__name__ for kind in types)[0]}")


def _numbers(values: Sequence[Any]) -> Column:
    try:
        return numbers(np.fromiter(map(float, values), np.float64, len(values)))
    except OverflowError:
        return Other(len(values), "whole numbers that no float64 holds")


def _text(values: Iterable[str]) -> Levels:
    places: dict[str, int] = {}
    codes = np.fromiter((places.setdefault(value, len(places)) for value in values), np.int64)
    return Levels(codes, list(places))


def as_text(value: Any) -> str:
    """A value as the level of a category: whole numbers are the same of any type."""
    if isinstance(value, _FLOATS) and float(value).is_integer():
        return str(int(value))
    return repr(float(value)) if isinstance(value, _FLOATS) else str(value)


def _times(values: Sequence[Any]) -> Column:
    if all(isinstance(value, np.datetime64) for value in values):
        return times(np.array(values))
    shifts = [getattr(value, "tzinfo", None) and value.utcoffset() for value in values]
    zoned = {shift is not None for shift in shifts}
    if len(zoned) > 1:
        return Other(len(values), "times with a zone and times without one")
    if zoned == {False}:
        return times(np.array(values, "datetime64[us]"))
    shown = np.array([value.replace(tzinfo=None) for value in values], "datetime64[us]")
    return times(shown - np.array(shifts, "timedelta64[us]"), zoned=True)


def _durations(values: Sequence[Any]) -> Column:
    if all(isinstance(value, np.timedelta64) for value in values):
        return durations(np.array(values))
    if any(isinstance(value, dt.timedelta) and abs(value.days) > _MOST_DAYS for value in values):
        return Other(len(values), TOO_LONG)
    return durations(np.array(values, "timedelta64[us]"))


def _hours(time: dt.time) -> float:
    seconds = (time.hour * 60 + time.minute) * 60 + time.second
    return (seconds * 1_000_000 + time.microsecond) / 3.6e9
