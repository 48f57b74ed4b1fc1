"""What callbacks see of a fit, when they are called, and what they can do to it."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule import schedules
from deltarule._training import last_good
from deltarule._training.run import TrainingRun
from support import Array, assert_same_bits, batches, data, network, step

N = [4, 6, 3]


class Diary:
    """Takes down which hook is called when."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, int, int]] = []

    def note(self, hook: str, run: TrainingRun) -> None:
        self.entries.append((hook, run.epoch, run.step))

    def on_fit_begin(self, run: TrainingRun) -> None:
        self.note("begin", run)

    def on_epoch_begin(self, run: TrainingRun) -> None:
        self.note("epoch", run)

    def on_epoch_end(self, run: TrainingRun) -> None:
        self.note("end of epoch", run)

    def on_fit_end(self, run: TrainingRun) -> None:
        self.note("end", run)


class EveryStep(Diary):
    """And the steps, too."""

    def __init__(self, every_steps: int = 1) -> None:
        super().__init__()
        self.every_steps = every_steps

    def on_step_end(self, run: TrainingRun) -> None:
        self.note("step", run)


def test_the_hooks_and_their_moments() -> None:
    X, y = data(10, N)
    diary, steps = Diary(), EveryStep()
    network(N).fit(X, y, epochs=2, batch_size=5, callbacks=[diary, steps])
    expected = [("begin", 0, 0)]
    for epoch in (1, 2):
        expected += [("epoch", epoch, 2 * epoch - 2)]
        expected += [("step", epoch, 2 * epoch - 1), ("step", epoch, 2 * epoch)]
        expected += [("end of epoch", epoch, 2 * epoch)]
    expected += [("end", 2, 4)]
    assert steps.entries == expected
    assert diary.entries == [entry for entry in expected if entry[0] != "step"]


def test_only_the_steps_that_are_asked_for() -> None:
    X, y = data(35, N)
    callbacks = [EveryStep(4), EveryStep(3)]
    network(N).fit(X, y, epochs=2, batch_size=5, callbacks=callbacks)
    for each in callbacks:
        seen = [at for hook, _, at in each.entries if hook == "step"]
        assert seen == list(range(each.every_steps, 15, each.every_steps))


class Look:
    """Keeps what a callback can see of a step."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def on_step_end(self, run: TrainingRun) -> None:
        X, y, weights = run.batch
        self.seen.append(
            {
                "cost": run.cost,
                "gradients": run.gradients.copy(),
                "update": run.update,
                "activations": run.activations(),
                "X": X,
                "y": y,
                "weights": weights,
                "rate": run.learning_rate,
            }
        )


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_a_step_shows(weighted: bool, labels: bool) -> None:
    X, y = data(17, N, "categorical_cross_entropy")
    target = y.argmax(axis=1) if labels else y
    weights = np.linspace(0.5, 1.5, 17) if weighted else None
    look = Look()
    net, other = (network(N, ["tanh", "softmax"]) for _ in range(2))
    options: dict[str, Any] = {"batch_size": 5, "shuffle": False}
    net.fit(X, target, optimizer=dr.SGD(0.1), sample_weight=weights, callbacks=[look], **options)
    optimizer = dr.SGD(0.1)
    for seen, batch in zip(look.seen, batches(17, 5), strict=True):
        some = None if weights is None else weights[batch]
        cost, gradients = other.loss_and_gradients(X[batch], target[batch], sample_weight=some)
        before = other.parameters.copy()
        other.update(gradients, optimizer)
        assert seen["cost"] == pytest.approx(cost)
        assert_same_bits(seen["gradients"], gradients)
        assert_same_bits(seen["update"], other.parameters - before)
        assert_same_bits(seen["X"], X[batch])
        np.testing.assert_array_equal(seen["y"], target[batch])
        assert (seen["weights"] is None) == (weights is None)
        if some is not None:
            assert seen["weights"] / seen["weights"][0] == pytest.approx(some / some[0])
        A, caches = other.forward(X[batch])
        assert_same_bits(seen["activations"][0], caches[1].A_prev)
        assert_same_bits(seen["activations"][1], A)
        assert seen["rate"] == 0.1


def test_a_shuffled_batch_is_shown_as_it_was_used() -> None:
    X, y = data(17, N)
    look, net, other = Look(), network(N), network(N)
    net.fit(X, y, optimizer=dr.SGD(0.1), batch_size=5, epochs=2, callbacks=[look])
    optimizer = dr.SGD(0.1)
    for seen in look.seen:
        step(other, optimizer, seen["X"], seen["y"])
    assert_same_bits(net.parameters, other.parameters)


def test_a_step_is_shown_in_its_hook_alone() -> None:
    class Late:
        def on_epoch_end(self, run: TrainingRun) -> None:
            for name in ("gradients", "update", "batch", "cost"):
                with pytest.raises(RuntimeError, match=f"{name} is there in on_step_end alone"):
                    getattr(run, name)

    network(N).fit(*data(9, N), callbacks=[Late(), EveryStep()])


# What callbacks can do -----------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 3, 4, 5])
def test_stop_after_a_step(at: int) -> None:
    class Stop:
        def on_step_end(self, run: TrainingRun) -> None:
            if run.step == at:
                run.stop()

    X, y = data(20, N)
    net, optimizer, diary = network(N), dr.Adam(), Diary()
    options: dict[str, Any] = {"batch_size": 5, "shuffle": False}
    net.fit(X, y, optimizer=optimizer, epochs=9, callbacks=[Stop(), diary], **options)
    assert optimizer.step == at
    assert net.history.epochs == at // 4  # those that are finished
    assert diary.entries[-1][0] == "end"
    other, other_optimizer = network(N), dr.Adam()
    for index in range(at):
        batch = batches(20, 5)[index % 4]
        step(other, other_optimizer, X[batch], y[batch])
    assert_same_bits(net.parameters, other.parameters)


@pytest.mark.parametrize("hook", ["on_fit_begin", "on_epoch_begin", "on_epoch_end"])
def test_stop_between_epochs(hook: str) -> None:
    stop = type("Stop", (), {hook: lambda self, run: run.stop()})()
    net, optimizer = network(N), dr.Adam()
    net.fit(*data(20, N), optimizer=optimizer, epochs=9, batch_size=5, callbacks=[stop])
    assert net.history.epochs == (hook == "on_epoch_end")
    assert optimizer.step == 4 * net.history.epochs


def test_the_rate_can_be_set() -> None:
    class Halve:
        def on_epoch_end(self, run: TrainingRun) -> None:
            run.learning_rate /= 2
            with pytest.raises(ValueError, match="learning_rate is -1: expected 0 or more"):
                run.learning_rate = -1
            with pytest.raises(TypeError, match="learning_rate is 'x': expected a number"):
                run.learning_rate = "x"  # type: ignore[assignment]

    X, y = data(20, N)
    net, other, other_optimizer = network(N), network(N), dr.SGD(0.1)
    options: dict[str, Any] = {"batch_size": 5, "shuffle": False}
    net.fit(X, y, optimizer=dr.SGD(0.1), epochs=3, callbacks=[Halve()], **options)
    for rate in (0.1, 0.05, 0.025):
        other_optimizer.learning_rate = rate
        other.fit(X, y, optimizer=other_optimizer, **options)
    assert_same_bits(net.parameters, other.parameters)


def test_an_optimizer_without_a_rate() -> None:
    class Look:
        def on_epoch_end(self, run: TrainingRun) -> None:
            with pytest.raises(AttributeError, match="TrainingRun: learning_rate: LBFGS has none"):
                _ = run.learning_rate
            with pytest.raises(AttributeError, match="TrainingRun: learning_rate: LBFGS has none"):
                run.learning_rate = 0.1
            assert not hasattr(run, "learning_rate")
            looks.append(run.epoch)

    looks: list[int] = []
    network(N).fit(*data(9, N), optimizer="lbfgs", epochs=2, callbacks=[Look()])
    assert looks == [1, 2]


def test_a_number_takes_a_schedule_s_place() -> None:
    class Fix:
        def on_epoch_end(self, run: TrainingRun) -> None:
            if run.epoch == 2:
                assert run.learning_rate == pytest.approx(0.1 / 9)
                run.learning_rate = 0.25

    optimizer = dr.SGD(schedules.InverseTime(0.1, 1.0))
    history = network(N).fit(
        *data(20, N), optimizer=optimizer, epochs=4, batch_size=5, callbacks=[Fix()]
    )
    assert history["learning_rate"] == pytest.approx([0.1 / 4, 0.1 / 8, 0.25, 0.25])


# When it goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hook", "epochs", "steps"),
    [
        ("on_fit_begin", 0, 0),
        ("on_epoch_begin", 0, 0),
        ("on_step_end", 0, 1),
        ("on_epoch_end", 1, 4),
        ("on_fit_end", 3, 12),
    ],
)
def test_an_exception_leaves_network_and_history_whole(hook: str, epochs: int, steps: int) -> None:
    X, y = data(20, N)
    fail = type("Fail", (), {hook: lambda self, run: 1 / 0})()
    net, optimizer = network(N), dr.Adam()
    options: dict[str, Any] = {"batch_size": 5, "shuffle": False}
    with pytest.raises(ZeroDivisionError):
        net.fit(X, y, optimizer=optimizer, epochs=3, callbacks=[fail], **options)
    assert net.history.epochs == epochs
    assert optimizer.step == steps
    other, other_optimizer = network(N), dr.Adam()
    for index in range(steps):
        batch = batches(20, 5)[index % 4]
        step(other, other_optimizer, X[batch], y[batch])
    assert_same_bits(net.parameters, other.parameters)
    net.fit(X, y, optimizer=optimizer, **options)


def test_on_fit_end_is_told_how_it_ended() -> None:
    class End:
        exception: Any = None

        def on_fit_end(self, run: TrainingRun) -> None:
            self.exception = run.exception

    end = End()
    net = network([4, 2], "identity")
    with pytest.raises(dr.TrainingDivergedError):
        net.fit(*data(9, [4, 2]), optimizer=dr.SGD(1e30), epochs=9, callbacks=[end])
    assert isinstance(end.exception, dr.TrainingDivergedError)
    network(N).fit(*data(9, N), callbacks=[end])
    assert end.exception is None


def test_a_step_to_weights_that_are_not_finite_is_not_shown() -> None:
    look = Look()
    net = network([4, 2], "identity")
    before = net.parameters.copy()
    X, y = data(10, [4, 2])
    with pytest.raises(dr.TrainingDivergedError, match="epoch 1, after batch 1: the network keeps"):
        net.fit(X, 100 * y, optimizer=dr.SGD(3e38), batch_size=5, callbacks=[look])
    assert look.seen == []
    assert_same_bits(net.parameters, before)


@pytest.mark.parametrize("runs", [1, 64])
def test_weights_that_a_callback_changes_are_not_made_again(
    runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last good weights are those that were there, not what a replay without it would make."""
    monkeypatch.setattr(last_good, "_MOST_RUNS", runs)

    class Change:
        before: Array
        epochs = 0

        def on_epoch_begin(self, run: TrainingRun) -> None:
            run.network.parameters[:] *= 0.5
            self.epochs += 1
            if self.epochs == 3:
                self.before = run.network.parameters.copy()
                run.learning_rate = 1e30

    X, y = data(5, [4, 2])
    change, net = Change(), network([4, 2], "identity")
    with pytest.raises(dr.TrainingDivergedError, match="keeps the weights of step 2,"):
        net.fit(X, y, optimizer=dr.SGD(0.1), epochs=9, batch_size=5, callbacks=[change])
    assert_same_bits(net.parameters, change.before)


# Refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callbacks", "error", "message"),
    [
        (dr.EarlyStopping(), TypeError, "expected a list of callbacks"),
        ([object()], TypeError, r"callbacks\[0\] is <object .*: expected an object with one of"),
        ([Diary], TypeError, r"callbacks\[0\] is <class .*Diary'>: expected an object"),
        ([EveryStep(0)], ValueError, r"callbacks\[0\].every_steps is 0: expected 1 or more"),
        ([dr.EarlyStopping()], ValueError, r"callbacks\[0\] monitors 'val_loss' but there is no"),
    ],
)
def test_refused(callbacks: Any, error: type[Exception], message: str) -> None:
    net = network(N)
    with pytest.raises(error, match=message):
        net.fit(*data(9, N), callbacks=callbacks)
    assert net.history == {}
