"""Rows: memory maps above all, and the memory that they are not to take."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._data.rows import Rows, mapped_file
from support import Array, assert_near, assert_same_bits, data, network, output_of


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
        with pytest.raises(dr.TrainingDivergedError, match="the weights of step"):
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
    monkeypatch.setattr("deltarule._network.all_examples._NUMBERS_OF_X_A_PART", 96 * 6)
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


MIXED_ORDERS = ["i1", "i2", "u2", "u4", "u8", "f2", "?", ">i2", ">f4", ">f8", ">u8", "unaligned"]


def mapped(array: Array, folder: Path, dtype: str) -> Array:
    """The same numbers in a file, of a type that the core does not read in place."""
    file, plain = folder / "X", dtype != "unaligned"
    offset = 0 if plain else 1
    X = np.memmap(file, dtype if plain else "f4", "w+", offset, array.shape)
    X[:] = array
    X.flush()
    return np.memmap(file, X.dtype, "r", offset, array.shape)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("dtype", MIXED_ORDERS)
def test_maps_of_types_that_the_core_does_not_read(
    dtype: str, shuffle: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = np.random.default_rng(0).integers(2, size=(500, 6))
    labels, weights = np.arange(500) % 3, np.linspace(0.5, 2, 500)
    for y in (labels, np.asfortranarray(np.eye(3)[labels])):
        outcomes = []
        for given in (X.astype("f4"), mapped(X, tmp_path, dtype)):
            net = of_every_kind_of_step()
            options: dict[str, Any] = {"shuffle": shuffle, "sample_weight": weights, "epochs": 2}
            history = net.fit(given, y, validation_data=(given, y), batch_size=16, **options)
            everything = [net.predict(given), net.forward(given)[0], net.parameters]
            everything += [np.array(values) for values in history.values()]
            everything += [np.array(net.evaluate(given, y)["loss"])]
            outcomes.append(everything)
        for actual, expected in zip(*outcomes, strict=True):
            assert_same_bits(actual, expected)

    # Windows of 100 rows, or of so many bytes: the order is that of an array in memory.
    monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", 100 * 6 * 4)
    window = Rows(mapped(X, tmp_path, dtype)).window()
    assert window == (50 if dtype in ("u4", "u8", ">f8", ">u8") else 400 if dtype == "?" else 100)
    net, other = of_every_kind_of_step(), of_every_kind_of_step()
    for shuffled in (False, True):
        net.fit(mapped(X, tmp_path, dtype), labels, batch_size=16, shuffle=shuffled)
        other.fit(X, labels, batch_size=16, shuffle=shuffled)
        assert_same_bits(net.parameters, other.parameters)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", MIXED_ORDERS)
def test_estimators_take_such_maps_and_arrays(dtype: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    X, y = np.random.default_rng(0).integers(2, size=(60, 4)), np.arange(60) % 3
    unaligned = np.zeros(60, [("before", "u1"), ("X", "f4" if dtype == "unaligned" else dtype, 4)])
    unaligned["X"] = X
    expected = dr.MLPClassifier(max_iter=3, random_state=0).fit(X.astype(float), y)
    for given in (mapped(X, tmp_path, dtype), unaligned["X"]):
        model = dr.MLPClassifier(max_iter=3, random_state=0).fit(given, y)
        assert_near(model.predict_proba(given), expected.predict_proba(X), 1e-4)


def of_every_kind_of_step() -> dr.Network:
    layers = [dr.Standardize(), dr.Dense(5, "tanh"), dr.Dropout(0.2), dr.Dense(3, "softmax")]
    return dr.Network(layers, input_size=6)


def test_a_step_of_such_a_map_is_shown_and_made_again(tmp_path: Path) -> None:
    """To callbacks, and when the way back to the last good weights makes steps anew."""
    X = np.random.default_rng(0).integers(50, size=(60, 6))
    y = np.arange(60) % 3
    seen = []

    class Look:
        def on_step_end(self, run: Any) -> None:
            seen.append(run.batch)

    for given in (X, mapped(X, tmp_path, ">i2")):
        net = network([6, 3], "softmax")
        net.fit(given, y, batch_size=16, epochs=2, callbacks=[Look()])
    for one, other in zip(seen[:8], seen[8:], strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("dtype", ["f4", "f2"])
@pytest.mark.parametrize(
    "act",
    [
        "net.fit(X, y, batch_size=256, epochs=2)",
        "net.predict(X)",
        "net.evaluate(X, y)",
        "net.fit(small, y[:64], validation_data=(X, y))",
    ],
)
def test_a_map_does_not_fill_the_memory(act: str, dtype: str, tmp_path: Path) -> None:
    """300 MB on the disk, half of that in memory at the most, whatever the length of the file."""
    file = tmp_path / "X.npy"
    X = np.lib.format.open_memmap(
        file, "w+", dtype, (300_000_000 // np.dtype(dtype).itemsize // 1000, 1000)
    )
    X[:] = 0.5
    del X
    kilobytes = int(output_of(LARGE_MAP.format(file=str(file), act=act)))
    file.unlink()
    print(f"the peak rose by {kilobytes / 1024:.0f} MB")
    assert kilobytes < 150 * 1024
