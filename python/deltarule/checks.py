"""Checks of single arguments that many functions share."""

from typing import Any, TypeGuard

import numpy as np


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
