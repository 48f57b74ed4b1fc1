"""Losses as the estimators name them, with scikit-learn's own definitions.

The package's losses are means over the outputs. scikit-learn sums over the classes or labels; over
several targets it reports half of the mean squared error but goes down half of the sum.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    CustomLoss,
    Focal,
    Huber,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Output,
    Poisson,
    as_loss,
    expect_output,
)

# scikit-learn's names of output activations that are not the package's.
CORE_NAMES = {"logistic": "sigmoid", "exp": "exponential"}

OF_CLASSES = {"log_loss", "focal"}
OF_NUMBERS = {"squared_error", "poisson", "absolute_error", "huber", "log_cosh"}
_SUMMED = {"log_loss", "focal", "poisson"}
_BY_NAME: dict[str, type[Loss]] = {
    "squared_error": MeanSquaredError,
    "poisson": Poisson,
    "absolute_error": MeanAbsoluteError,
    "huber": Huber,
    "log_cosh": LogCosh,
    "focal": Focal,
}


@dataclass(frozen=True)
class Scaled(Loss):
    """A mean over the outputs, times a factor; and its derivative, times another."""

    name: ClassVar[str] = "scaled"

    loss: Loss
    cost_factor: float
    gradient_factor: float

    def _formula(self) -> _core.Loss:
        own = {field.name: getattr(self.loss, field.name) for field in fields(self.loss)}
        return _core.Loss(
            self.loss.name,
            **own,
            cost_factor=self.cost_factor,
            gradient_factor=self.gradient_factor,
        )


def output_activation(loss: Any, y_type: str | None) -> str:
    """scikit-learn's name of the activation that goes with the loss, and with the kind of y.

    ``y_type`` is None for a regression.
    """
    if y_type is not None:
        return "softmax" if y_type == "multiclass" else "logistic"
    return "exp" if loss == "poisson" or isinstance(loss, Poisson) else "identity"


def loss_of(loss: Any, out_activation: str, n_outputs: int, where: str) -> Loss:
    """The loss that an estimator's parameter asks for.

    A name has scikit-learn's definition, or one of its kind; an object or a function is taken as
    it is.
    """
    activation = CORE_NAMES.get(out_activation, out_activation)
    output = Output(activation, n_outputs, "the estimator", "an MLPClassifier")
    if isinstance(loss, (BinaryCrossEntropy, CategoricalCrossEntropy)) or loss == "log_loss":
        if not isinstance(loss, str) and activation not in BinaryCrossEntropy.outputs:
            expect_output(loss, output, where)
        smoothing = 0.0 if isinstance(loss, str) else loss.label_smoothing
        if activation == "softmax":
            return CategoricalCrossEntropy(smoothing)
        return Scaled(BinaryCrossEntropy(smoothing), n_outputs, n_outputs)
    if not isinstance(loss, str):
        return as_loss(loss, output, where)
    found = _BY_NAME[loss]().for_output(activation, where)
    if found.takes_labels:
        return found
    if loss == "squared_error":
        return Scaled(found, 0.5, 0.5 * n_outputs)
    return Scaled(found, n_outputs if loss in _SUMMED else 1.0, n_outputs)


def minimised(loss: Loss) -> Loss:
    """The loss whose derivative is the one that is gone down, for a line search."""
    if isinstance(loss, Scaled):
        return Scaled(loss.loss, loss.gradient_factor, loss.gradient_factor)
    return loss


def without_model(loss: Any, Y: Array | None) -> Array | None:
    """What each example adds to the loss whatever is predicted, in scikit-learn's Poisson loss."""
    if not isinstance(loss, str) or loss != "poisson" or Y is None:
        return None
    numbers = np.asarray(Y, np.float64)
    logs = np.log(numbers, out=np.zeros_like(numbers), where=numbers > 0)
    constants: Array = (numbers * logs - numbers).sum(axis=1)
    return constants


def takes_labels(loss: Loss) -> bool:
    """Whether class labels may stand for one-hot rows."""
    return loss.takes_labels and not isinstance(loss, CustomLoss)
