"""A fitted model and some rows, as what a report is made of."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.material.call import call_of
from deltarule.report.material.subjects import (
    Examples,
    Others,
    Targets,
    expect_train,
    subjects_of,
)
from deltarule.report.subject import Member, Subject
from deltarule.tabular.models.door import checked_table, expect_width, weights_of
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.raw.tables import targets_of
from deltarule.tabular.reporting.columns import columns_of
from deltarule.tabular.targets import ClassEncoder, TargetScaler

_COVERAGE = 0.9
_MOST_NETWORKS = 20  # in the table of them


class _Opened(NamedTuple):
    """A table as its columns are opened, and its examples in numbers."""

    X: Any
    examples: Examples


def subjects(
    model: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: Any,
    train: Any,
    baselines: bool | Others,
    command: str,
    where: str,
) -> list[Subject]:
    """Have a model answer for rows, and gather what is known of its fit.

    Raises
    ------
    TypeError, ValueError
        For tables, targets and weights that do not fit.
    """
    fitted: Fitted = model._fitted
    encoder, record = fitted.encoder, fitted.record
    here = _opened(model, X, y, sample_weight, where, "X")
    before = None
    if train is not None:
        before = _opened(model, *expect_train(train, where), where, "train X")
    return subjects_of(
        partial(_answered, fitted),
        _targets(fitted, y, where),
        here.examples,
        None if before is None else before.examples,
        baselines,
        where,
        spans=encoder.spans,
        embedded=encoder.embedded,
        seconds=float(record["seconds"]),
        seed=int(record["seed"]),
        held_out=record["scores"],
        coverage=_coverage(model, here),
        kind=type(model).__name__,
        call=_call(model),
        command=command,
        columns=columns_of(encoder, here.X, None if before is None else before.X, where),
        left_out=encoder.left_out,
        members=[_member(each) for each in record["members"]],
        architecture={
            name: cells[:_MOST_NETWORKS] for name, cells in fitted.ensemble._columns().items()
        },
        rows_of_fit=int(record["rows"]),
        rows_held_out=int(record["held_out"]),
        split=str(record.get("split", model.split)),
        settings=_settings(model, fitted),
    )


def _opened(model: Any, X: Any, y: Any, sample_weight: Any, where: str, what: str) -> _Opened:
    fitted: Fitted = model._fitted
    X = checked_table(X, model)
    expect_width(X, model)
    rows, _ = fitted.encoder.encoded(X, where, what)
    values = fitted.targets.transform(y)
    if len(values) != len(rows):
        raise ValueError(
            f"{where}: {what} has {len(rows)} rows, and its y {len(values)}: expected as many"
        )
    if isinstance(fitted.targets, TargetScaler):
        values = values.reshape(len(rows), -1) * fitted.targets.deviation + fitted.targets.mean
    return _Opened(X, Examples(rows, values, weights_of(sample_weight, len(rows), where)))


def _targets(fitted: Fitted, y: Any, where: str) -> Targets:
    """What is predicted, by the names that y has for it."""
    table, flat = targets_of(y, where)
    names = (str(getattr(y, "name", None) or "the target"),) if flat else tuple(table.raw)
    if isinstance(fitted.targets, ClassEncoder):
        return Targets("classes", names, tuple(map(str, fitted.targets.classes.tolist())))
    if not flat and not table.named:
        names = tuple(f"y{place}" for place in range(len(names)))
    return Targets("numbers", names)


def _answered(fitted: Fitted, rows: Array) -> Array:
    """Probabilities, or a column of numbers for each target."""
    found = fitted.answers(fitted.ensemble.predict(rows))
    return found if isinstance(fitted.targets, ClassEncoder) else found.reshape(len(rows), -1)


def _member(told: dict[str, Any]) -> Member:
    """A member's losses: of several folds the mean, as far as all of them went."""
    folds = [each for each in told["losses"] if each]
    if not folds:
        return Member([], told["weight"])
    shortest = min(map(len, folds))
    return Member(
        np.mean([each[:shortest] for each in folds], axis=0).tolist(), float(told["weight"])
    )


def _settings(model: Any, fitted: Fitted) -> dict[str, str]:
    record = fitted.record
    members = record["members"]
    used = sum(bool(each["weight"]) for each in members)
    told = {
        "networks": f"{len(fitted.ensemble)} in the ensemble, of {used} of {len(members)} draws",
        "columns": f"{len(fitted.encoder.columns)} used, as {fitted.encoder.output_size} numbers; "
        f"{len(fitted.encoder.left_out)} left out",
        "preset": model.preset,
        "seed": str(record["seed"]),
    }
    if model.time_limit is not None:
        told["time limit"] = f"{model.time_limit:g} s"
    return told


def _call(model: Any) -> str:
    """What makes the model again, as it was asked for."""
    return f"import deltarule as dr\n\nmodel = {call_of(model, ('verbose',))}.fit(X, y)"


def _coverage(model: Any, here: _Opened) -> list[tuple[float, float]] | None:
    """What intervals promise, and what they hold; None where there are none."""
    if not hasattr(model, "predict_interval"):
        return None
    try:
        ends = model.predict_interval(here.X, coverage=_COVERAGE)
    except ValueError:  # more than the rows held out can tell
        return None
    y = here.examples.y
    lower, upper = (np.reshape(each, y.shape) for each in ends)
    shares = np.average((lower <= y) & (y <= upper), axis=0, weights=here.examples.weights)
    return [(_COVERAGE, float(share)) for share in shares]
