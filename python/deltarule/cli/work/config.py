"""The options of a run in a TOML file, and as the command line that repeats it."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from deltarule._checks import did_you_mean
from deltarule._files.atomic import replace
from deltarule.errors import TableFileError

# What belongs to the terminal, and not to the run.
_NOT_OF_THE_RUN = ("config", "save_config", "quiet", "as_json", "help")


def read_config(path: str, command: click.Command) -> dict[str, Any]:
    """The options that a file gives, by their names in the program.

    Raises
    ------
    TableFileError
        For what is no TOML, and an option that there is not.
    """
    try:
        with Path(path).open("rb") as file:
            given = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableFileError(f"{path}: it is no TOML: {error}") from error
    known = {_key(each): each for each in command.params if each.name not in _NOT_OF_THE_RUN}
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            raise TableFileError(
                f"{path}: there is no option {key!r}: expected some of {', '.join(known)}"
                + did_you_mean(key, known)
            )
        option = known[key]
        listed = option.multiple if isinstance(option, click.Option) else option.nargs == -1
        if isinstance(value, Mapping) or isinstance(value, list) != listed:
            expected = "a list" if listed else "one value"
            raise TableFileError(f"{path}: {key} is {value!r}: expected {expected}")
        assert option.name is not None
        found[option.name] = value
    return found


def write_config(path: str, context: click.Context) -> None:
    """Write the options that are set."""
    lines = [f"{_key(option)} = {_toml(value)}\n" for option, value in _set(context)]
    replace(path, ["".join(lines).encode()])


def command_line(context: click.Context) -> str:
    """What to type to have the same run again."""
    words = ["deltarule", str(context.command.name)]
    given = _set(context)
    for option, value in given:
        if isinstance(option, click.Argument):
            words += map(str, value)
    for option, value in given:
        if isinstance(option, click.Argument):
            continue
        if isinstance(value, bool):
            words.append(option.opts[0] if value else option.secondary_opts[0])
        else:
            for each in value if isinstance(value, (list, tuple)) else [value]:
                words += [f"--{_key(option)}", _word(each)] if each != "" else [f"--{_key(option)}"]
    return shlex.join(words)


def _set(context: click.Context) -> list[tuple[click.Parameter, Any]]:
    """The options that were given, and the seed, whose default may be another one day."""
    found = []
    for option in context.command.params:
        name = str(option.name)
        value = context.params.get(name)
        given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if name not in _NOT_OF_THE_RUN and value is not None and (given or name == "seed"):
            found.append((option, value))
    return found


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _key(option: click.Parameter) -> str:
    longest = max(option.opts, key=len)
    return longest.lstrip("-")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        # JSON's strings are TOML's, but for one character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
