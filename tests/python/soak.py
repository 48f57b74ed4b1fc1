"""Trains, saves and loads over and over, and watches what the process holds.

    python tests/python/soak.py 100000

prints the memory, the files and the threads on the way, and what a round adds to the memory.
"""

import copy
import gc
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

import deltarule as dr

N_ROWS = 64


class Held(NamedTuple):
    """What a process holds after so many rounds."""

    rounds: int
    bytes: int
    files: int
    threads: int


def held(rounds: int) -> Held:
    gc.collect()
    process = Path("/proc/self")
    pages = int((process / "statm").read_text(encoding="ascii").split()[1])
    return Held(
        rounds,
        pages * os.sysconf("SC_PAGE_SIZE"),
        len([*(process / "fd").iterdir()]),
        len([*(process / "task").iterdir()]),
    )


def round_of(number: int, X: np.ndarray, Y: np.ndarray, folder: Path) -> None:
    """One network's life: layers of many kinds, a fit, a file, and what goes on from there."""
    units = 3 + number % 5
    layers = [
        dr.Standardize(),
        dr.Dense(units, "relu", l2=1e-3),
        dr.BatchNorm(),
        dr.Dropout(0.1),
        dr.Residual([dr.Dense(units, "tanh"), dr.LayerNorm()]),
        dr.Dense(2),
    ]
    net = dr.Network(layers, X.shape[1], seed=number)
    model, checkpoint = folder / "model.safetensors", folder / "run.safetensors"
    optimizer = dr.Adam(dr.schedules.Exponential(1e-3, 0.99) if number % 2 else 1e-3)
    callbacks = [dr.Checkpoint(checkpoint)] if number % 8 == 0 else []
    net.fit(X, Y, batch_size=16, epochs=2, optimizer=optimizer, callbacks=callbacks, average=0.9)
    net.save(model)
    loaded = dr.load(model)
    assert loaded.predict(X).tobytes() == net.predict(X).tobytes()
    loaded.fit(X, Y, loss=dr.Huber(), batch_size=24, epochs=1, validation_data=(X, Y))
    if callbacks:
        dr.Network(layers, X.shape[1]).fit(X, Y, batch_size=16, epochs=3, resume=checkpoint)
    if number % 4 == 0:
        copy.deepcopy(pickle.loads(pickle.dumps(net))).evaluate(X, Y)
        A, caches = net.forward(X, training=True)
        net.update(net.backward(A, caches), optimizer)
    with suppress(ValueError):
        net.fit(X, np.full_like(Y, np.nan))
    model.write_bytes(model.read_bytes()[:-1])
    with suppress(dr.ModelFileError):
        dr.load(model)


def soak(rounds: int, samples: int) -> Iterator[Held]:
    """Go through so many rounds, and tell now and then what is held."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(N_ROWS, 5)), rng.normal(size=(N_ROWS, 2))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, rounds + 1):
            round_of(number, X, Y, Path(folder))
            if number % (rounds // samples) == 0:
                yield held(number)


def growth(states: list[Held]) -> float:
    """Bytes a round, by least squares over the later half."""
    later = states[len(states) // 2 :]
    return float(np.polyfit([s.rounds for s in later], [s.bytes for s in later], 1)[0])


if __name__ == "__main__":
    states = []
    for state in soak(int(sys.argv[1]), 50):
        states.append(state)
        print(*(f"{value} {name}" for name, value in state._asdict().items()), flush=True)
    print(f"{growth(states):.1f} bytes a round")
