"""Optimizers: hyper-parameters, and the flat state that goes with one network's parameters."""

import math
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deltarule import _core
from deltarule.schedules import LearningRate, rate_now

if TYPE_CHECKING:
    from deltarule.network import Network


def aligned_zeros(size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeros that begin at a cache line, so that vector instructions never straddle one."""
    line = 64
    raw = np.zeros(size * dtype.itemsize + line, np.uint8)
    offset = -raw.ctypes.data % line
    return raw[offset : offset + size * dtype.itemsize].view(dtype)


@dataclass(kw_only=True, eq=False)
class Optimizer:
    """What every optimizer has: the steps it has made, and its state for one network.

    Attributes
    ----------
    state : ndarray or None
        The optimizer's vectors, one after another, each as long as the network's parameters; None
        before the first update.
    """

    state: NDArray[Any] | None = field(default=None, init=False, repr=False)
    # The core counts steps in place, so that no interrupt comes between an update and its count.
    _counter: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(1, np.int64), init=False, repr=False
    )
    _network: "weakref.ref[Network] | None" = field(default=None, init=False, repr=False)
    # Epochs of fit made so far, for a schedule that goes by them.
    epochs: int = field(default=0, init=False, repr=False)

    @property
    def step(self) -> int:
        """Updates made so far."""
        return int(self._counter[0])

    @step.setter
    def step(self, value: int) -> None:
        self._counter[0] = value

    def _rule(self) -> "_core.Sgd | _core.Adam":
        """The core's update rule with the hyper-parameters as they are now."""
        raise NotImplementedError

    def _state_for(self, network: "Network") -> NDArray[Any]:
        """The state vectors, made at the first use with a network."""
        if self.state is None:
            vectors = _core.state_vector_count(self._rule())
            self.state = aligned_zeros(vectors * network.parameters.size, network.dtype)
            self._network = weakref.ref(network)
        elif self._network is None and self._fits(network):
            self._network = weakref.ref(network)
        elif self._network is None or self._network() is not network:
            raise ValueError(
                f"{type(self).__name__}: this optimizer holds the state of another network: "
                f"expected a new {type(self).__name__}(...) for each network"
            )
        return self.state

    def _fits(self, network: "Network") -> bool:
        vectors = _core.state_vector_count(self._rule())
        shape = (vectors * network.parameters.size,)
        state = self.state
        return state is not None and state.shape == shape and state.dtype == network.dtype

    def __getstate__(self) -> dict[str, Any]:
        # A copy is bound to no network; it takes the next one that its state fits.
        return vars(self) | {"_network": None}

    def _number(self, name: str, below: float = math.inf) -> float:
        """A hyper-parameter, held to being a number from 0 up to ``below``."""
        value = getattr(self, name)
        if name == "learning_rate":
            value = rate_now(value, self.step, self.epochs)
        number = isinstance(value, (int, float, np.integer, np.floating))
        if not number or isinstance(value, bool):
            raise TypeError(f"{type(self).__name__}: {name} is {value!r}: expected a number")
        if not 0 <= value < below:
            bound = "finite" if below == math.inf else f"less than {below:g}"
            raise ValueError(
                f"{type(self).__name__}: {name} is {value!r}: expected 0 or more and {bound}"
            )
        return float(value)


@dataclass(eq=False)
class SGD(Optimizer):
    """Gradient descent, with momentum and Nesterov's form of it.

    ``v := momentum v + g`` and ``p := p - learning_rate v``; with ``nesterov``,
    ``p := p - learning_rate (g + momentum v)``. Without momentum, ``p := p - learning_rate g``.

    Parameters
    ----------
    learning_rate : float, Schedule or callable
        alpha, the step's length. Not negative. A schedule, or any function of the step, makes it
        change with time (``deltarule.schedules``).
    momentum : float
        In [0, 1).
    nesterov : bool
        Look ahead (Sutskever et al. 2013); needs a momentum.
    """

    learning_rate: LearningRate = 1e-3
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        self._rule()

    def _rule(self) -> "_core.Sgd":
        momentum = self._number("momentum", below=1)
        if self.nesterov and momentum == 0:
            raise ValueError("SGD: nesterov is True but momentum is 0: expected a momentum")
        return _core.Sgd(self._number("learning_rate"), momentum, bool(self.nesterov))


@dataclass(eq=False)
class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient.

    ``m := beta_1 m + (1 - beta_1) g``, ``v := beta_2 v + (1 - beta_2) g^2`` and
    ``p := p - learning_rate m_hat / (sqrt(v_hat) + epsilon)``, with the bias-corrected
    ``m_hat = m / (1 - beta_1^t)`` and ``v_hat = v / (1 - beta_2^t)`` at step ``t``.

    Parameters
    ----------
    learning_rate : float, Schedule or callable
        alpha, as for SGD.
    beta_1, beta_2 : float
        Decay of the first and the second moment, in [0, 1).
    epsilon : float
        Added to the root. Not negative.

    References
    ----------
    Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
    """

    learning_rate: LearningRate = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        self._rule()

    def _rule(self) -> "_core.Adam":
        return _core.Adam(
            self._number("learning_rate"),
            self._number("beta_1", below=1),
            self._number("beta_2", below=1),
            self._number("epsilon"),
        )


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}


def as_optimizer(optimizer: Optimizer | str) -> Optimizer:
    """An optimizer as it is, or a new one of that name with its defaults."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        return OPTIMIZERS[optimizer]()
    raise ValueError(
        f"optimizer is {optimizer!r}: expected an optimizer such as deltarule.Adam(1e-3), or one "
        f"of {sorted(OPTIMIZERS)}"
    )
