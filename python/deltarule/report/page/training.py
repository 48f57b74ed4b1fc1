"""The networks, and how their training went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deltarule.report.drawing.lines import Line, lines
from deltarule.report.facts.curves import Curve
from deltarule.report.facts.gathered import Facts, Learned
from deltarule.report.markup import Markup
from deltarule.report.page.pieces import Right, figure, keys, section, table


def training(facts: Facts) -> Markup:
    """Losses over the epochs, of each network that was trained; and what the networks are."""
    parts = [*_curves(facts.members), *_architecture(facts)]
    return section("training", "The networks, and their training", *parts) if parts else Markup("")


def _curves(members: Sequence[Learned]) -> list[Markup]:
    if len(members) == 1:
        return _of_one(members[0])
    held_out = any(len(each.losses.x) for each in members)
    where = "held out" if held_out else "of the fit"
    drawn = [(each.losses if held_out else each.of_fit, each.weight) for each in members]
    # The members in use last, as they are to be seen.
    drawn = sorted((each for each in drawn if len(each[0].x)), key=lambda each: each[1] > 0)
    if not drawn:
        return []
    used = sum(weight > 0 for _, weight in drawn)
    chart, least = _chart(
        "Learning curves",
        f"The loss on rows {where}, by epoch, of {len(drawn)} networks, of which {used} are in use",
        [(curve, "used" if weight else "unused") for curve, weight in drawn],
        f"loss, {where}",
    )
    told = "Each line is a network, of several folds their mean. " if held_out else ""
    names = [("k1", f"in use: {used}"), ("k0", f"not in use: {len(drawn) - used}")]
    return [
        keys(names if used < len(drawn) else names[:1]),
        figure(
            chart,
            f"{told}The lowest loss is {least:.4g}. Those far above the others are at the upper "
            "edge.",
        ),
    ]


def _of_one(member: Learned) -> list[Markup]:
    """A network's losses on the rows of its fit, and on those held out."""
    curves = [
        (key, name, curve)
        for key, name, curve in (
            ("1", "rows of the fit", member.of_fit),
            ("2", "rows held out", member.losses),
        )
        if len(curve.x) and np.isfinite(curve.y).any()
    ]
    if not curves:
        return []
    told = "; ".join(
        f"on {name} {curve.y[-1]:.4g} at the end, {np.nanmin(curve.y):.4g} at its least"
        for _, name, curve in curves
    )
    drawn = [(curve, f"s{key}") for key, _, curve in curves]
    chart, _ = _chart("Learning curve", f"The loss by epoch: {told}", drawn, "loss")
    return [
        keys((f"k{key}", name) for key, name, _ in curves),
        figure(chart, f"The loss by epoch: {told}."),
    ]


def _chart(
    title: str, description: str, drawn: Sequence[tuple[Curve, str]], label: str
) -> tuple[Markup, float]:
    """Losses over the epochs, the highest at the edge; and the least of them."""
    every = np.concatenate([curve.y for curve, _ in drawn])
    every = every[np.isfinite(every)]
    if not len(every):
        every = np.zeros(1)
    least, most = float(every.min()), float(np.quantile(every, 0.95))
    room = 0.05 * (most - least)
    chart = lines(
        title,
        f"{description}; the lowest is {least:.4g}.",
        [Line(*curve, style) for curve, style in drawn],
        ("epoch", label),
        x_range=(1, max(2.0, *(float(curve.x[-1]) for curve, _ in drawn))),
        y_range=(least - room, most + room),
        whole=True,
    )
    return chart, least


def _architecture(facts: Facts) -> list[Markup]:
    columns = facts.architecture
    if not columns:
        return []
    rows = [
        [cells[0], *(Right(cell) if _is_count(cell) else cell for cell in cells[1:])]
        for cells in zip(*columns.values(), strict=True)
    ]
    return [table("What the model is made of", list(columns), rows)]


def _is_count(cell: object) -> bool:
    """Whether it is a number in words."""
    return isinstance(cell, str) and cell.replace(",", "").isdigit()
