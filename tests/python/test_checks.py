"""Checks of single arguments."""

from typing import Any

import numpy as np
import pytest

from deltarule._checks import did_you_mean, expect_count, name_of


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


NAMES, ALIASES = (
    ["adam", "adamw", "he_normal", "he_uniform", "learning_rate"],
    {"lr": "learning_rate"},
)


@pytest.mark.parametrize(
    ("given", "name"),
    [("adam", "adam"), ("Adam", "adam"), ("LR", "learning_rate"), ("rate", "rate"), ("he", "he")],
)
def test_the_name_that_is_meant(given: str, name: str) -> None:
    assert name_of(given, NAMES, ALIASES) == name


def test_a_name_in_capitals_is_itself() -> None:
    assert name_of("SGD", ["SGD", "sgd"]) == "SGD"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("adma", "; did you mean 'adam' or 'adamw'?"),
        ("Learning_Rat", "; did you mean 'learning_rate'?"),
        ("lr", "; did you mean 'learning_rate'?"),
        ("he", "; did you mean 'he_normal' or 'he_uniform'?"),
        ("zzz", ""),
        ("", ""),
        (3, ""),
    ],
)
def test_did_you_mean(given: Any, hint: str) -> None:
    assert did_you_mean(given, NAMES, ALIASES) == hint
