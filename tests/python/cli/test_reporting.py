"""A run's figures and those of its report are the same, and made once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("polars")
pytest.importorskip("click")
pytest.importorskip("sklearn")

import polars as pl
from click.testing import CliRunner

from deltarule.cli.train import command
from deltarule.report import write
from deltarule.report.facts.gathered import Facts, gathered

M = 120


def test_scores_and_baselines_are_those_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=M)
    frame = {"x": x, "w": rng.exponential(size=M), "y": 3 * x + rng.normal(size=M)}
    pl.DataFrame(frame).write_csv(tmp_path / "t.csv")
    told: list[Facts] = []

    def watched(subject: Any) -> Facts:
        told.append(gathered(subject))
        return told[-1]

    def fitted(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the report fits baselines of its own")

    monkeypatch.setattr(write, "gathered", watched)
    monkeypatch.setattr("deltarule.report.material.subjects.fitted_baselines", fitted)
    arguments = ["-t", "y", "--weight", "w", "--preset", "fast", "--time-limit", "1", "--json"]
    result = CliRunner().invoke(
        command, [str(tmp_path / "t.csv"), *arguments, "--report", str(tmp_path / "r.html")]
    )
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["scores"]
    (facts,) = told
    every = {each.name: each.scores for each in (facts.model, *facts.baselines)}
    assert list(scores) == list(every)
    for who, found in scores.items():
        for name, expected in (("RMSE", "rmse"), ("MAE", "mae"), ("R2", "r2")):
            assert found[name] == pytest.approx(list(every[who][expected]), rel=1e-5)
