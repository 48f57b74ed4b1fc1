"""The names of columns: what a network was trained on is told apart by them, not by its place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

_IDENTIFIER = re.compile(
    r"(?:.*[^a-z])?(?:id|uuid|guid|index|unnamed: 0|row[ _.-]?(?:id|no|num|number))", re.IGNORECASE
)
_CAMEL_IDENTIFIER = re.compile(r".*[a-z](?:Id|ID|Uuid|UUID)")
_MOST_NAMED = 5  # in a message, of each kind
_MOST_COMPARED, _LONGEST = 300, 60  # as a comparison of names takes its time
_MOST_BYTES = 2**20  # half of what the header of a small file may have


def is_identifier(name: str) -> bool:
    """Whether a column's name is that of an identifier."""
    return bool(_IDENTIFIER.fullmatch(name) or _CAMEL_IDENTIFIER.fullmatch(name))


def names_of(columns: Sequence[Any] | None) -> list[str] | None:
    """The columns' names, where all of them are text that a network's file has room for.

    Others name nothing, as in scikit-learn.

    Parameters
    ----------
    columns : sequence, optional
        As a data frame has them; None where there are none.
    """
    if not columns or not all(isinstance(name, str) and _is_text(name) for name in columns):
        return None
    return [str(name) for name in columns] if _bytes(columns) <= _MOST_BYTES else None


def arrangement(
    columns: Sequence[Any] | None, wanted: Sequence[str] | None, where: str, what: str
) -> list[int] | None:
    """Where each of the wanted columns stands; None where all are in their places already.

    Columns without names are taken as they stand.

    Raises
    ------
    ValueError
        For other columns than the wanted ones, by name.
    """
    if wanted is None or columns is None or not any(isinstance(name, str) for name in columns):
        return None
    if list(columns) == list(wanted):
        return None
    places = {name: place for place, name in enumerate(columns)}
    if len(places) == len(columns) == len(wanted) and all(name in places for name in wanted):
        return [places[name] for name in wanted]
    raise ValueError(
        f"{where}: {what} has other columns than the network was trained on: "
        f"{_differences(columns, wanted)}; expected those of network.feature_names, in any order "
        "(network.feature_names = None takes columns by their places)"
    )


def expect_names(names: Any, n: int, where: str) -> list[str]:
    """Hold names to being strings that a file can hold, one for each of ``n`` columns."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"{where} is a {type(names).__name__}: expected a list of strings, or None")
    given = list(names)
    for place, name in enumerate(given):
        if not isinstance(name, str):
            raise TypeError(f"{where}[{place}] is a {type(name).__name__}: expected a string")
        if not _is_text(name):
            raise ValueError(f"{where}[{place}] is {name!r}: expected text that UTF-8 can hold")
    if len(given) != n:
        raise ValueError(f"{where} has {len(given)} names: expected {n}, one for each input")
    if _bytes(given) > _MOST_BYTES:
        raise ValueError(
            f"{where} take {_bytes(given)} bytes: expected {_MOST_BYTES} or fewer, which is what a "
            "file has room for"
        )
    return [str(name) for name in given]


def _bytes(names: Sequence[str]) -> int:
    """What names take in the header of a file, as JSON in a string of JSON."""
    import json  # few data have names

    return len(json.dumps(json.dumps(names)))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False
    return True


def _differences(columns: Sequence[Any], wanted: Sequence[str]) -> str:
    """Which are missing, which are new, and which stand there more than once."""
    counts, expected = Counter(columns), Counter(wanted)
    missing = [name for name in wanted if name not in counts]
    new = [name for name in columns if name not in expected]
    twice = [name for name, count in counts.items() if count > max(1, expected[name])]
    parts = [
        f"{verb} {_listed(each)}"
        for verb, each in (
            ("missing:", [_shown(name) for name in missing]),
            ("new:", [_with_near_miss(name, missing) for name in new[:_MOST_NAMED]]
             + [_shown(name) for name in new[_MOST_NAMED:]]),
            ("more than once:", [_shown(name) for name in twice]),
        )
        if each
    ]  # fmt: skip
    return "; ".join(parts) or "names that stand there more than once are in another order"


def _with_near_miss(name: Any, missing: Sequence[str]) -> str:
    """A new column's name, and the missing one that it may be."""
    from difflib import get_close_matches

    some = [each for each in missing[:_MOST_COMPARED] if len(each) <= _LONGEST]
    plain = {each.casefold(): each for each in reversed(some)}
    comparable = isinstance(name, str) and len(name) <= _LONGEST
    near = get_close_matches(name.casefold(), plain, 1) if comparable else []
    return _shown(name) + (f" (did you mean {plain[near[0]]!r}?)" if near else "")


def _shown(name: Any) -> str:
    """A name as a message bears it, which may come from a file that means harm."""
    return repr(name) if len(str(name)) <= _LONGEST else repr(str(name)[: _LONGEST - 3] + "...")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
