"""``search``: rounds within a budget, a table of what was tried, and a model like any other."""

from pathlib import Path

from support_command import run


def test_a_search_tells_what_it_tried(folder: Path) -> None:
    result = run(
        folder, "search", "people.csv", "-t", "rent", "--drop", "buys", "--budget", "3s",
        "--no-holdout", "--json", "-o", "found.safetensors",
    )  # fmt: skip
    tried = result.values["tried"]
    assert [each["loss"] for each in tried] == sorted(each["loss"] for each in tried)
    rounds = {each["round"] for each in tried}
    assert rounds == set(range(1, len(rounds) + 1))
    assert f"round {len(rounds)}: " in result.stderr
    assert f"of {len(tried)} networks tried" in result.stderr
    assert "--budget 3" in result.values["command"]
    predictions = run(folder, "predict", "found.safetensors", "people.csv").stdout
    assert predictions.count(b"\n") == 161
