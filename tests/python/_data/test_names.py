"""Columns go by their names: put in the network's order, or refused by name."""

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._data.names import arrangement, expect_names, names_of
from support import Array, assert_near, assert_same_bits, network, nothing_written

NAMES = ["age", "height", "member"]
M = 20


def columns() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    return {
        "age": rng.integers(18, 90, M),
        "height": rng.uniform(1.5, 2, M),
        "member": rng.uniform(size=M) < 0.5,
    }


X = np.column_stack([column.astype(float) for column in columns().values()])
Y = np.arange(M) % 2


def records(table: dict[str, Array]) -> Array:
    made: Array = np.zeros(M, [(name, column.dtype) for name, column in table.items()])
    for name, column in table.items():
        made[name] = column
    return made


def pandas_of(table: dict[str, Array]) -> Any:
    return pytest.importorskip("pandas").DataFrame(table)


TABLES: dict[str, Callable[[dict[str, Array]], Any]] = {
    "pandas": pandas_of,
    "pandas of one type": lambda table: pandas_of(table).astype(float),
    "pandas sparse": lambda table: (
        pandas_of(table).astype(float).astype(pytest.importorskip("pandas").SparseDtype(float, 0.0))
    ),
    "polars": lambda table: pytest.importorskip("polars").DataFrame(table),
    "dictionary": dict,
    "records": records,
    "records of one type": lambda table: records({n: c.astype(float) for n, c in table.items()}),
}
OTHER = ["member", "age", "height"]


def reordered() -> dict[str, Array]:
    return {name: columns()[name] for name in OTHER}


def net() -> dr.Network:
    layers = [dr.Standardize(), dr.Dense(4, "tanh"), dr.Dropout(0.1), dr.Dense(2, "softmax")]
    return dr.Network(layers, input_size=3, dtype="float64")


def taught(table: Any = None) -> dr.Network:
    made = net()
    made.fit(TABLES["pandas"](columns()) if table is None else table, Y)
    return made


# A network and its names -------------------------------------------------------------------------


@pytest.mark.parametrize("library", TABLES)
def test_columns_in_another_order_are_the_same_columns(library: str) -> None:
    table, other = TABLES[library](columns()), TABLES[library](reordered())
    outcomes = []
    for given in (table, other):
        made = taught(table)
        results: list[Any] = [made.predict(given), made.forward(given)[0]]
        results += [np.array(made.loss_and_gradients(given, Y)[0]), made.evaluate(given, Y)]
        results += [made.gradient_check(given, Y, entries=1)]
        results += [made.fit(given, Y, validation_data=(given, Y), metrics=["accuracy"])]
        results += [made.fit([(given, Y)])]
        results += [made.feature_names, made.parameters]
        outcomes.append(results)
    for one, expected in zip(*outcomes, strict=True):
        if isinstance(expected, np.ndarray):
            assert_same_bits(one, expected)
        else:
            assert one == expected
    assert outcomes[0][-2] == NAMES
    made = net()
    made.adapt(table)
    expected = made.statistics.copy()
    made.adapt(other)
    assert_near(made.statistics, expected, 1e-14)  # sums depend on how a table lies in memory
    assert made.feature_names == NAMES


def test_one_example_goes_by_its_names_too() -> None:
    made = taught()
    expected = made.predict(X[4])
    frame = TABLES["pandas of one type"](columns())
    assert_same_bits(made.predict(frame.iloc[4]), expected)
    assert_same_bits(made.predict(frame[OTHER].iloc[4]), expected)
    assert_same_bits(made.predict({name: reordered()[name][4] for name in OTHER}), expected)
    assert_same_bits(made.predict(records(reordered())[4]), expected)
    with pytest.raises(ValueError, match=r"predict: X has other columns .* missing: 'age'; new"):
        made.predict(frame.rename(columns={"age": "years"}).iloc[4])
    series = frame["age"].iloc[:3].reset_index(drop=True)
    assert made.predict(series).shape == (2,)  # its index is no names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.rename(columns={"age": "Age"}),
         r"missing: 'age'; new: 'Age' \(did you mean 'age'\?\); expected those of network\.feat"),
        (lambda f: f.rename(columns={"age": "years"}), "missing: 'age'; new: 'years'; expected"),
        (lambda f: f.drop(columns=["age", "member"]), "missing: 'age', 'member'; expected"),
        (lambda f: f.assign(income=1.0), "new: 'income'; expected"),
        (lambda f: f[["age", "age", "height", "member"]], "more than once: 'age'; expected"),
        (lambda f: f[["age", "age", "height"]], "missing: 'member'; more than once: 'age'; exp"),
        (lambda f: f.set_axis(["age", 3, "member"], axis=1), "missing: 'height'; new: 3; expec"),
        (lambda f: f.assign(**{f"x{i}": 1 for i in range(9)}),
         "new: 'x0', 'x1', 'x2', 'x3', 'x4' and 4 more; expected"),
        (lambda f: f.rename(columns={"age": "a" * 999}), r"missing: 'age'; new: 'a{57}\.\.\.'"),
    ],
)  # fmt: skip
def test_other_columns_are_refused_by_name(change: Callable[[Any], Any], message: str) -> None:
    frame = pandas_of(columns())
    made, other = taught(frame), change(frame)
    uses: dict[str, Callable[[], Any]] = {
        "predict: X": lambda: made.predict(other),
        "forward: X": lambda: made.forward(other),
        "evaluate: X": lambda: made.evaluate(other, Y),
        "adapt: X": lambda: made.adapt(other),
        "loss_and_gradients: X": lambda: made.gradient_check(other, Y),
        "fit: X": lambda: made.fit(other, Y),
        "fit: validation X": lambda: made.fit(frame, Y, validation_data=(other, Y)),
        "fit: epoch 1, batch 1: X": lambda: made.fit([(other, Y)]),
    }
    for where, use in uses.items():
        expected = f"^{where} has other columns than the network was trained on: {message}"
        before = copy.deepcopy(made)
        with pytest.raises(ValueError, match=expected):
            use()
        assert_same_bits(made.parameters, before.parameters)
        assert made.feature_names == NAMES


def test_validation_data_of_a_first_fit() -> None:
    frame = pandas_of(columns())
    made = net()
    with nothing_written(made), pytest.raises(ValueError, match=r"validation X has other .*'Age'"):
        made.fit(frame, Y, validation_data=(frame.rename(columns={"age": "Age"}), Y))
    plain = net().fit(frame, Y, validation_data=(X, Y))
    assert made.fit(frame, Y, validation_data=(frame[OTHER], Y)) == plain
    # Where the validation data alone have names, those are the network's.
    made = net()
    made.fit(X, Y, validation_data=(frame, Y))
    assert made.feature_names == NAMES


def test_batches_have_the_first_one_s_names() -> None:
    frame, other = pandas_of(columns()), pandas_of(reordered())
    layers = [dr.Dense(2, "softmax")]
    made, plain = (dr.Network(layers, 3, dtype="float64") for _ in range(2))

    def batches(*tables: Any) -> Iterator[Any]:
        return iter([(tables[0], Y), (tables[1], Y)])

    made.fit(batches(frame, other))
    plain.fit(batches(X, X))
    assert_same_bits(made.parameters, plain.parameters)
    assert made.feature_names == NAMES
    with pytest.raises(ValueError, match=r"batch 2: X has other columns .* new: 'Age'"):
        made.fit(batches(frame, frame.rename(columns={"age": "Age"})))


def test_what_has_no_names_is_taken_by_position() -> None:
    frame = pandas_of(columns())
    made = taught(frame)
    A = made.predict(X)
    for nameless in (X.tolist(), frame.to_numpy(float), frame.set_axis(range(3), axis=1)):
        assert_same_bits(made.predict(nameless), A)
    made.fit(X, Y)
    assert made.feature_names == NAMES


def test_a_network_without_names_takes_any() -> None:
    frame = pandas_of(columns())
    made = net()
    made.fit(X, Y)
    for mixed in (frame.set_axis([0, 1, 2], axis=1), frame.set_axis(["a", 1, "b"], axis=1)):
        made.fit(mixed, Y)
        assert made.feature_names is None
    A = made.predict(X)
    assert_same_bits(made.predict(frame.set_axis(["c", "b", "a"], axis=1)), A)
    assert made.feature_names is None  # to predict is not to learn
    made.fit(frame, Y)
    assert made.feature_names == NAMES


def test_names_that_stand_twice_are_no_way_to_tell_columns() -> None:
    frame = pandas_of(columns()).set_axis(["a", "b", "a"], axis=1)
    made = taught(frame)
    assert made.feature_names == ["a", "b", "a"]
    assert_same_bits(made.predict(frame), made.predict(X))
    message = r"X has other columns .*: names that stand there more than once are in another ord"
    with pytest.raises(ValueError, match=message):
        made.predict(frame.set_axis(["a", "a", "b"], axis=1))


def test_a_fit_that_is_refused_leaves_no_names() -> None:
    made, frame = net(), pandas_of(columns())
    with nothing_written(made), pytest.raises(TypeError, match="y is float64"):
        made.fit(frame, Y / 2)
    assert made.feature_names is None


def test_other_names_are_for_who_says_so() -> None:
    frame = pandas_of(columns())
    made = taught(frame)
    renamed = frame.rename(columns={"age": "Age"})
    made.feature_names = None
    made.fit(renamed, Y)
    assert made.feature_names == ["Age", "height", "member"]
    made.feature_names = tuple(NAMES)
    assert made.feature_names == NAMES
    assert_same_bits(made.predict(frame), made.predict(X))
    made.feature_names.append("b")  # a list of the caller's own
    assert made.feature_names == NAMES


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("abc", TypeError, "feature_names is a str: expected a list of strings, or None"),
        (3, TypeError, "feature_names is a int: expected a list of strings, or None"),
        (["a", 1, "b"], TypeError, r"feature_names\[1\] is a int: expected a string"),
        (["a", "b"], ValueError, "feature_names has 2 names: expected 3, one for each input"),
        (["a", "\ud800", "b"], ValueError, r"feature_names\[1\] is '\\ud800': expected text"),
        (["a", "b" * 2**20, "c"], ValueError, "take .* bytes: expected 1048576 or fewer"),
    ],
)
def test_names_that_cannot_be(names: Any, error: type[Exception], message: str) -> None:
    made = net()
    with nothing_written(made), pytest.raises(error, match=message):
        made.feature_names = names


@pytest.mark.parametrize(
    "name", ["\ud800", "b" * 2**20], ids=["no text", "more than a file has room for"]
)
def test_a_frame_with_names_that_no_file_holds_has_none(name: str, tmp_path: Path) -> None:
    made = taught({"a": X[:, 0], name: X[:, 1], "c": X[:, 2]})
    assert made.feature_names is None
    made.save(tmp_path / "model.safetensors")


def test_copies_have_the_names() -> None:
    made = taught()
    for duplicate in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert duplicate.feature_names == NAMES
    older = {name: v for name, v in made.__getstate__().items() if name != "feature_names"}
    made.__setstate__(older)
    assert made.feature_names is None


def test_weights_of_another_s_leave_the_names(tmp_path: Path) -> None:
    made, other = network([3, 2]), network([3, 2], seed=1)
    made.save(tmp_path / "model.safetensors")
    other.feature_names = ["a", "b", "c"]
    other.load_weights(tmp_path / "model.safetensors")
    assert other.feature_names == ["a", "b", "c"]
    assert_same_bits(other.parameters, made.parameters)


def test_codes_of_categories_are_in_their_column() -> None:
    table = {"a": np.linspace(0, 1, M), "code": np.arange(M) % 5, "b": np.linspace(1, 0, M)}
    made = dr.Network([dr.Embedding({1: (5, 2)}), dr.Dense(2, "softmax")], 3)
    made.fit(table, Y)
    other = {name: table[name] for name in ("code", "b", "a")}
    assert_same_bits(made.predict(other), made.predict(np.column_stack([*table.values()])))
    with pytest.raises(ValueError, match=r"X\[3, 1\] is 7: expected a category code, 0 to 4"):
        made.predict(
            other | {"code": np.where(np.arange(M) == 3, 7, table["code"]), "a": Y, "b": Y}
        )


def test_a_frame_in_the_right_order_is_not_copied() -> None:
    frame = pytest.importorskip("pandas").DataFrame(X, columns=NAMES)
    made = network([3, 2])
    made.fit(frame, np.zeros((M, 2)))
    rows = made._rows(frame, "predict").held
    assert isinstance(rows, np.ndarray)
    assert np.shares_memory(rows, frame.to_numpy())


# The parts ---------------------------------------------------------------------------------------


def test_names_of() -> None:
    assert names_of(["a", np.str_("b")]) == ["a", "b"]
    assert [type(name) for name in names_of([np.str_("b")]) or ()] == [str]
    for nameless in (None, [], [0, 1], ["a", 1], [("a", "b"), ("a", "c")], [b"a"]):
        assert names_of(nameless) is None


def test_arrangement() -> None:
    assert arrangement(["a", "b"], ["a", "b"], "", "") is None
    assert arrangement(["b", "c", "a"], ["a", "b", "c"], "", "") == [2, 0, 1]
    for columns, wanted in ((None, ["a"]), (["a"], None), ([0, 1], ["a", "b"])):
        assert arrangement(columns, wanted, "", "") is None


def test_many_names_are_told_apart_in_no_long_time() -> None:
    """Each of a hundred thousand with each other one would take a day."""
    wanted = [f"cg{i:08}" for i in range(100_000)]
    with pytest.raises(ValueError, match=r"missing: .* and 99995 more; new: .* and 99995 more;"):
        arrangement([f"ch{i:08}" for i in range(100_000)], wanted, "", "")


def test_expect_names() -> None:
    assert expect_names(iter("ab"), 2, "") == ["a", "b"]
