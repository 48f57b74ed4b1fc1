"""Answers for rows, and what is known of a model, as subjects: one for each target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from deltarule._arrays import Array, spread_out
from deltarule.report.material.baselines import baselines as fitted_baselines
from deltarule.report.material.importance import importance_of
from deltarule.report.material.known_rows import are_among
from deltarule.report.subject import Answers, Subject, Trained

MOST_TARGETS = 12
# Rows of the fit that are answered again.
_MOST_ANSWERED = 10_000
# What others answered for the same rows: (name, predictions, seconds) each.
Others = Sequence[tuple[str, Any, float]]


class Examples(NamedTuple):
    """Rows, and what they are held to.

    Attributes
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Numbers, as networks take them.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Codes of classes; or numbers, or 0 and 1 for each label.
    weights : ndarray of shape (n_samples,), or None
    """

    rows: Array
    y: Array
    weights: Array | None = None


class Targets(NamedTuple):
    """What is predicted.

    Attributes
    ----------
    kind : {"classes", "labels", "numbers"}
        One of several classes; whether each of some labels is there; numbers.
    names : tuple of str
        One for classes, else one for each column of y.
    classes : tuple of str
        By their codes.
    """

    kind: Literal["classes", "labels", "numbers"]
    names: tuple[str, ...]
    classes: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """How many each target has: two of a label, none of a number."""
        return {"classes": len(self.classes), "labels": 2, "numbers": 0}[self.kind]

    def of(self, place: int, outputs: Array) -> Array:
        """What is said of one target: probabilities of classes, or numbers."""
        if self.kind == "classes":
            return outputs
        own = outputs[:, place].astype(np.float64)
        return np.column_stack([1 - own, own]) if self.kind == "labels" else own


def expect_train(train: Any, where: str) -> tuple[Any, Any, Any]:
    """X, y and weights of ``train=(X, y)`` or ``(X, y, sample_weight)``."""
    if not isinstance(train, (tuple, list)) or len(train) not in (2, 3):
        raise ValueError(
            f"{where}: train is a {type(train).__name__}: expected (X, y) or (X, y, "
            "sample_weight), the rows of fit"
        )
    return train[0], train[1], train[2] if len(train) == 3 else None


def subjects_of(
    answer: Callable[[Array], Array],
    targets: Targets,
    here: Examples,
    train: Examples | None,
    baselines: bool | Others,
    where: str,
    *,
    spans: Mapping[str, tuple[int, int]],
    embedded: Mapping[int, int],
    seconds: float = float("nan"),
    seed: int = 0,
    held_out: Mapping[str, float] | None = None,
    coverage: Sequence[tuple[float, float]] | None = None,
    **told: Any,
) -> list[Subject]:
    """Have a model answer for rows, and compare: a subject for each target.

    Parameters
    ----------
    answer : callable
        Rows to probabilities of classes, or to a column for each target.
    targets : Targets
    here, train : Examples
        The rows of the report, and those of the fit if they are known.
    baselines : bool or sequence of (str, ndarray, float)
        Whether to fit some to the rows of the fit; or what others answered.
    where : str
    spans : mapping of str to (int, int)
        Where each column's numbers begin and end.
    embedded : mapping of int to int
        The columns of codes, and how many codes there are.
    seconds : float
        Of the fit.
    seed : int
    held_out : mapping of str to float, optional
        Scores of rows held out, of one target.
    coverage : sequence of (float, float), optional
        What intervals promise and hold, for each target.
    **told
        What else a subject has, which is the same for all targets.

    Raises
    ------
    TypeError, ValueError
        For too few rows, too many targets, and baselines that do not fit.
    """
    for what, given in (("X", here), ("train X", train)):
        if given is not None and len(given.rows) < 2:
            raise ValueError(f"{where}: {what} has {len(given.rows)} row: expected 2 or more")
    count = len(targets.names)
    if count > MOST_TARGETS:
        raise ValueError(
            f"{where}: the model predicts {count} targets: expected {MOST_TARGETS} or fewer, as "
            "each has sections of its own"
        )
    outputs = answer(here.rows)
    known = [] if isinstance(baselines, bool) else baselines
    theirs = [_as_answers(each, targets, outputs.shape, where) for each in known]
    found = []
    for place, name in enumerate(targets.names):
        of_one = partial(targets.of, place)
        own = _of_target(here, targets, place)
        own_train = None if train is None else _of_target(train, targets, place)
        answer_one = partial(_answer_one, answer, of_one)
        others = [each._replace(outputs=of_one(each.outputs)) for each in theirs]
        if baselines is True and own_train is not None:
            others = _fitted(own, own_train, embedded, targets, seed, where)
        found.append(
            Subject(
                target=name,
                place=place if count > 1 else None,
                classes=("no", "yes") if targets.kind == "labels" else targets.classes,
                rows=own.rows,
                spans=spans,
                y=own.y,
                weights=own.weights,
                model=Answers("this model", of_one(outputs), seconds),
                answer=answer_one,
                importance=importance_of(answer_one, own.rows, own.y, own.weights, spans),
                baselines=others,
                trained=None if own_train is None else _trained(answer_one, own, own_train),
                held_out=(held_out or {}) if count == 1 else {},
                coverage=None if coverage is None else coverage[place],
                **told,
            )
        )
    return found


def _answer_one(
    answer: Callable[[Array], Array], of_one: Callable[[Array], Array], rows: Array
) -> Array:
    return of_one(answer(rows))


def _of_target(given: Examples, targets: Targets, place: int) -> Examples:
    """The examples of one target: codes, or numbers."""
    if targets.kind == "classes":
        return given
    y = given.y[:, place]
    return given._replace(y=y.astype(np.int64 if targets.kind == "labels" else np.float64))


def _as_answers(
    given: tuple[str, Any, float], targets: Targets, shape: tuple[int, ...], where: str
) -> Answers:
    """What another model answered, in the model's own shape."""
    try:
        name, predictions, seconds = given
    except (TypeError, ValueError):
        raise TypeError(
            f"{where}: baselines has {given!r}: expected True, False, or (name, predictions, "
            "seconds) for each"
        ) from None
    found = np.asarray(predictions, np.float64)
    if found.ndim == 1 and shape[1:] == (1,):
        found = found[:, np.newaxis]
    if found.shape != shape:
        what = {"classes": "a probability of each class", "labels": "a probability of each label"}
        raise ValueError(
            f"{where}: the predictions of {name!r} have shape {found.shape}: expected {shape}, "
            f"{what.get(targets.kind, 'a number for each target')} in each row of X"
        )
    return Answers(str(name), found, float(seconds))


def _fitted(
    here: Examples,
    train: Examples,
    embedded: Mapping[int, int],
    targets: Targets,
    seed: int,
    where: str,
) -> list[Answers]:
    """What simple models, fitted to the same rows, answer."""
    try:
        fits = fitted_baselines(
            train.rows,
            train.y,
            here.rows,
            dict(embedded),
            n_classes=targets.n_classes,
            weights=train.weights,
            seed=seed,
        )
        return [Answers(*each) for each in fits]
    except ImportError as missing:
        raise ImportError(
            f"{where}: scikit-learn is not there: expected it for baselines (`pip install "
            "scikit-learn`), or baselines=False"
        ) from missing


def _trained(answer: Callable[[Array], Array], here: Examples, train: Examples) -> Trained:
    """The rows of the fit, some of them answered, and which rows of the report are among them."""
    some = spread_out(len(train.y), _MOST_ANSWERED)
    seen = are_among((here.rows, here.y), (train.rows, train.y))
    return Trained(train.y, some, answer(train.rows[some]), seen, train.weights)
