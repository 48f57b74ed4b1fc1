"""Many networks, on this machine and on all ranks; each rank tells what was the same."""

import contextlib
import io
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from mpi4py import MPI

import deltarule as dr
from deltarule.distributed.digest import digest
from ensembles.test_many import LOSS, alone, assert_same, mixed
from support import data_of_every_kind

COMM = MPI.COMM_WORLD
whole = sys.argv[1] == "whole"
rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4)).astype("float32")
y = X[:, :2] * X[:, 2:]
told = {"rank": COMM.rank}


def networks(count=3, units=6, seed=0):
    layers = [dr.Dense(units, "tanh"), dr.Dropout(0.2), dr.Dense(2)]
    return [dr.Network(layers, input_size=4, seed=seed + k) for k in range(count)]


def what_it_raises(act):
    try:
        act()
    except Exception as error:
        return ": ".join([type(error).__name__, str(error), *getattr(error, "__notes__", ())])
    return "nothing"


def many(nets, *data, **options):
    return dr.distributed.fit_many(nets, *data, comm=COMM, **options)


def on_all(value):
    """Whether all ranks have the same."""
    return len({digest(each) for each in COMM.allgather(value)}) == 1


def bits(nets):
    return [net.parameters.tobytes() for net in nets]


# Networks that have little in common, each as it would be alone.
(nets, options), (others, own) = mixed(), mixed()
table, classes = data_of_every_kind(60)
alone(others, table, classes, own)
views = [net.parameters for net in nets]
histories = many(nets, table, classes, loss=LOSS, **options)
for net, other, history, view in zip(nets, others, histories, views, strict=True):
    assert history is net.history
    assert view is net.parameters
    assert_same(net, other)
given = [each for each in options["optimizer"] if isinstance(each, dr.Optimizer)]
told["optimizers"] = on_all([(each.step, each.state) for each in given])
losses = nets[2].history["val_loss"]
told["callback"] = options["callbacks"][2][0].best_epoch == 1 + losses.index(min(losses))


class Meets:
    """Comes to no end but where each rank trains a network at the same time."""

    rank = None

    def on_fit_begin(self, run):
        COMM.Barrier()
        self.rank = COMM.rank


each = [[Meets()] for _ in range(COMM.size)]
many(networks(COMM.size), X, y, callbacks=each)
told["trained on"] = sorted(callback.rank for [callback] in each)


class Raises:
    def on_epoch_end(self, run):
        raise OSError("the disk is full")


nets, others = networks(), networks()
callbacks = [[], [], [Raises()]]
told["raised"] = what_it_raises(lambda: many(nets, X, y, epochs=3, callbacks=callbacks))
for index, other in enumerate(others):
    other.fit(X, y, epochs=1 if index == 2 else 3)
told["the others"] = bits(nets) == bits(others)
bags = [rng.integers(0, 100, 80) for _ in range(3)]
options = {"rows": bags, "validation_rows": np.arange(100, 120), "epochs": 3, "seeds": 5}
nets, others, said = networks(), networks(), io.StringIO()
np.save(f"{sys.argv[2]}/{COMM.rank}.npy", X)
mapped = np.load(f"{sys.argv[2]}/{COMM.rank}.npy", mmap_mode="r") if COMM.rank else X
with contextlib.redirect_stderr(said):
    many(nets, mapped, y, progress=True, **options)
dr.fit_many(others, X, y, **options)
told["rows"] = bits(nets) == bits(others)
told["said"] = said.getvalue()
if not whole:
    os.write(1, (json.dumps(told) + "\n").encode())
    sys.exit()

nets = networks()
rates = [dr.SGD(0.1), dr.SGD(1e30), dr.SGD(0.1)]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    many(nets, X, y, optimizer=rates, epochs=3)
told["warned"] = [str(each.message) for each in caught if each.category is dr.TrainingWarning]
told["diverged"] = [net.history.diverged is not None for net in nets]

# What ranks may not do.
shared, other_y = Raises(), y[:9] if COMM.rank else y
refused = {
    "X": lambda: many(networks(), X + COMM.rank, y),
    "y": lambda: many(networks(), X, other_y),
    "epochs": lambda: many(networks(), X, y, epochs=2 + COMM.rank),
    "seed": lambda: many(networks(seed=COMM.rank), X, y),
    "both wrong": lambda: many(networks(), X, y[:9]),
    "a callback of two": lambda: many(networks(2), X, y, callbacks=[[shared], [shared]]),
    "what cannot travel": lambda: many(networks(1), X, y, callbacks=[[Cannot()]]),
}


class Cannot(Raises):
    def __init__(self):
        self.function = lambda: None


told["refused"] = {name: what_it_raises(act) for name, act in refused.items()}


def fewer_calls():
    with dr.distributed.over(comm=COMM):
        if not COMM.rank:
            dr.fit_many(networks(), X, y)


told["fewer calls"] = what_it_raises(fewer_calls)

# Rank 0's clock is everybody's.
nets = networks()
many(nets, X, y, epochs=10**7, time_limit=0.2 if COMM.rank == 0 else 1000)
told["time limit"] = on_all(bits(nets)) and nets[0].history.epochs > 0


def make(units, rate, seed):
    return networks(1, units, seed)[0], {"optimizer": dr.Adam(rate)}


def search(budget):
    space = {"units": dr.Integer(2, 9), "rate": dr.LogUniform(1e-3, 1e2)}
    return dr.search(make, space, X, y, budget=budget, trials=4)


def model():
    labels = np.where(X[:, 0] > X[:, 1], "more", "less")
    kind = dr.TabularClassifier(preset="fast", random_state=0, time_limit=None)
    return kind.fit(X, labels)


def of(found):
    table = {name: values for name, values in found.trials.items() if name != "seconds"}
    return table, found.best.parameters


before = (of(search(24)), model().predict_proba(X)) if COMM.rank == 0 else None
with dr.distributed.over(comm=COMM):
    found, fitted, timed = search(24), model(), search("0.3s")
before = COMM.bcast(before)
told["search"] = digest(of(found)) == digest(before[0])
told["table"] = fitted.predict_proba(X).tobytes() == before[1].tobytes()
told["search by time"] = on_all(of(timed))

# Predictions, by ranges.
folder = Path(sys.argv[2])
net, rows = networks(1)[0], rng.normal(size=(140_001, 4)).astype("float32")
if COMM.rank == 0:
    np.save(folder / "rows.npy", rows)
expected = net.predict(rows).tobytes()
predict = dr.distributed.predict
told["gathered"] = predict(net, rows, comm=COMM).tobytes() == expected
mapped = predict(net, folder / "rows.npy", comm=COMM, out=folder / "out.npy")
told["written"] = isinstance(mapped, np.memmap) and mapped.tobytes() == expected
told["fewer rows than ranks"] = (
    predict(net, rows[:1], comm=COMM).tobytes() == net.predict(rows[:1]).tobytes()
)
frame = {"a": rows[:50, 0], "b": np.array(["x", "y"] * 25)}
labels = np.where(frame["a"] > 0, "more", "less")
of_frame = dr.TabularClassifier(preset="fast", random_state=0).fit(frame, labels)
told["labels"] = predict(of_frame, frame, comm=COMM).tolist() == of_frame.predict(frame).tolist()
told["other rows"] = what_it_raises(lambda: predict(net, rows + COMM.rank, comm=COMM))
os.write(1, (json.dumps(told) + "\n").encode())
