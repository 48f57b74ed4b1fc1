"""Columns that give the target away are warned of, and others are not."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.tabular import TableEncoder

M = 600
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=M)
CLASSES = RNG.integers(0, 3, M)
NUMBERS = RNG.lognormal(size=M)


def warned(table: dict[str, Any], y: Any) -> dict[str, str]:
    made = TableEncoder()
    with pytest.warns(dr.TableWarning) as caught:
        made.fit(table, y)
    [warning] = caught
    assert all(f"'{name}': {why}" in str(warning.message) for name, why in made.remarks.items())
    assert warning.filename == __file__
    return made.remarks


@pytest.mark.parametrize(
    ("leak", "y"),
    [
        (CLASSES, CLASSES),
        (CLASSES, CLASSES.astype(float)),
        (CLASSES, np.array(["a", "b", "c"])[CLASSES]),
        (np.array(["x", "y", "z"])[CLASSES], CLASSES),
        (CLASSES + NOISE.clip(-1, 1) * 0.1, CLASSES),
        (np.where(CLASSES == 1, np.nan, NOISE), CLASSES == 1),
        (np.where(CLASSES == 1, np.datetime64("2020-01-01"), np.datetime64("2021-01-01")),
         CLASSES == 1),
        (CLASSES, np.where(np.arange(M) % 9, CLASSES, np.nan)),
    ],
)  # fmt: skip
def test_a_column_that_tells_the_class(leak: Any, y: Any) -> None:
    remarks = warned({"noise": NOISE, "leak": leak}, y)
    assert list(remarks) == ["leak"]
    assert "of each class: is it there when predictions are made?" in remarks["leak"]


@pytest.mark.parametrize(
    "leak", [NUMBERS * 3 + 1, NUMBERS.round(2), np.where(NUMBERS > 40, np.nan, -NUMBERS)]
)
def test_a_column_that_tells_the_number(leak: Any) -> None:
    remarks = warned({"noise": NOISE, "leak": leak}, NUMBERS)
    assert list(remarks) == ["leak"]
    assert "of the target's variance" in remarks["leak"]


def test_of_several_targets_one_suffices() -> None:
    assert list(warned({"noise": NOISE, "leak": NUMBERS}, np.column_stack([NOISE**2, NUMBERS])))


@pytest.mark.parametrize(
    ("column", "y"),
    [
        (np.flip(NOISE), CLASSES),
        (CLASSES + NOISE, CLASSES),
        (CLASSES == 1, CLASSES),
        (np.log(NUMBERS) + NOISE / 2, NUMBERS),
        ([f"row {i // 2}" for i in range(M)], CLASSES),
        (NUMBERS > 1, NUMBERS),
        (np.append(1, np.zeros(M - 1)), np.append(99, np.flip(NOISE)[1:])),
        (RNG.permutation(M) * 3, RNG.uniform(size=M) < 0.01),
    ],
)
def test_a_column_that_only_helps(column: Any, y: Any) -> None:
    TableEncoder(min_count=1).fit({"noise": NOISE, "helps": column}, y)


def test_classes_that_are_rare_count_as_much() -> None:
    """What is right of 99 % of the rows may tell nothing of a class of 1 %."""
    y = np.arange(M) % 100 == 0
    TableEncoder().fit({"a": NOISE, "b": RNG.integers(0, 2, M)}, y)


def test_few_rows_show_nothing() -> None:
    TableEncoder().fit({"a": CLASSES[:20], "b": NOISE[:20]}, CLASSES[:20])


def test_copies_of_columns() -> None:
    texts = np.array(["x", "y", "z"])[CLASSES]
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({
        "a": NOISE, "b": texts, "c": NOISE, "d": texts, "e": -NOISE, "f": np.roll(texts, 1),
    })  # fmt: skip
    frame["d"] = frame["d"].astype("object")
    expected = {name: f"it is the same as {other!r} in every row" for name, other in ("ca", "db")}
    assert warned(frame, None) == expected


def test_targets_of_any_library() -> None:
    for y in (
        pytest.importorskip("pandas").DataFrame({"y": NUMBERS}),
        pytest.importorskip("polars").DataFrame({"y": NUMBERS}),
        pytest.importorskip("polars").Series(NUMBERS),
        NUMBERS.tolist(),
        NUMBERS[:, np.newaxis].tolist(),
        {"y": NUMBERS},
    ):
        assert list(warned({"noise": NOISE, "leak": NUMBERS}, y)) == ["leak"]


def test_a_target_that_is_of_another_length() -> None:
    with pytest.raises(ValueError, match="column 'y' has 3 rows: expected 600"):
        TableEncoder().fit({"a": NOISE}, [1, 2, 3])
