"""`TableEncoder`: the same from any library, columns held by name, and all that may be odd."""

import copy
import pickle
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule.tabular import TableEncoder
from support import assert_same_bits
from support_tables import LIBRARIES, M, columns


def pandas() -> Any:
    return pytest.importorskip("pandas")


# The same, whatever the library ------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_table_of_any_library_is_the_same_table(library: str) -> None:
    table, lists = LIBRARIES[library](), columns()
    plain, made = TableEncoder().fit(lists), TableEncoder().fit(table)
    assert made.describe() == plain.describe()
    assert made.feature_names_out == plain.feature_names_out
    assert_same_bits(made.transform(table), plain.transform(lists))
    assert_same_bits(plain.transform(table), plain.transform(lists))


def test_what_is_found() -> None:
    made = TableEncoder().fit(columns())
    assert made.found == {
        **dict.fromkeys(["age", "income", "paid"], "number"),
        **dict.fromkeys(["city", "sex", "member", "rooms"], "category"),
        **dict.fromkeys(["born", "seen"], "date"),
    }
    assert set(made.left_out) == {"row", "planet"}
    assert made.columns == [name for name in columns() if name not in made.left_out]
    assert made.output_size == len(made.feature_names_out) == made.transform(columns()).shape[1]
    assert len(set(made.feature_names_out)) == made.output_size


def test_levels_stand_in_the_order_of_their_codes() -> None:
    made = TableEncoder().fit(columns())
    assert list(made.levels) == ["city", "sex", "member", "rooms"]
    assert made.levels["rooms"] == ["1", "2", "3", "4", "5"]
    for code, city in enumerate(made.levels["city"]):
        one = made.transform({**{name: None for name in made.columns}, "city": city})  # noqa: C420
        assert one[0, made.feature_names_out.index("city")] == code


def test_nothing_of_it_is_missing() -> None:
    X = TableEncoder().fit_transform(columns())
    assert X.dtype == np.float32
    assert X.shape[0] == M
    assert np.isfinite(X).all()


def test_a_transform_of_the_rows_one_by_one() -> None:
    made, table = TableEncoder().fit(columns()), columns()
    whole = made.transform(table)
    for row in (0, 7, 50, M - 1):
        one = {name: values[row] for name, values in table.items()}
        assert_same_bits(made.transform(one), whole[row : row + 1])
        arrays = {name: np.array(value) for name, value in one.items()}
        assert_same_bits(made.transform(arrays), whole[row : row + 1])


ONE = {
    "a": np.append(np.random.default_rng(0).lognormal(size=30), [np.nan, 1e6]),
    "b": ["x", "y"] * 16,
    "c": ["p", "q", "r", None] * 8,
    "d": [True, False, None, True] * 8,
    "e": ["k", "l", "m", "n", "o", "z", "?", "k"] * 4,
    "f": [1, 2, 0.5, 7] * 8,
    "g": ["2001-01-01", "1960-02-03"] * 16,
}


@pytest.mark.parametrize("scaling", ["quantile", "robust", "standard"])
@pytest.mark.parametrize("one_hot", [4, 0])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_one_example_has_the_bits_that_it_has_among_others(
    scaling: str, one_hot: int, data: st.DataObject
) -> None:
    kinds = {"f": "category"}
    made = TableEncoder(scaling=scaling, one_hot=one_hot, kinds=kinds, min_count=4).fit(ONE)
    text, number = st.sampled_from(["x", "p", "k", "z", " NA", "unseen", None]), st.floats()
    some = [*ONE["a"][:5], 1, 2, True, "1.5", " na ", None, 2**70, np.float32(0.1)]
    near = st.sampled_from(some)
    of_columns = {
        **{name: text for name in "bce"},  # noqa: C420
        **{name: number | near for name in "af"},  # noqa: C420
        "d": st.sampled_from([True, False, None, np.True_]),
        "g": st.sampled_from(["1999-12-31", None, "", np.datetime64("1950")]),
    }
    row = {name: data.draw(values) for name, values in of_columns.items()}
    expected = made.transform({name: [value] for name, value in row.items()})
    assert_same_bits(made.transform(row), expected)


def test_it_is_left_as_it_was_by_a_transform() -> None:
    made = TableEncoder().fit(columns())
    before = pickle.dumps(made.to_state())
    made.transform({name: values[:3] for name, values in columns().items()})
    assert pickle.dumps(made.to_state()) == before


# Columns by name ---------------------------------------------------------------------------------


def test_the_order_of_columns_is_of_no_account() -> None:
    made, table = TableEncoder().fit(columns()), columns()
    turned = {name: table[name] for name in reversed(table)}
    assert_same_bits(made.transform(turned), made.transform(table))


def test_columns_that_are_not_used_may_be_missing() -> None:
    made, table = TableEncoder().fit(columns()), columns()
    expected = made.transform(table)
    del table["row"], table["planet"]
    assert_same_bits(made.transform(table), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": "Age"}, r"no column 'age' \(did you mean 'Age'\?\): expected those of encoder\.c"),
        ({"age": "x", "sex": "z"}, r"no column 'age', 'sex': expected those"),
    ],
)
def test_a_column_that_is_missing_is_named(change: dict[str, str], message: str) -> None:
    made = TableEncoder().fit(columns())
    table = {change.get(name, name): values for name, values in columns().items()}
    with pytest.raises(ValueError, match=f"^TableEncoder.transform: X has {message}"):
        made.transform(table)


def test_new_columns_are_warned_of_once() -> None:
    made = TableEncoder().fit(columns())
    table = columns() | {"new": [1] * M, "newer": ["a"] * M}
    with pytest.warns(dr.TableWarning, match="not there in fit, which are left out: 'new', 'newer"):
        X = made.transform(table)
    assert_same_bits(made.transform(table), X)  # a second warning would be an error


def test_a_name_that_stands_twice() -> None:
    frame = pandas().DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="X has the column 'a' more than once"):
        TableEncoder().fit(frame)


@pytest.mark.parametrize(
    ("name", "row", "value", "message"),
    [
        ("age", 3, "old", r"column 'age'\[3\] is 'old': expected numbers, as the encoder takes"),
        ("paid", 5, "free", r"column 'paid'\[5\] is 'free': expected numbers"),
        ("seen", 2, "soon", r"column 'seen'\[2\] is 'soon': expected dates, .*such as 2020-12-31"),
        ("seen", 2, "2020-02-31", r"column 'seen'\[2\] is '2020-02-31': expected dates"),
        ("paid", 0, "a" * 99, r"column 'paid'\[0\] is 'a{56}\.\.\.: expected numbers"),
    ],
)
def test_a_value_of_another_type(name: str, row: int, value: Any, message: str) -> None:
    made, table = TableEncoder().fit(columns()), columns()
    table[name][row] = value
    with pytest.raises(ValueError, match=f"^TableEncoder.transform: X {message}"):
        made.transform(table)


def test_the_first_row_that_is_of_another_type_is_named() -> None:
    """Whatever order a library has the different values in."""
    made = TableEncoder().fit({"a": [1, 2]})
    for table in ({"a": ["1", "z", "y", "x"]}, {"a": np.array(["1", "z", "y", "x"])}):
        with pytest.raises(ValueError, match=r"column 'a'\[1\] is 'z'"):
            made.transform(table)
        with pytest.raises(ValueError, match=r"column 'a'\[1\] is 'z'"):
            made.transform(pytest.importorskip("polars").DataFrame(table))


def test_dates_with_a_zone_among_others_without() -> None:
    made = TableEncoder().fit({"a": ["2020-01-01", "2020-01-02"]})
    with pytest.raises(ValueError, match=r"column 'a'\[1\] is '2020-01-02 00:00Z': expected d"):
        made.transform({"a": ["2020-01-01 00:00", "2020-01-02 00:00Z"]})


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("age", [np.datetime64("2020-01-01")] * M, "'age' holds dates: expected numbers"),
        ("city", [1] * M, "'city' holds numbers: expected text, as in fit; .astype"),
        ("sex", [True] * M, "'sex' holds True and False: expected text"),
        ("member", ["yes"] * M, "'member' holds text: expected True and False, as in fit"),
        ("member", [1] * M, "'member' holds numbers: expected True and False"),
        ("born", [1.5] * M, "'born' holds numbers: expected dates"),
        ("rooms", [[1]] * M, "'rooms' holds objects of type list: expected numbers"),
        ("city", [[1]] * M, "'city' holds objects of type list: expected text"),
        ("born", ["2020-01-01T00:00Z"] * M, "holds times with a zone: expected times with none"),
        ("city", ["a"] * 3, "'city' has 3 rows: expected 400, as column 'age' has"),
    ],
)  # fmt: skip
def test_a_column_of_another_type(name: str, values: list[Any], message: str) -> None:
    made = TableEncoder().fit(columns())
    with pytest.raises(ValueError, match=message):
        made.transform(columns() | {name: values})


def test_a_column_without_a_value_fits_any_type() -> None:
    made = TableEncoder().fit(columns())
    for nothing in ([None] * M, [float("nan")] * M, np.full(M, np.nan), [" na "] * M):
        X = made.transform(dict.fromkeys(columns(), nothing))
        assert np.isfinite(X).all()
        assert (np.ptp(X, axis=0) == 0).all()


# What may be odd ---------------------------------------------------------------------------------


def test_numbers_that_are_missing_and_infinite() -> None:
    values = np.array([1.5, np.nan, 2.5, np.inf, 9.0, -np.inf])
    made = TableEncoder().fit({"a": values})
    X = made.transform({"a": values})
    assert made.feature_names_out == ["a", "a missing"]
    np.testing.assert_array_equal(X[:, 1], [0, 1, 0, 0, 0, 0])
    assert X[3, 0] == X[4, 0] == X[:, 0].max()
    assert X[5, 0] == X[0, 0] == X[:, 0].min()
    assert X[1, 0] == made.transform({"a": [2.5]})[0, 0]


def test_a_missing_number_where_none_was_in_fit_is_the_median() -> None:
    made = TableEncoder().fit({"a": [1.5, 2.5, 4.5]})
    assert made.feature_names_out == ["a"]
    assert_same_bits(made.transform({"a": [None]}), made.transform({"a": [2.5]}))


@pytest.mark.parametrize("spelling", ["", "  ", "NA", "n/a", "NaN", "null", "None", "?", "-", None])
def test_missing_in_any_spelling(spelling: Any) -> None:
    made = TableEncoder(min_count=1).fit({"a": ["x", spelling, "y"], "b": ["1.5", "2", spelling]})
    assert made.feature_names_out == ["a=x", "a=y", "a missing", "b", "b missing"]
    X = made.transform({"a": [spelling], "b": [spelling]})
    np.testing.assert_array_equal(X[0, [0, 1, 2, 4]], [0, 0, 1, 1])


def test_other_spellings() -> None:
    table = {"a": ["x", "NONE", "y", "Gone"]}
    made = TableEncoder(min_count=1, missing=["gone"]).fit(table)
    assert made.feature_names_out == ["a=NONE", "a=x", "a=y", "a missing"]


def test_levels_that_are_rare_or_unseen() -> None:
    table = {"a": ["x"] * 30 + ["y"] * 20 + ["z", "w"] + ["v"] * 9}
    made = TableEncoder(min_count=5).fit(table)
    assert made.feature_names_out == ["a=v", "a=x", "a=y", "a rare"]
    X = made.transform({"a": ["x", "z", "never seen", None]})
    np.testing.assert_array_equal(
        X, [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]]
    )  # fmt: skip
    made = TableEncoder(min_count=1).fit({"a": ["x", "y", "z"]})
    np.testing.assert_array_equal(made.transform({"a": ["never seen"]}), [[0, 0, 0]])
    made = TableEncoder(min_count=1).fit({"a": ["x", "y"]})
    np.testing.assert_array_equal(made.transform({"a": ["x", "y", "?"]}), [[-1], [1], [0]])


def test_many_levels_are_codes() -> None:
    table = {"n": np.linspace(0, 1, 30), "a": [f"{i:02}x" for i in range(10)] * 3}
    made = TableEncoder(min_count=1).fit(table)
    assert made.embedded == {1: 11}
    np.testing.assert_array_equal(made.transform(table)[:, 1], list(range(10)) * 3)
    X = made.transform({"n": [0, 0], "a": ["unseen", None]})
    np.testing.assert_array_equal(X[:, 1], [10, 10])


def test_a_million_levels() -> None:
    different = 2**20
    texts = np.char.add("k", np.arange(different).astype("U7"))
    made = TableEncoder(min_count=2).fit({"a": np.concatenate([texts, texts])})
    assert made.embedded == {0: different + 1}
    codes = made.transform({"a": texts})[:, 0]
    assert len(np.unique(codes)) == different
    again = TableEncoder.from_state(made.to_state())
    assert_same_bits(again.transform({"a": texts[::1000]})[:, 0], codes[::1000])


@pytest.mark.parametrize("nothing", [None, "", float("nan")])
def test_a_column_without_a_value(nothing: Any) -> None:
    made = TableEncoder().fit({"a": [1.5, 2.5], "b": [nothing, nothing]})
    assert made.left_out == {"b": "it has no value"}


def test_one_value_or_none() -> None:
    made = TableEncoder(min_count=1).fit({"a": [1.5, None, 1.5], "b": ["x", "x", None]})
    np.testing.assert_array_equal(made.transform({"a": [1.5, None], "b": [None, "x"]}),
                                  [[-1, 1], [1, -1]])  # fmt: skip


def test_two_rows_and_one_column() -> None:
    made = TableEncoder().fit({"a": [1, 2]})
    X = made.transform({"a": [1, 1.5, 2]})
    assert X.shape == (3, 1)
    assert X[0] < X[1] < X[2]


def test_ten_thousand_columns() -> None:
    names = [f"c{i}" for i in range(10_000)]
    X = np.random.default_rng(0).normal(size=(4, 10_000))
    made = TableEncoder(scaling="standard").fit(dict(zip(names, X.T, strict=True)))
    again = TableEncoder.from_state(made.to_state())
    expected = (X - X.mean(axis=0)) / X.std(axis=0)
    turned = dict(zip(names[::-1], X.T[::-1], strict=True))
    np.testing.assert_allclose(again.transform(turned), expected, rtol=1e-6, atol=1e-6)


def test_a_table_is_encoded_in_little_memory() -> None:
    """Beside the result no more than a few columns at a time, however many there are."""
    m, rng = 50_000, np.random.default_rng(0)
    table: dict[str, Any] = {f"n{i}": rng.normal(size=m) for i in range(20)}
    table |= {f"c{i}": rng.choice(np.array(["aa", "bb", "cc"]), m) for i in range(10)}
    table |= {f"d{i}": rng.integers(10**15, size=m).astype("M8[us]") for i in range(3)}
    a_column = 8 * m
    tracemalloc.start()
    made = TableEncoder().fit(table, rng.normal(size=m))
    assert tracemalloc.get_traced_memory()[1] < 16 * a_column
    tracemalloc.reset_peak()
    X = made.transform(table)
    assert tracemalloc.get_traced_memory()[1] - X.nbytes < 16 * a_column
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "X has no columns"),
        ({"a": []}, "X has no rows"),
        (
            {"a": [1, 1], "b": ["x", "x"]},
            "no column of X is left: .*'a': it is the same in every r",
        ),
        ({"a": [1, 2], "b": [1]}, "column 'b' has 1 rows: expected 2, as column 'a' has"),
        ({"a": [1, 2], "b": np.ones((2, 2))}, r"column 'b' has shape \(2, 2\): expected one dim"),
        (np.ones((2, 2, 2)), r"X has shape \(2, 2, 2\)"),
        ([[1, 2], [3]], r"X\[1\] has 1 numbers but X\[0\] has 2"),
    ],
)
def test_tables_that_cannot_be(table: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TableEncoder().fit(table)


@pytest.mark.parametrize("table", [3, "text", None, object()])
def test_what_is_no_table(table: Any) -> None:
    with pytest.raises(TypeError, match=r"^TableEncoder\.fit: X is a .*: expected a data frame"):
        TableEncoder().fit(table)


def test_a_lazy_frame_is_to_be_collected() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"LazyFrame, whose .*: expected X\.collect\(\)"):
        TableEncoder().fit(polars.LazyFrame({"a": [1, 2]}))


def test_before_fit() -> None:
    made = TableEncoder()
    for use in (lambda: made.transform(columns()), lambda: made.columns, made.to_state,
                made.layers, made.describe):  # fmt: skip
        with pytest.raises(ValueError, match=r"knows no columns yet: expected fit\(X\)"):
            use()
    assert repr(made) == "TableEncoder: not fitted"
    assert "not fitted" in made._repr_html_()


# Arrays ------------------------------------------------------------------------------------------


def test_an_array_goes_by_its_places() -> None:
    X = np.random.default_rng(0).normal(size=(9, 3))
    made = TableEncoder().fit(X)
    assert made.columns == ["x0", "x1", "x2"]
    encoded = made.transform(X)
    assert_same_bits(made.transform(X.tolist()), encoded)
    assert_same_bits(made.transform(X[4]), encoded[4:5])
    assert_same_bits(made.transform(dict(zip(["x2", "x1", "x0"], X.T[::-1], strict=True))), encoded)
    with pytest.raises(ValueError, match="X has 2 columns: expected 3, as the array had in fit"):
        made.transform(X[:, :2])


def test_an_array_with_names() -> None:
    X = np.random.default_rng(0).normal(size=(9, 2))
    made = TableEncoder().fit(X, names=["a", "b"])
    assert_same_bits(made.transform({"b": X[:, 1], "a": X[:, 0]}), made.transform(X))
    with pytest.raises(ValueError, match="names has 1 names but X has 2 columns"):
        TableEncoder().fit(X, names=["a"])


def test_an_array_is_no_table_with_names() -> None:
    made = TableEncoder().fit(columns())
    X = made.transform(columns())
    with pytest.raises(ValueError, match=r"an array without names: .* what transform has made is"):
        made.transform(X)


# What one says oneself ---------------------------------------------------------------------------


def test_kinds_overrule_what_is_found() -> None:
    kinds = {"age": "category", "income": "drop", "rooms": "number", "row": "number"}
    made = TableEncoder(kinds=kinds).fit(columns())
    assert {name: made.found.get(name) for name in kinds} == kinds | {"income": None}
    assert made.left_out["income"] == "kinds says so"


@pytest.mark.parametrize(
    ("kinds", "error", "message"),
    [
        ({"agee": "number"}, ValueError, "kinds names 'agee': .*did you mean 'age'"),
        ({"city": "number"}, ValueError, r"column 'city'\[1\] is 'city \d+': expected numbers"),
        ({"income": "date"}, ValueError, "column 'income' holds numbers: expected dates"),
        ({"age": "categorical"}, ValueError, r"kinds\['age'\] is 'categorical': expected one of"),
        (["age"], TypeError, "expected {column: kind}"),
    ],
)
def test_kinds_that_cannot_be(kinds: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TableEncoder(kinds=kinds).fit(columns())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scaling": "quantiles"}, ValueError, "scaling is 'quantiles': .*did you mean 'quantile'"),
        ({"one_hot": -1}, ValueError, "one_hot is -1: expected 0 or more"),
        ({"min_count": 0}, ValueError, "min_count is 0: expected 1 or more"),
        ({"missing": "NA"}, TypeError, "missing is 'NA': expected a list of strings"),
        ({"missing": [None]}, TypeError, "missing has None: expected strings"),
    ],
)
def test_arguments_that_cannot_be(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"TableEncoder: {message}"):
        TableEncoder(**arguments)


# Layers, words, copies ---------------------------------------------------------------------------


def test_layers_by_column_name() -> None:
    table = {"a": list("abcdefghij") * 2, "n": np.linspace(0, 1, 20), "b": list("klmnopqrst") * 2}
    made = TableEncoder(min_count=1).fit(table)
    assert made.layers(3) == [dr.Embedding({0: (11, 3), 2: (11, 3)})]
    [layer] = made.layers({"b": 5})
    assert layer.columns[2] == (11, 5)
    assert layer.columns == {**made.layers()[0].columns, 2: (11, 5)}
    assert TableEncoder().fit({"n": [1.5, 2.5]}).layers() == []
    with pytest.raises(
        ValueError, match="dimensions names 'n': expected columns that are embedded"
    ):
        made.layers({"n": 3})
    with pytest.raises(TypeError, match=r"dimensions of 'a' is 2\.5: expected an integer"):
        made.layers(2.5)  # type: ignore[arg-type]


def test_it_tells_every_column() -> None:
    made = TableEncoder().fit(columns())
    told, html = made.describe(), made._repr_html_()
    for name in columns():
        assert f"\n{name} " in told
        assert f">{name}<" in html
    assert f"become {made.output_size} numbers, 2 left out" in repr(made)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))]
)
def test_copies(copied: Any) -> None:
    made = TableEncoder().fit(columns())
    expected = made.transform(columns())
    other = copied(made)
    made.fit({"a": [1, 2]})
    assert_same_bits(other.transform(columns()), expected)


def test_a_fit_that_is_refused_changes_nothing() -> None:
    made = TableEncoder().fit(columns())
    with pytest.raises(ValueError, match="no column"):
        made.fit({"a": [1, 1]})
    assert "age" in made.columns


def test_of_a_target_nothing_is_learned() -> None:
    y = np.random.default_rng(1).integers(0, 2, M)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = TableEncoder().fit(columns(), y)
    assert_same_bits(made.transform(columns()), TableEncoder().fit_transform(columns()))


def test_spans_are_where_columns_numbers_lie() -> None:
    made = TableEncoder().fit(columns())
    names = made.feature_names_out
    assert list(made.spans) == made.columns
    ends = [0]
    for name, (first, last) in made.spans.items():
        assert first == ends[-1] < last
        assert all(each.startswith(name) for each in names[first:last])
        ends.append(last)
    assert ends[-1] == made.output_size


@pytest.mark.parametrize("kind", ["csr_array", "coo_matrix", "dok_array"])
def test_a_sparse_matrix_is_told_to_be_made_dense(kind: str) -> None:
    """One kind of them is a mapping, and no table of columns all the same."""
    sparse = pytest.importorskip("scipy.sparse")
    X = getattr(sparse, kind)(np.eye(5))
    with pytest.raises(TypeError, match=r"X is a sparse \w+: expected X.toarray\(\)"):
        dr.TableEncoder().fit(X)
