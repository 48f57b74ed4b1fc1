"""Many networks by the workers of Dask; one line of JSON tells what was the same."""

import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path

import dask.array as da
import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV

import deltarule as dr
from deltarule.distributed.digest import digest
from distributed import Client, LocalCluster
from ensembles.test_many import LOSS, alone, assert_same, mixed
from support import data_of_every_kind

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4)).astype("float32")
y = X[:, :2] * X[:, 2:]
labels = np.where(X[:, 0] > X[:, 1], "more", "less")
told = {}


def networks(count=3, units=6, seed=0):
    layers = [dr.Dense(units, "tanh"), dr.Dropout(0.2), dr.Dense(2)]
    return [dr.Network(layers, input_size=4, seed=seed + k) for k in range(count)]


def bits(nets):
    return [net.parameters.tobytes() for net in nets]


def what_it_raises(act):
    try:
        act()
    except BaseException as error:
        return ": ".join([type(error).__name__, str(error), *getattr(error, "__notes__", ())])
    return "nothing"


class Once:
    """Does something to the worker in the third epoch, once of all times that it is tried."""

    def __init__(self, what, folder):
        self.what, self.mark, self.seen = what, str(Path(folder) / what), []

    def on_epoch_end(self, run):
        self.seen.append(run.epoch)
        if run.epoch != 3:
            return
        try:
            Path(self.mark).mkdir()
        except FileExistsError:
            return
        if self.what == "raises":
            raise OSError("the disk is full")
        (Path(self.mark) / "pid").write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.Signals[self.what])


class Slow:
    def on_epoch_end(self, run):
        time.sleep(0.01)


def make(units, rate, seed):
    return networks(1, units, seed)[0], {"optimizer": dr.Adam(rate)}


def search():
    space = {"units": dr.Integer(2, 9), "rate": dr.LogUniform(1e-3, 1e2)}
    found = dr.search(make, space, X, y, budget=24, trials=4)
    table = {name: values for name, values in found.trials.items() if name != "seconds"}
    return digest((table, found.best.parameters))


def grid():
    model = dr.MLPClassifier(max_iter=10, random_state=0)
    found = GridSearchCV(model, {"hidden_layer_sizes": [(3,), (6,)]}, cv=2).fit(X, labels)
    return found.cv_results_["mean_test_score"].tolist()


def same_bits(client):
    (nets, options), (others, own) = mixed(), mixed()
    table, classes = data_of_every_kind(60)
    alone(others, table, classes, own)
    views = [net.parameters for net in nets]
    dr.distributed.fit_many(nets, table, classes, client=client, loss=LOSS, **options)
    for net, other, view in zip(nets, others, views, strict=True):
        assert view is net.parameters
        assert_same(net, other)
    losses = nets[2].history["val_loss"]
    told["callback"] = options["callbacks"][2][0].best_epoch == 1 + losses.index(min(losses))

    bags = [rng.integers(0, 100, 80) for _ in range(3)]
    options = {"rows": bags, "validation_rows": np.arange(100, 120), "epochs": 3, "seeds": 5}
    nets, others = networks(), networks()
    dr.distributed.fit_many(nets, X, y, client=client, **options)
    dr.fit_many(others, X, y, **options)
    told["rows"] = bits(nets) == bits(others)

    def model():
        return dr.TabularClassifier(preset="fast", random_state=0).fit(X, labels)

    before, sent, scatter = (search(), model()), [], client.scatter
    client.scatter = lambda data, **options: sent.extend(data) or scatter(data, **options)
    with dr.distributed.over(client=client):
        found = search()
        told["sent for all rungs"] = len(sent)
        fitted = model()
    told["search"] = before[0] == found
    told["table"] = before[1].predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()
    before = grid()
    with joblib.parallel_config(backend="dask"):
        told["grid search"] = before == grid()
    lazy = dr.distributed.predict(fitted, da.from_array(X, chunks=(50, 4)))
    told["predicted"] = lazy.compute().tolist() == fitted.predict(X).tolist()


def goes_wrong(client, folder):
    def many(nets, *data, **options):
        return dr.distributed.fit_many(nets, *data, client=client, **options)

    nets, others = networks(), networks()
    callbacks = [[], [], [Once("raises", folder)]]
    told["raised"] = what_it_raises(lambda: many(nets, X, y, epochs=4, callbacks=callbacks))
    for index, other in enumerate(others):
        other.fit(X, y, epochs=3 if index == 2 else 4)
    told["the others"] = bits(nets) == bits(others)
    told["seen"] = callbacks[2][0].seen
    told["a collection"] = what_it_raises(lambda: many(networks(), da.from_array(X), y))

    signal.setitimer(signal.ITIMER_REAL, 0.7)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    slow = [[Slow()] for _ in range(3)]
    told["interrupted"] = what_it_raises(
        lambda: many(networks(), X, y, epochs=10**5, callbacks=slow)
    )
    ends = time.monotonic() + 20
    while any(client.run(tasks_at_work).values()) and time.monotonic() < ends:
        time.sleep(0.05)
    told["at work"] = sum(client.run(tasks_at_work).values())

    nets, others = networks(), networks()
    many(nets, X, y, epochs=4, callbacks=[[], [Once("SIGKILL", folder)], []])
    for other in others:
        other.fit(X, y, epochs=4)
    told["a worker killed"] = bits(nets) == bits(others)
    # Whoever comes in its place is silent, too, while it imports what it needs.
    client.wait_for_workers(2)
    client.run(same_build)
    callbacks = [[], [Once("SIGSTOP", folder)], []]
    told["a worker stopped"] = what_it_raises(
        lambda: many(nets, X, y, epochs=4, callbacks=callbacks, timeout=3)
    )
    os.kill(int((Path(folder) / "SIGSTOP" / "pid").read_text()), signal.SIGKILL)


def same_build():
    return dr.isa()


def tasks_at_work(dask_worker):
    return len(dask_worker.active_threads)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as the_client:
        same_bits(the_client)
        goes_wrong(the_client, sys.argv[1])
        print(json.dumps(told), flush=True)
