"""Intervals of prediction, by what the errors were on rows held out: conformal prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_in_range
from deltarule.errors import ModelFileError
from deltarule.tabular.encoding.state import Reader, State
from deltarule.tabular.models.error_scales import MOST_LOGARITHM, ErrorScales

_FOLDS = 5
# Of more scores these are kept: all at either end, and as many in between, evenly by their ranks.
_KEPT_AT_AN_END, _KEPT_BETWEEN = 500, 1000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Intervals:
    """What was learned of a regressor's errors, for intervals of any coverage.

    An error, target less prediction, is divided by the scale of errors that is expected for its
    row, above or below: that is its score. An interval goes as far as the scores went, times the
    scales of the row that it is asked for. Half of what is not to be covered lies on each side.

    Attributes
    ----------
    scales : tuple of ErrorScales
        One a target.
    scores : ndarray of shape (n_targets, n_scores)
        Ascending.
    up_to, from_on : ndarray of shape (n_targets, n_scores)
        What part of all weight has such a score or less; or more. A row yet to come is part of all.
    rows : float
        As how many rows of one weight those weigh that were learned from.

    Notes
    -----
    With n rows of the same weight, the upper end is the score of rank ``ceil((n + 1) (1 + coverage)
    / 2)`` from below, the lower one that of the same rank from above. So an interval misses on
    either side with a probability of at most ``(1 - coverage) / 2``, whatever the errors are like,
    if the rows that come are drawn as those held out were, and if the scales were not learned from
    them. As they are, scores are made with scales that were learned from four fifths of the rows
    without the row itself; what is lost by that is far below what chance makes of n rows.

    Which scales was chosen on California and Diamonds, by the interval score (Gneiting & Raftery
    2007): scales for each side by prediction and spread have the least, and about a tenth (at a
    coverage of .9) and four tenths less than intervals of one width.

    References
    ----------
    Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World". Lei, G'Sell, Rinaldo,
    Tibshirani & Wasserman 2018, "Distribution-Free Predictive Inference for Regression" (scaled
    errors). Tibshirani, Foygel Barber, Candès & Ramdas 2019, "Conformal Prediction Under Covariate
    Shift" (weights).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> predictions = rng.uniform(1, 9, 1000)
    >>> targets = predictions + predictions * rng.normal(0, 0.1, 1000)
    >>> intervals = Intervals.fit(targets, predictions, np.zeros(1000))
    >>> lower, upper = intervals.around(np.array([2.0, 8.0]), np.zeros(2), 0.9)
    >>> (upper - lower).round(0)
    array([1., 3.])
    """

    scales: tuple[ErrorScales, ...]
    scores: Array
    up_to: Array
    from_on: Array
    rows: float

    @classmethod
    def fit(
        cls,
        targets: Array,
        predictions: Array,
        spread: Array,
        sample_weight: Array | None = None,
    ) -> Self:
        """Learn from rows that the regressor was not trained on.

        Parameters
        ----------
        targets, predictions, spread : ndarray of shape (n_samples,) or (n_samples, n_targets)
            What was to be predicted, what was, and how far the members were apart; 0 where there
            is but one.
        sample_weight : ndarray of shape (n_samples,), optional
            0 or more each. Only their ratios count.

        Raises
        ------
        ValueError
            Where no row weighs anything.
        """
        weights = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight)
        counted = weights > 0
        weights = weights[counted].astype(np.float64)
        if not len(weights):
            raise ValueError("Intervals.fit: there are no rows: expected one that weighs something")
        weights /= weights.max()
        columns = [_columns(each)[counted].T for each in (targets, predictions, spread)]
        made = [_learned(y - A, A, apart, weights) for y, A, apart in zip(*columns, strict=True)]
        scales, scores = zip(*made, strict=True)
        # The row to come weighs what rows weigh on average, heavy ones coming more often.
        one_more = float(weights @ weights / weights.sum())
        kept = _kept(len(weights))
        ranked = []
        for each in scores:
            order = np.argsort(each, kind="stable")
            parts = weights[order] / (weights.sum() + one_more)
            up_to = np.cumsum(parts)
            from_on = up_to[-1] - up_to + parts
            ranked.append((each[order][kept], up_to[kept], from_on[kept]))
        ranks, up_to, from_on = map(np.array, zip(*ranked, strict=True))
        return cls(scales, ranks, up_to, from_on, float(weights.sum() / one_more))

    def around(self, predictions: Array, spread: Array, coverage: float) -> tuple[Array, Array]:
        """Where targets lie with a probability, for some predictions.

        Parameters
        ----------
        predictions, spread : ndarray of shape (n_samples,) or (n_samples, n_targets)
            As in ``fit``.
        coverage : float
            The probability, above 0 and below 1.

        Returns
        -------
        lower, upper : ndarray of float64, of the same shape

        Raises
        ------
        TypeError, ValueError
            For what is no probability, and for one that takes more rows than were held out.
        """
        expect_in_range(coverage, "predict_interval: coverage", above=0, below=1)
        level = (1 + coverage) / 2
        need = math.ceil(level / (1 - level) - _ROUNDING)
        if self.rows < level / (1 - level) - 1e-6:
            raise ValueError(
                f"predict_interval: coverage is {coverage:g}, and {self.rows:.4g} rows were held "
                f"out: expected {need} or more for it, or a coverage of "
                f"{self.most_coverage:.4g} or less"
            )
        A, apart = _columns(predictions), _columns(spread)
        lower, upper = np.empty(A.shape), np.empty(A.shape)
        for k, scales in enumerate(self.scales):
            last = len(self.scores[k]) - 1
            high = min(last, int(np.searchsorted(self.up_to[k], level - _ROUNDING)))
            low = max(0, last - int(np.searchsorted(self.from_on[k][::-1], level - _ROUNDING)))
            below, above = scales.of(A[:, k], apart[:, k])
            for bound, score in ((lower, self.scores[k, low]), (upper, self.scores[k, high])):
                bound[:, k] = A[:, k] + score * (above if score > 0 else below)
        shape = np.shape(predictions)
        return lower.reshape(shape), upper.reshape(shape)

    @property
    def most_coverage(self) -> float:
        """The largest coverage that the rows are enough for, rounded down to four digits."""
        return max(0, math.floor(1e4 * (self.rows - 1) / (self.rows + 1) + 1e-4) / 1e4)

    def to_state(self) -> State:
        """All that it is: a dictionary of arrays, and of values that JSON has."""
        return {
            "scores": self.scores,
            "up_to": self.up_to,
            "from_on": self.from_on,
            "rows": float(self.rows),
            **{
                name: np.array([getattr(each, name) for each in self.scales])
                for name in ("knots", "values", "slopes", "spreads")
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Intervals of the state that ``to_state`` made.

        Raises
        ------
        ModelFileError
            For a state that is none.
        """
        read = Reader(state, "intervals")
        scores, up_to, from_on = (
            read.array(name, "float64", 2) for name in ("scores", "up_to", "from_on")
        )
        knots, values = read.array("knots", "float64", 2), read.array("values", "float64", 3)
        slopes, spreads = read.array("slopes", "float64", 2), read.array("spreads", "float64", 2)
        rows = read.value("rows", float)
        read.expect_no_more()
        targets, bends = knots.shape
        _expect(
            min(targets, bends, *scores.shape) > 0
            and len(scores) == targets
            and scores.shape == up_to.shape == from_on.shape
            and values.shape == (targets, 2, bends)
            and slopes.shape == (targets, 2)
            and spreads.shape == (targets, 5),
            "arrays that do not go together: expected those of one regressor",
        )
        _expect(
            math.isfinite(rows)
            and rows > 0
            and all((np.diff(each) >= 0).all() for each in (knots, scores, up_to, -from_on))
            and all(((each > 0) & (each < 1)).all() for each in (up_to, from_on)),
            "scores out of order: expected scores that ascend, and parts of 1 beside them",
        )
        least, _, deviation, low, high = spreads.T
        with np.errstate(over="ignore"):
            farthest = np.abs(slopes) * np.maximum(np.abs(low), np.abs(high))[:, np.newaxis]
            largest = np.abs(values).max(axis=2) + farthest
        _expect(
            (least > 0).all()
            and (deviation > 0).all()
            and (low <= high).all()
            and (largest <= MOST_LOGARITHM).all(),
            "scales of errors that are none: expected numbers that float64 has",
        )
        scales = map(ErrorScales, knots, values, slopes, spreads)
        return cls(tuple(scales), scores, up_to, from_on, rows)


def _expect(holds: Any, otherwise: str) -> None:
    if not holds:
        raise ModelFileError(f"intervals have {otherwise}")


def _columns(given: Array) -> Array:
    numbers = np.asarray(given, np.float64)
    return numbers[:, np.newaxis] if numbers.ndim == 1 else numbers


def _learned(
    errors: Array, predictions: Array, spread: Array, weights: Array
) -> tuple[ErrorScales, Array]:
    """A target's scales, and scores by scales that have not seen the row's own error."""
    n = len(errors)
    scores = np.empty(n)
    folds = np.arange(n) % min(n, _FOLDS)
    for fold in range(min(n, _FOLDS)):
        own = folds == fold
        others = ~own if n > 1 else own
        scales = ErrorScales.fit(
            errors[others], predictions[others], spread[others], weights[others]
        )
        below, above = scales.of(predictions[own], spread[own])
        scores[own] = errors[own] / np.where(errors[own] > 0, above, below)
    return ErrorScales.fit(errors, predictions, spread, weights), scores


def _kept(n: int) -> Array:
    """The ranks of the scores that are kept of so many."""
    if n <= 2 * _KEPT_AT_AN_END + _KEPT_BETWEEN:
        return np.arange(n)
    between = np.linspace(_KEPT_AT_AN_END, n - 1 - _KEPT_AT_AN_END, _KEPT_BETWEEN).round()
    ends = np.arange(_KEPT_AT_AN_END)
    return np.concatenate([ends, between.astype(np.int64), n - 1 - ends[::-1]])
