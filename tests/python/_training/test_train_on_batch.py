"""One step on one batch: that of ``fit``, by the short way and the long one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._arrays import Array

# By loss: the last layer, and y for 32 examples, as it takes the short way.
LOSSES: dict[str, tuple[Any, Any]] = {
    "mean_squared_error": (dr.Dense(2), lambda rng: rng.standard_normal((32, 2), np.float32)),
    "poisson": (dr.Dense(1, "exponential"), lambda rng: rng.poisson(2, (32, 1)).astype("f4")),
    "binary_cross_entropy": (
        dr.Dense(1, "sigmoid"),
        lambda rng: rng.integers(0, 2, 32).astype("f4"),
    ),
    "categorical_cross_entropy": (dr.Dense(3, "softmax"), lambda rng: rng.integers(0, 3, 32)),
}


def network(last: Any, dtype: str = "float32", seed: int = 1) -> dr.Network:
    hidden = [dr.Dense(16, "relu", l2=1e-3), dr.BatchNorm(), dr.Dropout(0.3)]
    return dr.Network([*hidden, last], input_size=5, seed=seed, dtype=dtype)


def batches(loss: str) -> list[tuple[Array, Array]]:
    rng = np.random.default_rng(0)
    make = LOSSES[loss][1]
    return [(rng.standard_normal((32, 5), np.float32), make(rng)) for _ in range(3)]


def takes_the_short_way(net: dr.Network, X: Any, y: Any, **options: Any) -> bool:
    """Whether the step is made without the door, which this has answer with an error."""

    def door(*_: Any) -> Any:
        raise LookupError

    net._at_the_door = door  # type: ignore[method-assign]
    try:
        net.train_on_batch(X, y, optimizer=dr.SGD(), **options)
    except LookupError:
        return False
    finally:
        del net._at_the_door
    return True


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("clips", [{}, {"clip_norm": 0.1, "clip_value": 0.05}])
def test_a_step_is_that_of_fit_to_the_last_bit(loss: str, clips: dict[str, float]) -> None:
    ours, fits = network(LOSSES[loss][0]), network(LOSSES[loss][0])
    mine, its = dr.Adam(1e-2), dr.Adam(1e-2)
    for X, y in batches(loss):
        cost = ours.train_on_batch(X, y, loss=loss, optimizer=mine, **clips)
        history = fits.fit(X, y, loss=loss, optimizer=its, batch_size=32, **clips)
        assert cost == history["loss"][0]
    assert np.array_equal(ours.parameters, fits.parameters)
    assert np.array_equal(ours.statistics, fits.statistics)
    assert np.array_equal(mine.state, its.state)
    assert mine.step == 3


@pytest.mark.parametrize("loss", LOSSES)
def test_the_short_way_and_the_long_one_are_one_step(loss: str) -> None:
    short, long = network(LOSSES[loss][0]), network(LOSSES[loss][0])
    optimizers = dr.SGD(0.1, momentum=0.9), dr.SGD(0.1, momentum=0.9)
    for X, y in batches(loss):
        assert takes_the_short_way(network(LOSSES[loss][0]), X, y, loss=loss)
        cost = short.train_on_batch(X, y, loss=loss, optimizer=optimizers[0])
        same = long.train_on_batch(X.tolist(), y.tolist(), loss=loss, optimizer=optimizers[1])
        assert cost == same
    assert np.array_equal(short.parameters, long.parameters)


@pytest.mark.parametrize(
    ("X", "y", "options"),
    [
        (np.ones((4, 5)), np.ones((4, 1), "f4"), {}),
        (np.ones((4, 10), "f4")[:, ::2], np.ones((4, 1), "f4"), {}),
        (np.ones((4, 5), ">f4"), np.ones((4, 1), "f4"), {}),
        (np.ones((4, 5), "f4"), np.ones((4, 1)), {}),
        (np.ones((4, 5), "f4"), [1, 0, 1, 0], {}),
        (np.ones((4, 5), "f4"), np.ones(4, "f4"), {"sample_weight": [1, 2, 0, 1]}),
        (np.ones((4, 5), "f4"), np.ones(4, "f4"), {"loss": lambda A, Y: ((A - Y)[:, 0], A - Y)}),
        (np.ones((4000, 5), "f4"), np.ones(4000, "f4"), {}),
    ],
)
def test_what_needs_a_conversion_or_time_takes_the_long_way(
    X: Any, y: Any, options: dict[str, Any]
) -> None:
    assert not takes_the_short_way(network(dr.Dense(1)), X, y, **options)
    ours, fits = network(dr.Dense(1)), network(dr.Dense(1))
    cost = ours.train_on_batch(X, y, optimizer=dr.SGD(0.1), **options)
    history = fits.fit(X, y, optimizer=dr.SGD(0.1), batch_size=len(X), **options)
    assert cost == history["loss"][0]
    assert np.array_equal(ours.parameters, fits.parameters)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_batches_have_the_same_bits_for_any_number_of_threads(threads: int) -> None:
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((512, 64), np.float32), rng.standard_normal((512, 1), np.float32)
    nets = []
    for number in (1, threads):
        dr.set_num_threads(number)
        net = dr.Network([dr.Dense(128, "tanh"), dr.Dense(1)], input_size=64, seed=3)
        optimizer = dr.AdamW(1e-2)
        for _ in range(5):
            net.train_on_batch(X, y, optimizer=optimizer)
        nets.append(net)
    assert np.array_equal(nets[0].parameters, nets[1].parameters)


def test_a_schedule_of_steps_goes_by_the_steps() -> None:
    X, y = np.ones((4, 5), "f4"), np.zeros((4, 1), "f4")
    scheduled, by_hand = network(dr.Dense(1)), network(dr.Dense(1))
    optimizer, other = dr.SGD(lambda step: 0.1 / (1 + step)), dr.SGD(0.1)
    for step in range(3):
        other.learning_rate = 0.1 / (1 + step)
        scheduled.train_on_batch(X, y, optimizer=optimizer)
        by_hand.train_on_batch(X, y, optimizer=other)
    assert np.array_equal(scheduled.parameters, by_hand.parameters)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.full((4, 5), np.nan, "f4"), np.ones((4, 1), "f4"), r"train_on_batch: X\[0, 0\] is nan"),
        (np.ones((4, 6), "f4"), np.ones((4, 1), "f4"), r"train_on_batch: X has shape \(4, 6\)"),
        (np.ones((4, 5), "f4"), np.ones((3, 1), "f4"), r"train_on_batch: y has shape \(3, 1\)"),
        (np.ones((4, 5), "f4"), np.full((4, 1), 2, "f4"), r"train_on_batch: y\[0, 0\] is 2.0"),
        (np.ones((4, 5), "f4"), np.full(4, np.inf, "f4"), r"train_on_batch: y\[0, 0\] is inf"),
        (np.ones((0, 5), "f4"), np.ones((0, 1), "f4"), "train_on_batch: X has no rows"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_nothing_is_written(
    X: Array, y: Array, message: str
) -> None:
    net = network(dr.Dense(1, "sigmoid"))
    before = net.parameters.copy(), net.statistics.copy()
    with pytest.raises(ValueError, match=message):
        net.train_on_batch(X, y, optimizer=dr.Adam())
    assert np.array_equal(net.parameters, before[0])
    assert np.array_equal(net.statistics, before[1])


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range_are_refused(label: int) -> None:
    net = network(dr.Dense(3, "softmax"))
    y = np.array([0, 1, label, 2])
    with pytest.raises(ValueError, match=rf"train_on_batch: y\[2\] is {label}: expected 0 to 2"):
        net.train_on_batch(np.ones((4, 5), "f4"), y, optimizer=dr.Adam())


@pytest.mark.parametrize("optimizer", ["adam", None, dr.Adam, dr.LBFGS()])
def test_an_optimizer_that_keeps_no_state_between_calls_is_refused(optimizer: Any) -> None:
    net = network(dr.Dense(1))
    with pytest.raises(TypeError, match=r"optimizer is .*: expected one that makes steps"):
        net.train_on_batch(np.ones((4, 5), "f4"), np.ones(4, "f4"), optimizer=optimizer)


@pytest.mark.parametrize("clip", ["clip_value", "clip_norm"])
@pytest.mark.parametrize("value", [0, -1, np.nan])
def test_a_clip_that_is_none_is_refused(clip: str, value: float) -> None:
    net = network(dr.Dense(1))
    with pytest.raises(ValueError, match=f"train_on_batch: {clip} is"):
        net.train_on_batch(
            np.ones((4, 5), "f4"), np.ones(4, "f4"), optimizer=dr.SGD(), **{clip: value}
        )


def test_a_step_whose_cost_or_gradient_overflows_is_not_made() -> None:
    net = dr.Network([dr.Dense(1)], input_size=1, seed=0)
    optimizer = dr.Adam()
    net.train_on_batch(np.ones((1, 1), "f4"), np.zeros((1, 1), "f4"), optimizer=optimizer)
    net.parameters = [0.0, 0.0]
    before, state = net.parameters.copy(), np.array(optimizer.state)
    # (0 - 1e15)^2 is a finite cost; its derivative, times x = 1e30, is no finite gradient.
    for x, y in ((1e30, 1e15), (1.0, 3e38)):
        with pytest.raises(dr.TrainingDivergedError, match="the step is not made"):
            net.train_on_batch(
                np.full((1, 1), x, "f4"), np.full((1, 1), y, "f4"), optimizer=optimizer
            )
    assert np.array_equal(net.parameters, before)
    assert np.array_equal(optimizer.state, state)
    assert optimizer.step == 1


def test_it_stays_out_of_a_fit_that_is_under_way() -> None:
    net = network(dr.Dense(1))
    X, y = np.ones((4, 5), "f4"), np.ones((4, 1), "f4")

    class Meddler:
        def on_epoch_end(self, run: Any) -> None:
            run.network.train_on_batch(X, y, optimizer=dr.SGD())

    with pytest.raises(RuntimeError, match="train_on_batch: another thread is training"):
        net.fit(X, y, callbacks=[Meddler()])


def test_a_standardising_layer_must_have_seen_data() -> None:
    net = dr.Network([dr.Standardize(), dr.Dense(1)], input_size=2, seed=0)
    X, y = np.array([[1.0, 2.0], [3.0, 5.0]], "f4"), np.ones((2, 1), "f4")
    with pytest.raises(ValueError, match=r"train_on_batch: .*Standardize"):
        net.train_on_batch(X, y, optimizer=dr.SGD())
    net.adapt(X)
    assert net.train_on_batch(X, y, optimizer=dr.SGD()) > 0
