"""What a feature that works at every step adds to the step of S2 and S3.

    python bench/features.py [--rounds 40] [--json features.json]

Every variant trains an epoch in turn, in one process and in an order drawn anew each round; the
median of its times is held against the plain network's. Dropout and normalisation stand behind each
hidden layer.
"""

import argparse
import json
import random
import statistics
from pathlib import Path
from time import perf_counter

import machine
import numpy as np

import deltarule as dr

WORKLOADS = {
    "S2": {"inputs": 64, "hidden": (64, 64), "rows": 10_000, "batch_size": 200},
    "S3": {"inputs": 784, "hidden": (256, 128), "rows": 10_240, "batch_size": 128},
}
CLASSES = 10


def network(inputs, hidden, between=(), activated_after=False):
    """Hidden layers with `between` behind each, whose activation comes last if so wanted."""
    layers = []
    for units in hidden:
        layers.append(dr.Dense(units, "identity" if activated_after else "relu"))
        layers += between
        if activated_after:
            layers.append(dr.Activation("relu"))
    return dr.Network([*layers, dr.Dense(CLASSES, "softmax")], input_size=inputs, seed=0)


def variants(inputs, hidden):
    """Each variant's network and what its fit is told."""
    plain = {}
    return {
        "plain": (network(inputs, hidden), plain),
        "dropout": (network(inputs, hidden, [dr.Dropout(0.2)]), plain),
        "batch norm": (network(inputs, hidden, [dr.BatchNorm()], activated_after=True), plain),
        "layer norm": (network(inputs, hidden, [dr.LayerNorm()], activated_after=True), plain),
        "clip_norm": (network(inputs, hidden), {"clip_norm": 1.0}),
        "clip_value": (network(inputs, hidden), {"clip_value": 0.1}),
        "average": (network(inputs, hidden), {"average": 0.999}),
    }


def measure(inputs, hidden, rows, batch_size, rounds):
    """Microseconds a step of every variant, one list each."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, inputs)).astype(np.float32)
    y = rng.integers(0, CLASSES, rows)
    contestants = {
        name: (net, dr.Adam(1e-3), told) for name, (net, told) in variants(inputs, hidden).items()
    }
    times = {name: [] for name in contestants}
    for round_number in range(rounds + 2):
        names = list(contestants)
        random.Random(round_number).shuffle(names)
        for name in names:
            net, optimizer, told = contestants[name]
            started = perf_counter()
            net.fit(X, y, optimizer=optimizer, batch_size=batch_size, **told)
            if round_number >= 2:  # the first ones warm up
                times[name].append((perf_counter() - started) * 1e6 / -(-rows // batch_size))
    return times


def report(key, threads, times):
    """Print a workload's lines."""
    plain = statistics.median(times["plain"])
    for name, each in times.items():
        median = statistics.median(each)
        quartiles = statistics.quantiles(each, n=4)
        spread = (quartiles[2] - quartiles[0]) / 2 / median
        print(
            f"{key}  {threads} thread{'s' if threads > 1 else ' '}  {name:<12}"
            f"{median:9.1f} us  +-{spread:4.0%}  {median / plain - 1:+6.0%}"
        )


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", type=Path, help="a file for all times and the machine")
    options = parser.parse_args()
    result = {"machine": machine.describe(), "microseconds_a_step": {}}
    for key, workload in WORKLOADS.items():
        for threads in sorted({1, len(machine.physical_cpus())}):
            dr.set_num_threads(threads)
            times = measure(**workload, rounds=options.rounds)
            result["microseconds_a_step"][f"{key} on {threads}"] = times
            report(key, threads, times)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
