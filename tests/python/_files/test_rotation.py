"""Which checkpoints stay: the newest few and the best, and whatever somebody else wrote."""

from pathlib import Path
from typing import Any

import pytest

import deltarule as dr
from deltarule._training.run import TrainingRun
from support import assert_same_bits, data, network

N = [4, 6, 3]


class Script:
    """Puts values of one's choice into the history, and may interrupt."""

    def __init__(self, values: list[float], stop_before: int = 0) -> None:
        self.values, self.stop_before = values, stop_before

    def on_epoch_begin(self, run: TrainingRun) -> None:
        if run.epoch == self.stop_before:
            raise KeyboardInterrupt

    def on_epoch_end(self, run: TrainingRun) -> None:
        run.history["error"] = self.values[: run.epoch]


def train(path: Path, values: list[float], stop_before: int = 0, **options: Any) -> dr.Network:
    resume = options.pop("resume", None)
    keep = dr.Checkpoint(path, **({"keep": 2} | options))
    net = network(N)
    script = Script(values, stop_before)
    try:
        net.fit(*data(9, N), epochs=len(values), callbacks=[script, keep], resume=resume)
    except KeyboardInterrupt:
        assert stop_before
    return net


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_stay(tmp_path: Path) -> None:
    train(tmp_path / "{epoch}", [1.0] * 7)
    assert names(tmp_path) == ["6", "7"]


def test_every_so_often(tmp_path: Path) -> None:
    train(tmp_path / "{epoch}", [1.0] * 8, every=3)
    assert names(tmp_path) == ["6", "8"]


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ([5.0, 3.0, 1.0, 2.0, 2.0, 2.0], ["3", "5", "6"]),
        ([1.0, 2.0, 2.0, 2.0], ["1", "3", "4"]),
        ([5.0, 4.0, 3.0, 2.0], ["3", "4"]),
        ([1.0, 2.0, 0.5, 2.0, 2.0, 2.0], ["3", "5", "6"]),
    ],
)
def test_the_best_stays_too(values: list[float], left: list[str], tmp_path: Path) -> None:
    train(tmp_path / "{epoch}", values, monitor="error")
    assert names(tmp_path) == left


@pytest.mark.parametrize("at", [2, 3, 5, 6])
def test_rotation_goes_on_after_a_break(at: int, tmp_path: Path) -> None:
    """To the files, and to the weights in them, that a training without a break has left."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    values = [5.0, 1.0, 3.0, 4.0, 4.0, 4.0, 4.0]
    train(whole / "{epoch}", values, monitor="error")
    train(broken / "{epoch}", values, stop_before=at, monitor="error")
    newest = max(broken.iterdir(), key=lambda path: int(path.name))
    train(broken / "{epoch}", values, monitor="error", resume=newest)
    assert names(broken) == names(whole) == ["2", "6", "7"]
    for name in names(whole):
        one, other = dr.load(whole / name), dr.load(broken / name)
        assert_same_bits(other.parameters, one.parameters)  # type: ignore[union-attr]


def test_what_it_was_about_to_delete_when_it_was_killed(tmp_path: Path) -> None:
    """The file that is written first knows of those that are to go."""
    train(tmp_path / "{epoch}", [1.0] * 3, keep=3)
    third = (tmp_path / "3").read_bytes()
    train(tmp_path / "{epoch}", [1.0] * 4, keep=2, resume=tmp_path / "3")
    assert names(tmp_path) == ["3", "4"]
    assert (tmp_path / "3").read_bytes() == third


def test_files_of_others_stay(tmp_path: Path) -> None:
    """Of another training of the same name, of another kind, or of no kind at all."""
    train(tmp_path / "{epoch}", [1.0] * 2)
    (tmp_path / "3").write_text("a thesis")

    class Swap:
        """Puts somebody else's file where its own is."""

        def on_epoch_begin(self, run: TrainingRun) -> None:
            if run.epoch == 3:
                network(N).save(tmp_path / "b2")
            if run.epoch == 4:
                (tmp_path / "b3").unlink()
                (tmp_path / "b3").symlink_to(tmp_path / "1")

    keep = dr.Checkpoint(tmp_path / "b{epoch}", keep=1)
    network(N).fit(*data(9, N), epochs=5, callbacks=[Swap(), keep])
    assert names(tmp_path) == ["1", "2", "3", "b2", "b3", "b5"]
    train(tmp_path / "{epoch}", [1.0], keep=1)  # another training, whose first file takes a place
    assert names(tmp_path) == ["1", "2", "3", "b2", "b3", "b5"]
    assert (tmp_path / "3").read_text() == "a thesis"


def test_a_fit_begins_anew(tmp_path: Path) -> None:
    keep = dr.Checkpoint(tmp_path / "{epoch}", keep=1)
    for epochs in (2, 1):
        network(N).fit(*data(9, N), epochs=epochs, callbacks=[keep])
    assert names(tmp_path) == ["1", "2"]


def test_a_state_that_is_none(tmp_path: Path) -> None:
    keep = dr.Checkpoint(tmp_path / "{epoch}", keep=1, monitor="error")
    good = {"best": 1.0, "training": "a", "written": [1], "best_epoch": 1}
    keep.restore(good)
    for change in (
        {"written": ["/etc/passwd"]},
        {"written": 3},
        {"best_epoch": "1"},
        {"training": None},
        {"best": "x"},
    ):
        with pytest.raises(TypeError):
            keep.restore(good | change)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"keep": 0}, ValueError, "keep is 0: expected 1 or more"),
        ({"keep": 1.5}, TypeError, "keep is 1.5: expected an integer"),
        ({"keep": True}, TypeError, "keep is True: expected an integer"),
        ({"path": "x"}, ValueError, r"keep is 2 but path is 'x': expected \{epoch\} in it"),
        ({"keep": "last", "monitor": "loss"}, ValueError, "monitor is 'loss' but keep is 'last'"),
        ({"monitor": "size"}, ValueError, "'size' and mode is None"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dr.Checkpoint(**({"path": "{epoch}", "keep": 2} | options))
