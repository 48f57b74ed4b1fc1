"""Runs of mini-batches: where they are cut, and that it does not matter where."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._training import runs
from support import assert_same_bits, data, data_of_every_kind, network, of_every_kind

N = [4, 6, 3]


class See:
    """Wants to see steps, and does nothing with them."""

    def __init__(self, every_steps: int = 1) -> None:
        self.every_steps = every_steps

    def on_step_end(self, run: Any) -> None: ...


def calls_to_the_core(monkeypatch: pytest.MonkeyPatch, callbacks: list[Any]) -> list[int]:
    calls: list[int] = []
    make = runs.MakeSteps.later

    def counted(self: Any, run: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(-(-run.examples // run.batch_size))
        return make(self, run, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(runs.MakeSteps, "later", counted)
        patch.setattr(runs, "_RUN_SECONDS", 1e9)
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
    monkeypatch.setattr(runs, "_RUN_SECONDS", seconds)
    net.fit(X, y, **options)
    assert_same_bits(net.parameters, other.parameters)
    assert net.history == other.history


# Sparse matrices ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{"shuffle": True}, {"shuffle": False}, {"sampling": "balanced"}]
)
def test_sparse_rows_train_layers_of_every_kind_and_are_shown(options: dict[str, Any]) -> None:
    """The moments are those of all rows, codes are held to their range, callbacks see numbers."""
    sparse = pytest.importorskip("scipy.sparse")
    X, y = data_of_every_kind(40)
    X[::3, 0], X[1::2, 3] = 0, 0
    seen: list[list[Any]] = [[], []]

    class Look:
        def __init__(self, into: list[Any]) -> None:
            self.into = into

        def on_step_end(self, run: Any) -> None:
            self.into.append([*run.batch[:2], *run.activations()])

    nets = [of_every_kind(), of_every_kind()]
    for net, rows, into in zip(nets, (X, sparse.csr_matrix(X)), seen, strict=True):
        net.fit(rows, y, epochs=2, batch_size=8, callbacks=[Look(into)], **options)
    assert_same_bits(nets[1].parameters, nets[0].parameters)
    assert_same_bits(nets[1].statistics, nets[0].statistics)
    assert len(seen[0]) == 10
    for dense, of_sparse in zip(*seen, strict=True):
        for expected, actual in zip(dense, of_sparse, strict=True):
            np.testing.assert_array_equal(actual, expected)


def test_a_sparse_batch_that_is_shown_makes_nothing_as_large_as_X() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    m, features = 2000, 3000
    X = sparse.random(m, features, density=1e-3, random_state=0, format="csr", dtype=np.float32)
    net = dr.Network([dr.Dense(1)], input_size=features)

    class Look:
        every_steps = 20

        def on_step_end(self, run: Any) -> None:
            assert run.batch[0].shape == (10, features)

    tracemalloc.start()
    net.fit(X, np.zeros(m), batch_size=10, callbacks=[Look()])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < m * features * 4 / 4


def test_a_sparse_code_that_is_none_is_named() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    X, y = data_of_every_kind(12)
    X[7, 1] = 4
    with pytest.raises(
        ValueError, match=r"fit: X\[7, 1\] is 4.0: expected a category code, 0 to 3"
    ):
        of_every_kind().fit(sparse.csr_matrix(X), y)


def test_an_interruption_just_after_a_run_of_several_epochs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run's epochs are made, so they are taken down."""
    calls: list[int] = []
    make = runs.MakeSteps.later

    def interrupted(self: Any, run: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(run.epochs)
        made = yield from make(self, run, *arguments, **options)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return made

    monkeypatch.setattr(runs.MakeSteps, "later", interrupted)
    X, y = data(50, N)
    net, optimizer = network(N), dr.Adam()
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, optimizer=optimizer, epochs=10**6, batch_size=50)
    assert optimizer.step == sum(calls) == net.history.epochs
