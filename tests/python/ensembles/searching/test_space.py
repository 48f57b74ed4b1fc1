"""What a search draws from."""

import math
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.ensembles.searching.space import draw, expect_space, is_by_magnitude


def drawn(values: Any, count: int = 4000) -> list[Any]:
    generator = np.random.default_rng(0)
    return [draw({"x": values}, generator)["x"] for _ in range(count)]


def shares(values: list[Any], bounds: list[float]) -> list[float]:
    """What part of the values lies between one bound and the next."""
    return list(np.histogram(values, bounds)[0] / len(values))


def test_uniform() -> None:
    found = drawn(dr.Uniform(-1.0, 3.0))
    assert {type(value) for value in found} == {float}
    assert -1.0 <= min(found) < -0.99
    assert 2.99 < max(found) <= 3.0
    assert shares(found, [-1, 0, 1, 2, 3]) == pytest.approx([0.25] * 4, abs=0.03)


def test_every_order_of_magnitude_is_as_likely() -> None:
    found = drawn(dr.LogUniform(1e-4, 1.0))
    assert min(found) >= 1e-4
    assert max(found) <= 1.0
    assert shares(found, [1e-4, 1e-3, 1e-2, 1e-1, 1]) == pytest.approx([0.25] * 4, abs=0.03)


def test_integers_have_both_their_bounds() -> None:
    found = drawn(dr.Integer(-1, 2))
    assert {type(value) for value in found} == {int}
    assert sorted(set(found)) == [-1, 0, 1, 2]
    assert [found.count(k) / len(found) for k in (-1, 0, 1, 2)] == pytest.approx(
        [0.25] * 4, abs=0.03
    )


def test_integers_by_magnitude() -> None:
    found = drawn(dr.Integer(1, 7, log=True))
    assert sorted(set(found)) == list(range(1, 8))
    expected = [math.log((k + 1) / k) / math.log(8) for k in range(1, 8)]
    assert [found.count(k) / len(found) for k in range(1, 8)] == pytest.approx(expected, abs=0.03)


def test_a_list_is_of_choices_of_any_kind() -> None:
    choices = ["relu", None, (64, 32), 3]
    found = drawn(choices)
    assert {type(value) for value in found} == {str, type(None), tuple, int}
    assert [found.count(each) / len(found) for each in choices] == pytest.approx(
        [0.25] * 4, abs=0.03
    )


@pytest.mark.parametrize("log", [False, True])
def test_the_largest_integers(log: bool) -> None:
    high = 2**63 - 2
    found = drawn(dr.Integer(high - 1, high, log=log), 50)
    assert set(found) <= {high - 1, high}


def test_the_widest_numbers() -> None:
    for values in (dr.Uniform(-1e308, 1e308), dr.LogUniform(5e-324, 1e308)):
        assert all(values.low <= value <= values.high for value in drawn(values, 100))


def test_what_a_picture_s_axis_goes_by() -> None:
    assert is_by_magnitude(dr.LogUniform(1, 2))
    assert is_by_magnitude(dr.Integer(1, 2, log=True))
    assert not any(map(is_by_magnitude, [dr.Uniform(1, 2), dr.Integer(1, 2), [1, 10]]))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: dr.Uniform(1.0, 1.0), ValueError, "low is 1.0 and high is 1.0: .* a list of it"),
        (lambda: dr.Uniform(0.0, math.inf), ValueError, "Uniform: high is inf"),
        (lambda: dr.Uniform("0", 1), TypeError, "Uniform: low is '0': expected a number"),
        (lambda: dr.LogUniform(0.0, 1.0), ValueError, "LogUniform: low is 0.0: .* above 0"),
        (lambda: dr.LogUniform(1.0, 0.1), ValueError, "expected a low that is less"),
        (lambda: dr.Integer(1, 2.0), TypeError, "Integer: high is 2.0: expected an integer"),
        (lambda: dr.Integer(0, 9, log=True), ValueError, "low is 0 and log is True: .* 1 or more"),
        (lambda: dr.Integer(0, 9, log=1), TypeError, "Integer: log is 1"),
        (lambda: dr.Integer(0, 2**64), ValueError, "expected one of 64 bits"),
    ],
)
def test_bounds_that_are_none(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ([("x", [1])], TypeError, "there: space is a list: expected a dictionary"),
        ({}, ValueError, "there: space is empty"),
        ({"x": (1e-4, 1e-1)}, TypeError, r"space\['x'\] is \(0.0001, 0.1\): .* or a list of"),
        ({"x": 3}, TypeError, r"space\['x'\] is 3: expected deltarule.Uniform"),
        ({"x": dr.Uniform}, TypeError, r"space\['x'\] is <class"),
        ({"x": []}, ValueError, r"space\['x'\] is an empty list"),
        ({"learning rate": [1]}, TypeError, "'learning rate': expected names"),
        ({1: [1]}, TypeError, "a parameter 1: expected names"),
    ],
)
def test_spaces_that_are_none(space: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        expect_space(space, "there")
