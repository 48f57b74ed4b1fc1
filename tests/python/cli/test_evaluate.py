"""What is told of a model: ``evaluate``, ``explain`` and ``info``."""

from pathlib import Path

from support_command import run


def test_scores(folder: Path) -> None:
    found = run(folder, "evaluate", "people.safetensors", "people.csv", "--json").values
    assert found["rows"] == 160
    assert found["scores"]["accuracy"][0] > 0.6


def test_a_score_that_is_not_defined_is_null(folder: Path) -> None:
    lines = (folder / "people.csv").read_text(encoding="utf-8").splitlines()
    (folder / "one.csv").write_text("\n".join(lines[:2]), encoding="utf-8")
    result = run(folder, "evaluate", "rent.safetensors", "one.csv", "--json")
    assert result.values["scores"]["R2"] == [None, None, None]


def test_which_columns_matter(folder: Path) -> None:
    assert b"importance" in run(folder, "explain", "people.safetensors", "people.csv").stdout
    one = run(folder, "explain", "people.safetensors", "people.csv", "--row", "3", "--json").values
    assert len(one["attributions"]) == len(one["columns"])


def test_what_a_model_expects(folder: Path) -> None:
    info = run(folder, "info", "people.safetensors", "--json").values
    assert info["target"] == "buys"
    assert info["classes"] == ["no", "yes"]
    assert "person" in info["left_out"]
    assert b"train people.csv" in run(folder, "info", "people.safetensors").stdout
