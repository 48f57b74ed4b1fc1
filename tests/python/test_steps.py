"""Runs of mini-batches: where they are cut, and that it does not matter where."""

from typing import Any

import pytest

import deltarule as dr
from deltarule import steps
from support import assert_same_bits, data, network

N = [4, 6, 3]


class See:
    """Wants to see steps, and does nothing with them."""

    def __init__(self, every_steps: int = 1) -> None:
        self.every_steps = every_steps

    def on_step_end(self, run: Any) -> None: ...


def calls_to_the_core(monkeypatch: pytest.MonkeyPatch, callbacks: list[Any]) -> list[int]:
    calls: list[int] = []
    make = steps.Steps._make

    def counted(self: Any, run: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(-(-run.examples // run.batch_size))
        return make(self, run, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(steps.Steps, "_make", counted)
        patch.setattr(steps, "_RUN_SECONDS", 1e9)
        X, y = data(500, N)
        network(N).fit(X, y, epochs=3, batch_size=5, callbacks=callbacks)
    return calls


def test_callbacks_that_do_not_see_steps_do_not_cut_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    without = calls_to_the_core(monkeypatch, [])
    assert calls_to_the_core(monkeypatch, [dr.TimeLimit(1e6), dr.EarlyStopping("loss")]) == without
    assert calls_to_the_core(monkeypatch, [See()]) == [1] * 300
    assert len(calls_to_the_core(monkeypatch, [See(100)])) <= len(without) + 9


@pytest.mark.parametrize("every", [1, 3, 10])
@pytest.mark.parametrize("n", [N, [100, 300, 200, 10]])
def test_watching_does_not_change_a_bit(n: list[int], every: int) -> None:
    X, y = data(60, n)
    watched, alone = network(n), network(n)
    options: dict[str, Any] = {"epochs": 2, "batch_size": 7}
    watched.fit(X, y, callbacks=[See(every)], **options)
    alone.fit(X, y, **options)
    assert_same_bits(watched.parameters, alone.parameters)
    assert watched.history == alone.history


@pytest.mark.parametrize("seconds", [1e9, 0.05, 0.0])
def test_the_same_bits_however_runs_are_cut(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data(200, N)
    net, other = network(N), network(N)
    options: dict[str, Any] = {"epochs": 3, "batch_size": 3}
    other.fit(X, y, **options)
    monkeypatch.setattr(steps, "_RUN_SECONDS", seconds)
    net.fit(X, y, **options)
    assert_same_bits(net.parameters, other.parameters)
    assert net.history == other.history
