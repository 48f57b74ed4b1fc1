"""Estimators in files: their parameters, what ``fit`` has left, and the network.

The solver's state goes with them, so that ``partial_fit`` and a warm start go on to the bits that
they would have come to without the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state

from deltarule._arrays import Array
from deltarule._checks import refuse
from deltarule._files import values
from deltarule._files.architecture import core_of, take
from deltarule._files.atomic import PathLike
from deltarule._files.models import (
    Model,
    expect_no_more,
    network_from,
    network_state,
    write,
)
from deltarule._files.optimizers import hyperparameters_of, optimizer_state, restore
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError
from deltarule.estimators.optimizers import SOLVERS
from deltarule.network import Network
from deltarule.optimizers import Optimizer

AnyEstimator = TypeVar("AnyEstimator")


def _is_number(value: Any) -> bool:
    return value is None or type(value) in (int, float)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


# What fit leaves, beside the weights and the curves, and what each may be.
_FITTED: dict[str, Callable[[Any], bool]] = {
    "n_features_in_": _is_count,
    "feature_names_in_": lambda value: isinstance(value, np.ndarray) and value.dtype.kind == "O",
    "n_iter_": _is_count,
    "t_": _is_count,
    "n_layers_": _is_count,
    "n_outputs_": _is_count,
    "out_activation_": lambda value: value in ("identity", "logistic", "softmax", "exp"),
    "loss_": _is_number,
    "best_loss_": _is_number,
    "best_validation_score_": _is_number,
    "classes_": lambda value: isinstance(value, np.ndarray),
    "_no_improvement_count": _is_count,
    "_dropout_seed": lambda value: _is_count(value) and value < 2**32,
}
_CURVES = ("loss_curve_", "validation_scores_", "validation_loss_curve_")
_LABELS: dict[str, Callable[[Any], bool]] = {
    "y_type_": lambda value: value in ("binary", "multiclass", "multilabel-indicator"),
    "sparse_input_": lambda value: type(value) is bool,
    "classes_": lambda value: isinstance(value, np.ndarray),
}


# Writing -------------------------------------------------------------------------------------


def save(estimator: Any, path: PathLike) -> None:
    """Write an estimator to a file; ``MLP.save`` says more."""
    kind = type(estimator).__name__
    if type(estimator).__module__ != "deltarule.estimators":
        raise TypeError(
            f"save: the estimator is a {kind}: expected deltarule's MLPClassifier or MLPRegressor "
            "itself, as a class of one's own is code"
        )
    _expect_parameters(estimator)
    parameters = estimator.get_params(deep=False)
    for name, mend in {
        "callbacks": "set_params(callbacks=None)",
        "_skl_callbacks": "set_callbacks()",
    }.items():
        given = parameters.get(name) or vars(estimator).get(name)
        if given:
            raise TypeError(
                f"save: the estimator has callbacks {given!r}: expected none, as code is not "
                f"written to a file; {mend} before, and set them again after load"
            )
    content: dict[str, Any] = {
        "parameters": {name: values.to_json(v, name) for name, v in parameters.items()}
    }
    tensors: dict[str, Array] = {}
    if hasattr(estimator, "coefs_"):
        tensors, content["network"] = network_state(estimator.network_)
        content |= _fitted(estimator, tensors)
    write(path, kind, tensors, content, {"loss": getattr(estimator, "loss_curve_", ())})


def _expect_parameters(estimator: Any) -> None:
    """Hold the parameters to what ``fit`` and ``predict`` take."""
    estimator._validate_params()
    with estimator._threads():  # which looks at how many there may be
        pass


def _fitted(estimator: Any, tensors: dict[str, Array]) -> dict[str, Any]:
    """What fit has left, as JSON; vectors go to the tensors.

    What no longer fits weights that were set by hand is left out, as the next fit would leave it.
    """
    there, network = vars(estimator), estimator.network_
    content = {
        "fitted": {name: values.to_json(there[name], name) for name in _FITTED if name in there}
    }
    for name in _CURVES:
        if there.get(name) is not None:
            tensors[f"fitted.{name}"] = np.array(there[name], np.float64)
    best = there.get("_best_parameters")
    if best is not None and best.size == network.parameters.size:
        tensors["fitted.best_parameters"] = best
    if "_label_binarizer" in there:
        binarizer = there["_label_binarizer"]
        content["labels"] = {
            name: values.to_json(getattr(binarizer, name), name) for name in _LABELS
        }
    optimizer = there.get("_optimizer")
    if optimizer is not None and optimizer._fits(network.parameters):
        refuse(
            optimizer.state,
            np.isnan(optimizer.state),
            "save: the solver's state",
            "expected numbers",
        )
        content["optimizer"] = optimizer_state(optimizer, tensors, whole=True)
    return content


# Reading -------------------------------------------------------------------------------------


def estimator_from(model: Model, kind: type[AnyEstimator]) -> AnyEstimator:
    """Make a file's estimator of a class, once all of it has been found to fit."""
    given = model.part("parameters")
    estimator: Any = kind()
    unknown = set(given) - set(estimator.get_params(deep=False))
    if unknown:
        raise ModelFileError(f"parameters: {model.kind} has no {brief(sorted(unknown))}")
    for name, value in given.items():
        setattr(estimator, name, values.from_json(value, f"parameters.{name}"))
    if given.get("callbacks") not in (None, [], {"tuple": []}):
        raise ModelFileError(
            f"parameters.callbacks is {brief(given['callbacks'])}: expected none, as they are code"
        )
    try:
        _expect_parameters(estimator)
        if "network" in model.content:
            _restore(estimator, model)
    except ModelFileError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        raise ModelFileError(f"{model.kind}: {error}") from error
    expect_no_more(model)
    return estimator  # type: ignore[no-any-return]


def _restore(estimator: Any, model: Model) -> None:
    network = network_from(model, Network)
    estimator._adopt(_checked(model.part("fitted"), _FITTED, "fitted"))
    for name in _CURVES:
        curve = model.tensors.pop(f"fitted.{name}", None)
        if curve is None:
            continue
        if curve.ndim != 1 or curve.dtype != np.float64:
            raise ModelFileError(f"tensor 'fitted.{name}': expected a vector of float64")
        setattr(estimator, name, curve.tolist())
    if hasattr(estimator, "loss_curve_") and not hasattr(estimator, "validation_scores_"):
        estimator.validation_scores_ = None
    dense = [layer for layer in network.layers if layer.description.kind == "dense"]
    estimator.coefs_ = [np.ascontiguousarray(layer.W.T) for layer in dense]
    estimator.intercepts_ = [layer.b[:, 0].copy() for layer in dense]
    _expect_sizes(estimator, network, len(dense))
    _restore_labels(estimator, model, network.output_size)
    live = estimator._live_weights(adopt=True).network
    if (core_of(live._descriptions), live.dtype) != (core_of(network._descriptions), network.dtype):
        raise ModelFileError("the network is not the one that the parameters describe")
    live._become(network)
    size = live.parameters.size
    best = model.tensors.get("fitted.best_parameters")
    left: dict[str, Any] = {
        "_best_parameters": None
        if best is None
        else take(model.tensors, "fitted.best_parameters", live.dtype, (size,)).copy()
    }
    if "optimizer" in model.content:
        left["_optimizer"] = _optimizer_from(model, live.parameters)
    left["_random_state"] = check_random_state(estimator.random_state)
    estimator._adopt(left)


def _checked(
    found: dict[str, Any], known: dict[str, Callable[[Any], bool]], what: str
) -> dict[str, Any]:
    decoded = {}
    for name, value in found.items():
        if name not in known:
            raise ModelFileError(f"{what} has {brief(name)}: expected some of {list(known)}")
        decoded[name] = values.from_json(value, f"{what}.{name}")
        if not known[name](decoded[name]):
            raise ModelFileError(f"{what}.{name} is {brief(value)}, which it cannot be")
    return decoded


def _expect_sizes(estimator: Any, network: Any, dense: int) -> None:
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and not all(type(name) is str for name in names):
        raise ModelFileError("fitted.feature_names_in_: expected strings")
    for name, found, expected in (
        ("n_features_in_", getattr(estimator, "n_features_in_", None), network.input_size),
        ("n_outputs_", estimator.n_outputs_, network.output_size),
        ("n_layers_", getattr(estimator, "n_layers_", None), dense + 1),
        ("feature_names_in_", None if names is None else len(names), network.input_size),
    ):
        if found is not None and found != expected:
            raise ModelFileError(
                f"fitted.{name} says {found}: expected {expected}, as the network has"
            )


def _restore_labels(estimator: Any, model: Model, outputs: int) -> None:
    """The classes, in the order of the outputs; binary ones have a single output."""
    if model.kind != "MLPClassifier":
        return
    labels = _checked(model.part("labels"), _LABELS, "labels")
    if set(labels) != set(_LABELS):
        raise ModelFileError(f"labels has {sorted(labels)}: expected {list(_LABELS)}")
    classes = labels["classes_"]
    fits = len(classes) in (1, 2) if labels["y_type_"] == "binary" else len(classes) == outputs
    if not fits or (labels["y_type_"] == "binary" and outputs != 1):
        raise ModelFileError(
            f"labels.classes_ has {len(classes)} {labels['y_type_']} classes: expected what goes "
            f"with {outputs} outputs"
        )
    if len(estimator.classes_) != len(classes):
        raise ModelFileError(
            f"fitted.classes_ has {len(estimator.classes_)} classes: expected {len(classes)}"
        )
    binarizer = LabelBinarizer()
    vars(binarizer).update(labels)
    estimator._adopt({"_label_binarizer": binarizer})


def _optimizer_from(model: Model, parameters: Array) -> Optimizer:
    kind = model.part("optimizer").get("kind")
    if type(kind) is not str or kind not in SOLVERS:
        raise ModelFileError(f"optimizer.kind is {brief(kind)}: expected one of {list(SOLVERS)}")
    optimizer = SOLVERS[kind](**hyperparameters_of(model))
    restore(optimizer, parameters, model)
    return optimizer
