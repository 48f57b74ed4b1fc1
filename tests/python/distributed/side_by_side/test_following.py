"""The command on several ranks: one reads, tells and writes, and all train."""

from pathlib import Path

import numpy as np
import pytest

import deltarule as dr
from support_ranks import on_ranks

pytest.importorskip("click")
pytest.importorskip("polars")
PROGRAM = "side_by_side/command.py"


def test_two_ranks_train_the_model_of_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = X[:, 0] + 0.5 * X[:, 1] * X[:, 2]
    rows = "".join(",".join(f"{value:.6g}" for value in row) + "\n" for row in np.c_[X, y])
    (tmp_path / "rows.csv").write_text(f"a,b,c,y\n{rows}")
    models, members = [], []
    for ranks in (1, 2):
        output = str(tmp_path / f"model{ranks}.safetensors")
        given = [str(tmp_path / "rows.csv"), "--target", "y", "--output", output]
        ended = on_ranks(ranks, PROGRAM, "train", *given, "--preset", "fast", "--no-holdout")
        assert ended.code == 0, ended.text
        assert ended.text.count("the model:") == 1
        trained = [each["trained"] for each in ended.results]
        assert len(trained) == ranks
        assert min(trained) > 0
        members.append(sum(trained))
        models.append(dr.load(output))
    alone, together = models
    assert members[0] == members[1]
    table = dict(zip("abc", X.T, strict=True))
    assert alone.predict(table).tobytes() == together.predict(table).tobytes()


def test_what_is_wrong_is_told_once(tmp_path: Path) -> None:
    ended = on_ranks(3, PROGRAM, "train", str(tmp_path / "none.csv"), "--target", "y")
    assert ended.code == 1
    assert ended.text.count("there is no such file") == 1
    assert [each["trained"] for each in ended.results] == [0, 0, 0]
