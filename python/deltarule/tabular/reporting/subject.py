"""A fitted model and some rows, as what a report is made of."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from deltarule._arrays import Array, spread_out
from deltarule.metrics import log_loss, root_mean_squared_error
from deltarule.report.subject import Answers, Importance, Member, Subject, Trained
from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.judging.baselines import baselines as fitted_baselines
from deltarule.tabular.models.door import checked_table, expect_width
from deltarule.tabular.models.explaining.importance import permutation_importance
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.reporting.columns import columns_of
from deltarule.tabular.targets import ClassEncoder, TargetScaler

_COVERAGE = 0.9
# Rows that columns are shuffled in, and columns that are; of more, those that a first try ranks.
_MOST_SHUFFLED, _MOST_TRIED, _MOST_COLUMNS = 2000, 200, 50
# Rows of the fit that are answered again.
_MOST_ANSWERED = 10_000


def subject_of(
    model: Any,
    X: Any,
    y: Any,
    train: tuple[Any, Any] | None,
    baselines: bool,
    command: str,
    where: str,
) -> Subject:
    """Have a model answer for rows, and gather what is known of its fit.

    Raises
    ------
    TypeError, ValueError
        For tables and targets that do not fit, and for several targets.
    """
    fitted: Fitted = model._fitted
    targets, encoder, record = fitted.targets, fitted.encoder, fitted.record
    if isinstance(targets, TargetScaler) and len(targets.mean) > 1:
        raise ValueError(
            f"{where}: the model predicts {len(targets.mean)} targets: expected one; fit a model "
            "to each, and report on it"
        )
    name = str(getattr(y, "name", None) or "the target")
    X, rows, values = _opened(model, X, y, where, "X")
    answer = partial(_answered, fitted)
    outputs = answer(rows)
    trained, others = None, list[Answers]()
    X_train = None
    if train is not None:
        if not isinstance(train, (tuple, list)) or len(train) != 2:
            raise ValueError(
                f"{where}: train is a {type(train).__name__}: expected (X, y), the rows of fit"
            )
        X_train, train_rows, train_y = _opened(model, *train, where, "train X")
        some = spread_out(len(train_y), _MOST_ANSWERED)
        seen = _seen(rows, values, train_rows, train_y)
        trained = Trained(train_y, some, answer(train_rows[some]), seen)
        if baselines:
            fits = fitted_baselines(
                train_rows,
                train_y,
                rows,
                encoder.embedded,
                n_classes=outputs.shape[1] if outputs.ndim == 2 else 0,
                seed=int(record["seed"]),
            )
            others = [Answers(*each) for each in fits]
    return Subject(
        kind=type(model).__name__,
        call=f"import deltarule as dr\n\nmodel = dr.{_call(model)}.fit(X, y)",
        command=command,
        target=name,
        classes=tuple(map(str, targets.classes.tolist()))
        if isinstance(targets, ClassEncoder)
        else (),
        rows=rows,
        spans=encoder.spans,
        y=values,
        model=Answers("this model", outputs, float(record["seconds"])),
        answer=answer,
        columns=columns_of(encoder, X, X_train, where),
        left_out=encoder.left_out,
        importance=_importance(fitted, rows, values),
        members=[_member(each) for each in record["members"]],
        held_out=record["scores"],
        rows_of_fit=int(record["rows"]),
        rows_held_out=int(record["held_out"]),
        split=str(record.get("split", model.split)),
        settings=_settings(model, fitted),
        baselines=others,
        trained=trained,
        coverage=_coverage(model, X, values),
    )


def _opened(model: Any, X: Any, y: Any, where: str, what: str) -> tuple[Any, Array, Array]:
    """A table as its columns are opened, its rows in numbers, and its targets."""
    fitted: Fitted = model._fitted
    X = checked_table(X, model)
    expect_width(X, model)
    rows, one = fitted.encoder.encoded(X, where, what)
    values = fitted.targets.transform(y)
    if one or len(rows) < 2:
        raise ValueError(f"{where}: {what} has {len(rows)} row: expected 2 or more")
    if len(values) != len(rows):
        raise ValueError(
            f"{where}: {what} has {len(rows)} rows, and its y {len(values)}: expected as many"
        )
    if isinstance(fitted.targets, TargetScaler):
        values = values.reshape(-1) * fitted.targets.deviation[0] + fitted.targets.mean[0]
    return X, rows, values


def _answered(fitted: Fitted, rows: Array) -> Array:
    """Probabilities, or numbers of one dimension."""
    found = fitted.answers(fitted.ensemble.predict(rows))
    return found if isinstance(fitted.targets, ClassEncoder) else found.reshape(-1)


def _importance(fitted: Fitted, rows: Array, y: Array) -> Importance:
    """What shuffling costs; of many columns, of those that matter most at a first try."""
    spans, encoder = fitted.encoder.spans, fitted.encoder
    names = list(spans)
    mean, deviation = np.full((2, len(names)), np.nan)
    tried = np.arange(len(names))
    if len(names) > _MOST_COLUMNS:
        first, _ = _shuffled(fitted, rows, y, names, encoder, _MOST_TRIED, 1)
        tried = np.sort(np.argsort(-first, kind="stable")[:_MOST_COLUMNS])
    some = [names[k] for k in tried]
    mean[tried], deviation[tried] = _shuffled(fitted, rows, y, some, encoder, _MOST_SHUFFLED, 3)
    classes = isinstance(fitted.targets, ClassEncoder)
    measure = "rise of the log loss" if classes else "rise of the RMSE"
    return Importance(measure, names, mean, deviation)


def _shuffled(
    fitted: Fitted,
    rows: Array,
    y: Array,
    names: list[str],
    encoder: TableEncoder,
    most: int,
    repeats: int,
) -> tuple[Array, Array]:
    some = spread_out(len(rows), most)
    loss = log_loss if isinstance(fitted.targets, ClassEncoder) else root_mean_squared_error
    spans = encoder.spans
    return permutation_importance(
        partial(_answered, fitted),
        lambda outputs: float(loss(y[some], outputs)),
        rows[some],
        {name: spans[name] for name in names},
        repeats=repeats,
    )


def _seen(rows: Array, y: Array, train: Array, train_y: Array) -> Array:
    """Which rows are, target included, among those of the fit."""
    return np.isin(_keys(rows, y), _keys(train, train_y))


def _keys(rows: Array, y: Array) -> Array:
    """Each row's bytes as one thing."""
    targets = np.ascontiguousarray(y, np.float64).view(np.float32).reshape(len(y), 2)
    together = np.ascontiguousarray(np.hstack([rows + np.float32(0), targets]))  # one zero for two
    return together.view(f"V{together.dtype.itemsize * together.shape[1]}")[:, 0]


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
    given = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in ("random_state", "verbose")
    }
    default = type(model)().get_params(deep=False)
    told = [
        f"{name}={value!r}"
        if name != "encoder"
        else f"encoder=dr.TableEncoder({_arguments(value)})"
        for name, value in given.items()
        if value is not default[name] and value != default[name]
    ]
    told.append(f"random_state={model.random_state!r}")
    return f"{type(model).__name__}({', '.join(told)})"


def _arguments(encoder: TableEncoder) -> str:
    default = TableEncoder().get_params()
    return ", ".join(
        f"{name}={value!r}"
        for name, value in encoder.get_params().items()
        if value != default[name]
    )


def _coverage(model: Any, X: Any, y: Array) -> tuple[float, float] | None:
    """What intervals promise, and what they hold; None where there are none."""
    if not hasattr(model, "predict_interval"):
        return None
    try:
        lower, upper = model.predict_interval(X, coverage=_COVERAGE)
    except ValueError:  # more than the rows held out can tell
        return None
    lower, upper = lower.reshape(-1), upper.reshape(-1)
    return _COVERAGE, float(((lower <= y) & (y <= upper)).mean())
