"""`TableEncoder` on columns of every type that libraries have: the same values, the same bits."""

import datetime as dt
import decimal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from deltarule.tabular import TableEncoder
from support import assert_same_bits

M = 60
RNG = np.random.default_rng(0)
START = dt.datetime(1955, 3, 1, 4)
MOMENTS = [START + dt.timedelta(hours=float(hours)) for hours in RNG.integers(0, 300_000, M)]
ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
UNITS = ("s", "ms", "us", "ns")

WHOLE: dict[str, list[Any]] = {
    "whole numbers": RNG.integers(0, 100, M).tolist(),
    "numbers": (RNG.integers(-50, 50, M) / 4).tolist(),
    "truths": (RNG.uniform(size=M) < 0.5).tolist(),
    "texts": RNG.choice(["a", "b", "c"], M).tolist(),
    "moments": MOMENTS,
    "moments of a zone": [moment.replace(tzinfo=dt.UTC) for moment in MOMENTS],
    "days": [moment.date() for moment in MOMENTS],
    "durations": [dt.timedelta(hours=float(hours)) for hours in RNG.integers(1, 1000, M)],
    "times of day": [dt.time(int(hour), 7, 13) for hour in RNG.integers(0, 24, M)],
}
CONTENTS = WHOLE | {
    f"{name}, some missing": [None if row % 7 == 3 else value for row, value in enumerate(values)]
    for name, values in WHOLE.items()
}
Column = tuple[str, Any]


def each(values: list[Any], make: Callable[[Any], Any]) -> list[Any]:
    return [None if value is None else make(value) for value in values]


def naive(values: list[Any]) -> list[Any]:
    return each(values, lambda value: value.replace(tzinfo=None))


def decimals(values: list[Any]) -> list[Any]:
    return each(values, lambda value: decimal.Decimal(repr(value)))


# What each library can hold such values as -------------------------------------------------------


def of_python(content: str, values: list[Any]) -> Iterator[Column]:
    missing = None in values
    match content:
        case "whole numbers" | "numbers":
            yield "text", each(values, str)
            yield (
                "mixed",
                [
                    value
                    if value is None
                    else (decimal.Decimal(repr(value)), np.float32(value))[row % 2]
                    for row, value in enumerate(values)
                ],
            )
            floats = np.array(values, np.float64)
            for kind in ("f2", "f4", "f8", ">f8", "g"):
                yield kind, floats.astype(kind)
            holes = np.isnan(floats)
            yield "masked", np.ma.MaskedArray(np.where(holes, 77, floats), holes)
            if content == "whole numbers" and not missing:
                for kind in ("i1", "u1", "i2", "i4", ">i4", "i8", "u8"):
                    yield kind, np.array(values, kind)
        case "truths":
            yield "NumPy's", each(values, np.bool_)
            if not missing:
                yield "array", np.array(values)
        case "texts":
            yield "U", np.array(each(values, str) if not missing else [v or "" for v in values])
            yield "NumPy's", each(values, np.str_)
            yield "object", np.array(values, object)
        case "moments":
            for unit in ("h", "m", *UNITS):
                yield unit, np.array(values, "M8[us]").astype(f"M8[{unit}]")
            yield "text", each(values, str)
            yield "NumPy's", each(values, np.datetime64)
        case "moments of a zone":
            zone = dt.timezone(dt.timedelta(hours=-9, minutes=-30))
            yield "another zone", each(values, lambda value: value.astimezone(zone))
            yield "text", each(values, lambda value: value.astimezone(zone).isoformat())
        case "days":
            yield "D", np.array(values, "M8[D]")
            yield "text", each(values, str)
        case "durations":
            for unit in ("h", "m", *UNITS):
                yield unit, np.array(values, "m8[us]").astype(f"m8[{unit}]")
            yield "NumPy's", each(values, np.timedelta64)


def of_pandas(content: str, values: list[Any]) -> Iterator[Column]:
    pandas = pytest.importorskip("pandas")
    missing = None in values

    def types(*kinds: str) -> Iterator[Column]:
        for kind in kinds:
            yield kind, pandas.Series(values, dtype=kind)

    match content:
        case "whole numbers":
            yield from types(
                *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
            )
            yield from types("Float32", "Float64", "float32", "object")
            if not missing:
                yield from types("int8", "uint16", "int32", "uint64", "Sparse[int]")
        case "numbers":
            yield from types("Float32", "Float64", "float32", "float64", "object", "Sparse[float]")
            yield "decimals", pandas.Series(decimals(values))
        case "truths":
            yield from types("boolean", "object", "category")
            if not missing:
                yield from types("bool", "Sparse[bool]")
        case "texts":
            yield from types("object", "string", "str", "category")
            yield "python", pandas.Series(values, dtype=pandas.StringDtype("python"))
            levels = ["c", "b", "unused", "a"]
            yield "ordered", pandas.Series(pandas.Categorical(values, levels, ordered=True))
        case "moments":
            for unit in UNITS:
                yield from types(f"datetime64[{unit}]")
            yield from types("object")
            yield "category", pandas.Series(values, dtype="datetime64[us]").astype("category")
            yield "Timestamp", each(values, pandas.Timestamp)
        case "moments of a zone":
            for zone in ZONES:
                for unit in UNITS:
                    series = pandas.Series(naive(values), dtype=f"datetime64[{unit}]")
                    yield f"{unit} {zone}", series.dt.tz_localize("UTC").dt.tz_convert(zone)
            yield "Timestamp", each(values, pandas.Timestamp)
        case "days":
            yield from types("datetime64[s]", "object")
        case "durations":
            for unit in UNITS:
                yield from types(f"timedelta64[{unit}]")
            yield "Timedelta", each(values, pandas.Timedelta)
        case "times of day":
            yield from types("object")


def of_polars(content: str, values: list[Any]) -> Iterator[Column]:
    polars = pytest.importorskip("polars")

    def types(*kinds: Any) -> Iterator[Column]:
        for kind in kinds:
            yield str(kind), polars.Series(values, dtype=kind)

    match content:
        case "whole numbers":
            for sign in ("", "U"):
                yield from types(*(getattr(polars, f"{sign}Int{bits}") for bits in (8, 16, 32, 64)))
            yield from types(polars.Int128, polars.Float32, polars.Float64)
            yield "Decimal", polars.Series(decimals(values), dtype=polars.Decimal(9, 2))
        case "numbers":
            yield from types(polars.Float32, polars.Float64)
            yield "Decimal", polars.Series(decimals(values), dtype=polars.Decimal(9, 2))
        case "truths":
            yield from types(polars.Boolean)
        case "texts":
            yield from types(polars.String, polars.Categorical, polars.Object)
            yield from types(polars.Enum(["unused", "c", "a", "b"]))
        case "moments":
            yield from types(*map(polars.Datetime, ("ms", "us", "ns")), polars.Object)
        case "moments of a zone":
            for zone in ZONES:
                yield from types(*(polars.Datetime(unit, zone) for unit in ("ms", "us", "ns")))
        case "days":
            yield from types(polars.Date)
        case "durations":
            yield from types(*map(polars.Duration, ("ms", "us", "ns")))
        case "times of day":
            yield from types(polars.Time)


def of_arrow(content: str, values: list[Any]) -> Iterator[Column]:
    """Arrow's own, and such columns of pandas."""
    arrow = pytest.importorskip("pyarrow")
    for name, array in _arrays(content, values, arrow):
        yield name, array
        halves = [array.slice(0, M // 2), array.slice(M // 2)]
        yield f"{name} in chunks", arrow.chunked_array(halves)
        pandas = pytest.importorskip("pandas")
        yield f"pandas {name}", pandas.Series(pandas.arrays.ArrowExtensionArray(array))


def _arrays(content: str, values: list[Any], arrow: Any) -> Iterator[Column]:
    def types(*kinds: Any) -> Iterator[Column]:
        for kind in kinds:
            yield str(kind), arrow.array(values, kind)

    match content:
        case "whole numbers":
            for sign in ("", "u"):
                yield from types(
                    *(getattr(arrow, f"{sign}int{bits}")() for bits in (8, 16, 32, 64))
                )
            yield from types(arrow.float32(), arrow.float64())
            yield "decimal", arrow.array(decimals(values), arrow.decimal128(9, 2))
        case "numbers":
            yield from types(arrow.float32(), arrow.float64())
            yield "half", arrow.array(each(values, np.float16), arrow.float16())
            yield "decimal", arrow.array(decimals(values), arrow.decimal256(40, 2))
        case "truths":
            yield from types(arrow.bool_())
            yield "dictionary", arrow.array(values).dictionary_encode()
        case "texts":
            yield from types(arrow.string(), arrow.large_string(), arrow.string_view())
            yield from types(arrow.dictionary(arrow.int8(), arrow.string()))
            codes = arrow.array(each(values, "c_ab".index), arrow.int32())
            yield "dictionary", arrow.DictionaryArray.from_arrays(codes, ["c", None, "a", "b"])
        case "moments":
            yield from types(*map(arrow.timestamp, UNITS))
        case "moments of a zone":
            for zone in ZONES:
                yield from types(*(arrow.timestamp(unit, zone) for unit in UNITS))
        case "days":
            yield from types(arrow.date32(), arrow.date64())
        case "durations":
            yield from types(*map(arrow.duration, UNITS))
        case "times of day":
            yield from types(arrow.time32("s"), arrow.time32("ms"))
            yield from types(arrow.time64("us"), arrow.time64("ns"))


LIBRARIES = {"Python": of_python, "pandas": of_pandas, "polars": of_polars, "Arrow": of_arrow}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_values_are_the_same_bits(library: str, content: str) -> None:
    values = CONTENTS[content]
    plain = TableEncoder(min_count=1).fit({"x": values})
    X = plain.transform({"x": values})
    for name, column in LIBRARIES[library](content.partition(",")[0], values):
        made = TableEncoder(min_count=1).fit({"x": column})
        assert made.describe() == plain.describe(), name
        for encoder, given in ((made, column), (plain, column), (made, values)):
            assert_same_bits(encoder.transform({"x": given}), X)


def test_every_content_is_of_its_kind() -> None:
    """The test above would be empty if they were left out."""
    kinds = ["number"] * 2 + ["category"] * 2 + ["date"] * 3 + ["number"] * 2
    for (content, values), kind in zip(CONTENTS.items(), kinds * 2, strict=True):
        assert TableEncoder().fit({"x": values}).found == {"x": kind}, content


# What is left out, with a word -------------------------------------------------------------------


def strange() -> Iterator[Column]:
    """What no network is made for."""
    yield "complex numbers", np.array([1j, 2] * 9)
    yield "bytes", np.array([b"a", b"b"] * 9)
    yield "sets", [{1}, {2}] * 9
    yield "numbers and lists", [1, [2]] * 9
    yield "dates that are too far", np.array([10**9, 0] * 9, "M8[D]")
    yield "durations that are too long", np.array([10**9, 0] * 9, "m8[W]")
    yield "objects that are too far", [np.datetime64(10**9, "D"), np.datetime64(0, "D")] * 9
    yield "objects that are too long", [dt.timedelta.max, dt.timedelta(1)] * 9


def strange_of_pandas() -> Iterator[Column]:
    pandas = pytest.importorskip("pandas")
    yield "lists", pandas.Series([[1], [2]] * 9)
    yield "dictionaries", pandas.Series([{}, {"a": 1}] * 9)
    yield "bytes", pandas.Series([b"a", b"b"] * 9)
    yield "tuples", pandas.MultiIndex.from_tuples([(1, 2), (3, 4)] * 9)


def strange_of_polars() -> Iterator[Column]:
    polars = pytest.importorskip("polars")
    yield "lists", polars.Series([[1], [2]] * 9)
    yield "arrays", polars.Series([[1], [2]] * 9, dtype=polars.Array(polars.Int8, 1))
    yield "structs", polars.Series([{"a": 1}, {"a": 2}] * 9)
    yield "bytes", polars.Series([b"a", b"b"] * 9)
    far = polars.Series([2**62, -(2**62), 1] * 6)
    yield "moments that are too far", far.cast(polars.Datetime("ms"))
    yield "durations that are too long", far.cast(polars.Duration("ms"))
    days = polars.Series([2**31 - 1, 1] * 9, dtype=polars.Int32)
    yield "days that are too far", days.cast(polars.Date)


def strange_of_arrow() -> Iterator[Column]:
    arrow = pytest.importorskip("pyarrow")
    yield "lists", arrow.array([[1], [2]] * 9)
    yield "maps", arrow.array([[("a", 1)], []] * 9, arrow.map_(arrow.string(), arrow.int8()))
    for kind in (arrow.binary(), arrow.large_binary(), arrow.binary_view()):
        yield str(kind), arrow.array([b"a", b"b"] * 9, kind)
    days = arrow.array([2**31 - 1, 1] * 9, arrow.int32())
    yield "days that are too far", days.cast(arrow.date32())
    yield "durations that are too long", arrow.array([2**62, 1] * 9, arrow.duration("s"))
    yield "moments that are too far", arrow.array([2**62, 1] * 9, arrow.timestamp("s"))


@pytest.mark.parametrize(
    "library", [strange, strange_of_pandas, strange_of_polars, strange_of_arrow]
)
def test_what_is_left_out_with_a_word(library: Callable[[], Iterator[Column]]) -> None:
    for name, column in library():
        made = TableEncoder().fit({"x": column, "k": np.arange(18) / 3})
        assert made.left_out["x"].startswith("it holds "), name
        assert "too far" in made.left_out["x"] or "far" not in name
        assert "too long" in made.left_out["x"] or "long" not in name


def test_pandas_types_that_are_categories() -> None:
    pandas = pytest.importorskip("pandas")
    for column in (
        pandas.Series(pandas.period_range("1969", periods=18, freq="Q")),
        pandas.Series(pandas.interval_range(0, 18)),
        pandas.Series([3, 1, 2] * 6, dtype="category"),
        pandas.Series(pandas.Categorical([3, 1, 2] * 6, ordered=True)),
        pandas.Series([0.5, None, 1.5] * 6, dtype="category"),
    ):
        made = TableEncoder(min_count=1).fit({"x": column})
        assert made.found == {"x": "category"}
        assert len(np.unique(made.transform({"x": column}), axis=0)) == column.nunique(dropna=False)


# Columns without a value -------------------------------------------------------------------------


def nothing() -> Iterator[Column]:
    yield "lists", [None] * 4
    yield "NaN", [float("nan")] * 4
    yield "float64", np.full(4, np.nan)
    yield "datetime64", np.full(4, "NaT", "M8[s]")
    yield "timedelta64", np.full(4, "NaT", "m8[s]")
    yield "empty text", np.array([""] * 4)
    for kind in (int, float, bool, "M8[s]", "U3"):
        yield f"masked {kind}", np.ma.masked_all(4, kind)


def nothing_of_pandas() -> Iterator[Column]:
    pandas = pytest.importorskip("pandas")
    for kind in ("Int64", "Float64", "boolean", "string", "category", "datetime64[ns]", "object",
                 "datetime64[us, UTC]", "timedelta64[s]", "period[M]", "interval"):  # fmt: skip
        yield kind, pandas.Series([None] * 4, dtype=kind)
    moments = pandas.to_datetime(["2000-01-01", "2001-01-01"])
    for levels in ([1, 2], [0.5], ["a", "b"], [True, False], moments):
        yield f"categories {levels}", pandas.Series(pandas.Categorical([None] * 4, levels))
    yield "NaT", [pandas.NaT] * 4
    yield "NA", [pandas.NA] * 4


def nothing_of_polars() -> Iterator[Column]:
    pl = pytest.importorskip("polars")
    for kind in (pl.Int8, pl.Float64, pl.Boolean, pl.String, pl.Categorical, pl.Enum(["a"]),
                 pl.Date, pl.Datetime("us", "UTC"), pl.Duration, pl.Time, pl.Null, pl.Object,
                 pl.List(pl.Int8), pl.Decimal(5, 2), pl.Binary):  # fmt: skip
        yield str(kind), pl.Series([None] * 4, dtype=kind)


def nothing_of_arrow() -> Iterator[Column]:
    pa = pytest.importorskip("pyarrow")
    for kind in (pa.int8(), pa.float64(), pa.bool_(), pa.string(), pa.date32(), pa.null(),
                 pa.dictionary(pa.int8(), pa.string()), pa.timestamp("us", "UTC"), pa.binary(),
                 pa.duration("s"), pa.time64("us"), pa.list_(pa.int8())):  # fmt: skip
        yield str(kind), pa.nulls(4, kind)
    codes = pa.array([0, 0, None, 0], pa.int8())
    yield "a level that is null", pa.DictionaryArray.from_arrays(codes, pa.array([None, "a"]))


@pytest.mark.parametrize(
    "library", [nothing, nothing_of_pandas, nothing_of_polars, nothing_of_arrow]
)
def test_a_column_without_a_value_is_so_whatever_its_type(
    library: Callable[[], Iterator[Column]],
) -> None:
    fitted = {
        "number": [1.5, 2.5, 3.5, 4.5] * 5,
        "text": ["a", "b", "c", "d"] * 5,
        "truth": [True, False, True, False] * 5,
        "date": ["2001-01-01", "2002-02-02"] * 10,
        "moment": ["2001-01-01T00:00Z", "2003-02-02T00:00Z"] * 10,
        "few": [1, 2, 3, 4] * 5,
    }
    encoder = TableEncoder(min_count=1, kinds={"few": "category"}).fit(fitted)
    expected = encoder.transform({name: [None] * 4 for name in fitted})
    for what, column in library():
        made = TableEncoder().fit({"k": [1.5, 2.5, 3.5, 4.5], "x": column})
        assert made.left_out == {"x": "it has no value"}, what
        for name in fitted:
            table: dict[str, Any] = {other: [None] * 4 for other in fitted} | {name: column}
            assert_same_bits(encoder.transform(table), expected)


def test_categories_that_no_row_has_are_of_no_account() -> None:
    """A part of a frame keeps the names of all categories of the whole."""
    pandas = pytest.importorskip("pandas")
    encoder = TableEncoder().fit({"x": ["1.5", "2.5", "3.5"]})
    part = pandas.Series(["word", "2.5"], dtype="category")[1:]
    assert_same_bits(encoder.transform({"x": part}), encoder.transform({"x": [2.5]}))


def test_moments_at_the_ends_of_time_keep_their_zones() -> None:
    zones = [dt.timezone(dt.timedelta(hours=hours)) for hours in (-5, 5)]
    values = [dt.datetime.max.replace(tzinfo=zones[0]), dt.datetime.min.replace(tzinfo=zones[1])]
    made = TableEncoder(scaling="standard").fit({"x": values})
    X = made.transform({"x": values})
    text = ["9999-12-31T23:59:59.999999-05:00", "0001-01-01T00:00+05:00"]
    assert_same_bits(made.transform({"x": text}), X)
