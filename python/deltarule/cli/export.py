"""``deltarule export``: a model for programs without deltarule."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from deltarule.cli.console import Console, said
from deltarule.cli.work.outputs import expect_other
from deltarule.errors import ModelFileError
from deltarule.loading import load

_BY_SUFFIX = {".onnx": "onnx", ".h": "c"}


@click.command("export")
@click.argument("model")
@click.option(
    "--to",
    "format_",
    type=click.Choice(["onnx", "c"]),
    help="Else it is told by the file's ending, .onnx or .h.",
)
@click.option("-o", "--output", required=True, help="The file.")
@click.option("--name", help="What names in C begin with; by default the file's.")
@said
def command(
    model: str, format_: str | None, output: str, name: str | None, quiet: bool, as_json: bool
) -> None:
    """Write a MODEL of tables, a network or an ensemble as ONNX or as a C header.

    ONNX takes raw columns by their names; C takes numbers, and categories by their codes.
    """
    console = Console(quiet, as_json)
    if not Path(model).exists():
        raise ModelFileError(f"{model}: there is no such file: expected a model that train made")
    format_ = format_ or _BY_SUFFIX.get(Path(output).suffix.lower())
    if format_ is None:
        raise click.UsageError(f"{output!r} does not say its format: expected --to onnx or c")
    expect_other(output, [model])
    loaded: Any = load(model)
    if format_ == "c":
        loaded.to_c(output, name or re.sub(r"\W", "_", Path(output).stem))
    else:
        loaded.to_onnx(output)
    console.say(f"{output}: {Path(output).stat().st_size:,} bytes")
    if as_json:
        console.result("", {"output": output, "format": format_})
