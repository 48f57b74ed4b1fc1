"""Programs of PyTorch's: a file of tensors and operations, which runs without this package.

The modules here are what stands before and behind networks in one: columns of a table encoded, the
mean of several networks, and answers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from deltarule._arrays import Array
from deltarule._files.atomic import PathLike, replace
from deltarule._interchange.pytorch import to_torch
from deltarule._interchange.torch_layers import nn, torch
from deltarule._network.bare import BareNetwork

_INFINITE = 1e100  # what is larger counts as such
_FURTHEST = 1e6  # that a number is scaled to


def write_program(
    path: PathLike, modules: Sequence[Any], inputs: int, dtype: str, told: Mapping[str, Any]
) -> None:
    """Write modules, one behind another, that take (m, inputs) to a ``.pt2`` file, for any m.

    Parameters
    ----------
    path : path-like
        ``torch.export.load(path).module()`` runs it.
    modules : sequence of torch.nn.Module
    inputs : int
    dtype : str
        Of the inputs.
    told : dict
        What they are, kept beside as ``model.json``.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    example = torch.zeros((2, inputs), dtype=getattr(torch, dtype))
    program = torch.export.export(
        nn.Sequential(*modules).eval().requires_grad_(False),
        (example,),
        dynamic_shapes=({0: torch.export.Dim("rows")},),
    )
    held = io.BytesIO()
    torch.export.save(program, held, extra_files={"model.json": json.dumps(told)})
    replace(path, [held.getbuffer()])


class Mean(nn.Module):
    """The mean of what networks say, each with its weight."""

    def __init__(self, networks: Sequence[BareNetwork], weights: Sequence[float]) -> None:
        super().__init__()
        self.members = nn.ModuleList([to_torch(network) for network in networks])
        self.weights = list(weights)

    def forward(self, rows: Any) -> Any:
        """``sum_k w_k A_k``."""
        return sum(
            weight * member(rows) for weight, member in zip(self.weights, self.members, strict=True)
        )


class Columns(nn.Module):
    """Columns of a table, encoded each by its own module, side by side."""

    def __init__(self, modules: Sequence[Any], dtype: str) -> None:
        super().__init__()
        self.each, self._dtype = nn.ModuleList(modules), getattr(torch, dtype)

    def forward(self, columns: Any) -> Any:
        """The rows that networks take, of (m, columns) in float64."""
        parts = [module(columns[:, place].contiguous()) for place, module in enumerate(self.each)]
        return torch.cat([part.to(self._dtype) for part in parts], dim=1)


class Interpolated(nn.Module):
    """Heights on the lines between edges; beyond them it is level."""

    def __init__(self, edges: Array, heights: Array) -> None:
        super().__init__()
        self.register_buffer("edges", torch.from_numpy(edges.copy()))
        self.register_buffer("heights", torch.from_numpy(heights.copy()))

    def forward(self, x: Any) -> Any:
        """The height at each x."""
        above = torch.searchsorted(self.edges, x, right=True).clamp(1, len(self.edges) - 1)
        low, high = self.edges[above - 1], self.edges[above]
        share = ((x - low) / (high - low)).clamp(0, 1)
        return self.heights[above - 1] + share * (self.heights[above] - self.heights[above - 1])


class Scaled(nn.Module):
    """``(x - centre) factor``, held within bounds; and drawn in to less than 3, if so."""

    def __init__(self, centre: float, factor: float, *, draws_in: bool) -> None:
        super().__init__()
        self._centre, self._factor, self._draws_in = centre, factor, draws_in

    def forward(self, x: Any) -> Any:
        """Scale each x."""
        scaled = ((x - self._centre) * self._factor).clamp(-_FURTHEST, _FURTHEST)
        return scaled / torch.sqrt(1 + (scaled / 3) ** 2) if self._draws_in else scaled


class Number(nn.Module):
    """A column of numbers: scaled, with the median for NaN, and whether it is NaN, if so."""

    def __init__(
        self, median: float, least: float, most: float, scale: Any, *, indicator: bool
    ) -> None:
        super().__init__()
        self._median, self._least, self._most = median, least, most
        self.scale, self._indicator = scale, indicator

    def forward(self, x: Any) -> Any:
        """One column, or two."""
        missing = torch.isnan(x)
        x = torch.where(missing, self._median, x)
        x = torch.where(x.abs() > _INFINITE, x.clamp(self._least, self._most), x)
        parts = [self.scale(x), missing.to(x.dtype)][: 1 + self._indicator]
        return torch.stack(parts, dim=1)


class Category(nn.Module):
    """A column of categories: a code, -1 and 1, or a column of 0 and 1 for each.

    Parameters
    ----------
    levels : ndarray of float64 or int
        Numbers that the levels are, in order; or how many there are, which then come by their
        codes.
    missing, rare : int
        The codes of NaN, and of what is no level; -1 for none.
    width : int
        Columns of 0 and 1; 1 for -1 and 1, and 0 for the code itself.
    """

    def __init__(self, levels: Array | int, missing: int, rare: int, width: int) -> None:
        super().__init__()
        self._count = levels if isinstance(levels, int) else len(levels)
        held = None if isinstance(levels, int) else torch.from_numpy(levels.copy())
        self.register_buffer("levels", held)
        self._missing, self._rare, self._width = missing, rare, width

    def forward(self, x: Any) -> Any:
        """One column, or several."""
        code = self._code(x)
        code = torch.where(torch.isnan(x), self._missing, code)[:, None]
        if not self._width:
            return code.to(x.dtype)
        if self._width == 1:
            return (code == 1).to(x.dtype) - (code == 0).to(x.dtype)
        return (code == torch.arange(self._width)).to(x.dtype)

    def _code(self, x: Any) -> Any:
        if not self._count:
            return torch.full_like(x, self._rare, dtype=torch.int64)
        if self.levels is None:
            known = (x >= 0) & (x < self._count) & (x == torch.floor(x))
            return torch.where(known, torch.nan_to_num(x).to(torch.int64), self._rare)
        at = torch.searchsorted(self.levels, x).clamp(max=self._count - 1)
        return torch.where(self.levels[at] == x, at, self._rare)


class Probabilities(nn.Module):
    """Probabilities of all classes, of one for the second of two or of each, at a temperature."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self._temperature = temperature

    def forward(self, A: Any) -> Any:
        """``p^(1/T)``, normalised."""
        P = A.to(torch.float64)
        if P.shape[1] == 1:
            P = torch.cat([1 - P, P], dim=1)
        if self._temperature == 1:
            return P
        powers = (P / P.amax(dim=1, keepdim=True)) ** (1 / self._temperature)
        return powers / powers.sum(dim=1, keepdim=True)


class Numbers(nn.Module):
    """``mean + deviation A``, between bounds if there are any."""

    def __init__(self, mean: Array, deviation: Array, bounds: tuple[Array, Array] | None) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean.copy()))
        self.register_buffer("deviation", torch.from_numpy(deviation.copy()))
        least, most = (None, None) if bounds is None else map(torch.from_numpy, bounds)
        self.register_buffer("least", least)
        self.register_buffer("most", most)

    def forward(self, A: Any) -> Any:
        """The targets."""
        Y = self.mean + self.deviation * A.to(torch.float64)
        return Y if self.least is None else torch.minimum(torch.maximum(Y, self.least), self.most)
