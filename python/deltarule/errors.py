"""What the package raises and warns of, beside Python's own."""

from __future__ import annotations


class ModelFileError(ValueError):
    """A file that is not what it should be; the message says what is wrong with it, and where."""


class TableFileError(ValueError):
    """A table that cannot be read; the message names the file, and the row and column if it can."""


class TrainingDivergedError(ArithmeticError):
    """The cost stopped being finite; the network has its last good weights."""


class DistributedError(RuntimeError):
    """Another rank or worker has failed or does not come; the message says which, and why."""


class TrainingWarning(UserWarning):
    """Something in training that will probably come to nothing, and what may help."""


class TableWarning(UserWarning):
    """Something in a table that is probably not what it seems; the message names the columns."""


def not_installed(name: str, missing: ModuleNotFoundError, extra: str) -> ImportError:
    """What to raise where a public name needs a package that is not there."""
    return ImportError(
        f"deltarule.{name} needs {missing.name}, which is not installed: "
        f'pip install "deltarule[{extra}]"'
    )
