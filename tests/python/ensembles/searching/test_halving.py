"""How many members a rung has, and how much it trains them."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltarule.ensembles.searching import halving
from deltarule.ensembles.searching.halving import Epochs, Seconds, as_budget, sizes_of_rungs


@pytest.mark.parametrize(
    ("trials", "sizes"),
    [
        (1, [1]),
        (2, [2]),
        (3, [3, 2]),
        (4, [4, 2]),
        (5, [5, 3, 2]),
        (16, [16, 8, 4, 2]),
        (33, [33, 17, 9, 5, 3, 2]),
    ],
)
def test_sizes(trials: int, sizes: list[int]) -> None:
    assert sizes_of_rungs(trials) == sizes


@given(st.integers(1, 3000))
def test_rungs_are_the_logarithm(trials: int) -> None:
    assert len(sizes_of_rungs(trials)) == max(1, math.ceil(math.log2(trials)))


@pytest.mark.parametrize(
    ("trials", "total", "each"),
    [
        (1, 7, [7]),
        (2, 7, [3]),
        (4, 16, [2, 4]),
        (4, 17, [2, 4]),  # 1 is left over, which two cannot share
        (4, 19, [2, 5]),  # what the first rung leaves, the second has
        (16, 200, [3, 6, 13, 26]),
    ],
)
def test_epochs_by_hand(trials: int, total: int, each: list[int]) -> None:
    assert Epochs(total, sizes_of_rungs(trials)).of_a_member == each


@given(st.integers(1, 200), st.integers(0, 5000))
def test_epochs_are_spent_and_no_more(trials: int, more: int) -> None:
    sizes = sizes_of_rungs(trials)
    total = trials * len(sizes) + more
    each = Epochs(total, sizes).of_a_member
    spent = sum(size * epochs for size, epochs in zip(sizes, each, strict=True))
    assert total - sizes[-1] < spent <= total
    assert all(epochs >= 1 for epochs in each)
    assert each == sorted(each)


@given(st.integers(1, 200))
def test_the_least_budget_is_named(trials: int) -> None:
    sizes = sizes_of_rungs(trials)
    least = trials * len(sizes)
    assert Epochs(least, sizes).of_a_member[0] == 1
    with pytest.raises(ValueError, match=f"expected {least} or more"):
        Epochs(least - 1, sizes)


def test_a_budget_of_epochs_is_for_one_go_a_rung() -> None:
    budget = Epochs(16, [4, 2])
    assert [list(budget.parts(rung)) for rung in range(2)] == [[(2, None)], [(4, None)]]
    assert not budget.is_spent()


class Clock:
    """Says what time it is, and is told how long things take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(halving, "monotonic", lambda: self.now)

    def train(self, parts: Iterator[Any], an_epoch: float) -> tuple[list[int], list[float]]:
        """The epochs of each part, and the seconds that it was given."""
        epochs, limits = [], []
        for count, limit in parts:
            epochs.append(count)
            limits.append(limit)
            self.now += count * an_epoch
        return epochs, limits


def test_a_rung_trains_as_many_epochs_as_its_share_of_the_time_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    budget = Seconds(100.0, rungs=2)
    assert clock.train(budget.parts(0), an_epoch=8.0) == ([1, 5], [100.0, 92.0])
    assert clock.now == 1048.0  # of 1050: no epoch more
    assert clock.train(budget.parts(1), an_epoch=4.0) == ([1, 9, 3], [52.0, 48.0, 12.0])
    assert clock.now == 1100.0
    assert budget.is_spent()


def test_a_rung_that_takes_too_long_takes_the_others_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    budget = Seconds(10.0, rungs=3)
    assert clock.train(budget.parts(0), an_epoch=8.0)[0] == [1]
    assert clock.train(budget.parts(1), an_epoch=3.0) == ([1], [2.0])
    assert budget.is_spent()
    assert clock.train(budget.parts(2), an_epoch=1.0)[0] == []


def test_a_clock_that_stands_still_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    parts = Seconds(1.0, rungs=1).parts(0)
    assert [next(parts)[0] for _ in range(3)] == [1, 9, 90]
    clock.now += 2.0
    assert list(parts) == []


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [("90s", 90.0), ("1.5h", 5400.0), (" 10 min ", 600.0), (".5s", 0.5), ("2.s", 2.0)],
)
def test_times(monkeypatch: pytest.MonkeyPatch, budget: str, seconds: float) -> None:
    Clock(monkeypatch)
    found = as_budget(budget, [2])
    assert isinstance(found, Seconds)
    assert next(found.parts(0)) == (1, pytest.approx(seconds))


@pytest.mark.parametrize("budget", ["", "60", "0s", "5m", "-3s", "1e3s", "1h30min", "inf s", "s"])
def test_what_is_no_time(budget: str) -> None:
    with pytest.raises(ValueError, match=r"budget is '.*': expected epochs .* '10min'"):
        as_budget(budget, [2])


@pytest.mark.parametrize("budget", [None, 60.0, True, (60, "s")])
def test_what_is_no_budget(budget: Any) -> None:
    with pytest.raises(TypeError, match="expected epochs of all trials"):
        as_budget(budget, [2])
