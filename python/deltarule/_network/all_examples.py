"""The cost of all examples at once, and its gradient, computed in parts that memory likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deltarule import _core
from deltarule._arrays import Array, aligned_zeros
from deltarule._data.rows import Rows
from deltarule._data.targets import part_of
from deltarule._network.works import Works
from deltarule.losses import Loss

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

# Rows that are judged at a time, whose targets may have to be converted, and numbers of X, whose
# pages are held. They are the same for a map and for an array, as a cost is a sum over parts.
_ROWS_A_PART, _NUMBERS_OF_X_A_PART = 1 << 16, 1 << 22
# Activations that are kept at a time for the backward pass.
_NUMBERS_A_PART = 1 << 24


def infer(
    network: BareNetwork, rows: Rows, target: _core.Target, loss: Loss
) -> Works[tuple[float, Array]]:
    """The sum of the losses, each times its example's weight, without penalties; and ``A[L]``."""
    m = len(rows)
    rows_a_part = max(1, min(_ROWS_A_PART, _NUMBERS_OF_X_A_PART // network.input_size))
    A = np.empty((m, network.output_size), network.dtype)
    total, formula = 0.0, loss._formula()
    for first in range(0, m, rows_a_part):
        part = slice(first, min(first + rows_a_part, m))
        work = network._core.infer_later(
            network.parameters,
            rows.part(part),
            A[part],
            formula,
            part_of(target, part, network.dtype),
        )
        yield work
        total += work.result()
        rows.let_go()
    return total, A


class Cost:
    """The cost and its gradient, as functions of a flat float64 vector: for a minimiser.

    Both may be infinite or NaN. ``latest`` is the cost of the latest call, ``parameters`` the
    vector in the network's dtype; the network's own parameters are not touched.
    """

    def __init__(
        self,
        network: BareNetwork,
        loss: Loss,
        rows: Rows,
        target: _core.Target,
        constant: float = 0.0,  # added to the cost
    ) -> None:
        self._network, self._rows, self._target = network, rows, target
        self._constant = constant
        self._trainer, self._gradients = network._training_room(loss)
        units = network.input_size + sum(layer.units for layer in network.layers)
        self._rows_a_part = max(1, _NUMBERS_A_PART // units)
        self.parameters = aligned_zeros(network.parameters.size, network.dtype)
        self.latest = np.inf

    def __call__(self, x: Array) -> tuple[float, Array]:
        total = weight = 0.0
        gradients = np.zeros(x.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            self.parameters[:] = x
            for first in range(0, len(self._rows), self._rows_a_part):
                part = slice(first, first + self._rows_a_part)
                part_total, part_weight = self._network._accumulate(
                    self._trainer,
                    self.parameters,
                    Rows(self._rows.part(part)),
                    part_of(self._target, part),
                    self._gradients,
                    training=False,
                )
                total += part_total
                weight += part_weight
                gradients += part_weight * self._gradients
                self._rows.let_go()
            gradients /= weight
        self.latest = total / weight + self._constant
        return self.latest, gradients
