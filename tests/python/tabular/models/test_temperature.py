"""The temperature of a classifier's probabilities."""

import numpy as np
import pytest

from deltarule.metrics import log_loss
from deltarule.tabular.models.temperature import (
    LEAST,
    MOST,
    class_probabilities,
    fitted_temperature,
    tempered,
)


def drawn(m: int, classes: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes, and their probabilities as one says them who is too sure or too modest."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (m, classes))
    P = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    codes = (rng.uniform(size=(m, 1)) > P.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return tempered(P, 1 / temperature), codes


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("truth", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_there(classes: int, truth: float) -> None:
    said, codes = drawn(20_000, classes, truth)
    assert fitted_temperature(said, codes) == pytest.approx(truth, rel=0.05)


def test_no_other_temperature_is_better() -> None:
    said, codes = drawn(2000, 3, 1.7)
    T = fitted_temperature(said, codes)
    losses = [log_loss(codes, tempered(said, each)) for each in (0.9 * T, T, 1.1 * T)]
    assert losses[1] < min(losses[0], losses[2])


def test_weights_are_rows_that_are_there_so_often() -> None:
    said, codes = drawn(300, 3, 2.0)
    counts = np.random.default_rng(1).integers(0, 4, 300)
    often = np.repeat(np.arange(300), counts)
    weighted = fitted_temperature(said, codes, counts)
    assert weighted == pytest.approx(fitted_temperature(said[often], codes[often]), rel=0.01)
    assert fitted_temperature(said, codes, 7.5 * counts) == pytest.approx(weighted, rel=1e-6)


def test_few_rows_that_are_all_right_make_nobody_sure() -> None:
    said = np.tile([0.8, 0.2], (5, 1))
    T = fitted_temperature(said, np.zeros(5, int))
    assert LEAST < T < 1
    assert tempered(said, T).max() < 0.97


@pytest.mark.parametrize(("code", "bound"), [(0, LEAST), (1, MOST)])
def test_it_is_bounded(code: int, bound: float) -> None:
    said = np.tile([0.6, 0.4], (10**4, 1))
    assert fitted_temperature(said, np.full(10**4, code)) == pytest.approx(bound)


def test_probabilities_of_0_and_1() -> None:
    said = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.3, 0.7]])
    T = fitted_temperature(said, np.array([0, 1, 1, 1]))
    assert np.isfinite(T)
    assert T > 1
    assert tempered(said, T)[:2].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("weights", [np.zeros(0), np.zeros(3)])
def test_nothing_to_learn_from(weights: np.ndarray) -> None:
    m = len(weights)
    assert fitted_temperature(np.full((m, 2), 0.5), np.zeros(m, int), weights) == 1


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 5.0])
def test_tempered_are_probabilities_in_the_same_order(temperature: float) -> None:
    said, _ = drawn(200, 4, 1.0)
    made = tempered(said, temperature)
    np.testing.assert_allclose(made.sum(axis=1), 1)
    np.testing.assert_array_equal(made.argsort(axis=1), said.argsort(axis=1))
    odds = np.log(made[:, 0] / made[:, 1])
    np.testing.assert_allclose(temperature * odds, np.log(said[:, 0] / said[:, 1]), atol=1e-9)


def test_probabilities_so_small_that_their_powers_are_none() -> None:
    made = tempered(np.array([[1e-200, 1e-201]]), 0.2)
    np.testing.assert_allclose(made, [[1, 1e-5]], rtol=1e-4)


def test_outputs_of_one_unit_and_of_several() -> None:
    assert class_probabilities(np.array([[0.25]], np.float32)).tolist() == [[0.75, 0.25]]
    assert class_probabilities(np.array([[0.25, 0.75]], np.float32)).tolist() == [[0.25, 0.75]]
