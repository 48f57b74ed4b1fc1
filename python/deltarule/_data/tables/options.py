"""What may be said of a table's file; nothing has to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How a file is to be read.

    Attributes
    ----------
    delimiter, encoding : str, optional
        Of a CSV; else they are told by its text.
    header : bool, optional
        Whether the first row of a CSV holds names.
    known : sequence of str
        Names that a header is expected to have, such as those of a model.
    unnamed : sequence of str
        What columns without names were called when there were as many, or one more: ``missing`` is
        the one that may not be there.
    missing : str, optional
    blanks : sequence of str
        What stands for a missing value in text.
    rows : int
        Of a piece.
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    known: Sequence[str] = ()
    unnamed: Sequence[str] = ()
    missing: str | None = None
    blanks: Sequence[str] = ("",)
    rows: int = 65_536

    def names_for(self, count: int) -> list[str]:
        """The names of so many columns without any: their numbers, from 1 on."""
        names = list(self.unnamed)
        if self.missing in names and count == len(names) - 1:
            names.remove(self.missing)
        return names if len(names) == count else [str(place + 1) for place in range(count)]
