"""Rows that are held out of a fit, and the rows that are left to train on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._data.rows import Rows
from deltarule._data.split import SomeRows, split
from support import Array, assert_same_bits, data, data_of_every_kind, network, of_every_kind

N = [4, 6, 3]


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("m", [7, 100, 1001])
def test_every_row_is_on_one_side(m: int, fraction: float) -> None:
    train, held_out = split(m, fraction, None)
    assert np.sort(np.r_[train, held_out]).tolist() == list(range(m))
    assert len(held_out) == int(np.ceil(fraction * m))
    for rows in (train, held_out):
        assert (np.diff(rows) > 0).all()


def test_the_rows_come_from_all_over() -> None:
    _, held_out = split(10_000, 0.1, None)
    counts = np.histogram(held_out, bins=10, range=(0, 10_000))[0]
    assert counts.min() > 60
    assert counts.max() < 140


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_every_class_alike(fraction: float) -> None:
    """As near as whole rows come to it, whatever the order of the rows and the classes' labels."""
    counts = {0: 500, 7: 61, 3: 20, 2: 1}
    classes = np.repeat(list(counts), list(counts.values()))
    for y in (classes, np.random.default_rng(0).permutation(classes)):
        _, held_out = split(len(y), fraction, y)
        for label, count in counts.items():
            assert abs((y[held_out] == label).sum() - fraction * count) <= 1


def parts_of(y: Array, fraction: float) -> tuple[Array, Array]:
    """What is documented: the same rows for as many of the same classes."""
    classes = y if y.ndim == 1 and y.dtype.kind == "i" else None
    return split(len(y), fraction, classes)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 1000},
        {"shuffle": False},
        {"optimizer": "lbfgs"},
        {"metrics": ["accuracy", "log_loss"]},
        {"sampling": "balanced"},
        {"class_weight": "balanced"},
    ],
)
def test_as_training_on_the_one_part_and_judging_by_the_other(options: dict[str, Any]) -> None:
    """With a Standardize, which sees the part that is trained on alone; to the bit."""
    X, _ = data_of_every_kind(90)
    y = np.tile([0, 1, 2], 30)  # so that both parts have the classes' shares
    plain = options.get("optimizer") == "lbfgs"
    nets = [of_every_kind(dropout=not plain, batch_norm=not plain) for _ in range(2)]
    if plain:
        for net in nets:
            net.layers["slow"].learning_rate = 1.0
    train, held_out = parts_of(y, 0.2)
    options = {"epochs": 3, "batch_size": 16} | options
    nets[0].fit(X, y, validation_split=0.2, **options)
    nets[1].fit(X[train], y[train], validation_data=(X[held_out], y[held_out]), **options)
    assert nets[0].history == nets[1].history
    assert_same_bits(nets[0].parameters, nets[1].parameters)
    assert_same_bits(nets[0].statistics, nets[1].statistics)


@pytest.mark.parametrize("kind", ["mapped", "sparse", "weights"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_data_of_all_kinds(kind: str, optimizer: str, tmp_path: Path) -> None:
    X, y = data(50, N)
    given: Any = X
    weights, some = None, None
    train, held_out = parts_of(y, 0.3)
    judged: Any = (X[held_out], y[held_out])
    if kind == "mapped":
        np.save(tmp_path / "X.npy", X)
        given = np.load(tmp_path / "X.npy", mmap_mode="r")
    elif kind == "sparse":
        given = pytest.importorskip("scipy.sparse").csc_array(X)
    else:
        weights = np.random.default_rng(0).uniform(0.5, 1, size=50)
        weights[[train[0], held_out[0]]] = 0.99  # so that all three are scaled alike
        some, judged = weights[train], (*judged, weights[held_out])
    net, other = network(N), network(N)
    options: dict[str, Any] = {"epochs": 3, "batch_size": 8, "optimizer": optimizer}
    options |= {"metrics": ["mean_absolute_error"]}
    net.fit(given, y, validation_split=0.3, sample_weight=weights, **options)
    other.fit(X[train], y[train], sample_weight=some, validation_data=judged, **options)
    assert list(net.history) == list(other.history)
    for name, values in net.history.items():
        assert values == pytest.approx(other.history[name], rel=1e-5)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-4, atol=1e-5)


def test_a_weight_an_example_for_sampling() -> None:
    X, y = data(40, N)
    train, held_out = parts_of(y, 0.25)
    weights = np.random.default_rng(1).uniform(size=40)
    net, other = network(N), network(N)
    net.fit(X, y, validation_split=0.25, sampling=weights)
    other.fit(
        X[train], y[train], validation_data=(X[held_out], y[held_out]), sampling=weights[train]
    )
    assert_same_bits(net.parameters, other.parameters)
    with pytest.raises(ValueError, match="sampling is 0 for every example that is left"):
        net.fit(X, y, validation_split=0.25, sampling=np.isin(np.arange(40), held_out))


def test_the_same_rows_in_a_second_fit() -> None:
    """Else it would train on what the first one was judged by."""
    X, y = data(40, N)
    train, _ = parts_of(y, 0.5)
    seen = []

    class Look:
        def on_step_end(self, run: Any) -> None:
            seen.append(run.batch[0])

    net = network(N)
    for _ in range(2):
        net.fit(X, y, validation_split=0.5, batch_size=7, callbacks=[Look()])
    rows = np.unique(np.concatenate(seen), axis=0)
    assert_same_bits(rows, np.unique(X[train], axis=0))


def test_some_rows_are_read_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", 4 * 8 * 3)
    X = np.random.default_rng(0).normal(size=(50, 4))
    np.save(tmp_path / "X.npy", X)
    which = np.arange(1, 50, 3)
    for whole in (X, np.load(tmp_path / "X.npy", mmap_mode="r")):
        some = SomeRows(Rows(whole), which)
        assert some.shape == (len(some), 4) == (17, 4)
        for windows in (some.windows(), some.dense_windows()):
            firsts, parts = zip(*windows, strict=True)
            assert firsts == tuple(range(0, 17, 3))
            np.testing.assert_array_equal(np.concatenate(parts), X[which])
        np.testing.assert_array_equal(some.part(slice(3, 9)), X[which[3:9]])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"validation_split": 0}, ValueError, "validation_split is 0: expected a number above 0"),
        ({"validation_split": 1.0}, ValueError, "is 1.0: expected a number above 0 and less than"),
        ({"validation_split": "0.1"}, TypeError, "validation_split is '0.1': expected a number"),
        ({"validation_split": 0.9999}, ValueError, "is 0.9999 of 9 rows, which leaves none to"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    X, y = data(9, N)
    with pytest.raises(error, match=message):
        network(N).fit(X, y, **options)
    with pytest.raises(ValueError, match="validation_split and validation_data are given"):
        network(N).fit(X, y, validation_split=0.5, validation_data=(X, y))


@pytest.mark.parametrize(("side", "name"), [(0, "to train on"), (1, "to validate on")])
def test_weights_that_leave_nothing(side: int, name: str) -> None:
    X, y = data(20, N)
    weights = np.ones(20)
    weights[parts_of(y, 0.5)[side]] = 0
    message = f"sample_weight is 0 for every example that validation_split leaves {name}"
    with pytest.raises(ValueError, match=message):
        network(N).fit(X, y, validation_split=0.5, sample_weight=weights)


def test_a_stream_has_no_split() -> None:
    net = dr.Network([dr.Dense(3)], input_size=4)
    with pytest.raises(ValueError, match="validation_split is for arrays: expected None"):
        net.fit(lambda: iter([data(9, [4, 3])]), validation_split=0.5)
