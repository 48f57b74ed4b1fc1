"""Files that are replaced in one move: whoever looks sees the old one whole, or the new one.

The bytes go to a file beside the old one, which is flushed to the disk and takes the old one's name
only then. POSIX promises that a rename is seen as a whole, or not at all.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

PathLike = str | os.PathLike[str]

# Of the name of the file beside, so that it is no longer than the system allows.
_MOST_OF_NAME = 100


def replace(path: PathLike, parts: Iterable[Any]) -> None:
    """Write a file in the place of the one that may be there.

    Parameters
    ----------
    path : path-like
        A new file has the permissions that the umask leaves, another those of the old one. A
        symbolic link is replaced itself; what it points to is left as it is.
    parts : iterable of bytes-like
        What is written, one after another.

    Raises
    ------
    OSError
        Where it cannot be written. The old file is then what it was, and nothing lies beside it.
    """
    path = Path(path)
    old = _regular(path)
    beside = path.with_name(f".{path.name[:_MOST_OF_NAME]}.{secrets.token_hex(6)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        # Within: a signal may come as soon as the file is there.
        file = os.open(beside, flags, 0o666)
        with os.fdopen(file, "wb") as stream:
            if old is not None:
                _keep_permissions(stream.fileno(), old)
            for part in parts:
                stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = str(path)  # a full disk does not say of what
        raise
    _sync_folder(path.parent)


def _regular(path: Path) -> os.stat_result | None:
    """What the system knows of the old file, if it is one."""
    try:
        old = path.lstat()
    except FileNotFoundError:
        return None
    return old if stat.S_ISREG(old.st_mode) else None


def _keep_permissions(file: int, old: os.stat_result) -> None:
    if not hasattr(os, "fchown"):
        return
    new = os.fstat(file)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):  # a file that is somebody else's becomes one's own
            os.fchown(file, old.st_uid, old.st_gid)
    os.fchmod(file, stat.S_IMODE(old.st_mode))


def _sync_folder(folder: Path) -> None:
    """The new name, too, is to outlast a power cut."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # one may write to a folder that one may not list
        return
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems have no such thing
            raise
    finally:
        os.close(opened)
