"""How a fit goes on once its columns are known: who is told, and what trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.models.training import pack
from deltarule.tabular.models.training.given import FEW_ROWS
from deltarule.tabular.models.training.pack import Mix


def _nobody(encoder: TableEncoder) -> None:
    """Who is told where nobody asks."""


@dataclass(frozen=True)
class Course:
    """The course of a fit; the command has others than this one.

    Attributes
    ----------
    found : callable
        Called with the encoder, which has learned the columns, before anything is trained.
    train : callable
        With the arguments of ``pack.trained``.
    few_rows : int
        Tables of fewer rows hold each row out in turn.
    """

    found: Callable[[TableEncoder], None] = _nobody
    train: Callable[..., Mix] = pack.trained
    few_rows: int = FEW_ROWS
