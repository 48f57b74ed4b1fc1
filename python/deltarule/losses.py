"""Losses: what a network's outputs are held against, each with its hyper-parameters.

The formulas are the core's; here a loss says what it is called, what numbers go with it, and which
targets and outputs it takes. Equations are per example, with ``n`` outputs ``a``, targets ``y`` and
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
from deltarule._checks import did_you_mean, expect_in_range, name_of, refuse

# losses, dA = function(A, Y)
LossFunction = Callable[[Array, Array], tuple[Array, Array]]


class Targets(NamedTuple):
    """The numbers that a loss takes for y, and what they are called."""

    name: str
    least: float
    most: float


class Output(NamedTuple):
    """What a loss is handed: the outputs of a network's last layer, and how messages call it."""

    activation: str
    units: int
    layer: str
    # What is written for a layer with another activation in its place.
    instead: str = "an Activation({0!r}) behind it"


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
    outputs : tuple of str
        The output activations whose numbers it can be of, the usual one first; all, if none is
        named.

    Examples
    --------
    >>> import deltarule as dr
    >>> loss = dr.Huber(delta=2.0)
    >>> isinstance(loss, dr.Loss), loss.name, loss.takes_labels
    (True, 'huber', False)
    """

    name: ClassVar[str]
    targets: ClassVar[Targets] = _REAL
    takes_labels: ClassVar[bool] = False
    outputs: ClassVar[tuple[str, ...]] = ()

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
    """``(1/n) sum_i d_i^2``.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("identity")], input_size=1)
    >>> A, Y = [[1.0], [2.0]], [1.5, 4.0]
    >>> round(net.evaluate(A, Y, loss=dr.MeanSquaredError())["loss"], 4)
    2.125
    """

    name = "mean_squared_error"


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """``(1/n) sum_i |d_i|``: its minimum is the median; the derivative at 0 is 0.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("identity")], input_size=1)
    >>> A, Y = [[1.0], [2.0]], [1.5, 4.0]
    >>> round(net.evaluate(A, Y, loss=dr.MeanAbsoluteError())["loss"], 4)
    1.25
    """

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

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("identity")], input_size=1)
    >>> A, Y = [[1.0], [2.0]], [1.5, 4.0]
    >>> round(net.evaluate(A, Y, loss=dr.Huber(delta=1.0))["loss"], 4)
    0.8125
    """

    name = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        self._number("delta", "a finite number above 0", above=0)


@dataclass(frozen=True)
class LogCosh(Loss):
    """``(1/n) sum_i log cosh d_i``: about ``d^2 / 2`` near 0 and ``|d| - log 2`` far from it.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("identity")], input_size=1)
    >>> A, Y = [[1.0], [2.0]], [1.5, 4.0]
    >>> round(net.evaluate(A, Y, loss=dr.LogCosh())["loss"], 4)
    0.7226
    """

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

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("identity")], input_size=2)
    >>> A, Y = [[1.0, 3.0], [2.0, 3.0]], [1.5, 4.0]
    >>> round(net.evaluate(A, Y, loss=dr.Quantile([0.1, 0.9]))["loss"], 4)
    0.325
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

    For outputs above 0: exponential, softplus, sigmoid or softmax. With an exponential output
    ``a = e^z`` it is computed as ``e^z - y z``. ``0 log 0`` is 0.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("exponential")], input_size=1)
    >>> A, Y = [[0.0], [1.0]], [1.0, 3.0]
    >>> round(net.evaluate(A, Y, loss=dr.Poisson())["loss"], 4)
    0.3591
    """

    name = "poisson"
    targets = _NOT_NEGATIVE
    outputs = ("exponential", "softplus", "sigmoid", "softmax")


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """``-(1/n) sum_i (y_i log a_i + (1 - y_i) log(1 - a_i))``, for one class or several labels.

    For outputs in (0, 1): sigmoid, with which it is computed from the logits, or softmax.

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

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("sigmoid")], input_size=1)
    >>> A, Y = [[0.0], [2.0]], [0, 1]
    >>> round(net.evaluate(A, Y, loss=dr.BinaryCrossEntropy(label_smoothing=0.1))["loss"], 4)
    0.46
    """

    name = "binary_cross_entropy"
    targets = _PROBABILITIES
    outputs = ("sigmoid", "softmax")
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        self._number("label_smoothing", "a number in [0, 1)", least=0, below=1)


@dataclass(frozen=True)
class CategoricalCrossEntropy(Loss):
    """``-sum_i y_i log a_i``, over the classes; y is class labels or a row of probabilities.

    For a softmax output, with which it is computed from the logits: another one's numbers have no
    sum that is held, and would all grow.

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

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("softmax")], input_size=3)
    >>> A, Y = [[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]], [1, 0]
    >>> round(net.evaluate(A, Y, loss=dr.CategoricalCrossEntropy())["loss"], 4)
    0.3955
    """

    name = "categorical_cross_entropy"
    targets = _PROBABILITIES
    outputs = ("softmax",)
    takes_labels = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        self._number("label_smoothing", "a number in [0, 1)", least=0, below=1)


@dataclass(frozen=True)
class Focal(Loss):
    """Cross-entropy that attends to what is still wrong.

    With a softmax output, over the classes: ``-sum_i y_i (1 - a_i)^gamma log a_i``; y is class
    labels or a row of probabilities. With a sigmoid output:
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

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("sigmoid")], input_size=1)
    >>> A, Y = [[0.0], [2.0]], [0, 1]
    >>> round(net.evaluate(A, Y, loss=dr.Focal(gamma=2.0, alpha=0.75))["loss"], 4)
    0.0223
    """

    name = "binary_focal"
    targets = _PROBABILITIES
    outputs = ("sigmoid", "softmax")
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
    outputs = ("softmax",)
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

# The names that others have for them, or have only in part.
LOSS_ALIASES: dict[str, str] = {
    "mse": "mean_squared_error",
    "mse_loss": "mean_squared_error",
    "mae": "mean_absolute_error",
    "huber_loss": "huber",
    "logcosh": "log_cosh",
    "poisson_loss": "poisson",
    "bce": "binary_cross_entropy",
    "bce_loss": "binary_cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "cce": "categorical_cross_entropy",
    "categorical_crossentropy": "categorical_cross_entropy",
    # It takes class labels, too.
    "sparse_categorical_crossentropy": "categorical_cross_entropy",
    "sparse_categorical_cross_entropy": "categorical_cross_entropy",
}

# What goes with an output activation; mean squared error goes with the others.
_OF_OUTPUT: dict[str, type[Loss]] = {
    "softmax": CategoricalCrossEntropy,
    "sigmoid": BinaryCrossEntropy,
}

# What is said to suit an output that a loss cannot be of; a loss of numbers suits the others.
_SUITS = {
    "softmax": "a loss over classes such as 'categorical_cross_entropy'",
    "sigmoid": "a loss of probabilities such as 'binary_cross_entropy'",
    "exponential": "a loss of counts or numbers such as 'poisson' or 'mean_squared_error'",
    "softplus": "a loss of counts or numbers such as 'poisson' or 'mean_squared_error'",
}


def usual_loss(output_activation: str) -> type[Loss]:
    """The loss that goes with an output activation."""
    return _OF_OUTPUT.get(output_activation, MeanSquaredError)


def as_loss(loss: AnyLoss, output: Output, where: str) -> Loss:
    """A loss as it goes with an output: as given, by its name, or the usual one.

    Parameters
    ----------
    loss : Loss, callable, str or None
        A name means the loss with its defaults.
    output : Output
    where : str
        Who asks, for the message.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        For an unknown name, one whose loss has no defaults, and a loss that cannot be of such
        outputs.
    TypeError
        For something else than a loss.
    """
    if loss is None:
        loss = usual_loss(output.activation)()
    elif isinstance(loss, str):
        name = name_of(loss, LOSSES, LOSS_ALIASES)
        if name not in LOSSES:
            raise ValueError(
                f"{where}: loss is {loss!r}: expected one of {', '.join(LOSSES)}"
                + did_you_mean(loss, LOSSES, LOSS_ALIASES)
            )
        if name == "quantile":
            raise ValueError(
                f"{where}: loss is {loss!r}: expected its levels too, such as "
                "deltarule.Quantile([0.1, 0.5, 0.9])"
            )
        loss = LOSSES[name]()
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
    expect_output(loss, output, where)
    return loss.for_output(output.activation, where)


def expect_targets(values: Array, loss: Loss, what: str) -> None:
    """Hold numbers to those that a loss takes; what is NaN passes.

    Raises
    ------
    ValueError
        For a number out of range.
    """
    least, most = loss.targets.least, loss.targets.most
    if not (math.isfinite(least) or math.isfinite(most)):
        return
    expected = f"{least:g} to {most:g}" if math.isfinite(most) else f"{least:g} or more"
    why = f"expected {expected}, as {loss.name} takes {loss.targets.name}"
    refuse(values, (values < least) | (values > most), what, why)


def expect_output(loss: Loss, output: Output, where: str) -> None:
    """Hold an output to being one that a loss can be of.

    Raises
    ------
    ValueError
        For another, and for a softmax over one unit, from which nothing can be learned.
    """
    activation, units, layer, instead = output
    if activation == "softmax" and units == 1:
        raise ValueError(
            f"{where}: {layer} is a softmax over 1 unit, which is 1 whatever goes in: expected a "
            "'sigmoid' with loss='binary_cross_entropy' for two classes, or a unit for each class"
        )
    if not loss.outputs or activation in loss.outputs:
        return
    suits = _SUITS.get(activation, "a loss of numbers such as 'mean_squared_error'")
    expected = [name for name in loss.outputs if units > 1 or name != "softmax"]
    if expected:
        advice = f"an output of {' or '.join(map(repr, expected))}, as by "
        advice += instead.format(expected[0])
    else:
        advice = "a 'softmax' with a unit for each class"
    name = "focal" if isinstance(loss, Focal) else loss.name
    raise ValueError(
        f"{where}: the loss is {name!r} but {layer} has an output of {activation!r}: expected "
        f"{advice}; or, for {activation!r}, {suits}"
    )
