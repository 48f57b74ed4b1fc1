"""The fixed binary tree by which shards are added: the same sums for any number of ranks.

Floating-point sums depend on their order. Shards ``a ... b - 1`` are the two halves' sums, added;
so whoever has some shards adds up what whole branches it has, and hands those on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

T = TypeVar("T")
# Shards a ... b - 1 of all.
Branch: TypeAlias = tuple[int, int]


def halves(branch: Branch) -> tuple[Branch, Branch]:
    """The two branches of a branch."""
    first, last = branch
    middle = (first + last) // 2
    return (first, middle), (middle, last)


def branches_within(first: int, last: int, branch: Branch) -> list[Branch]:
    """The largest branches of shards ``first ... last - 1`` alone, in order."""
    a, b = branch
    if first <= a and b <= last:
        return [branch]
    if b <= first or last <= a:
        return []
    return [each for half in halves(branch) for each in branches_within(first, last, half)]


def add(branch: Branch, parts: Mapping[Branch, T], plus: Callable[[T, T], T]) -> T:
    """The sum of a branch, of parts that cover it."""
    if branch in parts:
        return parts[branch]
    left, right = halves(branch)
    return plus(add(left, parts, plus), add(right, parts, plus))
