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
from deltarule.network import Network

_BY_SUFFIX = {".onnx": "onnx", ".h": "c", ".pt2": "torch"}


@click.command(
    "export",
    help="""Write a MODEL of tables, a network or an ensemble for other programs.

    ONNX takes raw columns by their names. A header of C, and a program for torch.export.load, take
    numbers, NaN for what is missing, and text by its codes; dates they do not take.

    \b
    deltarule export adult.safetensors -o adult.onnx
    """,
)
@click.argument("model")
@click.option(
    "--to",
    "format_",
    type=click.Choice(["onnx", "c", "torch"]),
    help="Else it is told by the file's ending: .onnx, .h or .pt2.",
)
@click.option("-o", "--output", metavar="FILE", required=True, help="The file to write.")
@click.option("--name", help="What names in C begin with; by default the file's.")
@said
def command(
    model: str, format_: str | None, output: str, name: str | None, quiet: bool, as_json: bool
) -> None:
    """Write what the file's ending says."""
    console = Console(quiet, as_json)
    if not Path(model).exists():
        raise ModelFileError(f"{model}: there is no such file: expected a model that train made")
    format_ = format_ or _BY_SUFFIX.get(Path(output).suffix.lower())
    if format_ is None:
        raise click.UsageError(
            f"{output!r} does not say its format: expected --to onnx, c or torch"
        )
    expect_other(output, [model])
    loaded: Any = load(model)
    if format_ == "c":
        loaded.to_c(output, name or re.sub(r"\W", "_", Path(output).stem))
    elif format_ == "torch":
        console.say("PyTorch goes through it step by step, which takes some time ...")
        _write_program(loaded, output)
    else:
        loaded.to_onnx(output)
    console.say(f"{output}: {Path(output).stat().st_size:,} bytes")
    if as_json:
        console.result("", {"output": output, "format": format_})


def _write_program(loaded: Any, output: str) -> None:
    if hasattr(loaded, "fitted_"):
        from deltarule.tabular.models.torch_program import to_torch_program

        to_torch_program(loaded.fitted_, output)
        return
    from deltarule._interchange.torch_program import Mean, write_program

    networks, weights = ([loaded], [1.0]) if isinstance(loaded, Network) else loaded._that_count()
    told = {"columns": [{"name": name} for name in loaded.feature_names or ()]}
    write_program(output, [Mean(networks, weights)], loaded.input_size, str(loaded.dtype), told)
