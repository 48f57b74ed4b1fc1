"""The modules that PyTorch lacks for a network of ours.

With them a network is a plain ``nn.Sequential`` there: trained, moved and saved as any other.
"""

from __future__ import annotations

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


class Residual(nn.Sequential):
    """A residual block: ``x + f(x)``, f being its modules in order."""

    def forward(self, x: Any) -> Any:
        """Add what comes out to what goes in."""
        return x + super().forward(x)


# Where users find them, and where pickles of any age look for them.
for _module in (Embedding, Exponential, FrozenBatchNorm1d, Residual, Standardize):
    _module.__module__ = "deltarule.torch_modules"
