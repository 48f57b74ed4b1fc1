"""Rows: memory maps above all, and the memory that they are not to take."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deltarule import TrainingDivergedError
from deltarule._data.rows import Rows, mapped_file
from support import Array, assert_same_bits, data, network, output_of


def test_which_arrays_are_mapped(tmp_path: Path) -> None:
    file = tmp_path / "X.npy"
    np.save(file, np.zeros((20, 3), np.float32))
    for mode in ("r", "r+"):
        X = np.load(file, mmap_mode=mode)
        for view in (X, X[3:7], X.T, np.asarray(X)[::2]):
            assert mapped_file(view) is not None
    assert (
        mapped_file(np.load(file, mmap_mode="c")) is None
    )  # its pages may hold what is nowhere else
    assert mapped_file(np.load(file)) is None
    assert mapped_file(np.load(file, mmap_mode="r") + 1) is None


def test_writing_to_a_map_is_not_undone(tmp_path: Path) -> None:
    X, y = data(50, [6, 3])
    np.save(tmp_path / "X.npy", np.zeros_like(X))
    for mode in ("r+", "c"):
        mapped = np.load(tmp_path / "X.npy", mmap_mode=mode)
        mapped[:] = X
        network([6, 3]).fit(mapped, y, epochs=2)
        assert_same_bits(np.asarray(mapped), X)


def test_training_on_a_map_is_training_on_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data(500, [6, 3])
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    net, other = network([6, 3]), network([6, 3])
    net.fit(mapped, y, epochs=2, batch_size=16)  # smaller than a window: read where it lies
    other.fit(X, y, epochs=2, batch_size=16)
    assert_same_bits(net.parameters, other.parameters)

    monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", 100 * 6 * 4)
    assert Rows(mapped).window() == 100
    X_nan = X.copy()
    X_nan[431, 2] = np.nan
    np.save(tmp_path / "nan.npy", X_nan)
    with pytest.raises(ValueError, match=r"X\[431, 2\] is nan"):
        net.fit(np.load(tmp_path / "nan.npy", mmap_mode="r"), y)
    weights = np.random.default_rng(0).random(500)
    for options in (
        {"shuffle": False},
        {},
        {"batch_size": 150},  # larger than a window
        {"sampling": weights},
        {"sample_weight": weights},
        {"callbacks": [SeesBatches(X)]},
    ):
        given: dict[str, Any] = {"epochs": 3, "batch_size": 16} | options
        assert net.fit(mapped, y, **given)["loss"] == other.fit(X, y, **given)["loss"]
        assert_same_bits(net.parameters, other.parameters)
    monkeypatch.setattr("deltarule._data.rows.SHUFFLED_AS_A_WHOLE", 500 * 6 - 1)
    monkeypatch.setattr("deltarule._data.sampling._NUMBERS_A_WINDOW", 200 * 6)
    assert net.fit(mapped, y, epochs=3)["loss"] == other.fit(X, y, epochs=3)["loss"]
    assert_same_bits(net.parameters, other.parameters)


class SeesBatches:
    """Every row that a callback is shown is one of X, and as many as there are in all."""

    def __init__(self, X: Array) -> None:
        self.rows = {row.tobytes() for row in X}
        self.seen: list[bytes] = []

    def on_step_end(self, run: Any) -> None:
        self.seen += [row.tobytes() for row in run.batch[0]]

    def on_epoch_end(self, run: Any) -> None:
        assert set(self.seen) == self.rows
        assert len(self.seen) == len(self.rows)
        self.seen = []


def test_a_fit_on_a_map_goes_back_to_the_last_finite_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", 100 * 6 * 4)
    X, y = data(500, [6, 3])
    y[123] = 1e30  # whose square is not finite
    np.save(tmp_path / "X.npy", X)

    ended = []
    for each in (X, np.load(tmp_path / "X.npy", mmap_mode="r")):
        net = network([6, 3], "identity")
        with pytest.raises(TrainingDivergedError, match="the weights of step"):
            net.fit(each, y, batch_size=16)
        assert np.isfinite(net.parameters).all()
        ended.append(net)
    assert_same_bits(ended[0].parameters, ended[1].parameters)


def test_what_is_predicted_and_judged_of_a_map_is_that_of_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, and in windows, whose pages are let go of."""
    n = [6, 40, 3]
    X, y = data(500, n)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    net = network(n)
    monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", 96 * 6 * 4)
    monkeypatch.setattr("deltarule._training.all_examples._NUMBERS_OF_X_A_PART", 96 * 6)
    let_go = []
    monkeypatch.setattr(Rows, "let_go", lambda rows: let_go.append(rows.mapped))
    expected = net.predict(X)
    judged = net.evaluate(X, y, metrics=["r2"])
    let_go.clear()
    assert_same_bits(net.predict(mapped), expected)
    assert let_go.count(True) == 2 * 6  # as it is checked, and as it is predicted
    out = np.empty_like(expected)
    assert net.predict(mapped, out) is out
    assert_same_bits(out, expected)
    let_go.clear()
    assert net.evaluate(mapped, y, metrics=["r2"]) == judged
    assert let_go.count(True) == 2 * 6
    history = network(n).fit(X, y, epochs=2, validation_data=(mapped, y))
    other = network(n)
    assert other.fit(X, y, epochs=2, validation_data=(X, y))["val_loss"] == history["val_loss"]


@pytest.mark.parametrize("shape", [(19, 3), (21, 3), (20, 2), (20,), ()])
def test_an_out_that_does_not_fit_a_map_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    X, _ = data(20, [6, 3])
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    with pytest.raises(ValueError, match="predict: out is float32 of shape"):
        network([6, 3]).predict(mapped, np.empty(shape, X.dtype))


LARGE_MAP = """
import numpy as np
import deltarule as dr

X = np.load({file!r}, mmap_mode="r")
net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=1000)
y = np.zeros(len(X), np.float32)
small = np.ones((64, 1000), np.float32)
net.fit(small, y[:64], validation_data=(small, y[:64]))
net.predict(small)
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])
before = peak()
{act}
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "act",
    [
        "net.fit(X, y, batch_size=256, epochs=2)",
        "net.predict(X)",
        "net.evaluate(X, y)",
        "net.fit(small, y[:64], validation_data=(X, y))",
    ],
)
def test_a_map_does_not_fill_the_memory(act: str, tmp_path: Path) -> None:
    """300 MB on the disk, half of that in memory at the most, whatever the length of the file."""
    file = tmp_path / "X.npy"
    X = np.lib.format.open_memmap(file, "w+", np.float32, (75_000, 1000))
    X[:] = 0.5
    del X
    kilobytes = int(output_of(LARGE_MAP.format(file=str(file), act=act)))
    file.unlink()
    print(f"the peak rose by {kilobytes / 1024:.0f} MB")
    assert kilobytes < 150 * 1024
