"""Lines over two axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.drawing.axes import Axis, across, drawing, frame, up
from deltarule.report.markup import Markup, joined, tag


class Line(NamedTuple):
    """Points in their order; ``style`` is one of the page's classes."""

    x: Sequence[float] | Array
    y: Sequence[float] | Array
    style: str = "s1"
    dots: bool = False


def lines(
    title: str,
    description: str,
    drawn: Sequence[Line],
    labels: tuple[str, str],
    *,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    dates: bool = False,
    whole: bool = False,
) -> Markup:
    """Draw lines; what is beyond a range is at its edge."""
    x = across(*(x_range or _range([line.x for line in drawn], 0.0)))
    y = up(*(y_range or _range([line.y for line in drawn], 0.08)))
    parts = [_line(line, x, y) for line in drawn]
    return drawing(title, description, frame(x, y, *labels, dates=dates, whole=whole), *parts)


def _range(values: Sequence[Sequence[float] | Array], room: float) -> tuple[float, float]:
    every = np.concatenate([np.asarray(each, np.float64) for each in values])
    every = every[np.isfinite(every)]
    if not len(every):
        return 0.0, 1.0
    least, most = float(every.min()), float(every.max())
    return least - room * (most - least), most + room * (most - least)


def _line(line: Line, x: Axis, y: Axis) -> Markup:
    points = [
        (x.at(one), y.at(other))
        for one, other in zip(line.x, line.y, strict=True)
        if np.isfinite(one) and np.isfinite(other)
    ]
    told = " ".join(f"{one:g},{other:g}" for one, other in points)
    parts = [tag("polyline", points=told, class_=f"line {line.style}")]
    if line.dots:
        parts += [
            tag("circle", cx=f"{one:g}", cy=f"{other:g}", r=3, class_=f"dot {line.style}")
            for one, other in points
        ]
    return joined(*parts)
