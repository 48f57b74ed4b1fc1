"""The interpreter's end while the core is at work, other interpreters, and imports anew."""

import os
import sys

import pytest

from support import output_of, run_python

SETUP = """
import atexit, os, signal, sys, threading, time, warnings
import numpy as np
import deltarule as dr

warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of fork beside threads
dr.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(2000, 60)).astype("float32")
net = dr.Network([dr.Dense(100, "tanh"), dr.Dense(3)], input_size=60)

def in_background(work, **options):
    threading.Thread(target=work, kwargs=options, daemon=True).start()
"""

# What daemon threads are at when the main thread ends.
BACKGROUND = {
    "short steps": "in_background(lambda: net.fit(X, X[:, :3], epochs=10**9, batch_size=1))",
    "long steps": "in_background(lambda: net.fit(X, X[:, :3], epochs=10**9, batch_size=1000))",
    "a loss of Python's, on two threads": """
def loss(A, Y):
    return ((A - Y) ** 2).sum(axis=1), 2 * (A - Y)
in_background(lambda: net.fit(X, X[:, :3], loss=loss, epochs=10**9, batch_size=1000))
""",
    "predictions and explicit steps": """
def predict():
    while True:
        net.predict(X)
def steps():
    while True:
        A, caches = net.forward(X)
        net.backward(A, caches)
in_background(predict)
in_background(predict)
in_background(steps)
""",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("work", BACKGROUND.values(), ids=BACKGROUND)
def test_the_interpreter_ends_while_threads_are_at_work(work: str) -> None:
    """At sixty moments in all, each in a child with an interpreter of its own to end."""
    script = f"""
ended = []
for moment in np.random.default_rng(1).uniform(0.0, 0.06, 15):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
{"".join(f"        {line}{chr(10)}" for line in work.strip().splitlines())}
        time.sleep(moment)
        sys.exit(3)
    ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(set(ended), len(ended))
"""
    result = run_python("-c", SETUP + script, timeout=120)
    assert result.stdout.strip() == "{3} 15", result.stdout + result.stderr
    assert not result.stderr


@pytest.mark.parametrize("work", BACKGROUND.values(), ids=BACKGROUND)
def test_a_first_interpreter_ends_alike(work: str) -> None:
    result = run_python("-c", f"{SETUP}{work}\ntime.sleep(0.1)\nprint('over')\nsys.exit(3)")
    assert (result.returncode, result.stdout, result.stderr) == (3, "over\n", "")


@pytest.mark.parametrize("end", ["sys.exit(5)", "os._exit(5)"])
def test_a_callback_ends_the_process(end: str) -> None:
    script = f"""
class End:
    def on_run_end(self, run):
        if run.step > 10:
            {end}
net.fit(X, X[:, :3], epochs=10**9, batch_size=10, callbacks=[End()])
"""
    result = run_python("-c", SETUP + script)
    assert (result.returncode, result.stdout, result.stderr) == (5, "", "")


def test_a_thread_that_is_waited_for_trains_to_the_end() -> None:
    script = """
def train():
    net.fit(X, X[:, :3], epochs=20, batch_size=100)
    print("trained", flush=True)
threading.Thread(target=train).start()
"""
    assert output_of(SETUP + script) == "trained"


@pytest.mark.parametrize("work", ["", BACKGROUND["long steps"]], ids=["alone", "beside another"])
def test_training_at_exit(work: str) -> None:
    script = """
other = dr.Network([dr.Dense(100), dr.Dense(3)], input_size=60)

@atexit.register
def train():
    print(other.fit(X, X[:, :3], epochs=2, batch_size=1000).epochs)
"""
    assert output_of(SETUP + script + work) == "2"


def test_predicting_in_a_destructor() -> None:
    """So late that modules are taken apart."""
    script = """
class Late:
    def __init__(self):
        self.net, self.X = net, X
    def __del__(self, write=os.write):
        write(1, b"%d rows" % len(self.net.predict(self.X)))
late = Late()
"""
    assert output_of(SETUP + script) == "2000 rows"


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="of CPython's interpreters")
@pytest.mark.parametrize("first", ["", "import deltarule"], ids=["alone", "beside the main one"])
def test_a_subinterpreter_is_refused(first: str) -> None:
    script = f"""
import sys
try:
    import _interpreters as interpreters
except ModuleNotFoundError:
    import _xxsubinterpreters as interpreters
{first}
code = '''
import sys
sys.path[:] = %r
try:
    import deltarule
except ImportError as error:
    print("refused:", error, flush=True)
''' % sys.path
other = interpreters.create()
interpreters.run_string(other, code)
interpreters.destroy(other)
import deltarule
print(deltarule.Network([deltarule.Dense(1)], 2).predict([[1.0, 2.0]]).shape)
"""
    refused, used = output_of(script, timeout=30).splitlines()
    assert refused.startswith("refused:")
    assert "interpreter" in refused
    assert used == "(1, 1)"


def test_imports_anew() -> None:
    """Reloaded, under another name, and after all trace of the first was taken away."""
    script = """
import importlib, pickle, sys
import numpy as np
import deltarule as dr

X = np.random.default_rng(0).normal(size=(300, 5))
def trained(module):
    net = module.Network([module.Dense(8, "tanh"), module.Dense(1)], 5)
    net.fit(X, X[:, 0], epochs=3)
    return net

first = trained(dr)
expected = first.parameters.tobytes()
assert importlib.reload(dr) is dr and dr.Network is type(first)
assert trained(dr).parameters.tobytes() == expected
importlib.reload(importlib.import_module("deltarule.network"))
assert trained(dr).parameters.tobytes() == expected

for name in [name for name in sys.modules if name.partition(".")[0] == "deltarule"]:
    del sys.modules[name]
import deltarule as again
assert again is not dr and again.Network is not dr.Network
second = trained(again)
assert second.parameters.tobytes() == expected
assert pickle.loads(pickle.dumps(second)).parameters.tobytes() == expected
again.set_num_threads(2)
assert dr.get_num_threads() == 2  # one pool
for net in (first, second):
    net.fit(X, X[:, 0])
assert first.parameters.tobytes() == second.parameters.tobytes()
print("good")
"""
    assert output_of(script) == "good"
