"""A training in which something goes wrong on rank 1; each rank tells how it ended."""

import json
import os
import signal
import sys
import time

import numpy as np
from mpi4py import MPI

import deltarule as dr

COMM = MPI.COMM_WORLD
what, folder = sys.argv[1:]
culprit = COMM.rank == 1
rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4)).astype("float32")
y = X[:, 0] * X[:, 1]
mine = dr.distributed.rows_of_rank(80, COMM)


class Trouble:
    """Ends a rank in the middle of training, one way or another."""

    def on_epoch_end(self, run):
        if not culprit or run.epoch != 3:
            return
        if what == "raises":
            raise RuntimeError("the disk is full")
        if what in ("SIGKILL", "SIGSTOP", "SIGINT"):
            os.kill(os.getpid(), signal.Signals[what])
        if what == "stops":
            run.stop()
        if what == "exits":
            sys.exit(3)


options = {"batch_size": 20, "epochs": 6}
options["callbacks"] = [Trouble(), dr.Checkpoint(f"{folder}/run.safetensors")]
seed = COMM.rank if what == "seed" else 0
dtype = "float64" if what == "dtype" and culprit else "float32"
network = dr.Network([dr.Dense(4), dr.Dense(1)], input_size=4, seed=seed, dtype=dtype)
if culprit:
    if what == "nan":
        X[mine.start + 2, 1] = np.nan
    if what == "width":
        X = X[:, :3]
    if what == "epochs":
        options["epochs"] = 7
    if what == "optimizer":
        options["optimizer"] = dr.Adam(0.1)
if what == "diverges":
    options["optimizer"] = dr.SGD(1e9)
if what == "norm":
    network = dr.Network([dr.Dense(4), dr.BatchNorm(), dr.Dense(1)], input_size=4, seed=0)
    options["batch_size"] = 3
if what == "sampling":
    options["sampling"] = np.ones(40)
if what == "lbfgs":
    options["optimizer"] = dr.LBFGS()
if what == "shards":
    options["shards"] = 3
began = time.monotonic()
ended = "done"
try:
    if what == "absent" and culprit:
        time.sleep(4)
    else:
        dr.distributed.fit(network, X[mine], y[mine], comm=COMM, timeout=2, **options)
except (Exception, KeyboardInterrupt, SystemExit) as error:
    ended = f"{type(error).__name__}: {error}"
told = {"rank": COMM.rank, "ended": ended, "epochs": network.history.epochs}
told["seconds"] = time.monotonic() - began
os.write(1, (json.dumps(told) + "\n").encode())  # in one piece, whoever else writes
