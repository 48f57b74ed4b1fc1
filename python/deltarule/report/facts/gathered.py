"""All numbers of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.facts import curves
from deltarule.report.facts.bins import Bins, binned, inner_range
from deltarule.report.facts.columns import ColumnFacts, column_facts, stability_index
from deltarule.report.facts.confusion import Confusion, confusion
from deltarule.report.facts.correlations import Correlated, correlated
from deltarule.report.facts.effects import Effect, effects
from deltarule.report.facts.estimates import Estimate, of_mean
from deltarule.report.facts.mistakes import Mistake, mistakes
from deltarule.report.facts.residuals import Residuals, residuals
from deltarule.report.facts.scores import row_losses, scores
from deltarule.report.subject import Importance, Subject, Trained

_MOST_POINTS = 60  # of a learning curve


class Scored(NamedTuple):
    """What answered, what it came to, and what it took.

    Attributes
    ----------
    name : str
    scores : dict of str to Estimate
    seconds : float
    behind : Estimate or None
        How much larger its loss is than the model's, row by row.
    """

    name: str
    scores: dict[str, Estimate]
    seconds: float
    behind: Estimate | None


class Learned(NamedTuple):
    """A network: its losses on rows held out and on those of the fit, and what it weighs."""

    losses: curves.Curve
    of_fit: curves.Curve
    weight: float


class TwoClasses(NamedTuple):
    """What there is of two classes alone."""

    roc: curves.Curve
    precision_recall: curves.Curve
    average_precision: float
    share: float
    thresholds: list[curves.Threshold]
    cheapest: list[curves.Cheapest]


class Target(NamedTuple):
    """The target, in counts.

    Attributes
    ----------
    test, train : Bins, or ndarray of int of shape (n_classes,); train may be None
    drift, noise : float
        The stability index between the two, and its mean by chance.
    """

    test: Bins | Array
    train: Bins | Array | None
    drift: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Numbers, and words on the training, of which a page is made; no row's values but targets."""

    kind: str
    call: str
    command: str
    target_name: str
    place: int | None
    classes: tuple[str, ...]
    rows: int
    weighted: bool
    rows_of_fit: int | None
    rows_held_out: int | None
    split: str
    settings: Mapping[str, str]
    held_out: Mapping[str, float]
    target: Target
    columns: Sequence[ColumnFacts]
    left_out: Mapping[str, str]
    correlated: Sequence[Correlated]
    model: Scored
    baselines: Sequence[Scored]
    of_fit: dict[str, Estimate] | None
    seen: int | None
    members: Sequence[Learned]
    architecture: Mapping[str, Sequence[object]]
    confusion: Confusion | None
    calibration: curves.Calibration | None
    two: TwoClasses | None
    residuals: Residuals | None
    coverage: tuple[float, float] | None
    importance: Importance
    effects: Sequence[Effect]
    mistakes: Sequence[Mistake]


def gathered(subject: Subject) -> Facts:
    """Make the numbers of a report."""
    y, outputs, trained = subject.y, subject.model.outputs, subject.trained
    given = subject.weights
    w = np.ones(len(y)) if given is None else np.asarray(given, np.float64)
    losses = row_losses(y, outputs)
    classes = len(subject.classes)
    told = outputs.argmax(axis=1) if classes else outputs
    return Facts(
        kind=subject.kind,
        call=subject.call,
        command=subject.command,
        target_name=subject.target,
        place=subject.place,
        classes=subject.classes,
        rows=len(y),
        weighted=given is not None,
        rows_of_fit=subject.rows_of_fit,
        rows_held_out=subject.rows_held_out,
        split=subject.split,
        settings=subject.settings,
        held_out=subject.held_out,
        target=_target(subject),
        columns=[column_facts(column) for column in subject.columns],
        left_out=subject.left_out,
        correlated=correlated(subject.columns),
        model=Scored(subject.model.name, scores(y, outputs, w), subject.model.seconds, None),
        baselines=[
            Scored(
                each.name,
                scores(y, each.outputs, w),
                each.seconds,
                of_mean(row_losses(y, each.outputs) - losses, w),
            )
            for each in subject.baselines
        ],
        of_fit=None if trained is None else _of_fit(trained),
        seen=None if trained is None else int(trained.seen.sum()),
        members=[
            Learned(_thinned(each.losses), _thinned(each.of_fit), each.weight)
            for each in subject.members
        ],
        architecture=subject.architecture,
        confusion=confusion(y, told, classes, w) if classes else None,
        calibration=_calibration(y, outputs, w) if classes else None,
        two=_two(y, outputs[:, 1], w) if classes == 2 else None,
        residuals=None if classes else residuals(y, outputs),
        coverage=subject.coverage,
        importance=subject.importance,
        effects=effects(subject),
        mistakes=mistakes(subject),
    )


def _of_fit(trained: Trained) -> dict[str, Estimate]:
    some = trained.places
    weights = None if trained.weights is None else trained.weights[some]
    return scores(trained.y[some], trained.outputs, weights)


def _target(subject: Subject) -> Target:
    y, y_of_fit = subject.y, None if subject.trained is None else subject.trained.y
    if subject.classes:
        count = len(subject.classes)
        test = np.bincount(y, minlength=count)
        if y_of_fit is None:
            return Target(test, None, 0.0, 0.0)
        train = np.bincount(y_of_fit, minlength=count)
        return Target(test, train, *stability_index(train, test))
    if y_of_fit is None:
        return Target(binned(y, inner_range(y)), None, 0.0, 0.0)
    ends = inner_range(np.concatenate([y_of_fit, y]))
    one, other = binned(y_of_fit, ends), binned(y, ends)
    return Target(other, one, *stability_index(one.counts, other.counts))


def _calibration(y: Array, P: Array, w: Array) -> curves.Calibration:
    """Of the second of two classes; of more, of the class that each row is called."""
    if P.shape[1] == 2:
        return curves.calibration(y, P[:, 1], w)
    return curves.calibration(P.argmax(axis=1) == y, P.max(axis=1), w)


def _two(y: Array, p: Array, w: Array) -> TwoClasses | None:
    if len(np.unique(y[w > 0])) < 2:
        return None
    return TwoClasses(
        curves.roc(y, p, w),
        curves.precision_recall(y, p, w),
        curves.average_precision(y, p, w),
        float(np.average(y, weights=w)),
        curves.thresholds(y, p, w),
        curves.cheapest(y, p, w),
    )


def _thinned(losses: Sequence[float]) -> curves.Curve:
    """Losses over the epochs: as they are, or the mean of each of some runs of them."""
    values = np.asarray(losses, np.float64)
    epochs = np.arange(1.0, len(values) + 1)
    if len(values) <= _MOST_POINTS:
        return curves.Curve(epochs, values)
    return curves.Curve(
        *(
            np.array([part.mean() for part in np.array_split(each, _MOST_POINTS)])
            for each in (epochs, values)
        )
    )
