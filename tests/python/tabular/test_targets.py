"""Targets and the way back."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.tabular import ClassEncoder, TargetScaler
from support import assert_same_bits


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        (np.array(["b", "a", "b"]), ["a", "b"]),
        (["NA", "none", "NA"], ["NA", "none"]),
        ([True, False, True], [False, True]),
        ([2, 1, 2], [1, 2]),
        ([-1.0, 1.0, -1.0], [-1, 1]),
        (np.array([[3], [1], [3]]), [1, 3]),
        (["a\0", "a", "a\0"], ["a", "a\0"]),
    ],
)
def test_classes(y: Any, classes: list[Any]) -> None:
    made = ClassEncoder().fit(y)
    assert made.classes.tolist() == classes
    assert [type(each) for each in made.classes.tolist()] == [type(each) for each in classes]
    codes = made.transform(y)
    given = y if isinstance(y, list) else y.ravel().tolist()
    assert codes.tolist() == [classes.index(each) for each in given]
    again = ClassEncoder.from_state(made.to_state())
    assert again.inverse(codes).tolist() == given
    assert again.classes.dtype == made.classes.dtype


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_classes_of_a_frame(library: str) -> None:
    frames = pytest.importorskip(library)
    texts = ["b", "a", "b"]
    made = ClassEncoder().fit(texts)
    series = frames.Series("y", texts) if library == "polars" else frames.Series(texts)
    for y in (series, frames.DataFrame({"y": texts})):
        assert made.transform(y).tolist() == [1, 0, 1]
    if library == "pandas":
        assert ClassEncoder().fit(series.astype("category")).classes.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (["a", "a"], ValueError, "y has the class 'a' alone: expected 2 classes or more"),
        ([1, 1], ValueError, "y has the class 1 alone"),
        (["a", None, "b"], ValueError, r"y\[1\] is missing: expected a class in every row"),
        ([1.0, 2.0, np.nan], ValueError, r"y\[2\] is missing"),
        ([0, 0.5], ValueError, r"y\[1\] is 0\.5: expected whole numbers"),
        ([0, 2**53], ValueError, r"y\[1\] is .*: expected numbers below 2\^53"),
        ([None, None], TypeError, "y holds nothing: expected text, whole numbers, or True and F"),
        (np.array(["1950", "1951"], "M8[Y]"), TypeError, "y holds dates"),
        (np.ones((3, 2)), ValueError, "y has 2 columns"),
    ],
)
def test_what_are_no_classes(y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ClassEncoder().fit(y)


@pytest.mark.parametrize("y", [["a", "c"], [0, 1], [True, False]])
def test_classes_that_were_not_there(y: Any) -> None:
    made = ClassEncoder().fit(["a", "b"])
    with pytest.raises(ValueError, match=r"y\[[01]\] is .*: expected one of .*\['a', 'b'\]"):
        made.transform(y)


@pytest.mark.parametrize("codes", [[2], [-1], [0.5]])
def test_codes_that_cannot_be(codes: Any) -> None:
    with pytest.raises(ValueError, match="expected whole numbers, 0 to 1"):
        ClassEncoder().fit(["a", "b"]).inverse(codes)


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
def test_numbers_there_and_back(shape: tuple[int, ...]) -> None:
    y = np.random.default_rng(0).normal(7, 3, shape)
    made = TargetScaler().fit(y)
    scaled = made.transform(y)
    assert scaled.shape == shape
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-12)
    again = TargetScaler.from_state(made.to_state())
    assert_same_bits(again.inverse(scaled), made.inverse(scaled))
    np.testing.assert_allclose(again.inverse(scaled), y, rtol=1e-12)


def test_numbers_of_a_frame() -> None:
    for library in ("pandas", "polars"):
        frame = pytest.importorskip(library).DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, 0.5]})
        made = TargetScaler().fit(frame)
        assert made.transform(frame).shape == (3, 2)
        assert TargetScaler().fit(frame["a"]).transform(frame["a"]).shape == (3,)


def test_predictions_are_clamped() -> None:
    y = np.array([[1.0, -5.0], [3.0, 5.0]])
    far = np.array([[9.0, -9.0], [-9.0, 9.0]])
    assert TargetScaler().fit(y).inverse(far).tolist() == [[3, -5], [1, 5]]
    assert TargetScaler(clamp=False).fit(y).inverse(far).tolist() == [[11, -45], [-7, 45]]


def test_a_target_that_is_the_same_everywhere() -> None:
    made = TargetScaler().fit([0.1] * 7)
    assert made.deviation.tolist() == [1]
    np.testing.assert_allclose(made.inverse(made.transform([0.1, 0.1])), 0.1)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, None], r"y\[1\] is nan: expected finite numbers"),
        ([1.0, np.inf], r"y\[1\] is inf: expected finite numbers"),
        ([[1.0, 2.0], [3.0, None]], r"y\[1, 1\] is nan"),
        (["a", "b"], r"\[0\] is 'a': expected numbers, as targets are"),
        ([], "y has no rows"),
    ],
)
def test_what_are_no_targets(y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TargetScaler().fit(y)


def test_other_targets_than_in_fit() -> None:
    made = TargetScaler().fit(np.ones((3, 2)))
    for use in (made.transform, made.inverse):
        with pytest.raises(ValueError, match="has 3 targets: expected 2, as in fit"):
            use(np.ones((3, 3)))


def test_before_fit() -> None:
    for use in (ClassEncoder().to_state, TargetScaler().to_state):
        with pytest.raises(ValueError, match=r"expected fit\(y\) beforehand"):
            use()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clamp": 1}, "targets.clamp is 1"),
        ({"moments": np.ones((3, 2))}, r"has shape \(3, 2\): expected 4 rows"),
        ({"moments": np.zeros((4, 2))}, "expected deviations above 0"),
        ({"moments": np.full((4, 2), np.nan)}, "has NaN or Inf"),
        ({"moments": np.ones((4, 2), np.float32)}, "float32 of 2 dimensions: expected float64"),
        ({"more": 1}, r"\['more'\], which belong to nothing"),
    ],
)
def test_a_scaler_s_state_is_not_trusted(change: Any, message: str) -> None:
    state = TargetScaler().fit(np.eye(2)).to_state() | change
    with pytest.raises(dr.ModelFileError, match=message):
        TargetScaler.from_state(state)


@pytest.mark.parametrize(
    ("y", "change"),
    [
        ([1, 2], {"codes": np.array([2, 1])}),
        ([1, 2], {"codes": np.array([1])}),
        ([1, 2], {"logical": True}),
        ([1, 2], {"logical": 0}),
        (["a", "b"], {"classes.ends": np.array([1, 3])}),
        (["a", "b"], {"classes.ends": np.array([2, 1])}),
        (["a", "b"], {"classes.ends": np.array([1, 1, 2])}),
        (["a", "b"], {"classes": np.array([255, 255], np.uint8)}),
    ],
)
def test_classes_state_is_not_trusted(y: Any, change: Any) -> None:
    state = ClassEncoder().fit(y).to_state() | change
    with pytest.raises(dr.ModelFileError, match=r"^classes"):
        ClassEncoder.from_state(state)
