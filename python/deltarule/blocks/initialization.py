"""Where training begins: weights by the course's seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from deltarule._arrays import Array
from deltarule.blocks.arrays import choice, size_of
from deltarule.initializers import INITIALIZER_ALIASES

# The weights of a layer, from a source of standard normal numbers.
Draw: TypeAlias = Callable[[Callable[[int, int], Array], int, int], Array]

_INITIALIZERS: dict[str, Draw] = {
    "lecun_normal": lambda randn, n, n_prev: randn(n, n_prev) / math.sqrt(n_prev),
    "small_normal": lambda randn, n, n_prev: randn(n, n_prev) * 0.01,
    "he_normal": lambda randn, n, n_prev: randn(n, n_prev) * math.sqrt(2 / n_prev),
    "glorot_normal": lambda randn, n, n_prev: randn(n, n_prev) * math.sqrt(2 / (n_prev + n)),
    "zeros": lambda _, n, n_prev: np.zeros((n, n_prev)),
}


def initialize_parameters(
    n_x: int, n_h: int, n_y: int, *, init: str = "small_normal", seed: int = 1
) -> dict[str, Array]:
    """Parameters of a network with one hidden layer: ``W1 b1 W2 b2``.

    The same as ``initialize_parameters_deep([n_x, n_h, n_y])``, but for its default: small weights,
    ``W = 0.01 * randn``.

    Parameters
    ----------
    n_x, n_h, n_y : int
        Inputs, hidden units and outputs.
    init : str
        How the weights are drawn; see `initialize_parameters_deep`.
    seed : int
        Seed of NumPy's legacy generator.

    Returns
    -------
    dict of str to ndarray
        ``W1 (n_h, n_x)``, ``b1 (n_h, 1)``, ``W2 (n_y, n_h)``, ``b2 (n_y, 1)``, float64.

    Raises
    ------
    TypeError, ValueError
        A size that is no positive integer, or an unknown `init`.

    Examples
    --------
    >>> print(initialize_parameters(3, 2, 1)["W2"])
    [[ 0.01744812 -0.00761207]]
    """
    return initialize_parameters_deep([n_x, n_h, n_y], init=init, seed=seed)


def initialize_parameters_deep(
    layer_dims: Sequence[int], *, init: str = "lecun_normal", seed: int = 1
) -> dict[str, Array]:
    """Parameters of a network of any depth, ``W1`` and ``b1`` to ``WL`` and ``bL``.

    Weights are drawn from ``numpy.random.RandomState(seed)`` in the order of the layers, so that
    the course's seeds give the course's numbers; biases are zero.

    Parameters
    ----------
    layer_dims : sequence of int
        ``n_0, n_1, ..., n_L``: the inputs and the units of each layer.
    init : {"lecun_normal", "small_normal", "he_normal", "glorot_normal", "zeros"}
        The standard deviation of ``W_l``: ``sqrt(1 / n_prev)``, ``0.01``, ``sqrt(2 / n_prev)``,
        ``sqrt(2 / (n_prev + n_l))``, or no draw at all.
    seed : int
        Seed of the generator.

    Returns
    -------
    dict of str to ndarray
        ``W_l (n_l, n_prev)`` and ``b_l (n_l, 1)``, float64.

    Raises
    ------
    TypeError, ValueError
        Fewer than two sizes, a size that is no positive integer, or an unknown `init`.

    References
    ----------
    ``docs/notation``, Initialisation: LeCun et al. 1998, He et al. 2015, Glorot & Bengio 2010.

    Examples
    --------
    >>> parameters = initialize_parameters_deep([5, 4, 3], init="small_normal", seed=3)
    >>> print(parameters["W2"][0])
    [-0.01185047 -0.0020565   0.01486148  0.00236716]
    """
    where = "initialize_parameters_deep"
    draw = _INITIALIZERS[choice(where, "init", init, _INITIALIZERS, INITIALIZER_ALIASES)]
    return _drawn(where, layer_dims, draw, seed, "layer_dims")


def initialize_parameters_zeros(layers_dims: Sequence[int]) -> dict[str, Array]:
    """Parameters that are all zero, from which nothing but the last bias can be learned.

    Parameters
    ----------
    layers_dims : sequence of int
        ``n_0, n_1, ..., n_L``.

    Returns
    -------
    dict of str to ndarray
        ``W_l (n_l, n_prev)`` and ``b_l (n_l, 1)``, float64.

    Raises
    ------
    TypeError, ValueError
        As `initialize_parameters_deep`.

    Examples
    --------
    >>> print(initialize_parameters_zeros([3, 2, 1])["W2"])
    [[0. 0.]]
    """
    return _drawn("initialize_parameters_zeros", layers_dims, _INITIALIZERS["zeros"], 0)


def initialize_parameters_random(layers_dims: Sequence[int], *, seed: int = 3) -> dict[str, Array]:
    """Parameters that are too large on purpose: ``W = 10 * randn``.

    Parameters
    ----------
    layers_dims : sequence of int
        ``n_0, n_1, ..., n_L``.
    seed : int
        Seed of NumPy's legacy generator; the course's is 3.

    Returns
    -------
    dict of str to ndarray
        ``W_l (n_l, n_prev)`` and ``b_l (n_l, 1)``, float64; the biases are zero.

    Raises
    ------
    TypeError, ValueError
        As `initialize_parameters_deep`.

    Examples
    --------
    >>> print(initialize_parameters_random([3, 2, 1])["W2"])
    [[-0.82741481 -6.27000677]]
    """
    return _drawn(
        "initialize_parameters_random",
        layers_dims,
        lambda randn, n, n_prev: randn(n, n_prev) * 10,
        seed,
    )


def initialize_parameters_he(layers_dims: Sequence[int], *, seed: int = 3) -> dict[str, Array]:
    """Parameters for hidden layers of ReLUs: ``W_l = sqrt(2 / n_prev) * randn``.

    Parameters
    ----------
    layers_dims : sequence of int
        ``n_0, n_1, ..., n_L``.
    seed : int
        Seed of NumPy's legacy generator; the course's is 3.

    Returns
    -------
    dict of str to ndarray
        ``W_l (n_l, n_prev)`` and ``b_l (n_l, 1)``, float64; the biases are zero.

    Raises
    ------
    TypeError, ValueError
        As `initialize_parameters_deep`.

    References
    ----------
    ``docs/notation``, Initialisation: He et al. 2015.

    Examples
    --------
    >>> print(initialize_parameters_he([2, 4, 1])["W2"])
    [[-0.03098412 -0.33744411 -0.92904268  0.62552248]]
    """
    return _drawn("initialize_parameters_he", layers_dims, _INITIALIZERS["he_normal"], seed)


def _drawn(
    where: str, layers_dims: Sequence[int], draw: Draw, seed: int, name: str = "layers_dims"
) -> dict[str, Array]:
    n = [size_of(where, f"{name}[{i}]", size) for i, size in enumerate(layers_dims)]
    if len(n) < 2:
        raise ValueError(
            f"{where}: {name} is {list(layers_dims)}: expected n_0, n_1, ..., n_L, two sizes or "
            "more"
        )
    randn = np.random.RandomState(seed).randn
    parameters: dict[str, Array] = {}
    for layer in range(1, len(n)):
        parameters[f"W{layer}"] = draw(randn, n[layer], n[layer - 1])
        parameters[f"b{layer}"] = np.zeros((n[layer], 1))
    return parameters
