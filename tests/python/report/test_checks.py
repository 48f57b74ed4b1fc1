"""Each check finds what it is for on a made-up subject, and nothing on a sound one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deltarule.report.checks.every import checked
from deltarule.report.checks.finding import Finding
from deltarule.report.facts.gathered import gathered
from deltarule.report.subject import Answers, Column, Importance, Levels, Numbers, Trained
from support_report import M, subject


def findings(*arguments: Any, **changes: Any) -> dict[str, Finding]:
    return {each.code: each for each in checked(gathered(subject(*arguments, **changes)))}


def looked_at(*arguments: Any, **changes: Any) -> set[str]:
    found = findings(*arguments, **changes)
    return {code for code, each in found.items() if each.state == "look"}


def column(values: Any, train: Any = None, name: str = "age", **changes: Any) -> Column:
    made = Column(name, "number", "", "", Numbers(np.asarray(values, float)), None)
    if train is not None:
        made = made._replace(train=Numbers(np.asarray(train, float)))
    return made._replace(**changes)


X = np.random.default_rng(0).normal(size=M)


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_nothing_is_found_where_all_is_sound(classes: int) -> None:
    made = subject(classes)
    guess = np.full(M, made.y.mean()) if not classes else np.full((M, classes), 1 / classes)
    found = findings(classes, baselines=[Answers("guess", guess, 0.1)])
    assert {each.state for each in found.values()} <= {"ok", "not checked"}
    assert found["M3"].state == "ok"


def test_codes_are_unique() -> None:
    found = checked(gathered(subject()))
    assert len({each.code for each in found}) == len(found)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("C1", {"columns": [column(X, leak="predicts 99.9% of each class")]}),
        ("C2", {"importance": Importance("rise", ("age", "city", "zip"), np.array([9.0, 1, 0.1]),
                                         np.zeros(3))}),
        ("C3", {"left_out": {"x": "it is the same in every row"}}),
        ("C3", {"columns": [column(np.ones(M))]}),
        ("C4", {"columns": [column(X), column(X + 0.01, name="again")]}),
        ("C4", {"columns": [column(X, copied="it is the same as 'a' in every row")]}),
        ("C5", {"columns": [column(X, X + 1)]}),
        ("C6", {"columns": [column(np.where(np.arange(M) % 4, np.nan, X))]}),
        ("R1", {"m": 60}),
        ("R4", {"columns": [column(np.arange(M) // 8, name="customer_id", identifier=True)]}),
        ("R5", {"columns": [Column("since", "date", "", "", Numbers(X, dates=True), None)]}),
        ("M2", {"held_out": {"accuracy": 0.99, "log_loss": 0.01}}),
    ],
)  # fmt: skip
def test_a_check_finds_what_it_is_for(code: str, changes: dict[str, Any]) -> None:
    assert code in looked_at(**changes)


def test_drift_of_levels_and_of_what_is_missing() -> None:
    names = ["Rome", "Oslo"]
    here, before = np.arange(M) % 2, (np.arange(M) % 10 == 0).astype(int)
    levels = Column("city", "category", "", "", Levels(here, names), Levels(before, names))
    assert "C5" in looked_at(columns=[levels])
    gone = np.where(np.arange(M) % 3 == 0, np.nan, X)
    assert "C5" in looked_at(columns=[column(gone, X)])


def test_a_drift_within_chance_is_none() -> None:
    assert "C5" not in looked_at(columns=[column(X[:30], X[30:60])])


def test_few_rows_of_a_class() -> None:
    made = subject()
    y = np.zeros(M, np.int64)
    y[:5] = 1
    trained = made.trained._replace(y=y)
    assert "R2" in looked_at(y=y)
    assert "R2" in looked_at(trained=trained)


def test_rows_of_the_fit_are_found() -> None:
    made = subject()
    seen = np.arange(M) < 20
    assert "R3" in looked_at(trained=made.trained._replace(seen=seen))


def test_groups_and_time_that_were_kept_to_are_no_matter() -> None:
    customers = column(np.arange(M) // 8, name="customer_id", identifier=True)
    dates = Column("since", "date", "", "", Numbers(X, dates=True), None)
    assert "R4" not in looked_at(columns=[customers], split="groups")
    assert "R5" not in looked_at(columns=[dates], split="time")


def test_overfitting() -> None:
    made = subject()
    perfect = np.eye(2)[made.y]
    assert "M1" in looked_at(trained=Trained(made.y, np.arange(M), perfect, np.zeros(M, bool)))


def test_baselines_that_are_better_or_as_good() -> None:
    made = subject()
    better = 0.5 * (made.model.outputs + np.eye(2)[made.y])
    same = Answers("same", made.model.outputs, 0.01)
    assert "Better than this model" in findings(baselines=[Answers("x", better, 1.0)])["M3"].words
    told = findings(baselines=[same])["M3"]
    assert told.state == "look"
    assert "0.01 s" in told.words


def test_probabilities_and_intervals_that_are_off() -> None:
    made = subject()
    odds = made.model.outputs**4
    sure = odds / odds.sum(axis=1, keepdims=True)
    assert "M4" in looked_at(model=Answers("this model", sure, 1.0))
    assert "M4" in looked_at(0, coverage=(0.9, 0.7))
    assert "M4" not in looked_at(0, coverage=(0.9, 0.9))


def test_without_the_rows_of_the_fit_some_are_not_checked() -> None:
    found = findings(trained=None)
    assert {code for code, each in found.items() if each.state == "not checked"} >= {
        "C5", "R3", "M1", "M3",
    }  # fmt: skip
