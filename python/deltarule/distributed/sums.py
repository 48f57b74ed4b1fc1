"""The sums of flat vectors over all shards, which are the same bits on any number of ranks."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule._arrays import Array, aligned_zeros
from deltarule.distributed.meeting import Meeting
from deltarule.distributed.tree import Branch, add, branches_within, halves

# Bytes up to which every rank sends all that it has to every other one, in one message: the time is
# that of a message, and not of what is in it.
_LITTLE = 64 * 1024


class Sums:
    """Flat vectors of this rank's shards, and their sum with all others'.

    A rank adds up what whole branches of the tree it has. What is then still apart is exchanged in
    spans: each rank gets its part of a span from all others, adds it up by the tree, and hands the
    sum on. That is no more traffic than a ring's, and the order of the sum is the tree's.

    Parameters
    ----------
    meeting : Meeting
    shards : int
        A multiple of the number of ranks.
    count : int
        Numbers of a vector.
    dtype : dtype
    """

    def __init__(self, meeting: Meeting, shards: int, count: int, dtype: Any) -> None:
        self._meeting, self._all = meeting, (0, shards)
        each = shards // meeting.size
        self._branches = [
            branches_within(rank * each, (rank + 1) * each, self._all)
            for rank in range(meeting.size)
        ]
        self._own = self._branches[meeting.rank]
        self._additions = _additions(meeting.rank * each, each, self._own)
        most = _depth(self._additions)
        self._rooms = aligned_zeros(most * count, np.dtype(dtype)).reshape(most, count)
        self._next, self._top = 0, 0
        alone = meeting.size == 1
        self._total = self._rooms[0] if alone else aligned_zeros(count, np.dtype(dtype))
        self._under_way: list[tuple[slice, Any, Array]] = []

    @property
    def total(self) -> Array:
        """The latest sum."""
        return self._total

    def start(self) -> None:
        """Begin with the first own shard."""
        self._next = self._top = 0
        self._under_way.clear()

    def room(self) -> Array:
        """Where the next shard's vector is to be written."""
        vector: Array = self._rooms[self._top]
        return vector

    def add(self, span: slice | None = None) -> None:
        """Take the vector in the room, or a span of it, to what is there already."""
        top = self._top
        whole = slice(None) if span is None else span
        for _ in range(self._additions[self._next]):
            self._rooms[top - 1, whole] += self._rooms[top, whole]
            top -= 1
        if span is None:
            self.end_shard()

    def end_shard(self) -> None:
        """Go on to the next shard, the spans of this one all being taken."""
        self._top += 1 - self._additions[self._next]
        self._next += 1

    def begin(self, span: slice) -> None:
        """Begin to exchange a span, to which all shards have been added."""
        if self._meeting.size == 1:
            return
        own = self._rooms[: len(self._own), span]
        if self._is_little(span):
            size = own.itemsize * own.shape[1]
            sizes = np.array([len(branches) * size for branches in self._branches])
            every = np.empty((sum(map(len, self._branches)), own.shape[1]), own.dtype)
            sent = np.ascontiguousarray(own)
            request = self._meeting.begin_all_gather(sent, every, sizes)
        else:
            edges = self._edges(span) - span.start
            mine = edges[self._meeting.rank + 1] - edges[self._meeting.rank]
            parts = [own[:, a:b].ravel() for a, b in zip(edges[:-1], edges[1:], strict=True)]
            sent = own[0] if len(own) == 1 else np.concatenate(parts)
            every = np.empty((sum(map(len, self._branches)), mine), own.dtype)
            to = np.diff(edges) * len(own) * own.itemsize
            of = np.array([len(branches) for branches in self._branches]) * mine * own.itemsize
            request = self._meeting.begin_all_to_all(sent, to, every, of)
        for _, other, _, _ in self._under_way:
            self._meeting.help_along(other)
        self._under_way.append((span, request, every, sent))

    def finish(self) -> Array:
        """The sum over all shards, once all spans are there."""
        gathered = []
        for span, request, every, _ in self._under_way:
            self._meeting.finish(request)
            branches = [branch for own in self._branches for branch in own]
            found = add(self._all, dict(zip(branches, every, strict=True)), np.add)
            if self._is_little(span):
                self._total[span] = found
                continue
            sizes = np.diff(self._edges(span)) * every.itemsize
            found = np.ascontiguousarray(found)
            gathered.append(
                (self._meeting.begin_all_gather(found, self._total[span], sizes), found)
            )
        for request, _ in gathered:
            self._meeting.finish(request)
        return self._total

    def _is_little(self, span: slice) -> bool:
        return bool((span.stop - span.start) * self._rooms.itemsize <= _LITTLE)

    def _edges(self, span: slice) -> Array:
        """Where the parts of a span begin and end, one a rank."""
        ranks = self._meeting.size
        return span.start + (span.stop - span.start) * np.arange(ranks + 1) // ranks


def _additions(first: int, count: int, branches: list[Branch]) -> list[int]:
    """After each shard, how many pairs of sums are to be added, of those that lie on a stack."""
    parents = set()
    left = list(branches)
    while left:
        branch = left.pop()
        if branch[1] - branch[0] > 1:
            parents.add(branch)
            left += halves(branch)
    stack: list[Branch] = []
    additions = []
    for shard in range(first, first + count):
        stack.append((shard, shard + 1))
        made = 0
        while len(stack) > 1 and (both := (stack[-2][0], stack[-1][1])) in parents:
            if halves(both) != (stack[-2], stack[-1]):
                break
            stack[-2:] = [both]
            made += 1
        additions.append(made)
    return additions


def _depth(additions: list[int]) -> int:
    """How high the stack grows."""
    height = most = 0
    for made in additions:
        height += 1
        most = max(most, height)
        height -= made
    return most
