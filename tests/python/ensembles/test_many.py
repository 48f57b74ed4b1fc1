"""Many networks at once: each as if it were alone, and none lost by another's trouble."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.ensembles import crew
from deltarule.ensembles.progress import ManyProgress
from support import (
    Array,
    assert_same_bits,
    data,
    data_of_every_kind,
    network,
    of_every_kind,
    output_of,
)
from support_tables import M, columns

N = [6, 8, 3]


@pytest.fixture(params=[1, 2, 3], ids=lambda n: f"{n} threads")
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = dr.get_num_threads()
    dr.set_num_threads(request.param)
    yield request.param
    dr.set_num_threads(before)


def assert_same(actual: dr.Network, expected: dr.Network) -> None:
    """All that a training changes is the same, to the bit."""
    assert_same_bits(actual.parameters, expected.parameters)
    assert_same_bits(actual.statistics, expected.statistics)
    assert (actual.average is None) == (expected.average is None)
    if expected.average is not None and actual.average is not None:
        assert_same_bits(actual.average, expected.average)
    assert actual.history == expected.history
    assert actual.history.diverged == expected.history.diverged
    # What comes next is the same as well.
    X, y = data_of_every_kind(20, str(expected.dtype))
    if expected.output_size == 3 and expected.input_size == 6:
        Y = np.eye(3)[y]
        following = [copy.deepcopy(net).fit(X, Y) for net in (actual, expected)]
        assert following[0] == following[1]


LOSS = "categorical_cross_entropy"


def mixed() -> tuple[list[dr.Network], dict[str, list[Any]]]:
    """Networks that have little in common, and what each is to be trained with."""
    networks = [
        of_every_kind(seed=1),
        of_every_kind("float64", seed=2, dropout=False),
        network(N, ["relu", "softmax"], seed=3),
        network([6, 30, 20, 3], ["tanh", "tanh", "softmax"], "float64", seed=4),
        of_every_kind(seed=5, batch_norm=False),
        network([6, 3], "softmax", seed=6),
    ]
    options: dict[str, list[Any]] = {
        "optimizer": [
            dr.Adam(dr.schedules.Cosine(1e-2, 40)),
            dr.SGD(0.05, momentum=0.9),
            "rmsprop",
            dr.LBFGS(),
            dr.AdamW(dr.schedules.ReduceOnPlateau(0.01, monitor="loss", patience=1)),
            dr.Lion(),
        ],
        "epochs": [3, 2, 5, 4, 1, 0],
        "batch_size": [7, 60, 16, 32, 13, 8],
        "shuffle": [True, True, False, True, True, True],
        "clip_norm": [None, 0.5, None, None, 1.0, None],
        "clip_value": [0.1, None, None, None, None, None],
        "average": [0.9, None, 0.99, None, None, None],
        "class_weight": [None, "balanced", None, None, {0: 2.0}, None],
        "metrics": [None, ["accuracy"], None, None, ["accuracy", "f1"], None],
        "sampling": [None, None, "balanced", None, None, None],
        "callbacks": [
            [],
            [],
            [dr.EarlyStopping(patience=1)],
            [],
            [dr.TimeLimit(1e6)],
            [],
        ],
        "validation_split": [None, 0.25, 0.3, None, None, None],
    }
    return networks, options


def alone(networks: list[dr.Network], X: Any, y: Any, options: dict[str, list[Any]]) -> None:
    for index, net in enumerate(networks):
        each = {name: copy.deepcopy(values[index]) for name, values in options.items()}
        net.fit(X, y, loss=LOSS, **each)


def test_every_member_has_the_bits_that_it_would_have_alone(threads: int) -> None:
    X, y = data_of_every_kind(60)
    (networks, options), (others, same_options) = mixed(), mixed()
    alone(others, X, y, same_options)
    histories = dr.fit_many(networks, X, y, loss=LOSS, **options)
    for net, other, history in zip(networks, others, histories, strict=True):
        assert history is net.history
        assert_same(net, other)


def test_more_members_than_threads_and_fewer(threads: int) -> None:
    X, y = data(200, N)
    for count in (1, 2, 9):
        networks = [network([6, 5 + k, 3], seed=k) for k in range(count)]
        others = copy.deepcopy(networks)
        dr.fit_many(networks, X, y, epochs=list(range(1, count + 1)), batch_size=16)
        for k, other in enumerate(others):
            other.fit(X, y, epochs=k + 1, batch_size=16)
            assert_same_bits(networks[k].parameters, other.parameters)


def test_it_goes_on_from_what_is_there() -> None:
    X, y = data(50, N)
    networks = [network(N, seed=k) for k in range(3)]
    others = copy.deepcopy(networks)
    optimizers = [dr.Adam() for _ in networks]
    for epochs in (1, 3):
        dr.fit_many(networks, X, y, optimizer=optimizers, epochs=epochs, batch_size=8)
    for net, other in zip(networks, others, strict=True):
        other.fit(X, y, epochs=4, batch_size=8)
        assert_same_bits(net.parameters, other.parameters)


ROWS = {
    "bootstrap": np.random.default_rng(0).integers(0, 60, 60),
    "fold": np.arange(10, 45),
    "backwards": np.arange(60)[::-3],
    "flags": np.arange(60) % 3 != 1,
}


@pytest.mark.parametrize("name", list(ROWS))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": False},
        {"batch_size": 1000},
        {"sampling": "balanced"},
        {"class_weight": "balanced"},
        {"validation_split": 0.3},
        {"metrics": ["accuracy"]},
    ],
    ids=lambda options: next(iter(options), "plain"),
)
def test_rows_of_a_member_s_own(name: str, options: dict[str, Any]) -> None:
    """As if X and y were those rows."""
    X, y = data_of_every_kind(60)
    rows = ROWS[name]
    net, other = of_every_kind(), of_every_kind()
    options = {"loss": LOSS, "epochs": 3, "batch_size": 9} | options
    dr.fit_many([net], X, y, rows=[rows], **options)
    other.fit(X[rows], y[rows], **options)
    assert_same(net, other)


def test_weights_go_with_the_rows() -> None:
    X, y = data(60, N)
    weights = np.random.default_rng(3).uniform(0.1, 3, 60)
    sampling = np.random.default_rng(4).uniform(0, 1, 60)
    rows = ROWS["bootstrap"]
    net, other = network(N), network(N)
    dr.fit_many([net], X, y, rows=rows, sample_weight=weights, sampling=sampling, batch_size=9)
    other.fit(X[rows], y[rows], sample_weight=weights[rows], sampling=sampling[rows], batch_size=9)
    assert_same_bits(net.parameters, other.parameters)


def test_folds() -> None:
    X, y = data(60, N)
    folds = [np.arange(60) % 3 == k for k in range(3)]
    networks = [network(N, seed=k) for k in range(3)]
    others = copy.deepcopy(networks)
    dr.fit_many(networks, X, y, rows=[~fold for fold in folds], validation_rows=folds, epochs=2)
    for net, other, fold in zip(networks, others, folds, strict=True):
        other.fit(X[~fold], y[~fold], validation_data=(X[fold], y[fold]), epochs=2)
        assert_same(net, other)


def test_rows_of_other_containers(tmp_path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    X, y = data(60, N)
    X[X < 0] = 0
    np.save(tmp_path / "X.npy", X)
    rows = [ROWS["bootstrap"], ROWS["fold"]]
    expected = [network(N, seed=k) for k in range(2)]
    options: dict[str, Any] = {"rows": rows, "validation_rows": rows[::-1], "batch_size": 9}
    dr.fit_many(expected, X, y, **options)
    for same in (sparse.csr_matrix(X), np.load(tmp_path / "X.npy", mmap_mode="r"), X.tolist()):
        networks = [network(N, seed=k) for k in range(2)]
        dr.fit_many(networks, same, y, **options)
        for net, other in zip(networks, expected, strict=True):
            assert_same_bits(net.parameters, other.parameters)
            for name, values in other.history.items():
                assert net.history[name] == pytest.approx(values)


class Opened:
    """An array that counts how often it is asked for."""

    def __init__(self, array: Array) -> None:
        self.array, self.times = array, 0

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        self.times += 1
        return self.array


def test_X_and_y_are_opened_once() -> None:
    X, y = data(50, N)
    many: list[Any] = [Opened(X), Opened(y), Opened(X[:20]), Opened(y[:20])]
    networks = [network(N, seed=k) for k in range(6)]
    dr.fit_many(networks, many[0], many[1], validation_data=(many[2], many[3]), epochs=2)
    one: list[Any] = [Opened(X), Opened(y), Opened(X[:20]), Opened(y[:20])]
    network(N).fit(one[0], one[1], validation_data=(one[2], one[3]), epochs=2)
    assert [each.times for each in many] == [each.times for each in one]


def of_tables(count: int) -> list[dr.Network]:
    """Networks that share an encoder, of either dtype."""
    encoder = dr.TableEncoder().fit(columns())
    layers = [*encoder.layers(), dr.Dense(4, "relu"), dr.Dense(1, "sigmoid")]
    dtypes = ["float32", "float64"]
    return [dr.Network(layers, inputs=encoder, dtype=dtypes[k % 2], seed=k) for k in range(count)]


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tables that encoders encode, one by one."""
    tables: list[Any] = []
    encode = dr.TableEncoder.encoded

    def seen(encoder: dr.TableEncoder, X: Any, where: str, what: str = "X") -> tuple[Array, bool]:
        tables.append(X)
        return encode(encoder, X, where, what)

    monkeypatch.setattr(dr.TableEncoder, "encoded", seen)
    return tables


def test_a_raw_table_is_encoded_once(encoded: list[Any], threads: int) -> None:
    table, y = columns(), np.random.default_rng(1).integers(0, 2, M)
    held_out = {name: values[:50] for name, values in table.items()}
    networks = of_tables(5)
    others = copy.deepcopy(networks)
    options: dict[str, Any] = {"epochs": 3, "batch_size": 64, "metrics": ["accuracy"]}
    options["validation_data"] = (held_out, y[:50])
    dr.fit_many(networks, table, y, **options)
    assert len(encoded) == 2
    assert encoded[0] is table
    assert encoded[1] is held_out
    for net, other in zip(networks, others, strict=True):
        other.fit(table, y, **options)
        assert_same_bits(net.parameters, other.parameters)
        assert net.history == other.history
        assert_same_bits(net.predict(table), other.predict(table))


def test_rows_of_a_raw_table(encoded: list[Any]) -> None:
    table, y = columns(), np.random.default_rng(1).integers(0, 2, M)
    rows = [np.arange(10, 300), np.arange(M)[::-3], np.zeros(20, int)]
    networks = of_tables(len(rows))
    others = copy.deepcopy(networks)
    dr.fit_many(networks, table, y, rows=rows, validation_rows=np.arange(10), epochs=2)
    assert len(encoded) == 1
    for net, other, own in zip(networks, others, rows, strict=True):
        part, seen = ({name: [c[row] for row in which] for name, c in table.items()}
                      for which in (own, range(10)))  # fmt: skip
        other.fit(part, y[own], validation_data=(seen, y[:10]), epochs=2)
        assert_same_bits(net.parameters, other.parameters)
        assert net.history == other.history


def test_encoders_of_their_own_each_encode(encoded: list[Any]) -> None:
    """Two that have learned from other tables are not taken for one."""
    table, y = columns(), np.random.default_rng(1).integers(0, 2, M)
    networks = of_tables(1)
    scaled = dr.TableEncoder(scaling="standard").fit(columns())
    networks.append(dr.Network([*scaled.layers(), dr.Dense(1, "sigmoid")], inputs=scaled, seed=1))
    others = copy.deepcopy(networks)
    dr.fit_many(networks, table, y, epochs=2)
    assert len(encoded) == 2
    for net, other in zip(networks, others, strict=True):
        other.fit(table, y, epochs=2)
        assert_same_bits(net.parameters, other.parameters)


def test_seeds() -> None:
    X, y = data(50, N)

    def trained(**options: Any) -> list[Array]:
        networks = [network(N) for _ in range(3)]
        dr.fit_many(networks, X, y, batch_size=8, **options)
        return [net.parameters for net in networks]

    own = trained(seeds=[5, 6, 5])
    assert_same_bits(own[0], own[2])
    assert (own[0] != own[1]).any()
    drawn = trained(seeds=5)
    assert len({each.tobytes() for each in drawn}) == 3
    for first, second in zip(drawn, trained(seeds=5), strict=True):
        assert_same_bits(first, second)
    other = network(N)
    other.reseed(6)
    other.fit(X, y, batch_size=8)
    assert_same_bits(own[1], other.parameters)


def test_reseeding_is_as_a_new_seed_but_for_the_weights() -> None:
    X, y = data_of_every_kind(50)
    net, other = of_every_kind(seed=1), of_every_kind(seed=2)
    other.parameters = net.parameters
    generator = np.random.default_rng(7)
    assert net._generator.bit_generator.state != generator.bit_generator.state
    for each in (net, other):
        each.reseed(7)
        assert each._generator.bit_generator.state == generator.bit_generator.state
        each.fit(X, y, loss=LOSS, batch_size=9, epochs=2)
    assert_same(net, other)


def test_one_that_diverges_says_so_and_the_others_go_on(threads: int) -> None:
    X, y = data(50, N)
    networks = [network(N, ["relu", "identity"], seed=k) for k in range(4)]
    others = copy.deepcopy(networks)
    rates = [0.1, 1e30, 0.1, 0.1]
    with pytest.warns(dr.TrainingWarning, match=r"networks\[1\]: fit: the cost is not finite"):
        histories = dr.fit_many(
            networks, X, y, optimizer=[dr.SGD(rate) for rate in rates], epochs=5, batch_size=8
        )
    for index, other in enumerate(others):
        if index == 1:
            with pytest.raises(dr.TrainingDivergedError) as raised:
                other.fit(X, y, optimizer=dr.SGD(1e30), epochs=5, batch_size=8)
            assert histories[1].diverged == str(raised.value)
            assert np.isfinite(networks[1].parameters).all()
        else:
            other.fit(X, y, optimizer=dr.SGD(0.1), epochs=5, batch_size=8)
            assert histories[index].diverged is None
        assert_same(networks[index], other)


class Raises:
    def __init__(self, error: BaseException, epoch: int = 2) -> None:
        self.error, self.epoch, self.ended = error, epoch, 0

    def on_epoch_end(self, run: Any) -> None:
        if run.epoch == self.epoch:
            raise self.error

    def on_fit_end(self, run: Any) -> None:
        self.ended += 1
        assert run.exception is self.error


def test_a_callback_that_raises_ends_its_own_member(threads: int) -> None:
    X, y = data(50, N)
    networks = [network(N, seed=k) for k in range(5)]
    others = copy.deepcopy(networks)
    bad = Raises(OSError("no space left on device"))
    with pytest.raises(OSError, match="no space left") as raised:
        dr.fit_many(networks, X, y, epochs=4, callbacks=[[], [], [bad], [], []])
    assert "networks[2]" in raised.value.__notes__[0]
    assert bad.ended == 1
    for index, (net, other) in enumerate(zip(networks, others, strict=True)):
        other.fit(X, y, epochs=2 if index == 2 else 4)
        assert_same(net, other)


def test_what_interrupts_leaves_every_member_whole(threads: int) -> None:
    X, y = data(400, N)
    networks = [network(N, seed=k) for k in range(7)]
    others = copy.deepcopy(networks)
    bad = Raises(KeyboardInterrupt())
    callbacks: list[list[Any]] = [[], [], [bad], [], [], [], []]
    with pytest.raises(KeyboardInterrupt):
        dr.fit_many(networks, X, y, epochs=50, batch_size=8, callbacks=callbacks)
    assert bad.ended == 1
    assert networks[2].history.epochs == 2
    assert networks[6].history.epochs < 50
    for net, other in zip(networks, others, strict=True):
        assert np.isfinite(net.parameters).all()
        epochs = net.history.epochs
        assert net.history == other.fit(X, y, epochs=epochs, batch_size=8)
        net.fit(X, y)  # which is let in


def test_ctrl_c() -> None:
    """A signal is heard while all threads are at work, within a moment, and leaves all whole."""
    script = """
import os, signal, threading
import numpy as np
import deltarule as dr

dr.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(20_000, 60)).astype("float32")
networks = [dr.Network([dr.Dense(200, "tanh"), dr.Dense(3)], 60, seed=k) for k in range(6)]

class Send:
    def on_run_end(self, run):
        if run.step > 20:
            os.kill(os.getpid(), signal.SIGINT)

try:
    dr.fit_many(networks, X, X[:, :3], epochs=10**6, callbacks=[[Send()], [], [], [], [], []])
except KeyboardInterrupt:
    print(all(np.isfinite(net.parameters).all() for net in networks))
    print([net.fit(X, X[:, :3], batch_size=len(X)).epochs for net in networks])
"""
    assert output_of(script).split("\n") == ["True", "[1, 1, 1, 1, 1, 1]"]


def test_time_is_up(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Those that are in training end, those that wait stay what they are."""
    X, y = data(50, N)
    networks = [network(N, seed=k) for k in range(20)]
    before = [net.parameters.copy() for net in networks]
    now = [0.0]
    monkeypatch.setattr(crew, "monotonic", lambda: now[0])

    class Clock:
        def on_epoch_end(self, run: Any) -> None:
            now[0] += 1.0

    clock: Any = Clock()
    histories = dr.fit_many(
        networks, X, y, epochs=10**6, time_limit=50, callbacks=[[clock] for _ in networks]
    )
    begun = [history.epochs > 0 for history in histories]
    assert sum(begun) <= 3 * threads
    assert begun[0]
    for net, old, has_begun in zip(networks, before, begun, strict=True):
        assert (net.parameters != old).any() == has_begun
        assert net.history.epochs < 10**6


class Loss:
    """A loss of one's own, which the crew's threads call."""

    def __init__(self, bad: bool = False) -> None:
        self.bad, self.calls = bad, 0

    def __call__(self, A: Array, Y: Array) -> tuple[Array, Array]:
        self.calls += 1
        if self.bad and self.calls > 3:
            raise ZeroDivisionError("of one's own")
        return ((A - Y) ** 2).sum(axis=1), 2 * (A - Y)


def test_losses_of_one_s_own(threads: int) -> None:
    X, y = data(50, N)
    networks = [network(N, seed=k) for k in range(4)]
    others = copy.deepcopy(networks)
    losses: list[Any] = [Loss(), Loss(bad=True), Loss(), "huber"]
    with pytest.raises(ZeroDivisionError, match="of one's own") as raised:
        dr.fit_many(networks, X, y, loss=losses, epochs=3, batch_size=8)
    assert "networks[1]" in raised.value.__notes__[0]
    for index in (0, 2, 3):
        others[index].fit(X, y, loss=Loss() if index < 3 else "huber", epochs=3, batch_size=8)
        assert_same(networks[index], others[index])


def test_no_rooms_are_kept() -> None:
    """A member that has ended keeps its numbers, and nothing of what training needed."""
    X, y = data(50, N)
    net = network(N)
    dr.fit_many([net], X, y)
    assert (net._gradients, net._trainers, net._snapshot_rooms) == (None, {}, [])


def test_nothing_is_changed_where_something_is_wrong() -> None:
    X, y = data(50, N)
    networks = [network(N), network([5, 3]), network(N, seed=2)]
    before = [net.parameters.copy() for net in networks]
    with pytest.raises(ValueError, match=r"expected \(n_samples, 5\)") as raised:
        dr.fit_many(networks, X, y)
    assert raised.value.__notes__ == ["fit_many: this is of networks[1]"]
    for net, old in zip(networks, before, strict=True):
        assert_same_bits(net.parameters, old)


def wrong(match: str, error: type[Exception] = ValueError, **options: Any) -> Any:
    return pytest.param(options, error, match, id=next(iter(options)))


SHARED = dr.Adam()


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        wrong("epochs has 2 elements: expected one for each of the 3", epochs=[1, 2]),
        wrong("optimizer\\[1\\] is optimizer\\[0\\]", optimizer=[SHARED, SHARED, "adam"]),
        pytest.param(
            {"optimizer": [SHARED] * 3}, ValueError, r"optimizer\[1\] is optimizer\[0\]", id="one"
        ),
        wrong("callbacks\\[0\\] is .* whose file or trial", callbacks=[dr.CSVLog("x.csv")]),
        wrong("callbacks\\[0\\] is .*: expected a list of lists", callbacks=[Raises(OSError())]),
        wrong("seeds is \\[1, 2\\]: expected an integer, or one for each", seeds=[1, 2]),
        wrong("rows\\[0\\] is 50: expected 0 to 49", rows=[50]),
        wrong("rows is float64", TypeError, rows=[0.5]),
        wrong("validation_rows\\[1\\] is -1", validation_rows=[0, -1]),
        wrong("rows has 2 elements", rows=[[1], [2]]),
        wrong("time_limit is 0", time_limit=0),
        wrong("there is no argument 'lr'", TypeError, lr=0.1),
        wrong(
            "validation_split and validation_rows are given",
            validation_split=0.2,
            validation_rows=[1],
        ),
    ],
)
def test_what_is_refused(options: dict[str, Any], error: type[Exception], match: str) -> None:
    X, y = data(50, N)
    with pytest.raises(error, match=match):
        dr.fit_many([network(N, seed=k) for k in range(3)], X, y, **options)


def test_networks_that_are_refused() -> None:
    X, y = data(50, N)
    net = network(N)
    for networks, match in [
        ([], "expected a list of 1 or more"),
        (net, "expected a list of 1 or more"),
        ([net, 3], r"networks\[1\] is 3"),
    ]:
        with pytest.raises(TypeError, match=match):
            dr.fit_many(networks, X, y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"networks\[1\] is networks\[0\]"):
        dr.fit_many([net, net], X, y)


def test_an_optimizer_for_all_is_copied() -> None:
    X, y = data(50, N)
    optimizer = dr.Adam(0.01)
    networks = [network(N, seed=k) for k in range(2)]
    dr.fit_many(networks, X, y, optimizer=optimizer)
    assert optimizer.step == 0
    net = network(N)
    net.fit(X, y, optimizer=optimizer)
    with pytest.raises(ValueError, match="optimizer has trained a network before"):
        dr.fit_many(networks, X, y, optimizer=optimizer)
    dr.fit_many([net], X, y, optimizer=optimizer)  # its own
    assert optimizer.step == 4


@pytest.mark.parametrize("bar", [False, True], ids=["lines", "tqdm"])
def test_progress(
    bar: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if bar:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    X, y = data(50, N)
    networks = [network(N, seed=k) for k in range(3)]
    stopping = [[dr.EarlyStopping("loss", min_delta=1e9, patience=1)], [], []]
    dr.fit_many(networks, X, y, epochs=[9, 2, 3], callbacks=stopping, progress=True)
    last = re.split(r"[\r\n]+", capsys.readouterr().err.strip())[-1]
    losses = [min(net.history["loss"]) for net in networks]
    best = int(np.argmin(losses))
    assert f"best loss {losses[best]:.4g} (networks[{best}])  3/3 members" in last
    assert "7/7" in last


def test_progress_shows_the_best_network_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tqdm = pytest.importorskip("tqdm.auto")
    bar, narrow = tqdm.tqdm, {"ncols": 80, "dynamic_ncols": False}
    monkeypatch.setattr(tqdm, "tqdm", lambda **options: bar(**options | narrow))
    with ManyProgress(80, enabled=True) as progress:
        progress.expect(12_000)
        progress.end_epoch(79, {"val_loss": 0.12345})
        progress.end_member(0)
    last = re.split(r"[\r\n]+", capsys.readouterr().err.strip())[-1]
    assert "best val_loss 0.1235 (networks[79])" in last
    assert "1/80" in last
