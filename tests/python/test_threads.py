"""Threads that share a network: what they may do at the same time, and what is refused."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import (
    Array,
    assert_same_bits,
    data,
    data_of_every_kind,
    network,
    of_every_kind,
)

N = [30, 80, 80, 4]  # small, as a sanitizer takes its time, but worth two threads


def at_the_same_time(*calls: Callable[[], None]) -> None:
    """Make each call in a thread of its own, and raise what any of them raises."""
    barrier, errors = threading.Barrier(len(calls)), []

    def run(call: Callable[[], None]) -> None:
        barrier.wait()
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def fit_until(stop: threading.Event, net: dr.Network, *arguments: Any, **options: Any) -> None:
    """Fit without end, until the event is set."""

    class Stop:
        def on_run_end(self, run: Any) -> None:
            if stop.is_set():
                run.stop()

    net.fit(*arguments, epochs=10**9, callbacks=[Stop()], **options)


class Background:
    """A fit in another thread, within a ``with`` block."""

    def __init__(self, net: dr.Network, *arguments: Any, **options: Any) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=fit_until, args=(self._stop, net, *arguments), kwargs=options
        )
        self._net = net

    def __enter__(self) -> None:
        optimizer_has_begun = self._net.parameters.copy()
        self._thread.start()
        while self._thread.is_alive() and (self._net.parameters == optimizer_has_begun).all():
            time.sleep(0)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


# Predicting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dense", "every kind"])
def test_threads_share_a_network_for_predicting(kind: str) -> None:
    """Of any number of rows, into arrays of their own, while the pool changes its size."""
    rows = (1, 3, 40, 257, 600)
    if kind == "dense":
        net, X, y = network(N), *data(600, N)
    else:
        net, (X, y) = of_every_kind(), data_of_every_kind(600)
        net.adapt(X)
    dr.set_num_threads(1)
    expected = {m: net.predict(X[:m]) for m in rows}
    cost = net.evaluate(X, y)
    over = threading.Event()

    def predict(m: int) -> None:
        out = np.empty_like(expected[m])
        for _ in range(10):
            out[:] = np.nan
            assert net.predict(X[:m], out) is out
            assert_same_bits(out, expected[m])
            assert_same_bits(net.predict(X[:m]), expected[m])

    def evaluate() -> None:
        for _ in range(4):
            assert net.evaluate(X, y) == cost

    def resize() -> None:
        while not over.is_set():
            for n in (1, 2, 3, 4):
                dr.set_num_threads(n)
                time.sleep(0.001)

    resizing = threading.Thread(target=resize)
    resizing.start()
    try:
        at_the_same_time(*[lambda m=m: predict(m) for m in (*rows, *rows)], evaluate)
    finally:
        over.set()
        resizing.join()


def test_threads_share_a_network_for_the_explicit_steps() -> None:
    """Each has caches and gradients of its own."""
    net, (X, y) = network(N, dtype="float64"), data(300, N, dtype="float64")
    A, caches = net.forward(X)
    expected = [A, net.backward(A, caches), net.loss_and_gradients(X, y)[1]]

    def steps() -> None:
        for _ in range(4):
            A, caches = net.forward(X)
            actual = [A, net.backward(A, caches), net.loss_and_gradients(X, y)[1]]
            for one, other in zip(actual, expected, strict=True):
                assert_same_bits(one, other)

    at_the_same_time(steps, steps, steps)


def test_predicting_a_network_in_training() -> None:
    """Numbers of a moment, and the training does not notice."""
    (X, y), dtype = data(600, N), "float32"
    options: dict[str, Any] = {"epochs": 12, "batch_size": 100}
    net, alone = (network(N, dtype=dtype) for _ in range(2))
    alone.fit(X, y, **options)
    finite: list[bool] = []
    predicted = threading.Event()

    class Meet:
        def on_epoch_begin(self, run: Any) -> None:
            assert predicted.wait(60)

    def predict() -> None:
        while training.is_alive():
            finite.append(bool(np.isfinite(net.predict(X)).all()))
            finite.append(bool(np.isfinite(net.evaluate(X, y)["loss"])))
            predicted.set()

    options["callbacks"] = [Meet()]
    training = threading.Thread(target=net.fit, args=(X, y), kwargs=options)
    training.start()
    at_the_same_time(predict, predict)
    training.join()
    assert finite
    assert all(finite)
    assert_same_bits(net.parameters, alone.parameters)


def test_a_network_that_is_let_go_of_while_another_thread_predicts() -> None:
    net, (X, _) = network(N), data(2000, N)
    expected, gone = net.predict(X), weakref.ref(net)
    results: list[Array] = []
    begun = threading.Event()

    def predict(method: Callable[[Array], Array]) -> None:
        begun.set()
        for _ in range(10):
            results.append(method(X))

    thread = threading.Thread(target=predict, args=(net.predict,))
    thread.start()
    begun.wait()
    del net
    gc.collect()
    thread.join()
    del thread
    gc.collect()
    assert gone() is None
    for A in results:
        assert_same_bits(A, expected)


# Training ------------------------------------------------------------------------------------


def test_only_one_thread_trains_a_network() -> None:
    """_training/test_fit.py has the same for a fit with the default optimizer."""
    pytest.importorskip("scipy")
    net, (X, y) = network(N), data(600, N)
    with Background(net, X, y, batch_size=100):
        for optimizer in (dr.SGD(), dr.LBFGS()):
            with pytest.raises(RuntimeError, match="fit: another thread is training this network"):
                net.fit(X, y, optimizer=optimizer)
    assert net.fit(X, y).epochs == 1


def test_only_one_thread_trains_an_estimator() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 10))
    model = dr.MLPRegressor(hidden_layer_sizes=20, random_state=0).partial_fit(X, X[:, 0])
    begun, over = threading.Event(), threading.Event()

    class Wait:
        def on_epoch_begin(self, run: Any) -> None:
            begun.set()
            over.wait()

    model.set_params(callbacks=[Wait()])
    thread = threading.Thread(target=model.partial_fit, args=(X, X[:, 0]))
    thread.start()
    begun.wait()
    try:
        with pytest.raises(RuntimeError, match="another thread is training this network"):
            model.partial_fit(X, X[:, 0])
    finally:
        over.set()
        thread.join()
    assert model.partial_fit(X, X[:, 0]).t_ == 3 * 400


def test_what_is_to_be_trained_is_not_changed_by_another_thread() -> None:
    (X, y), net = data_of_every_kind(300), of_every_kind()
    with Background(net, X, y, batch_size=50):
        for name, value in (("frozen", True), ("learning_rate", 0.5), ("l2", 0.1)):
            with pytest.raises(
                RuntimeError, match=rf"layers\[2\].{name}: another thread is training this network"
            ):
                setattr(net.layers["first"], name, value)
    net.layers["first"].frozen = True

    class Thaw:
        def on_epoch_end(self, run: Any) -> None:
            run.network.layers["first"].frozen = False

    net.fit(X, y, callbacks=[Thaw()])
    assert not net.layers["first"].frozen


def test_threads_train_networks_of_their_own() -> None:
    X, y = data(600, N)
    alone = network(N)
    alone.fit(X, y, epochs=3, batch_size=300)
    nets = [network(N) for _ in range(4)]
    at_the_same_time(*[lambda net=net: net.fit(X, y, epochs=3, batch_size=300) for net in nets])
    for net in nets:
        assert_same_bits(net.parameters, alone.parameters)
