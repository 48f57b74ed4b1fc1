"""Dates: the parts that vary, before 1970 too, and in UTC where there is a zone."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from deltarule.tabular import TableEncoder
from support import assert_same_bits

WORKDAYS = ["1969-12-29", "1969-12-30", "1969-12-31", "1970-01-01", "1970-01-02"]


def names(values: Any) -> list[str]:
    return [each.removeprefix("a ") for each in TableEncoder().fit({"a": values}).feature_names_out]


def test_only_what_varies() -> None:
    assert names(["2020-01-06", "2020-01-13"]) == ["days"]
    assert names(["2020-01-06 07:00", "2020-01-06 08:00"]) == ["days", "hour sin", "hour cos"]
    assert names(["2020-01-06", "2020-02-03", None]) == [
        "days",
        "month sin",
        "month cos",
        "missing",
    ]
    assert names(["2020-01-06", "2021-01-04"]) == ["days", "year"]
    weekdays = ["days", "weekday sin", "weekday cos"]
    assert names(["2020-01-06", "2020-01-07"]) == weekdays


@pytest.mark.parametrize("year", [1600, 1901, 1969, 1970, 2024, 2500])
def test_parts_as_the_calendar_has_them(year: int) -> None:
    moments = [dt.datetime(year, 1, 1) + dt.timedelta(hours=29 * i) for i in range(800)]
    made = TableEncoder(scaling="standard").fit({"a": moments})
    X = dict(zip(made.feature_names_out, made.transform({"a": moments}).T, strict=True))
    for part, period, expected in (
        ("month", 12, [each.month - 1 for each in moments]),
        ("weekday", 7, [each.weekday() for each in moments]),
        ("hour", 24, [each.hour for each in moments]),
    ):
        angle = 2 * np.pi * np.array(expected) / period
        np.testing.assert_allclose(X[f"a {part} sin"], np.sin(angle), atol=1e-6)
        np.testing.assert_allclose(X[f"a {part} cos"], np.cos(angle), atol=1e-6)
    for name, numbers in (
        ("a days", [(each - moments[0]).total_seconds() for each in moments]),
        ("a year", [each.year for each in moments]),
    ):
        expected = (np.array(numbers) - np.mean(numbers)) / np.std(numbers)
        np.testing.assert_allclose(X[name], expected, atol=1e-5)


def test_the_same_moment_in_another_zone() -> None:
    rome = dt.timezone(dt.timedelta(hours=1))
    moments = [dt.datetime(1955, 3, 1, hour % 24, tzinfo=dt.UTC) for hour in range(40)]
    made = TableEncoder().fit({"a": moments})
    expected = made.transform({"a": moments})
    assert_same_bits(made.transform({"a": [each.astimezone(rome) for each in moments]}), expected)
    assert_same_bits(made.transform({"a": [each.isoformat() for each in moments]}), expected)
    naive = [each.replace(tzinfo=None) for each in moments]
    with pytest.raises(ValueError, match="'a' holds times with no zone: expected times with one"):
        made.transform({"a": naive})


def test_what_is_missing() -> None:
    table = {"a": [*WORKDAYS, None]}
    made = TableEncoder().fit(table)
    X = dict(zip(made.feature_names_out, made.transform(table).T, strict=True))
    assert X["a missing"].tolist() == [0, 0, 0, 0, 0, 1]
    assert X["a days"][5] == X["a days"][2]
    assert X["a month sin"][5] == X["a month cos"][5] == 0
