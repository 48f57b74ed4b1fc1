"""Each prediction parted among the columns: integrated gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.tabular.models.explaining.joint_output import JointOutput
from deltarule.tabular.models.explaining.trunk import Trunk

# Steps on the way, and what is done again with more: where columns' parts miss the whole by more
# than this part of how far outputs are from the base on average.
_STEPS = (16, 64, 256)
_TOLERANCE = 0.01
# Numbers that all members keep of a batch at a time.
_NUMBERS_AT_ONCE = 1 << 23


class Attributions(NamedTuple):
    """Parts of outputs, and what they are parts of.

    Attributes
    ----------
    base : ndarray of shape (n_outputs,)
        The outputs where every column is as in the background.
    outputs : ndarray of shape (n_samples, n_outputs)
        What the parts add up to, from the base on.
    parts : ndarray of shape (n_samples, n_columns, n_outputs)
    errors : ndarray of shape (n_samples, n_outputs)
        How far the sum is from the output after all, as the integral is a sum of steps.
    """

    base: Array
    outputs: Array
    parts: Array
    errors: Array


def integrated_gradients(
    trunks: Sequence[Trunk],
    joint: JointOutput,
    rows: Array,
    background: Array,
    groups: Array,
) -> Attributions:
    """Part the outputs of networks that predict together among groups of X's columns.

    Parameters
    ----------
    trunks : sequence of Trunk
        Of the members.
    joint : JointOutput
        What they make together.
    rows, background : ndarray of shape (n_samples, n_features), (n_background, n_features)
        Of encoded numbers.
    groups : ndarray of int, shape (n_features,)
        To which group each column of X belongs; 0 ... n_groups - 1.

    Notes
    -----
    Member k has the numbers h_k of an example in front of its trunk, behind embeddings and the
    like, and h0_k is their mean over the background. On the straight way from h0 to h, of all
    members at once, number j's part of the output F is

        (h_kj - h0_kj) integral_0^1 dF/dh_kj(h0 + t (h - h0)) dt,

    and a column's part is the sum over its numbers, of all members. The parts add up to F(h) -
    F(h0). The integral is a Gauss-Legendre sum.

    References
    ----------
    Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks".
    """
    starts = [_mean_numbers(trunk, background) for trunk in trunks]
    base = joint.values(_logits(trunks, [each[np.newaxis] for each in starts]))[0]
    outputs = np.empty((len(rows), joint.count))
    units = sum(trunk.units for trunk in trunks)
    for part in _batches(len(rows), units):
        outputs[part] = joint.values(_logits(trunks, _numbers(trunks, rows[part])))
    parts = np.zeros((len(rows), int(groups.max()) + 1, joint.count))
    errors = np.full(outputs.shape, np.inf)
    tolerance = _TOLERANCE * np.abs(outputs - base).mean(axis=0) if len(rows) else 0.0
    for steps in _STEPS:
        left = np.flatnonzero((errors > tolerance).any(axis=1))
        for part in _batches(len(left), steps * units):
            some = left[part]
            parts[some] = _parts(trunks, joint, rows[some], starts, groups, steps)
            errors[some] = np.abs(base + parts[some].sum(axis=1) - outputs[some])
    return Attributions(base, outputs, parts, errors)


def _batches(m: int, numbers_a_row: int) -> Iterator[slice]:
    """As many rows at a time as memory likes."""
    at_once = max(1, _NUMBERS_AT_ONCE // numbers_a_row)
    return (slice(first, first + at_once) for first in range(0, m, at_once))


def _numbers(trunks: Sequence[Trunk], rows: Array) -> list[Array]:
    return [trunk.numbers(rows) for trunk in trunks]


def _mean_numbers(trunk: Trunk, background: Array) -> Array:
    total = np.zeros(len(trunk.columns))
    for part in _batches(len(background), trunk.units):
        total += trunk.numbers(background[part]).sum(axis=0, dtype=np.float64)
    return total / len(background)


def _logits(trunks: Sequence[Trunk], numbers: Sequence[Array]) -> Array:
    # Copies, as what a pass leaves is kept as long as its output is.
    return np.array([trunk.forward(h)[0].copy() for trunk, h in zip(trunks, numbers, strict=True)])


def _parts(
    trunks: Sequence[Trunk],
    joint: JointOutput,
    rows: Array,
    starts: Sequence[Array],
    groups: Array,
    steps: int,
) -> Array:
    """The groups' parts of some rows' outputs, (n_samples, n_groups, n_outputs)."""
    at, weights = _gauss_legendre(steps)
    ways = [h - h0 for h, h0 in zip(_numbers(trunks, rows), starts, strict=True)]
    passed = [
        trunk.forward((h0 + at[:, np.newaxis, np.newaxis] * way).reshape(-1, len(h0)))
        for trunk, h0, way in zip(trunks, starts, ways, strict=True)
    ]
    Z = np.array([each for each, _ in passed])
    parts = np.zeros((len(rows), int(groups.max()) + 1, joint.count))
    for output in range(joint.count):
        slopes = joint.slopes(Z, output)
        for trunk, way, (_, caches), own in zip(trunks, ways, passed, slopes, strict=True):
            found = trunk.backward(own, caches).reshape(steps, *way.shape)
            numbers = way * np.einsum("s,srj->rj", weights, found)
            _add_by_group(parts[..., output], numbers, groups[trunk.columns])
    return parts


@cache
def _gauss_legendre(steps: int) -> tuple[Array, Array]:
    """Where between 0 and 1 an integrand is looked at, and with which weights.

    They take an eigenvalue problem: solved for every batch it took longer than the networks.
    """
    at, weights = np.polynomial.legendre.leggauss(steps)  # between -1 and 1
    return (at + 1) / 2, weights / 2


def _add_by_group(parts: Array, numbers: Array, groups: Array) -> None:
    """Add each group's numbers to its part."""
    order = np.argsort(groups, kind="stable")
    there, begins = np.unique(groups[order], return_index=True)
    parts[:, there] += np.add.reduceat(numbers[:, order], begins, axis=1)
