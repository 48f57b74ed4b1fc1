"""What cannot be helped: killed, interrupted, a full disk, a reader that goes, little memory."""

import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import deltarule as dr
from support_command import Warm, people

pl = pytest.importorskip("polars")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits are POSIX's")

OLD = "what was there\n"
# So many MiB more than the process has that has imported everything.
MOST_OF_PREDICTING, MOST_OF_TRAINING = 130, 190
ROWS = 240_000


def until(happened: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_run_that_waits_for_more(
    sign: signal.Signals, code: int, folder: Path, warm: Warm
) -> None:
    old = folder / "p.csv"
    old.write_text(OLD, encoding="utf-8")
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    before = {each.name for each in folder.iterdir()}
    run = warm.start(
        folder, "predict", "people.safetensors", "-", "-o", "p.csv", "--rows", "100", given=pipe
    )
    # More than a dialect is told by, so that the first pieces are predicted while it waits.
    rows = pl.DataFrame(people())
    text = rows.write_csv() + 40 * rows.write_csv(include_header=False)
    with pipe.open("wb") as stream:
        stream.write(text.encode())
        stream.flush()
        until(lambda: list(folder.glob(".p.csv.*")))
        run.send(sign)
        result = run.wait()
    assert result.code == code
    assert old.read_text(encoding="utf-8") == OLD
    left = {each.name for each in folder.iterdir()} - before
    if sign == signal.SIGKILL:  # nobody can tidy up after it, but what is left says what it is
        assert all(name.endswith(".part") for name in left)
    else:
        assert not left
        assert result.stderr.lstrip() == (
            "deltarule: interrupted: nothing was left half-written\n" * (sign == signal.SIGINT)
        )


def test_killed_at_any_moment_a_file_is_whole_or_not_there(folder: Path, warm: Warm) -> None:
    arguments = ("train", "people.csv", "-t", "buys", "--drop", "rent", "--preset", "fast",
                 "--time-limit", "0.3", "-o", "m.safetensors")  # fmt: skip
    began = time.monotonic()
    assert warm.run(folder, *arguments).code == 0
    whole = time.monotonic() - began
    model = folder / "m.safetensors"
    signs = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}
    for moment, (sign, code) in zip(
        np.linspace(0.05, 1.0, 9), itertools.cycle(signs.items()), strict=False
    ):
        model.unlink(missing_ok=True)
        run = warm.start(folder, *arguments)
        time.sleep(moment * whole)
        run.send(sign)
        # A signal that comes before the command listens ends it, too.
        assert run.wait().code in (code, -sign, 0)
        if model.exists():
            dr.load(model)
        parts = list(folder.glob(".*.part"))
        assert not parts or sign == signal.SIGKILL
        for part in parts:
            part.unlink()


@pytest.mark.parametrize("most", [0, 1000])
def test_a_full_disk(most: int, folder: Path, warm: Warm) -> None:
    (folder / "p.jsonl").write_text(OLD, encoding="utf-8")
    before = {each.name for each in folder.iterdir()}
    for arguments, name in (
        (["predict", "people.safetensors", "people.csv", "-o", "p.jsonl"], "p.jsonl"),
        (["export", "people.safetensors", "-o", "a.h"], "a.h"),
        (
            ["train", "people.csv", "-t", "buys", "--preset", "fast", "--time-limit", "0.2", "-o",
             "m.safetensors", "-q"],
            "m.safetensors",
        ),
    ):  # fmt: skip
        # Standard error is a file, too, and takes a line.
        result = warm.run(folder, *arguments, RLIMIT_FSIZE=max(most, 200))
        assert result.code == 1
        assert result.stderr == f"deltarule: {name}: File too large\n"
    assert {each.name for each in folder.iterdir()} == before
    assert (folder / "p.jsonl").read_text(encoding="utf-8") == OLD


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_standard_output_that_is_full(folder: Path, warm: Warm) -> None:
    result = warm.run(folder, "predict", "people.safetensors", "people.csv", out="/dev/full")
    assert result.code == 1
    assert result.stderr == "deltarule: output: No space left on device\n"


def test_who_reads_may_go(folder: Path, warm: Warm) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    run = warm.start(
        folder, "predict", "people.safetensors", "people.csv", "--rows", "1", out=str(pipe)
    )
    with pipe.open("rb") as stream:
        assert stream.readline().startswith(b"prediction")
    result = run.wait()
    assert result.code == 141
    assert result.stderr == ""


def test_little_memory_is_enough_for_many_rows(folder: Path, warm: Warm) -> None:
    table = {name: np.tile(column, ROWS // 160) for name, column in people().items()}
    pl.DataFrame(table).write_csv(folder / "many.csv")
    base = warm.start(folder, "--help")
    base.wait()
    for arguments, most in (
        (["predict", "people.safetensors", "many.csv", "-o", "p.csv", "--rows", "8192"],
         MOST_OF_PREDICTING),
        (["train", "many.csv", "-t", "buys", "--preset", "fast", "--time-limit", "1",
          "--no-holdout"], MOST_OF_TRAINING),
    ):  # fmt: skip
        run = warm.start(folder, *arguments)
        assert run.wait().code == 0
        assert (run.peak - base.peak) / 1024 < most
