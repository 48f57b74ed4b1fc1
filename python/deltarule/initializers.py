"""Initial weights: by what suits the activation, or by name.

With ``n_prev`` inputs and ``n`` units a layer's weights are drawn from a normal or a uniform
distribution of variance ``2 / n_prev`` (He et al. 2015, for activations that are zero on one side),
``2 / (n_prev + n)`` (Glorot & Bengio 2010, for those that are symmetric about zero) or
``1 / n_prev`` (LeCun et al. 1998, for those that change nothing). Biases start at zero.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Draw = Callable[[np.random.Generator, int, int], NDArray[np.float64]]


def _normal(variance: Callable[[int, int], float]) -> Draw:
    def draw(generator: np.random.Generator, n: int, n_prev: int) -> NDArray[np.float64]:
        return generator.normal(0.0, math.sqrt(variance(n, n_prev)), (n, n_prev))

    return draw


def _uniform(variance: Callable[[int, int], float]) -> Draw:
    def draw(generator: np.random.Generator, n: int, n_prev: int) -> NDArray[np.float64]:
        limit = math.sqrt(3.0 * variance(n, n_prev))
        return generator.uniform(-limit, limit, (n, n_prev))

    return draw


def _he(n: int, n_prev: int) -> float:
    return 2.0 / n_prev


def _glorot(n: int, n_prev: int) -> float:
    return 2.0 / (n_prev + n)


def _lecun(n: int, n_prev: int) -> float:
    return 1.0 / n_prev


def _zeros(generator: np.random.Generator, n: int, n_prev: int) -> NDArray[np.float64]:
    return np.zeros((n, n_prev))


INITIALIZERS: dict[str, Draw] = {
    "he_normal": _normal(_he),
    "he_uniform": _uniform(_he),
    "glorot_normal": _normal(_glorot),
    "glorot_uniform": _uniform(_glorot),
    "lecun_normal": _normal(_lecun),
    "lecun_uniform": _uniform(_lecun),
    "zeros": _zeros,
}

_SUITS = {
    "relu": "he_normal",
    "leaky_relu": "he_normal",
    "elu": "he_normal",
    "gelu": "he_normal",
    "gelu_tanh": "he_normal",
    "silu": "he_normal",
    "softplus": "he_normal",
    "sigmoid": "glorot_uniform",
    "tanh": "glorot_uniform",
    "softmax": "glorot_uniform",
    "identity": "lecun_normal",
    "exponential": "lecun_normal",
}


def suits(activation: str) -> str:
    """Name the initialiser that suits an activation."""
    return _SUITS[activation]
