"""An estimator and some rows, as what a report is made of."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from deltarule._data.door import as_weights
from deltarule._reporting.networks import answered
from deltarule.losses import Loss
from deltarule.report.material.call import call_of
from deltarule.report.material.columns import columns_of
from deltarule.report.material.subjects import (
    Examples,
    Others,
    Targets,
    expect_train,
    subjects_of,
)
from deltarule.report.subject import Member, Subject

# What changes nothing of the weights.
_WITHOUT = ("verbose", "progress", "callbacks", "num_threads", "n_jobs")


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
    """Have an estimator answer for rows, and gather what is known of its fit.

    Raises
    ------
    TypeError, ValueError
        For data that does not fit, and for several quantiles of a target.
    """
    each = model.loss.outputs_a_target() if isinstance(model.loss, Loss) else 1
    if each > 1:
        raise ValueError(
            f"{where}: the model predicts {each} quantiles of a target: expected one number, as "
            "a report holds predictions to targets"
        )
    here, before = _examples(model, X, y, sample_weight, where), None
    targets = _targets(model, y, here)
    if train is not None:
        before = _examples(model, *expect_train(train, where), where)
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = [f"x{place}" for place in range(model.n_features_in_)]
    return subjects_of(
        partial(answered, model.network_.predict, targets.kind),
        targets,
        here,
        before,
        baselines,
        where,
        spans={name: (at, at + 1) for at, name in enumerate(names)},
        embedded={},
        held_out=_held_out(model),
        kind=type(model).__name__,
        call=f"import deltarule as dr\n\nmodel = {call_of(model, _WITHOUT)}.fit(X, y)",
        command=command,
        columns=columns_of(list(names), {}, here, before, targets),
        members=[
            Member(
                getattr(model, "validation_loss_curve_", None) or [],
                1.0,
                getattr(model, "loss_curve_", None) or [],
            )
        ],
        architecture=model.network_._columns(),
        rows_of_fit=None if before is None else len(before.rows),
        split="",
        settings=_settings(model),
    )


def _examples(model: Any, X: Any, y: Any, sample_weight: Any, where: str) -> Examples:
    """Rows and targets that have passed scikit-learn's checks."""
    X, y = model._validate_held_out(X, y)
    rows = np.array(X.toarray() if hasattr(X, "toarray") else X, model.network_.dtype)
    weights = None if sample_weight is None else as_weights(sample_weight, len(rows), where)
    if not hasattr(model, "classes_"):
        Y = np.asarray(y, np.float64).reshape(len(rows), -1)
        if Y.shape[1] != model.n_outputs_:
            raise ValueError(
                f"{where}: y has {Y.shape[1]} targets: expected {model.n_outputs_}, as in fit"
            )
        return Examples(rows, Y, weights)
    if y.ndim == 2:
        return Examples(rows, y, weights)
    return Examples(rows, np.searchsorted(model.classes_, y), weights)


def _targets(model: Any, y: Any, here: Examples) -> Targets:
    """What is predicted, by the names that y has for it."""
    count = here.y.shape[1] if here.y.ndim == 2 else 1
    names = tuple(map(str, y.columns)) if hasattr(y, "columns") else ()
    if len(names) != count:
        name = str(getattr(y, "name", None) or "the target")
        names = (name,) if count == 1 else tuple(f"y{place}" for place in range(count))
    if not hasattr(model, "classes_"):
        return Targets("numbers", names)
    if here.y.ndim == 2:
        return Targets("labels", names)
    return Targets("classes", names, tuple(map(str, model.classes_.tolist())))


def _held_out(model: Any) -> dict[str, float]:
    """The score on rows held out, if it is one that the report has."""
    score = getattr(model, "best_validation_score_", None)
    if score is None or model.scoring is not None:
        return {}
    return {"accuracy" if hasattr(model, "classes_") else "r2": float(score)}


def _settings(model: Any) -> dict[str, str]:
    seed = model.random_state
    return {
        "made of": repr(model.network_),
        "trained by": f"{model.solver}, {model.n_iter_:,} "
        + ("iterations" if model.solver == "lbfgs" else "epochs"),
        "stopped early": "by rows held out" if model.early_stopping else "",
        "seed": "" if seed is None else str(seed),
    }
