"""Calls every function of the compiled core with arguments that mean harm.

    python tests/fuzz/core.py --runs 100000 --seed 1

Each call has arguments that fit; then, mostly, one or two of them are replaced by what does not:
other shapes, dtypes, layouts, sizes, indices and objects. A call ends in an exception or in the
right answer, as NumPy has it; a crash, a SystemError or a wrong number ends the run, and tells its
number.
"""

import argparse
import faulthandler
import os
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deltarule import _core

MOST_SECONDS = 120  # of a thousand calls
MOST_MEMORY = 4 << 30  # bytes: the calls that fit take a hundredth
DTYPES = ("float32", "float64")
HUGE = (2**31 - 1, 2**31, 2**38, 2**57, 2**62, 2**63 - 1, -(2**63), 10**30)
NUMBERS = (0, 1, -1, 2, 3, 7, 2**31, *HUGE, 0.5, -0.0, 1e300, float("nan"), float("inf"))
LAYERS = (
    lambda r, n: {"kind": "dense", "units": r.choice([1, 2, 3, 7, 16]), "activation": r.choice(G)},
    lambda r, n: {"kind": "activation", "activation": r.choice(G)},
    lambda r, n: {"kind": "dropout", "rate": 0.25},
    lambda r, n: {"kind": "batch_norm", "momentum": 0.1, "epsilon": 1e-5},
    lambda r, n: {"kind": "layer_norm", "epsilon": 1e-5},
    lambda r, n: {"kind": "prelu"},
    lambda r, n: {"kind": "standardize"},
    lambda r, n: {"kind": "embedding", "columns": [(0, 3, 2)]},
    lambda r, n: {
        "kind": "piecewise_linear",
        "bins": [(0, sorted(r.sample(range(-9, 9), r.choice([2, 3, 9]))))],
        "dimension": r.choice([0, 1, 3]),
        "linear": r.random() < 0.5,
    },
    lambda r, n: {
        "kind": "periodic",
        "columns": [0],
        "frequencies": r.choice([1, 3, 16]),
        "dimension": r.choice([0, 2, 5]),
        "form": r.choice(["plr", "cosine"]),
        "shared": r.random() < 0.5,
    },
    lambda r, n: {
        "kind": "periodic",
        "columns": [0],
        "frequencies": r.choice([1, 3, 16]),
        "dimension": r.choice([2, 5]),
        "form": "pbld",
        "shared": r.random() < 0.5,
    },
)
G = ("identity", "relu", "tanh", "sigmoid", "gelu", "softmax", "exponential")
OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "lion")


@dataclass
class Net:
    """A network of the core, and what is needed to call it."""

    core: Any
    dtype: str
    described: list[dict[str, Any]]
    parameters: Any
    n: list[int]

    @property
    def trainer_type(self) -> Any:
        return _core.Trainer32 if self.dtype == "float32" else _core.Trainer64

    @property
    def ensemble_type(self) -> Any:
        return _core.Ensemble32 if self.dtype == "float32" else _core.Ensemble64


@dataclass
class World:
    """What calls have left behind, for later calls to be handed."""

    r: random.Random
    nets: list[Net] = field(default_factory=list)
    caches: list[tuple[Net, Any]] = field(default_factory=list)
    trainers: list[tuple[Net, str, Any]] = field(default_factory=list)

    def keep(self, kept: list[Any], new: Any) -> None:
        kept.append(new)
        if len(kept) > 20:
            kept.pop(self.r.randrange(20))

    # Arguments that fit ------------------------------------------------------------------------

    def array(self, *shape: int, dtype: str = "float32") -> Any:
        r = np.random.default_rng(self.r.randrange(2**32))
        numbers = np.asarray(r.standard_normal(shape), dtype=dtype)
        return np.asfortranarray(numbers) if self.r.random() < 0.3 else numbers

    def size(self) -> int:
        return self.r.choice([1, 2, 3, 5, 8, 9, 17, 33])

    def net(self) -> Net:
        if self.nets and self.r.random() < 0.7:
            return self.r.choice(self.nets)
        n_0, described = self.size(), []
        for _ in range(self.r.randrange(1, 5)):
            described.append(self.r.choice(LAYERS)(self.r, n_0))
        dtype = self.r.choice(DTYPES)
        kind = _core.Network32 if dtype == "float32" else _core.Network64
        core = kind(n_0, described)
        parameters = (0.3 * self.array(core.parameter_count)).astype(dtype)
        n = [core.n(l) for l in range(len(described) + 1)]  # noqa: E741
        made = Net(core, dtype, described, parameters, n)
        self.keep(self.nets, made)
        return made

    def loss(self, name: str | None = None) -> Any:
        return _core.Loss(name or self.r.choice(_core.loss_names()))

    def optimizer(self) -> Any:
        return _core.Optimizer(self.r.choice(OPTIMIZERS), {"learning_rate": 1e-3})

    def examples(self, net: Net, m: int) -> Any:
        return self.array(m, net.n[0], dtype=self.r.choice([*DTYPES, "uint8", "int32", "int64"]))

    def target(self, net: Net, loss: Any, m: int) -> Any:
        weights = np.ones(m) if self.r.random() < 0.3 else None
        if _core.takes_labels(loss) and self.r.random() < 0.5:
            labels = np.array([self.r.randrange(net.n[-1]) for _ in range(m)], "int64")
            return _core.Target(None, labels, weights)
        Y = np.abs(self.array(m, net.n[-1], dtype=net.dtype))
        return _core.Target(np.ascontiguousarray(Y / (1 + Y)), None, weights)

    # Arguments that do not ---------------------------------------------------------------------

    def spoiled(self, given: Any) -> Any:
        """Something else in place of an argument."""
        if isinstance(given, np.ndarray) and self.r.random() < 0.85:
            if given.size >= 10**6:
                return given
            try:
                return self.r.choice(ARRAYS)(self, given)
            except (
                IndexError,
                TypeError,
                ValueError,
            ):  # not every array can be all of it
                return None
        if isinstance(given, int) and self.r.random() < 0.8:
            return self.r.choice([given + 1, given - 1, -given, *HUGE])
        objects = [None, "", "relu", [], {}, object(), np.float32(1), *NUMBERS]
        objects += [net.core for net in self.nets] + [cache for _, cache in self.caches]
        objects += [self.loss(), self.optimizer(), _core.Pass(True, 1, 2)]
        objects.append(_core.Target(None, np.zeros(self.size(), "int64") + self.size(), None))
        objects.append(_core.Target(self.array(self.size(), self.size()), None, None))
        return self.r.choice(objects)


def _other_shape(w: World, a: Any) -> Any:
    shape = [w.r.choice([0, 1, s + 1, max(0, s - 1), s]) for s in a.shape]
    change = w.r.randrange(4)
    shape = shape[:-1] if change == 0 else [*shape, 1] if change == 1 else shape
    return np.ones(shape, a.dtype)


def _unaligned(w: World, a: Any) -> Any:
    raw = np.zeros(a.nbytes + 1, "uint8")[1:]
    return raw.view(a.dtype).reshape(a.shape) if a.size else a


ARRAYS: tuple[Callable[[World, Any], Any], ...] = (
    _other_shape,
    _other_shape,
    lambda w, a: a.astype(w.r.choice(["f4", "f8", "i4", "i8", "u1", "?", "f2", "c8", ">f4", "O"])),
    lambda w, a: a[..., ::-1],
    lambda w, a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
    lambda w, a: np.broadcast_to(a.ravel()[:1], a.shape) if a.size else a,
    lambda w, a: np.broadcast_to(np.zeros(1, a.dtype), (2**45, *a.shape[1:])),
    _unaligned,
    lambda w, a: _read_only(a),
    lambda w, a: np.full(a.shape, w.r.choice([np.nan, np.inf, -1, 1e30])).astype(a.dtype),
    lambda w, a: (a - 1 if w.r.random() < 0.5 else a + 10**6) if a.dtype.kind == "i" else -a,
    lambda w, a: np.ma.masked_array(a),
    lambda w, a: a.tolist(),
    lambda w, a: a.T,
)


def _read_only(a: Any) -> Any:
    a = a.copy()
    a.flags.writeable = False
    return a


# A case makes the arguments of a function, and says what its answer must be.
Case = tuple[Callable[..., Any], list[Any], Callable[[Any], None]]


def _close(actual: Any, expected: Any) -> None:
    tolerance = 1e-9 if np.asarray(expected).dtype == np.float64 else 1e-3
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def _no_answer(_: Any) -> None:
    pass


def dense_forward(w: World) -> Case:
    n, k, m, dtype = w.size(), w.size(), w.size(), w.r.choice(DTYPES)
    W, b, A = (w.array(*s, dtype=dtype) for s in ((n, k), (n, 1), (k, m)))
    return _core.dense_forward, [W, b, A], lambda Z: _close(Z, W @ A + b)


def dense_backward(w: World) -> Case:
    n, k, m, dtype = w.size(), w.size(), w.size(), w.r.choice(DTYPES)
    W, A, dZ = (w.array(*s, dtype=dtype) for s in ((n, k), (k, m), (n, m)))

    def check(made: Any) -> None:
        _close(made[0], W.T @ dZ)
        _close(made[1], 0.5 * dZ @ A.T)
        _close(made[2], 0.5 * dZ.sum(axis=1, keepdims=True))

    return _core.dense_backward, [W, A, dZ, 0.5, True], check


def activation_forward(w: World) -> Case:
    Z = w.array(w.size(), w.size(), dtype=w.r.choice(DTYPES))
    right = {"relu": np.maximum(Z, 0), "tanh": np.tanh(Z), "identity": Z, "exponential": np.exp(Z)}
    name = w.r.choice(_core.activation_names())
    check = (lambda A: _close(A, right[name])) if name in right else _no_answer
    return _core.activation_forward, [name, Z], check


def activation_backward(w: World) -> Case:
    dtype, shape = w.r.choice(DTYPES), (w.size(), w.size())
    dA, Z = w.array(*shape, dtype=dtype), w.array(*shape, dtype=dtype)
    name = w.r.choice(_core.activation_names())
    right = {"relu": dA * (Z > 0), "tanh": dA * (1 - np.tanh(Z) ** 2), "identity": dA}
    check = (lambda dZ: _close(dZ, right[name])) if name in right else _no_answer
    return _core.activation_backward, [name, dA, Z], check


def loss_backward(w: World) -> Case:
    n, m, dtype = w.size(), w.size(), w.r.choice(DTYPES)
    name = w.r.choice(_core.loss_names())
    loss, A = w.loss(name), np.abs(w.array(n, m, dtype=dtype)) / 8 + np.array(0.1, dtype)
    Y: Any = np.abs(w.array(n, m, dtype=dtype)) / 8
    if _core.takes_labels(loss) and w.r.random() < 0.5:
        Y = np.array([w.r.randrange(n) for _ in range(m)], "int64")

    def check(made: Any) -> None:
        if name == "mean_squared_error":
            _close(made[0], ((A - Y) ** 2).mean(axis=0).sum())
            _close(made[1], 2 * (A - Y) / n)

    weights = np.ones(m, dtype) if w.r.random() < 0.3 else None
    return _core.loss_backward, [loss, A, Y, weights], check


def loss_backward_from_logits(w: World) -> Case:
    function, (loss, A, Y, weights), _ = loss_backward(w)
    fused = [g for g in _core.activation_names() if _core.fused_with_output(loss, g)]
    function = _core.loss_backward_from_logits if fused else function
    return function, [loss, A, Y, weights], _no_answer


def make_network(w: World) -> Case:
    net = w.net()
    described = [dict(layer) for layer in net.described]
    if w.r.random() < 0.5:
        layer = w.r.choice(described)
        key = w.r.choice([*layer, "kind"])
        layer[key] = w.spoiled(layer[key])
    if w.r.random() < 0.3:
        described.append({"kind": "add", "from": w.r.choice([*NUMBERS, *range(9)])})
    kind = w.r.choice([_core.Network32, _core.Network64])

    def make(inputs: Any, layers: Any) -> None:
        kind(inputs, layers)

    inputs = net.n[0] if w.r.random() < 0.7 else w.r.choice(NUMBERS)
    return make, [inputs, described], _no_answer


def make_loss(w: World) -> Case:
    names = ("delta", "gamma", "alpha", "label_smoothing", "cost_factor", "gradient_factor")
    values: dict[str, Any] = {name: 0.5 for name in names if w.r.random() < 0.5}
    if w.r.random() < 0.5:
        values["levels"] = w.r.choice([[0.1, 0.9], [], [float("nan")], "no", None])
    name = w.r.choice([*_core.loss_names(), "hubert", None])
    return (lambda n: _core.Loss(n, **values)), [name], _no_answer


def make_optimizer(w: World) -> Case:
    values = {w.r.choice(["learning_rate", "beta_1", "epsilon", "speed"]): w.r.choice(NUMBERS)}
    return _core.Optimizer, [w.r.choice([*OPTIMIZERS, "sgdm"]), values], _no_answer


def indices(w: World) -> Case:
    net = w.net()
    name = w.r.choice(["n", "parameter_offset", "statistics_offset"])
    l = w.r.choice([*range(-1, len(net.n) + 1), *NUMBERS])  # noqa: E741
    return getattr(net.core, name), [l], _no_answer


def cached(w: World) -> Case:
    _, cache = w.r.choice(w.caches) if w.caches else _forward(w)
    return getattr(cache, w.r.choice("AZ")), [w.r.choice([*range(-1, 7), *NUMBERS])], _no_answer


def set_rule(w: World) -> Case:
    net = w.net()
    l = w.r.randrange(1, len(net.n))  # noqa: E741
    return net.core.set_rule, [l, w.r.random() < 0.5, 1.0, 0.01, 0.01, 0.5], _no_answer


def _forward(w: World) -> tuple[Net, Any]:
    net = w.net()
    X, of_pass = w.examples(net, w.size()), _core.Pass(w.r.random() < 0.5, 1, 2)
    cache = net.core.forward(net.parameters, X, of_pass)
    w.keep(w.caches, (net, cache))
    return net, cache


def forward(w: World) -> Case:
    net = w.net()

    def check(cache: Any) -> None:
        assert cache.A(len(net.n) - 1).shape == (cache.m, net.n[-1])
        w.keep(w.caches, (net, cache))

    X = w.examples(net, w.size())
    return net.core.forward, [net.parameters, X, _core.Pass(False, 1, 2)], check


def backward(w: World) -> Case:
    net, cache = w.r.choice(w.caches) if w.caches else _forward(w)
    dA = w.array(cache.m, net.n[-1], dtype=net.dtype)
    gradients = np.empty_like(net.parameters)
    return net.core.backward, [dA, cache, 0.5, gradients, True], _no_answer


def keep_moments(w: World) -> Case:
    net, cache = w.r.choice(w.caches) if w.caches else _forward(w)
    return net.core.keep_moments, [cache], _no_answer


def predict(w: World) -> Case:
    net, m = w.net(), w.size()
    X = np.ascontiguousarray(w.array(m, net.n[0], dtype=net.dtype))
    out = np.empty((m, net.n[-1]), net.dtype) if w.r.random() < 0.5 else None

    def check(made: Any) -> None:
        if made is not None:
            assert made.shape == (m, net.n[-1])

    return net.core.predict, [net.parameters, X, out], check


def _later(w: World, plan: Any) -> Any:
    """A call that plans a piece of work, and has it done: on this thread, or by a crew."""
    by_crew, threads = w.r.random() < 0.5, w.r.randrange(1, 4)

    def call(*arguments: Any) -> Any:
        work = plan(*arguments)
        if not by_crew:
            work()
            return work.result()
        crew = _core.Crew(threads - 1)
        crew.begin(work, threads)
        del arguments
        while not crew.ended(0.01, threads == 1):
            pass
        return work.result()

    return call


def infer(w: World) -> Case:
    net, m = w.net(), w.size()
    loss = w.loss()
    out = np.empty((m, net.n[-1]), net.dtype)
    arguments = [net.parameters, w.examples(net, m), out]
    if w.r.random() < 0.7:
        arguments += [loss, w.target(net, loss, m)]
    if w.r.random() < 0.5:
        return net.core.infer, arguments, _no_answer
    return _later(w, net.core.infer_later), arguments, _no_answer


def make_ensemble(w: World) -> Case:
    net = w.net()
    return net.ensemble_type, [[net.core] * 2, [net.parameters] * 2, [1.0, 0.5]], _no_answer


def _ensemble(w: World) -> tuple[Net, Any, Any]:
    """Of two members that say the same, rows for them, and what either says."""
    net, m = w.net(), w.size()
    X, A = w.examples(net, m), np.empty((m, net.n[-1]), net.dtype)
    net.core.infer(net.parameters, X, A)
    return net, X, A


def _expect_mean(mean: Any, A: Any) -> None:
    """To the bit; of what is infinite there is no mean."""
    finite = np.isfinite(A)
    np.testing.assert_array_equal(mean[finite], A[finite])
    assert not np.isfinite(mean[~finite]).any()


def predict_together(w: World) -> Case:
    net, X, A = _ensemble(w)
    ensemble = net.ensemble_type([net.core] * 2, [net.parameters] * 2, [1.0, 3.0])

    def check(made: Any) -> None:
        if made is not None:
            _expect_mean(made, A)

    out = np.empty_like(A) if w.r.random() < 0.5 else None
    return ensemble.predict, [X, out], check


def infer_together(w: World) -> Case:
    net, X, A = _ensemble(w)
    ensemble = net.ensemble_type([net.core] * 2, [net.parameters] * 2, [1.0, 3.0])
    out = np.empty_like(A)
    return ensemble.infer, [X, out], lambda _: _expect_mean(out, A)


def infer_all(w: World) -> Case:
    net, X, A = _ensemble(w)
    ensemble = net.ensemble_type([net.core] * 2, [net.parameters] * 2, [1.0, 3.0])
    out = np.empty((2, len(A) + 1, net.n[-1]), net.dtype)[:, 1:]
    return ensemble.infer_all, [X, out], lambda _: np.testing.assert_array_equal(out, [A, A])


def update(w: World) -> Case:
    net, optimizer = w.net(), w.optimizer()
    state = np.zeros(net.parameters.size * _core.state_vector_count(optimizer), net.dtype)
    step, gradients = np.zeros(1, "int64"), np.zeros_like(net.parameters)
    arguments = [optimizer, step, net.parameters.copy(), gradients, state]
    return net.core.update, arguments, _no_answer


def _trainer(w: World) -> tuple[Net, str, Any]:
    if w.trainers and w.r.random() < 0.7:
        return w.r.choice(w.trainers)
    net, name = w.net(), w.r.choice(_core.loss_names())
    w.keep(w.trainers, (net, name, net.trainer_type(net.core, w.loss(name))))
    return w.trainers[-1]


def make_trainer(w: World) -> Case:
    net = w.net()
    return net.trainer_type, [net.core, w.loss()], _no_answer


def run(w: World) -> Case:
    net, name, trainer = _trainer(w)
    m, batch_size, epochs = w.size(), w.size(), w.r.choice([1, 1, 2, 3])
    X, target, optimizer = w.examples(net, m), w.target(net, w.loss(name), m), w.optimizer()
    order = None
    if w.r.random() < 0.5:
        order = np.array([w.r.randrange(m) for _ in range(m)], "int64")
    first = w.r.randrange(m + 1)
    count = w.r.randrange(m - first + 1)
    steps = epochs * -(-count // batch_size)
    average = net.parameters.copy() if w.r.random() < 0.3 else None
    rates = np.full(steps, 1e-3) if w.r.random() < 0.3 else None
    state = np.zeros(net.parameters.size * _core.state_vector_count(optimizer), net.dtype)
    arguments = [
        *(net.parameters.copy(), np.empty_like(net.parameters), state, optimizer),
        *(np.zeros(1, "int64"), _core.Pass(True, 1, 2), X, target, order, first, count),
        *(batch_size, epochs, rates, w.r.random() < 0.3, 0.0, 0.0, average, 0.9),
        *(w.r.random() < 0.3, np.empty((steps, 2))),
    ]

    def check(made: Any) -> None:
        assert made[0] <= steps
        assert made[1] != "done" or made[0] == steps

    return _later(w, trainer.run_later), arguments, check


def step_of_little(w: World) -> Case:
    net, name, trainer = _trainer(w)
    m, loss, optimizer = w.size(), w.loss(name), w.optimizer()
    X, y = w.array(m, net.n[0], dtype=net.dtype), w.array(m, net.n[-1], dtype=net.dtype)
    if _core.takes_labels(loss) and w.r.random() < 0.5:
        y = np.array([w.r.randrange(net.n[-1]) for _ in range(m)], "int64")
    state = np.zeros(net.parameters.size * _core.state_vector_count(optimizer), net.dtype)
    arguments = [
        *(net.parameters.copy(), np.empty_like(net.parameters), state, optimizer),
        *(np.zeros(1, "int64"), _core.Pass(True, 1, 2), X, y, (-1e30, 1e30)),
        *(w.r.choice([0.0, 0.1]), w.r.choice([0.0, 0.1])),
    ]

    def check(cost: Any) -> None:
        assert cost is None or isinstance(cost, float)

    return trainer.step_of_little, arguments, check


def bytes_to_line(w: World) -> Case:
    a = w.array(w.size(), dtype=w.r.choice(DTYPES))

    def check(found: Any) -> None:
        assert (a.ctypes.data + found) % 64 == 0
        assert 0 <= found < 64

    return _core.bytes_to_line, [a], check


def loss_and_gradients(w: World) -> Case:
    net, name, trainer = _trainer(w)
    m = w.size()
    arguments = [net.parameters, w.examples(net, m), w.target(net, w.loss(name), m)]
    arguments += [_core.Pass(False, 1, 2), np.empty_like(net.parameters)]
    return trainer.loss_and_gradients, arguments, _no_answer


def find_non_finite(w: World) -> Case:
    X = w.array(w.size(), w.size(), dtype=w.r.choice(DTYPES))

    def check(found: Any) -> None:
        assert found is None

    return _core.find_non_finite, [X, np.dtype(w.r.choice(DTYPES))], check


def sparse_rows(w: World) -> Case:
    m, n, integer = w.size(), w.size(), w.r.choice(["int32", "int64"])
    dense = w.array(m, n, dtype="float64") * (w.array(m, n) > 0.5)
    starts = np.concatenate([[0], (dense != 0).sum(axis=1).cumsum()]).astype(integer)
    columns = np.concatenate([np.flatnonzero(row) for row in dense]).astype(integer)

    def make(*arguments: Any) -> Any:
        rows = _core.SparseRows(*arguments, "fuzz", "X")
        assert rows.indices_ascend in (True, False)
        part = slice(w.r.choice([None, *range(-3, 5)]), w.r.choice([None, *range(-3, 5)]))
        assert len(rows[part].dense()) == len(rows[part])
        return rows.dense() if rows.shape[1] <= 64 else None

    def check(made: Any) -> None:
        np.testing.assert_array_equal(made, dense)

    return make, [dense[dense != 0], columns, starts, n], check


def threads(w: World) -> Case:
    n = w.r.choice(NUMBERS)

    def resize(n: Any) -> None:
        before = _core.get_num_threads()
        try:
            _core.set_num_threads(n)
            assert _core.get_num_threads() == n
        finally:
            _core.set_num_threads(before)

    return resize, [n], _no_answer


CASES: tuple[Callable[[World], Case], ...] = (
    dense_forward, dense_backward, activation_forward, activation_backward, loss_backward,
    loss_backward_from_logits, make_network, make_loss, make_optimizer, indices, cached, set_rule,
    forward, backward, keep_moments, predict, infer, make_ensemble,
    predict_together, infer_together, infer_all, update, make_trainer, run, run, run,
    step_of_little, step_of_little, bytes_to_line, loss_and_gradients, find_non_finite, sparse_rows,
    threads,
)  # fmt: skip
# Whatever fits them, these may refuse for a reason that the case does not know.
MAY_REFUSE = {make_network, make_loss, make_optimizer, indices, cached, threads}


def one_call(w: World, case: Callable[[World], Case]) -> str:
    """How a call ended: "right", "nothing" where it has no answer, or the name of the exception."""
    function, arguments, check = case(w)
    spoil = w.r.random() < 0.75 and arguments
    for _ in range(w.r.choice([1, 1, 2]) if spoil else 0):
        place = w.r.randrange(len(arguments))
        arguments[place] = w.spoiled(arguments[place])
    try:
        with np.errstate(all="ignore"):
            made = function(*arguments)
    except SystemError:
        raise
    except Exception as refused:
        if not spoil and case not in MAY_REFUSE:
            raise
        return type(refused).__name__
    if not spoil:
        check(made)
    return "nothing" if made is None else "right"


def limit_memory() -> None:
    """Have a call refused that asks for all memory there is, which it would get, and fill."""
    if sys.platform != "linux" or "san.so" in os.environ.get("LD_PRELOAD", ""):
        return  # a sanitizer reserves far more for itself
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    size = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST_MEMORY, resource.RLIM_INFINITY))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limit_memory()
    faulthandler.enable()
    warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, where a cast has no answer
    counts: dict[str, Counter[str]] = {case.__name__: Counter() for case in CASES}
    world = World(random.Random(options.seed))
    for call in range(options.runs):
        case = CASES[call % len(CASES)]
        if call % 1000 == 0:  # not each time, as it starts a thread
            faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
        try:
            counts[case.__name__][one_call(world, case)] += 1
        except BaseException:
            print(f"call {call} of seed {options.seed}: {case.__name__}", flush=True)
            raise
    faulthandler.cancel_dump_traceback_later()
    for name, of_case in counts.items():
        print(f"{name}: {dict(of_case.most_common())}")
    missing = [name for name, of_case in counts.items() if len(of_case) < 2]
    if options.runs >= 5000 and missing:
        sys.exit(f"only one ending for {missing}: the draws do not reach what they are for")
    print(f"{options.runs} calls, each an exception or a right answer")


if __name__ == "__main__":
    main()
