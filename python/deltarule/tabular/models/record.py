"""What a model of a table keeps of its fit, in files not to be trusted."""

from __future__ import annotations

from typing import Any

from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError

_NUMBERS = ("rows", "held_out", "parts", "seed", "seconds")
_DRAWN = ("layers", "dropout", "waves", "sigma", "learning_rate", "weight_decay", "weight")


def expect_record(record: dict[str, Any]) -> None:
    """Hold a record to what is told of it: counts, scores, and each member's draw and losses.

    Raises
    ------
    ModelFileError
        With what is something else.
    """
    for name in _NUMBERS:
        _expect(_is_number(record.get(name)), name, record.get(name), "a number")
    scores, members = record.get("scores"), record.get("members")
    fine = isinstance(scores, dict) and all(map(_is_number, scores.values()))
    _expect(fine, "scores", scores, "numbers by name")
    _expect(isinstance(members, list) and bool(members), "members", members, "one or more")
    assert isinstance(members, list)
    for place, member in enumerate(members):
        fine = isinstance(member, dict) and all(_is_number(member.get(name)) for name in _DRAWN)
        _expect(fine, f"members[{place}]", member, "what was drawn for it")
        losses = member.get("losses")
        fine = isinstance(losses, list) and bool(losses)
        fine = fine and all(
            isinstance(each, list) and all(map(_is_number, each)) for each in losses
        )
        _expect(fine, f"members[{place}].losses", losses, "lists of numbers")


def _expect(fine: bool, name: str, value: Any, expected: str) -> None:
    if not fine:
        raise ModelFileError(f"record.{name} is {brief(value)}: expected {expected}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
