"""Processes: forks of one whose threads have been at work, and the libraries that start them."""

import os
from pathlib import Path

import pytest

from support import output_of, run_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

# Steps and predictions that two threads make together. A child that hangs is killed.
WORK = """
import os, signal, sys, threading, time, warnings
import numpy as np
import deltarule as dr

warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of fork beside threads
dr.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(600, 50)).astype("float32")

def new():
    return dr.Network([dr.Dense(200, "tanh"), dr.Dense(3)], input_size=50)

def train(_=None):
    net = new()
    net.fit(X, X[:, :3], epochs=2, batch_size=300)
    return net.predict(X).tobytes()

def in_child(check):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            os._exit(0 if check() else 1)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0
"""


def test_the_child_of_a_child() -> None:
    script = """
expected = train()
print(in_child(lambda: train() == expected and in_child(lambda: train() == expected)))
print(train() == expected)
"""
    assert output_of(WORK + script).split() == ["True", "True"]


def test_a_fork_in_the_middle_of_a_fit() -> None:
    """Both go on with it, to the same bits."""
    script = """
class Fork:
    child = None
    def on_epoch_end(self, run):
        if run.epoch == 2:
            self.child = os.fork()

def fit(*callbacks):
    net = new()
    net.fit(X, X[:, :3], epochs=5, batch_size=300, callbacks=callbacks)
    return net.parameters.tobytes()

expected, fork = fit(), Fork()
signal.alarm(60)
good = fit(fork) == expected and fit() == expected
if fork.child == 0:
    os._exit(0 if good else 1)
print(good, os.waitpid(fork.child, 0)[1])
"""
    assert output_of(WORK + script) == "True 0"


def test_forks_while_another_thread_trains() -> None:
    """The child, which lacks that thread, may use and train all that it has."""
    script = """
expected, shared, optimizer = train(), new(), dr.Adam()
shared.fit(X, X[:, :3], optimizer=optimizer)
options = {"epochs": 10**9, "batch_size": 300, "optimizer": optimizer}
threading.Thread(target=shared.fit, args=(X, X[:, :3]), kwargs=options, daemon=True).start()

def check():
    good = np.isfinite(shared.predict(X)).all()
    shared.layers[0].frozen = True
    good &= shared.fit(X, X[:, :3], epochs=2, batch_size=300, optimizer=optimizer).epochs == 2
    return good and train() == expected

moments = np.random.default_rng(1).uniform(0, 0.05, 30)
good = []
for moment in moments:
    time.sleep(moment)
    good.append(in_child(check))
print(all(good))
try:
    shared.fit(X, X[:, :3])
except RuntimeError:
    print("still training")
os._exit(0)
"""
    result = run_python("-u", "-c", WORK + script, timeout=120)
    assert result.stdout.split("\n")[:2] == ["True", "still training"], result.stderr


MULTIPROCESSING = """
if __name__ == "__main__":
    import multiprocessing
    expected = train()
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map_async(train, range(4)).get(60) == [expected] * 4)
"""
JOBLIB = """
if __name__ == "__main__":
    import joblib
    expected = train()
    for method in ("loky", "threading", "multiprocessing"):
        with joblib.parallel_backend(method):
            results = joblib.Parallel(2, timeout=60)(joblib.delayed(train)(i) for i in range(4))
        print(method, results == [expected] * 4)
"""


@pytest.mark.parametrize("script", [MULTIPROCESSING, JOBLIB], ids=["multiprocessing", "joblib"])
def test_pools_of_processes(script: str, tmp_path: Path) -> None:
    file = tmp_path / "work.py"
    file.write_text(WORK + script, encoding="utf-8")
    result = run_python(str(file), timeout=120)
    assert result.returncode == 0, result.stderr
    printed = result.stdout.split()
    assert printed[1::2] == ["True"] * 3, result.stdout
