"""The equations of docs/notation in plain NumPy and float64, written to be obvious.

The fast paths are compared with these; speed and overflow are of no interest here. An example is a
column: ``Z``, ``A``, ``Y`` are ``(n, m)``.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


# Activations: g(z) and g'(z), number by number -----------------------------------------------


def sigmoid(Z: Array) -> Array:
    return 1 / (1 + np.exp(-Z))


def normal_distribution(Z: Array) -> Array:
    return 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(Z / math.sqrt(2)))


def normal_density(Z: Array) -> Array:
    return np.exp(-(Z**2) / 2) / math.sqrt(2 * math.pi)


def gelu_inner(Z: Array) -> Array:
    return math.sqrt(2 / math.pi) * (Z + 0.044715 * Z**3)


def gelu_inner_derivative(Z: Array) -> Array:
    return math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * Z**2)


def gelu_tanh_derivative(Z: Array) -> Array:
    t = np.tanh(gelu_inner(Z))
    return (1 + t) / 2 + Z / 2 * (1 - t**2) * gelu_inner_derivative(Z)


G: dict[str, Callable[[Array], Array]] = {
    "identity": lambda Z: Z,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda Z: np.where(Z > 0, Z, 0),
    "leaky_relu": lambda Z: np.where(Z > 0, Z, 0.01 * Z),
    "elu": lambda Z: np.where(Z > 0, Z, np.exp(Z) - 1),
    "gelu": lambda Z: Z * normal_distribution(Z),
    "gelu_tanh": lambda Z: Z / 2 * (1 + np.tanh(gelu_inner(Z))),
    "silu": lambda Z: Z * sigmoid(Z),
    "softplus": lambda Z: np.log(1 + np.exp(Z)),
    "exponential": np.exp,
}

G_PRIME: dict[str, Callable[[Array], Array]] = {
    "identity": np.ones_like,
    "sigmoid": lambda Z: sigmoid(Z) * (1 - sigmoid(Z)),
    "tanh": lambda Z: 1 - np.tanh(Z) ** 2,
    "relu": lambda Z: np.where(Z > 0, 1, 0),
    "leaky_relu": lambda Z: np.where(Z > 0, 1, 0.01),
    "elu": lambda Z: np.where(Z > 0, 1, np.exp(Z)),
    "gelu": lambda Z: normal_distribution(Z) + Z * normal_density(Z),
    "gelu_tanh": gelu_tanh_derivative,
    "silu": lambda Z: sigmoid(Z) + Z * sigmoid(Z) * (1 - sigmoid(Z)),
    "softplus": sigmoid,
    "exponential": np.exp,
}

ACTIVATIONS = [*G, "softmax"]


def softmax(Z: Array) -> Array:
    return np.exp(Z) / np.sum(np.exp(Z), axis=0)


def softmax_backward(dA: Array, Z: Array) -> Array:
    """Column by column with the whole Jacobian: da_i/dz_k = a_i (1 if i = k else 0) - a_i a_k."""
    dZ = np.empty_like(Z)
    for j, a in enumerate(softmax(Z).T):
        jacobian = np.diag(a) - np.outer(a, a)
        dZ[:, j] = jacobian.T @ dA[:, j]
    return dZ


def activation_forward(name: str, Z: Array) -> Array:
    return softmax(Z) if name == "softmax" else G[name](Z)


def activation_backward(name: str, dA: Array, Z: Array) -> Array:
    return softmax_backward(dA, Z) if name == "softmax" else dA * G_PRIME[name](Z)


# Losses: one number an example, and its derivative -------------------------------------------

LOSS: dict[str, Callable[[Array, Array], Array]] = {
    "mean_squared_error": lambda A, Y: np.mean((A - Y) ** 2, axis=0),
    "binary_cross_entropy": lambda A, Y: np.mean(
        -(Y * np.log(A) + (1 - Y) * np.log(1 - A)), axis=0
    ),
    "categorical_cross_entropy": lambda A, Y: np.sum(-Y * np.log(A), axis=0),
}

LOSS_DERIVATIVE: dict[str, Callable[[Array, Array], Array]] = {
    "mean_squared_error": lambda A, Y: 2 * (A - Y) / len(A),
    "binary_cross_entropy": lambda A, Y: ((1 - Y) / (1 - A) - Y / A) / len(A),
    "categorical_cross_entropy": lambda A, Y: -Y / A,
}

LOSSES = list(LOSS)


def cost(loss: str, A: Array, Y: Array) -> float:
    return float(np.mean(LOSS[loss](A, Y)))


# Layers and networks -------------------------------------------------------------------------


def dense_forward(W: Array, b: Array, A_prev: Array) -> Array:
    return W @ A_prev + b


def dense_backward(W: Array, A_prev: Array, dZ: Array) -> tuple[Array, Array, Array]:
    """``dA_prev, dW, db``."""
    m = A_prev.shape[1]
    return W.T @ dZ, dZ @ A_prev.T / m, np.sum(dZ, axis=1, keepdims=True) / m


def network_forward(
    X: Array, parameters: dict[str, Array], activations: list[str]
) -> tuple[list[Array], list[Array]]:
    """``A[0] ... A[L]`` and ``Z[1] ... Z[L]``, with a place for the ``Z[0]`` that is not there."""
    A, Z = [X], [X]
    for layer, activation in enumerate(activations, start=1):
        Z.append(dense_forward(parameters[f"W{layer}"], parameters[f"b{layer}"], A[-1]))
        A.append(activation_forward(activation, Z[-1]))
    return A, Z


def network_backward(
    X: Array, Y: Array, parameters: dict[str, Array], activations: list[str], loss: str
) -> dict[str, Array]:
    """Every gradient there is: ``dW_l`` and ``db_l``, and ``dA_l`` from L down to 0."""
    A, Z = network_forward(X, parameters, activations)
    L = len(activations)
    gradients = {f"dA{L}": LOSS_DERIVATIVE[loss](A[L], Y)}
    for layer in range(L, 0, -1):
        dZ = activation_backward(activations[layer - 1], gradients[f"dA{layer}"], Z[layer])
        dA_prev, dW, db = dense_backward(parameters[f"W{layer}"], A[layer - 1], dZ)
        gradients |= {f"dA{layer - 1}": dA_prev, f"dW{layer}": dW, f"db{layer}": db}
    return gradients


def central_difference(f: Callable[[Array], float], x: Array, step: float = 1e-6) -> Array:
    """The gradient of `f` at `x`, one entry after the other."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += step
        behind[index] -= step
        gradient[index] = (f(ahead) - f(behind)) / (2 * step)
    return gradient
