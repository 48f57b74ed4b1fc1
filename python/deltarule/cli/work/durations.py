"""Times as people write them: 90s, 5m, 1h."""

from __future__ import annotations

import re

import click

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(s|m|min|h|)\s*")


def seconds_of(written: str | float) -> float:
    """The seconds; a number without a unit is of seconds.

    Raises
    ------
    click.BadParameter
        For what is no time above 0.
    """
    match = _WRITTEN.fullmatch(str(written))
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not seconds:
        raise click.BadParameter(f"{written!r}: expected a time such as 90s, 5m or 1h")
    return seconds
