"""Checks of single arguments that many functions share."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Mapping, Sized
from types import MappingProxyType
from typing import Any, TypeGuard

import numpy as np

from deltarule._arrays import Array

NO_ALIASES: Mapping[str, str] = MappingProxyType({})


def name_of(given: str, known: Collection[str], aliases: Mapping[str, str] = NO_ALIASES) -> str:
    """The name that is meant: in any case of letters, or the one that an alias stands for.

    Aliases are in lower case. What is no name of anything comes back as it is.
    """
    if given in known:
        return given
    small = given.lower()
    return small if small in known else aliases.get(small, given)


def did_you_mean(
    given: object, known: Iterable[str], aliases: Mapping[str, str] = NO_ALIASES
) -> str:
    """``"; did you mean 'adam'?"`` for the end of a message, or nothing where no name is near."""
    import difflib  # for messages alone

    if not isinstance(given, str) or not given:
        return ""
    names = {name.lower(): name for name in known} | dict(aliases)
    small = given.lower()
    found = [small] if small in names else difflib.get_close_matches(small, names, n=3, cutoff=0.65)
    # "he" is no near match of "he_normal", but its beginning.
    found += [name for name in names if len(small) > 1 and name.startswith(f"{small}_")]
    near = list(dict.fromkeys(names[name] for name in found))[:3]
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number, Python's or NumPy's; True and False are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a real number, Python's or NumPy's; True and False are none."""
    return is_integer(value) or isinstance(value, (float, np.floating))


def expect_integer(value: Any, what: str) -> int:
    """A whole number."""
    if not is_integer(value):
        raise TypeError(f"{what} is {value!r}: expected an integer")
    return int(value)


def expect_count(value: Any, what: str, least: int) -> int:
    """A whole number that is not too small."""
    count = expect_integer(value, what)
    if count < least:
        raise ValueError(f"{what} is {value}: expected {least} or more")
    return count


def expect_size(value: Any, what: str) -> int:
    """A whole number of units, inputs or categories, which the core counts in 32 bits."""
    size = expect_integer(value, what)
    if not 1 <= size < 2**31:
        raise ValueError(f"{what} is {value}: expected 1 or more, and less than 2^31")
    return size


def expect_path(value: Any, what: str) -> str:
    """A path, as a string."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{what} is {value!r}: expected a path, a string or a pathlib.Path")
    return str(os.fspath(value))


def expect_flag(value: Any, what: str, expected: str = "True or False") -> bool:
    """A truth value, Python's or NumPy's."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what} is {value!r}: expected {expected}")
    return bool(value)


def expect_in_range(
    value: Any,
    what: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float = math.inf,
    expected: str | None = None,
) -> float:
    """A real number between two bounds: at ``least`` or ``above``, and at ``most`` or ``below``.

    ``expected`` is what the message calls such numbers, where the bounds do not say it best.
    """
    if not is_number(value):
        raise TypeError(f"{what} is {value!r}: expected {expected or 'a number'}")
    number = float(value)
    high_enough = number > above if above is not None else least is None or number >= least
    low_enough = number <= most if most is not None else number < below
    if high_enough and low_enough and math.isfinite(number):
        return number
    if expected is None:
        high = "finite" if below == math.inf else f"less than {below:g}"
        high = high if most is None else f"{most:g} or less"
        expected = "a finite number" if above is None else f"a number above {above:g} and {high}"
        expected = expected if least is None else f"{least:g} or more and {high}"
    raise ValueError(f"{what} is {value!r}: expected {expected}")


def as_array(values: Any, where: str, what: str) -> Array:
    """An array over a buffer's own memory, or of the numbers of a list of even rows."""
    try:
        return np.asarray(values)
    except ValueError as error:
        if not isinstance(values, (list, tuple)):
            raise
        lengths = [len(row) if isinstance(row, Sized) else 1 for row in values]
        uneven = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
        if uneven is None:
            raise
        raise ValueError(
            f"{where}: {what}[{uneven}] has {lengths[uneven]} numbers but {what}[0] has "
            f"{lengths[0]}: expected rows of one length"
        ) from error


def expect_finite(array: Array, what: str) -> None:
    """Hold all numbers of an array to being finite."""
    refuse(array, ~np.isfinite(array), what, "expected finite numbers")


def refuse(array: Array, bad: Array, what: str, why: str) -> None:
    """Name the first number of an array that is bad, if there is one."""
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        index = ", ".join(map(str, place))
        raise ValueError(f"{what}[{index}] is {array[place]}: {why}")
