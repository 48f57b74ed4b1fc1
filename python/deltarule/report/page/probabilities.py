"""What probabilities are worth, and at which one to draw the line."""

from __future__ import annotations

from deltarule.report.checks.finding import short
from deltarule.report.drawing.axes import number
from deltarule.report.drawing.lines import Line, lines
from deltarule.report.facts.curves import Calibration
from deltarule.report.facts.gathered import Facts, TwoClasses
from deltarule.report.markup import Markup, tag
from deltarule.report.page.pieces import Right, figure, section, table

_ALL = (0.0, 1.0)


def probabilities(facts: Facts) -> Markup:
    """Curves, calibration and thresholds; nothing where numbers are predicted."""
    if facts.calibration is None:
        return Markup("")
    second = short(facts.classes[1]) if len(facts.classes) == 2 else ""
    drawn = [_calibration(facts.calibration, second)]
    below: list[Markup] = []
    if facts.two is not None:
        drawn = [*_curves(facts, facts.two), *drawn]
        below = _thresholds(facts.two, second)
    charts = tag("div", *drawn, class_="charts")
    return section("probabilities", "Probabilities", charts, *below, of=facts)


def _curves(facts: Facts, two: TwoClasses) -> list[Markup]:
    area, precision = facts.model.scores["roc_auc"].value, two.average_precision
    return [
        figure(
            lines(
                "ROC curve",
                f"The area below it is {area:.3f}; that of guessing is .5.",
                [Line(_ALL, _ALL, "s0"), Line(*two.roc)],
                ("false alarms, share", "found, share"),
                x_range=_ALL,
                y_range=_ALL,
            ),
            f"ROC: the area is {area:.3f}. Dashed: guessing.",
        ),
        figure(
            lines(
                "Precision over recall",
                f"The average precision is {precision:.3f}; that of guessing is {two.share:.3f}.",
                [Line(_ALL, (two.share, two.share), "s0"), Line(*two.precision_recall)],
                ("found (recall)", "right (precision)"),
                x_range=_ALL,
                y_range=_ALL,
            ),
            f"Precision over recall: the average is {precision:.3f}. Dashed: guessing.",
        ),
    ]


def _calibration(found: Calibration, second: str) -> Markup:
    what = f"“{second}”" if second else "the class that is called"
    return figure(
        lines(
            "Calibration",
            f"How often {what} came true, over the probability that was said; "
            f"they differ by {found.error:.3f} on average.",
            [Line(_ALL, _ALL, "s0"), Line(found.said, found.came, "s1", dots=True)],
            ("probability said", "came true, share"),
            x_range=_ALL,
            y_range=_ALL,
        ),
        f"Calibration of {what}, in bins of as many rows: off by {found.error:.3f} on average. "
        "Dashed: as said.",
    )


def _thresholds(two: TwoClasses, second: str) -> list[Markup]:
    rows = [
        (f"{each.threshold:.1f}", each.precision, each.recall, each.false_alarms, each.missed)
        for each in two.thresholds
    ]
    costs = [
        (
            f"{each.missed_costs:g}",
            Right("call none" if each.threshold >= 1 else f"{each.threshold:.3f}"),
            Right(number(each.cost)),
            Right(number(each.at_half)),
        )
        for each in two.cheapest
    ]
    return [
        tag("h3", "Thresholds"),
        table(
            f"Where rows of such a probability or more are called “{second}”",
            ("from", "precision", "recall", "false alarms", "missed"),
            rows,
        ),
        tag("h3", "Thresholds by cost"),
        tag(
            "p",
            f"If a “{second}” that is missed costs so many times what a false alarm costs, this "
            "threshold was the cheapest here. Costs are per row, in false alarms.",
        ),
        table(
            "The cheapest thresholds",
            ("a missed one costs", "threshold", "cost", "cost at .5"),
            costs,
        ),
    ]
