"""Scales: against SciPy's normal distribution, scikit-learn's scalers and formulas by hand."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from deltarule.tabular.encoding.scaling import MOST_QUANTILES, SCALINGS, Quantiles, Robust, Standard

RNG = np.random.default_rng(0)


def test_each_number_has_the_quantile_of_its_rank() -> None:
    ordered = np.sort(RNG.lognormal(size=101))
    expected = [NormalDist().inv_cdf((rank + 0.5) / 101) for rank in range(101)]
    np.testing.assert_allclose(Quantiles.fitted(ordered).scale(ordered), expected, atol=1e-12)


def test_ties_have_the_middle_of_their_ranks() -> None:
    ordered = np.array([0.0] * 6 + [1.0] * 3 + [2.0])
    scaled = Quantiles.fitted(ordered).scale(np.array([-9, 0, 1, 2, 9.0]))
    expected = [NormalDist().inv_cdf(rank / 10) for rank in (3, 3, 7.5, 9.5, 9.5)]
    np.testing.assert_allclose(scaled, expected, atol=1e-12)


def test_many_numbers_become_a_normal_distribution() -> None:
    values = RNG.lognormal(size=50_000)
    scale = Quantiles.fitted(np.sort(values))
    assert len(scale.edges) == MOST_QUANTILES
    scaled = np.sort(scale.scale(values))
    ranks = np.linspace(0.01, 0.99, 99)
    expected = [NormalDist().inv_cdf(rank) for rank in ranks]
    np.testing.assert_allclose(np.quantile(scaled, ranks), expected, atol=0.01)


def test_robust_by_hand() -> None:
    ordered = np.array([0.0, 1.0, 2.0, 3.0, 100.0])  # quartiles 1 and 3, median 2
    x = (ordered - 2) / 2
    expected = x / np.sqrt(1 + (x / 3) ** 2)
    np.testing.assert_allclose(Robust.fitted(ordered).scale(ordered), expected, rtol=1e-14)


def test_robust_where_the_quartiles_are_the_same() -> None:
    ordered = np.array([0.0] * 9 + [4.0])
    x = ordered / 2
    expected = x / np.sqrt(1 + (x / 3) ** 2)
    np.testing.assert_allclose(Robust.fitted(ordered).scale(ordered), expected, rtol=1e-14)


def test_standard() -> None:
    ordered = np.sort(RNG.normal(5, 3, 100))
    scaled = Standard.fitted(ordered).scale(ordered)
    np.testing.assert_allclose([scaled.mean(), scaled.std()], [0, 1], atol=1e-12)


NUMBERS = numpy_st.arrays(np.float64, st.integers(2, 60), elements=st.floats(-1e100, 1e100)).filter(
    lambda values: values.min() < values.max()
)


@pytest.mark.parametrize("name", SCALINGS)
@given(values=NUMBERS)
def test_any_numbers(name: str, values: Any) -> None:
    """Scaled, they are finite in float32, in the same order, and the same from a file's state."""
    ordered = np.sort(values)
    scale = SCALINGS[name].fitted(ordered)
    scaled = scale.scale(ordered)
    assert np.isfinite(scaled.astype(np.float32)).all()
    assert (np.diff(scaled) >= 0).all()
    again = SCALINGS[name].of_floats(np.array(scale.floats()))
    assert again is not None
    np.testing.assert_array_equal(again.scale(ordered), scaled)
