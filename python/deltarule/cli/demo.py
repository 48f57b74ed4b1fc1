"""``deltarule demo``: a network that learns to read digits, in some seconds."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import click
import numpy as np
from sklearn.datasets import load_digits

import deltarule as dr
from deltarule._training.progress import duration
from deltarule.cli.console import Console, said

_SHADES = " .:-=+*#%@"
_SHOWN = 3


@click.command("demo")
@said
def command(quiet: bool, as_json: bool) -> None:
    """Train a network on scikit-learn's 1,797 images of digits, and show what it makes of some."""
    console = Console(quiet, as_json)
    digits: Any = load_digits()
    X, y = (digits.images / 16).reshape(len(digits.images), -1), digits.target
    test = np.arange(len(X)) % 5 == 0
    network = dr.Network(
        [dr.Dense(128, "relu"), dr.Dense(64, "relu"), dr.Dense(10, "softmax")],
        input_size=X.shape[1],
        seed=0,
    )
    console.say(network.summary())
    began = perf_counter()
    network.fit(X[~test], y[~test], optimizer=dr.Adam(1e-3), epochs=30, batch_size=32)
    seconds = perf_counter() - began
    P = network.predict(X[test])
    accuracy = float(np.mean(P.argmax(axis=1) == y[test]))
    console.say(_pictures(digits.images[test], P, y[test]))
    console.result(
        f"{accuracy:.1%} of {test.sum()} images that it has not seen are read right, after "
        f"{duration(seconds)} of training",
        {"accuracy": accuracy, "seconds": seconds},
    )
    console.say("\na model of your own table:  deltarule train data.csv --target COLUMN")


def _pictures(images: Any, P: Any, y: Any) -> str:
    """Some images side by side, with what was read; the first that is read wrong comes last."""
    guesses = P.argmax(axis=1)
    right, wrong_ones = np.flatnonzero(guesses == y), np.flatnonzero(guesses != y)
    chosen = [*right[:_SHOWN].tolist(), *wrong_ones[:1].tolist()]
    lines = [
        "   ".join(
            "".join(2 * _SHADES[int(value) * (len(_SHADES) - 1) // 16] for value in images[at][row])
            for at in chosen
        )
        for row in range(images.shape[1])
    ]
    words = []
    for at in chosen:
        wrong = "" if guesses[at] == y[at] else f", a {y[at]}"
        words.append(f"{guesses[at]} ({P[at].max():.0%}){wrong}".ljust(2 * images.shape[2]))
    return "\n".join(["", *lines, "   ".join(words), ""])
