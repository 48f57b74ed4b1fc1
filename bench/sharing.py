"""M2: how evenly the cores are busy while members of unequal length are trained together.

The share is what the members take alone on one thread, each in turn, over the cores and over the
time of one ``fit_many`` on all of them: 1 where no core ever waits. Both train the same members in
turn, in a process of their own, and must end at the same bits.
"""

import json
import os
import subprocess
import sys
from time import perf_counter

import numpy as np
from processes import machine_busy_seconds

MEMBERS, FEATURES, BATCH = 33, 16, 200


def measure(threads, *, quick):
    """The share in every turn, the seconds that it was made of, and what else was busy."""
    rows, turns = (400, 2) if quick else (5_000, 5)
    start, busy, own = perf_counter(), machine_busy_seconds(), _cpu_seconds_of_children()
    done = subprocess.run(
        [sys.executable, __file__, str(threads), str(rows), str(turns)],
        stdout=subprocess.PIPE, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    result = json.loads(done.stdout.splitlines()[-1])
    if busy is not None:
        own = _cpu_seconds_of_children() - own
        others = max(0.0, machine_busy_seconds() - busy - own)
        result["others"] = others / (perf_counter() - start)
    shares = [
        lone / threads / together
        for lone, together in zip(result["lone"], result["together"], strict=True)
    ]
    return {"members": MEMBERS, "rows": rows, "threads": threads, "shares": shares} | result


def _cpu_seconds_of_children():
    """What processes that have ended, of those started here, have spent."""
    used = os.times()
    return used.children_user + used.children_system


def members(count, seed=0):
    """Networks of 16 to 128 units a layer, and 3 to 40 epochs for each."""
    import deltarule as dr  # in the child alone

    draw = np.random.default_rng(seed)
    networks = []
    for member in range(count):
        widths = draw.integers(16, 129, size=2).tolist()
        layers = [*(dr.Dense(n, "relu") for n in widths), dr.Dense(2, "softmax")]
        networks.append(dr.Network(layers, input_size=FEATURES, seed=member))
    return networks, draw.integers(3, 41, size=count).tolist()


def turn(X, y, threads, count=MEMBERS):
    """Seconds of the members alone, in all, and of all together."""
    import deltarule as dr

    alone, epochs = members(count)
    dr.set_num_threads(1)
    start = perf_counter()
    for net, length in zip(alone, epochs, strict=True):
        net.fit(X, y, epochs=length, batch_size=BATCH)
    lone = perf_counter() - start
    together, epochs = members(count)
    dr.set_num_threads(threads)
    start = perf_counter()
    dr.fit_many(together, X, y, epochs=epochs, batch_size=BATCH)
    seconds = perf_counter() - start
    for member, (one, other) in enumerate(zip(alone, together, strict=True)):
        if not np.array_equal(one.parameters, other.parameters):
            raise ValueError(f"member {member} is not what it is alone: no share is given")
    return lone, seconds


def main(threads, rows, turns):
    draw = np.random.default_rng(1)
    X = draw.standard_normal((int(rows), FEATURES), np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    turn(X[:BATCH], y[:BATCH], int(threads))  # warms up
    lone, together = zip(*(turn(X, y, int(threads)) for _ in range(int(turns))), strict=True)
    print(json.dumps({"lone": lone, "together": together}))


if __name__ == "__main__":
    main(*sys.argv[1:])
