"""Many networks over ranks: the bits of one machine, on every rank; and no rank left waiting."""

from pathlib import Path
from typing import Any

import pytest

from support_ranks import on_ranks


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks tells."""
    return on_all(2, "whole", tmp_path_factory.mktemp("ranks"))


def on_all(ranks: int, which: str, folder: Path) -> list[dict[str, Any]]:
    ended = on_ranks(ranks, "side_by_side/same_bits.py", which, str(folder))
    assert ended.code == 0, ended.text
    return sorted(ended.results, key=lambda each: each["rank"])


def expect_same(each: dict[str, Any], ranks: int) -> None:
    """The program holds networks and histories to being the same itself."""
    assert each["optimizers"] is True
    assert each["callback"] is True
    assert each["trained on"] == list(range(ranks))
    assert each["raised"].startswith("OSError: the disk is full: fit_many: this is of networks[2]")
    assert each["the others"] is True
    assert each["rows"] is True
    # Progress is rank 0's, of all ranks.
    assert ("3/3 members" in each["said"]) == (each["rank"] == 0)
    assert bool(each["said"]) == (each["rank"] == 0)


def test_two_ranks_come_to_the_bits_of_one_machine(told: list[dict[str, Any]]) -> None:
    for each in told:
        expect_same(each, 2)


def test_so_do_three(tmp_path: Path) -> None:
    found = on_all(3, "short", tmp_path)
    assert [each["rank"] for each in found] == [0, 1, 2]
    for each in found:
        expect_same(each, 3)


def test_one_that_diverges_is_told_once(told: list[dict[str, Any]]) -> None:
    assert [each["diverged"] for each in told] == [[False, True, False]] * 2
    [warning] = told[0]["warned"]
    assert warning.startswith("fit_many: networks[1]: fit: the cost is not finite")
    assert told[1]["warned"] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("X", "X: rank 1 has shape (120, 4) with values of"),
        ("epochs", "epochs: rank 1 has 3, and rank 0 2: expected the same on all ranks"),
        ("seed", "networks[0]: rank 1 has Network(4-6-6-2"),
        ("a callback of two", "callbacks[1][0] is callbacks[0][0]: expected a callback of each"),
        ("what cannot travel", "expected one that can be pickled"),
        ("both wrong", "ValueError: fit: y has shape (9, 2) but X has 120 rows"),
    ],
)
def test_what_may_not_be_is_refused_by_name_on_all_ranks(
    told: list[dict[str, Any]], name: str, words: str
) -> None:
    for each in told:
        assert words in each["refused"][name]


def test_who_cannot_begin_is_told_to_the_others(told: list[dict[str, Any]]) -> None:
    own = "ValueError: fit: y has shape (9, 2) but X has 120 rows: expected as many"
    assert told[1]["refused"]["y"].startswith(own)
    assert told[0]["refused"]["y"] == f"DistributedError: fit_many: rank 1 cannot begin: {own}"


def test_ranks_that_do_not_make_the_same_calls(told: list[dict[str, Any]]) -> None:
    for each in told:
        assert "rank 1 has made fewer calls than rank 0" in each["fewer calls"]


@pytest.mark.parametrize("what", ["time limit", "search by time", "search", "table"])
def test_whatever_trains_many_does_it_on_all_ranks(told: list[dict[str, Any]], what: str) -> None:
    assert [each[what] for each in told] == [True, True]


@pytest.mark.parametrize("what", ["gathered", "written", "fewer rows than ranks", "labels"])
def test_predictions_by_ranges(told: list[dict[str, Any]], what: str) -> None:
    assert [each[what] for each in told] == [True, True]


def test_predictions_of_other_rows_are_refused(told: list[dict[str, Any]]) -> None:
    for each in told:
        assert "predict: the predictions of the first rows: rank 1 has" in each["other rows"]


def goes_wrong(what: str, rank: int) -> tuple[int, str, dict[int, dict[str, Any]]]:
    ended = on_ranks(3, "side_by_side/goes_wrong.py", what, str(rank), limit=60)
    return ended.code, ended.text, {each["rank"]: each for each in ended.results}


@pytest.mark.parametrize(
    ("what", "rank", "own"),
    [("exits", 1, "SystemExit: 3"), ("raises", 2, "OSError: the disk is full")],
)
def test_trouble_on_one_rank_ends_all_with_its_reason(what: str, rank: int, own: str) -> None:
    _, _, told = goes_wrong(what, rank)
    assert len(told) == 3
    for each in told.values():
        by_another = f"DistributedError: over: rank {rank} has failed: {own}"
        assert each["ended"] == (own if each["rank"] == rank else by_another)
        assert each["whole"] is True


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_is_stopped_ends_all(rank: int) -> None:
    code, text, told = goes_wrong("SIGSTOP", rank)
    assert code != 0
    assert not told
    assert f"over: rank {rank} has given no sign of life for 3 s" in text


def test_a_rank_that_is_killed_ends_all() -> None:
    code, _, told = goes_wrong("SIGKILL", 1)
    assert code != 0
    assert all(each["ended"] != "done" for each in told.values())
