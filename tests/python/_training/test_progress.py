"""What a fit shows on the way, with tqdm and without."""

import sys

import pytest

from deltarule._training import progress
from deltarule._training.progress import Progress
from support import data, network

N = [3, 2]
LINES = ["epoch 1/2  loss ", "epoch 2/2  loss "]


def fit(progress: bool) -> None:
    X, y = data(10, N)
    network(N).fit(X, y, epochs=2, batch_size=4, progress=progress, validation_data=(X, y))


@pytest.fixture
def _without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*(name for name in sys.modules if name.startswith("tqdm.")), "tqdm", "tqdm.auto"]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("_without_tqdm")
def test_without_tqdm_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    fit(progress=True)
    shown = capsys.readouterr()
    lines = shown.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(start) for line, start in zip(lines, LINES, strict=True))
    assert all("val_loss" in line for line in lines)
    assert shown.out == ""


def test_with_tqdm_a_bar_too(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    fit(progress=True)
    shown = capsys.readouterr()
    assert all(line in shown.err for line in LINES)
    assert "6/6" in shown.err  # 2 epochs of 3 batches
    assert "loss" in shown.err
    assert shown.out == ""


def test_nothing_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    fit(progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("width", [100, 80, 40, 10])
def test_lines_fit_the_terminal(width: int) -> None:
    """Broken between values, none of which is lost."""
    values = ["loss 0.123", "accuracy 0.9", "val_loss 1.23e-05", "val_accuracy 0.5", "1.2 s"]
    lines = progress._lines("epoch 12/30", values, width)
    assert all(len(line) <= max(width, 11 + 2 + 17) for line in lines)
    assert [word.strip() for line in lines for word in line.split("  ") if word.strip()] == [
        "epoch 12/30",
        *values,
    ]
    assert len(progress._lines("epoch 12/30", values, None)) == 1
    assert len(lines) == {100: 1, 80: 2, 40: 3, 10: 6}[width]


@pytest.mark.usefixtures("_without_tqdm")
def test_an_epoch_s_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a clock of the test's own: a second and a half passes with each look at it."""
    looks = iter(range(10**6))
    monkeypatch.setattr(progress, "perf_counter", lambda: 1.5 * next(looks))
    fit(progress=True)
    assert [line.split("  ")[-1] for line in capsys.readouterr().err.splitlines()] == ["1.5 s"] * 2
    assert progress.duration(0.00123) == "0.0012 s"
    assert progress.duration(59.0) == "59 s"
    assert progress.duration(61.2) == "1 min 1 s"


@pytest.mark.usefixtures("_without_tqdm")
def test_the_terminal_is_the_one_that_is_written_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    fit(progress=True)
    assert len(capsys.readouterr().err.splitlines()) == 2  # a file has no width
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fit(progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 30 for line in lines)


def test_the_bar_is_closed_when_training_fails() -> None:
    pytest.importorskip("tqdm")
    bar = Progress(1, 10, enabled=True)

    def fail() -> None:
        with bar:
            bar.advance(3, 0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert bar._bar.n == 3
    assert bar._bar.disable  # so tqdm marks a bar that is closed
