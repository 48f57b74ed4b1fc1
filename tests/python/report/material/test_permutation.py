"""How much worse predictions are when a column is shuffled."""

import numpy as np

from deltarule.report.material.permutation import permutation_importance
from support import assert_same_bits

X = np.random.default_rng(0).normal(size=(2000, 4))


def squared(y: np.ndarray) -> object:
    return lambda A: float(np.mean((A - y) ** 2))


def test_a_linear_model_s_importances() -> None:
    """Of the squared error, twice the variance of what a column adds: w^2 var(x - x')."""
    w = np.array([3.0, 0.0, -1.0, 0.5])
    spans = {name: (k, k + 1) for k, name in enumerate("abcd")}
    found = permutation_importance(lambda R: R @ w, squared(X @ w), X, spans, repeats=20)
    np.testing.assert_allclose(found.mean, 2 * w**2, rtol=0.1)
    assert found.deviation[1] == 0
    assert 0 < found.deviation[0] < 0.1 * found.mean[0]


def test_a_column_s_numbers_stay_together() -> None:
    """Of two numbers that are always the same, no model is asked for others."""
    rows = X[:, [0, 0, 1]]

    def answer(R: np.ndarray) -> np.ndarray:
        assert (R[:, 0] == R[:, 1]).all()
        return R[:, 0] + R[:, 2]

    loss = squared(answer(rows))
    found = permutation_importance(answer, loss, rows, {"one": (0, 2), "other": (2, 3)})
    np.testing.assert_allclose(found.mean, 2, rtol=0.2)


def test_the_rows_are_left_alone_and_the_seed_tells() -> None:
    rows = X.copy()
    spans = {"a": (0, 1), "b": (1, 4)}

    def once(seed: int) -> np.ndarray:
        found = permutation_importance(
            lambda R: R.sum(axis=1), squared(X.sum(axis=1)), rows, spans, seed=seed
        )
        return found.mean

    assert_same_bits(once(0), once(0))
    assert (once(0) != once(1)).any()
    assert_same_bits(rows, X)
