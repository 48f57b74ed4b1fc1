"""Two ranks of a machine against two threads of it and against PyTorch's; what many would do.

    python bench/distributed.py [--quick] [--only S1,S2]

It exits 1 where a goal is missed. See README.md.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from machine import describe
from processes import environment
from workloads import WORKLOADS

HERE = Path(__file__).parent
ENVIRONMENT = environment(1, HERE.parent / "build" / "bench" / "inductor")
KEYS = ("S1", "S2", "S3", "S4")
GOALS = {"S1": 2.0, "S2": 2.0, "S3": 2.0}  # times as fast as PyTorch's two processes
COUNTS = [2**k for k in range(8, 25, 2)]
# What is between the machines of a cluster: seconds that a message takes, bytes a second.
NETWORKS = {"10 Gb/s Ethernet": (50e-6, 1.1e9), "100 Gb/s InfiniBand": (3e-6, 11e9)}
MACHINES = (8, 64, 512)


def ask(ranks, what, **request):
    """What a program on so many ranks answers."""
    mpiexec = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(mpiexec) if mpiexec.exists() else shutil.which("mpiexec")
    return _answer([mpiexec, "-n", str(ranks), *_program(what, request)])


def _program(what, request):
    return [sys.executable, str(HERE / "ranks.py"), json.dumps({"what": what, **request})]


def _answer(command):
    done = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command[-1]}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def ask_torch(ranks, **request):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            _program("ddp", {"rank": rank, "ranks": ranks, "port": port, **request}),
            env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(ranks)
    ]  # fmt: skip
    said = [process.communicate(timeout=900) for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit(f"torch: {said[0][1][-2000:]}")
    return json.loads(said[0][0].strip().splitlines()[-1])


def against_peers(keys, rounds, say):
    """Each workload by all contestants in turn; the median of all repetitions of all rounds."""
    found, missed = {}, []
    for key in keys:
        contestants = {
            "2 ranks": lambda key=key: ask(2, "train", key=key),
            "2 threads": lambda key=key: ask(1, "train", key=key, together=False, threads=2),
            "1 thread": lambda key=key: ask(1, "train", key=key, together=False),
            "PyTorch, 2 processes": lambda key=key: ask_torch(2, key=key),
        }
        times = {name: [] for name in contestants}
        losses = {}
        for _ in range(rounds):
            for name, run in contestants.items():
                told = run()
                times[name] += told["seconds"]
                losses[name] = told["loss"]
        found[key] = {name: median(each) for name, each in times.items()} | {"losses": losses}
        row, tolerance = found[key], 2 * WORKLOADS[key].tolerance
        expected = losses["1 thread"]
        for name, loss in losses.items():
            if abs(loss - expected) > tolerance * abs(expected):
                missed.append(f"{key}: {name} ends at a loss of {loss:.4g}, not {expected:.4g}")
        ratio = row["PyTorch, 2 processes"] / row["2 ranks"]
        if key in GOALS and ratio < GOALS[key]:
            missed.append(f"{key}: {ratio:.2f} times as fast as PyTorch, of {GOALS[key]}")
        say(
            f"{key}: a step on 2 ranks {row['2 ranks'] * 1e6:.0f} us, on 2 threads "
            f"{row['2 threads'] * 1e6:.0f}, on 1 thread {row['1 thread'] * 1e6:.0f}; PyTorch's DDP "
            f"over gloo on 2 processes {row['PyTorch, 2 processes'] * 1e6:.0f}: {ratio:.1f}x"
        )
    return found, missed


def of_exchanges(say):
    """What an exchange costs by its size; and which part of S4's is hidden by its gradients."""
    found = {"2": ask(2, "exchange", counts=COUNTS)}
    for count, seconds in found["2"].items():
        size = 4 * int(count)
        say(f"{size:>12,} bytes added up on 2 ranks in {seconds * 1e6:8.0f} us")
    half = WORKLOADS["S4"].batch // 2, WORKLOADS["S4"].rows // 2
    alone = median(ask(1, "train", key="S4", batch=half[0], rows=half[1], repetitions=3)["seconds"])
    apart = median(ask(2, "train", key="S4", repetitions=3, spans=False)["seconds"])
    hidden = median(ask(2, "train", key="S4", repetitions=3)["seconds"])
    share = (apart - hidden) / max(apart - alone, 1e-9)
    say(
        f"S4: {alone * 1e3:.1f} ms without an exchange, {apart * 1e3:.1f} ms with one after the "
        f"gradients, {hidden * 1e3:.1f} ms with spans on their way meanwhile: {share:.0%} is hidden"
    )
    return found | {"S4": {"alone": alone, "apart": apart, "spans": hidden, "hidden": share}}


def parameters_of(key):
    sizes = WORKLOADS[key].sizes
    return sum(n * (n_prev + 1) for n_prev, n in pairwise(sizes))


def step_model(by_batch, count, ranks, batch, seconds_of_exchange):
    """Seconds a step: a rank's part of the batch, and the exchange.

    What a rank takes for its part is a straight line through what it took for whole batches.
    """
    sizes, seconds = np.array(sorted(by_batch.items())).T
    slope, base = np.polyfit(sizes, seconds, 1)
    return max(base, 0.0) + slope * batch / ranks + seconds_of_exchange(4 * count, ranks)


def over_a_network(latency, bandwidth):
    """All to all, sum, all gather: what is sent, and a message to each other rank in both."""

    def seconds(size, ranks):
        if ranks == 1:
            return 0.0
        messages = min(2 * (ranks - 1), 2 * np.log2(ranks) * 4)  # of many, MPI sends trees
        return messages * latency + 2 * size * (ranks - 1) / ranks / bandwidth

    return seconds


def scaling(exchanges, say):
    """The model, held to what 1, 2 and 4 ranks take here; and what it says of many machines."""
    counts = np.array([int(each) for each in exchanges["2"]])
    taken = np.array(list(exchanges["2"].values()))

    def here(size, ranks):
        return 0.0 if ranks == 1 else float(np.interp(size / 4, counts, taken))

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows, curves = [], {}
    for key in ("S2", "S3", "S4"):
        work, count = WORKLOADS[key], parameters_of(key)
        by_batch = {
            batch: min(
                ask(1, "train", key=key, batch=batch, rows=work.rows, repetitions=3)["seconds"]
            )
            for batch in (work.batch // 4, work.batch // 2, work.batch)
        }
        for ranks in (1, 2, 4):
            share = max(1.0, ranks / cores)  # of a core, which ranks may have to share
            model = share * step_model(by_batch, count, ranks, work.batch, here)
            measured = min(ask(ranks, "train", key=key, repetitions=3)["seconds"])
            rows.append((key, ranks, model, measured))
            say(
                f"{key} on {ranks} ranks: {measured * 1e6:8.0f} us a step, by the model "
                f"{model * 1e6:8.0f} ({model / measured - 1:+.0%})"
            )
        for name, network in NETWORKS.items():
            for batch in (work.batch, 16 * work.batch, 256 * work.batch):
                alone = step_model(by_batch, count, 1, batch, over_a_network(*network))
                speed = {
                    machines: alone
                    / step_model(by_batch, count, machines, batch, over_a_network(*network))
                    for machines in (1, 2, 4, *MACHINES)
                }
                curves[f"{key}, batch {batch}, {name}"] = speed
                said = ", ".join(f"{speed[n]:.1f} on {n}" for n in MACHINES)
                say(f"{key}, batch {batch:>6}, {name}: times as fast as one machine: {said}")
    return {"held": rows, "curves": curves}


def draw(curves, path):
    """Speed by the number of machines, a network a panel."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(NETWORKS), figsize=(10, 4.2), sharey=True)
    for axis, network in zip(axes, NETWORKS, strict=True):
        for name, speed in curves.items():
            if name.endswith(network):
                style = {"S2": ":", "S3": "--", "S4": "-"}[name[:2]]
                label = name.removesuffix(f", {network}")
                axis.plot(list(speed), list(speed.values()), style, marker=".", label=label)
        axis.plot([1, 512], [1, 512], color="0.7", lw=1)
        axis.set(xscale="log", yscale="log", title=network, xlabel="machines")
    axes[0].set_ylabel("times as fast as one")
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(KEYS))
    parser.add_argument("--quick", action="store_true", help="one round: numbers mean little")
    parser.add_argument("--json", default="build/bench/distributed.json")
    arguments = parser.parse_args()
    facts = describe(("deltarule", "numpy", "torch", "mpi4py", "mpich"))
    print(json.dumps(facts, indent=1))
    rounds = 1 if arguments.quick else 3
    keys = arguments.only.split(",")
    print(f"the machine was busy: a load of {os.getloadavg()[0]:.1f} before it began")
    found, missed = against_peers(keys, rounds, print)
    exchanges = of_exchanges(print)
    model = scaling(exchanges, print)
    path = Path(arguments.json)
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(model["curves"], path.with_suffix(".png"))
    told = {"machine": facts, "peers": found, "exchanges": exchanges, "model": model}
    path.write_text(json.dumps(told))
    for each in missed:
        print(f"missed: {each}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
