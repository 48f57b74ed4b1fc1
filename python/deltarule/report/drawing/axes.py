"""Axes: where a number stands in a drawing, and which numbers are told beside it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deltarule.report.markup import Markup, joined, tag

WIDTH, HEIGHT = 360, 240
_MOST_ACROSS, _MOST_UP = 44, 28  # characters beside an axis
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 10, 38


class Axis(NamedTuple):
    """From which number to which, and from which place to which."""

    least: float
    most: float
    first: float
    last: float

    def at(self, value: float) -> float:
        """The place of a number; the nearest end's of one that is beyond."""
        share = (value - self.least) / (self.most - self.least)
        return round(self.first + min(1.0, max(0.0, share)) * (self.last - self.first), 1)


def across(least: float, most: float) -> Axis:
    """From left to right."""
    return Axis(*_apart(least, most), LEFT, WIDTH - RIGHT)


def up(least: float, most: float) -> Axis:
    """From the bottom up."""
    return Axis(*_apart(least, most), HEIGHT - BOTTOM, TOP)


def _apart(least: float, most: float) -> tuple[float, float]:
    if most > least and np.isfinite(most - least):
        return least, most
    half = abs(least) / 2 or 0.5
    return least - half, least + half


def ticks(axis: Axis, count: int = 5) -> list[float]:
    """Round numbers along an axis: 1, 2 or 5 times a power of ten apart."""
    span = axis.most - axis.least
    power = 10.0 ** np.floor(np.log10(span / count))
    step = power * next(each for each in (1, 2, 5, 10) if span <= each * power * count)
    first, last = np.ceil(axis.least / step - 1e-9), np.floor(axis.most / step + 1e-9)
    return [float(k * step) for k in np.arange(first, last + 1)][: 2 * count]


def told(values: list[float]) -> list[str]:
    """Numbers as short as they can be told apart."""
    for digits in range(1, 8):
        texts = [number(value, digits) for value in values]
        if len(set(texts)) == len(texts) and all(
            abs(float(text.replace(",", "")) - value) <= 1e-3 * max(1e-12, np.ptp(values))
            for text, value in zip(texts, values, strict=True)
        ):
            return texts
    return [number(value, 8) for value in values]


def number(value: float, digits: int = 4) -> str:
    """A number of so many figures, with commas where it is long."""
    if value != value:
        return "n/a"
    rounded = float(f"{value:.{digits}g}")
    if not 1e-4 <= abs(rounded) < 1e7:
        return "0" if rounded == 0 else f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - int(np.floor(np.log10(abs(rounded)))))
    told = f"{rounded:,.{decimals}f}"
    return told.rstrip("0").rstrip(".") if decimals else told


def day(value: float) -> str:
    """A number of days since 1970, as a date."""
    return str(np.datetime64(0, "D") + np.timedelta64(int(np.floor(value)), "D"))


def frame(
    x: Axis, y: Axis, x_label: str, y_label: str, *, dates: bool = False, whole: bool = False
) -> Markup:
    """Lines and numbers of both axes; across, of dates, or of whole numbers alone."""
    parts: list[Markup] = []
    x_ticks, y_ticks = ticks(x, 3 if dates else 5), ticks(y, 5)
    if whole:
        x_ticks = [value for value in x_ticks if value == round(value)]
    for value, name in zip(y_ticks, told(y_ticks), strict=True):
        at = y.at(value)
        parts.append(tag("line", x1=x.first, x2=x.last, y1=at, y2=at, class_="grid"))
        parts.append(tag("text", name, x=x.first - 6, y=at + 4, text_anchor="end"))
    for value, name in zip(x_ticks, map(day, x_ticks) if dates else told(x_ticks), strict=True):
        parts.append(tag("text", name, x=x.at(value), y=y.first + 16, text_anchor="middle"))
    parts.append(tag("line", x1=x.first, x2=x.last, y1=y.first, y2=y.first, class_="axis"))
    middle, height = (x.first + x.last) / 2, (y.first + y.last) / 2
    parts.append(
        tag("text", fitting(x_label, _MOST_ACROSS), x=middle, y=HEIGHT - 5, text_anchor="middle")
    )
    parts.append(
        tag(
            "text",
            fitting(y_label, _MOST_UP),
            x=11,
            y=height,
            text_anchor="middle",
            transform=f"rotate(-90 11 {height})",
        )
    )
    return joined(*parts)


def fitting(text: str, most: int) -> str:
    """A text, cut where there is no room for more of it."""
    return text if len(text) <= most else text[: most - 1] + "…"


def drawing(
    title: str,
    description: str,
    *parts: Markup,
    width: float = WIDTH,
    height: float = HEIGHT,
    class_: str = "chart",
) -> Markup:
    """The whole, with what it is in words for those who do not see it."""
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_label=f"{title}. {description}",
        class_=class_,
    )
