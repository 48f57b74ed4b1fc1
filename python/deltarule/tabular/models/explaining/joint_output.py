"""What is explained of networks that predict together: a number, or logarithms of odds.

An ensemble of classifiers answers with the mean of its members' probabilities. Shares of columns
cannot be added up in probabilities, which end at 0 and 1; they can in logarithms of odds. So what
is explained is the logarithm of the ensemble's own odds, as they are after its temperature, and not
the mean of its members' logits, which are those of another answer.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from deltarule._arrays import Array


class JointOutput(Protocol):
    """Some outputs that members' logits (n_members, m, units) together make."""

    count: int

    def values(self, Z: Array) -> Array:
        """The outputs, (m, count)."""

    def slopes(self, Z: Array, output: int) -> Array:
        """The derivatives of one of them, of Z's shape."""


class MeanNumbers:
    """Targets: ``mean + deviation sum_k w_k z_k``, which are not clamped."""

    def __init__(self, weights: Array, mean: Array, deviation: Array) -> None:
        self._weights, self._mean, self._deviation = weights, mean, deviation
        self.count = len(mean)

    def values(self, Z: Array) -> Array:
        """``mean + deviation sum_k w_k z_k``."""
        values: Array = self._mean + self._deviation * np.einsum("k,kmi->mi", self._weights, Z)
        return values

    def slopes(self, Z: Array, output: int) -> Array:
        """``w_k deviation`` for the output's own unit."""
        slopes = np.zeros(Z.shape)
        slopes[..., output] = (self._weights * self._deviation[output])[:, np.newaxis]
        return slopes


class LogOdds:
    """Classes, by the logarithms of their probabilities.

    With ``p = sum_k w_k softmax(z_k)`` and the temperature T, they are

    - of two, one output: ``log(p_1 / p_0) / T``, of members with one logit, that of class 1;
    - of more, one output each: ``(log p_c - mean_d log p_d) / T``. So the difference of two outputs
      is the logarithm of the odds between two classes.
    """

    def __init__(self, weights: Array, classes: int, temperature: float) -> None:
        self._weights = weights[:, np.newaxis, np.newaxis]
        contrasts = np.array([[-1.0], [1.0]]) if classes == 2 else np.eye(classes) - 1 / classes
        self._contrasts = contrasts / temperature
        self.count = contrasts.shape[1]

    def values(self, Z: Array) -> Array:
        """The contrasts of the logarithms of the mean probabilities."""
        logs = self._logs(Z)
        return np.asarray(np.logaddexp.reduce(logs, axis=0) @ self._contrasts)

    def slopes(self, Z: Array, output: int) -> Array:
        """``c_j r_kj - p_kj sum_i c_i r_ki``.

        c is the output's contrast, p_k are a member's own probabilities, and its part in the mean
        one of class j is ``r_kj = w_k p_kj / p_j``.
        """
        logs = self._logs(Z)
        parts = np.exp(logs - np.logaddexp.reduce(logs, axis=0)) * self._contrasts[:, output]
        slopes: Array = parts - np.exp(logs) / self._weights * parts.sum(axis=2, keepdims=True)
        return slopes[..., 1:] if Z.shape[2] == 1 else slopes

    def _logs(self, Z: Array) -> Array:
        """``log w_k p_kj``, (n_members, m, n_classes)."""
        Z = Z.astype(np.float64)
        if Z.shape[2] == 1:
            Z = np.concatenate([np.zeros(Z.shape), Z], axis=2)
        Z -= np.logaddexp.reduce(Z, axis=2)[..., np.newaxis]
        return np.asarray(Z + np.log(self._weights))
