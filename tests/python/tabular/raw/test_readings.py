"""Text that is something else: numbers, moments, and what is missing."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltarule.tabular.raw.columns import Levels, Nothing, Times
from deltarule.tabular.raw.readings import numbers_in, times_in, without_missing


@pytest.mark.parametrize("text", ["1", " 1.5 ", "-2e3", "+.5", "inf", "0", "0.5", "-0", "1e-300"])
def test_numbers(text: str) -> None:
    numbers, bad = numbers_in([text])
    assert bad is None
    assert numbers.tolist() == [float(text)]


@pytest.mark.parametrize(
    "text", ["", "a", "1_000", "01234", "-007", "1,5", "0x1F", "1 2", "2020-01"]
)
def test_no_numbers(text: str) -> None:
    assert numbers_in(["1", text])[1] == 1


@given(st.floats(allow_nan=False))
def test_every_number_s_own_text(number: float) -> None:
    assert numbers_in([repr(number)])[0].tolist() == [number]


@given(st.datetimes(), st.sampled_from("T "), st.sampled_from([None, -720, -90, 0, 330]))
def test_every_moment_s_own_text(moment: dt.datetime, between: str, minutes: int | None) -> None:
    zone = None if minutes is None else dt.timezone(dt.timedelta(minutes=minutes))
    found = times_in([moment.replace(tzinfo=zone).isoformat(between)])
    assert isinstance(found, Times)
    assert found.zoned == (zone is not None)
    expected = np.datetime64(moment, "us") - np.timedelta64(minutes or 0, "m")
    assert found.ticks.astype("datetime64[us]")[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1969-12-31", "1969-12-31"),
        (" 1600-02-29 23:59 ", "1600-02-29T23:59"),
        ("2020-01-01T00:00:00.123456789", "2020-01-01T00:00:00.123456"),
        ("2020-01-01 00:00:00,5Z", "2020-01-01T00:00:00.5"),
        ("2020-01-01T00:00+0530", "2019-12-31T18:30"),
        ("2020-01-01T00:00:00 -01:00", "2020-01-01T01:00"),
    ],
)
def test_moments(text: str, expected: str) -> None:
    found = times_in([text])
    assert isinstance(found, Times)
    assert found.ticks.astype("datetime64[us]")[0] == np.datetime64(expected, "us")


@pytest.mark.parametrize(
    "text", ["", "2020", "2020-01", "20200101", "2020-13-01", "2021-02-29", "2020-01-01T25:00",
             "01-02-2020", "now", "NaT", "2020-01-01+01:00"],
)  # fmt: skip
def test_no_moments(text: str) -> None:
    assert times_in(["2020-01-01", text]) == 1


def test_zones_are_everywhere_or_nowhere() -> None:
    assert times_in(["2020-01-01T00:00", "2020-01-01T00:00Z"]) == 1


def test_without_missing() -> None:
    column = Levels(np.array([0, 1, 2, -1, 1]), ["a", " NA ", "b"])
    found = without_missing(column, {"na"})
    assert isinstance(found, Levels)
    assert found.levels == ["a", "b"]
    assert found.codes.tolist() == [0, -1, 1, -1, -1]
    assert without_missing(column, {"na", "a", "b"}) == Nothing(5)
    assert without_missing(column, {"c"}) is column
