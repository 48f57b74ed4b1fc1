"""What an encoding is made of: whole numbers, real numbers and texts, which a file can hold."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

import numpy as np

from deltarule._arrays import Array
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError


class Parts(NamedTuple):
    """An encoding's state; out of a file it is what the file says, and checked by who takes it."""

    whole: Array
    floats: Array
    texts: list[str]

    @classmethod
    def of(
        cls,
        whole: list[int] | None = None,
        floats: list[float] | None = None,
        texts: list[str] | None = None,
    ) -> Parts:
        """From lists."""
        return cls(np.array(whole or [], np.int64), np.array(floats or []), texts or [])

    def flags(self, count: int, name: str) -> list[int]:
        """The whole numbers, of which there must be so many."""
        if len(self.whole) != count:
            refuse(name, f"{len(self.whole)} whole numbers", f"{count}")
        return [int(each) for each in self.whole]

    def expect_no(self, name: str, *, floats: bool = False, texts: bool = False) -> None:
        """Hold it to having none of what it has no use for."""
        if (floats and len(self.floats)) or (texts and self.texts):
            refuse(name, "numbers or texts too many", "none")


def flag(value: int, name: str) -> bool:
    """A whole number that stands for True or False."""
    if value not in (0, 1):
        refuse(name, f"{value}", "0 or 1")
    return value == 1


def refuse(name: str, received: str, expected: str) -> NoReturn:
    """Say what is wrong with a column's state."""
    raise ModelFileError(f"inputs: column {brief(name)} has {received}: expected {expected}")
