"""``train``: what it tells, what it scores, and what it writes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support_command import run

pl = pytest.importorskip("polars")

FAST = ("--preset", "fast", "--time-limit", "1s")


def test_it_tells_what_it_found_and_what_came_of_it(folder: Path) -> None:
    result = run(
        folder, "train", "people.csv", "--target", "buys", "--drop", "rent", *FAST, "-o",
        "again.safetensors", "--json",
    )  # fmt: skip
    said, values = result.stderr, result.values
    for words in ("160 rows, 6 columns", "classification, as it is text", "person", "left out"):
        assert words in said
    assert values["model"] == "again.safetensors"
    assert set(values["scores"]) == {
        "this model",
        "always the commonest class",
        "logistic regression",
        "gradient-boosted trees",
    }
    for scores in values["scores"].values():
        for value, low, high in scores.values():
            assert low <= value <= high
    assert values["scored_rows"] + values["rows"] == 160
    model: Any = dr.load(folder / "again.safetensors")
    assert model.record_["origin"]["command"] == values["command"]


def test_a_table_is_gone_through_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[str] = []
    learn = dr.TableEncoder._learn

    def counted(self: Any, *arguments: Any, **named: Any) -> None:
        fits.append("once")
        learn(self, *arguments, **named)

    monkeypatch.setattr(dr.TableEncoder, "_learn", counted)
    said = run(folder, "train", "people.csv", "-t", "rent", "--drop", "buys", *FAST).stderr
    assert fits == ["once"]
    assert said.index("normal quantiles") < said.index("training on 128 rows")


def test_without_rows_to_score_on_there_are_no_intervals(folder: Path) -> None:
    result = run(
        folder, "train", "people.csv", "-t", "rent", "--drop", "buys", *FAST, "--no-holdout",
        "--json",
    )  # fmt: skip
    [scores] = result.values["scores"].values()
    for value, low, high in scores.values():
        assert np.isfinite(value)
        assert low is high is None
    assert "nan" not in result.stderr
    assert "95 %" not in result.stderr
    info = run(folder, "info", "people.safetensors", "--json").values
    assert info["scores_beside"] == result.values["scores"]


def test_a_config_is_the_same_run(folder: Path) -> None:
    assert 'target = "buys"' in (folder / "run.toml").read_text(encoding="utf-8")
    result = run(
        folder, "train", "--config", "run.toml", "-o", "third.safetensors", "--time-limit", "0.5",
        "--no-holdout", "--json",
    )  # fmt: skip
    command = result.values["command"]
    assert command.startswith("deltarule train people.csv --")
    assert "--drop rent" in command
    assert "--time-limit 0.5" in command
    (folder / "bad.toml").write_text("tarket = 'buys'\n", encoding="utf-8")
    words = run(folder, "train", "--config", "bad.toml", code=1).stderr
    assert "did you mean 'target'" in words


def test_a_table_without_names_is_told_by_places(folder: Path) -> None:
    rows = pl.read_csv(folder / "people.csv").select("buys", "age", "city")
    rows.write_csv(folder / "a.csv", include_header=False)
    rows.drop("buys").write_csv(folder / "new.csv", include_header=False)
    run(folder, "train", "a.csv", "-t", "1", *FAST, "-q", "--no-holdout")
    whole = run(folder, "predict", "a.safetensors", "a.csv").stdout
    assert run(folder, "predict", "a.safetensors", "new.csv").stdout == whole


def test_a_time_is_written_as_people_do(folder: Path) -> None:
    for written in ("5", "0s", "1d", "-3s"):
        code = 1 if written == "5" else 2  # there is no such column
        run(folder, "train", "people.csv", "-t", "x", "--time-limit", written, code=code)


# Real tables with no option but the target, and some seconds: less than has been seen, as the
# result depends on the machine.
REAL = {
    "adult": (["adult-train.csv", "--test", "adult-test.csv"], "15", "accuracy", 0.85),
    "california": (["california_housing.csv"], "median_house_value", "R2", 0.78),
    "churn": (["churn.csv"], "Exited", "accuracy", 0.84),
    "diamonds": (["diamonds.csv"], "price", "R2", 0.96),
}


@pytest.mark.parametrize("name", REAL)
def test_real_tables(name: str, data_folder: Path, tmp_path: Path) -> None:
    data, target, score, least = REAL[name]
    paths = [each if each.startswith("-") else str(data_folder / "tabular" / each) for each in data]
    result = run(
        tmp_path, "train", *paths, "-t", target, "--preset", "fast", "--time-limit", "4s",
        "--json", "-o", "m.safetensors",
    )  # fmt: skip
    assert result.values["scores"]["this model"][score][0] > least
