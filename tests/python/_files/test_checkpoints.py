"""Going on from a file, to the bit; and files that are not what they should be."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule import schedules
from deltarule._files.checkpoints import states_of_callbacks
from deltarule._files.tensors import read_tensors, write_tensors
from deltarule._training.run import TrainingRun
from support import (
    DTYPES,
    Array,
    assert_same_bits,
    data,
    data_of_every_kind,
    network,
    nothing_written,
    of_every_kind,
    output_of,
)

N = [4, 6, 3]


class Interrupt:
    """Ctrl-C, after so many epochs."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, run: TrainingRun) -> None:
        if run.epoch == self.epoch + 1:
            raise KeyboardInterrupt


class Nothing:
    """Does nothing, where the other interrupts."""

    def on_epoch_begin(self, run: TrainingRun) -> None: ...


Nothing.__name__ = "Interrupt"

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: dr.SGD(0.1),
    "momentum": lambda: dr.SGD(0.1, 0.9, nesterov=True),
    "Adam": lambda: dr.Adam(0.01),
    "Adam, cosine": lambda: dr.Adam(schedules.WarmUp(schedules.Cosine(0.01, 30), 5)),
    "Adam, a function": lambda: dr.Adam(lambda step: 0.01 / (1 + step)),
    "Adam, per epoch": lambda: dr.Adam(schedules.Exponential(0.01, 0.8, per="epoch")),
    "Adam, plateau": lambda: dr.Adam(
        schedules.ReduceOnPlateau(0.01, "val_loss", factor=0.5, patience=0, threshold=0.05)
    ),
}


def as_uninterrupted(
    make: Callable[[], Any],
    path: Path,
    at: int,
    *,
    epochs: int = 6,
    callbacks: Callable[[], list[Any]] = list,
    dtype: str = "float32",
    **options: Any,
) -> tuple[dr.Network, dr.Network]:
    """Train in one go and with a break, and hold both to the same bits."""
    X, y = data(23, N, dtype=dtype)
    options = {"batch_size": 5, "validation_data": data(7, N, dtype=dtype, seed=8)} | options
    whole, optimizer = network(N, dtype=dtype), make()
    keep = dr.Checkpoint(path.with_name("whole.safetensors"))
    whole.fit(
        X,
        y,
        epochs=epochs,
        optimizer=optimizer,
        callbacks=[*callbacks(), Nothing(), keep],
        **options,
    )
    broken = network(N, dtype=dtype)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(
            X,
            y,
            epochs=epochs,
            optimizer=make(),
            callbacks=[*callbacks(), Interrupt(at), dr.Checkpoint(path)],
            **options,
        )
    other, other_optimizer = network(N, seed=99, dtype=dtype), make()
    history = other.fit(
        X,
        y,
        epochs=epochs,
        optimizer=other_optimizer,
        callbacks=[*callbacks(), Nothing(), dr.Checkpoint(path)],
        resume=path,
        **options,
    )
    assert_same_bits(other.parameters, whole.parameters)
    assert_same_bits(other_optimizer.state, optimizer.state)
    assert other_optimizer.step == optimizer.step
    assert history == whole.history
    assert other._generator.bit_generator.state == whole._generator.bit_generator.state
    assert path.read_bytes() == path.with_name("whole.safetensors").read_bytes()
    return whole, other


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at", [1, 4])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed_is_uninterrupted(name: str, at: int, dtype: str, tmp_path: Path) -> None:
    as_uninterrupted(OPTIMIZERS[name], tmp_path / "run.safetensors", at, dtype=dtype)


@pytest.mark.parametrize("options", [{"shuffle": False}, {"sampling": np.arange(1, 24)}])
def test_orders(options: dict[str, Any], tmp_path: Path) -> None:
    as_uninterrupted(OPTIMIZERS["Adam"], tmp_path / "run.safetensors", 2, **options)


def test_callbacks_go_on_too(tmp_path: Path) -> None:
    """Early stopping counts its epochs over the break, and has the best weights of before it."""
    for at in (1, 2, 3):
        stops: list[dr.EarlyStopping] = []

        def callbacks(stops: list[dr.EarlyStopping] = stops) -> list[Any]:
            stops.append(dr.EarlyStopping("val_loss", patience=3))
            return [stops[-1]]

        make = lambda: dr.SGD(1.2)  # noqa: E731
        whole, _ = as_uninterrupted(
            make, tmp_path / "run.safetensors", at, epochs=12, callbacks=callbacks
        )
        assert stops[0].stopped_epoch == whole.history.epochs < 12
        assert (stops[2].best_epoch, stops[2].stopped_epoch) == (
            stops[0].best_epoch,
            stops[0].stopped_epoch,
        )


def test_a_rate_that_a_callback_has_set(tmp_path: Path) -> None:
    class Halve:
        def on_epoch_end(self, run: TrainingRun) -> None:
            if run.epoch % 2:
                run.learning_rate /= 2

    as_uninterrupted(OPTIMIZERS["Adam, cosine"], tmp_path / "a", 3, callbacks=lambda: [Halve()])


def test_a_finished_run_has_nothing_to_add(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    X, y = data(23, N)
    stop: Callable[[], list[Any]] = lambda: [  # noqa: E731
        dr.EarlyStopping("loss", patience=1, min_delta=1e9),
        dr.Checkpoint(path),
    ]
    net, other = network(N), network(N, seed=5)
    history = net.fit(X, y, epochs=9, callbacks=stop())
    assert history.epochs == 2
    assert other.fit(X, y, epochs=9, callbacks=stop(), resume=path) == history
    assert_same_bits(other.parameters, net.parameters)  # the best ones, too


def test_logs_are_whole_after_a_break(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    whole, _ = as_uninterrupted(
        OPTIMIZERS["Adam"], tmp_path / "run", 3, callbacks=lambda: [dr.CSVLog(log)]
    )
    rows = log.read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", *map(str, range(1, 7))]
    assert float(rows[2].split(",")[1]) == whole.history["loss"][1]


def test_in_another_process(tmp_path: Path) -> None:
    script = """
import sys
import numpy as np
import deltarule as dr
path, epochs, resume = sys.argv[1:] if len(sys.argv) > 1 else {arguments!r}
rng = np.random.default_rng(3)
X, y = rng.normal(size=(50, 4)), rng.integers(3, size=50)
net = dr.Network([dr.Dense(8, "relu"), dr.Dense(3, "softmax")], input_size=4, seed=1)
net.fit(X, y, epochs=int(epochs), batch_size=8, callbacks=[dr.Checkpoint(path)],
        resume=path if resume else None)
print(net.parameters.tobytes().hex())
"""
    path = str(tmp_path / "run.safetensors")
    whole = output_of(script.replace("{arguments!r}", repr((path + "2", "5", ""))))
    output_of(script.replace("{arguments!r}", repr((path, "3", ""))))
    assert output_of(script.replace("{arguments!r}", repr((path, "5", "yes")))) == whole


@pytest.mark.parametrize(
    "metrics", [(None, ["r2"]), (["r2"], None), (["r2"], ["r2", "mean_absolute_error"])]
)
def test_metrics_that_come_or_go(metrics: tuple[Any, Any], tmp_path: Path) -> None:
    """The history has NaN where there was no value, in memory and in the file."""
    path, log = tmp_path / "run", tmp_path / "log.csv"
    X, y = data(23, N)
    first, second = metrics
    network(N).fit(X, y, epochs=2, metrics=first, callbacks=[dr.Checkpoint(path)])
    net = network(N)
    keep = [dr.CSVLog(log), dr.Checkpoint(path)]
    net.fit(X, y, epochs=4, metrics=second, callbacks=keep, resume=path)
    loaded: Any = dr.load(path)
    names = {"loss", *(first or ()), *(second or ())}
    assert set(net.history) == set(loaded.history) == names
    for name in names:
        lacks = [
            epoch >= 2 if second is None else epoch < 2 and name not in (first or ())
            for epoch in range(4)
        ]
        if name == "loss":
            lacks = [False] * 4
        assert np.isnan(loaded.history[name]).tolist() == lacks
        np.testing.assert_array_equal(net.history[name], loaded.history[name])
    rows = [line.split(",") for line in log.read_text().splitlines()]
    assert len(rows) == 5
    assert len(rows[0]) == len(rows[-1])
    assert float(rows[-1][rows[0].index("loss")]) == net.history["loss"][-1]


def test_a_callback_s_own_column_does_not_spoil_the_file(tmp_path: Path) -> None:
    class Odd:
        def on_epoch_end(self, run: TrainingRun) -> None:
            run.history["long"] = [1.0] * 9
            run.history.setdefault("late", [])
            if run.epoch == 1:
                run.history["late"].append(5.0)

    path = tmp_path / "run"
    network(N).fit(*data(9, N), epochs=3, callbacks=[Odd(), dr.Checkpoint(path)])
    loaded: Any = dr.load(path)
    assert loaded.history["long"] == [1.0] * 3
    np.testing.assert_array_equal(loaded.history["late"], [5.0, np.nan, np.nan])


# Going on by itself --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run", "run-{epoch}", "{epoch}/run", "a{epoch}b{epoch}.[x]"])
def test_auto_begins_and_goes_on(name: str, tmp_path: Path) -> None:
    """The same call, again and again."""
    X, y = data(23, N)
    for epoch in range(13):
        (tmp_path / str(epoch)).mkdir()
    seen = []

    class Look:
        def on_epoch_begin(self, run: TrainingRun) -> None:
            seen.append((run.epoch, run.resumed))

    for epochs in (2, 11, 12):
        net = network(N)
        keep = dr.Checkpoint(tmp_path / name)
        net.fit(X, y, epochs=epochs, callbacks=[Look(), keep], resume="auto")
    assert seen == [(epoch, epoch > 2) for epoch in range(1, 13)]
    whole = network(N)
    whole.fit(X, y, epochs=12)
    assert_same_bits(net.parameters, whole.parameters)
    assert net.history == whole.history


def test_auto_takes_the_file_with_most_epochs(tmp_path: Path) -> None:
    X, y = data(23, N)
    often = dr.Checkpoint(tmp_path / "often")
    keeps = [dr.Checkpoint(tmp_path / "rarely-{epoch}", every=2), often]
    network(N).fit(X, y, epochs=2, callbacks=keeps)
    network(N).fit(X, y, epochs=3, callbacks=[often])
    (tmp_path / "rarely-x").write_text("no checkpoint")
    (tmp_path / "rarely-07").write_text("no checkpoint")
    net = network(N)
    net.fit(X, y, epochs=3, callbacks=keeps, resume="auto")
    assert net.history.epochs == 3


def test_auto_needs_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="resume is 'auto' but there is no Checkpoint: expected"):
        network(N).fit(*data(9, N), resume="auto")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*resume='auto' begins anew"):
        network(N).fit(*data(9, N), resume=tmp_path / "none")


@pytest.mark.parametrize(
    ("m", "change", "options", "message"),
    [
        (20, 0.0, {}, "it was trained with 23 examples, not 20"),
        (23, 1.0, {}, "it was trained with other examples"),
        (23, 0.0, {"batch_size": 5}, "it was trained with 23 examples a batch, not 5"),
        (23, 0.0, {"epochs": 2}, "it has 3 epochs, more than epochs=2: nothing is trained"),
    ],
)
def test_another_training_is_warned_of(
    m: int, change: float, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    X, y = data(23, N)
    network(N).fit(X, y, epochs=3, callbacks=[dr.Checkpoint(path)])
    same = {"epochs": 5, "callbacks": [dr.Checkpoint(path)], "resume": path}
    with pytest.warns(dr.TrainingWarning, match=message) as warned:
        network(N).fit(X[:m] + change, y[:m], **(same | options))
    assert warned[0].filename == __file__
    assert "will not be those of a training that was never interrupted" in str(warned[0].message)


def test_hyper_parameters_that_the_file_overrules_are_warned_of(tmp_path: Path) -> None:
    """PyTorch 156846: who resumed at a smaller rate went on at the old one, and did not know."""
    path = tmp_path / "run"
    X, y = data(23, N)
    network(N).fit(X, y, optimizer=dr.Adam(1e-2), callbacks=[dr.Checkpoint(path)])
    optimizer = dr.Adam(1e-5, beta_1=0.8)
    message = r"its optimizer goes on with learning_rate=0.01, not 1e-05, beta_1=0.9, not 0.8. For"
    with pytest.warns(dr.TrainingWarning, match=message) as warned:
        network(N).fit(
            X, y, optimizer=optimizer, epochs=2, callbacks=[dr.Checkpoint(path)], resume=path
        )
    assert warned[0].filename == __file__
    assert (optimizer.learning_rate, optimizer.beta_1) == (1e-2, 0.9)

    class AtAnotherRate:
        def on_fit_begin(self, run: Any) -> None:
            run.learning_rate = 1e-5

    callbacks = [dr.Checkpoint(path), AtAnotherRate()]
    optimizer = dr.Adam(1e-2)
    network(N).fit(X, y, optimizer=optimizer, epochs=3, callbacks=callbacks, resume=path)
    assert optimizer.learning_rate == 1e-5


def test_other_targets_and_other_weights_are_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "run"
    X, y = data(23, N)
    network(N).fit(X, y, callbacks=[dr.Checkpoint(path)])
    changes: list[dict[str, Any]] = [{"y": -y}, {"sample_weight": np.ones(23)}]
    for change in changes:
        given = {"X": X, "y": y, "callbacks": [dr.Checkpoint(path)], "resume": path} | change
        with pytest.warns(dr.TrainingWarning, match="it was trained with other examples"):
            network(N).fit(**given)
    # The same numbers in other memory are the same.
    network(N).fit(
        np.asfortranarray(X, np.float64), y.tolist(), callbacks=[dr.Checkpoint(path)], resume=path
    )


# When it is written --------------------------------------------------------------------------


def test_every_so_often_and_at_the_end(tmp_path: Path) -> None:
    keep = dr.Checkpoint(tmp_path / "{epoch}.safetensors", every=3)
    network(N).fit(*data(9, N), epochs=7, callbacks=[keep])
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["3", "6", "7"]


def test_only_the_best(tmp_path: Path) -> None:
    values = [3.0, 2.0, 4.0, 1.0, 1.0]

    class Set:
        def on_epoch_end(self, run: TrainingRun) -> None:
            run.history["error"] = values[: run.epoch]

    keep = dr.Checkpoint(tmp_path / "{epoch}", keep="best", monitor="error")
    network(N).fit(*data(9, N), epochs=5, callbacks=[Set(), keep])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "4"]


def test_a_write_that_fails_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    net = network(N)
    net.fit(*data(9, N), callbacks=[dr.Checkpoint(path)])
    before = path.read_bytes()

    def fail(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        net.fit(*data(9, N), callbacks=[dr.Checkpoint(path)])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert net.history.epochs == 1


# A file that does not fit --------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run.safetensors"
    network(N).fit(*data(9, N), optimizer=dr.Adam(), callbacks=[dr.Checkpoint(path)])
    return path


def resume(path: Path, net: dr.Network, optimizer: Any, n: list[int] = N, **options: Any) -> None:
    options = {"callbacks": [dr.Checkpoint(path)]} | options
    net.fit(*data(9, n), optimizer=optimizer, epochs=3, resume=path, **options)


def test_a_file_that_does_not_fit_changes_nothing(saved: Path) -> None:
    cases: list[tuple[Any, Any, str, dict[str, Any]]] = [
        (network([4, 7, 3]), dr.Adam(), "network whose layers is", {}),
        (network(N, "relu"), dr.Adam(), "network whose layers is", {}),
        (network(N, dtype="float64"), dr.Adam(), "network whose dtype is 'float32'", {}),
        (network(N), dr.SGD(), "holds the state of Adam: expected SGD, as optimizer is", {}),
        (
            network(N),
            dr.Adam(),
            r"callbacks \[\]: expected the same, not \['EarlyStopping'\]",
            {"callbacks": [dr.EarlyStopping("loss")]},
        ),
    ]
    for net, optimizer, message, options in cases:
        with nothing_written(net), pytest.raises(ValueError, match=message):
            resume(saved, net, optimizer, **options)
        assert optimizer.step == 0


def test_columns_in_another_order_than_the_saved_network_s(tmp_path: Path) -> None:
    path, (X, y) = tmp_path / "run.safetensors", data(9, N)
    table = dict(zip("abcd", X.T, strict=True))
    other = {name: table[name] for name in "dbca"}
    network(N).fit(table, y, optimizer=dr.Adam(), callbacks=[dr.Checkpoint(path)])
    options: dict[str, Any] = {"optimizer": "adam", "epochs": 2, "resume": path}
    going_on = network(N)
    going_on.fit(table, y, **options)
    for nameless in (X, [(X, y)]):
        net = network(N)
        net.fit(nameless, y if nameless is X else None, **options)
        assert net.feature_names == ["a", "b", "c", "d"]
    named = network(N)
    named.feature_names = list("dbca")
    message = "knows X's columns in another order: expected network.feature_names = "
    for net, given in ((network(N), other), (named, table), (named, X)):
        with nothing_written(net), pytest.raises(ValueError, match=message):
            net.fit(given, y, **options)
    with pytest.raises(ValueError, match=r"run.safetensors: X has other columns .* new: 'e'"):
        network(N).fit({"e": table["a"], **{n: table[n] for n in "bcd"}}, y, **options)
    net = network(N)
    net.feature_names = dr.load(path).feature_names  # type: ignore[union-attr]
    net.fit(other, y, **options)
    assert_same_bits(net.parameters, going_on.parameters)


def test_an_optimizer_of_another_network_changes_nothing(saved: Path) -> None:
    other, optimizer = network(N), dr.Adam()
    other.fit(*data(9, N), optimizer=optimizer)
    net = network(N)
    before, state = net.parameters.copy(), optimizer.state.copy()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="holds the state of another network"):
        resume(saved, net, optimizer)
    assert_same_bits(net.parameters, before)
    assert_same_bits(optimizer.state, state)  # type: ignore[arg-type]


def test_a_state_that_has_overflowed(tmp_path: Path) -> None:
    """A gradient whose square is infinite stops its weight, and nothing else."""
    X, y = data(9, N)
    path = tmp_path / "run"

    def net_of_large_gradients() -> dr.Network:
        net = network(N, "identity")
        net.layers[-1].W *= 1e-30
        return net

    options: dict[str, Any] = {"loss": "mean_absolute_error", "batch_size": 9}
    whole, optimizer = net_of_large_gradients(), dr.Adam()
    whole.fit(1e25 * X, y, epochs=4, optimizer=optimizer, **options)
    assert optimizer.state is not None
    assert np.isinf(optimizer.state).any()
    net = net_of_large_gradients()
    net.fit(1e25 * X, y, epochs=2, optimizer=dr.Adam(), callbacks=[dr.Checkpoint(path)], **options)
    other, other_optimizer = network(N, "identity"), dr.Adam()
    other.fit(1e25 * X, y, epochs=4, optimizer=other_optimizer, resume=path, **options)
    assert_same_bits(other.parameters, whole.parameters)
    assert_same_bits(other_optimizer.state, optimizer.state)


def test_a_schedule_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "run"
    rate = schedules.Cosine(0.1, 9)
    network(N).fit(*data(9, N), optimizer=dr.Adam(rate), callbacks=[dr.Checkpoint(path)])
    with pytest.raises(
        ValueError, match=r"learning_rate=Cosine\(.*expected the same, not a number"
    ):
        resume(path, network(N), dr.Adam())
    with pytest.raises(ValueError, match=r"not Cosine\(.*duration=8"):
        resume(path, network(N), dr.Adam(schedules.Cosine(0.1, 8)))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        resume(tmp_path / "none", network(N), dr.Adam())


def changed(path: Path, change: Callable[[dict[str, Any], dict[str, Array]], Any]) -> None:
    tensors, strings = read_tensors(path)
    metadata = json.loads(strings["deltarule"])
    change(metadata, tensors)
    write_tensors(path, tensors, {"deltarule": json.dumps(metadata)})


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata, tensors: metadata.pop("format"),
        lambda metadata, tensors: metadata.update(version=99),
        lambda metadata, tensors: metadata.pop("network"),
        lambda metadata, tensors: metadata["network"].update(generator={}),
        lambda metadata, tensors: metadata["network"]["generator"].update(bit_generator="system"),
        lambda metadata, tensors: metadata["network"]["generator"]["state"].update(inc="x"),
        lambda metadata, tensors: metadata["network"].update(rules=[]),
        lambda metadata, tensors: tensors.update({"history.b": np.zeros(2)}),
        lambda metadata, tensors: tensors.update({"history.loss": np.zeros(1, np.float32)}),
        lambda metadata, tensors: metadata["network"].update(adapted=1),
        lambda metadata, tensors: metadata["network"].update(dropout=[1]),
        lambda metadata, tensors: metadata["network"].update(dropout=[-1, 2]),
        lambda metadata, tensors: metadata["network"].update(dropout="12"),
        lambda metadata, tensors: metadata["optimizer"].update(step=-1),
        lambda metadata, tensors: metadata["optimizer"].update(epochs="x"),
        lambda metadata, tensors: metadata["optimizer"].update(hyperparameters=[]),
        lambda metadata, tensors: metadata["optimizer"]["hyperparameters"].update(_rule=1),
        lambda metadata, tensors: metadata.update(callbacks=3),
        lambda metadata, tensors: metadata["optimizer"].update(kind=3),
        lambda metadata, tensors: metadata["optimizer"]["hyperparameters"].update(beta_1=2.0),
        lambda metadata, tensors: metadata["callbacks"].append({"kind": "x", "state": 3}),
        lambda metadata, tensors: tensors.pop("layers.0.weight"),
        lambda metadata, tensors: tensors["layers.0.weight"].fill(np.nan),
        lambda metadata, tensors: tensors.update(more=np.zeros(1)),
        lambda metadata, tensors: tensors.update({"average.layers.0.weight": np.zeros((6, 4))}),
        lambda metadata, tensors: tensors.update({"optimizer.state": np.zeros(3, np.float32)}),
        lambda metadata, tensors: tensors["optimizer.state"].fill(np.nan),
    ],
)
def test_contents_that_are_wrong(change: Callable[..., Any], saved: Path) -> None:
    changed(saved, change)
    net, optimizer = network(N), dr.Adam()
    with nothing_written(net), pytest.raises(dr.ModelFileError, match="run"):
        resume(saved, net, optimizer)
    assert optimizer.step == 0


def test_a_callback_s_state_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "run"
    callbacks = [dr.EarlyStopping("loss"), dr.Checkpoint(path)]
    network(N).fit(*data(9, N), callbacks=callbacks)
    changed(path, lambda metadata, tensors: metadata["callbacks"][0]["state"].pop("best"))
    net = network(N)
    before = net.parameters.copy()
    with pytest.raises(dr.ModelFileError, match="state of EarlyStopping is not what it takes"):
        resume(path, net, dr.Adam(), callbacks=callbacks)
    assert_same_bits(net.parameters, before)


def test_callbacks_without_state_may_come_and_go(saved: Path, tmp_path: Path) -> None:
    net = network(N)
    resume(saved, net, dr.Adam(), callbacks=[dr.TimeLimit(60), dr.CSVLog(tmp_path / "log")])
    assert net.history.epochs == 3


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    network(N).save(path)
    with pytest.raises(dr.ModelFileError, match="'network': expected a deltarule checkpoint, as"):
        resume(path, network(N), dr.Adam())


@pytest.mark.parametrize("name", ["MT19937", "Philox", "SFC64", "PCG64DXSM"])
def test_any_generator_of_numpy_s(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    X, y = data(23, N)
    generator = np.random.Generator(getattr(np.random, name)(5))
    net, other = network(N), network(N)
    net._generator = generator
    net.fit(X, y, epochs=1, batch_size=5, callbacks=[dr.Checkpoint(path)])
    other.fit(X, y, epochs=1, batch_size=5, callbacks=[dr.Checkpoint(path)], resume=path)
    assert type(other._generator.bit_generator).__name__ == name
    assert other._generator.permutation(50).tolist() == generator.permutation(50).tolist()


# Layers of every kind -------------------------------------------------------------------------


class SlowDown:
    """Changes layers at run time: rates, what is frozen, penalties."""

    def on_epoch_begin(self, run: TrainingRun) -> None:
        layers: Any = run.network.layers
        layers["slow"].learning_rate = np.float32(1 / run.epoch)
        layers["first"].frozen = run.epoch in (2, 3)
        layers["inner"].l1 = 0.01 * run.epoch


class SlowDownAtTheEnd:
    """The same once, at an epoch that only the interrupted part sees: the file must know."""

    def on_epoch_end(self, run: TrainingRun) -> None:
        if run.epoch == 2:
            layers: Any = run.network.layers
            layers["slow"].learning_rate, layers["inner"].l2 = 0.3, 0.02
            layers["last"].frozen = True


@pytest.mark.parametrize("slow_down", [SlowDown, SlowDownAtTheEnd])
@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_of_every_kind_go_on_to_the_bit(dtype: str, slow_down: Any, tmp_path: Path) -> None:
    """Statistics, moments, masks, the average, and rules that were changed on the way."""
    X, y = data_of_every_kind(50, dtype)

    def train(seed: int, *callbacks: Any, **options: Any) -> tuple[dr.Network, dr.Optimizer]:
        net = of_every_kind(dtype, seed)
        optimizer = dr.NAdam(schedules.WarmUp(schedules.Cosine(0.02, 40), 6))
        with suppress(KeyboardInterrupt):
            net.fit(
                X,
                y,
                optimizer=optimizer,
                batch_size=8,
                epochs=5,
                sampling="balanced",
                clip_norm=0.5,
                average=0.9,
                validation_data=data_of_every_kind(20, dtype, seed=3),
                callbacks=[slow_down(), *callbacks],
                **options,
            )
        return net, optimizer

    path = tmp_path / "run.safetensors"
    stop = [dr.EarlyStopping(patience=9, restore_best_weights=False) for _ in range(3)]
    whole, optimizer = train(0, stop[0], dr.Checkpoint(tmp_path / "whole.safetensors"))
    train(0, stop[1], Interrupt(3), dr.Checkpoint(path))
    other, other_optimizer = train(99, stop[2], dr.Checkpoint(path), resume=path)
    assert whole.average is not None
    assert other.average is not None
    assert other_optimizer.state is not None
    assert optimizer.state is not None
    assert_same_bits(other.parameters, whole.parameters)
    assert_same_bits(other.statistics, whole.statistics)
    assert_same_bits(other.average, whole.average)
    assert_same_bits(other_optimizer.state, optimizer.state)
    assert [layer.rule() for layer in other.layers] == [layer.rule() for layer in whole.layers]
    assert other.history == whole.history
    assert path.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    same = [net.forward(X, training=True)[0] for net in (whole, other)]  # the same masks to come
    assert_same_bits(*same)


def test_an_average_that_begins_with_the_resumed_part(saved: Path) -> None:
    """And one that the network has, but not the file."""
    net = network(N)
    resume(saved, net, dr.Adam(), average=0.9, callbacks=[])
    assert net.average is not None
    assert (net.average != net.parameters).any()
    resume(saved, net, dr.Adam(), callbacks=[])  # the network has an average, the file has none
    assert net.average is None


def test_batches_need_no_adapt_where_a_file_has_the_moments(tmp_path: Path) -> None:
    path, (X, y) = tmp_path / "run.safetensors", data_of_every_kind(24)
    of_every_kind().fit(X, y, callbacks=[dr.Checkpoint(path)], epochs=1)
    net = of_every_kind()
    net.fit([(X[:12], y[:12]), (X[12:], y[12:])], epochs=2, resume=path)
    mean = X.astype(float).mean(axis=0)
    np.testing.assert_allclose(net.layers[0].mean[[0, 2, 3, 5], 0], mean[[0, 2, 3, 5]], rtol=1e-6)


def test_other_layers_are_refused(tmp_path: Path) -> None:
    path, (X, y) = tmp_path / "run.safetensors", data_of_every_kind(24)
    of_every_kind().fit(X, y, callbacks=[dr.Checkpoint(path)])
    others = [
        of_every_kind(dropout=False),
        of_every_kind(batch_norm=False),
        dr.Network([dr.Dense(3, "softmax")], input_size=6),
        dr.Network(
            [
                replace(layer, rate=0.5) if isinstance(layer, dr.Dropout) else layer
                for layer in of_every_kind()._descriptions
            ],
            input_size=6,
        ),
    ]
    for net in others:
        message = "fit: resume: .* holds a network whose layers is"
        with nothing_written(net), pytest.raises(ValueError, match=message):
            net.fit(X, y, resume=path, epochs=2)


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    """The file that is there is worth more than they are."""
    path = tmp_path / "run"
    keep = dr.Checkpoint(path)
    net = network(N)
    net.fit(*data(9, N), callbacks=[keep])
    before = path.read_bytes()

    class Spoil:
        def on_epoch_end(self, run: TrainingRun) -> None:
            run.network.parameters[0] = np.inf

    with pytest.raises(dr.TrainingDivergedError):
        net.fit(*data(9, N), epochs=2, callbacks=[Spoil(), keep])
    assert path.read_bytes() == before


def test_best_weights_of_another_network(saved: Path) -> None:
    stop = dr.EarlyStopping("loss")
    network(N).fit(*data(9, N), optimizer=dr.Adam(), callbacks=[stop, dr.Checkpoint(saved)])
    changed(
        saved,
        lambda metadata, tensors: tensors.update(
            {"callbacks.0.best_parameters": np.zeros(2, np.float32)}
        ),
    )
    with pytest.raises(dr.ModelFileError, match="best parameters are float32 of shape"):
        resume(saved, network(N), dr.Adam(), callbacks=[stop])


def test_a_checkpoint_is_a_model(saved: Path) -> None:
    """The network can be had without what trained it."""
    net = network(N)
    net.fit(*data(9, N), optimizer=dr.Adam(), callbacks=[dr.Checkpoint(saved)])
    loaded = dr.load(saved)
    assert isinstance(loaded, dr.Network)
    assert_same_bits(loaded.parameters, net.parameters)
    assert loaded.history == net.history
    changed(saved, lambda metadata, tensors: tensors.update({"stray": np.zeros(1)}))
    with pytest.raises(dr.ModelFileError, match=r"tensors that belong to nothing: \['stray'\]"):
        dr.load(saved)


@pytest.mark.parametrize("callbacks", [3, [3], [{"state": 3}], None])
def test_states_of_callbacks_that_are_none(callbacks: Any, saved: Path, tmp_path: Path) -> None:
    changed(saved, lambda metadata, tensors: metadata.update(callbacks=callbacks))
    assert states_of_callbacks(saved) == []
    (tmp_path / "other").write_text("a thesis")
    assert states_of_callbacks(tmp_path / "other") == []
