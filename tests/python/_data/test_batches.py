"""Batches that come from outside."""

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._training import last_good
from support import (
    Array,
    assert_same_bits,
    batches,
    data,
    data_of_every_kind,
    network,
    nothing_written,
    of_every_kind,
    step,
)

N = [4, 6, 3]


def slices(X: Array, y: Array, size: int) -> Iterator[tuple[Array, Array]]:
    for part in batches(len(X), size):
        yield X[part], y[part]


class DataSet:
    """Walked anew each time, of a length that it does not tell."""

    def __init__(self, X: Array, y: Array, size: int) -> None:
        self.parts = (X, y, size)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return slices(*self.parts)


FORMS: dict[str, Callable[..., Any]] = {
    "list": lambda *parts: list(slices(*parts)),
    "data set": DataSet,
    "function": lambda *parts: lambda: slices(*parts),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS)
def test_batches_train_as_the_arrays_do(form: str, dtype: str) -> None:
    X, y = data(23, N, "categorical_cross_entropy", dtype)
    net, other = (network(N, ["tanh", "softmax"], dtype) for _ in range(2))
    options: dict[str, Any] = {"epochs": 3, "validation_data": (X[:5], y[:5])}
    history = net.fit(FORMS[form](X, y, 5), optimizer=dr.Adam(0.01), **options)
    expected = other.fit(X, y, optimizer=dr.Adam(0.01), batch_size=5, shuffle=False, **options)
    assert_same_bits(net.parameters, other.parameters)
    assert history == expected


def test_one_walk_through_an_iterator() -> None:
    X, y = data(23, N)
    net, other = network(N), network(N)
    history = net.fit(slices(X, y, 5))
    assert history == other.fit(X, y, batch_size=5, shuffle=False)
    assert_same_bits(net.parameters, other.parameters)


def test_steps_per_epoch() -> None:
    X, y = data(60, N)
    once, again = network(N), network(N)
    assert once.fit(slices(X, y, 5), epochs=4, steps_per_epoch=3).epochs == 4
    again.fit(X, y, batch_size=5, shuffle=False)
    assert_same_bits(once.parameters, again.parameters)  # it went on where it was
    anew, first = network(N), network(N)
    anew.fit(DataSet(X, y, 5), epochs=4, steps_per_epoch=3)
    first.fit(X[:15], y[:15], batch_size=5, epochs=4, shuffle=False)
    assert_same_bits(anew.parameters, first.parameters)  # it was walked anew


def test_batches_of_any_size_and_weight() -> None:
    X, y = data(30, N, dtype="float64")
    weights = np.random.default_rng(0).uniform(0.1, 50, size=30)
    cuts = [0, 1, 12, 14, 30]
    parts = [slice(a, b) for a, b in pairwise(cuts)]
    net, other, optimizer = network(N, dtype="float64"), network(N, dtype="float64"), dr.Adam()
    history = net.fit([(X[part], y[part], weights[part]) for part in parts], optimizer=dr.Adam())
    total = 0.0
    for part in parts:
        cost = step(other, optimizer, X[part], y[part], sample_weight=weights[part])
        total += cost * weights[part].sum()
    assert_same_bits(net.parameters, other.parameters)
    assert history["loss"] == pytest.approx([total / weights.sum()], rel=1e-12)


@pytest.mark.parametrize("library", ["polars", "pandas", "torch"])
def test_batches_of_other_libraries(library: str) -> None:
    """A batch's X, y and weights are opened as arrays are, in whatever they come."""
    module = pytest.importorskip(library)
    X, y = data(30, N, "categorical_cross_entropy")
    labels, weights = y.argmax(axis=1), np.linspace(0.5, 9, 30)
    parts = batches(30, 7)
    wrapped = module.from_numpy if library == "torch" else module.DataFrame
    column = module.from_numpy if library == "torch" else module.Series
    net, other = network(N, "softmax"), network(N, "softmax")
    history = net.fit(
        [(wrapped(X[p]), column(labels[p]), column(weights[p])) for p in parts], epochs=2
    )
    assert history == other.fit([(X[p], labels[p], weights[p]) for p in parts], epochs=2)
    assert_same_bits(net.parameters, other.parameters)


def test_a_data_set_may_say_what_its_columns_are() -> None:
    X, y = data(23, N)
    source = DataSet(X, y, 5)
    vars(source).update(columns=list("abcd"), shape=X.shape, collect=len)
    assert network(N).fit(source) == network(N).fit(X, y, batch_size=5, shuffle=False)


@pytest.mark.parametrize("labels", [False, True])
def test_the_same_memory_for_every_batch(labels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where steps are made again after the memory holds something else."""
    monkeypatch.setattr(last_good, "_LEAST_SECONDS", 1e9)
    X, y = data(40, [4, 3], "categorical_cross_entropy")
    X[-1] = 3e38
    targets = y.argmax(axis=1) if labels else y

    def overwritten() -> Iterator[tuple[Array, Array]]:
        rows, some = np.empty((5, 4), np.float32), np.empty_like(targets[:5])
        for part in batches(40, 5):
            rows[:], some[:] = X[part], targets[part]
            yield rows, some

    nets = [network([4, 3], "softmax") for _ in range(2)]
    for net in nets:
        net.layers[0].W *= 10
    with pytest.raises(dr.TrainingDivergedError, match="epoch 1, batch 8: the network keeps"):
        nets[0].fit(overwritten, loss="categorical_cross_entropy", optimizer=dr.SGD(0.1))
    with pytest.raises(dr.TrainingDivergedError, match="epoch 1, batch 8 of 8: the network keeps"):
        nets[1].fit(X, targets, batch_size=5, shuffle=False, optimizer=dr.SGD(0.1))
    assert_same_bits(nets[0].parameters, nets[1].parameters)


def test_the_whole_is_never_held() -> None:
    rows = 20_000

    def made() -> Iterator[tuple[Array, Array]]:
        for _ in range(100):
            yield np.ones((rows, 50), np.float32), np.zeros((rows, 2), np.float32)

    net = network([50, 2])
    net.fit(made, steps_per_epoch=1)
    tracemalloc.start()
    net.fit(made)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * rows * 50 * 4


def test_callbacks_and_progress(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = data(23, N)
    seen = []

    class Look:
        def on_step_end(self, run: Any) -> None:
            seen.append(len(run.batch[0]))

    for source in (DataSet(X, y, 5), list(slices(X, y, 5))):
        network(N).fit(source, epochs=2, callbacks=[Look()], progress=True)
    assert seen == [5, 5, 5, 5, 3] * 4
    assert "epoch 2/2" in capsys.readouterr().err


# Refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (lambda X, y: X, {}, TypeError, "y is None: expected real numbers, or .* a ndarray"),
        (lambda X, y: 3, {}, TypeError, "y is None: expected real .* which is a int"),
        (
            lambda X, y: pytest.importorskip("pandas").DataFrame(X), {}, TypeError,
            "y is None: expected real .* which is a DataFrame",
        ),
        (lambda X, y: {"a": X[:, 0]}, {}, TypeError, "y is None: expected real .* is a dict"),
        (lambda X, y: slices(X, y, 5), {"epochs": 2}, ValueError, "epochs is 2 but X is an iter"),
        (lambda X, y: [], {}, ValueError, "epoch 1 ended after 0 batches: expected 1 or more"),
        (
            lambda X, y: slices(X, y, 5), {"steps_per_epoch": 3}, ValueError,
            "epoch 1 ended after 2 batches: expected 3",
        ),
        (lambda X, y: [3], {}, TypeError, "epoch 1, batch 1 is a int: expected a tuple"),
        (lambda X, y: [(X,)], {}, TypeError, "epoch 1, batch 1 is a tuple: expected a tuple"),
        (lambda X, y: [(X[:, :3], y)], {}, ValueError, "epoch 1, batch 1: X has shape"),
        (lambda X, y: [(X, y), (X, y[:3])], {}, ValueError, "batch 2: y has shape"),
        (lambda X, y: [(X * np.nan, y)], {}, ValueError, r"batch 1: X\[0, 0\] is nan"),
        (lambda X, y: [(X, y)], {"sample_weight": [1]}, ValueError, "is for arrays: expected"),
        (lambda X, y: [(X, y)], {"sampling": "balanced"}, ValueError, "is for arrays: expected"),
        (lambda X, y: [(X, y)], {"steps_per_epoch": 0}, ValueError, "steps_per_epoch is 0"),
    ],
)  # fmt: skip
def test_refused(make: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    net = network(N)
    with pytest.raises(error, match=f"fit: .*{message}"):
        net.fit(make(*data(10, N)), **options)
    assert np.isfinite(net.parameters).all()


def test_steps_per_epoch_is_not_for_arrays() -> None:
    with pytest.raises(ValueError, match="steps_per_epoch is for an X that comes in batches"):
        network(N).fit(*data(9, N), steps_per_epoch=3)


@pytest.mark.parametrize("form", FORMS)
def test_layers_of_every_kind_train_as_with_arrays(form: str) -> None:
    X, y = data_of_every_kind(45)
    net, other = of_every_kind(), of_every_kind()
    net.adapt(X)
    options: dict[str, Any] = {"epochs": 3, "clip_norm": 1.0, "average": 0.9}
    history = net.fit(FORMS[form](X, y, 8), **options)
    assert history == other.fit(X, y, batch_size=8, shuffle=False, **options)
    assert net.average is not None
    assert other.average is not None
    assert_same_bits(net.parameters, other.parameters)
    assert_same_bits(net.average, other.average)
    assert_same_bits(net.statistics, other.statistics)


def test_batches_cannot_tell_the_moments_of_all() -> None:
    net, (X, y) = of_every_kind(), data_of_every_kind(9)
    with (
        nothing_written(net),
        pytest.raises(ValueError, match=r"Standardize .* expected network.adapt\(X\) beforehand"),
    ):
        net.fit([(X, y)])


def test_a_code_that_is_none_is_named_by_its_batch() -> None:
    net, (X, y) = of_every_kind(), data_of_every_kind(12)
    net.adapt(X)
    X[9, 4] = 3
    message = r"fit: epoch 1, batch 3: X\[1, 4\] is 3.0: expected a category code, 0 to 2"
    with pytest.raises(ValueError, match=message):
        net.fit(lambda: slices(X, y, 4))
