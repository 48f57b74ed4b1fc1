"""The order in which an epoch goes through the examples."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import deltarule as dr
from deltarule._data import rows as rows_module
from deltarule._data import sampling
from deltarule._data.door import rows_of
from deltarule._data.rows import Rows
from deltarule._data.sampling import shuffled_in_windows, window_to_shuffle
from support import Array, assert_same_bits, data, network, step

N = [4, 6, 3]


def drawn(m: int, y: Any, how: Any, epochs: int = 1, **options: Any) -> Array:
    """How often each example was drawn, by the batches that a callback saw."""

    class Count:
        counts = np.zeros(m, int)

        def on_step_end(self, run: Any) -> None:
            np.add.at(self.counts, run.batch[0][:, 0].astype(int), 1)

    count = Count()
    X = np.zeros((m, 2))
    X[:, 0] = np.arange(m)
    n_outputs, activation = options.pop("output")
    net = dr.Network([dr.Dense(n_outputs, activation)], input_size=2)
    net.fit(X, y, sampling=how, epochs=epochs, callbacks=[count], optimizer=dr.SGD(0.0), **options)
    return count.counts


def test_by_weight() -> None:
    m = 4000
    weights = np.tile([0.0, 1.0, 3.0, 4.0], m // 4)
    counts = drawn(m, np.zeros(m), weights, output=(1, "identity"), batch_size=64)
    assert counts.sum() == m
    of_weight = counts.reshape(-1, 4).sum(axis=0)
    assert of_weight[0] == 0
    np.testing.assert_allclose(of_weight[1:] / m, [1 / 8, 3 / 8, 4 / 8], atol=0.03)
    assert counts.max() > 3  # with replacement


@pytest.mark.parametrize("form", ["labels", "one-hot", "column"])
def test_balanced(form: str) -> None:
    m = 6000
    classes = np.repeat([0, 1], [5400, 600])
    y: Any = {"labels": classes, "one-hot": np.eye(2)[classes], "column": classes}[form]
    output = (1, "sigmoid") if form == "column" else (2, "softmax")
    counts = drawn(m, y, "balanced", output=output, batch_size=m)
    share = counts[classes == 1].sum() / m
    assert share == pytest.approx(0.5, abs=0.04)


def test_one_example_alone() -> None:
    X, y = data(20, N)
    weights = np.zeros(20)
    weights[13] = 1e-300
    net, other, optimizer = network(N), network(N), dr.SGD(0.1)
    net.fit(X, y, optimizer=dr.SGD(0.1), sampling=weights, batch_size=1)
    for _ in range(20):
        step(other, optimizer, X[13:14], y[13:14])
    assert_same_bits(net.parameters, other.parameters)


@pytest.mark.parametrize("batch_size", [3, 20])
def test_the_seed_makes_the_draw(batch_size: int) -> None:
    X, y = data(20, N)
    nets = [network(N, seed=seed) for seed in (0, 0, 1)]
    nets[2].parameters = nets[0].parameters
    for net in nets:
        net.fit(X, y, batch_size=batch_size, epochs=2, sampling=np.ones(20), shuffle=False)
    assert_same_bits(nets[0].parameters, nets[1].parameters)
    assert (nets[0].parameters != nets[2].parameters).any()


def test_draws_stay_within_the_examples() -> None:
    """Also where rounding leaves the sum of the weights' parts short of 1."""

    class Last:
        def random(self, m: int) -> Array:
            return np.full(m, np.nextafter(1.0, 0.0))

    draw = sampling.drawn(np.r_[np.full(999, 0.1), 0.0])
    assert (draw(Last()) == 998).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("fair", ValueError, "sampling is 'fair': expected 'balanced', or a weight an example"),
        ("balanced", ValueError, "sampling is 'balanced' but y does not hold classes"),
        (np.ones(8), ValueError, r"sampling has shape \(8,\): expected \(9,\), a weight an"),
        (np.full(9, -1), ValueError, r"sampling\[0\] is -1.0: expected a finite number, 0 or"),
        (np.full(9, np.nan), ValueError, r"sampling\[0\] is nan: expected a finite number"),
        (np.zeros(9), ValueError, "sampling is 0 for every example: expected some above 0"),
        (["a"] * 9, TypeError, "sampling is <U1: expected real numbers"),
    ],
)
def test_refused(how: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        network(N).fit(*data(9, N), sampling=how)


@pytest.mark.parametrize("window", [1, 7, 64, 640, 5000])
@pytest.mark.parametrize("m", [1, 2, 63, 64, 65, 1000])
def test_an_order_is_a_permutation(m: int, window: int) -> None:
    order = shuffled_in_windows(np.random.default_rng(0), m, window)
    assert order.dtype == np.int64
    assert_same_bits(np.sort(order), np.arange(m))


def test_an_order_keeps_to_its_windows_and_mixes_the_file() -> None:
    blocks = sampling._BLOCKS_A_WINDOW
    m, window = 640 * 1000, 1000 * blocks
    order = shuffled_in_windows(np.random.default_rng(0), m, window)
    for first in range(0, m, window):
        rows = order[first : first + window]
        assert len(np.unique(rows // 1000)) == blocks  # so many blocks, and no other
        assert rows.min() < m / 3
        assert rows.max() > m * 2 / 3
    assert (np.diff(order) == 1).mean() < 0.01
    again = shuffled_in_windows(np.random.default_rng(1), m, window)
    assert (order != again).mean() > 0.99


def test_how_many_numbers_there_are_decides_and_not_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "SHUFFLED_AS_A_WHOLE", 600)
    monkeypatch.setattr(sampling, "_NUMBERS_A_WINDOW", 120)
    X = np.zeros((101, 6), np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for each in (X, mapped, X.astype(np.float64), X.astype(np.uint8)):
        assert window_to_shuffle(Rows(each), 101, 7) == 14
        assert window_to_shuffle(Rows(each), 101, 50) == 50
        assert window_to_shuffle(Rows(each[:100]), 100, 7) is None
    sparse = rows_of(scipy.sparse.csr_array(X), "fit")
    assert window_to_shuffle(sparse, 101, 7) is None  # its numbers are not stored
