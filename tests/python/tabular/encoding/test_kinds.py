"""What a column is found to be, by its values."""

import uuid
from typing import Any

import numpy as np
import pytest

from deltarule.tabular.encoding.kinds import found_in
from deltarule.tabular.raw.tables import table_of

RNG = np.random.default_rng(0)
SENTENCES = [" ".join(RNG.choice(["we", "saw", "it", "there"], 6)) + str(i) for i in range(60)]


def found(values: Any, name: str = "a") -> tuple[str, str]:
    column = table_of({name: values}, "", "").column(name, len(values), "", "")
    kind, _, why = found_in(name, column)
    return kind, why


@pytest.mark.parametrize(
    "values",
    [
        [1.5, 2.5],
        [1, 2],
        [1, 2, None],
        list(range(9)) * 20,  # too many to be few
        [0, 1, 2] * 19,  # too few rows each
        ["1.5", "2.5"],
        ["1", "22", None],
        RNG.integers(0, 10**9, 100),  # all different, but in no sequence
        [0.5, np.inf],
        [1, np.inf],
        np.arange(19),  # too few rows to number them on purpose
        np.append(np.arange(100), 5),
        np.append(np.arange(100.0), np.nan),
    ],
)
def test_numbers(values: Any) -> None:
    assert found(values) == ("number", "")


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b"],
        [True, False],
        [0, 1, 2] * 20,
        [0.0, 1.0, 2.0, np.nan] * 20,
        ["0", "1", "2"] * 20,
        ["01", "02", "1"],
        ["1", "b"],
        ["x", None],
        [7, None],
        [2.5, None],
        ["2020-01-01", "2020-13-01"],
        SENTENCES[:5] * 12,
    ],
)
def test_categories(values: Any) -> None:
    assert found(values) == ("category", "")


def test_what_a_library_calls_categorical_is_a_category() -> None:
    pandas = pytest.importorskip("pandas")
    for values in ([1.5, 2.5, 3.5], list(range(30)), SENTENCES):
        assert found(pandas.Series(values, dtype="category")) == ("category", "")


@pytest.mark.parametrize(
    "values", [["2020-01-01", None, "1950-12-31 12:00"], np.array(["1950", "1951"], "M8[Y]")]
)
def test_dates(values: Any) -> None:
    assert found(values) == ("date", "")


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("a", [None, None], "no value"),
        ("a", [3, 3], "the same in every row"),
        ("a", ["x", "x"], "the same in every row"),
        ("a", ["2020-01-01"] * 2, "the same in every row"),
        ("a", np.array(["1950", "1950"], "M8[Y]"), "the same in every row"),
        ("a", RNG.permutation(100) + 7, "numbers the rows"),
        ("a", [str(i) for i in range(1, 101)], "numbers the rows"),
        ("CustomerId", RNG.permutation(1000)[:100] * 7, "an identifier: its name"),
        ("user_id", RNG.permutation(1000)[:100] * 7, "an identifier: its name"),
        ("id", RNG.permutation(1000)[:100] * 7, "an identifier: its name"),
        ("a", [str(uuid.UUID(int=i)) for i in range(30)], "UUIDs"),
        ("a", [f"name {i}" for i in range(30)], "differs in every row"),
        ("a", SENTENCES, "free text: 6 words"),
        ("a", [[1], [2]], "it holds objects of type list"),
    ],
)
def test_what_is_left_out(name: str, values: Any, why: str) -> None:
    kind, said = found(values, name)
    assert kind == "drop"
    assert why in said


@pytest.mark.parametrize("name", ["valid", "paid", "Madrid", "ideal", "bid", "grid_size"])
def test_names_that_only_look_like_identifiers(name: str) -> None:
    assert found(RNG.permutation(1000)[:100] * 7, name) == ("number", "")
