"""What a fit shows on the way, with tqdm and without."""

import sys

import pytest

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
