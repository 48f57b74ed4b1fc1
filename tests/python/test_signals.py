"""Signals: in the thread that is at work, and beside it. test_fit.py has those of a fit."""

import signal

import pytest

from support import output_of, run_python

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")

SETUP = """
import os, signal, threading, time
import numpy as np
import deltarule as dr

dr.set_num_threads(2)
rng = np.random.default_rng(0)
X = rng.normal(size=(200_000, 60)).astype("float32")
net = dr.Network([dr.Dense(200, "tanh"), dr.Dense(3)], input_size=60)

def send(signal_number, seconds):
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal_number))
    timer.daemon = True
    timer.start()
"""


@pytest.mark.parametrize("call", ["net.predict(X)", "net.predict(X, out)", "net.evaluate(X, Y)"])
def test_ctrl_c_while_predicting(call: str) -> None:
    """It ends the call and changes nothing."""
    script = f"""
Y, out = np.zeros((len(X), 3), "float32"), np.empty((len(X), 3), "float32")
before, expected = net.parameters.tobytes(), net.predict(X[:1000])
send(signal.SIGINT, 0.3)
try:
    for _ in range(1000):
        {call}
    print("not interrupted")
except KeyboardInterrupt:
    print(net.parameters.tobytes() == before, np.array_equal(net.predict(X[:1000]), expected))
"""
    assert output_of(SETUP + script) == "True True"


@pytest.mark.parametrize("work", ["net.fit(X, X[:, :3], epochs=10**9)", "net.predict(X)"])
def test_a_signal_to_terminate_does(work: str) -> None:
    script = f"""
print("begun", flush=True)
send(signal.SIGTERM, 0.2)
while True:
    {work}
"""
    result = run_python("-c", SETUP + script)
    assert result.returncode == -signal.SIGTERM
    assert (result.stdout, result.stderr) == ("begun\n", "")


def test_the_main_thread_handles_signals_while_another_trains() -> None:
    script = """
handled, seen = [], []
signal.signal(signal.SIGALRM, lambda *_: handled.append(threading.current_thread().name))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.02)

class Stop:
    def on_run_end(self, run):
        seen.append(len(handled))
        if len(handled) >= 10:
            run.stop()

options = {"epochs": 10**9, "batch_size": 100, "callbacks": [Stop()]}
thread = threading.Thread(target=net.fit, args=(X, X[:, :3]), kwargs=options)
thread.start()
thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print(set(handled), seen[-1] >= 10, np.isfinite(net.parameters).all())
"""
    assert output_of(SETUP + script) == "{'MainThread'} True True"


def test_ctrl_c_while_another_thread_trains() -> None:
    """It is the main thread's, and the training goes on."""
    script = """
stop = threading.Event()

class Stop:
    def on_run_end(self, run):
        if stop.is_set():
            run.stop()

options = {"epochs": 10**9, "batch_size": 100, "callbacks": [Stop()]}
thread = threading.Thread(target=net.fit, args=(X, X[:, :3]), kwargs=options)
thread.start()
send(signal.SIGINT, 0.1)
try:
    thread.join()
except KeyboardInterrupt:
    before = net.parameters.copy()
    while (net.parameters == before).all():
        time.sleep(0.001)
    stop.set()
    thread.join()
    print("both", np.isfinite(net.parameters).all())
"""
    assert output_of(SETUP + script) == "both True"


def test_a_handler_that_uses_the_network() -> None:
    """In the middle of a fit it may predict; another fit is refused, and the fit ends with that."""
    script = """
shapes = []
def handler(*_):
    shapes.append(net.predict(X[:5000]).shape)
    net.fit(X, X[:, :3])

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    net.fit(X, X[:, :3], epochs=10**9)
except RuntimeError as error:
    print(shapes, str(error).partition(":")[0], np.isfinite(net.parameters).all())
print(net.fit(X[:100], X[:100, :3]).epochs)
"""
    assert output_of(SETUP + script).splitlines() == ["[(5000, 3)] fit True", "1"]
