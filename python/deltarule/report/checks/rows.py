"""Checks of rows: too few of them, known ones, and such as belong together."""

from __future__ import annotations

import numpy as np

from deltarule.report.checks.finding import Finding, named, short
from deltarule.report.facts.gathered import Facts

_FEWEST, _FEWEST_OF_CLASS = 100, 10
_SEEN = 0.02
_ROWS_A_GROUP = 1.5


def few(facts: Facts) -> Finding:
    """Too few rows to tell much by."""
    code, title = "R1", "Enough rows"
    if facts.rows >= _FEWEST:
        return Finding(code, title, "ok", f"The report is on {facts.rows:,} rows.")
    return Finding(
        code,
        title,
        "look",
        f"The report is on {facts.rows:,} rows: fewer than {_FEWEST}.",
        "Go by the intervals beside the scores, which are wide; report on more rows.",
    )


def few_of_class(facts: Facts) -> Finding:
    """Classes of which too few rows are known."""
    code, title = "R2", "Enough rows of each class"
    if not facts.classes:
        return Finding(code, title, "not checked", "Numbers are predicted, not classes.")
    test, train = np.asarray(facts.target.test), facts.target.train
    rare = test < _FEWEST_OF_CLASS
    if train is not None:
        rare = rare | (np.asarray(train) < _FEWEST_OF_CLASS)
    if not rare.any():
        return Finding(code, title, "ok", f"Each class has {_FEWEST_OF_CLASS} rows or more.")
    names = [f"{short(facts.classes[k])} ({test[k]:,})" for k in np.flatnonzero(rare)]
    return Finding(
        code,
        title,
        "look",
        f"Fewer than {_FEWEST_OF_CLASS} rows in the fit or in the report: {named(names)}.",
        "What is said of these classes is hardly more than chance: collect more rows, or put "
        "classes together.",
    )


def seen(facts: Facts) -> Finding:
    """Rows that the model was fitted to."""
    code, title = "R3", "Rows of the fit in the report"
    if facts.seen is None:
        return Finding(code, title, "not checked", "The rows of the fit were not given.")
    share = facts.seen / facts.rows
    if share <= _SEEN:
        return Finding(code, title, "ok", f"{facts.seen:,} rows are the same as one of the fit.")
    return Finding(
        code,
        title,
        "look",
        f"{facts.seen:,} rows ({share:.1%}) are the same as one of the fit, target included.",
        "Scores on them are too good. It is natural where columns have few values; else take them "
        "out.",
    )


def groups(facts: Facts) -> Finding:
    """Rows that belong together, held out one by one."""
    code, title = "R4", "Groups of rows"
    found = [
        each.name
        for each in facts.columns
        if each.identifier and each.test.rows > _ROWS_A_GROUP * max(1, each.differing)
    ]
    if facts.split == "groups":
        return Finding(code, title, "ok", "Rows were held out by groups.")
    if not found:
        return Finding(code, title, "ok", "No column looks like the identifier of a group of rows.")
    how = "Rows were held out one by one" if facts.split else "How rows were held out is not known"
    return Finding(
        code,
        title,
        "look",
        f"{how}, and several share what seems to be the identifier of a group: {named(found)}.",
        "If rows of one group are alike, scores on held-out rows are too good: fit(..., "
        "groups=column), and report on other groups.",
    )


def time(facts: Facts) -> Finding:
    """Rows of a time, of which the future was held out at random."""
    code, title = "R5", "The order of time"
    dates = [each.name for each in facts.columns if each.dates]
    if facts.split == "time":
        return Finding(code, title, "ok", "The last rows were held out.")
    if not dates:
        return Finding(code, title, "ok", "There are no dates among the columns.")
    if facts.split == "given":
        return Finding(code, title, "ok", "There are dates; the rows held out were given.")
    how = "rows were held out at random" if facts.split else "how rows were held out is not known"
    return Finding(
        code,
        title,
        "look",
        f"There are dates ({named(dates)}), and {how}.",
        'If the future is to be predicted, sort the rows by time, fit with split="time", and '
        "report on rows that come after those of the fit.",
    )
