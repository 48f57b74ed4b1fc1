"""Initial weights: by what suits the activation, by name, by a description, or the user's own.

With ``n_prev`` inputs and ``n`` units a layer's weights are drawn from a normal or a uniform
distribution of variance ``2 / n_prev`` (He et al. 2015, for activations that are zero on one side),
``2 / (n_prev + n)`` (Glorot & Bengio 2010, for those that are symmetric about zero) or
``1 / n_prev`` (LeCun et al. 1998, for those that change nothing). Biases start at zero.

An initialiser is a function of a ``numpy.random.Generator``, ``n`` and ``n_prev`` that returns the
weights ``(n, n_prev)``. For the biases it is asked for ``(n, 1)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule._checks import did_you_mean, expect_in_range, name_of

Draw = Callable[[np.random.Generator, int, int], NDArray[Any]]
# What a user may give for one: a name, an initialiser, or the numbers themselves.
Initializer: TypeAlias = str | Draw | ArrayLike


def _expect_finite(owner: object, name: str, value: object) -> None:
    expect_in_range(value, f"{type(owner).__name__}: {name}")


@dataclass(frozen=True)
class Constant:
    """Every number is ``value``.

    Raises
    ------
    TypeError, ValueError
        For what is no finite number.

    Examples
    --------
    >>> import deltarule as dr
    >>> layer = dr.Dense(2, initializer=dr.initializers.Constant(0.5))
    >>> net = dr.Network([layer], input_size=3, seed=0)
    >>> net.layers[0].W
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]], dtype=float32)
    """

    value: float

    def __post_init__(self) -> None:
        _expect_finite(self, "value", self.value)

    def __call__(self, generator: np.random.Generator, n: int, n_prev: int) -> NDArray[np.float64]:
        """Draw the weights (n, n_prev)."""
        return np.full((n, n_prev), float(self.value))


@dataclass(frozen=True)
class Normal:
    """Normally distributed numbers, around 0 if not told otherwise.

    Raises
    ------
    TypeError, ValueError
        For what is no finite number, and a deviation below 0.

    Examples
    --------
    >>> import deltarule as dr
    >>> layer = dr.Dense(64, initializer=dr.initializers.Normal(0.1))
    >>> net = dr.Network([layer], input_size=64, seed=0)
    >>> bool(abs(net.layers[0].W.std() - 0.1) < 0.01)
    True
    """

    standard_deviation: float = 0.05
    mean: float = 0.0

    def __post_init__(self) -> None:
        expect_in_range(self.standard_deviation, "Normal: standard_deviation", least=0)
        _expect_finite(self, "mean", self.mean)

    def __call__(self, generator: np.random.Generator, n: int, n_prev: int) -> NDArray[np.float64]:
        """Draw the weights (n, n_prev)."""
        return generator.normal(self.mean, self.standard_deviation, (n, n_prev))


@dataclass(frozen=True)
class Uniform:
    """Uniformly distributed numbers, from ``low`` to less than ``high``.

    Raises
    ------
    TypeError, ValueError
        For what is no finite number, and a ``low`` above ``high``.

    Examples
    --------
    >>> import deltarule as dr
    >>> layer = dr.Dense(64, initializer=dr.initializers.Uniform(-0.1, 0.1))
    >>> net = dr.Network([layer], input_size=64, seed=0)
    >>> bool(abs(net.layers[0].W).max() <= 0.1)
    True
    """

    low: float = -0.05
    high: float = 0.05

    def __post_init__(self) -> None:
        _expect_finite(self, "low", self.low)
        _expect_finite(self, "high", self.high)
        if self.low > self.high:
            raise ValueError(f"Uniform: low is {self.low}: expected high, {self.high}, or less")

    def __call__(self, generator: np.random.Generator, n: int, n_prev: int) -> NDArray[np.float64]:
        """Draw the weights (n, n_prev)."""
        return generator.uniform(self.low, self.high, (n, n_prev))


@dataclass(frozen=True)
class Orthogonal:
    """``gain`` times a matrix drawn evenly from those with orthonormal rows, or columns.

    Where ``n <= n_prev``, ``W W^T = gain^2 I``; else ``W^T W = gain^2 I``. The signals' norms, and
    those of the gradients, are kept from layer to layer (Saxe, McClelland & Ganguli 2014).

    Raises
    ------
    TypeError, ValueError
        For what is no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule as dr
    >>> layer = dr.Dense(64, initializer=dr.initializers.Orthogonal())
    >>> net = dr.Network([layer], input_size=64, seed=0)
    >>> W = net.layers[0].W
    >>> bool(abs(W @ W.T - np.eye(len(W))).max() < 1e-5)
    True
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        _expect_finite(self, "gain", self.gain)

    def __call__(self, generator: np.random.Generator, n: int, n_prev: int) -> NDArray[np.float64]:
        """Draw the weights (n, n_prev)."""
        Q, R = np.linalg.qr(generator.normal(size=(max(n, n_prev), min(n, n_prev))))
        # Only with the signs of R's diagonal is every such matrix as likely (Mezzadri 2007).
        Q *= self.gain * np.where(np.diagonal(R) < 0, -1.0, 1.0)
        return Q if n >= n_prev else Q.T


@dataclass(frozen=True)
class _Scaled:
    """Numbers around 0 whose variance depends on the layer's inputs and units."""

    uniform: bool
    variance: Callable[[int, int], float]

    def __call__(self, generator: np.random.Generator, n: int, n_prev: int) -> NDArray[np.float64]:
        variance = self.variance(n, n_prev)
        if not self.uniform:
            return Normal(math.sqrt(variance))(generator, n, n_prev)
        limit = math.sqrt(3.0 * variance)
        return Uniform(-limit, limit)(generator, n, n_prev)


class _Given:
    """The numbers themselves."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values

    def __repr__(self) -> str:
        return f"<array of shape {self._values.shape}>"

    def __call__(self, generator: np.random.Generator, n: int, n_prev: int) -> NDArray[Any]:
        return self._values


def _he(n: int, n_prev: int) -> float:
    return 2.0 / n_prev


def _glorot(n: int, n_prev: int) -> float:
    return 2.0 / (n_prev + n)


def _lecun(n: int, n_prev: int) -> float:
    return 1.0 / n_prev


INITIALIZERS: dict[str, Draw] = {
    "zeros": Constant(0.0),
    "ones": Constant(1.0),
    "normal": Normal(),
    "uniform": Uniform(),
    "small_normal": Normal(0.01),
    "he_normal": _Scaled(False, _he),
    "he_uniform": _Scaled(True, _he),
    "glorot_normal": _Scaled(False, _glorot),
    "glorot_uniform": _Scaled(True, _glorot),
    "lecun_normal": _Scaled(False, _lecun),
    "lecun_uniform": _Scaled(True, _lecun),
    "orthogonal": Orthogonal(),
}

# The names that others have for them.
INITIALIZER_ALIASES = {
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "random_normal": "normal",
    "random_uniform": "uniform",
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
    """Name the initialiser that suits an activation.

    Raises
    ------
    KeyError
        For a name that no activation has.
    """
    return _SUITS.get(activation, "glorot_uniform")


def as_initializer(value: Initializer, where: str, *, biases: bool = False) -> Draw:
    """Make an initialiser of a name, a function or an array.

    Parameters
    ----------
    value : str, callable or array_like
        A name of ``INITIALIZERS``; a function of (generator, n, n_prev), such as ``Normal(0.1)``;
        or the numbers. A layer's biases may be a vector.
    where : str
        For the messages: ``"Dense: initializer"``.
    biases : bool
        Whether it is for biases, for which those that scale by the inputs mean nothing.

    Returns
    -------
    callable
        A function of (generator, n, n_prev). `draw` holds what it returns to fitting the layer.

    Raises
    ------
    ValueError, TypeError
        For an unknown name, and for what is none of these.
    """
    if isinstance(value, str):
        name = name_of(value, INITIALIZERS, INITIALIZER_ALIASES)
        if name not in INITIALIZERS:
            raise ValueError(
                f"{where} is {value!r}: expected one of {list(INITIALIZERS)}, an array, or a "
                "function of (generator, n, n_prev) such as deltarule.initializers.Normal(0.1)"
                + did_you_mean(value, INITIALIZERS, INITIALIZER_ALIASES)
            )
        if biases and isinstance(INITIALIZERS[name], _Scaled):
            raise ValueError(
                f"{where} is {value!r}, whose spread is made for weights: expected 'zeros', "
                "'ones', 'normal', 'uniform', an array, or a function such as "
                "deltarule.initializers.Constant(0.1)"
            )
        return INITIALIZERS[name]
    if isinstance(value, type):
        raise TypeError(f"{where} is {value}: expected {value.__name__}(...)")
    if callable(value):
        return value
    array = np.array(value)  # a copy: the caller may write to his own before a network is made
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise TypeError(
            f"{where} is {value!r}: expected a name, an array of numbers, or a function of "
            "(generator, n, n_prev) such as deltarule.initializers.Constant(0.1)"
        )
    return _Given(array)


def draw(
    initializer: Draw, generator: np.random.Generator, n: int, n_prev: int, where: str
) -> NDArray[np.float64]:
    """Draw the weights ``(n, n_prev)`` of a layer, or its biases as ``(n, 1)``.

    Raises
    ------
    ValueError, TypeError
        Where the initialiser returns what does not fit, or is not finite.
    """
    array = np.asarray(initializer(generator, n, n_prev))
    if array.ndim == 1 and n_prev == 1:
        array = array[:, np.newaxis]
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{where} gives {array.dtype}: expected real numbers")
    if array.shape != (n, n_prev):
        raise ValueError(f"{where} gives shape {array.shape}: expected {(n, n_prev)}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{where} gives {array[row, column]} at [{row}, {column}]: expected finite numbers"
        )
    return array.astype(np.float64, copy=False)
