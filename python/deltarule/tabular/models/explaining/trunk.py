"""A network without the layers that take columns, and without its output's activation.

In front of it every number still belongs to one column of X, so numbers there can be moved a little
at a time, which categories' codes cannot. Behind it are logits, which add up as probabilities do
not.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.layers import Activation, Add, Dense, LayerDescription
from deltarule.layers.columns import may_precede, origins
from deltarule.network import Network

_OF_PROBABILITIES = ("sigmoid", "softmax")


class Trunk:
    """The layers of a network that lie between its columns' numbers and its logits.

    Parameters
    ----------
    network : Network
    where : str
        For messages.

    Attributes
    ----------
    columns : ndarray of int, shape (n_numbers,)
        Of which column of X each number in front of the trunk is made.
    units : int
        How many numbers a pass through it keeps of an example.

    Raises
    ------
    ValueError
        For a residual block that goes around a layer that takes columns.
    """

    def __init__(self, network: Network, where: str) -> None:
        descriptions = [layer.description for layer in network.layers]
        first = len(list(takewhile(may_precede, descriptions)))
        around = [each for each in descriptions if isinstance(each, Add) and each.source < first]
        if first == len(descriptions) or around:
            raise ValueError(
                f"{where}: a network's residual block goes around its layers that take columns, or "
                "it has no others: expected dense layers behind them"
            )
        self.columns = np.array(origins(descriptions[:first], network.input_size))
        trunk = [_bare(each, first) for each in descriptions[first:]]
        last = trunk[-1]
        if isinstance(last, (Dense, Activation)) and last.activation in _OF_PROBABILITIES:
            trunk[-1] = replace(last, activation="identity")
        self._first, self._whole = first, network
        self._network = Network(trunk, len(self.columns), dtype=network.dtype)
        for layer, like in zip(self._network.layers, network.layers[first:], strict=True):
            shapes = (layer.description.parameters, layer.description.statistics)
            for name in (name for of in shapes for name in of(layer.inputs)):
                setattr(layer, name, getattr(like, name))
        self.units = len(self.columns) + 2 * sum(layer.units for layer in self._network.layers)

    def numbers(self, rows: Array) -> Array:
        """What the layers that take columns make of rows of X."""
        if not self._first:
            return np.asarray(rows, self._whole.dtype)
        _, caches = self._whole.forward(rows)
        return np.array(caches[self._first].A_prev)

    def forward(self, numbers: Array) -> tuple[Array, Any]:
        """The logits, or numbers, and what the way back needs."""
        return self._network.forward(numbers)

    def backward(self, slopes: Array, caches: Any) -> Array:
        """The derivatives in front of the trunk, of those behind it."""
        _, found = self._network.backward(slopes, caches, input_gradient=True)
        return np.asarray(found)


def _bare(layer: LayerDescription, first: int) -> LayerDescription:
    """A layer as it is to stand in the trunk: nothing is drawn for it, and nothing trained."""
    if isinstance(layer, Dense):
        layer = replace(layer, initializer="zeros", bias_initializer="zeros")
    if isinstance(layer, Add):
        layer = replace(layer, source=layer.source - first)
    return replace(layer, frozen=True)
