"""Trainings of many kinds; each rank tells what the networks came to."""

import hashlib
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from mpi4py import MPI

import deltarule as dr

COMM = MPI.COMM_WORLD
SHARDS = 12
OPTIMIZERS = (
    "sgd adam adamw nadam radam rmsprop adagrad adadelta lion".split()  # noqa: SIM905 (a line)
)
rng = np.random.default_rng(0)
X = rng.normal(size=(240, 6)).astype("float32")
y = X[:, 0] * X[:, 1]
labels = (y > 0).astype(np.int64)
weights = rng.integers(1, 5, 240) * 1.0
X_val = rng.normal(size=(48, 6)).astype("float32")
y_val = X_val[:, 0] * X_val[:, 1]
mine = dr.distributed.rows_of_rank(240, COMM)
mine_val = dr.distributed.rows_of_rank(48, COMM)
told = {}


def tell(name, network, history):
    """Take down all that a training changes; on every rank alike."""
    parts = [network.parameters, network.statistics]
    parts += [] if network.average is None else [network.average]
    seen = hashlib.sha256(b"".join(part.tobytes() for part in parts))
    seen.update(json.dumps({key: list(values) for key, values in history.items()}).encode())
    digests = COMM.allgather(seen.hexdigest())
    assert len(set(digests)) == 1, f"{name}: the ranks differ"
    told[name] = digests[0]


def train(name, layers, targets=y, given=X, dtype="float32", **options):
    """Train, on this rank's rows, or whatever is given."""
    network = dr.Network(layers, input_size=6, seed=0, dtype=dtype)
    options = {"batch_size": 60, "epochs": 3, "shards": SHARDS} | options
    rows = [] if targets is None else [targets[mine]]
    given = given if isinstance(given, list) else given[mine]
    tell(name, network, dr.distributed.fit(network, given, *rows, comm=COMM, **options))
    return network


def hidden(*more):
    return [dr.Dense(8, "tanh"), *more, dr.Dense(1)]


for optimizer in OPTIMIZERS:
    train(optimizer, hidden(), optimizer=optimizer)
train("dropout", hidden(dr.Dropout(0.4)))
train("batch norm", hidden(dr.BatchNorm()), validation_data=(X_val[mine_val], y_val[mine_val]))
train("standardize", [dr.Standardize(), *hidden()], given=X * 3 + 1, dtype="float64")
train("split", hidden(), validation_split=0.25, metrics=["r2"], shuffle=False)
train("clip and average", hidden(), clip_norm=0.1, clip_value=0.05, average=0.9)
train("l2", [dr.Dense(8, "relu", l2=0.01), dr.Dense(1)], sample_weight=weights[mine])
train(
    "classes",
    [dr.Dense(8, "relu"), dr.Dense(2, "softmax")],
    labels,
    class_weight="balanced",
    validation_data=(X_val[mine_val], (y_val[mine_val] > 0).astype(int)),
    metrics=["accuracy", "auc"],
    callbacks=[dr.EarlyStopping("val_loss", patience=1)],
    optimizer=dr.Adam(dr.schedules.ReduceOnPlateau(0.05, monitor="val_loss", patience=0)),
)
# More numbers than go with what ranks say when they meet, in more than one span.
train("wide", [dr.Dense(900, "relu"), dr.Dense(1300, "relu"), dr.Dense(1)], epochs=1)
one_a_shard = [(X[k : k + 12], y[k : k + 12], weights[k : k + 12]) for k in range(0, 240, 12)]
ranks = range(COMM.rank * 12 // COMM.size, (COMM.rank + 1) * 12 // COMM.size)
train(  # each batch's examples lie on the ranks as its shards do
    "batches",
    hidden(dr.Dropout(0.2)),
    None,
    [tuple(part[ranks.start : ranks.stop] for part in batch) for batch in one_a_shard],
)
# Ranks of which the last has no rows: all come to the same, but not to what other numbers come to.
last = COMM.rank == COMM.size - 1 > 0
some = slice(0, 0) if last else slice(0, 100 + 7 * COMM.rank)
network = dr.Network([dr.Standardize(), *hidden(dr.Dropout(0.2))], input_size=6, seed=0)
history = dr.distributed.fit(
    network,
    X[some],
    y[some],
    comm=COMM,
    shards=SHARDS,
    batch_size=50,
    epochs=2,
    sample_weight=weights[some],
    validation_data=(X_val[some], y_val[some], weights[:48][some]),
    metrics=["r2"],
)
tell("uneven", network, history)
train("uneven batches", hidden(), None, one_a_shard[: 2 + COMM.rank])
folder = Path(sys.argv[1])
network = train("mapped", hidden(), given=np.load(folder / "X.npy", mmap_mode="r"))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it does not converge in so few epochs
    classifier = dr.MLPClassifier(
        (8,), random_state=0, max_iter=5, early_stopping=True, dropout=0.1
    )
    dr.distributed.fit(classifier, X.astype(float), labels, comm=COMM, shards=SHARDS)
told["estimator"] = hashlib.sha256(b"".join(w.tobytes() for w in classifier.coefs_)).hexdigest()

# To the end, and half-way with another number of ranks' checkpoint.
checkpoint = folder / "half.safetensors"
layers = hidden(dr.BatchNorm(), dr.Dropout(0.3))
train("whole", layers, epochs=6, optimizer=dr.Adam(0.01), average=0.9)
resumed = dr.Network(layers, input_size=6, seed=0)
options = {"batch_size": 60, "optimizer": dr.Adam(0.01), "average": 0.9, "comm": COMM}
if not checkpoint.exists():
    COMM.Barrier()
    half = dr.Network(layers, input_size=6, seed=0)
    saving = {"epochs": 3, "callbacks": [dr.Checkpoint(checkpoint)], "shards": SHARDS}
    dr.distributed.fit(half, X[mine], y[mine], **(options | saving))
    options["optimizer"] = dr.Adam(0.01)
history = dr.distributed.fit(
    resumed,
    X[mine],
    y[mine],
    **options,
    epochs=6,
    resume=checkpoint,
    callbacks=[dr.Checkpoint(checkpoint.with_suffix(f".{COMM.size}"))],
)
tell("resumed", resumed, history)
if COMM.rank == 0:
    print(json.dumps(told), flush=True)
