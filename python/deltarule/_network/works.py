"""What a long task of Python's has the core do: one piece after another, by whoever performs them.

A task is a generator. It yields a piece of work where one is to be done, and goes on when that has
ended. So the same task runs on a thread of its own, or among others that a crew works for.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from deltarule import _core

T = TypeVar("T")
Works: TypeAlias = Generator[_core.Work, None, T]


def performed(task: Works[T]) -> T:
    """What a task comes to, every piece of its work done as it comes, on this thread."""
    try:
        while True:
            next(task)()
    except StopIteration as end:
        result: T = end.value
        return result
    except BaseException as interruption:
        task.throw(interruption)  # a task that has ended by it raises it as it is
        raise
