"""Losses: what a network's outputs are held against, each with its hyper-parameters.

The formulas are the core's; here a loss says what it is called, what numbers go with it, and which
targets it takes. Equations are per example, with ``n`` outputs ``a``, targets ``y`` and
``d = a - y``; the cost is their (weighted) mean over the examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule._checks import expect_in_range

# losses, dA = function(A, Y)
LossFunction = Callable[[Array, Array], tuple[Array, Array]]


class Targets(NamedTuple):
    """The numbers that a loss takes for y, and what they are called."""

    name: str
    least: float
    most: float


_REAL = Targets("numbers", -math.inf, math.inf)
_NOT_NEGATIVE = Targets("counts or rates", 0, math.inf)
_PROBABILITIES = Targets("probabilities", 0, 1)


@dataclass(frozen=True)
class Loss:
    """What every loss declares.

    Attributes
    ----------
    name : str
        What the core calls it.
    targets : Targets
        The numbers that y may have.
    takes_labels : bool
        Whether class labels may stand for rows of 0 and 1: a loss over classes.
    """

    name: ClassVar[str]
    targets: ClassVar[Targets] = _REAL
    takes_labels: ClassVar[bool] = False

    def outputs_a_target(self) -> int:
        """How many outputs are held against each number of y."""
        return 1

    def for_output(self, activation: str, where: str) -> Loss:
        """The loss in the form that goes with an output activation."""
        return self

    def _formula(self) -> _core.Loss:
        """The core's loss: its name, and the fields of the dataclass as its hyper-parameters."""
        return _core.Loss(
            self.name, **{field.name: getattr(self, field.name) for field in fields(self)}
        )

    def _number(self, name: str, expected: str, **bounds: float) -> None:
        """Hold a hyper-parameter to being a number that fits, and keep it as a float."""
        what = f"{type(self).__name__}: {name}"
        number = expect_in_range(getattr(self, name), what, expected=expected, **bounds)
        object.__setattr__(self, name, number)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """``(1/n) sum_i d_i^2``."""

    name = "mean_squared_error"


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """``(1/n) sum_i |d_i|``: its minimum is the median; the derivative at 0 is 0."""

    name = "mean_absolute_error"


@dataclass(frozen=True)
class Huber(Loss):
    """``(1/n) sum_i h(d_i)``, squares near 0 and absolute errors far from it.

    ``h(d) = d^2 / 2`` where ``|d| <= delta``, else ``delta (|d| - delta / 2)``; as PyTorch's
    HuberLoss.

    Parameters
    ----------
    delta : float
        Where one becomes the other, in units of y; above 0.

    Raises
    ------
    TypeError, ValueError
        For a `delta` that is no finite number above 0.

    References
    ----------
    P. J. Huber 1964, "Robust Estimation of a Location Parameter".
    """

    name = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        self._number("delta", "a finite number above 0", above=0)


@dataclass(frozen=True)
class LogCosh(Loss):
    """``(1/n) sum_i log cosh d_i``: about ``d^2 / 2`` near 0 and ``|d| - log 2`` far from it."""

    name = "log_cosh"


@dataclass(frozen=True)
class Quantile(Loss):
    """Pinball loss, for one quantile of y or several at once.

    ``(1/n) sum_i max(-level_i d_i, (1 - level_i) d_i)``: its minimum is where y lies below ``a_i``
    with probability ``level_i``. The derivative at 0 is 0.

    Parameters
    ----------
    levels : float or sequence of float
        One or more in (0, 1). The outputs are the quantiles of the first target, in the order of
        the levels, then those of the next: for k levels ``A.reshape(m, n_targets, k)``. y has shape
        (m, n_targets), or (m,) for one target.

    Raises
    ------
    TypeError, ValueError
        For levels that are not numbers in (0, 1), or none.

    References
    ----------
    R. Koenker & G. Bassett 1978, "Regression Quantiles".
    """

    name = "quantile"
    levels: Sequence[float] | float

    def __post_init__(self) -> None:
        given = self.levels
        several = isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str)
        levels = tuple(given if several else [given])  # type: ignore[arg-type]
        if not levels:
            raise ValueError("Quantile: levels is empty: expected one or more in (0, 1)")
        checked = tuple(
            expect_in_range(
                level, "Quantile: levels", above=0, below=1, expected="numbers in (0, 1)"
            )
            for level in levels
        )
        object.__setattr__(self, "levels", checked)

    def outputs_a_target(self) -> int:
        """One for each level."""
        assert isinstance(self.levels, tuple)
        return len(self.levels)


@dataclass(frozen=True)
class Poisson(Loss):
    """``(1/n) sum_i (a_i - y_i log a_i)``: counts y of mean a, less a constant.

    With an exponential output ``a = e^z`` it is computed as ``e^z - y z``. ``0 log 0`` is 0.
    """

    name = "poisson"
    targets = _NOT_NEGATIVE


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """``-(1/n) sum_i (y_i log a_i + (1 - y_i) log(1 - a_i))``, for one class or several labels.

    With a sigmoid output it is computed from the logits.

    Parameters
    ----------
    label_smoothing : float
        s in [0, 1): y becomes ``(1 - s) y + s / 2``, as in Keras.

    Raises
    ------
    TypeError, ValueError
        For a `label_smoothing` out of range.

    References
    ----------
    C. Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7,
    for label smoothing.
    """

    name = "binary_cross_entropy"
    targets = _PROBABILITIES
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        self._number("label_smoothing", "a number in [0, 1)", least=0, below=1)


@dataclass(frozen=True)
class CategoricalCrossEntropy(Loss):
    """``-sum_i y_i log a_i``, over the classes; y is class labels or a row of probabilities.

    With a softmax output it is computed from the logits.

    Parameters
    ----------
    label_smoothing : float
        s in [0, 1): y becomes ``(1 - s) y + s / n``, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        For a `label_smoothing` out of range.

    References
    ----------
    C. Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7,
    for label smoothing.
    """

    name = "categorical_cross_entropy"
    targets = _PROBABILITIES
    takes_labels = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        self._number("label_smoothing", "a number in [0, 1)", least=0, below=1)


@dataclass(frozen=True)
class Focal(Loss):
    """Cross-entropy that attends to what is still wrong.

    With a softmax output, over the classes: ``-sum_i y_i (1 - a_i)^gamma log a_i``; y is class
    labels or a row of probabilities. With any other, such as a sigmoid:
    ``-(1/n) sum_i (alpha y_i (1 - a_i)^gamma log a_i
    + (1 - alpha) (1 - y_i) a_i^gamma log(1 - a_i))``. With either output it is
    computed from the logits.

    Parameters
    ----------
    gamma : float
        0 is the cross-entropy itself; the larger, the less an easy example counts.
    alpha : float, optional
        In [0, 1]: what class 1 weighs, class 0 weighs ``1 - alpha``. By default each weighs 1. Not
        for a softmax output, where ``sample_weight`` weighs the classes.

    Raises
    ------
    TypeError, ValueError
        For a `gamma` or `alpha` out of range.

    References
    ----------
    T.-Y. Lin et al. 2017, "Focal Loss for Dense Object Detection", equations 4 and 5.
    """

    name = "binary_focal"
    targets = _PROBABILITIES
    gamma: float = 2.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        self._number("gamma", "a finite number, 0 or more", least=0)
        if self.alpha is not None:
            self._number("alpha", "None or a number in [0, 1]", least=0, most=1)

    def for_output(self, activation: str, where: str) -> Loss:
        """Over classes for softmax, else over each output by itself."""
        if activation != "softmax":
            return self
        if self.alpha is not None:
            raise ValueError(
                f"{where}: Focal's alpha is {self.alpha} but the output is softmax: expected None; "
                "weigh the classes with sample_weight"
            )
        return _FocalOverClasses(self.gamma)


@dataclass(frozen=True)
class _FocalOverClasses(Loss):
    name = "categorical_focal"
    targets = _PROBABILITIES
    takes_labels = True
    gamma: float


@dataclass(frozen=True)
class CustomLoss(Loss):
    """A loss of one's own: ``losses, dA = function(A, Y)``.

    Wherever a loss is expected the function itself will do, too.

    Parameters
    ----------
    function : callable
        Given ``A`` and ``Y``, both of shape (m, n_outputs) and of the network's dtype, an example a
        row, it returns the loss of each example, of shape (m,), and ``dA`` of shape
        (m, n_outputs): the derivative of each example's own loss with respect to its outputs. The
        mean, the ``1/m`` that goes with it and the example weights are seen to by the caller. The
        examples may be a batch or a part of one, and the call may come from another thread.

    Raises
    ------
    TypeError
        For what is no function.

    Notes
    -----
    Y has as many columns as there are outputs. A loss that takes fewer leaves columns unused.

    Examples
    --------
    >>> def fourth_power(A, Y):
    ...     d = A - Y
    ...     return (d**4).sum(axis=1), 4 * d**3
    >>> loss = CustomLoss(fourth_power)
    """

    name = "custom"
    function: LossFunction

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(
                f"CustomLoss: function is {self.function!r}: expected a callable that returns "
                "(losses, dA)"
            )

    def _formula(self) -> _core.Loss:
        return _core.Loss(self.function)


# What a user may give for one.
AnyLoss: TypeAlias = Loss | LossFunction | str | None

LOSSES: dict[str, type[Loss]] = {
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "huber": Huber,
    "log_cosh": LogCosh,
    "quantile": Quantile,
    "poisson": Poisson,
    "binary_cross_entropy": BinaryCrossEntropy,
    "categorical_cross_entropy": CategoricalCrossEntropy,
    "focal": Focal,
}

# What goes with an output activation; mean squared error goes with the others.
_OF_OUTPUT: dict[str, type[Loss]] = {
    "softmax": CategoricalCrossEntropy,
    "sigmoid": BinaryCrossEntropy,
}


def as_loss(loss: AnyLoss, output_activation: str, where: str) -> Loss:
    """A loss as it goes with an output activation: as given, by its name, or the usual one.

    Parameters
    ----------
    loss : Loss, callable, str or None
        A name means the loss with its defaults.
    output_activation : str
    where : str
        Who asks, for the message.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        For an unknown name, or one whose loss has no defaults.
    TypeError
        For something else than a loss.
    """
    if loss is None:
        loss = _OF_OUTPUT.get(output_activation, MeanSquaredError)()
    elif isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(f"{where}: loss is {loss!r}: expected one of {', '.join(LOSSES)}")
        if loss == "quantile":
            raise ValueError(
                f"{where}: loss is 'quantile': expected its levels too, such as "
                "deltarule.Quantile([0.1, 0.5, 0.9])"
            )
        loss = LOSSES[loss]()
    elif isinstance(loss, type):
        raise TypeError(
            f"{where}: loss is the class {loss.__name__}: expected one of its objects, such as "
            f"{loss.__name__}()"
        )
    elif not isinstance(loss, Loss):
        if not callable(loss):
            raise TypeError(
                f"{where}: loss is {loss!r}: expected a name, a loss such as deltarule.Huber(), or "
                "a function of (A, Y) that returns (losses, dA)"
            )
        loss = CustomLoss(loss)
    return loss.for_output(output_activation, where)
