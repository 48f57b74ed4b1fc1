"""Packs: what is drawn, what is kept of it, and which of it is put together."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.losses import MeanSquaredError
from deltarule.tabular.models.training import pack
from deltarule.tabular.models.training.pack import Examples, Mix, Pack
from deltarule.tabular.models.training.recipe import PRESETS, Draw, Preset
from deltarule.tabular.models.training.snapshots import Snapshots
from deltarule.tabular.models.training.split import Part

SMALL = Preset(members=5, units=16, waves=7, patience=4, epochs=12, snapshots=3, size=8)


def table(m: int = 240) -> tuple[dr.TableEncoder, Examples]:
    rng = np.random.default_rng(0)
    X = {"a": rng.normal(size=m), "b": rng.normal(size=m), "c": rng.choice(list("uvw"), m)}
    y = np.sin(3 * X["a"]) + X["b"] * (X["c"] == "u")
    encoder = dr.TableEncoder().fit(X)
    y = ((y - y.mean()) / y.std()).astype(np.float32)
    examples = Examples(
        encoder.transform(X), y, None, MeanSquaredError(), 1, "identity", np.zeros(1)
    )
    return encoder, examples


def parts(m: int = 240, folds: int = 3) -> list[Part]:
    rows = np.arange(m)
    return [Part(rows[rows % folds != k], rows[rows % folds == k]) for k in range(folds)]


def trained(examples: Examples, encoder: dr.TableEncoder, given: list[Part], **rest: Any) -> Mix:
    options: dict[str, Any] = {"seed": 0, "time_limit": None, "progress": False} | rest
    return pack.trained(encoder, examples, given, SMALL, **options)


def test_what_is_said_of_rows_held_out_is_said_by_networks_that_have_not_seen_them() -> None:
    encoder, examples = table()
    [part] = given = parts()[:1]
    mix = trained(examples, encoder, given)
    assert (mix.rows == part.held_out).all()
    # With one part the ensemble's own answers are these; float32 adds up in another order.
    np.testing.assert_allclose(
        mix.ensemble.predict(examples.X[part.held_out]), mix.outputs, atol=1e-5
    )
    spread = mix.ensemble.std(examples.X[part.held_out])
    np.testing.assert_allclose(spread, mix.spread, atol=1e-5)


def test_parts_in_turn_hold_out_every_row_once() -> None:
    encoder, examples = table()
    mix = trained(examples, encoder, parts())
    assert sorted(mix.rows) == list(range(240))
    assert mix.outputs.shape == (240, 1)
    assert np.isfinite(mix.outputs).all()
    own = np.mean((mix.outputs[:, 0] - examples.y[mix.rows]) ** 2)
    assert own < 1  # of a variance of 1
    # Each member has a network a part, which weigh the same.
    assert np.isclose(mix.ensemble.weights.sum(), 1)
    assert len(mix.ensemble) >= 3


def test_the_mix_is_no_worse_than_its_best_member() -> None:
    encoder, examples = table()
    [part] = given = parts()[:1]
    mix = trained(examples, encoder, given)
    own = np.mean((mix.outputs[:, 0] - examples.y[part.held_out]) ** 2)
    assert own <= min(each["best"][0] for each in mix.members) * (1 + 1e-5)
    assert np.isclose(sum(each["weight"] for each in mix.members), 1)


@pytest.mark.parametrize("threads", [2, 3])
def test_the_same_bits_on_any_number_of_threads(threads: int) -> None:
    encoder, examples = table()
    found, before = [], dr.get_num_threads()
    try:
        for count in (1, threads):
            dr.set_num_threads(count)
            found.append(trained(examples, encoder, parts()))
    finally:
        dr.set_num_threads(before)
    one, other = found
    assert one.members == other.members
    assert (one.outputs == other.outputs).all()
    assert (one.ensemble.weights == other.ensemble.weights).all()


def test_where_time_is_up_at_once_there_is_an_ensemble_all_the_same() -> None:
    encoder, examples = table()
    mix = trained(examples, encoder, parts(), time_limit=1e-6)
    assert len(mix.ensemble) >= 1
    assert np.isfinite(mix.outputs).all()


def test_a_member_is_the_same_however_many_there_are() -> None:
    def drawn(count: int) -> list[Draw]:
        generator = np.random.default_rng(5)
        return [Draw.of(generator, PRESETS["default"], 8) for _ in range(count)]

    assert drawn(9)[:4] == drawn(4)
    assert len(set(drawn(9))) == 9


@pytest.mark.parametrize("numbers", [0, 1, 8, 100, 300, 10_000])
def test_many_numbers_become_few_waves_each(numbers: int) -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        waves = Draw.of(generator, PRESETS["default"], numbers).waves
        assert 7 <= waves <= 39
        assert waves == 7 or numbers * waves <= 1024


def test_more_rows_have_fewer_members_and_folds_too() -> None:
    preset = PRESETS["default"]
    assert preset.for_rows(10_000, 1) == preset
    assert preset.for_rows(10_000, 5).members < preset.members
    assert 4 <= preset.for_rows(3_000_000, 1).members < preset.for_rows(100_000, 1).members
    assert preset.for_rows(3_000_000, 1).patience >= 4


def test_snapshots_are_the_best_epochs_and_patience_ends() -> None:
    encoder, examples = table()
    net = dr.Network([dr.Dense(64, "relu"), dr.Dense(1)], input_size=encoder.output_size, seed=0)
    taken = Snapshots(3, 5)
    train, held_out = slice(0, 60), slice(60, 240)
    X, y = examples.X, examples.y
    history = net.fit(
        X[train], y[train], validation_data=(X[held_out], y[held_out]), epochs=300,
        optimizer=dr.Adam(0.01), callbacks=[taken],
    )  # fmt: skip
    losses = history["val_loss"]
    assert len(losses) == 5 + 1 + int(np.argmin(losses)) < 300
    assert [each.loss for each in taken.kept] == sorted(losses)[:3]
    best = taken.kept[0]
    net.parameters[:] = best.parameters
    assert (net.predict(X[held_out]) == best.outputs).all()


def test_large_networks_have_fewer_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, examples = table()
    given = parts()[:1]
    most = max(len(taken.kept) for taken in _taken(encoder, examples, given))
    monkeypatch.setattr(pack, "_MOST_BYTES", 1)
    assert most == SMALL.snapshots > 1
    assert {len(taken.kept) for taken in _taken(encoder, examples, given)} == {1}


def _taken(encoder: dr.TableEncoder, examples: Examples, given: list[Part]) -> list[Snapshots]:
    """The snapshots of a pack, which is trained meanwhile."""
    found: list[Snapshots] = []
    drawn = Pack.drawn

    def watched(*arguments: Any) -> Any:
        members = drawn(*arguments)
        found.extend(taken for member in members for taken in member.taken)
        return members

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pack, "drawn", watched)
        trained(examples, encoder, given)
    return found


@pytest.mark.parametrize(("rows", "size"), [(20, 16), (400, 16), (5_000, 256), (100_000, 256)])
def test_batches_are_small_where_rows_are_few(rows: int, size: int) -> None:
    assert pack.batch_size_of(rows) == size
