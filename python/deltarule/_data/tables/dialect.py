"""How a CSV is written: what parts its fields, what quotes them, and whether names stand on top."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

_DELIMITERS = ",;\t| "
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?%?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T][\d:.,Z+-]+)?")
_NOTHING = ("", "?", "na", "nan", "null", "none", "-")


class Dialect(NamedTuple):
    """What parts fields, and what quotes them."""

    delimiter: str
    quote: str


def reader(text: Iterable[str], dialect: Dialect) -> Any:
    """Rows of fields, by `csv`; spaces behind a delimiter do not count."""
    return csv.reader(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        skipinitialspace=dialect.delimiter != "\t",
        strict=True,
    )


def dialect_of(sample: str, delimiter: str | None) -> Dialect:
    """The dialect in which most lines of the sample have as many fields, and more than one."""
    quote = "'" if _single_quotes(sample) else '"'
    if delimiter is not None:
        return Dialect(delimiter, quote)
    best, found = (0.0, 0), Dialect(",", quote)
    for each in _DELIMITERS:
        widths = _widths(sample, Dialect(each, quote))
        if not widths:
            continue
        (width, count), *_ = Counter(widths).most_common(1)
        score = (count / len(widths), width)
        if each == " " and (found.delimiter != "," or best[1] or score[0] < 1):
            continue  # which parts words as well
        if width > 1 and score > best:
            best, found = score, Dialect(each, quote)
    return found


def _single_quotes(sample: str) -> bool:
    opened = re.findall(r"(?:^|[,;\t|])\s*(['\"])", sample[:100_000], flags=re.MULTILINE)
    closed = re.findall(r"(['\"])\s*(?=$|[,;\t|])", sample[:100_000], flags=re.MULTILINE)
    double = '"' in opened or '"' in closed
    return not double and len(opened) > 1 and opened.count("'") == closed.count("'")


def _widths(sample: str, dialect: Dialect) -> list[int]:
    widths: list[int] = []
    # The sample ends within quotes, or this is not how it is quoted.
    with contextlib.suppress(csv.Error):
        widths.extend(len(row) for row in reader(io.StringIO(sample, newline=""), dialect) if row)
    return widths


def has_header(rows: Sequence[Sequence[str]], known: Collection[str]) -> bool:
    """Whether the first of some rows holds names.

    It does where a known name is among its fields, or where it is text above columns of numbers
    and dates. A number or a value of the rows below in it says that it holds none; and a first row
    of different, filled texts is taken as names where nothing speaks against it.
    """
    first, below = rows[0], rows[1:]
    if set(first) & set(known):
        return True
    if any(map(_is_value, first)):
        return False
    columns = list(zip(*(row for row in below if len(row) == len(first)), strict=True))
    if any(all(_is_value(field) or _is_nothing(field) for field in column) for column in columns):
        return True
    repeated = sum(name in column for name, column in zip(first, columns, strict=False))
    return not repeated and len(set(first)) == len(first)


def _is_value(field: str) -> bool:
    field = field.strip()
    return bool(_NUMBER.fullmatch(field) or _DATE.fullmatch(field))


def _is_nothing(field: str) -> bool:
    return field.strip().lower() in _NOTHING
