"""A system without memory: a MemoryError that says so, and everything as before."""

import sys

import pytest

from support import run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Tries `act` on what `prepare` returns, within an address space that has room for a little more
# each time, until it succeeds; `check` is handed each result, or None for a MemoryError.
SWEEP = """
import gc, resource, sys, traceback
import numpy as np
import deltarule as dr

def size():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()

def sweep(prepare, act, check, step=1 << 18):
    places, extra = set(), 0
    while True:
        extra += step
        prepared = prepare()
        gc.collect()
        resource.setrlimit(resource.RLIMIT_AS, (size() + extra, resource.RLIM_INFINITY))
        try:
            result = act(prepared)
        except MemoryError as error:
            result, failed = None, error
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        check(prepared, result)
        if result is not None:
            return places
        message = str(failed)
        assert not message or message.startswith(("deltarule: the system", "Unable to")), message
        frames = traceback.extract_tb(failed.__traceback__)
        places.add([frame.name for frame in frames if "deltarule" in frame.filename][-1])

def same(net, before):
    assert (net.parameters.tobytes(), net.statistics.tobytes(), net._pass.number) == before

def now(net):
    return net.parameters.tobytes(), net.statistics.tobytes(), net._pass.number

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 300)).astype("float32")
Y = rng.normal(size=(1000, 200)).astype("float32")
layers = [dr.Dense(400, "tanh"), dr.BatchNorm(), dr.Dense(400, "relu"), dr.Dense(200)]
dr.set_num_threads(2)
# Imported at their first use: where an interpreter cannot compile a module for want of memory, its
# error may be another than MemoryError.
dr.Network, dr.Adam
"""


# So that what an attempt has given back does not serve the next.
EACH_FROM_THE_SYSTEM = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def test_making_and_training_a_network() -> None:
    script = """
places = sweep(lambda: None, lambda _: dr.Network(layers, 300), lambda *_: None)
print(sorted(places))

def prepare():
    net, optimizer = dr.Network(layers, 300), dr.Adam()
    return net, optimizer, now(net)

def fit(prepared):
    net, optimizer, _ = prepared
    return net.fit(X, Y, batch_size=500, epochs=2, optimizer=optimizer, average=0.9)

expected = prepare()
fit(expected)
after = now(expected[0])

def check(prepared, history):
    net, optimizer, before = prepared
    if history is None and optimizer.step == 0:
        same(net, before)
    if history is None and optimizer.step == 0 and net.average is None:
        history = fit(prepared)
    if history is not None:
        same(net, after)

print(sorted(sweep(prepare, fit, check)))
"""
    result = run_python("-c", SWEEP + script, timeout=120, **EACH_FROM_THE_SYSTEM)
    assert result.returncode == 0, result.stderr[-3000:]
    made, trained = (set(eval(line)) for line in result.stdout.splitlines())
    assert {"aligned_zeros"} <= made, made
    # The optimizer's state, the gradients, the way back, the average, and the core's own rooms.
    assert {"aligned_zeros", "_take", "later"} <= trained, trained


def test_predicting_and_the_explicit_steps() -> None:
    script = """
net = dr.Network(layers, 300)
before, expected, judged = now(net), net.predict(X), net.evaluate(X, Y)
cost, gradients = net.loss_and_gradients(X, Y)

def explicit(_):
    A, caches = net.forward(X)
    net.backward(A, caches)
    return net.loss_and_gradients(X, Y)

def explicit_is_right(_, result):
    assert result is None or (result[0] == cost and np.array_equal(result[1], gradients))

def predicted(_, A):
    same(net, before)
    assert A is None or np.array_equal(A, expected)

def evaluated(_, values):
    same(net, before)
    assert values is None or values == judged

nothing = lambda: None
print(sorted(sweep(nothing, lambda _: net.predict(X), predicted)))
print(sorted(sweep(nothing, lambda _: net.evaluate(X, Y), evaluated)))
print(sorted(sweep(nothing, explicit, explicit_is_right)))
"""
    result = run_python("-c", SWEEP + script, timeout=120, **EACH_FROM_THE_SYSTEM)
    assert result.returncode == 0, result.stderr[-3000:]
    predicted, evaluated, explicit = (set(eval(line)) for line in result.stdout.splitlines())
    assert predicted
    assert evaluated
    assert {"forward", "backward", "aligned_zeros"} <= explicit, explicit


def test_a_network_that_no_memory_holds() -> None:
    script = """
resource.setrlimit(resource.RLIMIT_AS, (size() + (1 << 30), resource.RLIM_INFINITY))
for units in (10**5, 5 * 10**5, 10**6, 10**7):
    try:
        dr.Network([dr.Dense(units)], input_size=units)
    except MemoryError as error:
        print(error)
    except ValueError as error:
        print(error)
"""
    result = run_python("-c", SWEEP + script)
    assert result.returncode == 0, result.stderr
    *lines, beyond_all_bounds = result.stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("Unable to allocate")
    assert f"and {2**40} weights or fewer in all layers" in beyond_all_bounds


@pytest.mark.parametrize("library", ["numpy", "pandas"])
def test_a_million_rows_of_a_table_are_encoded_in_little_memory(library: str) -> None:
    """The result included, in 700 bytes a row beyond the table."""
    if library != "numpy":
        pytest.importorskip(library)
    script = f"""
import importlib, sys
import numpy as np
import deltarule as dr

def memory(which):
    with open("/proc/self/status") as status:
        [line] = [line for line in status if line.startswith(which)]
    return int(line.split()[1]) * 1024

m, rng = 1_000_000, np.random.default_rng(0)
table = {{f"n{{i}}": rng.normal(size=m) for i in range(4)}}
table["text"] = rng.choice(np.array([f"city {{i}}" for i in range(50)]), m)
table["truth"], table["few"] = rng.uniform(size=m) < 0.5, rng.integers(0, 5, m)
table["date"] = rng.integers(0, 10**15, m).astype("M8[us]")
if "{library}" != "numpy":
    table = importlib.import_module("{library}").DataFrame(table)
y = rng.integers(0, 2, m)
dr.TableEncoder
before = memory("VmRSS")
X = dr.TableEncoder().fit_transform(table, y)
assert len(X) == m
print(memory("VmHWM") - before)
"""
    result = run_python("-c", script, timeout=300)
    assert result.returncode == 0, result.stderr[-3000:]
    assert int(result.stdout) < 700 * 10**6
