"""How the members' training went."""

from __future__ import annotations

import numpy as np

from deltarule.report.drawing.lines import Line, lines
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup
from deltarule.report.page.pieces import figure, keys, section


def training(facts: Facts) -> Markup:
    """Losses over the epochs, of each network that was trained."""
    drawn = [each for each in facts.members if len(each.losses)]
    if not drawn:
        return Markup("")
    used = [each for each in drawn if each.weight > 0]
    every = np.concatenate([np.asarray(each.losses) for each in drawn])
    every = every[np.isfinite(every)]
    least, most = float(every.min(initial=0.0)), float(np.quantile(every, 0.95))
    least = float(every.min())
    room = 0.05 * (most - least)
    # The members in use last, as they are to be seen.
    order = sorted(drawn, key=lambda each: each.weight > 0)
    chart = lines(
        "Learning curves",
        f"The loss on rows held out, by epoch, of {len(drawn)} networks, of which {len(used)} are "
        f"in use; the lowest is {least:.4g}.",
        [
            Line(range(1, len(each.losses) + 1), each.losses, "used" if each.weight else "unused")
            for each in order
        ],
        ("epoch", "loss, held out"),
        x_range=(1, max(2, max(len(each.losses) for each in drawn))),
        y_range=(least - room, most + room),
    )
    names = [("k1", f"in use: {len(used)}"), ("k0", f"not in use: {len(drawn) - len(used)}")]
    return section(
        "training",
        "Training",
        keys(names),
        figure(
            chart,
            "Each line is a network, of several folds their mean; it ends where nothing became "
            "better. Losses far above the others are at the upper edge.",
        ),
    )
