"""Optimizers: hyper-parameters, and the flat state that goes with one network's parameters.

An optimizer is a class here that declares its hyper-parameters, and in the core a function and a
row of the table (cpp/kernels/optimizer.cpp). docs/notation has the equations.
"""

from __future__ import annotations

import copy
import math
import weakref
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from functools import cache
from operator import attrgetter, is_
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from deltarule import _core
from deltarule._arrays import Array, aligned_zeros, own
from deltarule._checks import (
    did_you_mean,
    expect_count,
    expect_flag,
    expect_in_range,
    name_of,
)
from deltarule._rates import LearningRate, rate_now


def number(default: float, below: float = math.inf) -> Any:
    """Declare a hyper-parameter that is a number from 0 up to ``below``."""
    return field(default=default, metadata={"kind": "number", "below": below})


def integer(default: int) -> Any:
    """Declare a hyper-parameter that is an integer from 1 on."""
    return field(default=default, metadata={"kind": "integer"})


def flag() -> Any:
    """Declare a hyper-parameter that is True or False, and False by default."""
    return field(default=False, metadata={"kind": "flag"})


@cache
def _hyper_parameters(kind: Any) -> tuple[Field[Any], ...]:
    """The fields of a kind of optimizer that are hyper-parameters."""
    return tuple(f for f in fields(kind) if f.init)


@cache
def _read_hyper_parameters(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    """What reads them all, two or more, of an optimizer, as they stand there."""
    return attrgetter(*(f.name for f in _hyper_parameters(kind)))


class _Made(NamedTuple):
    """A rule that was made, what it was made of, and how many vectors of state it keeps."""

    given: tuple[Any, ...]
    rule: _core.Optimizer
    vectors: int
    changes: bool  # with the step, without a hand laid on it


@dataclass(kw_only=True, eq=False)
class Optimizer:
    """What every optimizer has: the steps it has made, and its state for one network.

    Attributes
    ----------
    state : ndarray or None
        The optimizer's vectors, one after another, each as long as the network's parameters; None
        before the first update.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> optimizer = dr.Adam(1e-2)
    >>> isinstance(optimizer, dr.Optimizer), optimizer.step
    (True, 0)
    >>> _ = net.fit([[0.0, 1.0]], [1.0], optimizer=optimizer, epochs=3)
    >>> optimizer.step, optimizer.state.shape, net.parameters.shape
    (3, (34,), (17,))
    """

    name: ClassVar[str]

    state: Array | None = field(default=None, init=False, repr=False)
    # The core counts steps in place, so that no interrupt comes between an update and its count.
    _counter: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(1, np.int64), init=False, repr=False
    )
    # The flat vector of parameters that the state goes with.
    _parameters: weakref.ref[Array] | None = field(default=None, init=False, repr=False)
    # The latest rule: to check the hyper-parameters anew would cost more than a small step.
    _made: _Made | None = field(default=None, init=False, repr=False)
    # Epochs of fit made so far, for a schedule that goes by them.
    epochs: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._values()

    @property
    def step(self) -> int:
        """Updates made so far."""
        return int(self._counter[0])

    @step.setter
    def step(self, value: int) -> None:
        self._counter[0] = value

    def _declared(self) -> tuple[Field[Any], ...]:
        kind: Any = type(self)  # mypy takes a class of dataclasses for unhashable
        return _hyper_parameters(kind)

    def _values(self) -> dict[str, float]:
        """The hyper-parameters as they are now, held to what their fields declare."""
        return {declared.name: self._checked(declared) for declared in self._declared()}

    def _rule(self) -> _core.Optimizer:
        """The core's update rule with the hyper-parameters as they are now."""
        return self._rule_made().rule

    def _rule_made(self) -> _Made:
        kind: Any = type(self)
        given, made = _read_hyper_parameters(kind)(self), self._made
        if made is None or made.changes or not all(map(is_, given, made.given)):
            rule = _core.Optimizer(self.name, self._values())
            changes = callable(getattr(self, "learning_rate", None))
            made = self._made = _Made(given, rule, _core.state_vector_count(rule), changes)
        return made

    def _state_for(self, parameters: Array) -> Array:
        """The state vectors, made at the first use with a network's flat vector of parameters."""
        kind = type(self).__name__
        vectors = self._rule_made().vectors
        size = vectors * parameters.size
        bound = None if self._parameters is None else self._parameters()
        if self.state is None:
            self.state = aligned_zeros(size, parameters.dtype)
            self._parameters = weakref.ref(parameters)
        elif self._parameters is None and self._fits(parameters):
            self._parameters = weakref.ref(parameters)
        elif bound is not parameters:
            raise ValueError(
                f"{kind}: this optimizer holds the state of another network: "
                f"expected a new {kind}(...) for each network"
            )
        elif self.state.size != size:
            raise ValueError(
                f"{kind}: the state has {self.state.size} numbers but {self!r} keeps {vectors} "
                f"vectors of {parameters.size}: expected a new {kind}(...) where a "
                "hyper-parameter changes what is kept"
            )
        return self.state

    def _fits(self, parameters: Array) -> bool:
        """Whether the state may be that of such a flat vector."""
        size = self._rule_made().vectors * parameters.size
        state = self.state
        return state is not None and state.shape == (size,) and state.dtype == parameters.dtype

    def _rebind(self, parameters: Array) -> bool:
        """Take the state along to another vector, where it fits; tell whether it does."""
        if not self._fits(parameters):
            return False
        self._parameters = weakref.ref(parameters)
        return True

    def _anew(self) -> Self:
        """A copy without a state, bound to nothing."""
        new = copy.deepcopy(self)
        new.state = new._parameters = new._made = None
        return new

    def __getstate__(self) -> dict[str, Any]:
        # A copy is bound to no network; it takes the next one that its state fits.
        return vars(self) | {"_parameters": None, "_made": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.pop("_network", None)  # of pickles from before optimizers knew vectors alone
        vars(self).update({"_parameters": None} | state)
        self._counter = own(self._counter)
        if self.state is not None:
            self.state = own(self.state)

    def _value(self, declared: Field[Any]) -> Any:
        """A hyper-parameter as it is now, where a schedule has it change."""
        value = getattr(self, declared.name)
        if declared.name == "learning_rate" and callable(value):
            return rate_now(value, self.step, self.epochs)
        return value

    def _checked(self, declared: Field[Any]) -> float:
        """A hyper-parameter, held to what its field declares."""
        value, kind = self._value(declared), declared.metadata["kind"]
        what = f"{type(self).__name__}: {declared.name}"
        if kind == "flag":
            return float(expect_flag(value, what))
        if kind == "integer":
            return expect_count(value, what, least=1)
        return expect_in_range(value, what, least=0, below=declared.metadata["below"])


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
    weight_decay : float
        lambda: ``g + lambda p`` takes the place of ``g``, for all parameters. Not negative.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.SGD(0.1, momentum=0.9, nesterov=True), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "sgd"

    learning_rate: LearningRate = number(1e-3)
    momentum: float = number(0.0, below=1)
    nesterov: bool = flag()
    weight_decay: float = number(0.0)

    def _values(self) -> dict[str, float]:
        values = super()._values()
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD: nesterov is True but momentum is 0: expected a momentum")
        return values


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
    weight_decay : float
        lambda: ``g + lambda p`` takes the place of ``g``, for all parameters. Not negative.
    amsgrad : bool
        Take the largest ``v`` so far instead of ``v`` (Reddi et al. 2018), which is a third vector
        of state.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    References
    ----------
    Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
    Reddi, Kale & Kumar 2018, "On the Convergence of Adam and Beyond", algorithm 2.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.Adam(1e-2), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "adam"

    learning_rate: LearningRate = number(1e-3)
    beta_1: float = number(0.9, below=1)
    beta_2: float = number(0.999, below=1)
    epsilon: float = number(1e-8)
    weight_decay: float = number(0.0)
    amsgrad: bool = flag()


@dataclass(eq=False)
class AdamW(Adam):
    """Adam with decoupled weight decay, which the moments do not see.

    ``p := p - learning_rate weight_decay p`` first, then Adam's step.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, amsgrad
        As in ``Adam``.
    weight_decay : float
        lambda, of all parameters. Not negative.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    References
    ----------
    Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.AdamW(1e-2, weight_decay=0.05), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "adamw"

    weight_decay: float = number(1e-2)


@dataclass(eq=False)
class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose strength grows over the steps.

    With Adam's moments and ``v_hat``, and ``mu_t = beta_1 (1 - 0.96^(t momentum_decay) / 2)``,
    ``p := p - learning_rate n / (sqrt(v_hat) + epsilon)`` where
    ``n = (1 - mu_t) g / (1 - mu_1 ... mu_t) + mu_(t+1) m / (1 - mu_1 ... mu_(t+1))``.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, weight_decay
        As in ``Adam``.
    momentum_decay : float
        psi: how fast ``mu_t`` grows from ``beta_1 / 2`` to ``beta_1``. Not negative.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    References
    ----------
    Dozat 2016, "Incorporating Nesterov Momentum into Adam".

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.NAdam(1e-2), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "nadam"

    learning_rate: LearningRate = number(2e-3)
    beta_1: float = number(0.9, below=1)
    beta_2: float = number(0.999, below=1)
    epsilon: float = number(1e-8)
    weight_decay: float = number(0.0)
    momentum_decay: float = number(4e-3)


@dataclass(eq=False)
class RAdam(Optimizer):
    """Adam that waits for the second moment to be worth something, and rectifies it.

    With Adam's moments and ``rho_t = rho_inf - 2 t beta_2^t / (1 - beta_2^t)``,
    ``rho_inf = 2 / (1 - beta_2) - 1``: ``p := p - learning_rate m_hat`` while ``rho_t <= 5``, then
    ``p := p - learning_rate r_t m_hat sqrt(1 - beta_2^t) / (sqrt(v) + epsilon)`` with
    ``r_t^2 = (rho_t - 4)(rho_t - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho_t)``.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, weight_decay
        As in ``Adam``.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    References
    ----------
    Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond", algorithm 2; its
    bound of 4 is 5 here, as in PyTorch.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.RAdam(1e-2), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "radam"

    learning_rate: LearningRate = number(1e-3)
    beta_1: float = number(0.9, below=1)
    beta_2: float = number(0.999, below=1)
    epsilon: float = number(1e-8)
    weight_decay: float = number(0.0)


@dataclass(eq=False)
class RMSprop(Optimizer):
    """Steps scaled by the running root mean square of the gradient.

    ``s := decay s + (1 - decay) g^2`` and ``p := p - learning_rate g / (sqrt(s) + epsilon)``; with
    ``momentum``, ``v := momentum v + g / (sqrt(s) + epsilon)`` and ``p := p - learning_rate v``.

    Parameters
    ----------
    learning_rate : float
        alpha. Not negative.
    decay : float
        Of the running means (PyTorch's alpha), in [0, 1).
    epsilon : float
        Added to the root. Not negative.
    momentum : float
        In [0, 1).
    centered : bool
        Divide by the standard deviation, ``sqrt(s - a^2)`` with
        ``a := decay a + (1 - decay) g`` (Graves 2013).
    weight_decay : float
        lambda: ``g + lambda p`` takes the place of ``g``, for all parameters. Not negative.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    References
    ----------
    Tieleman & Hinton 2012, "Lecture 6.5: RMSProp".
    Graves 2013, "Generating Sequences With Recurrent Neural Networks", equations 38 to 42.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.RMSprop(1e-3, momentum=0.9), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "rmsprop"

    learning_rate: LearningRate = number(1e-2)
    decay: float = number(0.99, below=1)
    epsilon: float = number(1e-8)
    momentum: float = number(0.0, below=1)
    centered: bool = flag()
    weight_decay: float = number(0.0)


@dataclass(eq=False)
class Adagrad(Optimizer):
    """Steps scaled by the root of the sum of all squared gradients so far.

    ``s := s + g^2`` and ``p := p - alpha_t g / (sqrt(initial_accumulator + s) + epsilon)``, with
    ``alpha_t = learning_rate / (1 + (t - 1) learning_rate_decay)``.

    Parameters
    ----------
    learning_rate, learning_rate_decay, initial_accumulator, epsilon : float
        Not negative.
    weight_decay : float
        lambda: ``g + lambda p`` takes the place of ``g``, for all parameters. Not negative.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    References
    ----------
    Duchi, Hazan & Singer 2011, "Adaptive Subgradient Methods", figure 1 with diagonal matrices.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.Adagrad(0.1), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "adagrad"

    learning_rate: LearningRate = number(1e-2)
    learning_rate_decay: float = number(0.0)
    epsilon: float = number(1e-10)
    initial_accumulator: float = number(0.0)
    weight_decay: float = number(0.0)


@dataclass(eq=False)
class Adadelta(Optimizer):
    """Steps as long as the running root mean square of the steps before.

    ``s := rho s + (1 - rho) g^2``, ``d := sqrt(u + epsilon) / sqrt(s + epsilon) g``,
    ``u := rho u + (1 - rho) d^2`` and ``p := p - learning_rate d``.

    Parameters
    ----------
    learning_rate : float
        Not negative.
    rho : float
        Decay of the running means, in [0, 1).
    epsilon : float
        Added under the roots. Not negative.
    weight_decay : float
        lambda: ``g + lambda p`` takes the place of ``g``, for all parameters. Not negative.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    References
    ----------
    Zeiler 2012, "ADADELTA: An Adaptive Learning Rate Method", algorithm 1.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.Adadelta(1.0), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "adadelta"

    learning_rate: LearningRate = number(1.0)
    rho: float = number(0.9, below=1)
    epsilon: float = number(1e-6)
    weight_decay: float = number(0.0)


@dataclass(eq=False)
class Lion(Optimizer):
    """Steps of one length, by the sign of a momentum; decoupled weight decay.

    ``p := p - learning_rate (sign(beta_1 m + (1 - beta_1) g) + weight_decay p)``, then
    ``m := beta_2 m + (1 - beta_2) g``. Sensible learning rates are a third to a tenth of Adam's.

    Parameters
    ----------
    learning_rate : float
        alpha. Not negative.
    beta_1, beta_2 : float
        In [0, 1).
    weight_decay : float
        lambda, of all parameters. Not negative.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of its range, when it is made and when it is used.

    References
    ----------
    Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.Lion(1e-3), epochs=50)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    name = "lion"

    learning_rate: LearningRate = number(1e-4)
    beta_1: float = number(0.9, below=1)
    beta_2: float = number(0.99, below=1)
    weight_decay: float = number(0.0)


@dataclass(eq=False)
class LBFGS(Optimizer):
    """L-BFGS on the cost of all examples, by SciPy's L-BFGS-B; for ``fit`` alone.

    An iteration draws the curvature from the latest changes of weights and gradients, and goes as
    far along its direction as a line search finds good. It suits small data and small networks,
    in ``dtype="float64"`` best.

    ``fit`` takes ``epochs`` for the most iterations to make, and ends before where SciPy finds
    nothing more to gain. ``history["loss"]`` has the cost after each iteration. ``batch_size`` and
    ``shuffle`` mean nothing. Each ``fit`` begins without a memory of earlier ones. Callbacks see
    iterations as runs and as epochs, and no steps.

    Layers' penalties are part of the cost. What is no function of the weights, dropout and a batch
    norm that is not frozen, is refused, and so is what changes a step: clipping, an average, a
    layer's own learning rate and its ``max_norm``.

    Parameters
    ----------
    history_size : int
        The changes of weights and gradients to keep (SciPy's maxcor).
    max_evaluations : int
        Stop after the iteration in which the cost has been computed more often (maxfun).
    max_line_search : int
        The most evaluations of one line search (maxls).
    tolerance : float
        Stop where an iteration lowers the cost by less than this share of it (ftol).
    gradient_tolerance : float
        Stop where no number of the gradient is larger than this (gtol).

    Attributes
    ----------
    message : str
        Why the latest fit ended, in SciPy's words.

    Raises
    ------
    ImportError
        In ``fit``, where SciPy is not installed.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu 1995, "A Limited Memory Algorithm for Bound Constrained Optimization".

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(1)], input_size=2, seed=0, dtype="float64")
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.LBFGS(), epochs=50)
    >>> history["loss"][-1] < 1e-6
    True
    """

    name = "lbfgs"

    history_size: int = integer(10)
    max_evaluations: int = integer(15_000)
    max_line_search: int = integer(20)
    tolerance: float = number(2.220446049250313e-09)
    gradient_tolerance: float = number(1e-5)
    message: str = field(default="", init=False, repr=False)

    def _rule_made(self) -> _Made:
        raise TypeError(
            "LBFGS: it makes no step from a gradient alone: expected fit(X, y, optimizer=LBFGS())"
        )


OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind
    for kind in (SGD, Adam, AdamW, NAdam, RAdam, RMSprop, Adagrad, Adadelta, Lion, LBFGS)
}

# The names that others have for them.
OPTIMIZER_ALIASES = {"l-bfgs": "lbfgs", "l_bfgs": "lbfgs", "rms_prop": "rmsprop"}


def as_optimizer(optimizer: Optimizer | str) -> Optimizer:
    """An optimizer as it is, or a new one of that name with its defaults.

    Raises
    ------
    ValueError, TypeError
        For a name that no optimizer has, for a class, and for something else.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str):
        name = name_of(optimizer, OPTIMIZERS, OPTIMIZER_ALIASES)
        if name in OPTIMIZERS:
            return OPTIMIZERS[name]()
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        raise TypeError(
            f"optimizer is the class {optimizer.__name__}: expected one of its objects, such as "
            f"{optimizer.__name__}()"
        )
    raise ValueError(
        f"optimizer is {optimizer!r}: expected an optimizer such as deltarule.Adam(1e-3), or one "
        f"of {sorted(OPTIMIZERS)}{did_you_mean(optimizer, OPTIMIZERS, OPTIMIZER_ALIASES)}"
    )
