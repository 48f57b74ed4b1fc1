"""Checks of single arguments that many functions share."""

from typing import Any

import numpy as np


def expect_count(value: Any, what: str, least: int) -> int:
    """A whole number that is not too small."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(f"{what} is {value!r}: expected an integer")
    if value < least:
        raise ValueError(f"{what} is {value}: expected {least} or more")
    return int(value)
