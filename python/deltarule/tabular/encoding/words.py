"""What an encoder has learned, in words: a line a column, and lists that end where it gets long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deltarule._checks import did_you_mean
from deltarule.history import Right
from deltarule.tabular.encoding.learned import Learned

_MOST_NAMED = 5  # in a message


def title(learned: Learned) -> str:
    """The whole in a line."""
    left = f", {len(learned.left_out)} left out" * bool(learned.left_out)
    size = len(learned.feature_names_out)
    return f"{len(learned.encodings)} columns become {size} numbers{left}"


def told(learned: Learned) -> dict[str, list[Any]]:
    """A table of what was found column by column, and what it becomes, by its heads."""
    rows = list[tuple[Any, ...]]()
    for name in learned.names:
        encoding = learned.encodings.get(name)
        if encoding is None:
            rows.append((name, "left out", learned.left_out[name], Right(0), ""))
            continue
        found, becomes = encoding.told()
        remark = learned.remarks.get(name, "")
        rows.append((name, found, becomes, Right(len(encoding.outputs)), remark))
    heads = ("column", "found", "becomes", "numbers", "remark")
    cells = dict(zip(heads, map(list, zip(*rows, strict=True)), strict=True))
    return {head: some for head, some in cells.items() if any(some)}


def whys(words: Mapping[str, str]) -> str:
    """Some columns with a word each."""
    some = [f"{name!r}: {why}" for name, why in list(words.items())[:_MOST_NAMED]]
    more = len(words) - _MOST_NAMED
    return "; ".join(some) + (f"; and {more} more" if more > 0 else "")


def listed(names: Sequence[str], near: Iterable[str] = ()) -> str:
    """Some names, and what those that are near to them are called."""
    some = [f"{name!r}{_near(name, near)}" for name in names[:_MOST_NAMED]]
    more = len(names) - _MOST_NAMED
    return ", ".join(some) + (f" and {more} more" if more > 0 else "")


def _near(name: str, known: Iterable[str]) -> str:
    words = did_you_mean(name, known).removeprefix("; ")
    return f" ({words})" if words else ""
