"""Which rows are held out."""

import numpy as np
import pytest

from deltarule.tabular.models.training.split import parts_of
from support import Array


def parts(
    m: int, classes: Array | None = None, groups: Array | None = None, **rest: object
) -> list[tuple[Array, Array]]:
    given: dict[str, object] = {"split": "random", "in_turn": False, "seed": 3, "where": "fit"}
    found = parts_of(m, classes, groups, **given | rest)  # type: ignore[arg-type]
    for train, held_out in found:
        assert len(train)
        assert len(held_out)
        assert sorted([*train, *held_out]) == list(range(m))
    return [tuple(each) for each in found]  # type: ignore[misc]


def test_a_fifth_is_held_out_or_every_row_once() -> None:
    [(_, held_out)] = parts(100)
    assert len(held_out) == 20
    turns = parts(103, in_turn=True)
    assert sorted(np.concatenate([held_out for _, held_out in turns])) == list(range(103))
    assert len(turns) == 5


def test_of_very_many_rows_no_more_are_held_out_than_tell_anything() -> None:
    classes = np.arange(400_000) % 4
    [(train, held_out)] = parts(400_000, classes)
    assert (len(train), len(held_out)) == (350_000, 50_000)
    assert np.allclose(np.bincount(classes[held_out]) / 50_000, 0.25, atol=0.01)


def test_the_seed_says_which() -> None:
    assert (parts(50)[0][1] == parts(50)[0][1]).all()
    assert (parts(50)[0][1] != parts(50, seed=4)[0][1]).any()


@pytest.mark.parametrize("m", [2, 3, 4, 7])
def test_few_rows_are_held_out_one_by_one(m: int) -> None:
    turns = parts(m, in_turn=True)
    assert len(turns) == min(5, m)


def test_every_part_has_its_share_of_a_rare_class() -> None:
    classes = np.zeros(200, np.int64)
    classes[::20] = 1
    for _, held_out in parts(200, classes, in_turn=True):
        assert classes[held_out].sum() == 2


@pytest.mark.parametrize(
    "classes", [[0, 0, 0, 0, 0, 1], [0, 1], [0, 1, 2, 3], [0, 0, 0, 1, 1, 1, 2]]
)
def test_classes_of_a_row_or_two_can_be_parted(classes: list[int]) -> None:
    parts(len(classes), np.array(classes), in_turn=True)
    parts(len(classes), np.array(classes))


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("in_turn", [False, True])
def test_a_group_is_on_one_side(stratified: bool, in_turn: bool) -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(40, size=400)
    classes = (groups + rng.integers(2, size=400)) % 2 if stratified else None
    for train, held_out in parts(400, classes, groups, in_turn=in_turn):
        assert not set(groups[train]) & set(groups[held_out])


def test_one_group_cannot_be_parted() -> None:
    with pytest.raises(ValueError, match="groups has 1 group: expected 2 or more"):
        parts(10, groups=np.zeros(10, np.int64))


def test_the_last_rows_in_time_are_held_out() -> None:
    [(train, held_out)] = parts(50, split="time", in_turn=True)
    assert (train == np.arange(40)).all()
    assert (held_out == np.arange(40, 50)).all()


def test_time_is_cut_between_groups() -> None:
    groups = np.repeat(np.arange(10), 7)
    [(train, held_out)] = parts(70, groups=groups, split="time")
    assert groups[train].max() < groups[held_out].min()
    with pytest.raises(ValueError, match="groups of rows overlap through all of X"):
        parts(70, groups=np.arange(70) % 2, split="time")
