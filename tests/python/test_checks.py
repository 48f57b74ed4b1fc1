"""Checks of single arguments."""

from typing import Any

import numpy as np
import pytest

from deltarule._checks import expect_count


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_count(value: Any) -> None:
    assert expect_count(value, "fit: epochs", least=3) == 3
    assert type(expect_count(value, "fit: epochs", least=0)) is int


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (2, ValueError, "fit: epochs is 2: expected 3 or more"),
        (3.0, TypeError, r"fit: epochs is 3\.0: expected an integer"),
        (True, TypeError, "fit: epochs is True: expected an integer"),
        (None, TypeError, "fit: epochs is None: expected an integer"),
    ],
)
def test_refused(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        expect_count(value, "fit: epochs", least=3)
