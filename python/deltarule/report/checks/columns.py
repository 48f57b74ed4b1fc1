"""Checks of columns: those that tell too much, nothing, the same, or something else by now."""

from __future__ import annotations

import numpy as np

from deltarule.report.checks.finding import Finding, named
from deltarule.report.facts.gathered import Facts

_GOLDEN = 0.8  # of what all columns are worth
_DRIFT = 0.2  # where the stability index is commonly called large
_TIMES_NOISE = 4.0
_MISSING = 0.5


def leaking(facts: Facts) -> Finding:
    """Columns that alone predict the target nearly without error."""
    code, title = "C1", "Leaking columns"
    found = [each for each in facts.columns if each.leak]
    if not found:
        return Finding(code, title, "ok", "No column alone gives the target away.")
    return Finding(
        code,
        title,
        "look",
        named([f"{each.name}: {each.leak}" for each in found]) + ".",
        "Ask whether the column is known when predictions are made. If it is filled in afterwards, "
        'leave it out; of tables, by TableEncoder(kinds={"column": "drop"}).',
    )


def golden(facts: Facts) -> Finding:
    """One column that is worth more than all others together, by far."""
    code, title = "C2", "Golden column"
    worth = np.maximum(np.nan_to_num(facts.importance.mean), 0)
    if len(worth) < 3 or worth.sum() <= 0:
        return Finding(code, title, "not checked", "There are fewer than three columns that count.")
    best = int(worth.argmax())
    share = worth[best] / worth.sum()
    if share < _GOLDEN:
        return Finding(code, title, "ok", "No column outweighs all others.")
    return Finding(
        code,
        title,
        "look",
        f"{named([facts.importance.columns[best]])} has {share:.0%} of the importance of all "
        "columns.",
        "Such a column is often made of the target, or known only afterwards. If it is right, a "
        "far simpler model may do.",
    )


def constant(facts: Facts) -> Finding:
    """Columns that do not vary."""
    code, title = "C3", "Constant columns"
    left = [name for name, why in facts.left_out.items() if "same in every row" in why]
    here = [each.name for each in facts.columns if each.differing < 2 and not each.test.missing]
    if not left and not here:
        return Finding(code, title, "ok", "Every column that is used varies.")
    words = f"{named(left)} never vary and are left out. " * bool(left)
    words += f"{named(here)} never vary in the rows of this report." * bool(here)
    return Finding(
        code,
        title,
        "look",
        words.strip(),
        "Look whether the columns were read as they should be, and whether the rows were drawn "
        "from all of the data.",
    )


def correlated(facts: Facts) -> Finding:
    """Columns that tell the same."""
    code, title = "C4", "Correlated columns"
    copies = [each.name for each in facts.columns if each.copied]
    if not facts.correlated and not copies:
        return Finding(code, title, "ok", "No two columns of numbers tell nearly the same.")
    pairs = [f"{each.one} and {each.other} ({each.correlation:+.2f})" for each in facts.correlated]
    words = f"Ranks are correlated by .95 or more: {named(pairs)}. " * bool(pairs)
    words += f"{named(copies)} are copies of other columns." * bool(copies)
    return Finding(
        code,
        title,
        "look",
        words.strip(),
        "Predictions bear it; importances do not: two such columns share what they are worth, and "
        "each may seem to be of no use.",
    )


def drifting(facts: Facts) -> Finding:
    """Columns, or the target, that are distributed otherwise than in the fit."""
    code, title = "C5", "Drift between fit and report"
    if facts.target.train is None:
        return Finding(code, title, "not checked", "The rows of the fit were not given.")
    moved = sorted(
        (
            (each.drift, each.name)
            for each in facts.columns
            if each.drift is not None and _is_large(each.drift, each.noise)
        ),
        reverse=True,
    )
    of_target = _is_large(facts.target.drift, facts.target.noise)
    if not moved and not of_target:
        return Finding(code, title, "ok", "No column is distributed otherwise than in the fit.")
    words = (
        "Distributed otherwise than in the fit (stability index above .2): "
        + named([*["the target"] * of_target, *(f"{name} ({psi:.2f})" for psi, name in moved)])
        + "."
    )
    return Finding(
        code,
        title,
        "look",
        words,
        "Scores on one kind of rows say little of another. Find out why; fit on rows like those "
        "that predictions are wanted for.",
    )


def _is_large(drift: float, noise: float) -> bool:
    return drift > max(_DRIFT, _TIMES_NOISE * noise)


def missing(facts: Facts) -> Finding:
    """Columns of which little is there."""
    code, title = "C6", "Missing values"
    found = [each.name for each in facts.columns if each.test.missing > _MISSING * each.test.rows]
    if not found:
        return Finding(code, title, "ok", "No column is missing in more than half of the rows.")
    return Finding(
        code,
        title,
        "look",
        f"Missing in more than half of the rows: {named(found)}.",
        "Ask why. That a value is missing may itself tell the target, and may end to do so.",
    )
