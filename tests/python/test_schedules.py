"""Schedules: PyTorch's numbers, the same bits however time is cut, and training by them."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule import schedules
from deltarule._rates import rates_of_steps
from deltarule._training import runs
from support import Array, assert_same_bits, batches, data, network, step

N = [4, 6, 3]
SCHEDULES: dict[str, Callable[[], schedules.Schedule]] = {
    "Constant": lambda: schedules.Constant(0.1),
    "StepDecay": lambda: schedules.StepDecay(0.1, every=7, factor=0.3),
    "MultiStep": lambda: schedules.MultiStep(0.1, milestones=(20, 3, 9), factor=0.5),
    "Exponential": lambda: schedules.Exponential(0.1, 0.97),
    "InverseTime": lambda: schedules.InverseTime(0.1, 0.2),
    "Polynomial": lambda: schedules.Polynomial(0.1, 30, power=1.7, final=0.01),
    "Cosine": lambda: schedules.Cosine(0.1, 30, final=0.001),
    "CosineRestarts": lambda: schedules.CosineRestarts(0.1, 5, growth=2),
    "OneCycle": lambda: schedules.OneCycle(0.1, 30),
    "WarmUp": lambda: schedules.WarmUp(schedules.Cosine(0.1, 30), 6),
    "ReduceOnPlateau": lambda: schedules.ReduceOnPlateau(0.1, "loss", patience=0),
    "Function": lambda: schedules.Function(lambda t: 0.1 / (1 + t)),
}


def test_every_schedule_is_tested() -> None:
    assert set(SCHEDULES) == set(schedules.SCHEDULES)


# As PyTorch ----------------------------------------------------------------------------------


def of_torch(make: Callable[[Any, Any], Any], initial: float, steps: int) -> list[float]:
    """The rates of a PyTorch scheduler's steps."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=initial)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def expect_the_same(schedule: schedules.Schedule, expected: Sequence[float]) -> None:
    actual = schedule.rates(np.arange(len(expected)))
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-15)


rate = st.floats(1e-5, 10)
factor = st.floats(0.05, 1.5)
count = st.integers(1, 25)


@settings(deadline=None, max_examples=30)
@given(rate, count, factor)
def test_step_decay(initial: float, every: int, gamma: float) -> None:
    expected = of_torch(lambda s, o: s.StepLR(o, every, gamma), initial, 40)
    expect_the_same(schedules.StepDecay(initial, every, gamma), expected)


@settings(deadline=None, max_examples=30)
@given(rate, st.lists(st.integers(1, 40), max_size=5), factor)
def test_multi_step(initial: float, milestones: list[int], gamma: float) -> None:
    expected = of_torch(lambda s, o: s.MultiStepLR(o, sorted(milestones), gamma), initial, 40)
    expect_the_same(schedules.MultiStep(initial, tuple(milestones), gamma), expected)


@settings(deadline=None, max_examples=30)
@given(rate, factor)
def test_exponential(initial: float, gamma: float) -> None:
    expected = of_torch(lambda s, o: s.ExponentialLR(o, gamma), initial, 40)
    expect_the_same(schedules.Exponential(initial, gamma), expected)


@settings(deadline=None, max_examples=30)
@given(rate, count, st.floats(0.2, 4))
def test_polynomial(initial: float, duration: int, power: float) -> None:
    expected = of_torch(lambda s, o: s.PolynomialLR(o, duration, power), initial, 40)
    expect_the_same(schedules.Polynomial(initial, duration, power), expected)


@settings(deadline=None, max_examples=30)
@given(rate, st.integers(1, 60), st.floats(0, 1))
def test_cosine(initial: float, duration: int, part: float) -> None:
    final = part * initial
    expected = of_torch(
        lambda s, o: s.CosineAnnealingLR(o, duration, final), initial, min(40, duration + 1)
    )
    schedule = schedules.Cosine(initial, duration, final)
    expect_the_same(schedule, expected)
    assert schedule(duration + 7) == pytest.approx(final, rel=1e-12, abs=1e-300)


@settings(deadline=None, max_examples=30)
@given(rate, st.integers(1, 12), st.integers(1, 4), st.floats(0, 1))
def test_cosine_restarts(initial: float, duration: int, growth: int, part: float) -> None:
    final = part * initial
    expected = of_torch(
        lambda s, o: s.CosineAnnealingWarmRestarts(o, duration, growth, final), initial, 140
    )
    expect_the_same(schedules.CosineRestarts(initial, duration, growth, final), expected)


@settings(deadline=None, max_examples=40)
@given(rate, st.integers(2, 40), st.floats(0.0, 0.97), st.floats(1, 100), st.floats(1, 1e5))
def test_one_cycle(
    maximum: float, duration: int, rise: float, divisor: float, last_divisor: float
) -> None:
    if abs(rise * duration - 1) < 1e-9 or rise * duration > duration - 1e-9:
        return
    expected = (
        of_torch(
            lambda s, o: s.OneCycleLR(
                o,
                maximum,
                total_steps=duration,
                pct_start=rise,
                div_factor=divisor,
                final_div_factor=last_divisor,
                cycle_momentum=False,
            ),
            maximum,
            duration,
        )
        if duration > 1
        else []
    )
    schedule = schedules.OneCycle(maximum, duration, rise, divisor, last_divisor)
    expect_the_same(schedule, expected)
    assert schedule(duration + 10) == pytest.approx(maximum / divisor / last_divisor, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(rate, count, st.floats(0.01, 1), st.sampled_from(["Exponential", "StepDecay", "Cosine"]))
def test_warm_up(initial: float, duration: int, start: float, then: str) -> None:
    ours = {
        "Exponential": schedules.Exponential(initial, 0.9),
        "StepDecay": schedules.StepDecay(initial, 4, 0.5),
        "Cosine": schedules.Cosine(initial, 50),
    }[then]

    def theirs(s: Any, o: Any) -> Any:
        after = {
            "Exponential": lambda: s.ExponentialLR(o, 0.9),
            "StepDecay": lambda: s.StepLR(o, 4, 0.5),
            "Cosine": lambda: s.CosineAnnealingLR(o, 50),
        }[then]
        warm_up = s.LinearLR(o, start, 1.0, duration)
        return s.SequentialLR(o, [warm_up, after()], [duration])

    expect_the_same(schedules.WarmUp(ours, duration, start), of_torch(theirs, initial, 40))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 10) | st.just(np.nan), min_size=1, max_size=40),
    st.sampled_from(["min", "max"]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.floats(0, 0.5),
    st.floats(0, 0.2),
)
def test_reduce_on_plateau(
    values: list[float], mode: str, patience: int, cooldown: int, threshold: float, final: float
) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode=mode,
        factor=0.5,
        patience=patience,
        cooldown=cooldown,
        threshold=threshold,
        min_lr=final,
        eps=0,
    )
    ours = schedules.ReduceOnPlateau(
        0.1, "loss", 0.5, patience, cooldown, threshold=threshold, mode=mode, final=final
    )
    for value in values:
        theirs.step(value)
        ours.observe(value)
        assert ours(0) == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize(
    ("mode", "values"),
    [("min", [-1, -1, -2.5, -2.74, -2.76]), ("max", [-2.5, -2.5, -1, -0.91, -0.89])],
)
def test_a_plateau_below_zero(mode: str, values: list[float]) -> None:
    """Better by more than a tenth of the best value, whatever its sign: a Poisson loss, an R2."""
    rate = schedules.ReduceOnPlateau(1.0, "loss", 0.5, 0, threshold=0.1, mode=mode)
    rates = []
    for value in values:
        rate.observe(value)
        rates.append(rate(0))
    assert rates == [1.0, 0.5, 0.5, 0.25, 0.25]


def test_a_plateau_by_a_name_that_says_what_is_good() -> None:
    """A score that grows is no reason for a smaller rate; one that falls is."""
    rate = schedules.ReduceOnPlateau(1.0, "val_accuracy", 0.5, 0)
    rates = []
    for value in (0.5, 0.6, 0.7, 0.6):
        rate.end_epoch({"val_accuracy": value})
        rates.append(rate(0))
    assert rates == [1.0, 1.0, 1.0, 0.5]
    with pytest.raises(ValueError, match="ReduceOnPlateau: monitor is 'size' and mode is None"):
        schedules.ReduceOnPlateau(1.0, "size")


# By hand -------------------------------------------------------------------------------------


def test_by_hand() -> None:
    assert schedules.InverseTime(0.6, 0.5).rates(np.arange(3)) == pytest.approx([0.6, 0.4, 0.3])
    assert schedules.Constant(0.6).rates(np.arange(3)).tolist() == [0.6] * 3
    assert schedules.Function(lambda t: t / 2).rates(np.arange(3)).tolist() == [0, 0.5, 1]
    restarts = schedules.CosineRestarts(1.0, 1, growth=3)
    # cycles of 1, 3, 9, ... steps: the rate is full at 0, 1, 4, 13, ... however far one goes
    firsts = (3 ** np.arange(30) - 1) // 2
    assert [restarts(int(t)) for t in firsts] == [1.0] * 30
    assert restarts(12) < 0.1


def test_a_warm_up_takes_numbers_functions_and_plateaus() -> None:
    assert schedules.WarmUp(0.4, 2, 0.5).rates(np.arange(4)) == pytest.approx([0.2, 0.3, 0.4, 0.4])
    ramp = schedules.WarmUp(lambda t: 1.0 - t / 10, 2, 0.0)
    assert ramp.rates(np.arange(4)) == pytest.approx([0.0, 0.5, 1.0, 0.9])
    warm_up = schedules.WarmUp(schedules.ReduceOnPlateau(0.4, "loss", 0.5, patience=0), 2, 0.5)
    assert warm_up(5) == 0.4
    for _ in range(2):
        warm_up.end_epoch({"loss": 1.0})
    assert warm_up(5) == 0.2
    other = copy.deepcopy(warm_up)
    other.end_epoch({"loss": 1.0})
    assert (warm_up(5), other(5)) == (0.2, 0.1)
    other.restore(warm_up.state())
    assert other(5) == 0.2
    assert schedules.WarmUp(schedules.Constant(1.0, per="epoch"), 3).per == "epoch"


# In training ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_the_same_bits_however_time_is_cut(name: str, lengths: list[int]) -> None:
    schedule = SCHEDULES[name]()
    starts = np.cumsum([0, *lengths])
    whole = rates_of_steps(schedule, 0, int(starts[-1]), 0)
    parts = [
        rates_of_steps(schedule, int(first), length, 0)
        for first, length in zip(starts, lengths, strict=False)
    ]
    one_by_one = [schedule(t) for t in range(int(starts[-1]))]
    assert whole is not None
    assert_same_bits(np.concatenate(parts), whole)  # type: ignore[arg-type]
    assert_same_bits(np.array(one_by_one), whole)


def rates_by_name(name: str, per: str) -> Any:
    schedule = SCHEDULES[name]()
    if per == "epoch":
        schedule = copy.deepcopy(schedule)
        object.__setattr__(schedule, "per", per)
    return schedule


@pytest.mark.parametrize("seconds", [0.05, 0.0])
@pytest.mark.parametrize("per", ["step", "epoch"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_fit_s_steps_are_the_explicit_ones(
    name: str, per: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the length of runs; the optimizer's own count goes on from fit to fit."""
    monkeypatch.setattr(runs, "_RUN_SECONDS", seconds)
    X, y = data(23, N)
    net, optimizer = network(N), dr.Adam(rates_by_name(name, per))
    recorded = []
    for epochs in (2, 3):
        history = net.fit(X, y, optimizer=optimizer, epochs=epochs, batch_size=5, shuffle=False)
        recorded += history["learning_rate"]

    other, other_optimizer, schedule = network(N), dr.Adam(1.0), rates_by_name(name, per)
    expected = []
    for epoch in range(5):
        costs = []
        for batch in batches(23, 5):
            time = other_optimizer.step if per == "step" else epoch
            other_optimizer.learning_rate = schedule(time)
            costs.append(step(other, other_optimizer, X[batch], y[batch]) * len(X[batch]))
        expected.append(other_optimizer.learning_rate)
        schedule.end_epoch({"loss": sum(costs) / 23})
    assert_same_bits(net.parameters, other.parameters)
    assert recorded == expected
    assert optimizer.epochs == 5


def test_explicit_steps_follow_the_optimizer_s_schedule() -> None:
    X, y = data(20, N)
    net, other = network(N), network(N)
    optimizer, same = dr.SGD(lambda step: 0.1 / (1 + step)), dr.SGD(lambda step: 0.1 / (1 + step))
    net.fit(X, y, optimizer=optimizer, epochs=4, batch_size=20)
    for _ in range(4):
        step(other, same, X, y)
    assert_same_bits(net.parameters, other.parameters)


def test_no_schedule_no_column() -> None:
    assert "learning_rate" not in network(N).fit(*data(9, N))


def test_the_last_good_weights_are_made_again_with_the_rates_of_their_time() -> None:
    X, y = data(20, [4, 2])
    growing = lambda step: 1e-3 * 3.0**step  # noqa: E731
    net, optimizer = network([4, 2], "identity"), dr.SGD(growing)
    with pytest.raises(dr.TrainingDivergedError, match="smaller learning rate than"):
        net.fit(X, y, optimizer=optimizer, epochs=100, batch_size=5, shuffle=False)
    other, other_optimizer = network([4, 2], "identity"), dr.SGD(growing)
    assert optimizer.step > 8
    for index in range(optimizer.step):
        batch = batches(20, 5)[index % 4]
        step(other, other_optimizer, X[batch], y[batch])
    assert_same_bits(net.parameters, other.parameters)


def test_a_rate_for_another_thread_count_is_the_same() -> None:
    X, y = data(64, N)
    results: list[Array] = []
    for threads in (1, 2):
        dr.set_num_threads(threads)
        net = network(N)
        net.fit(X, y, optimizer=dr.Adam(schedules.OneCycle(0.1, 16)), epochs=2, batch_size=8)
        results.append(net.parameters)
    assert_same_bits(*results)


# Refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: schedules.Constant("x"), TypeError, "Constant: initial is 'x': expected a number"),
        (lambda: schedules.Constant(-1), ValueError, "initial is -1: expected 0 or more"),
        (lambda: schedules.Constant(np.inf), ValueError, "initial is inf: expected 0 or more and"),
        (lambda: schedules.Constant(1, per="year"), ValueError, "per is 'year': expected 'step'"),
        (lambda: schedules.Constant(1, per=3), TypeError, "per is 3: expected 'step' or 'epoch'"),
        (lambda: schedules.MultiStep(1, None), TypeError, "milestones is None: expected several"),
        (lambda: schedules.MultiStep(1, "12"), TypeError, "milestones is '12': expected several"),
        (lambda: schedules.MultiStep(1, ("1",)), TypeError, r"milestones\[0\] is '1': expected an"),
        (lambda: schedules.Function(3), TypeError, "Function: function is 3: expected a function"),
        (lambda: schedules.ReduceOnPlateau(1, mode=[]), TypeError, r"mode is \[\]: expected 'min'"),
        (lambda: schedules.ReduceOnPlateau(1, monitor=3), TypeError, "monitor is 3: expected a n"),
        (lambda: schedules.StepDecay(1, 0), ValueError, "StepDecay: every is 0: expected 1 or"),
        (lambda: schedules.Cosine(1, 1.5), TypeError, "Cosine: duration is 1.5: expected an int"),
        (lambda: schedules.MultiStep(1, (3, -1)), ValueError, r"milestones\[1\] is -1"),
        (lambda: schedules.OneCycle(1, 9, rise=1), ValueError, "rise is 1: expected 0 or more and"),
        (lambda: schedules.OneCycle(1, 9, start_divisor=0), ValueError, "a number above 0"),
        (lambda: schedules.WarmUp("x", 3), TypeError, "WarmUp: then is 'x': expected a number, a"),
        (lambda: schedules.WarmUp(1.0, 3, 2), ValueError, "WarmUp: start is 2: expected 0 to 1"),
        (lambda: schedules.ReduceOnPlateau(1, mode="up"), ValueError, "mode is 'up': expected"),
        (lambda: schedules.ReduceOnPlateau(1, factor=1), ValueError, "factor is 1: expected"),
        (lambda: dr.Adam(lambda step: np.nan), ValueError, "schedule gives nan at step 0"),
        (lambda: dr.Adam("fast"), TypeError, "Adam: learning_rate is 'fast': expected a number"),
    ],
)
def test_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_schedule_that_goes_wrong_leaves_a_whole_network() -> None:
    X, y = data(20, N)
    net, optimizer = network(N), dr.SGD(lambda step: 0.01 if step < 7 else -1.0)
    with pytest.raises(ValueError, match=r"schedule gives -1\.0 at step 7, epoch 1: expected"):
        net.fit(X, y, optimizer=optimizer, epochs=5, batch_size=5)
    assert np.isfinite(net.parameters).all()
    assert net.history.epochs == 1
    assert optimizer.step in (4, 5, 6, 7)


def test_a_plateau_watches_what_is_there() -> None:
    X, y = data(20, N)
    optimizer = dr.SGD(schedules.ReduceOnPlateau(0.1))
    with pytest.raises(ValueError, match="the learning rate monitors 'val_loss' but there is no"):
        network(N).fit(X, y, optimizer=optimizer)
    warm = dr.SGD(schedules.WarmUp(schedules.ReduceOnPlateau(0.1), 3))
    with pytest.raises(ValueError, match="monitors 'val_loss' but there is no validation_data"):
        network(N).fit(X, y, optimizer=warm)
    optimizer = dr.SGD(schedules.ReduceOnPlateau(0.1, monitor="accuracy"))
    with pytest.raises(ValueError, match="monitor is 'accuracy', which is not in the history"):
        network(N).fit(X, y, optimizer=optimizer)
