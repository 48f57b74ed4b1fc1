"""The sums of flat vectors over all shards, which are the same bits on any number of ranks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from deltarule._arrays import Array, aligned_zeros
from deltarule.distributed.sharded.meeting import Meeting
from deltarule.distributed.sharded.tree import Branch, add, branches_within, halves

# Bytes up to which every rank gets all that the ranks have, in one message of each: the time is
# that of a message, and not of what is in it.
_LITTLE = 128 * 1024
# Numbers that are exchanged at a time: of more, what is sent leaves a core's cache on its way.
_PIECE = 1 << 19


class Sums:
    """Flat vectors of this rank's shards, and their sum with all others'.

    A rank adds up what whole branches of the tree it has. What is then still apart is exchanged in
    pieces: each rank gets its part of a piece from all others, adds it up by the tree, and hands
    the sum on. That is no more traffic than a ring's, and the order of the sum is the tree's.
    Vectors of few numbers, whose time is that of a message and not of what is in it, go to all at
    once with what the ranks say when they meet.

    Parameters
    ----------
    meeting : Meeting
    shards : int
        A multiple of the number of ranks.
    notes : int
        Numbers that go with each shard.
    count : int
        Numbers of a vector.
    dtype : dtype

    Attributes
    ----------
    notes : ndarray of float64, of shape (own shards, notes)
        To be filled in before the ranks meet.
    total : ndarray of shape (count,)
        The latest sum.
    """

    def __init__(self, meeting: Meeting, shards: int, notes: int, count: int, dtype: Any) -> None:
        self._meeting, self._all = meeting, (0, shards)
        each = shards // meeting.size
        of_ranks = [
            branches_within(rank * each, (rank + 1) * each, self._all)
            for rank in range(meeting.size)
        ]
        own = of_ranks[meeting.rank]
        self._counts = np.array([len(branches) for branches in of_ranks])
        self._branches = [branch for branches in of_ranks for branch in branches]
        self._additions = _additions(meeting.rank * each, each, own)
        most = _depth(self._additions)
        self._rooms = aligned_zeros(most * count, np.dtype(dtype)).reshape(most, count)
        self._own = self._rooms[: len(own)]
        self._next, self._top = 0, 0
        alone = meeting.size == 1
        self.total = self._rooms[0] if alone else aligned_zeros(count, np.dtype(dtype))
        self._under_way: list[tuple[int, int, Any, Array, Array]] = []
        self._received: dict[int, Array] = {}
        self.little = not alone and meeting.size * self._rooms[0].nbytes <= _LITTLE
        most_branches = int(self._counts.max()) if self.little else 0
        size = 8 * each * notes
        mine, every = meeting.carry(size + most_branches * self._rooms[0].nbytes)
        self.notes = mine[:size].view(np.float64).reshape(each, notes)
        self._notes = every[:, :size]
        self._mine = mine[size:][: self._own.nbytes * self.little]
        self._vectors = every[:, size:]

    def start(self) -> None:
        """Begin with the first own shard."""
        self._next = self._top = 0
        self._under_way.clear()

    def room(self) -> Array:
        """Where the next shard's vector is to be written."""
        vector: Array = self._rooms[self._top]
        return vector

    def add(self, span: slice | None = None) -> None:
        """Take the vector in the room, or a span of it, to what is there already.

        The spans are the last own shard's.
        """
        top, whole = self._top, slice(None) if span is None else span
        for _ in range(self._additions[self._next]):
            self._rooms[top - 1, whole] += self._rooms[top, whole]
            top -= 1
        if span is None:
            self._top += 1 - self._additions[self._next]
            self._next += 1

    def meet(self, place: str) -> Array:
        """Meet, and have the notes of all shards; a little vector's sum is then there as well."""
        if self.little:
            self._mine[:] = self._own.reshape(-1).view(np.uint8)
        self._meeting.meet(place)
        notes = np.ascontiguousarray(self._notes).view(np.float64)
        if self.little:
            self.total[:] = self._sum(
                [
                    vectors[: count * self.total.nbytes].view(self.total.dtype).reshape(count, -1)
                    for vectors, count in zip(self._vectors, self._counts, strict=True)
                ]
            )
        every: Array = notes.reshape(-1, self.notes.shape[1])
        return every

    def begin(self, span: slice) -> None:
        """Begin to exchange a span, to which all shards have been added."""
        if self._meeting.size == 1:
            return
        for start in range(span.start, span.stop, _PIECE):
            self._begin_piece(start, min(start + _PIECE, span.stop))

    def _begin_piece(self, start: int, stop: int) -> None:
        own, edges = self._own[:, start:stop], self._edges(start, stop) - start
        sent = own[0]
        if len(own) > 1:
            sent = np.concatenate([own[:, a:b].ravel() for a, b in pairwise(edges)])
        every = self._received.get(start)  # memory that is new takes longer than what it receives
        if every is None:
            mine = edges[self._meeting.rank + 1] - edges[self._meeting.rank]
            every = np.empty((len(self._branches), mine), own.dtype)
            self._received[start] = every
        to = np.diff(edges) * len(own) * own.itemsize
        request = self._meeting.begin_all_to_all(sent, to, every, self._counts * every.strides[0])
        for _, _, other, _, _ in self._under_way:
            self._meeting.help_along(other)
        self._under_way.append((start, stop, request, every, sent))

    def finish(self) -> None:
        """Have the sum over all shards, once all pieces are there."""
        gathered = []
        for start, stop, request, every, _ in self._under_way:
            self._meeting.finish(request)
            edges = self._edges(start, stop)
            rank = self._meeting.rank
            self.total[edges[rank] : edges[rank + 1]] = self._sum([every])
            sizes = np.diff(edges) * every.itemsize
            gathered.append(self._meeting.begin_all_gather(self.total[start:stop], sizes))
        for request in gathered:
            self._meeting.finish(request)
        self._under_way.clear()

    def _sum(self, of_ranks: list[Array]) -> Array:
        """The sum of all branches, rank by rank."""
        vectors = [vector for branches in of_ranks for vector in branches]
        parts = dict(zip(self._branches, vectors, strict=True))
        total: Array = add(self._all, parts, _added_to)
        return total

    def _edges(self, start: int, stop: int) -> Array:
        """Where the parts of a piece begin and end, one a rank."""
        ranks = self._meeting.size
        edges: Array = start + (stop - start) * np.arange(ranks + 1) // ranks
        return edges


def _added_to(a: Array, b: Array) -> Array:
    """Their sum, in the place of the first, which has been received for it alone."""
    a += b
    return a


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
