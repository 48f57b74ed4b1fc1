"""``deltarule gradcheck``: a network's gradients beside central differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

import deltarule as dr
from deltarule.cli.console import Console, said
from deltarule.errors import ModelFileError

# Above it a gradient is surely wrong, unless a kink is near.
_WRONG = 1e-3


@click.command("gradcheck")
@click.argument("model", required=False)
@click.option("--seed", type=int, default=0, help="Of the examples, and of the weights.")
@click.option("--entries", type=click.IntRange(1), default=20, help="Checked of each parameter.")
@said
def command(model: str | None, seed: int, entries: int, quiet: bool, as_json: bool) -> None:
    """Check the gradients of a network, or of a small one of our own, on examples that are drawn.

    The exit code is 1 where they are wrong.
    """
    console = Console(quiet, as_json)
    network = _network(model, seed)
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(8, network.input_size))
    activation = network.layers[-1].activation
    n = network.output_size
    # Targets that the output's own loss can have.
    if activation == "softmax":
        y: Any = generator.integers(0, n, 8)
    elif activation == "sigmoid":
        y = generator.integers(0, 2, (8, n)).astype(float)
    else:
        y = generator.normal(size=(8, n))
    found = network.gradient_check(X, y, entries=entries).relative_difference
    right = found < _WRONG
    console.result(
        f"relative difference {found:.2g}: the gradients are {'right' if right else 'wrong'}",
        {"relative_difference": found, "right": right},
    )
    if not right:
        raise click.exceptions.Exit(1)


def _network(model: str | None, seed: int) -> Any:
    if model is None:
        layers = [dr.Dense(8, "tanh"), dr.Dense(8, "gelu"), dr.Dense(3, "softmax")]
        return dr.Network(layers, input_size=5, seed=seed)
    if not Path(model).exists():
        raise ModelFileError(f"{model}: there is no such file: expected a network")
    loaded: Any = dr.load(model)
    if not isinstance(loaded, dr.Network):
        ensemble = getattr(loaded, "ensemble_", loaded)
        if not hasattr(ensemble, "networks"):
            raise ModelFileError(f"{model}: it holds a {type(loaded).__name__}: expected a network")
        loaded = ensemble.networks[0]
    return loaded
