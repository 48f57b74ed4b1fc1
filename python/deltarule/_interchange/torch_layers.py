"""The modules that PyTorch lacks for a network of ours.

With them a network is a plain ``nn.Sequential`` there: trained, moved and saved as any other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

try:
    import torch as torch
    from torch import nn as nn
except ModuleNotFoundError as missing:
    raise ImportError(
        f"from_torch and to_torch need {missing.name}, which is not installed: pip install torch"
    ) from missing


class Exponential(nn.Module):
    """The activation ``exp(z)``."""

    def forward(self, z: Any) -> Any:
        """Compute it, element by element."""
        return torch.exp(z)


class FrozenBatchNorm1d(nn.BatchNorm1d):
    """A batch norm that goes by its running statistics in training, too, and keeps them."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.eval()

    def train(self, mode: bool = True) -> FrozenBatchNorm1d:
        """Stay as in evaluation, whatever the mode."""
        super().train(False)
        return self


class Standardize(nn.Module):
    """``(x - mean) / sqrt(variance)``, both of them buffers: no optimizer finds them."""

    def __init__(self, mean: Any, variance: Any) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("variance", variance)

    def forward(self, x: Any) -> Any:
        """Standardise the columns of x."""
        return (x - self.mean) / torch.sqrt(self.variance)


class Embedding(nn.Module):
    """Columns of category codes become vectors, behind the columns that pass.

    Parameters
    ----------
    inputs : int
        How many columns come in.
    tables : dict of int to Tensor
        For each embedded column its vectors, columns of a (dimension, categories) table; they
        become the parameters ``E<column>``.
    """

    def __init__(self, inputs: int, tables: dict[int, Any]) -> None:
        super().__init__()
        self.columns = sorted(tables)
        self.passing = [column for column in range(inputs) if column not in tables]
        for column in self.columns:
            self.register_parameter(f"E{column}", nn.Parameter(tables[column]))

    def forward(self, x: Any) -> Any:
        """Put the vectors of the codes behind the columns that pass."""
        vectors = [
            nn.functional.embedding(x[:, column].long(), getattr(self, f"E{column}").T)
            for column in self.columns
        ]
        return torch.cat([x[:, self.passing], *vectors], dim=1)


def _others(inputs: int, places: Sequence[int]) -> list[int]:
    """The columns that pass."""
    taken = set(places)
    return [place for place in range(inputs) if place not in taken]


class PiecewiseLinear(nn.Module):
    """Columns of numbers become vectors that are linear within each bin, behind those that pass.

    Parameters
    ----------
    inputs : int
        How many columns come in.
    edges : dict of int to Tensor
        For each embedded column the edges of its bins; they become the buffers ``edges<column>``.
    maps : dict of int to Tensor, optional
        For each embedded column its map (d, bins), which becomes the parameter ``map<column>``;
        without them a column becomes the numbers of its bins.
    slope, bias : Tensor, optional
        (d, columns): what else is learned of each column; a slope need not be.
    places : sequence of int, optional
        Where the columns come in, if not at their numbers, as another layer has taken some.
    """

    def __init__(
        self,
        inputs: int,
        edges: dict[int, Any],
        maps: dict[int, Any] | None = None,
        slope: Any = None,
        bias: Any = None,
        places: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.columns = sorted(edges)
        self.places = list(self.columns if places is None else places)
        self.passing = _others(inputs, self.places)
        self.maps = maps is not None
        for column in self.columns:
            self.register_buffer(f"edges{column}", edges[column], persistent=False)
            if maps is not None:
                self.register_parameter(f"map{column}", nn.Parameter(maps[column]))
        for name, tensor in (("slope", slope), ("bias", bias)):
            self.register_parameter(name, None if tensor is None else nn.Parameter(tensor))

    def forward(self, x: Any) -> Any:
        """Put what the columns become behind the columns that pass."""
        parts = [x[:, self.passing]]
        for c, (column, place) in enumerate(zip(self.columns, self.places, strict=True)):
            x_c = x[:, place : place + 1]
            z = self._through_bins(x_c, getattr(self, f"edges{column}"))
            if self.maps:
                z = nn.functional.linear(z, getattr(self, f"map{column}"), self.bias[:, c])
            if self.slope is not None:
                z = z + self.slope[:, c] * x_c
            parts.append(z)
        return torch.cat(parts, dim=1)

    @staticmethod
    def _through_bins(x: Any, edges: Any) -> Any:
        """How far x has come through each bin."""
        f = (x - edges[:-1]) / (edges[1:] - edges[:-1])
        least, most = torch.zeros_like(edges[1:]), torch.ones_like(edges[1:])
        least[0], most[-1] = -math.inf, math.inf
        return torch.minimum(torch.maximum(f, least), most)


class Periodic(nn.Module):
    """Columns of numbers become waves, and what a form makes of them, behind those that pass.

    Parameters
    ----------
    inputs : int
        How many columns come in.
    columns : sequence of int
        Those that are embedded.
    form : str
        plr, pbld or cosine, as ``deltarule.Periodic`` has them.
    parameters : dict of str to Tensor
        By the names, and of the shapes, that they have there.
    places : sequence of int, optional
        Where the columns come in, if not at their numbers, as another layer has taken some.
    """

    def __init__(
        self,
        inputs: int,
        columns: Sequence[int],
        form: str,
        parameters: dict[str, Any],
        places: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.columns, self.form = list(columns), form
        self.places = list(self.columns if places is None else places)
        self.passing = _others(inputs, self.places)
        self.shared = "map" in parameters
        self.maps = "bias" in parameters
        for name, tensor in parameters.items():
            self.register_parameter(name, nn.Parameter(tensor))

    def forward(self, x: Any) -> Any:
        """Put what the columns become behind the columns that pass."""
        parts = [x[:, self.passing]]
        for c, (column, place) in enumerate(zip(self.columns, self.places, strict=True)):
            x_c = x[:, place : place + 1]
            turns = x_c * self.frequency[:, c]
            if self.form != "plr":
                turns = turns + self.phase[:, c]
            angle = 2 * math.pi * (turns - turns.round())
            z = torch.cos(angle)
            if self.form == "plr":
                z = torch.cat([z, torch.sin(angle)], dim=1)
            if self.maps:
                own = self.map if self.shared else getattr(self, f"map{column}")
                z = nn.functional.linear(z, own, self.bias[:, 0 if self.shared else c])
                z = torch.relu(z) if self.form == "plr" else z
            if self.form != "plr":
                z = torch.cat([x_c, z], dim=1)
            if self.form == "cosine":
                z = self.scale[:, c] * z + self.shift[:, c]
            parts.append(z)
        return torch.cat(parts, dim=1)


class Residual(nn.Sequential):
    """A residual block: ``x + f(x)``, f being its modules in order."""

    def forward(self, x: Any) -> Any:
        """Add what comes out to what goes in."""
        return x + super().forward(x)


# Where users find them, and where pickles of any age look for them.
for _module in (
    Embedding,
    Exponential,
    FrozenBatchNorm1d,
    Periodic,
    PiecewiseLinear,
    Residual,
    Standardize,
):
    _module.__module__ = "deltarule.torch_modules"
