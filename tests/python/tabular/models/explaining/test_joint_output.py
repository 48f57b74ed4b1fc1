"""What members make together, and its derivatives."""

from typing import Any

import numpy as np
import pytest

from deltarule.tabular.models.explaining.joint_output import LogOdds, MeanNumbers
from deltarule.tabular.models.temperature import class_probabilities, tempered

WEIGHTS = np.array([0.5, 0.2, 0.3])
CASES: dict[str, tuple[Any, int]] = {
    "numbers": (MeanNumbers(WEIGHTS, np.array([1.0, -2.0]), np.array([3.0, 0.5])), 2),
    "two classes": (LogOdds(WEIGHTS, 2, 1.3), 1),
    "two classes, two logits": (LogOdds(WEIGHTS, 2, 0.7), 2),
    "four classes": (LogOdds(WEIGHTS, 4, 1.3), 4),
}


def logits(units: int, size: float = 2.0) -> np.ndarray:
    return size * np.random.default_rng(units).normal(size=(3, 7, units))


@pytest.mark.parametrize("case", CASES)
def test_derivatives(case: str) -> None:
    joint, units = CASES[case]
    Z, step = logits(units), 1e-6
    for output in range(joint.count):
        slopes = joint.slopes(Z, output)
        for k, i in np.ndindex(3, units):
            shift = np.zeros_like(Z)
            shift[k, :, i] = step
            change = joint.values(Z + shift)[:, output] - joint.values(Z - shift)[:, output]
            np.testing.assert_allclose(slopes[k, :, i], change / (2 * step), atol=1e-8)


@pytest.mark.parametrize("units", [1, 2, 4])
def test_they_are_of_the_mean_of_probabilities_tempered(units: int) -> None:
    Z, T = logits(units), 1.3
    e = np.exp(Z)
    members = e / (1 + e) if units == 1 else e / e.sum(axis=2, keepdims=True)
    mean = np.einsum("k,kmi->mi", WEIGHTS, members)
    P = tempered(class_probabilities(mean), T)
    found = LogOdds(WEIGHTS, P.shape[1], T).values(Z)
    if P.shape[1] == 2:
        expected = np.log(P[:, 1:] / P[:, :1])
    else:
        expected = np.log(P) - np.log(P).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("units", [1, 4])
def test_logits_so_large_that_probabilities_are_0(units: int) -> None:
    joint, Z = LogOdds(WEIGHTS, max(2, units), 1.0), logits(units, 1e4)
    assert np.isfinite(joint.values(Z)).all()
    assert np.isfinite(joint.slopes(Z, 0)).all()


def test_numbers_are_unscaled() -> None:
    joint, units = CASES["numbers"]
    Z = logits(units)
    mean = np.average(Z, axis=0, weights=WEIGHTS)
    np.testing.assert_allclose(joint.values(Z), mean * [3.0, 0.5] + [1.0, -2.0])
