"""A network, or several that predict together, and some rows, as what a report is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule._data.names import names_of
from deltarule.report.material.call import layers_of
from deltarule.report.material.columns import columns_of
from deltarule.report.material.subjects import (
    Examples,
    Others,
    Targets,
    expect_train,
    subjects_of,
)
from deltarule.report.subject import Member, Subject

_MOST_ROWS = 20  # of the table of layers, or of networks


class _Given(NamedTuple):
    """Examples, and the names of columns and targets, where the data have such."""

    examples: Examples
    names: list[str] | None
    targets: list[str] | None


def subjects(
    network: Any,
    X: Any,
    y: Any,
    *,
    classes: Sequence[str] | None,
    sample_weight: Any,
    train: Any,
    baselines: bool | Others,
    command: str,
    where: str,
) -> list[Subject]:
    """Have a network answer for rows, and gather what is known of it.

    Raises
    ------
    TypeError, ValueError
        For data that does not fit.
    """
    members = getattr(network, "networks", (network,))
    weights = getattr(network, "weights", np.ones(1))
    inputs = getattr(network, "inputs", None)
    here, before = _given(network, X, y, sample_weight, where), None
    if train is not None:
        X_train, y_train, weights_train = expect_train(train, where)
        before = _given(network, X_train, y_train, weights_train, f"{where}: train")
    output = members[0]._output
    targets = _targets(output.activation, output.units, here, classes, where)
    examples = _as_targets(here.examples, targets, where)
    known = None
    if before is not None:
        known = _as_targets(before.examples, targets, f"{where}: train")
    told: dict[str, Any]
    if inputs is not None:
        told = inputs._reported(X, None if train is None else X_train, where)
        embedded, behind = inputs.embedded, network.without_inputs()
    else:
        embedded, behind = network._embedded, network
        names = network.feature_names or here.names
        names = names or [f"x{place}" for place in range(network.input_size)]
        told = {
            "spans": {name: (at, at + 1) for at, name in enumerate(names)},
            "columns": columns_of(names, embedded, examples, known, targets),
        }
    return subjects_of(
        partial(answered, behind.predict, targets.kind),
        targets,
        examples,
        known,
        baselines,
        where,
        embedded=embedded,
        kind=type(network).__name__,
        call=_call(network, members),
        command=command,
        members=[
            Member(each.history.get("val_loss", []), float(weight), each.history.get("loss", []))
            for each, weight in zip(members, weights, strict=True)
        ],
        architecture={name: cells[:_MOST_ROWS] for name, cells in network._columns().items()},
        rows_of_fit=None if known is None else len(known.rows),
        split="",
        settings=_settings(network, members),
        **told,
    )


def _given(network: Any, X: Any, y: Any, sample_weight: Any, where: str) -> _Given:
    """Rows and targets that have passed the network's door, as they are."""
    output = getattr(network, "networks", (network,))[0]._output
    if output.activation != "softmax" and output.units > 1 and np.ndim(y) == 1:
        raise ValueError(
            f"{where}: y has one target an example, and the network {output.units} outputs: "
            "expected as many columns; there is no report on several quantiles of a target"
        )
    _, rows, target = network._at_the_door(X, y, None, sample_weight, where)
    values = target.Y if target.labels is None else target.labels
    assert values is not None
    weights = None if sample_weight is None else target.weights
    columns = list(y.columns) if hasattr(y, "columns") else None
    if columns is None and getattr(y, "name", None):
        columns = [str(y.name)]
    return _Given(
        Examples(np.array(rows.taken(slice(None)), network.dtype), np.array(values), weights),
        rows.names,
        names_of(columns),
    )


def _targets(
    activation: str, units: int, here: _Given, classes: Sequence[str] | None, where: str
) -> Targets:
    """What the output tells."""
    y, own = here.examples.y, here.targets
    name = own[0] if own is not None and len(own) == 1 else "the target"
    if activation == "softmax":
        return Targets("classes", (name,), _names(classes, units, where))
    zeros_and_ones = bool(np.isin(y, (0, 1)).all())
    if activation == "sigmoid" and zeros_and_ones and units == 1:
        return Targets("classes", (name,), _names(classes, 2, where))
    kind: Any = "labels" if activation == "sigmoid" and zeros_and_ones else "numbers"
    if units == 1:
        return Targets(kind, (name,))
    if classes is None and own is not None and len(own) == units:
        return Targets(kind, tuple(own))
    names = [f"y{place}" for place in range(units)]
    return Targets(kind, _names(names if classes is None else classes, units, where))


def _names(given: Sequence[str] | None, count: int, where: str) -> tuple[str, ...]:
    if given is None:
        return tuple(map(str, range(count)))
    if isinstance(given, str) or len(given) != count:
        raise ValueError(f"{where}: classes are {given!r}: expected {count} names")
    return tuple(map(str, given))


def _as_targets(given: Examples, targets: Targets, where: str) -> Examples:
    """Codes of classes, or a column for each label or number."""
    y = given.y
    if targets.kind != "classes":
        if targets.kind == "labels" and not np.isin(y, (0, 1)).all():
            raise ValueError(f"{where}: y has more than 0 and 1: expected labels, as in X")
        return given._replace(y=y)
    if y.ndim == 1:
        return given._replace(y=y.astype(np.int64))
    if not np.isin(y, (0, 1)).all() or (y.shape[1] > 1 and (y.sum(axis=1) != 1).any()):
        raise ValueError(
            f"{where}: y has probabilities of classes: expected one class an example, as what is "
            "mistaken is counted"
        )
    return given._replace(y=y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(np.int64))


def answered(predict: Callable[[Array], Array], kind: str, rows: Array) -> Array:
    """Probabilities of classes, or a column for each label or number."""
    A = predict(rows).astype(np.float64)
    return np.hstack([1 - A, A]) if kind == "classes" and A.shape[1] == 1 else A


def _settings(network: Any, members: Sequence[Any]) -> dict[str, str]:
    epochs = sorted({each.history.epochs for each in members} - {0})
    told = {
        "made of": f"{network!r}",
        "epochs": f"{epochs[0]:,}" if len(epochs) == 1 else "",
        "ended early": next(filter(None, (each.history.diverged for each in members)), ""),
    }
    if len(epochs) > 1:
        told["epochs"] = f"{epochs[0]:,} to {epochs[-1]:,}"
    return told


def _call(network: Any, members: Sequence[Any]) -> str:
    """How networks of these layers are made; what ``fit`` was told is not kept."""
    text = "import deltarule as dr\n"
    for each in members[:_MOST_ROWS]:
        layers = "".join(f"        {layer},\n" for layer in layers_of(each._descriptions))
        text += (
            f"\nnet = dr.Network(\n    [\n{layers}    ],\n    input_size={each.input_size},\n"
            f"    dtype={each.dtype.name!r},\n)\n"
        )
        if all(other._descriptions == each._descriptions for other in members):
            break
    return text + "net.fit(X, y, ...)  # with what the fit was told, which a network does not keep"
