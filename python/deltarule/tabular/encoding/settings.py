"""What an encoder is told before it sees a table, checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from deltarule._checks import did_you_mean, expect_count
from deltarule.tabular.encoding.kinds import KINDS
from deltarule.tabular.encoding.scaling import SCALINGS


@dataclass(frozen=True)
class Settings:
    """`TableEncoder`'s parameters, as a fit goes by them."""

    kinds: dict[str, str]
    scaling: str
    one_hot: int
    min_count: int | None
    missing: frozenset[str]

    @classmethod
    def of(
        cls, *, kinds: Any, scaling: Any, one_hot: Any, min_count: Any, missing: Any
    ) -> Settings:
        """Of what a caller has given.

        Raises
        ------
        TypeError, ValueError
            For what cannot be.
        """
        if not isinstance(scaling, str) or scaling not in SCALINGS:
            raise ValueError(
                f"TableEncoder: scaling is {scaling!r}: expected one of {', '.join(SCALINGS)}"
                + did_you_mean(scaling, SCALINGS)
            )
        one_hot = expect_count(one_hot, "TableEncoder: one_hot", least=0)
        if min_count is not None:
            min_count = expect_count(min_count, "TableEncoder: min_count", least=1)
        return cls(_kinds(kinds), scaling, one_hot, min_count, _spellings(missing))


def _kinds(kinds: Any) -> dict[str, str]:
    if kinds is None:
        return {}
    if not isinstance(kinds, Mapping):
        raise TypeError(f"TableEncoder: kinds is {kinds!r}: expected {{column: kind}}")
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise ValueError(
                f"TableEncoder: kinds[{name!r}] is {kind!r}: expected one of {', '.join(KINDS)}"
                + did_you_mean(kind, KINDS)
            )
    return {str(name): kind for name, kind in kinds.items()}


def _spellings(missing: Any) -> frozenset[str]:
    # What can be gone through but once would be empty in fit.
    if isinstance(missing, str) or not isinstance(missing, Collection):
        raise TypeError(f"TableEncoder: missing is {missing!r}: expected a list of strings")
    for each in missing:
        if not isinstance(each, str):
            raise TypeError(f"TableEncoder: missing has {each!r}: expected strings")
    return frozenset(each.strip().casefold() for each in missing)
