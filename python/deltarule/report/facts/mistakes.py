"""The rows that are predicted worst, by their numbers alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.facts.scores import row_losses
from deltarule.report.subject import Subject

_MOST = 15


class Mistake(NamedTuple):
    """A row's number in the table of the report, from 0; its target, and what was predicted."""

    row: int
    target: str
    predicted: str
    probability: float | None
    error: float


def mistakes(subject: Subject) -> list[Mistake]:
    """The worst first: by log loss, of rows whose class was not told; or by the error's size."""
    outputs, y = subject.model.outputs, subject.y
    losses = row_losses(y, outputs)
    worst = np.argsort(-losses, kind="stable")[:_MOST].tolist()
    if not subject.classes:
        return [_of_number(row, y, outputs) for row in worst if y[row] != outputs[row]]
    told = outputs.argmax(axis=1)
    return [
        Mistake(
            row,
            subject.classes[y[row]],
            subject.classes[told[row]],
            float(outputs[row, y[row]]),
            float(losses[row]),
        )
        for row in worst
        if told[row] != y[row]
    ]


def _of_number(row: int, y: Array, A: Array) -> Mistake:
    error = float(y[row] - A[row])
    return Mistake(row, f"{y[row]:.5g}", f"{A[row]:.5g}", None, error)
