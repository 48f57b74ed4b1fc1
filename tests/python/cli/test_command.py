"""The command, as one who knows no Python uses it: in a process of its own, on files of a test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr

pl = pytest.importorskip("polars")
pytest.importorskip("click")
pytest.importorskip("sklearn")

COMMAND = [sys.executable, "-m", "deltarule"]
M = 240


def run(
    folder: Path, *arguments: str, given: bytes | None = None, code: int = 0
) -> subprocess.CompletedProcess[bytes]:
    result = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, input=given, capture_output=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert result.returncode == code, result.stderr.decode()
    assert b"Traceback" not in result.stderr
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and a model of its classes and one of its numbers."""
    folder = tmp_path_factory.mktemp("command")
    rng = np.random.default_rng(0)
    age, city = rng.integers(18, 90, M), rng.choice(["Rome", "Oslo", "Bern"], M)
    frame = pl.DataFrame({
        "person": [f"p{k:04}" for k in range(M)],
        "age": age,
        "city": city,
        "seen": np.arange(M),
        "rent": np.round(age * 3.0 + (city == "Rome") * 50 + rng.normal(size=M), 2),
        "buys": np.where((age > 50) ^ (city == "Rome"), "yes", "no"),
    })  # fmt: skip
    frame.write_csv(folder / "people.csv")
    run(
        folder, "train", "people.csv", "--target", "buys", "--preset", "fast", "--time-limit", "6",
        "--drop", "rent", "--save-config", "run.toml",
    )  # fmt: skip
    run(
        folder, "train", "people.csv", "-t", "rent", "--drop", "buys", "--preset", "fast",
        "--time-limit", "6", "-o", "rent.safetensors", "--no-holdout", "--quiet",
    )  # fmt: skip
    return folder


def test_train_tells_what_it_found_and_what_came_of_it(folder: Path) -> None:
    result = run(
        folder, "train", "people.csv", "--target", "buys", "--drop", "rent", "--preset", "fast",
        "--time-limit", "3", "-o", "again.safetensors", "--json",
    )  # fmt: skip
    said, values = result.stderr.decode(), json.loads(result.stdout)
    for words in (f"{M} rows, 6 columns", "classification, as it is text", "person", "left out"):
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
    assert values["scored_rows"] + values["rows"] == M
    assert dr.load(folder / "again.safetensors").record_["origin"]["command"] == values["command"]


def test_a_config_is_the_same_run(folder: Path) -> None:
    text = (folder / "run.toml").read_text(encoding="utf-8")
    assert 'target = "buys"' in text
    result = run(
        folder, "train", "--config", "run.toml", "-o", "third.safetensors", "--time-limit", "2",
        "--json",
    )  # fmt: skip
    command = json.loads(result.stdout)["command"]
    assert "--drop rent" in command
    assert "--time-limit 2" in command
    (folder / "bad.toml").write_text("tarket = 'buys'\n", encoding="utf-8")
    words = run(folder, "train", "--config", "bad.toml", code=1).stderr
    assert b"did you mean 'target'" in words


def test_predictions_are_the_model_s_and_pieces_do_not_matter(folder: Path) -> None:
    frame = pl.read_csv(folder / "people.csv")
    model: Any = dr.load(folder / "people.safetensors")
    P = model.predict_proba(frame.select(model.feature_names_in_.tolist()))
    for name, read in (("p.csv", pl.read_csv), ("p.parquet", pl.read_parquet),
                       ("p.jsonl", pl.read_ndjson)):  # fmt: skip
        run(
            folder, "predict", "people.safetensors", "people.csv", "-o", name, "--id", "person",
            "--rows", "100",
        )  # fmt: skip
        found = read(folder / name)
        assert found["person"].to_list() == frame["person"].to_list()
        np.testing.assert_allclose(found["probability yes"].to_numpy(), P[:, 1], atol=1e-6)
        assert set(found["prediction"]) <= {"yes", "no"}


def test_intervals_and_explanations_add_up(folder: Path) -> None:
    result = run(
        folder, "predict", "rent.safetensors", "-", "--interval", "0.8", "--explain",
        given=(folder / "people.csv").read_bytes(),
    )  # fmt: skip
    found = pl.read_csv(result.stdout)
    assert found.height == M
    assert (found["lower"] <= found["prediction"]).all()
    assert (found["prediction"] <= found["upper"]).all()
    parts = found.select(pl.sum_horizontal(pl.col("^part of .*$")))["part of age"].to_numpy()
    rest = found["prediction"].to_numpy() - parts
    inside = (found["prediction"] > found["prediction"].min()).to_numpy()
    assert np.ptp(rest[inside]) < 0.2 * np.ptp(found["prediction"].to_numpy())


def test_evaluate_explain_and_info(folder: Path) -> None:
    found = json.loads(run(folder, "evaluate", "people.safetensors", "people.csv", "--json").stdout)
    assert found["rows"] == M
    assert found["scores"]["accuracy"][0] > 0.6
    text = run(folder, "explain", "people.safetensors", "people.csv").stdout
    assert b"importance" in text
    one = json.loads(
        run(folder, "explain", "people.safetensors", "people.csv", "--row", "3", "--json").stdout
    )
    assert len(one["attributions"]) == len(one["columns"])
    info = json.loads(run(folder, "info", "people.safetensors", "--json").stdout)
    assert info["target"] == "buys"
    assert info["classes"] == ["no", "yes"]
    assert "person" in info["left_out"]
    assert b"train people.csv" in run(folder, "info", "people.safetensors").stdout


def test_export(folder: Path) -> None:
    pytest.importorskip("onnx")
    run(folder, "export", "people.safetensors", "-o", "people.onnx")
    run(folder, "export", "rent.safetensors", "--to", "c", "-o", "rent.h")
    assert b"rent_prediction" in (folder / "rent.h").read_bytes()
    run(folder, "export", "rent.safetensors", "-o", "rent.zip", code=2)


def test_a_table_without_names_is_told_by_places(folder: Path, tmp_path: Path) -> None:
    rows = pl.read_csv(folder / "people.csv").select("buys", "age", "city")
    rows.write_csv(tmp_path / "a.csv", include_header=False)
    rows.drop("buys").write_csv(tmp_path / "new.csv", include_header=False)
    run(
        tmp_path, "train", "a.csv", "-t", "1", "--preset", "fast", "--time-limit", "2", "-q",
        "--no-holdout",
    )  # fmt: skip
    whole = run(tmp_path, "predict", "a.safetensors", "a.csv").stdout
    assert run(tmp_path, "predict", "a.safetensors", "new.csv").stdout == whole


def test_gradcheck_and_demo(folder: Path) -> None:
    assert b"right" in run(folder, "gradcheck").stdout
    assert json.loads(run(folder, "demo", "--json").stdout)["accuracy"] > 0.9


def test_help_and_usage(folder: Path) -> None:
    assert b"deltarule train data.csv" in run(folder, "--help").stdout
    for line in ("bogus", "train people.csv", "train people.csv -t age --kind a=b", "predict x"):
        run(folder, *line.split(), code=2)
    assert b"did you mean 'train'" in run(folder, "trian", code=2).stderr


WRONG: dict[str, tuple[bytes, Sequence[str], str]] = {
    "target misspelt": (b"age,buys\n1,a\n", ["--target", "buyz"], "did you mean 'buys'"),
    "one class": (b"age,buys\n1,a\n2,a\n", [], "'a' in every row"),
    "one number": (b"age,buys\n1,2.5\n2,2.5\n", [], "2.5 in every row"),
    "target missing": (b"age,buys\n1,a\n2,?\n3,b\n", [], "first in row 2"),
    "ragged": (b"age,buys\n1,a\n2\n", [], "line 3 has 1 field"),
    "twice": (b"age,age,buys\n1,2,a\n", [], "'age' 2 times"),
    "empty": (b"", [], "it is empty"),
    "names alone": (b"age,buys\n", [], "no rows"),
    "binary": (b"\x00\x01\x02\x03", [], "no text"),
    "no column": (b"buys\na\nb\n", [], "no column is left"),
    "constant": (b"age,buys\n1,a\n1,b\n", [], "age"),
    "weight missing": (b"age,buys\n1,a\n2,b\n", ["--weight", "w"], "no column 'w'"),
    "weight negative": (b"age,w,buys\n1,1,a\n2,-1,b\n", ["--weight", "w"], "-1 in row 2"),
    "weight text": (b"age,w,buys\n1,x,a\n2,y,b\n", ["--weight", "w"], "is text"),
    "one group": (b"age,g,buys\n1,x,a\n2,x,b\n", ["--group", "g"], "the same in every row"),
    "no time": (b"age,t,buys\n1,x,a\n2,y,b\n", ["--time", "t"], "'x' in row 1"),
    "drop": (b"age,buys\n1,a\n2,b\n", ["--drop", "agee"], "did you mean 'age'"),
    "text as number": (b"age,buys\n1,a\n2,b\n", ["--task", "regression"], "'a' in row 1"),
    "a class a row": (
        b"age,buys\n" + b"".join(b"%d,x%d\n" % (k % 7, k) for k in range(50)),
        [],
        "50 different values",
    ),
    "no test": (b"age,buys\n1,a\n2,b\n", ["--test", "nowhere.csv"], "no such file"),
    "output is input": (b"age,buys\n1,a\n2,b\n", ["-o", "a.csv"], "it is read from"),
    "no folder": (b"age,buys\n1,a\n2,b\n", ["-o", "x/y.safetensors"], "there is no folder"),
}

SCRIPT = """
import contextlib, io, json, sys
from deltarule.cli.main import run
found = []
for arguments in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = run(arguments)
    found.append([code, said.getvalue()])
json.dump(found, sys.stdout)
"""


def test_what_is_wrong_is_a_line_or_two(folder: Path, tmp_path: Path) -> None:
    commands, words = [], []
    for number, (data, more, said) in enumerate(WRONG.values()):
        place = tmp_path / str(number)
        place.mkdir()
        (place / "a.csv").write_bytes(data)
        target = [] if "--target" in more else ["--target", "buys"]
        more = [str(place / each) if each == "a.csv" else each for each in more]
        commands.append(["train", str(place / "a.csv"), *target, *more, "-q"])
        words.append(said)
    model = str(folder / "people.safetensors")
    (tmp_path / "new.csv").write_text("aeg,city\n3,Rome\n", encoding="utf-8")
    (tmp_path / "text.csv").write_text("age,city,seen\n3,Rome,1\nold,Oslo,2\n", encoding="utf-8")
    (tmp_path / "class.csv").write_text(
        "age,city,seen,buys\n3,Rome,1,no\n4,Oslo,2,perhaps\n", encoding="utf-8"
    )
    (tmp_path / "cut.safetensors").write_bytes(Path(model).read_bytes()[:-7])
    new = str(tmp_path / "new.csv")
    for command, said in (
        (["predict", model, new], "no column 'age'"),
        (["predict", model, str(tmp_path / "text.csv")], "in rows 1 to 2"),
        (["predict", model, str(tmp_path / "text.csv"), "--id", "nme"], "no column 'nme'"),
        (["predict", model, new, "-o", str(tmp_path / "p.xyz")], "ends in one of"),
        (["predict", model, new, "-o", new], "it is read from"),
        (["predict", str(tmp_path / "cut.safetensors"), new], "cut.safetensors"),
        (["predict", new, new], "new.csv"),
        (["predict", str(tmp_path / "none.safetensors"), new], "no such file"),
        (["evaluate", model, str(tmp_path / "class.csv")], "'perhaps' in row 2"),
        (["evaluate", model, str(tmp_path / "text.csv")], "no column 'buys'"),
        (["info", str(tmp_path / "none")], "no such file"),
    ):
        commands.append(command)
        words.append(said)
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(commands).encode(), cwd=tmp_path,
        capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    for command, said, (code, text) in zip(commands, words, json.loads(result.stdout), strict=True):
        assert code == 1, (command, text)
        assert said in text, (command, text)
        assert text.count("\n") <= 2, (command, text)
        assert not list(tmp_path.rglob("*.part"))
    assert len(commands) >= 30


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing_half_written(
    sign: signal.Signals, code: int, folder: Path, tmp_path: Path
) -> None:
    rows = pl.read_csv(folder / "people.csv")
    old = tmp_path / "p.csv"
    old.write_text("what was there\n", encoding="utf-8")
    process = subprocess.Popen(
        [*COMMAND, "predict", str(folder / "people.safetensors"), "-", "-o", "p.csv", "--rows",
         "100"],
        cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    # More than a dialect is told by, so that the first pieces are predicted while it waits.
    text = rows.write_csv() + 40 * rows.write_csv(include_header=False)
    process.stdin.write(text.encode())
    process.stdin.flush()
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".p.csv.*")) and time.monotonic() < deadline:
        time.sleep(0.05)  # until it has begun to write, and waits for more
    process.send_signal(sign)
    process.wait(60)
    process.stdin.close()
    assert process.returncode == code
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert [each.name for each in tmp_path.iterdir()] == ["p.csv"]
    assert old.read_text(encoding="utf-8") == "what was there\n"


def test_who_reads_may_go(folder: Path) -> None:
    command = "predict people.safetensors people.csv --rows 1 | head -1"
    result = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m deltarule {command}"],
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert result.stdout.startswith(b"prediction")
    assert result.stderr == b""


@pytest.mark.parametrize(
    ("data", "target", "score", "least"),
    [
        (["adult-train.csv", "--test", "adult-test.csv"], "15", "accuracy", 0.85),
        (["california_housing.csv"], "median_house_value", "R2", 0.78),
    ],
)
def test_real_tables(
    data: list[str], target: str, score: str, least: float, data_folder: Path, tmp_path: Path
) -> None:
    paths = [each if each.startswith("-") else str(data_folder / "tabular" / each) for each in data]
    result = run(
        tmp_path, "train", *paths, "-t", target, "--preset", "fast", "--time-limit", "20", "--json",
        "-o", "m.safetensors",
    )  # fmt: skip
    assert json.loads(result.stdout)["scores"]["this model"][score][0] > least
