"""What a command says, and where: results go to standard output, all else to standard error."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from shutil import get_terminal_size
from textwrap import fill
from typing import Any, TypeVar

import click

from deltarule.errors import TableWarning, TrainingWarning

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Console:
    """How much is said.

    Attributes
    ----------
    quiet : bool
        Nothing but results and errors.
    as_json : bool
        The result is one object of JSON on standard output; what is for people is not mixed in.
    """

    quiet: bool = False
    as_json: bool = False

    def say(self, text: str = "") -> None:
        """Tell what is going on, as it is: commands to type again, and tables that fit."""
        if not self.quiet:
            click.echo(text, err=True)

    def tell(self, sentence: str) -> None:
        """Tell it in lines that end where words do."""
        width = _columns()
        self.say(sentence if width is None else fill(sentence, width, break_long_words=False))

    def table(self, text: str) -> None:
        """Tell lines, none longer than the terminal is wide."""
        width = _columns()
        for line in text.split("\n"):
            fits = width is None or len(line) <= width
            self.say(line if fits else f"{line[: (width or 0) - 4].rstrip()} ...")

    def notes(self, texts: list[str]) -> None:
        """Tell what is worth a look."""
        for text in texts:
            self.tell(f"note: {text}")

    def result(self, text: str, values: Any) -> None:
        """Tell what came out, to people or to a program."""
        click.echo(json.dumps(finite(values), allow_nan=False) if self.as_json else text)

    @property
    def live(self) -> bool:
        """Whether a line that changes is seen by anybody."""
        return not self.quiet and sys.stderr.isatty()

    @contextmanager
    def hearing_warnings(self) -> Iterator[None]:
        """Tell the package's warnings as notes, each once."""
        with warnings.catch_warnings(record=True) as caught:
            for kind in (TableWarning, TrainingWarning):
                warnings.simplefilter("always", kind)
            yield
        said = dict.fromkeys(
            str(each.message)
            for each in caught
            if issubclass(each.category, (TableWarning, TrainingWarning))
        )
        self.notes([text.partition(": ")[2] or text for text in said])


def _columns() -> int | None:
    """Those of the terminal, if it is one that is read from."""
    return get_terminal_size().columns if sys.stderr.isatty() else None


def finite(value: Any) -> Any:
    """Values as JSON has them: NumPy's as Python's, and what is no finite number as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def said(command: Command) -> Command:
    """Give a command its options ``--quiet`` and ``--json``."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but results and errors."),
    ):
        command = option(command)
    return command
