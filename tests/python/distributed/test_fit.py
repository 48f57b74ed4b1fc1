"""One model on several ranks: the same bits on any number of them, and no rank left waiting."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import Array, assert_near, assert_same_bits
from support_ranks import on_ranks

RANKS = (1, 2, 3, 4)


def data(m: int = 96, n: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(m, n)).astype(np.float32)
    return X, X[:, 0] * X[:, 1]


def network(*more: Any, seed: int = 0, dtype: str = "float64") -> dr.Network:
    return dr.Network([dr.Dense(7, "tanh"), *more, dr.Dense(1)], 5, seed=seed, dtype=dtype)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, str]]:
    """What each number of ranks came to; the first of them leaves the checkpoint to the others."""
    folder = tmp_path_factory.mktemp("ranks")
    rng = np.random.default_rng(0)
    np.save(folder / "X.npy", rng.normal(size=(240, 6)).astype("float32"))
    found = {}
    for ranks in (4, 1, 2, 3):
        ended = on_ranks(ranks, "same_bits.py", str(folder))
        assert ended.code == 0, ended.text
        found[ranks] = ended.results[-1]
    return found


def test_any_number_of_ranks_comes_to_the_same_bits(told: dict[int, dict[str, str]]) -> None:
    assert len(told[1]) > 20
    for ranks in RANKS:
        same = [name for name in told[1] if not name.startswith("uneven")]
        differing = [name for name in same if told[ranks][name] != told[1][name]]
        assert not differing, ranks
    assert len(set(told[1].values())) >= len(told[1]) - 2  # and trainings differ from one another


def test_a_checkpoint_is_gone_on_from_on_another_number_of_ranks(
    told: dict[int, dict[str, str]],
) -> None:
    for ranks in RANKS:
        assert told[ranks]["resumed"] == told[1]["whole"]


def test_rows_in_memory_and_in_a_file_come_to_the_same_bits(
    told: dict[int, dict[str, str]],
) -> None:
    assert told[1]["mapped"] == told[1]["adam"]


@pytest.mark.parametrize("shards", [1, 3, 8])
@pytest.mark.parametrize("layers", [(), (dr.LayerNorm(),)], ids=["dense", "layer norm"])
def test_shards_make_the_steps_of_one_machine_but_for_rounding(
    shards: int, layers: tuple[Any, ...]
) -> None:
    X, y = data()
    options: dict[str, Any] = {"batch_size": 24, "epochs": 3, "shuffle": False}
    options |= {"clip_norm": 0.5, "average": 0.9, "sample_weight": np.arange(1.0, 97.0)}
    # A step takes the same share of every shard: so ordered, a batch has the same examples.
    steps, each = 4, 96 // shards
    order = np.arange(96).reshape(shards, steps, each // steps).swapaxes(0, 1).ravel()
    alone, together = network(*layers), network(*layers)
    weights = options.pop("sample_weight")
    expected = alone.fit(X[order], y[order], sample_weight=weights[order], **options)
    found = dr.distributed.fit(together, X, y, shards=shards, sample_weight=weights, **options)
    assert_near(together.parameters, alone.parameters, 1e-10)
    assert_near(np.array(found["loss"]), np.array(expected["loss"]), 1e-10)
    assert alone.average is not None
    assert together.average is not None
    assert_near(together.average, alone.average, 1e-10)


def test_a_batch_norm_goes_by_each_shard_and_keeps_the_mean_of_their_moments() -> None:
    X, y = data(32)
    net = network(dr.BatchNorm(momentum=0.25))
    before = net.parameters.copy()
    dr.distributed.fit(net, X, y, shards=4, batch_size=32, optimizer=dr.SGD(0.0))
    assert_same_bits(net.parameters, before)
    Z = np.tanh(X.astype(np.float64) @ net.layers[0].W.T + net.layers[0].b.T).reshape(4, 8, 7)
    mean, variance = Z.mean(axis=1).mean(axis=0), Z.var(axis=1, ddof=1).mean(axis=0)
    assert_near(net.layers[1].mean[:, 0], 0.25 * mean, 1e-6)
    assert_near(net.layers[1].variance[:, 0], 0.75 + 0.25 * variance, 1e-6)


def test_each_shard_drops_units_of_its_own() -> None:
    X, y = np.ones((8, 5), np.float32), np.ones(8)
    net = network(dr.Dropout(0.5))
    seen: list[Array] = []

    class Look:
        def on_step_end(self, run: dr.callbacks.TrainingRun) -> None:
            seen.append(run.gradients.copy())

    for rows in (slice(0, 4), slice(4, 8)):  # the same examples, alone or beside others
        one = network(dr.Dropout(0.5))
        dr.distributed.fit(one, X[rows], y[rows], batch_size=4, callbacks=[Look()])
    dr.distributed.fit(net, X, y, batch_size=8, shards=2, callbacks=[Look()])
    assert_same_bits(seen[0], seen[1])
    assert not np.allclose(seen[2], seen[0])  # else the second shard had the first one's mask


@pytest.mark.parametrize("mapped", [False, True])
def test_what_a_callback_sees_of_a_step(mapped: bool, tmp_path: Path) -> None:
    X, y = data()
    if mapped:
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")
    batches = []

    class Look:
        def on_step_end(self, run: dr.callbacks.TrainingRun) -> None:
            batches.append(run.batch[0])

    dr.distributed.fit(network(), X, y, shards=4, batch_size=48, shuffle=False, callbacks=[Look()])
    rows = np.arange(96).reshape(4, 2, 12)
    for step, seen in enumerate(batches):
        assert_same_bits(np.asarray(seen), X[rows[:, step].ravel()])


def test_a_diverging_cost_leaves_the_last_good_weights() -> None:
    X, y = data()
    net = network()
    with pytest.raises(dr.TrainingDivergedError, match="batch 2 of 4"):
        dr.distributed.fit(net, X, y, shards=2, batch_size=24, optimizer=dr.SGD(1e200))
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampling": "balanced"}, "sampling draws from all examples"),
        ({"optimizer": dr.LBFGS()}, "expected one that makes steps"),
        ({"lr": 0.1}, "it belongs to the optimizer"),
        ({"shards": 0}, "shards is 0: expected 1 or more"),
        ({"timeout": -1}, "timeout is -1"),
        ({"validation_split": 0.5, "validation_data": data()}, "expected one of them"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    X, y = data()
    net = network()
    before = net.parameters.copy()
    with pytest.raises((ValueError, TypeError), match=message):
        dr.distributed.fit(net, X, y, **options)
    assert_same_bits(net.parameters, before)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expected a deltarule\.Network, MLPClassifier"):
        dr.distributed.fit(object(), *data())


def test_a_shard_of_one_example_has_no_variance() -> None:
    X, y = data()
    with pytest.raises(ValueError, match="in 32 shards leaves one of them 1 examples"):
        dr.distributed.fit(network(dr.BatchNorm()), X, y, shards=32, batch_size=32)


def test_shards_are_part_of_what_a_checkpoint_goes_on_with(tmp_path: Path) -> None:
    X, y = data()
    path = tmp_path / "run"
    options: dict[str, Any] = {"batch_size": 24, "callbacks": [dr.Checkpoint(path)]}
    dr.distributed.fit(network(), X, y, shards=4, epochs=2, **options)
    whole, resumed = network(), network()
    dr.distributed.fit(whole, X, y, shards=4, epochs=4, batch_size=24)
    dr.distributed.fit(resumed, X, y, epochs=4, resume=path, **options)  # as many as it had
    assert_same_bits(resumed.parameters, whole.parameters)
    dr.distributed.fit(network(), X, y, shards=4, epochs=2, **options)
    with pytest.warns(dr.TrainingWarning, match="its batches were cut into 4 shards, not 1"):
        network().fit(X, y, epochs=4, resume=path, **options)


SECONDS = 60  # far more than it takes, and far less than for ever


def ended(what: str, folder: Path, ranks: int = 2) -> dict[int, dict[str, Any]]:
    found = on_ranks(ranks, "goes_wrong.py", what, str(folder), limit=SECONDS)
    return {each["rank"]: each for each in found.results} | {-1: {"text": found.text}}


@pytest.mark.parametrize(
    ("what", "own", "others"),
    [
        (
            "raises",
            "RuntimeError: the disk is full",
            "rank 1 has failed: RuntimeError: the disk is",
        ),
        ("SIGINT", "KeyboardInterrupt: ", "rank 1 has failed: KeyboardInterrupt"),
        ("nan", "ValueError: fit: X[2, 1] is nan", "rank 1 has failed: ValueError: fit: X[2, 1]"),
        (
            "seed",
            "DistributedError: fit: the weights of rank 1 are not",
            "expected networks of the",
        ),
        (
            "columns",
            "DistributedError: fit: the columns of X is",
            "expected the same on every rank",
        ),
        ("epochs", "DistributedError: fit: epochs is 7 on rank 1 and 6", "epochs is 7 on rank 1"),
    ],
)
def test_trouble_on_one_rank_ends_all_with_its_reason(
    what: str, own: str, others: str, tmp_path: Path
) -> None:
    told = ended(what, tmp_path, 3)
    assert told[1]["ended"].startswith(own)
    for rank in (0, 2):
        assert told[rank]["ended"].startswith("DistributedError: fit: ")
        assert others in told[rank]["ended"]


def test_a_rank_that_stops_stops_all(tmp_path: Path) -> None:
    told = ended("stops", tmp_path)
    assert [(told[rank]["ended"], told[rank]["epochs"]) for rank in (0, 1)] == [("done", 3)] * 2


@pytest.mark.parametrize("what", ["SIGKILL", "SIGSTOP"])
def test_a_rank_that_is_gone_leaves_nobody_waiting(what: str, tmp_path: Path) -> None:
    told = ended(what, tmp_path)
    if what == "SIGSTOP":
        assert "rank 0 has waited 2 s for rank 1" in told[0]["ended"]
    else:
        assert re.search(r"(?i)killed|signal 9|exit code: 9", told[-1]["text"])
    saved = dr.load(tmp_path / "run.safetensors")
    assert saved.history.epochs in (2, 3)  # the last checkpoint is whole
