"""The command's front: which commands there are, and what becomes of an error."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from deltarule._version import __version__
from deltarule.cli.ranks import run_on_ranks
from deltarule.errors import DistributedError

# By name, in the order of the help: imported when it is asked for.
_COMMANDS = {
    "train": "Make a model of a table.",
    "search": "Make a better one, within a budget of time.",
    "predict": "Predict a table's rows by a model, into a file.",
    "evaluate": "Score a model on a table that has the target.",
    "explain": "Tell which columns a model goes by.",
    "info": "Tell what a model expects, and how it was made.",
    "export": "Write a model for other programs: ONNX, C or PyTorch.",
    "bench": "Measure how fast this machine trains and predicts.",
    "demo": "Train a network on images of digits, and show what comes of it.",
    "gradcheck": "Check the gradients of a network, number by number.",
}
INTERRUPTED, TERMINATED, PIPE_CLOSED = 130, 143, 141


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"deltarule.cli.{cmd_name}")
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from deltarule._checks import did_you_mean

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = did_you_mean(args[0], _COMMANDS)
            ctx.fail(f"there is no command {args[0]!r}: expected {', '.join(_COMMANDS)}{near}")
        return super().resolve_command(ctx, args)


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Begin with   deltarule train data.csv --target COLUMN
Completion   eval "$(_DELTARULE_COMPLETE=bash_source deltarule)"   (or zsh, or fish)
""",
)
@click.version_option(__version__, prog_name="deltarule")
@click.option("--traceback", is_flag=True, hidden=True, help="Show where an error comes from.")
def group(traceback: bool) -> None:
    """From a table to a model that predicts, explains itself, and runs anywhere."""


def run(arguments: Sequence[str]) -> int:
    """Run a command, on all ranks where ``mpiexec`` has started several; the exit code.

    0 is fine, 1 a problem with data or files, 2 one with the command, 130 and 143 an interruption,
    141 that nobody reads any more what is written.
    """
    try:
        return run_on_ranks(lambda: _run(arguments))
    except (DistributedError, ImportError) as error:
        return _say(_words(error), 1)


def _run(arguments: Sequence[str]) -> int:
    """Run a command, and tell what is wrong in a line or two."""
    _heard.clear()
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as a shell has what runs behind
        signal.signal(signal.SIGINT, _end)
    warnings.simplefilter("ignore")
    try:
        group.main(list(arguments), prog_name="deltarule", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted: nothing was left half-written", INTERRUPTED)
    except SystemExit as end:
        if end.code == TERMINATED:
            return TERMINATED
        # Who read has gone, and click ends. Python would complain when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except MemoryError:
        return _say("the memory is full: expected fewer rows or columns (--drop)", 1)
    except (
        ValueError,
        TypeError,
        ArithmeticError,
        OSError,
        ImportError,
        DistributedError,
    ) as error:
        if "--traceback" in arguments:
            raise
        if _heard:  # a library has taken the signal's exception for one of its own
            return _heard[0]
        return _say(_words(error), 1)
    return 0


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'output'}: {error.strerror}"
    return str(error) or type(error).__name__


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"deltarule: {text}\n")
    return code


_heard: list[int] = []  # what signals there were, as exit codes


def _end(signum: int, frame: Any) -> NoReturn:
    """Undo what was begun, as after an interruption."""
    if signum == signal.SIGINT:
        _heard.append(INTERRUPTED)
        raise KeyboardInterrupt
    _heard.append(TERMINATED)
    sys.exit(TERMINATED)
