"""The training loop: order, weights, history, threads, Ctrl-C, and going on."""

import copy
import signal
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._network import all_examples
from deltarule._training.progress import Progress
from support import (
    DTYPES,
    LOSSES,
    PEAK_MEMORY,
    Array,
    assert_near,
    assert_same_bits,
    batches,
    data,
    data_of_every_kind,
    network,
    nothing_written,
    of_every_kind,
    output_of,
    step,
)

N = [4, 6, 3]
SUITS = {
    "mean_squared_error": "identity",
    "binary_cross_entropy": "sigmoid",
    "categorical_cross_entropy": "softmax",
}
OPTIMIZERS = {
    "SGD": lambda: dr.SGD(0.1),
    "momentum": lambda: dr.SGD(0.1, 0.9),
    "Nesterov": lambda: dr.SGD(0.1, 0.9, nesterov=True),
    "Adam": lambda: dr.Adam(0.01),
}


# Batches and their order ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("m", "size"), [(10, 4), (9, 4), (7, 7), (5, 100), (3, 1)])
def test_batches_run_in_the_order_of_the_rows(m: int, size: int, name: str, dtype: str) -> None:
    """The last, smaller one with the others."""
    X, y = data(m, N, "categorical_cross_entropy", dtype)
    net, optimizer = network(N, ["tanh", "softmax"], dtype), OPTIMIZERS[name]()
    history = net.fit(X, y, optimizer=optimizer, epochs=3, batch_size=size, shuffle=False)

    other, other_optimizer = network(N, ["tanh", "softmax"], dtype), OPTIMIZERS[name]()
    losses = []
    for _ in range(3):
        costs = [
            (step(other, other_optimizer, X[batch], y[batch]), len(X[batch]))
            for batch in batches(m, size)
        ]
        losses.append(sum(cost * count for cost, count in costs) / m)
    assert_same_bits(net.parameters, other.parameters)
    assert_same_bits(optimizer.state, other_optimizer.state)
    assert optimizer.step == other_optimizer.step == 3 * len(batches(m, size))
    assert history["loss"] == pytest.approx(losses, rel=1e-12)


def test_a_big_network_s_steps_are_the_explicit_ones() -> None:
    """Its gradients are made and applied tile by tile."""
    n = [200, 400, 10]
    X, y = data(700, n)
    net, optimizer = network(n, "relu"), dr.Adam()
    net.fit(X, y, optimizer=optimizer, batch_size=300, shuffle=False)
    other, other_optimizer = network(n, "relu"), dr.Adam()
    for batch in batches(700, 300):
        step(other, other_optimizer, X[batch], y[batch])
    assert_same_bits(net.parameters, other.parameters)


def test_shuffled_every_example_has_its_step_in_every_epoch() -> None:
    m = 50
    net = dr.Network([dr.Dense(1, initializer="zeros")], input_size=m, dtype="float64")
    X, y = np.eye(m), np.arange(1.0, m + 1)
    orders = []
    for epoch in range(1, 4):
        before, b = net.parameters[:m].copy(), net.layers[0].b.copy()
        assert not b.any()
        net.fit(X, y, optimizer=dr.SGD(0.25), batch_size=m // 2)
        # one step each: w := w - 1/2 (w + b - y) / 25, with b what the first batch made it
        moved = net.parameters[:m] - before
        assert (moved != 0).all()
        first_batch = np.isclose(moved, 0.5 * (y - before) / 25, rtol=1e-12, atol=0)
        assert first_batch.sum() == m // 2, epoch
        orders.append(first_batch)
        net.layers[0].b = [[0.0]]
    assert (orders[0] != orders[1]).any()
    assert (orders[1] != orders[2]).any()
    assert not np.isclose(orders[0].argmax(), m // 2)


def test_the_seed_makes_the_order() -> None:
    X, y = data(20, N)
    by_seed = [network(N, seed=seed) for seed in (0, 0, 1)]
    by_seed[2].parameters = by_seed[0].parameters
    for net in by_seed:
        net.fit(X, y, batch_size=3, epochs=2)
    assert_same_bits(by_seed[0].parameters, by_seed[1].parameters)
    assert (by_seed[0].parameters != by_seed[2].parameters).any()


def test_a_full_batch_is_not_shuffled() -> None:
    X, y = data(20, N)
    shuffled, in_order = network(N), network(N)
    shuffled.fit(X, y, batch_size=20, epochs=2, shuffle=True)
    in_order.fit(X, y, batch_size=20, epochs=2, shuffle=False)
    assert_same_bits(shuffled.parameters, in_order.parameters)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_memory_that_X_lies_in_does_not_matter(dtype: str) -> None:
    """Same data, same bits: not a matter of how far X is from a cache line's beginning."""
    n = [13, 17, 5]
    X, y = data(67, n, dtype=dtype)
    results = set()
    for offset in range(0, 64, X.itemsize):
        room = np.zeros(X.nbytes + 128, np.uint8)
        first = -room.ctypes.data % 64 + offset
        shifted = room[first : first + X.nbytes].view(dtype).reshape(X.shape)
        shifted[...] = X
        net = network(n, dtype=dtype)
        net.fit(shifted, y, epochs=2, batch_size=16, shuffle=False)
        results.add(net.parameters.tobytes() + net.predict(shifted).tobytes())
    assert len(results) == 1


# Going on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_goes_on_from_weights_and_state(name: str, shuffle: bool) -> None:
    X, y = data(23, N)
    at_once, in_parts = network(N), network(N)
    arguments = {"batch_size": 5, "shuffle": shuffle}
    optimizer, same_optimizer = OPTIMIZERS[name](), OPTIMIZERS[name]()
    history = at_once.fit(X, y, optimizer=optimizer, epochs=5, **arguments)
    losses: list[float] = []
    for epochs in (1, 0, 3, 1):
        losses += in_parts.fit(X, y, optimizer=same_optimizer, epochs=epochs, **arguments).get(
            "loss", []
        )
    assert_same_bits(at_once.parameters, in_parts.parameters)
    assert_same_bits(optimizer.state, same_optimizer.state)
    assert optimizer.step == same_optimizer.step == 25
    assert losses == history["loss"]


def test_a_name_starts_anew() -> None:
    X, y = data(23, N)
    by_name, by_hand, going_on = network(N), network(N), network(N)
    optimizer = dr.Adam()
    for _ in range(2):
        by_name.fit(X, y, optimizer="adam")
        by_hand.fit(X, y, optimizer=dr.Adam())
        going_on.fit(X, y, optimizer=optimizer)
    assert_same_bits(by_name.parameters, by_hand.parameters)
    assert (by_name.parameters != going_on.parameters).any()


def test_explicit_steps_and_fit_share_an_optimizer() -> None:
    X, y = data(20, N)
    mixed, fitted = network(N), network(N)
    mixed_optimizer, optimizer = dr.Adam(), dr.Adam()
    fitted.fit(X, y, optimizer=optimizer, batch_size=20, epochs=3)
    mixed.fit(X, y, optimizer=mixed_optimizer, batch_size=20)
    step(mixed, mixed_optimizer, X, y)
    mixed.fit(X, y, optimizer=mixed_optimizer, batch_size=20)
    assert_same_bits(mixed.parameters, fitted.parameters)
    assert mixed_optimizer.step == 3


# Threads -------------------------------------------------------------------------------------

SHAPES = {
    "one example": ([5, 7, 3], 1, 1),
    "one of everything": ([1, 1, 1], 3, 1),
    "a last batch of one": ([9, 33, 2], 65, 32),
    "odd sizes": ([31, 67, 13, 5], 151, 37),
    "one input, one output": ([1, 129, 1], 333, 111),
    "tall": ([3, 5, 2], 5001, 2500),
    "one row of many": ([70_001, 2], 3, 2),
    "several slices and tiles": ([300, 350, 40, 7], 601, 300),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "loss"),
    [
        (shape, loss)
        for shape, (n, _, _) in SHAPES.items()
        for loss in LOSSES
        if loss != "categorical_cross_entropy" or n[-1] > 1  # of one class there is no question
    ],
)
def test_same_bits_for_any_number_of_threads(shape: str, loss: str, dtype: str) -> None:
    n, m, size = SHAPES[shape]
    X, y = data(m, n, loss, dtype)
    target = y.argmax(axis=1) if loss == "categorical_cross_entropy" else y
    weights = np.random.default_rng(3).uniform(0.5, 2, size=m)
    activations = ["relu", *["tanh"] * (len(n) - 3), SUITS[loss]][-(len(n) - 1) :]
    results = []
    for threads in (1, 2, 3):
        dr.set_num_threads(threads)
        net = network(n, activations, dtype)
        options = {"loss": loss, "batch_size": size}
        losses = net.fit(X, target, epochs=2, sample_weight=weights, **options)["loss"]
        losses += net.fit(X, target, optimizer=dr.SGD(0.01, 0.9), **options)["loss"]
        A, caches = net.forward(X)
        cost, gradients = net.loss_and_gradients(X, target, loss=loss)
        arrays = [net.parameters, net.predict(X), A, gradients]
        arrays += net.backward(np.ones_like(A), caches, input_gradient=True)
        results.append([*arrays, np.array([*losses, cost, *net.evaluate(X, target).values()])])
    for other in results[1:]:
        for expected, actual in zip(results[0], other, strict=True):
            assert_same_bits(actual, expected)


def in_another_thread(net: dr.Network, *arguments: Any, **options: Any) -> threading.Thread:
    """A thread that fits; it has finished an epoch when this returns."""
    net.history = dr.History()
    thread = threading.Thread(target=net.fit, args=arguments, kwargs=options)
    thread.start()
    while thread.is_alive() and not net.history.epochs:
        time.sleep(0)
    return thread


def test_only_one_fit_at_a_time() -> None:
    X, y = data(64, N)
    net, alone = network(N), network(N)
    thread = in_another_thread(net, X, y, epochs=4000, batch_size=4)
    with pytest.raises(RuntimeError, match="fit: another thread is training this network"):
        net.fit(X, y)
    assert copy.deepcopy(net).fit(X, y).epochs == 1
    thread.join()
    alone.fit(X, y, epochs=4000, batch_size=4)
    assert_same_bits(net.parameters, alone.parameters)
    assert net.fit(X, y).epochs == 1  # and afterwards again


def test_two_networks_train_at_the_same_time() -> None:
    n = [100, 300, 5]
    X, y = data(600, n)
    dr.set_num_threads(2)
    nets = [network(n, seed=seed) for seed in range(4)]
    for net in nets[:2]:
        net.parameters = nets[2].parameters
    nets[2].fit(X, y, epochs=3, batch_size=300, shuffle=False)
    threads = [
        threading.Thread(
            target=net.fit, args=(X, y), kwargs={"epochs": 3, "batch_size": 300, "shuffle": False}
        )
        for net in nets[:2]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for net in nets[:2]:
        assert_same_bits(net.parameters, nets[2].parameters)


# Weights of examples -------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_weight_2_is_a_row_twice(loss: str) -> None:
    X, y = data(11, N, loss, "float64")
    weights = np.where(np.arange(11) % 3 == 0, 2, 1)
    weighted, twice = (network(N, ["tanh", SUITS[loss]], "float64") for _ in range(2))
    history = weighted.fit(X, y, loss=loss, batch_size=11, epochs=5, sample_weight=weights)
    X_twice, y_twice = np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0)
    expected = twice.fit(X_twice, y_twice, loss=loss, batch_size=len(X_twice), epochs=5)
    assert_near(weighted.parameters, twice.parameters, 1e-11)
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-12)
    judged = weighted.evaluate(X, y, loss=loss, sample_weight=weights)
    assert judged == pytest.approx(twice.evaluate(X_twice, y_twice, loss=loss), rel=1e-10)


@pytest.mark.parametrize("loss", LOSSES)
def test_rows_of_weight_0_do_not_matter(loss: str) -> None:
    X, y = data(12, N, loss)
    weights = np.tile([1.0, 0.0, 0.5], 4)
    X_other = np.where(weights[:, np.newaxis] == 0, 1e3, X).astype(np.float32)
    nets = [network(N, ["tanh", SUITS[loss]]) for _ in range(2)]
    for net, rows in zip(nets, (X, X_other), strict=True):
        net.fit(rows, y, loss=loss, batch_size=4, epochs=3, sample_weight=weights)
    assert_same_bits(nets[0].parameters, nets[1].parameters)
    assert nets[0].history == nets[1].history


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_batch_of_weight_0_makes_no_nan(name: str) -> None:
    X, y = data(12, N)
    weights = np.repeat([0.0, 1.0, 0.0], 4)
    net, optimizer = network(N), OPTIMIZERS[name]()
    before = net.parameters.copy()
    for _, values in net.fit(
        X, y, optimizer=optimizer, batch_size=4, epochs=3, sample_weight=weights, shuffle=False
    ).items():
        assert np.isfinite(values).all()
    assert np.isfinite(net.parameters).all()
    assert (net.parameters != before).any()
    alone = network(N)
    alone.fit(X[4:8], y[4:8], optimizer=dr.SGD(0.1), epochs=3)
    if name == "SGD":
        assert_same_bits(net.parameters, alone.parameters)


# History, validation, metrics ----------------------------------------------------------------


def test_history() -> None:
    X, y = data(30, N, "categorical_cross_entropy")
    X_val, y_val = data(10, N, "categorical_cross_entropy", seed=5)
    net = network(N, ["tanh", "softmax"])
    history = net.fit(X, y, epochs=3, batch_size=8, validation_data=(X_val, y_val))
    assert list(history) == ["loss", "val_loss", "val_accuracy"]
    assert all(len(values) == 3 for values in history.values())
    assert history.epochs == 3
    assert net.history is history
    assert isinstance(history, dr.History)
    assert isinstance(history, dict)
    judged = net.evaluate(X_val, y_val)
    assert history["val_loss"][-1] == judged["loss"]
    assert history["val_accuracy"][-1] == judged["accuracy"]
    assert all(type(value) is float for values in history.values() for value in values)


def test_named_metrics_are_also_of_the_training_set() -> None:
    X, y = data(30, N)
    weights = np.random.default_rng(0).uniform(size=30)
    net = network(N)
    history = net.fit(
        X,
        y,
        epochs=2,
        metrics=["mean_absolute_error"],
        sample_weight=weights,
        validation_data=(X[:7], y[:7]),
    )
    assert set(history) == {
        "loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"
    }  # fmt: skip
    judged = net.evaluate(X, y, metrics=["mean_absolute_error"], sample_weight=weights)
    assert history["mean_absolute_error"][-1] == judged["mean_absolute_error"]


def test_no_metrics_where_none_are_wanted() -> None:
    X, y = data(30, N, "categorical_cross_entropy")
    net = network(N, ["tanh", "softmax"])
    assert list(net.fit(X, y, metrics=[], validation_data=(X, y))) == ["loss", "val_loss"]
    assert list(net.evaluate(X, y, metrics=[])) == ["loss"]


def test_no_epochs() -> None:
    net = network(N)
    before = net.parameters.copy()
    history = net.fit(*data(9, N), epochs=0)
    assert history == {}
    assert history.epochs == 0
    assert_same_bits(net.parameters, before)


def test_validation_does_not_train() -> None:
    X, y = data(30, N)
    judged, alone = network(N), network(N)
    judged.fit(X, y, epochs=3, batch_size=4, validation_data=data(9, N, seed=4))
    alone.fit(X, y, epochs=3, batch_size=4)
    assert_same_bits(judged.parameters, alone.parameters)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 30, 1 << 16])
@pytest.mark.parametrize("loss", LOSSES)
def test_evaluate(loss: str, rows: int, weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece, a piece of one row among them, as all at once."""
    monkeypatch.setattr(all_examples, "_ROWS_A_PART", rows)
    X, y = data(30, N, loss, "float64")
    weights = np.linspace(0, 2, 30) if weighted else None
    net = network(N, ["tanh", SUITS[loss]], "float64")
    judged = net.evaluate(X, y, loss=loss, sample_weight=weights)
    cost, _ = net.loss_and_gradients(X, y, loss=loss, sample_weight=weights)
    assert judged["loss"] == pytest.approx(cost, rel=1e-12)
    if loss == "categorical_cross_entropy":
        labels = y.argmax(axis=1)
        right = net.predict(X).argmax(axis=1) == labels
        assert judged["accuracy"] == pytest.approx(np.average(right, weights=weights))
        assert net.evaluate(X, labels, sample_weight=weights) == pytest.approx(judged)


def test_validation_data_with_weights() -> None:
    X, y = data(31, N, "categorical_cross_entropy")
    weights = np.random.default_rng(0).uniform(size=31)
    net = network(N, ["tanh", "softmax"])
    history = net.fit(X, y, validation_data=(X, y, weights))
    expected = net.evaluate(X, y, sample_weight=weights)
    assert {name: history[f"val_{name}"] for name in expected} == {
        name: [value] for name, value in expected.items()
    }
    with pytest.raises(ValueError, match=r"fit: validation data: sample_weight\[3\] is -1.0"):
        net.fit(X, y, validation_data=(X, y, np.r_[1, 1, 1, -1, np.ones(27)]))
    with pytest.raises(ValueError, match=r"validation_data has 4 parts: expected \(X, y\) or"):
        net.fit(X, y, validation_data=(X, y, weights, 1))


def test_an_epoch_s_loss_with_rate_0_is_the_cost() -> None:
    X, y = data(31, N)
    weights = np.random.default_rng(0).uniform(size=31)
    net = network(N)
    history = net.fit(X, y, optimizer=dr.SGD(0.0), batch_size=4, epochs=2, sample_weight=weights)
    expected = net.evaluate(X, y, sample_weight=weights)["loss"]
    assert history["loss"] == pytest.approx([expected, expected], rel=1e-6)


# When it goes wrong --------------------------------------------------------------------------


def test_a_batch_norm_is_not_trained_on_batches_of_one() -> None:
    """Whose outputs would all be beta, and whose running moments never move."""
    net = dr.Network([dr.Dense(4), dr.BatchNorm(), dr.Dense(1)], 3)
    X, y = np.random.default_rng(0).normal(size=(5, 3)), np.arange(5.0)
    message = r"expected batches of 2 or more, as one example .* layers\[1\], a BatchNorm"
    one_by_one = [(X[j : j + 1], y[j : j + 1]) for j in range(5)]
    with nothing_written(net):
        with pytest.raises(ValueError, match="X has 5 rows and batch_size is 1: " + message):
            net.fit(X, y, batch_size=1)
        with pytest.raises(ValueError, match="X has 1 row and batch_size is 32: " + message):
            net.fit(X[:1], y[:1])
        with pytest.raises(ValueError, match="the first batch is of one row: " + message):
            net.fit(one_by_one)
    net.fit(X, y, batch_size=2)
    net.fit([(X[:4], y[:4]), *one_by_one])
    net.layers[1].frozen = True
    net.fit(X, y, batch_size=1)
    net.fit(one_by_one)


def test_divergence_found_between_epochs() -> None:
    """The validation sees weights that are not finite before a cost does."""
    X, y = data(10, N)
    net = network(N, "identity")
    with pytest.raises(dr.TrainingDivergedError, match=r"epoch 2, batch 1 of 1|after the last"):
        net.fit(
            X,
            100 * y,
            optimizer=dr.SGD(3e38),
            epochs=2,
            batch_size=10,
            metrics=["mean_absolute_error"],
            validation_data=(X, y),
        )
    assert np.isfinite(net.parameters).all()
    assert net.history.epochs <= 1


def test_a_refused_fit_leaves_network_optimizer_and_history() -> None:
    X, y = data(10, N)
    net, optimizer = network(N), dr.Adam()
    net.fit(X, y, optimizer=optimizer, epochs=2)
    history = net.history
    X_bad = X.copy()
    X_bad[9, 3] = np.nan
    with nothing_written(net, optimizer), pytest.raises(ValueError, match=r"fit: X\[9, 3\] is nan"):
        net.fit(X_bad, y, optimizer=optimizer)
    assert net.history is history
    other = dr.Adam()
    with pytest.raises(ValueError, match="nan"):
        net.fit(X_bad, y, optimizer=other)
    assert other.state is None
    network(N).fit(X, y, optimizer=other)  # so it is free for another network


class Alarm(Exception):  # noqa: N818 -- not an error
    """What the signal's handler raises."""


def run_until_alarm(seconds: float, net: dr.Network, *arguments: Any, **options: Any) -> None:
    """Fit without end, until a signal's handler raises."""

    def handler(*_: Any) -> None:
        raise Alarm

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        with pytest.raises(Alarm):
            net.fit(*arguments, epochs=10**9, **options)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


on_unix = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")


@on_unix
@pytest.mark.parametrize("m", [2, 20_000])
def test_an_interrupt_leaves_weights_and_optimizer_in_step(m: int) -> None:
    """Weights that tell how many steps were made: b = 1 - (1 - 2 rate)^steps."""
    rate = 1e-7
    X, y = np.zeros((m, 1)), np.ones(m)
    for repeat in range(8):
        net = dr.Network([dr.Dense(1, initializer="zeros")], input_size=1, dtype="float64")
        optimizer = dr.SGD(rate)
        options = {"optimizer": optimizer, "batch_size": 1, "shuffle": False}
        run_until_alarm(0.05 + 0.007 * repeat, net, X, y, **options)
        steps = np.log1p(-net.layers[0].b[0, 0]) / np.log1p(-2 * rate)
        assert optimizer.step == round(steps)
        assert 0 <= optimizer.step - m * net.history.epochs <= m


@on_unix
def test_training_after_an_interrupt_goes_on_as_if_there_had_been_none() -> None:
    X, y = data(5000, N)
    net, other, optimizer, other_optimizer = network(N), network(N), dr.Adam(), dr.Adam()
    options = {"batch_size": 3, "shuffle": False}
    run_until_alarm(0.1, net, X, y, optimizer=optimizer, **options)
    epochs, steps = divmod(optimizer.step, -(-5000 // 3))
    other.fit(X, y, optimizer=other_optimizer, epochs=epochs, **options)
    if steps:
        other.fit(X[: 3 * steps], y[: 3 * steps], optimizer=other_optimizer, **options)
    assert_same_bits(net.parameters, other.parameters)
    for each, its_optimizer in ((net, optimizer), (other, other_optimizer)):
        each.fit(X, y, optimizer=its_optimizer, **options)
    assert_same_bits(net.parameters, other.parameters)


class Looks:
    def on_epoch_end(self, run: Any) -> None:
        pass


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_epochs_of_one_batch_that_nobody_watches(shuffle: bool, dtype: str) -> None:
    """Several are made at a time, and none of them differs from one that is watched."""
    X, y = data(30, [9000, 12, 2], dtype=dtype)
    seen, unseen = (network([9000, 12, 2], dtype=dtype) for _ in range(2))
    options: dict[str, Any] = {"epochs": 40, "batch_size": 30, "shuffle": shuffle}
    first = seen.fit(X, y, **options, callbacks=[Looks()])
    second = unseen.fit(X, y, **options)
    assert first == second
    assert len(second["loss"]) == 40
    assert_same_bits(seen.parameters, unseen.parameters)
    for _ in range(2):  # and going on
        seen.fit(X, y, **options, callbacks=[Looks()])
        unseen.fit(X, y, **options)
        assert_same_bits(seen.parameters, unseen.parameters)


def test_epochs_of_one_batch_diverge_where_they_do() -> None:
    X, y = data(10, N)
    ends = []
    for callbacks in ([], [Looks()]):
        net, optimizer = network(N, "identity"), dr.SGD(3.0)
        with pytest.raises(dr.TrainingDivergedError) as error:
            net.fit(X, y, optimizer=optimizer, epochs=10**4, batch_size=10, callbacks=callbacks)
        ends.append((net.parameters.tobytes(), optimizer.step, net.history, str(error.value)))
        assert f"epoch {net.history.epochs + 1}, batch 1 of 1" in str(error.value)
        assert 3 < net.history.epochs < 10**4
        assert optimizer.step == net.history.epochs - 1  # the last made its cost infinite
    assert ends[0] == ends[1]


CTRL_C = """
import os, signal, sys, threading, time
import numpy as np
import deltarule as dr

def interrupt(seconds, epochs=0):
    def send():
        global sent
        while net.history.epochs < epochs:  # on a machine that others use
            time.sleep(0.01)
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)
    timer = threading.Timer(seconds, send)
    timer.daemon = True
    timer.start()

def fit_until_interrupted(seconds, epochs, *arguments, **options):
    interrupt(seconds, epochs)
    try:
        net.fit(*arguments, epochs=10**9, optimizer=optimizer, **options)
    except KeyboardInterrupt:
        return time.perf_counter() - sent

rng = np.random.default_rng(0)
optimizer = dr.Adam()
"""


@on_unix
@pytest.mark.parametrize("progress", [False, True])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c(threads: str, progress: bool) -> None:
    script = f"""
X, y = rng.normal(size=(2000, 100)).astype("float32"), rng.integers(10, size=2000)
net = dr.Network([dr.Dense(200, "relu"), dr.Dense(10, "softmax")], input_size=100)
options = {{"batch_size": 50, "validation_data": (X, y), "progress": {progress}}}
delay = fit_until_interrupted(0.7, 1, X, y, **options)
history = net.history
assert np.isfinite(net.parameters).all() and np.isfinite(net.predict(X)).all()
assert history.epochs > 0 and len(history["val_loss"]) == history.epochs
assert np.isfinite(history["loss"]).all()
assert optimizer.step // 40 >= history.epochs
assert net.fit(X, y, optimizer=optimizer).epochs == 1
print(delay)
"""
    delay = float(output_of(CTRL_C + script, OMP_NUM_THREADS=threads))
    print(f"stopped after {delay:.3f} s")
    assert delay < 1


@on_unix
def test_ctrl_c_between_epochs_of_one_batch() -> None:
    script = """
X, y = rng.normal(size=(50, 100)).astype("float32"), rng.integers(10, size=50)
net = dr.Network([dr.Dense(20, "relu"), dr.Dense(10, "softmax")], input_size=100, seed=0)
delay = fit_until_interrupted(0.3, 101, X, y, batch_size=50)
history, steps = net.history, optimizer.step
again = dr.Network([dr.Dense(20, "relu"), dr.Dense(10, "softmax")], input_size=100, seed=0)
again.fit(X, y, batch_size=50, epochs=steps)
print(delay, steps > 100, steps == history.epochs, np.array_equal(again.parameters, net.parameters))
"""
    delay, *rest = output_of(CTRL_C + script).split()
    assert float(delay) < 1
    assert rest == ["True", "True", "True"]


@on_unix
def test_ctrl_c_within_one_long_step() -> None:
    """In its way forward, and when it makes the gradients, which is the other half of it."""
    script = """
net = dr.Network([dr.Dense(2000, "relu"), dr.Dense(1)], input_size=3000)
X, y = np.resize(rng.normal(size=30_011).astype("float32"), (20_000, 3000)), np.ones(20_000)
def step_seconds(m):
    started = time.perf_counter()
    net.loss_and_gradients(X[:m], y[:m])
    return time.perf_counter() - started
step_seconds(256)
m = int(min(20_000, 512 * 3 / step_seconds(512)))
seconds = step_seconds(m)
for part in (0.2, 0.6):
    before, steps = net.parameters.copy(), optimizer.step
    delay = fit_until_interrupted(part * seconds, 0, X[:m], y[:m], batch_size=m)
    changed = bool((net.parameters != before).any())
    print(part, seconds, delay, int(changed), optimizer.step - steps)
"""
    stops = [
        [float(word) for word in line.split()]
        for line in output_of(CTRL_C + script, OMP_NUM_THREADS="1", timeout=120).splitlines()
    ]
    for part, seconds, delay, changed, steps in stops:
        print(f"stopped after {delay:.3f} s at {part:.0%} of a step of {seconds:.1f} s")
        assert delay < 1
        assert changed == steps
    assert stops[0][3] == 0, "a step that was stopped on its way forward has changed the weights"


def test_any_exception_frees_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(N)
    X, y = data(9, N)
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "end_epoch", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            net.fit(X, y)
    assert net.fit(X, y).epochs == 1


# Memory, and real data -----------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("x_dtype", ["float32", "float64", "uint8"])
def test_fit_does_not_copy_X(x_dtype: str, shuffle: bool) -> None:
    net = network([400, 2])
    X, y = np.ones((20_000, 400), x_dtype), np.zeros((20_000, 2), np.float32)
    net.fit(X[:10], y[:10])
    tracemalloc.start()
    net.fit(X, y, batch_size=1000, shuffle=shuffle, validation_data=(X, y))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 10


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_memory_of_the_process_does_not_grow_by_X() -> None:
    """Nor does the core copy it, where NumPy's book-keeping does not look."""
    script = """
import numpy as np
import deltarule as dr
X, y = np.ones((200_000, 200), np.float32), np.zeros(200_000, np.float32)
net = dr.Network([dr.Dense(1)], input_size=200)
net.fit(X[:1000], y[:1000])
before = peak_memory()
for shuffle in (False, True):
    net.fit(X, y, batch_size=1000, shuffle=shuffle)
net.predict(X)
net.evaluate(X, y)
print(peak_memory() - before, X.nbytes // 1024)
"""
    grown, of_X = map(int, output_of(PEAK_MEMORY + script).split())
    assert grown < of_X / 4


def test_digits() -> None:
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    net = dr.Network([dr.Dense(64, "relu"), dr.Dense(10, "softmax")], input_size=64, seed=0)
    net.fit(X[:1400], y[:1400], optimizer=dr.Adam(3e-3), epochs=30)
    assert net.evaluate(X[1400:], y[1400:])["accuracy"] > 0.9


def test_mnist(data_folder: Path) -> None:
    import gzip

    def read(name: str, header: int) -> Array:
        with gzip.open(data_folder / "mnist" / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    images = {w: read(f"{w}-images-idx3-ubyte.gz", 16).reshape(-1, 784) for w in ("train", "t10k")}
    labels = {w: read(f"{w}-labels-idx1-ubyte.gz", 8) for w in ("train", "t10k")}
    layers = [dr.Dense(128, "relu"), dr.Dense(10, "softmax")]
    net = dr.Network(layers, input_size=784, seed=0)
    net.layers[0].W /= 128  # the images as they are, 0 to 255
    net.fit(images["train"], labels["train"], batch_size=128, epochs=1)
    assert net.evaluate(images["t10k"], labels["t10k"])["accuracy"] > 0.92


# What every step does beside its update -------------------------------------------------------

# Relative to the largest weight there is.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


class Torch:
    """A network of tanh in PyTorch, and 20 steps of it."""

    def __init__(self, net: dr.Network) -> None:
        self.torch = pytest.importorskip("torch")
        self.torch.set_num_threads(1)
        self.linear = []
        for layer in net.layers:
            linear = self.torch.nn.Linear(layer.inputs, layer.units)
            linear.weight.data = self.torch.tensor(np.ascontiguousarray(layer.W))
            linear.bias.data = self.torch.tensor(layer.b[:, 0].copy())
            self.linear.append(linear)
        self.module = self.torch.nn.Sequential(
            *(each for linear in self.linear for each in (linear, self.torch.nn.Tanh()))
        )

    def train(
        self, optimizer: Any, X: Array, y: Array, *, cost: Any = None, clip: Any = None, after: Any
    ) -> list[float]:
        costs = []
        for batch in batches(len(X), len(X) // 20):
            A = self.module(self.torch.tensor(X[batch]))
            J = ((A - self.torch.tensor(y[batch])) ** 2).mean()
            J = J if cost is None else J + cost()
            optimizer.zero_grad()
            J.backward()
            if clip is not None:
                clip(self.module.parameters())
            optimizer.step()
            after()
            costs.append(float(J.detach()))
        return costs

    def flat(self, module: Any = None) -> Array:
        parameters = (self.module if module is None else module).parameters()
        return np.concatenate([p.detach().numpy().ravel(order="F") for p in parameters])


def twenty_batches(dtype: str, scale: float = 1.0) -> tuple[Array, Array]:
    X, y = data(20 * 7, N, dtype=dtype)
    return X, scale * y


CLIPPING: dict[str, dict[str, float]] = {
    "value": {"clip_value": 0.02},
    "norm": {"clip_norm": 0.1},
    "both": {"clip_value": 0.03, "clip_norm": 0.1},
    "a norm never reached": {"clip_norm": 1e6},
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CLIPPING)
def test_twenty_clipped_and_averaged_steps_are_pytorch_s(name: str, dtype: str) -> None:
    net, options = network(N, dtype=dtype), CLIPPING[name]
    X, y = twenty_batches(dtype, scale=2.0)
    torch, theirs = pytest.importorskip("torch"), Torch(net)
    ema = torch.optim.swa_utils
    averaged = ema.AveragedModel(theirs.module, multi_avg_fn=ema.get_ema_multi_avg_fn(0.9))
    averaged.update_parameters(theirs.module)  # the first one copies: the weights before a step
    clipped = []

    def clip(parameters: Any) -> None:
        parameters = list(parameters)
        before = theirs.torch.cat([p.grad.flatten() for p in parameters]).clone()
        if "clip_value" in options:
            torch.nn.utils.clip_grad_value_(parameters, options["clip_value"])
        if "clip_norm" in options:
            torch.nn.utils.clip_grad_norm_(parameters, options["clip_norm"])
        after = theirs.torch.cat([p.grad.flatten() for p in parameters])
        clipped.append(bool((before != after).any()))

    theirs.train(
        torch.optim.SGD(theirs.module.parameters(), 0.3, 0.9),
        X,
        y,
        clip=clip,
        after=lambda: averaged.update_parameters(theirs.module),
    )
    assert all(clipped) or name == "a norm never reached"
    net.fit(X, y, optimizer=dr.SGD(0.3, 0.9), batch_size=7, shuffle=False, average=0.9, **options)
    assert_near(net.parameters, theirs.flat(), TOLERANCE[dtype])
    assert net.average is not None
    assert_near(net.average, theirs.flat(averaged.module), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_twenty_steps_of_layers_with_rules_of_their_own_are_pytorch_s(
    kind: str, dtype: str
) -> None:
    """A rate, penalties and a greatest norm of one layer's own; another one is frozen."""
    layers = [
        dr.Dense(6, "tanh", l1=0.01, l2=0.1, learning_rate=0.3),
        dr.Dense(5, "tanh", frozen=True),
        dr.Dense(4, "tanh", max_norm=0.7),
        dr.Dense(3, "tanh", l2=0.05),
    ]
    net = dr.Network(layers, input_size=4, dtype=dtype)
    X, y = twenty_batches(dtype)
    theirs = Torch(net)
    torch, first, last = theirs.torch, theirs.linear[0], theirs.linear[3]
    theirs.linear[1].requires_grad_(False)
    rate = 0.2 if kind == "SGD" else 0.01
    optimizer = getattr(torch.optim, kind)(
        [
            {"params": [first.weight], "lr": 0.3 * rate, "weight_decay": 0.1},
            {"params": [first.bias], "lr": 0.3 * rate},
            {"params": theirs.linear[2].parameters()},
            {"params": [last.weight], "weight_decay": 0.05},
            {"params": [last.bias]},
        ],
        lr=rate,
    )
    shortened = []

    def hold_norms() -> None:
        W = theirs.linear[2].weight.data
        norms = W.norm(dim=1, keepdim=True)
        shortened.append(bool((norms > 0.7).any()))
        W *= (0.7 / norms).clamp(max=1.0)

    def l1() -> Any:
        return 0.01 * first.weight.abs().sum()

    def l2() -> Any:  # a number: its gradient is the optimizer's weight decay
        return (0.05 * (first.weight**2).sum() + 0.025 * (last.weight**2).sum()).detach()

    costs = theirs.train(optimizer, X, y, cost=lambda: l1() + l2(), after=hold_norms)
    assert shortened.count(True) > 1
    ours = getattr(dr, kind)(rate)
    history = net.fit(X, y, optimizer=ours, batch_size=7, shuffle=False)
    assert_near(net.parameters, theirs.flat(), TOLERANCE[dtype])
    assert history["loss"] == pytest.approx([np.mean(costs)], rel=10 * TOLERANCE[dtype])


def test_a_layer_frozen_or_slowed_at_run_time_is_as_one_described_so() -> None:
    X, y = data(40, N)
    described = dr.Network(
        [dr.Dense(6, "tanh", learning_rate=0.25), dr.Dense(5, l2=0.1), dr.Dense(3, frozen=True)], 4
    )
    told = dr.Network([dr.Dense(6, "tanh"), dr.Dense(5), dr.Dense(3)], 4)
    told.layers[0].learning_rate, told.layers[1].l2, told.layers[2].frozen = 0.25, 0.1, True
    last = told.layers[2].W.copy()
    for net in (described, told):
        net.fit(X, y, epochs=3, batch_size=7)
    assert_same_bits(described.parameters, told.parameters)
    assert_same_bits(told.layers[2].W, last)


def test_history_counts_penalties_and_evaluate_does_not() -> None:
    X, y = data(30, N, dtype="float64")
    net = dr.Network([dr.Dense(6, "tanh", l1=0.1, l2=0.3), dr.Dense(3)], 4, dtype="float64")
    history = net.fit(
        X, y, optimizer=dr.SGD(0.0), batch_size=7, shuffle=False, validation_data=(X, y)
    )
    W = net.layers[0].W
    plain = net.evaluate(X, y)["loss"]
    penalties = 0.1 * np.abs(W).sum() + 0.15 * (W**2).sum()
    assert history["loss"] == pytest.approx([plain + penalties])
    assert history["val_loss"] == pytest.approx([plain])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"clip_value": 0.0}, ValueError, r"clip_value is 0.0: expected a number above 0"),
        ({"clip_value": np.nan}, ValueError, r"clip_value is nan: expected a number above 0"),
        ({"clip_norm": -1}, ValueError, r"clip_norm is -1: expected a number above 0"),
        ({"clip_norm": np.inf}, ValueError, r"clip_norm is inf: expected a number above 0"),
        ({"clip_norm": "1"}, TypeError, r"clip_norm is '1': expected a number"),
        ({"clip_value": True}, TypeError, r"clip_value is True: expected a number"),
        ({"average": 1}, ValueError, r"average is 1: expected 0 or more and less than 1"),
        ({"average": -0.1}, ValueError, r"average is -0.1: expected 0 or more and less than 1"),
        ({"average": np.nan}, ValueError, r"average is nan: expected 0 or more and less"),
        ({"average": [0.9]}, TypeError, r"average is \[0.9\]: expected a number"),
    ],
)
def test_what_no_step_can_do(options: dict[str, Any], error: type[Exception], message: str) -> None:
    net = network(N)
    with nothing_written(net), pytest.raises(error, match=f"fit: {message}"):
        net.fit(*data(9, N), **options)


def test_a_fit_refused_for_something_else_begins_no_average() -> None:
    net = network(N)
    refused: list[dict[str, Any]] = [
        {"callbacks": [dr.EarlyStopping("val_loss")]},
        {"resume": "no such file"},
    ]
    for options in refused:
        with nothing_written(net), pytest.raises((ValueError, OSError)):
            net.fit(*data(9, N), average=0.9, **options)
        assert net.average is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_of_it_together_gives_the_same_bits_for_any_number_of_threads(dtype: str) -> None:
    """Every kind of layer, wide enough for several threads; and every option of a step."""
    results = []
    for threads in (1, 2, 3):
        dr.set_num_threads(threads)
        small, m = of_every_kind(dtype), 600
        wide = dr.Network(
            [
                dr.Dense(300, l2=1e-3, max_norm=2.0),
                dr.BatchNorm(),
                dr.Activation("relu"),
                dr.Dropout(0.3),
                dr.Dense(3, "softmax"),
            ],
            input_size=6,
            dtype=dtype,
        )
        X, y = data_of_every_kind(m, dtype)
        for net in (small, wide):
            history = net.fit(
                X,
                y,
                epochs=2,
                batch_size=250,
                sampling="balanced",
                clip_value=0.05,
                clip_norm=0.5,
                average=0.9,
            )
            assert net.average is not None
            arrays = [net.parameters, net.average, net.statistics, np.array(history["loss"])]
            results.append(arrays)
    for index, arrays in enumerate(results):
        for expected, actual in zip(results[index % 2], arrays, strict=True):
            assert_same_bits(actual, expected)
