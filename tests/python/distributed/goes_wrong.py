"""A training in which something goes wrong on rank 1; each rank tells how it ended."""

import json
import os
import signal
import sys

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


options = {"batch_size": 20, "epochs": 6}
options["timeout"] = 2 if what == "SIGSTOP" else 60
options["callbacks"] = [Trouble(), dr.Checkpoint(f"{folder}/run.safetensors")]
seed = COMM.rank if what == "seed" else 0
network = dr.Network([dr.Dense(4), dr.Dense(1)], input_size=4, seed=seed)
if culprit:
    if what == "nan":
        X[mine.start + 2, 1] = np.nan
    if what == "epochs":
        options["epochs"] = 7
given = X[mine]
if what == "columns":
    import pandas as pd  # no other trouble needs it

    given = pd.DataFrame(given, columns=list("abcd" if culprit else "abdc"))
ended = "done"
try:
    dr.distributed.fit(network, given, y[mine], comm=COMM, **options)
except (Exception, KeyboardInterrupt, SystemExit) as error:
    ended = f"{type(error).__name__}: {error}"
told = {"rank": COMM.rank, "ended": ended, "epochs": network.history.epochs}
os.write(1, (json.dumps(told) + "\n").encode())  # in one piece, whoever else writes
