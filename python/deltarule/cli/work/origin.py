"""Where a model comes from, as it is kept in its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

NAME = "origin"


@dataclass(frozen=True)
class Origin:
    """What a model was made of by the command; empty for one that was made in Python.

    Attributes
    ----------
    command : str
        That repeats the run.
    target : str
    columns : list of str
        Of the table, the target among them.
    header : bool
        Whether the table had names of its own.
    scores : dict
        What the model and simple ones came to: ``{name: {score: [value, low, high]}}``.
    """

    command: str = ""
    target: str = ""
    columns: list[str] = field(default_factory=list)
    header: bool = True
    scores: dict[str, Any] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Values that JSON has."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """What a record says of it, as far as it is what it should be: a file may hold anything."""
        given = record.get(NAME)
        if not isinstance(given, Mapping):
            return cls()
        empty = cls()
        held = {
            name: value
            for name, value in given.items()
            if name in asdict(empty) and type(value) is type(getattr(empty, name))
        }
        if not all(isinstance(name, str) for name in held.get("columns", ())):
            del held["columns"]
        return cls(**held)
