"""Encodings as nodes of an ONNX graph, from columns of a table to the rows of a network.

Columns of numbers, and the numbers of dates, are scaled side by side: one search for the edges
between which each number is, however many columns there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from deltarule._interchange.onnx.writer import ML_DOMAIN, Graph
from deltarule.tabular.encoding.categories import Category
from deltarule.tabular.encoding.dates import PERIODS, Date
from deltarule.tabular.encoding.numbers import INFINITE, Number
from deltarule.tabular.encoding.scaling import FURTHEST, Linear, Quantiles, Robust
from deltarule.tabular.raw.columns import DAY
from deltarule.tabular.raw.readings import times_in

_NOT_A_TIME = np.iinfo(np.int64).min
# Days from a first of March in the distant past to 1970: months are counted from March, and no day
# that int64 has is before it, so that divisions round down.
_ERAS, _DAYS_OF_ERA = 1000, 146_097
_SHIFT = 719_468 + _ERAS * _DAYS_OF_ERA


def rows_of(
    graph: Graph, encodings: Sequence[Number | Category | Date], spellings: Collection[str]
) -> str:
    """Add the nodes that make rows of columns; what their result is called."""
    return _Nodes(graph, spellings).rows(encodings)


class _Nodes:
    """Nodes in the making; every part of the result is named with how many columns it has."""

    def __init__(self, graph: Graph, spellings: Collection[str]) -> None:
        self.graph, self._spellings = graph, _spelt(spellings)
        self._types = graph.onnx.TensorProto
        self._count = 0
        self._numbers: list[tuple[str, Number]] = []  # to be scaled, side by side
        self._parts: list[tuple[str, int]] = []

    def rows(self, encodings: Sequence[Number | Category | Date]) -> str:
        """The result, its columns in order."""
        # Where each column of the result is: in the numbers, or in a part and there.
        places: list[tuple[int, int]] = []
        for encoding in encodings:
            match encoding:
                case Number():
                    places += self._number(encoding)
                case Category():
                    places += self._category(encoding)
                case Date():
                    places += self._date(encoding)
        parts = [(self._scaled(), len(self._numbers))] if self._numbers else []
        shift = 1 - len(parts)  # the numbers are part 0, whether there are some or not
        parts += self._parts
        starts = np.cumsum([0, *(width for _, width in parts)])
        order = [int(starts[part - shift]) + column for part, column in places]
        whole = self.node("Concat", [name for name, _ in parts], axis=1)
        if order != list(range(len(order))):
            whole = self.node("Gather", [whole, self.whole(order)], axis=1)
        return whole

    # What nodes are made with --------------------------------------------------------------------

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        """A node, by its result's name."""
        self._count += 1
        return self.graph.node(kind, inputs, f"inputs_{self._count}", **attributes)

    def constant(self, value: object, dtype: type = np.float64) -> str:
        """Numbers, by their name."""
        self._count += 1
        return self.graph.number(f"inputs_{self._count}", value, dtype)

    def whole(self, value: object) -> str:
        """Whole numbers, by their name."""
        return self.constant(value, np.int64)

    def cast(self, value: str, element: int) -> str:
        """Values as of another type."""
        return self.node("Cast", [value], to=element)

    def _part(self, values: str, width: int) -> list[tuple[int, int]]:
        """A part of the result, and where its columns are; rounded as the encoder's rows are."""
        rounded = self.cast(values, self._types.FLOAT)
        if self.graph.dtype == np.float64:
            rounded = self.cast(rounded, self._types.DOUBLE)
        self._parts.append((rounded, width))
        return [(len(self._parts), column) for column in range(width)]

    # Numbers -------------------------------------------------------------------------------------

    def _number(self, encoding: Number) -> list[tuple[int, int]]:
        values = self.graph.column(encoding.name, self._types.DOUBLE)
        places = [self._to_scale(values, encoding)]
        if encoding.indicator:
            places += self._part(self.node("IsNaN", [values]), 1)
        return places

    def _to_scale(self, values: str, encoding: Number) -> tuple[int, int]:
        self._numbers.append((values, encoding))
        return 0, len(self._numbers) - 1

    def _scaled(self) -> str:
        """All the numbers, scaled."""
        encodings = [encoding for _, encoding in self._numbers]
        x = self.node("Concat", [values for values, _ in self._numbers], axis=1)
        medians = self.constant([each.median for each in encodings])
        least = self.constant([each.least for each in encodings])
        most = self.constant([each.most for each in encodings])
        x = self.node("Where", [self.node("IsNaN", [x]), medians, x])
        beyond = self.node("Greater", [self.node("Abs", [x]), self.constant(INFINITE)])
        within = self.node("Max", [self.node("Min", [x, most]), least])
        x = self.node("Where", [beyond, within, x])
        scalings = [each.scaling for each in encodings]
        if isinstance(scalings[0], Quantiles):
            x = self._interpolated(x, [each for each in scalings if isinstance(each, Quantiles)])
        else:
            x = self._linear(x, [each for each in scalings if isinstance(each, Linear)])
        rounded = self.cast(x, self._types.FLOAT)
        double = self.graph.dtype == np.float64
        return self.cast(rounded, self._types.DOUBLE) if double else rounded

    def _linear(self, x: str, scalings: Sequence[Linear]) -> str:
        x = self.node("Sub", [x, self.constant([each.centre for each in scalings])])
        x = self.node("Mul", [x, self.constant([each.factor for each in scalings])])
        x = self.node("Min", [x, self.constant(FURTHEST)])
        x = self.node("Max", [x, self.constant(-FURTHEST)])
        if not isinstance(scalings[0], Robust):
            return x
        third = self.node("Mul", [x, self.constant(1 / 3)])
        square = self.node("Mul", [third, third])
        root = self.node("Sqrt", [self.node("Add", [square, self.constant(1.0)])])
        return self.node("Div", [x, root])

    def _interpolated(self, x: str, scalings: Sequence[Quantiles]) -> str:
        """Straight lines between edges, which are found by halving."""
        room = 1 << (max(len(each.edges) for each in scalings) - 1).bit_length()
        edges = np.full((len(scalings), room), np.inf)
        heights, slopes = np.zeros(edges.shape), np.zeros(edges.shape)
        for row, each in enumerate(scalings):
            k = len(each.edges)
            edges[row, :k], heights[row, :k] = each.edges, each.heights
            with np.errstate(over="ignore"):
                slope = np.diff(each.heights) / np.diff(each.edges)
            slopes[row, : k - 1] = np.minimum(slope, np.finfo(np.float64).max)
        firsts = np.arange(len(scalings)) * room
        last = [first + len(each.edges) - 2 for first, each in zip(firsts, scalings, strict=True)]
        table = self.constant(edges.ravel())
        of_each = self.cast(self.node("IsNaN", [x]), self._types.INT64)  # none is: zeros
        at = self.node("Add", [of_each, self.whole(firsts)])
        step = room // 2
        while step:
            further = self.node("Add", [at, self.whole(step)])
            edge = self.node("Gather", [table, further], axis=0)
            at = self.node("Where", [self.node("GreaterOrEqual", [x, edge]), further, at])
            step //= 2
        at = self.node("Min", [at, self.whole(last)])
        apart = self.node("Sub", [x, self.node("Gather", [table, at], axis=0)])
        slope_at = self.node("Gather", [self.constant(slopes.ravel()), at], axis=0)
        height = self.node("Gather", [self.constant(heights.ravel()), at], axis=0)
        y = self.node("Add", [self.node("Mul", [apart, slope_at]), height])
        y = self.node("Min", [y, self.constant([each.heights[-1] for each in scalings])])
        return self.node("Max", [y, self.constant([each.heights[0] for each in scalings])])

    # Categories ----------------------------------------------------------------------------------

    def _category(self, encoding: Category) -> list[tuple[int, int]]:
        codes, width = self._codes(encoding), len(encoding.outputs)
        if encoding.embedded:
            return self._part(codes, 1)
        if width == 1:  # unseen, -1, is the last of these
            signs = self.constant([-1.0, 1.0, 0.0], np.float32)
            return self._part(self.node("Gather", [signs, codes], axis=0), 1)
        return self._part(self.node("Equal", [codes, self.whole([np.arange(width)])]), width)

    def _codes(self, encoding: Category) -> str:
        """Each row's code, (m, 1)."""
        missing, rare = encoding.missing_code, encoding.rare_code
        levels = encoding.levels
        match encoding.source:
            case "text":
                x = self.graph.column(encoding.name, self._types.STRING)
                keys = dict.fromkeys(self._spellings, missing)
                keys |= {level: code for code, level in enumerate(levels)}
                return self._looked_up(x, keys_strings=list(keys), codes=keys.values(), rare=rare)
            case "time" | "zoned time":
                x = self.graph.column(encoding.name, self._types.INT64)
                moments = times_in([f"{level}Z" for level in levels]) if levels else None
                ticks = (
                    [] if moments is None or isinstance(moments, int) else moments.ticks.tolist()
                )
                keys_of_time = {_NOT_A_TIME: missing} | dict(
                    zip(ticks, range(len(ticks)), strict=True)
                )
                return self._looked_up(
                    x, keys_int64s=list(keys_of_time), codes=keys_of_time.values(), rare=rare
                )
        x = self.graph.column(encoding.name, self._types.DOUBLE)
        numbers = [float(level == "True") for level in levels]
        if encoding.source == "number":
            numbers = [float(level) for level in levels]
        is_missing = self.node("IsNaN", [x])
        if numbers:
            same = self.cast(self.node("Equal", [x, self.constant([numbers])]), self._types.INT64)
            ranks = self.node("Mul", [same, self.whole([np.arange(len(numbers)) + 1])])
            rank = self.node("ReduceSum", [ranks, self.whole([1])], keepdims=1)
            known = self.whole([rare, *range(len(numbers))])
            found = self.node("Gather", [known, rank], axis=0)
        else:
            found = self.whole([[rare]])
        return self.node("Where", [is_missing, self.whole([[missing]]), found])

    def _looked_up(self, x: str, *, codes: Collection[int], rare: int, **keys: object) -> str:
        return self.node(
            "LabelEncoder",
            [x],
            domain=ML_DOMAIN,
            values_int64s=list(codes),
            default_int64=rare,
            **keys,
        )

    # Dates ---------------------------------------------------------------------------------------

    def _date(self, encoding: Date) -> list[tuple[int, int]]:
        x = self.graph.column(encoding.name, self._types.INT64)
        missing = self.node("Equal", [x, self.whole([[_NOT_A_TIME]])])
        nan, ticks = self.constant([[np.nan]]), self.node("Where", [missing, self.whole([[0]]), x])
        of_day = self.node("Mod", [ticks, self.whole(DAY)])  # rounds down, as Python does
        day = self.node("Div", [self.node("Sub", [ticks, of_day]), self.whole(DAY)])
        real = self.cast(ticks, self._types.DOUBLE)
        days = self.node("Div", [real, self.constant(float(DAY))])
        places = [self._to_scale(self.node("Where", [missing, nan, days]), encoding.elapsed)]
        if encoding.year is not None:
            year = self.cast(self._year(day), self._types.DOUBLE)
            places.append(self._to_scale(self.node("Where", [missing, nan, year]), encoding.year))
        there = (
            self.cast(self.node("Not", [missing]), self._types.DOUBLE) if encoding.periods else ""
        )
        for period in encoding.periods:
            turned = self._turned(period, day, of_day)
            angle = self.node("Mul", [turned, self.constant(2 * np.pi / PERIODS[period])])
            for function in ("Sin", "Cos"):
                places += self._part(self.node("Mul", [self.node(function, [angle]), there]), 1)
        if encoding.indicator:
            places += self._part(missing, 1)
        return places

    def _turned(self, period: str, day: str, of_day: str) -> str:
        """How far a year, a week or a day has come."""
        if period == "month":
            return self.cast(self._month(day), self._types.DOUBLE)
        if period == "weekday":
            weekday = self.node("Mod", [self.node("Add", [day, self.whole(3)]), self.whole(7)])
            return self.cast(weekday, self._types.DOUBLE)
        real = self.cast(of_day, self._types.DOUBLE)
        return self.node("Div", [real, self.constant(DAY / 24)])

    def _times(self, value: str, factor: int) -> str:
        return self.node("Mul", [value, self.whole(factor)])

    def _over(self, value: str, divisor: int) -> str:
        return self.node("Div", [value, self.whole(divisor)])

    def _from_march(self, day: str) -> tuple[str, str]:
        """The year and the month since 1970, in whole numbers, if a year began in March.

        A leap day is a year's last then. An era is 400 years.
        """
        z = self.node("Add", [day, self.whole(_SHIFT)])
        era = self._over(z, _DAYS_OF_ERA)
        of_era = self.node("Sub", [z, self._times(era, _DAYS_OF_ERA)])
        leaps = self.node("Add", [self._over(of_era, 1460), self._over(of_era, 146_096)])
        leaps = self.node("Sub", [leaps, self._over(of_era, 36_524)])
        year = self._over(self.node("Sub", [of_era, leaps]), 365)
        before = self.node("Add", [self._times(year, 365), self._over(year, 4)])
        before = self.node("Sub", [before, self._over(year, 100)])
        of_year = self.node("Sub", [of_era, before])
        month = self._over(self.node("Add", [self._times(of_year, 5), self.whole(2)]), 153)
        return self.node("Add", [year, self._times(era, 400)]), month

    def _year(self, day: str) -> str:
        year, month = self._from_march(day)
        next_year = self._over(self.node("Add", [month, self.whole(2)]), 12)
        year = self.node("Add", [year, next_year])
        return self.node("Sub", [year, self.whole(400 * _ERAS)])

    def _month(self, day: str) -> str:
        """The month, from 0."""
        _, month = self._from_march(day)
        return self.node("Mod", [self.node("Add", [month, self.whole(2)]), self.whole(12)])


def _spelt(spellings: Collection[str]) -> list[str]:
    """Spellings in the cases of letters that they come in."""
    cases = (str, str.upper, str.title, str.capitalize)
    spelt = {case(spelling): None for spelling in sorted(spellings) for case in cases}
    mixed = {"nan": "NaN", "nat": "NaT"}
    return [*spelt, *(mixed[spelling] for spelling in mixed if spelling in spellings)]
