"""``deltarule gradcheck``: a network's gradients beside central differences."""

from __future__ import annotations

import click
import numpy as np

from deltarule.cli.console import Console, said
from deltarule.cli.work.networks import networks_in, rows_for, targets_for
from deltarule.layers import Dense
from deltarule.network import Network

# Above it a gradient is surely wrong, unless a kink is near.
_WRONG = 1e-3


@click.command("gradcheck")
@click.argument("model", required=False)
@click.option("--seed", type=int, default=0, help="Of the examples, and of the weights.")
@click.option(
    "--entries", type=click.IntRange(1), metavar="N", default=20, help="Checked of each parameter."
)
@said
def command(model: str | None, seed: int, entries: int, quiet: bool, as_json: bool) -> None:
    """Check the gradients of a network, or of a small one of our own, on examples that are drawn.

    The exit code is 1 where they are wrong.
    """
    console = Console(quiet, as_json)
    if model is None:
        layers = [Dense(8, "tanh"), Dense(8, "gelu"), Dense(3, "softmax")]
        network = Network(layers, input_size=5, seed=seed)
    else:
        network, _ = networks_in(model)
    generator = np.random.default_rng(seed)
    X, y = rows_for(network, 8, generator), targets_for(network, 8, generator)
    found = network.gradient_check(X, y, entries=entries).relative_difference
    right = found < _WRONG
    console.result(
        f"relative difference {found:.2g}: the gradients are {'right' if right else 'wrong'}",
        {"relative_difference": found, "right": right},
    )
    if not right:
        raise click.exceptions.Exit(1)
