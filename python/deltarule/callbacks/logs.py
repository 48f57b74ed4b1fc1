"""Each epoch's record in a file: comma-separated values, JSON, TensorBoard's events."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from deltarule._checks import expect_path
from deltarule._training.run import TrainingRun
from deltarule.callbacks.described import Described


class _Log(Described):
    """A file that has a record an epoch, written as it ends."""

    speaks = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(expect_path(path, f"{type(self).__name__}: path"))

    def on_fit_begin(self, run: TrainingRun) -> None:
        self._write_all(run)

    def _write_all(self, run: TrainingRun) -> None:
        self.path.write_text("", encoding="utf-8")
        for epoch in range(1, run.history.epochs + 1):
            self._append(epoch, run.history.at(epoch))

    def on_epoch_end(self, run: TrainingRun) -> None:
        self._append(run.epoch, run.history.at(run.epoch))

    def _append(self, epoch: int, record: Mapping[str, float]) -> None:
        raise NotImplementedError


class CSVLog(_Log):
    """A file of comma-separated values: a row an epoch, written as it ends.

    Parameters
    ----------
    path : path-like
        A file that is there is replaced; a training that is resumed writes its earlier epochs anew.

    Raises
    ------
    TypeError
        For what is no path.
    OSError
        In ``fit``, where the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> _ = net.fit(X, y, epochs=2, callbacks=[dr.CSVLog("run.csv")])
    >>> Path("run.csv").read_text().splitlines()[0]
    'epoch,loss'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._names: list[str] = []

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        if list(run.history.at(run.epoch)) == self._names or run.epoch == 1:
            super().on_epoch_end(run)
        else:  # a value that the earlier epochs had not
            self._write_all(run)

    def _append(self, epoch: int, record: Mapping[str, float]) -> None:
        with self.path.open("a", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            if epoch == 1:
                self._names = list(record)
                rows.writerow(["epoch", *record])
            rows.writerow([epoch, *record.values()])


class JSONLinesLog(_Log):
    """A file of JSON objects: a line an epoch, written as it ends; ``path`` as for `CSVLog`.

    Raises
    ------
    TypeError
        For what is no path.
    OSError
        In ``fit``, where the file cannot be written.

    Examples
    --------
    >>> import json
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> _ = net.fit(X, y, epochs=2, callbacks=[dr.JSONLinesLog("run.jsonl")])
    >>> with open("run.jsonl") as log:
    ...     records = [json.loads(line) for line in log]
    >>> [record["epoch"] for record in records]
    [1, 2]
    """

    def _append(self, epoch: int, record: Mapping[str, float]) -> None:
        # JSON has no NaN or infinity; null is what others write for them.
        values = {name: value if np.isfinite(value) else None for name, value in record.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch, **values}, allow_nan=False) + "\n")


class TensorBoard(Described):
    """Losses and metrics for TensorBoard; needs PyTorch's writer and tensorboard, or tensorboardX.

    Parameters
    ----------
    folder : path-like
        Where the event file goes.

    Raises
    ------
    TypeError
        For what is no path.
    ImportError
        In ``fit``, where neither of the writers is installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> _ = net.fit(X, y, epochs=2, callbacks=[dr.TensorBoard("runs/first")])
    >>> len(list(Path("runs/first").iterdir()))
    1
    """

    speaks = True

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(expect_path(folder, "TensorBoard: folder"))
        self._writer: Any = None

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        self._writer = _summary_writer()(str(self.folder))

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        for name, value in run.history.at(run.epoch).items():
            self._writer.add_scalar(name, value, run.epoch)
        self._writer.flush()

    def on_fit_end(self, run: TrainingRun) -> None:  # noqa: D102
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _summary_writer() -> Any:
    for module in ("torch.utils.tensorboard", "tensorboardX"):
        try:
            return import_module(module).SummaryWriter
        except ImportError:
            continue
    raise ImportError(
        "TensorBoard: neither torch.utils.tensorboard nor tensorboardX is there: expected one of "
        "them (`pip install tensorboardX`)"
    )
