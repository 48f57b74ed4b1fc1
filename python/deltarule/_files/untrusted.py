"""Files that somebody hands over: how they are opened, and the error for what is wrong with them.

Nothing but a regular file is opened, no link is followed and no pipe is waited for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from deltarule._files.atomic import PathLike
from deltarule.errors import ModelFileError


@contextmanager
def naming(path: PathLike) -> Iterator[None]:
    """Have what is found wrong within say which file it is wrong in."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from error.__cause__


@contextmanager
def opened(path: PathLike) -> Iterator[BinaryIO]:
    """Open a regular file, and nothing else."""
    found = Path(path).lstat()  # before it is opened, as to open a device may have consequences
    if stat.S_ISLNK(found.st_mode):
        raise _symbolic_link(path)
    _expect_regular(found)
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and Path(path).is_symlink():
            raise _symbolic_link(path) from None
        raise
    with os.fdopen(descriptor, "rb") as file:
        _expect_regular(os.fstat(descriptor))  # it may have become another meanwhile
        yield file


def _symbolic_link(path: PathLike) -> ModelFileError:
    target = os.path.realpath(path)
    return ModelFileError(
        f"it is a symbolic link, to {target!r}: expected the file itself; hand over that path if "
        "you trust it"
    )


def _expect_regular(found: os.stat_result) -> None:
    kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket"}
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        raise ModelFileError(f"it is a {kinds.get(kind, 'device')}: expected a file")


def brief(value: Any) -> str:
    """A value as a message quotes it, which may come from a file that means harm."""
    try:
        text = repr(value)
    except RecursionError:
        return "something that is nested too deeply"
    return text if len(text) <= 200 else f"{text[:200]} ..."
