"""M4: whether the memory stays as it is while members are made, trained and forgotten in a loop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

GROUP = 50  # members of one fit_many


def measure(threads, members):
    """The resident memory, in megabytes: of the first tenth, at the end, and what was grown by."""
    done = subprocess.run(
        [sys.executable, __file__, str(threads), str(members)],
        stdout=subprocess.PIPE, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    return grown(json.loads(done.stdout.splitlines()[-1]))


def grown(sizes):
    """What the sizes after each group come to; in the first tenth all that is kept is made."""
    early = max(sizes[: max(1, len(sizes) // 10)])
    return {
        "members": GROUP * len(sizes),
        "early_mb": early,
        "end_mb": sizes[-1],
        "growth_mb": max(sizes) - early,
        "resident_mb": sizes,
    }


def train(group, X, y):
    """Make, train and forget so many tiny networks."""
    import deltarule as dr  # in the child alone

    networks = [
        dr.Network([dr.Dense(8, "relu"), dr.Dense(2, "softmax")], input_size=4, seed=seed)
        for seed in range(group)
    ]
    dr.fit_many(networks, X, y, epochs=2, batch_size=32)


def resident_mb():
    """The resident memory of this process, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(members):
    draw = np.random.default_rng(0)
    X = draw.standard_normal((128, 4), np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    sizes = []
    for _ in range(-(-int(members) // GROUP)):
        train(GROUP, X, y)
        sizes.append(resident_mb())
    print(json.dumps(sizes))


if __name__ == "__main__":
    main(sys.argv[2])
