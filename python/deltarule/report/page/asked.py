"""What was asked and done, and with what; how to do it again."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

import numpy as np

from deltarule._version import __version__
from deltarule.report.checks.finding import short
from deltarule.report.drawing.axes import number
from deltarule.report.drawing.bars import small_histogram
from deltarule.report.facts.bins import Bins
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup, joined, tag
from deltarule.report.page.pieces import facts as told
from deltarule.report.page.pieces import seconds, section

_MOST_CLASSES = 8
_SPLITS = {
    "random": "drawn from the rows of the fit",
    "groups": "drawn from the rows of the fit, group by group",
    "time": "the last rows of the fit",
    "given": "given beside the rows of the fit",
}


def asked(facts: Facts, others: Sequence[Facts] = ()) -> Markup:
    """What was to be predicted, of what, and how it was trained; others are of other targets."""
    pairs: list[tuple[str, object]] = [
        *(("predicted", _target(each)) for each in (facts, *others)),
        ("model", facts.kind),
        ("fitted to", _fit(facts)),
        ("held out", _held_out(facts)),
        ("this report", f"on {facts.rows:,} rows"),
        ("weights", _weights(facts)),
        *facts.settings.items(),
    ]
    return section("asked", "What was asked and done", told(pair for pair in pairs if pair[1]))


def _fit(facts: Facts) -> str:
    if facts.rows_of_fit is None:
        return ""
    took = seconds(facts.model.seconds)
    return f"{facts.rows_of_fit:,} rows" + (f" in {took}" if took else "")


def _held_out(facts: Facts) -> str:
    if facts.rows_held_out is None:
        return ""
    return f"{facts.rows_held_out:,} rows" + (f", {_SPLITS[facts.split]}" if facts.split else "")


def _weights(facts: Facts) -> str:
    """What goes by the rows' weights, and what does not."""
    if not facts.weighted:
        return ""
    return (
        "scores, shares, curves and importances go by what rows weigh; where rows are counted, "
        "each is one"
    )


def _target(facts: Facts) -> Markup:
    here = facts.target.test
    name = short(facts.target_name)
    if isinstance(here, Bins):
        before = facts.target.train
        ends = f"{number(here.least)} to {number(here.most)}"
        drawn = small_histogram(
            f"The target {name}",
            f"A histogram from {ends}.",
            here.counts,
            before.counts if isinstance(before, Bins) else None,
        )
        return joined(f"{name}, a number; most of it from {ends}", drawn)
    shares = np.asarray(here) / max(1, np.sum(here))
    order = np.argsort(-shares, kind="stable")[:_MOST_CLASSES]
    some = ", ".join(f"{short(facts.classes[k])} ({shares[k]:.1%})" for k in order)
    more = len(shares) - len(order)
    rest = f" and {more:,} more" if more > 0 else ""
    return joined(f"{name}, one of {len(shares):,} classes: {some}{rest}")


def again(facts: Facts) -> Markup:
    """The environment, and the call or the command to repeat it."""
    parts = [
        told(
            [
                ("deltarule", __version__),
                ("Python", platform.python_version()),
                ("NumPy", np.__version__),
                (
                    "system",
                    f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
                ),
            ]
        )
    ]
    if facts.command:
        parts += [tag("h3", "The command"), tag("pre", facts.command, tabindex="0")]
    parts += [tag("h3", "The call"), tag("pre", facts.call, tabindex="0")]
    return section("again", "With what, and how to do it again", *parts)
