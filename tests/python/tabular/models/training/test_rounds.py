"""Searches: rounds of packs, each near the best so far, and the mix of all."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.losses import MeanSquaredError
from deltarule.tabular.models.training import pack, rounds
from deltarule.tabular.models.training.course import Course
from deltarule.tabular.models.training.pack import Examples, Mix
from deltarule.tabular.models.training.recipe import PRESETS, Draw, Preset
from deltarule.tabular.models.training.rounds import Round, searched
from deltarule.tabular.models.training.split import Part

SMALL = Preset(members=4, units=16, waves=7, patience=3, epochs=8, snapshots=3, size=8)


def table(m: int = 200) -> tuple[dr.TableEncoder, Examples, list[Part]]:
    rng = np.random.default_rng(0)
    X = {"a": rng.normal(size=m), "b": rng.normal(size=m)}
    y = np.sin(3 * X["a"]) + X["b"]
    encoder = dr.TableEncoder().fit(X)
    y = ((y - y.mean()) / y.std()).astype(np.float32)
    rows, loss = np.arange(m), MeanSquaredError()
    examples = Examples(encoder.transform(X), y, None, loss, 1, "identity", np.zeros(1))
    return encoder, examples, [Part(rows[rows % 2 == 0], rows[rows % 2 == 1])]


def search(heard: list[Round], **rest: Any) -> Mix:
    options: dict[str, Any] = {"seed": 0, "time_limit": None, "progress": False} | rest
    return searched(*table(), SMALL, hear=heard.append, **options)


def test_rounds_make_it_better_and_it_ends_where_they_do_not() -> None:
    heard: list[Round] = []
    mix = search(heard)
    first = pack.trained(*table(), SMALL, seed=0, time_limit=None, progress=False)
    assert heard[0].mix == first.loss
    losses = [each.mix for each in heard]
    assert losses == sorted(losses, reverse=True)
    assert mix.loss == losses[-1] < losses[0]
    assert [each.number for each in heard] == list(range(1, len(heard) + 1))
    # The last three rounds have made nothing better, and those before them had.
    assert losses[-1] > (1 - 1e-3) * losses[-4]
    assert all(losses[k] <= (1 - 1e-3) * losses[k - 3] for k in range(3, len(losses) - 1))
    # What it says of the rows held out is what its networks say.
    _, examples, [part] = table()
    predictions = mix.ensemble.predict(examples.X[part.held_out])
    np.testing.assert_allclose(predictions, mix.outputs, atol=1e-5)
    own = np.mean((predictions[:, 0] - examples.y[part.held_out]) ** 2)
    assert np.isclose(own, mix.loss, rtol=1e-4)


def test_what_was_tried_is_told_the_best_first() -> None:
    heard: list[Round] = []
    tried = search(heard).tried
    assert len(tried) == sum(each.members for each in heard)
    assert [each["loss"] for each in tried] == sorted(each["loss"] for each in tried)
    assert min(each.best for each in heard) == tried[0]["loss"]
    assert {each["units"] for each in tried if each["round"] == 1} == {16}
    assert len({each["units"] for each in tried}) > 3
    assert all(each["epochs"] >= 1 for each in tried)


def test_time_that_is_up_ends_it() -> None:
    heard: list[Round] = []
    mix = search(heard, time_limit=1e-6)
    assert len(heard) == 1
    assert np.isfinite(mix.outputs).all()
    assert all(np.isfinite(each["loss"]) for each in mix.tried)


def test_what_is_in_the_mix_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_KEPT", 1)
    heard: list[Round] = []
    mix = search(heard)
    assert mix.loss == min(each.mix for each in heard)


def test_a_member_is_drawn_near_some() -> None:
    parents = [Draw(1, 64, 0.0, 11, 0.1, 2e-3, 1e-2), Draw(3, 256, 0.4, 31, 5.0, 8e-3, 1e-1)]
    generator = np.random.default_rng(0)
    drawn = [Draw.near(parents, generator, PRESETS["default"], 8) for _ in range(200)]
    assert {each.layers for each in drawn} == {1, 2, 3, 4}
    assert all(32 <= each.units <= 512 for each in drawn)
    assert all(7 <= each.waves <= 39 for each in drawn)
    assert all(each.dropout == 0 or 0.02 <= each.dropout <= 0.6 for each in drawn)
    # A number is of one of the parents, moved a little: not of the middle between them.
    sigmas = np.log([each.sigma for each in drawn])
    near = np.minimum(*(np.abs(sigmas - np.log(parent.sigma)) for parent in parents))
    assert np.median(near) < 0.5
    assert 0.3 < np.mean(np.abs(sigmas - np.log(0.1)) < np.abs(sigmas - np.log(5.0))) < 0.7


def test_a_fit_goes_by_its_course() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 2)), rng.normal(size=120)
    told: list[Any] = []

    def train(*arguments: Any, **named: Any) -> Mix:
        told.append(named["seed"])
        return pack.trained(*arguments, **named)

    model = dr.TabularRegressor(preset="fast", time_limit=0.3, random_state=0)
    model._course = Course(lambda encoder: told.append(encoder.columns), train, few_rows=2)
    model.fit(X, y)
    assert told[0] == model.encoder_.columns
    assert isinstance(told[1], int)
    assert model.record_["parts"] == 1  # rows are not few
