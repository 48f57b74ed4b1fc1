"""An encoder's state: the same bits again, and nothing in it is trusted."""

import pickle
import random
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule.tabular import TableEncoder
from deltarule.tabular.encoding.scaling import SCALINGS
from support import assert_same_bits
from support_tables import columns

MADE = {name: TableEncoder(scaling=name, kinds={"rooms": "number"}, one_hot=4).fit(columns())
        for name in SCALINGS}  # fmt: skip


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_same_bits_again(scaling: str) -> None:
    made = MADE[scaling]
    again = TableEncoder.from_state(made.to_state())
    assert again.describe() == made.describe()
    assert_same_bits(again.transform(columns()), made.transform(columns()))
    assert pickle.dumps(again.to_state()) == pickle.dumps(made.to_state())
    assert_same_bits(again.fit_transform(columns()), made.fit_transform(columns()))


def test_names_and_levels_of_any_text() -> None:
    table = {
        "ü\0\ud800": ["a", "\ud800", "\0", "", "\U0001d4b3", "a\nb"],
        "b": [True, False, None] * 2,
    }
    made = TableEncoder(min_count=1).fit(table)
    again = TableEncoder.from_state(made.to_state())
    assert again.feature_names_out == made.feature_names_out
    assert_same_bits(again.transform(table), made.transform(table))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("scaling", "median", "scaling is 'median'"),
        ("scaling", 3, "inputs.scaling is 3"),
        ("one_hot", -1, "one_hot is -1"),
        ("min_count", 0, "min_count is 0"),
        ("by_place", 1, "inputs.by_place is 1"),
        ("kind", np.array([9] * 11, np.uint8), "inputs.kind goes to 9"),
        ("kind", np.array([3] * 11, np.uint8), "has no column that is used"),
        ("kind", np.zeros(3, np.uint8), "inputs.names are"),
        ("kind", np.zeros(11, np.uint8), "expected"),
        ("counts", np.zeros((9, 3), np.int64), "counts go to 0"),
        ("counts", np.full((9, 3), 2**62), "counts go to"),
        ("counts", np.zeros((3, 3), np.int64), r"counts has shape \(3, 3\)"),
        ("counts", np.full((9, 3), -1), "counts has shape"),
        ("names.ends", np.zeros(11, np.int64), "names.ends go to 0"),
        ("names", np.zeros(3, np.uint8), "names.ends go to"),
        ("levels", np.full(9, 255, np.uint8), "levels is no UTF-8"),
        ("floats", np.full(9, np.nan), "floats has NaN"),
        ("floats", np.zeros(9, np.float32), "floats is float32"),
        ("floats", None, "floats is missing"),
        ("extra", 1, r"has \['extra'\], which belong to nothing"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: Any, message: str) -> None:
    state = MADE["quantile"].to_state() | {name: value}
    with pytest.raises(dr.ModelFileError, match=message):
        TableEncoder.from_state(state)


def column_state(table: dict[str, Any], **change: Any) -> dict[str, Any]:
    state = TableEncoder(min_count=1, one_hot=3).fit(table).to_state()
    for name, (place, value) in change.items():
        state[name] = state[name].copy()
        state[name][place] = value
    return state


@pytest.mark.parametrize(
    ("values", "change", "message"),
    [
        ([1.5, 2.5, 3.5], {"whole": (0, 2)}, "has 2: expected 0 or 1"),
        ([1.5, 2.5, 3.5], {"floats": (0, 9.0)}, "a median of 9.0, between 1.5 and 3.5"),
        ([1.5, 2.5, 3.5], {"floats": (1, -1e200)}, "between -1e"),
        ([1.5, 2.5, 3.5], {"floats": (3, 2.5)}, "numbers that make no scale: expected those of"),
        ([1.5, 2.5, 3.5], {"floats": (6, 1e9)}, "numbers that make no scale"),
        (["a", "b", "c"], {"whole": (0, 7)}, "the source 7: expected 0 to 4"),
        (["a", "b", "c"], {"whole": (0, -1)}, "the source -1"),
        (["a", "b", "c"], {"whole": (0, 1)}, "a level that is no number"),
        (["a", "b", "c"], {"whole": (0, 2)}, "other levels than False and True"),
        (["a", "b", "c"], {"levels": (1, ord("a"))}, "a level twice"),
        ([5, None, 5] * 9, {"levels": (0, ord("n"))}, "a level that is no number"),
        (["2020-01-01", "2020-01-02"], {"whole": (-1, 2)}, "has 2 numbers of days"),
        (["2020-01-01", "2020-01-02"], {"whole": (-1, 2**62)}, "numbers of days"),
        (["2020-01-01", "2020-01-02"], {"floats": (2, 1e90)}, "days further than there are"),
        (["2020-01-01", "2020-01-02"], {"whole": (0, 5)}, "has 5: expected 0 or 1"),
    ],
)
def test_what_is_wrong_with_a_column(values: Any, change: Any, message: str) -> None:
    state = column_state({"a": values}, **change)
    with pytest.raises(dr.ModelFileError, match=f"column 'a' has .*{message}|{message}"):
        TableEncoder.from_state(state)


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), scaling=st.sampled_from(sorted(SCALINGS)))
def test_random_changes_are_refused_or_harmless(seed: int, scaling: str) -> None:
    rng, state = random.Random(seed), dict(MADE[scaling].to_state())
    for _ in range(rng.choice([1, 1, 2, 4])):
        name = rng.choice(sorted(state))
        value = state[name]
        if not isinstance(value, np.ndarray):
            state[name] = rng.choice([None, True, -1, 2**70, 1.5, "quantile", [], {}])
        elif not value.size or rng.random() < 0.2:
            state[name] = rng.choice([value[:-1], np.append(value, value), value * 1.0, None])
        else:
            state[name] = value = value.copy()
            some = [0, 1, 2, 255, -1, 2**62, -(2**62)] if value.dtype.kind != "f" else [
                0.0, -1.0, 1e100, -1e308, np.inf, np.nan]  # fmt: skip
            with np.errstate(all="ignore"):
                value.flat[rng.randrange(value.size)] = np.array(rng.choice(some)).astype(
                    value.dtype
                )
    try:
        made = TableEncoder.from_state(state)
    except dr.ModelFileError:
        return
    made.describe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dr.TableWarning)
            X = made.transform(columns())
    except ValueError:  # other columns, or of another kind
        return
    assert np.isfinite(X).all()
    for column, categories in made.embedded.items():
        assert X[:, column].min() >= 0
        assert X[:, column].max() < categories
