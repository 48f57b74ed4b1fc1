"""The command's front: help, usage, what is wrong in a line or two, and the one installed."""

import gzip
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support_command import run

pytest.importorskip("polars")


def test_the_installed_command(folder: Path) -> None:
    """As one who knows no Python uses it: a process of its own."""
    result = subprocess.run(
        [sys.executable, "-m", "deltarule", "predict", "people.safetensors", "people.csv", "-o",
         "p.csv"],
        cwd=folder, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == 0
    assert result.stdout == b""
    assert result.stderr == b"160 rows are predicted in p.csv\n"
    assert (folder / "p.csv").read_bytes().startswith(b"prediction,probability no")


def test_a_signal_that_a_library_takes_for_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NumPy does while it reads a buffer's format."""
    from deltarule.cli.making import judged

    def scored(*arguments: object, **named: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException as error:
            raise ValueError("no valid format") from error

    monkeypatch.setattr(judged, "baselines", scored)
    arguments = ("train", "people.csv", "-t", "buys", "--preset", "fast", "--time-limit", "0.2")
    assert "no valid format" not in run(folder, *arguments, "-o", "m.safetensors", code=143).stderr
    assert not (folder / "m.safetensors").exists()


def test_help_and_usage(folder: Path) -> None:
    assert b"deltarule train data.csv" in run(folder, "--help").stdout
    for line in ("bogus", "train people.csv", "train people.csv -t age --kind a=b", "predict x"):
        run(folder, *line.split(), code=2)
    assert "did you mean 'train'" in run(folder, "trian", code=2).stderr


def test_every_command_has_its_line(folder: Path) -> None:
    from deltarule.cli.main import _COMMANDS

    for name, line in _COMMANDS.items():
        text = run(folder, name, "--help").stdout.decode()
        assert text.startswith(f"Usage: deltarule {name}")
        assert max(map(len, text.splitlines())) <= 100
        assert line.endswith(".")


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


# Files that are no tables, or half of one.
BROKEN = {
    "folder.csv/x": (b"a,b\n1,2\n", "it is a folder"),
    "nul.csv": (b"age,buys\n1,a\n\0\0\0\n2,b\n", "no text"),
    "half.csv.gz": (gzip.compress(b"age,buys\n" + b"1,a\n2,b\n" * 9999)[:-9], "unpacked"),
    "not.csv.gz": (b"\x1f\x8bjunk", "unpacked"),
    "quote.csv": (b'age,buys\n1,"a\n2,b\n', "line 2: a quote is opened"),
    "behind.csv": (b'age,buys\n1,"a"a\n', "line 2: there is something behind"),
    "wide.csv": (b"age,buys\n1,a\n2,b,c\n", "line 3 has 3 fields: expected 2"),
    "old.csv": (b"age,buys\r1,a\r2,b\r", "age"),
    "sixteen.csv": ("age,buys\n1,a\n".encode("utf-16")[:-1], "sixteen.csv"),
    "cut.parquet": (b"PAR1junk", "parquet"),
    "cut.arrow": (b"ARROW1junk", "arrow"),
    "cut.npy": (b"\x93NUMPYjunk", "npy"),
    "cut.npz": (b"PK\x03\x04junk", "npz"),
    "half.jsonl": (b'{"age": 1, "buys": "a"}\n{"age": 2, "bu', "line 2 is no JSON"),
    "list.jsonl": (b'{"age": 1, "buys": "a"}\n[1, 2]\n', "line 2 is [1, 2]"),
    "no.svm": (b"1 1:2\nx 1:2\n", "line 2"),
    "cut.db": (b"SQLite format 3\0junk", "SQLite"),
    "book.xlsx": (b"PK\x03\x04", "spreadsheet"),
    "code.pkl": (b"\x80\x04", "pickle"),
    "a.zip": (b"PK\x03\x04", "archive"),
    "page.html": (b"<html><body><p>Not found</p></body></html>\n", "page.html"),
}


def model_commands(model: str, folder: Path) -> list[tuple[list[str], str]]:
    """What may be wrong where a model is given."""
    (folder / "new.csv").write_text("aeg,city\n3,Rome\n", encoding="utf-8")
    (folder / "text.csv").write_text("age,city,seen\n3,Rome,1\nold,Oslo,2\n", encoding="utf-8")
    (folder / "class.csv").write_text(
        "age,city,seen,buys\n3,Rome,1,no\n4,Oslo,2,perhaps\n", encoding="utf-8"
    )
    (folder / "cut.safetensors").write_bytes((folder / model).read_bytes()[:-7])
    return [
        (["predict", model, "new.csv"], "no column 'age'"),
        (["predict", model, "text.csv"], "in rows 1 to 2"),
        (["predict", model, "text.csv", "--id", "nme"], "no column 'nme'"),
        (["predict", model, "new.csv", "-o", "p.xyz"], "ends in one of"),
        (["predict", model, "new.csv", "-o", "new.csv"], "it is read from"),
        (["predict", "cut.safetensors", "new.csv"], "cut.safetensors"),
        (["predict", "new.csv", "new.csv"], "new.csv"),
        (["predict", "none.safetensors", "new.csv"], "no such file"),
        (["evaluate", model, "class.csv"], "'perhaps' in row 2"),
        (["evaluate", model, "text.csv"], "no column 'buys'"),
        (["explain", model, "people.csv", "--row", "161"], "160 rows"),
        (["info", "none"], "no such file"),
        (["export", "none", "-o", "a.onnx"], "no such file"),
        (["gradcheck", "new.csv"], "new.csv"),
        (["bench", "none"], "no such file"),
    ]


def test_what_is_wrong_is_a_line_or_two(folder: Path) -> None:
    commands: list[tuple[list[str], str]] = []
    for number, (data, more, said) in enumerate(WRONG.values()):
        place = folder / str(number)
        place.mkdir()
        (place / "a.csv").write_bytes(data)
        target = [] if "--target" in more else ["--target", "buys"]
        more = [str(place / each) if each == "a.csv" else each for each in more]
        commands.append((["train", str(place / "a.csv"), *target, *more, "-q"], said))
    for name, (data, said) in BROKEN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
        commands.append((["train", name.removesuffix("/x"), "--target", "buys", "-q"], said))
    commands += model_commands("people.safetensors", folder)
    assert len(WRONG) + len(BROKEN) > 40
    there = set(folder.rglob("*"))
    for arguments, words in commands:
        result = run(folder, *arguments, code=1)
        assert words in result.stderr, (arguments, result.stderr)
        assert result.stderr.count("\n") <= 2, (arguments, result.stderr)
        assert result.stdout == b""
    assert set(folder.rglob("*")) == there
