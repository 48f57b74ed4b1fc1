"""Small histograms and bars, which stand in tables and beside text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deltarule._arrays import Array
from deltarule.report.drawing.axes import (
    WIDTH,
    Axis,
    across,
    drawing,
    fitting,
    frame,
    ticks,
    told,
    up,
)
from deltarule.report.facts.bins import Bins
from deltarule.report.markup import Markup, joined, tag

_SMALL_WIDTH, _SMALL_HEIGHT = 168, 44
_MOST_CHARACTERS = 26  # of a name beside a line


def small_histogram(
    title: str, description: str, counts: Array, before: Array | None = None
) -> Markup:
    """Shares of counts as bars; those of others, in the same bins, as an outline."""
    every = [_shares(each) for each in (counts, before) if each is not None]
    most = max(float(each.max(initial=0)) for each in every) or 1.0
    step, room = _SMALL_WIDTH / len(counts), _SMALL_HEIGHT - 2
    parts = [
        tag(
            "rect",
            x=f"{k * step + 0.5:.1f}",
            y=f"{_SMALL_HEIGHT - room * share / most:.1f}",
            width=f"{step - 1:.1f}",
            height=f"{room * share / most:.1f}",
            class_="bar",
        )
        for k, share in enumerate(every[0].tolist())
        if share
    ]
    if len(every) > 1:
        path = "".join(
            f"{'M' if k == 0 else 'L'}{k * step:.1f} {_SMALL_HEIGHT - room * share / most:.1f}"
            f"H{(k + 1) * step:.1f}"
            for k, share in enumerate(every[1].tolist())
        )
        parts.append(tag("path", d=path, class_="outline"))
    return drawing(
        title, description, *parts, width=_SMALL_WIDTH, height=_SMALL_HEIGHT, class_="small"
    )


def histogram(title: str, description: str, bins: Bins, labels: tuple[str, str]) -> Markup:
    """Counts as bars over the numbers that they are of."""
    x, y = across(bins.least, bins.most), up(0, max(1, 1.05 * float(bins.counts.max(initial=0))))
    edges = np.linspace(bins.least, bins.most, len(bins.counts) + 1)
    parts = [
        tag(
            "rect",
            x=f"{x.at(edges[k]) + 0.5:.1f}",
            y=f"{y.at(count):.1f}",
            width=f"{max(0.5, x.at(edges[k + 1]) - x.at(edges[k]) - 1):.1f}",
            height=f"{y.first - y.at(count):.1f}",
            class_="bar",
        )
        for k, count in enumerate(bins.counts.tolist())
        if count
    ]
    return drawing(title, description, frame(x, y, *labels), *parts)


def bar(share: float) -> Markup:
    """A bar beside a number that says the same, and so nothing for a screen reader."""
    width = 100 * min(1.0, max(0.0, share))
    return tag(
        "svg",
        tag("rect", x=0, y=2, width=f"{width:.1f}", height=8, class_="bar"),
        viewBox="0 0 100 12",
        width=100,
        height=12,
        class_="inline",
        aria_hidden="true",
    )


def dots(
    title: str,
    description: str,
    rows: Sequence[tuple[str, Sequence[tuple[float, float, float]]]],
    label: str,
    shown: tuple[float, float] | None = None,
) -> Markup:
    """A line for each name, on it a dot for each value and its interval."""
    every = [end for _, values in rows for value in values for end in value]
    room = 0.06 * ((max(every) - min(every)) or 1.0)
    longest = max(min(len(name), _MOST_CHARACTERS) for name, _ in rows)
    left, step, top = max(80, 14 + 6.6 * longest), 26, 8
    height = top + step * len(rows) + 38
    x = across(*(shown or (min(every) - room, max(every) + room)))._replace(first=left)
    foot = top + step * len(rows)
    y = up(0, 1)._replace(first=foot, last=top)
    parts = [_foot(x, y, label, height)]
    for k, (name, values) in enumerate(rows):
        at = top + step * (k + 0.5)
        parts.append(
            tag("text", fitting(name, _MOST_CHARACTERS), x=left - 8, y=at + 4, text_anchor="end")
        )
        for line, (value, low, high) in enumerate(values, 1):
            style = f"s{line}"
            shifted = at + 5 * (line - (len(values) + 1) / 2)
            ends = {"x1": x.at(low), "x2": x.at(high), "y1": shifted, "y2": shifted}
            if high > low:
                parts.append(tag("line", **ends, class_=f"line {style}"))
            parts.append(tag("circle", cx=x.at(value), cy=shifted, r=4, class_=f"dot {style}"))
    return drawing(title, description, *parts, width=WIDTH, height=height)


def _foot(x: Axis, y: Axis, label: str, height: float) -> Markup:
    values = ticks(x, 4)
    parts = []
    for value, name in zip(values, told(values), strict=True):
        at = x.at(value)
        parts.append(tag("line", x1=at, x2=at, y1=y.first, y2=y.last, class_="grid"))
        parts.append(tag("text", name, x=at, y=y.first + 15, text_anchor="middle"))
    middle = (x.first + x.last) / 2
    return joined(
        *parts,
        tag("text", fitting(label, _MOST_CHARACTERS), x=middle, y=height - 5, text_anchor="middle"),
    )


def _shares(counts: Array) -> Array:
    return np.asarray(counts / max(1, counts.sum()))
