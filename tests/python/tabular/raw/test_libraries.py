"""A column of every type of pandas, polars, Arrow and NumPy is one of few things."""

import datetime as dt
import decimal
import fractions
import uuid
from typing import Any

import numpy as np
import pytest

from deltarule.tabular.raw.columns import DAY, Column, Levels, Nothing, Numbers, Other, Times
from deltarule.tabular.raw.tables import table_of


def opened(raw: Any) -> Column:
    return table_of({"a": raw}, "test", "X").column("a", len(raw), "test", "X")


def values(column: Column) -> list[Any]:
    """What stands in each row: a number, text, a moment or None."""
    match column:
        case Numbers():
            return [None if np.isnan(value) else value for value in column.values.tolist()]
        case Levels():
            texts = [*column.levels, None]
            return [texts[code] for code in column.codes.tolist()]
        case Times():
            moments = column.ticks.astype("datetime64[us]").tolist()
            return [
                None if gone else each for each, gone in zip(moments, column.missing, strict=True)
            ]
        case Nothing():
            return [None] * len(column)
    raise AssertionError(column)


DAY_1 = dt.date(1969, 12, 30)
MOMENT = dt.datetime(1901, 2, 3, 4, 5, 6, 789)
ZONE = dt.timezone(dt.timedelta(hours=2))
UTC = dt.UTC

PANDAS = [
    *((kind, [1, 2], [1.0, 2.0]) for kind in ("int8", "uint16", "int64", "uint64", "float32")),
    *((kind, [1, None], [1.0, None]) for kind in ("Int8", "Int64", "UInt32", "Float32", "Float64")),
    ("float64", [1.5, None], [1.5, None]),
    ("object", [1, None], [1.0, None]),
    ("object", [decimal.Decimal("1.5"), None], [1.5, None]),
    ("bool", [True, False], ["True", "False"]),
    ("boolean", [True, None], ["True", None]),
    ("object", [True, None], ["True", None]),
    ("str", ["b", None], ["b", None]),
    ("string", ["b", None], ["b", None]),
    ("object", ["b", 1, None], ["b", "1", None]),
    ("category", ["b", None, "a"], ["b", None, "a"]),
    ("category", [2, None, 1], [2.0, None, 1.0]),
    ("category", [True, None, False], ["True", None, "False"]),
    ("datetime64[ns]", [DAY_1, None], [dt.datetime(1969, 12, 30), None]),
    ("datetime64[s]", [DAY_1, None], [dt.datetime(1969, 12, 30), None]),
    ("datetime64[us]", [MOMENT, None], [MOMENT, None]),
    ("object", [DAY_1, None], [dt.datetime(1969, 12, 30), None]),
    ("datetime64[us, Europe/Rome]", [MOMENT, None], [MOMENT - dt.timedelta(minutes=50), None]),
    ("timedelta64[s]", [dt.timedelta(hours=36), None], [1.5, None]),
    ("object", [dt.time(1, 30), None], [1.5, None]),
    ("period[M]", ["1969-12", None], ["1969-12", None]),
    ("Sparse[float64]", [0.0, 1.0], [0.0, 1.0]),
    ("Sparse[int]", [0, 1], [0.0, 1.0]),
    ("object", [None, float("nan")], [None, None]),
    ("Int64", [None, None], [None, None]),
    ("string", [None, None], [None, None]),
]


@pytest.mark.parametrize(("dtype", "given", "expected"), PANDAS)
def test_pandas(dtype: str, given: list[Any], expected: list[Any]) -> None:
    pandas = pytest.importorskip("pandas")
    if "Rome" in dtype:
        series = pandas.Series(given, dtype="datetime64[us]").dt.tz_localize("Europe/Rome")
        # Rome's clocks were 49 minutes 56 seconds ahead until 1893, and an hour since.
        expected = [MOMENT - dt.timedelta(hours=1), None]
    else:
        series = pandas.Series(given, dtype=dtype)
    column = opened(series)
    assert values(column) == expected
    assert not isinstance(column, Times) or column.zoned == ("Rome" in dtype)
    assert getattr(column, "categorical", False) == (dtype == "category" and given[0] is not True) \
        or isinstance(column, Levels)  # fmt: skip


def test_pandas_own_words_for_what_is_missing() -> None:
    pandas = pytest.importorskip("pandas")
    for missing in (pandas.NA, pandas.NaT, None, float("nan"), np.float32("nan")):
        assert values(opened(pandas.Series(["a", missing], dtype=object))) == ["a", None]
        assert values(opened(["a", missing])) == ["a", None]
        assert values(opened([1.5, missing])) == [1.5, None]
        assert values(opened([True, missing])) == ["True", None]
        assert values(opened([DAY_1, missing])) == [dt.datetime(1969, 12, 30), None]


def test_pandas_of_other_things() -> None:
    pandas = pytest.importorskip("pandas")
    intervals = pandas.Series(pandas.interval_range(0, 2))
    assert values(opened(intervals)) == ["(0, 1]", "(1, 2]"]
    assert opened(pandas.Series([1j])) == Other(1, "values of type complex128")
    assert opened(pandas.Series([[1], {}])) == Other(2, "objects of type dict")


@pytest.mark.parametrize(
    ("dtype", "given", "expected"),
    [
        *((f"{sign}Int{bits}", [1, None], [1.0, None])
          for sign in ("", "U") for bits in (8, 16, 32, 64)),
        ("Int128", [1, None], [1.0, None]),
        ("Float32", [1.5, None], [1.5, None]),
        ("Float64", [1.5, float("nan")], [1.5, None]),
        ("Decimal", [decimal.Decimal("1.5"), None], [1.5, None]),
        ("Boolean", [True, None], ["True", None]),
        ("String", ["b", None], ["b", None]),
        ("Categorical", ["b", None, "a"], ["b", None, "a"]),
        ("Enum", ["b", None, "a"], ["b", None, "a"]),
        ("Date", [DAY_1, None], [dt.datetime(1969, 12, 30), None]),
        ("Datetime", [MOMENT, None], [MOMENT, None]),
        ("Datetime ms", [MOMENT, None], [MOMENT.replace(microsecond=0), None]),
        ("Datetime ns", [MOMENT, None], [MOMENT, None]),
        ("Datetime zone", [MOMENT, None], [MOMENT, None]),
        ("Duration", [dt.timedelta(hours=36), None], [1.5, None]),
        ("Time", [dt.time(1, 30), None], [1.5, None]),
        ("Null", [None, None], [None, None]),
        ("String", [None, None], [None, None]),
        ("Object", ["b", 1], ["b", "1"]),
    ],
)  # fmt: skip
def test_polars(dtype: str, given: list[Any], expected: list[Any]) -> None:
    polars = pytest.importorskip("polars")
    kind = {
        "Enum": lambda: polars.Enum(["a", "b", "c"]),
        "Decimal": lambda: polars.Decimal(10, 2),
        "Datetime ms": lambda: polars.Datetime("ms"),
        "Datetime ns": lambda: polars.Datetime("ns"),
        "Datetime zone": lambda: polars.Datetime("us", "Europe/Rome"),
    }.get(dtype, lambda: getattr(polars, dtype))()
    series = polars.Series(given, dtype=kind)
    column = opened(series)
    assert values(column) == expected
    assert not isinstance(column, Times) or column.zoned == (dtype == "Datetime zone")
    assert getattr(column, "categorical", False) == (dtype in ("Categorical", "Enum"))


def test_polars_of_other_things() -> None:
    polars = pytest.importorskip("polars")
    for kind, given in (
        (polars.List(polars.Int64), [[1]]),
        (polars.Struct({"a": polars.Int64}), [{"a": 1}]),
        (polars.Binary, [b"a"]),
        (polars.Array(polars.Int64, 1), [[1]]),
    ):
        column = opened(polars.Series(given, dtype=kind))
        assert isinstance(column, Other)
        assert str(kind) in column.holds or kind == polars.Binary


def test_categories_of_polars_that_are_numbered_from_elsewhere() -> None:
    polars = pytest.importorskip("polars")
    polars.Series([f"other {i}" for i in range(1000)], dtype=polars.Categorical)
    texts = [f"text {i % 7}" for i in range(50)]
    assert values(opened(polars.Series(texts, dtype=polars.Categorical))) == texts


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        *((kind, [1, None], [1.0, None]) for kind in ("int8", "uint32", "int64", "float32")),
        ("bool_", [True, None], ["True", None]),
        ("string", ["b", None], ["b", None]),
        ("large_string", ["b", None], ["b", None]),
        ("date32", [DAY_1, None], [dt.datetime(1969, 12, 30), None]),
        ("null", [None, None], [None, None]),
    ],
)
def test_arrow(kind: str, given: list[Any], expected: list[Any]) -> None:
    arrow = pytest.importorskip("pyarrow")
    array = arrow.array(given, getattr(arrow, kind)())
    assert values(opened(array)) == expected
    assert values(opened(arrow.chunked_array([array, array]))) == expected * 2


def test_arrow_of_other_things() -> None:
    arrow = pytest.importorskip("pyarrow")
    for unit in ("s", "ms", "us", "ns"):
        column = opened(arrow.array([MOMENT, None], arrow.timestamp(unit, "Europe/Rome")))
        assert isinstance(column, Times)
        assert column.zoned
        assert column.missing.tolist() == [False, True]
        assert abs(column.ticks[0] - np.datetime64(MOMENT, "us").astype(int)) < 1_000_000
    decimals = arrow.array([decimal.Decimal("1.5"), None])
    assert values(opened(decimals)) == [1.5, None]
    coded = opened(arrow.array(["b", None, "a"]).dictionary_encode())
    assert values(coded) == ["b", None, "a"]
    assert coded.categorical  # type: ignore[union-attr]
    assert isinstance(opened(arrow.array([[1], None])), Other)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([1, 2], ">i4"), [1.0, 2.0]),
        (np.array([1.5, np.nan], "f2"), [1.5, None]),
        (np.array([True, False]), ["True", "False"]),
        (np.array(["b", "a", "b"]), ["b", "a", "b"]),
        (np.array(["b", None], object), ["b", None]),
        (np.ma.MaskedArray([1, 2], [True, False]), [None, 2.0]),
        (np.ma.MaskedArray(["a", "b"], [True, False]), [None, "b"]),
        (np.array(["1969-12", "NaT"], "M8[M]"), [dt.datetime(1969, 12, 1), None]),
        (np.array([36, "NaT"], "m8[h]"), [1.5, None]),
        ([np.int64(1), fractions.Fraction(1, 2), True], [1.0, 0.5, 1.0]),
        ([MOMENT.replace(tzinfo=ZONE)], [MOMENT - dt.timedelta(hours=2)]),
        ([np.datetime64("1969-12-30"), DAY_1], [dt.datetime(1969, 12, 30)] * 2),
        ((1, None), [1.0, None]),
        ([2, 2.0, "2"], ["2"] * 3),
    ],
)
def test_numpy_and_python(given: Any, expected: list[Any]) -> None:
    assert values(opened(given)) == expected


def test_python_of_other_things() -> None:
    some = uuid.UUID(int=7)
    assert values(opened([some, "b"])) == [str(some), "b"]
    for given, holds in (
        ([b"a", b"b"], "objects of type bytes"),
        ([1j, 2], "objects of type complex"),
        ([10**400], "whole numbers that no float64 holds"),
        ([MOMENT, MOMENT.replace(tzinfo=UTC)], "times with a zone and times without one"),
        (np.array([b"a"]), "values of type |S1"),
        (np.array([300_000, -99], "M8[Y]"), "dates that are too far away to be counted in micros"),
    ):
        found = opened(given)
        assert isinstance(found, Other)
        assert len(found) == len(given)
        assert found.holds.startswith(holds)


def test_a_day_has_so_many_ticks() -> None:
    column = opened(np.array(["1970-01-02"], "M8[D]"))
    assert isinstance(column, Times)
    assert column.ticks.tolist() == [DAY]


def test_tensors_are_columns() -> None:
    torch = pytest.importorskip("torch")
    assert values(opened(torch.tensor([1.5, 2.5]))) == [1.5, 2.5]
