"""A network out of a model's file, and examples that are drawn for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.errors import ModelFileError
from deltarule.loading import load
from deltarule.network import Network


def networks_in(model: str) -> tuple[Network, Any]:
    """A file's network, the first of several; and the model that it is of.

    Raises
    ------
    ModelFileError, OSError
        For what holds none.
    """
    if not Path(model).exists():
        raise ModelFileError(f"{model}: there is no such file: expected a network")
    loaded: Any = load(model)
    if isinstance(loaded, Network):
        return loaded, loaded
    ensemble = getattr(loaded, "ensemble_", loaded)
    if not hasattr(ensemble, "networks"):
        raise ModelFileError(f"{model}: it holds a {type(loaded).__name__}: expected a network")
    return ensemble.networks[0], ensemble


def rows_for(network: Network, m: int, generator: np.random.Generator) -> Array:
    """Rows of normal numbers, with codes where a network takes codes."""
    X: Array = generator.normal(size=(m, network.input_size)).astype(network.dtype)
    for layer in network.layers:
        codes: Mapping[int, tuple[int, int]] = getattr(layer.description, "columns", None) or {}
        if layer.description.kind == "embedding":
            for column, (categories, _) in codes.items():
                X[:, column] = generator.integers(0, categories, m)
    return X


def targets_for(network: Network, m: int, generator: np.random.Generator) -> Array:
    """Targets that the output's own loss can have."""
    n, activation = network.output_size, network.layers[-1].activation
    if activation == "softmax":
        return generator.integers(0, n, m)
    if activation == "sigmoid":
        return generator.integers(0, 2, (m, n)).astype(float)
    if activation == "exponential":
        return generator.poisson(1.0, (m, n)).astype(float)
    return generator.normal(size=(m, n))
