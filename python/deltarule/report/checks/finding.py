"""What a check comes to, and how columns are told in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

State = Literal["ok", "look", "not checked"]
_MOST_NAMED, _MOST_CHARACTERS = 5, 60


class Finding(NamedTuple):
    """A check by its code.

    Attributes
    ----------
    code, title : str
    state : {"ok", "look", "not checked"}
    words : str
        What was found, or why it was not looked at.
    advice : str
        What to do, if there is something to look at.
    """

    code: str
    title: str
    state: State
    words: str
    advice: str = ""


def named(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    some = ", ".join(short(name) for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return some + (f" and {more:,} more" if more > 0 else "")


def short(text: str) -> str:
    """A text, cut where it gets long."""
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
