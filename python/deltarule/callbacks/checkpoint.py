"""Checkpoints as training goes, and which of them stay."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from glob import escape, glob
from pathlib import Path
from typing import Any

import numpy as np

from deltarule._checks import expect_count, expect_path
from deltarule._files.checkpoints import Content, checkpoint_of
from deltarule._files.rotation import Rotation
from deltarule._training.run import TrainingRun
from deltarule.callbacks.best import Best
from deltarule.callbacks.described import Described


class Checkpoint(Described):
    """Write the whole state of training to a file, from which ``fit(..., resume=path)`` goes on.

    The training that goes on gives the weights of one that was never interrupted, to the last bit.

    Parameters
    ----------
    path : path-like
        ``{epoch}`` in it becomes the epoch's number, so that each has a file of its own; else the
        newest replaces the one before, in one move, so that there is always a whole one.
    every : int
        Epochs from one to the next; the last epoch is always written.
    keep : {"last", "best"} or int
        Whether to write always, or only what is better than all before. A number, with ``{epoch}``
        in ``path``, keeps so many of the newest files, and where ``monitor`` is given the best one
        too; older ones are deleted if this training wrote them, before it was resumed or since.
    monitor, mode
        As for `EarlyStopping`; for ``keep="best"`` ``"val_loss"`` by default. The best file has the
        weights that had the best value: of a training ``"loss"`` where an epoch is one step, those
        that the epoch began with, and its number is that of the epoch before.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not go together.
    OSError
        In ``fit``, where a file cannot be written; the one before is then what it was.

    Notes
    -----
    Where the weights are not finite any more nothing is written: training is about to say so.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> keep = dr.Checkpoint("run-{epoch}.safetensors", keep=2)
    >>> _ = net.fit(X, y, epochs=5, callbacks=[keep])
    >>> keep.newest_file()
    'run-5.safetensors'
    >>> dr.load(keep.newest_file()).predict(X).shape
    (3, 1)
    """

    speaks = True
    goes_last = True  # when the others' state is that of the epoch's end

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        keep: str | int = "last",
        monitor: str | None = None,
        mode: str | None = None,
    ) -> None:
        if not isinstance(keep, str):
            keep = expect_count(keep, "Checkpoint: keep", least=1)
        elif keep not in ("last", "best"):
            raise ValueError(
                f"Checkpoint: keep is {keep!r}: expected 'last' or 'best', or how many files"
            )
        self.path, self.keep = expect_path(path, "Checkpoint: path"), keep
        self.every = expect_count(every, "Checkpoint: every", least=1)
        self.monitor = "val_loss" if keep == "best" and monitor is None else monitor
        self.mode = mode
        if keep == "last" and monitor is not None:
            raise ValueError(
                f"Checkpoint: monitor is {monitor!r} but keep is 'last': expected keep='best', or "
                "a number"
            )
        self._best = None if self.monitor is None else Best(self.monitor, mode, 0.0, "Checkpoint")
        self._beginning: Content | None = None
        self._rotation: Rotation | None = None
        if not isinstance(keep, str):
            if "{epoch}" not in self.path:
                raise ValueError(
                    f"Checkpoint: keep is {keep!r} but path is {self.path!r}: expected "
                    "{epoch} in it, as every file replaces the one before"
                )
            self._rotation = Rotation(keep, self._path_of)

    def _path_of(self, epoch: int) -> str:
        return self.path.replace("{epoch}", str(epoch))

    def newest_file(self) -> str | None:
        """The file that was written last, of this training or one before; None if there is none."""
        first, *others = self.path.split("{epoch}")
        if not others:
            return self.path if Path(self.path).exists() else None
        numbered = re.compile(re.escape(first) + r"(\d+)")
        found = {}
        for name in glob("*".join(map(escape, (first, *others)))):  # noqa: PTH207 -- as it is given
            match = numbered.match(name)
            if match is not None and self._path_of(int(match[1])) == name:
                found[int(match[1])] = name
        return found[max(found)] if found else None

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        if run.resumed:
            return
        if self._best is not None:
            self._best.value = None
        if self._rotation is not None:
            self._rotation.forget()

    def on_epoch_begin(self, run: TrainingRun) -> None:  # noqa: D102
        kept = self._best_is_of_beginning(run) and _is_finite(run)
        self._beginning = checkpoint_of(run).kept() if kept else None

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        beginning, self._beginning = self._beginning, None
        if not (run.epoch % self.every == 0 or run.epoch == run.epochs or run.stopping):
            return
        improves = self._best is not None and self._best.improves(run)
        if improves and beginning is not None and self._best_is_of_beginning(run):
            self._write(beginning.write, run.epoch - 1, is_best=True)
            improves = False  # not these weights
        if (improves or self.keep != "best") and _is_finite(run):
            self._write(lambda path: checkpoint_of(run).write(path), run.epoch, is_best=improves)

    def _best_is_of_beginning(self, run: TrainingRun) -> bool:
        return self._best is not None and self._best.of_beginning(run)

    def _write(self, write: Callable[[str], None], epoch: int, *, is_best: bool) -> None:
        if self._rotation is not None:  # first, as what is written knows of it
            self._rotation.add(epoch, is_best)
        write(self._path_of(epoch))
        if self._rotation is not None:
            self._rotation.delete_old()

    def state(self) -> dict[str, Any]:  # noqa: D102
        best = {} if self._best is None else {"best": self._best.value}
        return best if self._rotation is None else best | self._rotation.state()

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: D102
        if self._best is not None:
            self._best.restore(state["best"])
        if self._rotation is not None:
            self._rotation.restore(state)


def _is_finite(run: TrainingRun) -> bool:
    return bool(np.isfinite(run.network.parameters).all())
