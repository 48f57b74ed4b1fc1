"""S10: an epoch over a memory-mapped file that is larger than what may stay in memory.

The time of a row is held against the same from an array in memory, and the growth of the resident
memory is watched while it runs. Each of the two runs in a process of its own.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from time import perf_counter, sleep

import numpy as np

FEATURES, BATCH = 32, 1024
FIELDS = ("VmRSS", "RssAnon", "RssFile")


def measure(threads, scratch, *, quick):
    """Write the file once and stream an epoch of it; seconds a row, and megabytes of growth."""
    rows, rows_in_memory = (1_000_000, 200_000) if quick else (10_000_000, 1_000_000)
    X, y = Path(scratch) / "X.npy", Path(scratch) / "y.npy"
    _write(X, y, rows)
    in_memory = _child("memory", X, y, rows_in_memory, threads)
    mapped = _child("mapped", X, y, rows, threads)
    X.unlink()
    return {
        "rows": rows,
        "threads": threads,
        "file_mb": rows * FEATURES * 4 / 1e6,
        "microseconds_a_row": {
            "mapped": mapped["seconds"] / rows * 1e6,
            "memory": in_memory["seconds"] / rows_in_memory * 1e6,
        },
        "ratio": mapped["seconds"] / rows / (in_memory["seconds"] / rows_in_memory),
        "growth_mb": mapped["growth_mb"],
    }


def _write(X, y, rows):
    """The data, a part at a time, as a program that has more than its memory would."""
    draw = np.random.default_rng(0)
    teacher = draw.standard_normal(FEATURES).astype(np.float32)
    labels = np.empty(rows, np.float32)
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, FEATURES)}
    with X.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, rows, 100_000):
            part = draw.standard_normal((min(100_000, rows - first), FEATURES), np.float32)
            labels[first : first + len(part)] = part @ teacher > 0
            part.tofile(file)
    np.save(y, labels)


def _child(*arguments):
    command = [sys.executable, __file__, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments[-1])}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def _memory():
    """Resident memory of this process by kind, in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 / 1e6 for name in FIELDS}


class _Watch:
    """The largest resident memory seen while the block runs."""

    def __enter__(self):
        self.peak, self.running = _memory(), True
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self):
        while self.running:
            now = _memory()
            self.peak = {name: max(self.peak[name], now[name]) for name in FIELDS}
            sleep(0.02)

    def __exit__(self, *_):
        self.running = False
        self.thread.join()


def main(kind, X, y, rows, threads):
    import deltarule as dr  # in the child alone

    rows = int(rows)
    dr.set_num_threads(int(threads))
    X, y = np.load(X, mmap_mode="r"), np.load(y)[:rows]
    if kind == "memory":
        X = np.array(X[:rows])
    net = dr.Network(
        [dr.Dense(64, "relu"), dr.Dense(64, "relu"), dr.Dense(1, "sigmoid")], input_size=FEATURES
    )
    optimizer = dr.Adam(1e-3)

    def epoch(X, y):
        start = perf_counter()
        net.fit(X, y, loss="binary_cross_entropy", optimizer=optimizer, batch_size=BATCH)
        return perf_counter() - start

    epoch(np.array(X[: 20 * BATCH]), y[: 20 * BATCH])
    if kind == "memory":
        answer = {"seconds": float(np.median([epoch(X, y) for _ in range(3)]))}
    else:
        before = _memory()
        with _Watch() as watch:
            seconds = epoch(X, y)
        growth = {name: watch.peak[name] - before[name] for name in FIELDS}
        answer = {"seconds": seconds, "growth_mb": growth}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
