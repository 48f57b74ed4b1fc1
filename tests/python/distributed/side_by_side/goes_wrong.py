"""Many networks on all ranks, where something ends rank 1; each rank tells how it ended."""

import json
import os
import signal
import sys
import time

import numpy as np
from mpi4py import MPI

import deltarule as dr

COMM = MPI.COMM_WORLD
what, culprit = sys.argv[1], COMM.rank == int(sys.argv[2])
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4)).astype("float32")


class Trouble:
    def on_epoch_end(self, run):
        time.sleep(0.01)
        if culprit and run.epoch == 5:
            if what == "exits":
                sys.exit(3)
            os.kill(os.getpid(), signal.Signals[what])


networks = [dr.Network([dr.Dense(1)], input_size=4, seed=seed) for seed in range(6)]
callbacks = [[Trouble()] for _ in networks]
ended = "done"
try:
    with dr.distributed.over(comm=COMM, timeout=3 if what == "SIGSTOP" else 15):
        if what == "raises" and culprit:
            raise OSError("the disk is full")
        dr.fit_many(networks, X, X[:, :1], epochs=10**5, callbacks=callbacks)
except (Exception, KeyboardInterrupt, SystemExit) as error:
    ended = f"{type(error).__name__}: {error}"
told = {"rank": COMM.rank, "ended": ended}
told["whole"] = all(bool(np.isfinite(net.parameters).all()) for net in networks)
os.write(1, (json.dumps(told) + "\n").encode())
