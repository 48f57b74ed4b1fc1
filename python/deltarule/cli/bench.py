"""``deltarule bench``: how fast this machine trains and predicts, beside scikit-learn."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

import deltarule as dr
from deltarule.cli.console import Console, said
from deltarule.cli.work.networks import networks_in, rows_for, targets_for
from deltarule.history import Right, as_table

# What scikit-learn calls the activations that it has.
_THEIRS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}


@click.command("bench")
@click.argument("model", required=False)
@click.option(
    "--rows", type=click.IntRange(1), metavar="N", default=10_000, show_default=True, help="Drawn."
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    metavar="N",
    default=200,
    show_default=True,
    help="Of training.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=1.0,
    show_default=True,
    help="For each number; the best of what fits counts.",
)
@click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="By default as many as there are."
)
@said
def command(
    model: str | None,
    rows: int,
    batch_size: int,
    seconds: float,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure how many rows a second are trained on and predicted, in float32, by Adam.

    The network is one of 64-128-64-10, or that of a MODEL. Beside it is scikit-learn's with the
    same hidden layers, on the same rows: on as many threads or on one, whichever is faster, as its
    threads wait for each other where other programs run, too.
    """
    console = Console(quiet, as_json)
    if threads:
        dr.set_num_threads(threads)
    threads = dr.get_num_threads()
    whole: Any
    if model is None:
        layers = [dr.Dense(128, "relu"), dr.Dense(64, "relu"), dr.Dense(10, "softmax")]
        network = whole = dr.Network(layers, input_size=64, seed=0)
    else:
        network, whole = networks_in(model)
    batch_size = min(batch_size, rows)
    generator = np.random.default_rng(0)
    X, y = rows_for(network, rows, generator), targets_for(network, rows, generator)
    sizes = [network.input_size, *_hidden(network), network.output_size]
    shape = "-".join(map(str, sizes))
    console.say(f"{processor()}, {threads} thread{'s' * (threads > 1)}, {dr.isa()} kernels")
    console.say(f"{shape}, {rows:,} rows, batches of {batch_size} in training")
    kinds = {layer.description.kind.replace("_", " ") for layer in network.layers} - {"dense"}
    if kinds:
        console.say(
            f"note: it also has {' and '.join(sorted(kinds))}, which scikit-learn's has not"
        )
    console.say()
    found = {"deltarule": _ours(network, X, y, batch_size, seconds)}
    found["scikit-learn"] = _theirs(network, X, y, batch_size, seconds, threads)
    if whole is not network:
        rate = _rate(lambda: whole.predict(X), rows, seconds)
        found[f"all {len(whole)} networks"] = {"predicted": rate}
    cells: dict[str, list[Any]] = {
        "rows a second": list(found),
        "trained": [_told(each.get("trained")) for each in found.values()],
        "predicted": [_told(each.get("predicted")) for each in found.values()],
    }
    console.result(
        as_table(cells),
        {
            "processor": processor(),
            "threads": threads,
            "isa": dr.isa(),
            "sizes": sizes,
            "rows": rows,
            "batch_size": batch_size,
            "rows_a_second": found,
        },
    )


def processor() -> str:
    """The processor's name, as the system tells it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _hidden(network: dr.Network) -> list[int]:
    """Units of the dense layers before the last."""
    dense = [layer.units for layer in network.layers if layer.description.kind == "dense"]
    return dense[:-1]


def _ours(network: Any, X: Any, y: Any, batch_size: int, seconds: float) -> dict[str, float]:
    optimizer = dr.Adam(1e-3)
    predicted = _rate(lambda: network.predict(X), len(X), seconds)
    fit = lambda: network.fit(X, y, optimizer=optimizer, batch_size=batch_size)  # noqa: E731
    return {"trained": _rate(fit, len(X), seconds), "predicted": predicted}


def _theirs(
    network: Any, X: Any, y: Any, batch_size: int, seconds: float, threads: int
) -> dict[str, float]:
    hidden = [layer for layer in network.layers if layer.description.kind == "dense"][:-1]
    activation = _THEIRS.get(hidden[0].activation if hidden else "identity", "relu")
    options: dict[str, Any] = {
        "hidden_layer_sizes": [layer.units for layer in hidden],
        "activation": activation,
        "batch_size": batch_size,
    }
    of_classes = network.layers[-1].activation in ("softmax", "sigmoid")
    peer: Any = MLPClassifier(**options) if of_classes else MLPRegressor(**options)
    y = y.ravel() if y.ndim > 1 and y.shape[1] == 1 else y
    known = {"classes": np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])}

    def fit() -> None:
        peer.partial_fit(X, y, **(known if of_classes else {}))

    rates = []
    for count in {1, threads}:
        with threadpool_limits(count), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what has not converged
            rates.append({
                "trained": _rate(fit, len(X), seconds),
                "predicted": _rate(lambda: peer.predict(X), len(X), seconds),
            })  # fmt: skip
    return {name: max(each[name] for each in rates) for name in rates[0]}


def _rate(work: Callable[[], Any], rows: int, seconds: float) -> float:
    """Rows a second, by the fastest of as many times as fit."""
    best, ends = np.inf, perf_counter() + seconds
    while best == np.inf or perf_counter() < ends:
        began = perf_counter()
        work()
        best = min(best, perf_counter() - began)
    return float(f"{rows / best:.3g}")


def _told(rate: float | None) -> Right:
    return Right("" if rate is None else f"{rate:,.0f}")
