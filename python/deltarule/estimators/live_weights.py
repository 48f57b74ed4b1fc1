"""An estimator's ``coefs_`` and ``intercepts_``: drawn, then views of a network's parameters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.estimators.losses import CORE_NAMES
from deltarule.layers import Dense, Dropout, LayerDescription
from deltarule.network import Network


def initial_weights(
    random_state: Any, sizes: Sequence[int], activations: Sequence[str], dtype: Any
) -> tuple[list[Array], list[Array]]:
    """Draw ``coefs_`` and ``intercepts_`` as scikit-learn does (Glorot & Bengio 2010).

    Uniform, within a bound that suits the activation.
    """
    dtype = np.float32 if dtype == np.float32 else np.float64
    coefs, intercepts = [], []
    for n_prev, n, activation in zip(sizes[:-1], sizes[1:], activations, strict=True):
        factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
        bound = np.sqrt(factor / (n_prev + n))
        coefs.append(random_state.uniform(-bound, bound, (n_prev, n)).astype(dtype))
        intercepts.append(random_state.uniform(-bound, bound, n).astype(dtype))
    return coefs, intercepts


class Shape(NamedTuple):
    """What a network is made from."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]  # of each layer
    dropout: tuple[float, ...]  # of each hidden layer
    dtype: np.dtype[Any]


class LiveWeights:
    """A network, and its weights in scikit-learn's shapes: (n_prev, n) and (n,).

    Who puts another array in a view's place has it copied to the network when it is next used.
    """

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        self.shape = shape
        sizes, activations, dropout, dtype = shape
        layers: list[LayerDescription] = []
        self.dense: list[int] = []  # where the dense layers stand among all
        for index, (units, activation) in enumerate(zip(sizes[1:], activations, strict=True)):
            self.dense.append(len(layers))
            name = CORE_NAMES.get(activation, activation)
            layers.append(Dense(int(units), name, initializer="zeros"))
            if index < len(dropout) and dropout[index] > 0:
                layers.append(Dropout(float(dropout[index])))
        self.network = Network(layers, int(sizes[0]), seed=seed, dtype=dtype)
        of_layers = [self.network.layers[index] for index in self.dense]
        self.coefs = tuple(layer.W.T for layer in of_layers)
        self.intercepts = tuple(layer.b[:, 0] for layer in of_layers)

    def take(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> bool:
        """Copy the arrays that are not the views themselves, and tell whether there were any."""
        copied = False
        for array, view in zip([*coefs, *intercepts], [*self.coefs, *self.intercepts], strict=True):
            if array is not view:
                view[...] = array
                copied = True
        return copied

    def penalise(self, l1: float, l2: float) -> None:
        """Set the penalties of the next steps."""
        for index in self.dense:
            layer = self.network.layers[index]
            if layer.l1 != l1 or layer.l2 != l2:
                layer.set_rule({"l1": l1, "l2": l2})


def fitted_attributes(estimator: Any, also: Collection[str]) -> dict[str, Any]:
    """Copies of what ``fit`` has left, by scikit-learn's rule of names; weights as plain arrays."""
    attributes = {
        name: deepcopy(value)
        for name, value in vars(estimator).items()
        if (name.endswith("_") and not name.startswith("_")) or name in also
    }
    for name in {"coefs_", "intercepts_"} & set(attributes):
        attributes[name] = [np.array(array, order="C") for array in getattr(estimator, name)]
    return attributes
