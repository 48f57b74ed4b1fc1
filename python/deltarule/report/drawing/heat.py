"""Counts over two axes, the darker the more."""

from __future__ import annotations

import numpy as np

from deltarule.report.drawing.axes import across, drawing, frame, up
from deltarule.report.facts.residuals import Residuals
from deltarule.report.markup import Markup, tag


def residual_map(title: str, description: str, found: Residuals, labels: tuple[str, str]) -> Markup:
    """Residuals over predictions; a line where there is no error."""
    x, y = across(*found.predictions), up(*found.residuals)
    rows, columns = found.counts.shape
    width, height = (x.last - x.first) / columns, (y.first - y.last) / rows
    most = float(found.counts.max(initial=1))
    parts = [frame(x, y, *labels)]
    for row, column in np.argwhere(found.counts).tolist():
        # The root, as a few rows are to be seen beside many.
        share = float(np.sqrt(found.counts[row, column] / most))
        parts.append(
            tag(
                "rect",
                x=f"{x.first + column * width:.1f}",
                y=f"{y.first - (row + 1) * height:.1f}",
                width=f"{width:.1f}",
                height=f"{height:.1f}",
                class_="cell",
                fill_opacity=f"{0.12 + 0.88 * share:.2f}",
            )
        )
    if found.residuals[0] < 0 < found.residuals[1]:
        at = y.at(0)
        parts.append(tag("line", x1=x.first, x2=x.last, y1=at, y2=at, class_="line s0"))
    return drawing(title, description, *parts)
