"""The embeddings of numbers as their papers have them, in PyTorch, for tests to agree with.

A column at a time, from the equations: Gorishniy et al. 2022 (arXiv 2203.05556), equation 1 and
section 3.3; Holzmueller et al. 2024 (arXiv 2407.04491), appendix A; TabPack 2026.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import deltarule as dr


def module_of(layer: Any, dtype: Any) -> Any:
    """A module of a layer's numbers, its parameters in the order of ours."""
    import torch

    class Published(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for name in layer.description.parameters(layer.inputs):
                numbers = torch.tensor(np.array(getattr(layer, name)), dtype=dtype)
                self.register_parameter(name, torch.nn.Parameter(numbers))

        def forward(self, X: Any) -> Any:
            description = layer.description
            places = description.places
            passing = [i for i in range(X.shape[1]) if i not in places]
            of = _pieces if isinstance(description, dr.PiecewiseLinear) else _waves
            own = [of(self, description, c, X[:, place]) for c, place in enumerate(places)]
            return torch.cat([X[:, passing], *own], dim=1)

    return Published()


def _pieces(module: Any, description: Any, c: int, x: Any) -> Any:
    import torch

    edges = description.bins[c]
    features = []
    for t in range(len(edges) - 1):
        through = (x - edges[t]) / (edges[t + 1] - edges[t])
        through = through.clamp(min=0) if t > 0 else through
        features.append(through.clamp(max=1) if t + 2 < len(edges) else through)
    f = torch.stack(features, dim=1)
    if description.d is None:
        return f
    z = f @ getattr(module, f"map{description.columns[c]}").T + module.bias[:, c]
    return z + x[:, None] * module.slope[:, c] if description.linear else z


def _waves(module: Any, description: Any, c: int, x: Any) -> Any:
    import torch

    u = x[:, None] * module.frequency[:, c]
    if description.form != "plr":
        u = u + module.phase[:, c]
    cosines, beside = torch.cos(2 * math.pi * u), x[:, None]
    if description.form == "cosine":
        return module.scale[:, c] * torch.cat([beside, cosines], 1) + module.shift[:, c]
    f = cosines
    if description.form == "plr":
        f = torch.cat([cosines, torch.sin(2 * math.pi * u)], 1)
    if description.d is None:
        return f
    W = module.map if description.shared else getattr(module, f"map{description.columns[c]}")
    z = f @ W.T + module.bias[:, 0 if description.shared else c]
    return torch.relu(z) if description.form == "plr" else torch.cat([beside, z], 1)
