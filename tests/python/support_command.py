"""The command in tests: in this process, or in one that is forked off a warm one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from support import Array


class Result(NamedTuple):
    """What came of a command."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def values(self) -> Any:
        """Its JSON, which other languages read, too: without NaN and Infinity."""

        def refuse(name: str) -> Any:
            raise AssertionError(f"{name} is no JSON")

        return json.loads(self.stdout, parse_constant=refuse)


def run(folder: Path, *arguments: str, given: bytes = b"", code: int = 0) -> Result:
    """Run the command in this process, in a folder."""
    from deltarule._data.tables import sources
    from deltarule.cli import main

    before = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)}
    sources._held.clear()  # what is left of the last one's standard input
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "oe"]
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(given)))  # type: ignore[type-var]
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(streams[0]),
            contextlib.redirect_stderr(streams[1]),
            warnings.catch_warnings(),
            _standard_input(stdin),
        ):
            found = main.run(arguments)
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
    stdout, stderr = (stream.buffer.getvalue() for stream in streams)  # type: ignore[attr-defined]
    assert found == code, (arguments, stderr.decode())
    assert b"Traceback" not in stderr
    return Result(found, stdout, stderr.decode())


@contextlib.contextmanager
def _standard_input(stream: io.TextIOWrapper) -> Iterator[None]:
    before, sys.stdin = sys.stdin, stream
    try:
        yield
    finally:
        sys.stdin = before


_WARM = """
import faulthandler, importlib, json, os, resource, signal, sys
faulthandler.register(signal.SIGUSR1)
from deltarule.cli import main
for name in main._COMMANDS:
    importlib.import_module(f"deltarule.cli.{name}")
import polars, sklearn.linear_model

def child(asked):
    os.chdir(asked["folder"])
    for number, flags in enumerate((os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_TRUNC] * 2)):
        os.dup2(os.open(asked["streams"][number], flags, 0o666), number)
    sys.stdin = open(0, closefd=False)
    for limit, value in asked["limits"].items():
        resource.setrlimit(getattr(resource, limit), (value, value))
    try:
        code = main.run(asked["arguments"])
        sys.stdout.flush()
    except SystemExit as end:
        code = end.code
    sys.stderr.flush()
    os._exit(code)

pid = 0
for line in sys.stdin:
    if line.strip():
        if pid:  # of a test that has failed
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        pid = os.fork()
        if not pid:
            try:
                child(json.loads(line))
            except KeyboardInterrupt:  # before the command has begun
                os._exit(130)
            finally:
                os._exit(99)
        print(pid, flush=True)
    else:
        _, status, used = os.wait4(pid, 0)
        pid = 0
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        print(json.dumps([code, used.ru_maxrss]), flush=True)
"""


class Warm:
    """A process that has imported the command, and forks off one for each run.

    So runs that are killed, or limited, have processes of their own, and none has to import.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(
        self,
        folder: Path,
        *arguments: str,
        given: Path | None = None,
        out: str = "",
        **limits: int,
    ) -> Running:
        """Begin a run; one at a time."""
        assert self._process.stdin is not None
        # Beside the folder, which tests look at.
        err = folder.with_name(f"{folder.name}.stderr")
        stdout = Path(out) if out else folder.with_name(f"{folder.name}.stdout")
        for file in (err, *([] if out else [stdout])):
            file.write_bytes(b"")  # it may be killed before it does
        streams = [str(given or os.devnull), str(stdout), str(err)]
        asked = {"folder": str(folder), "arguments": arguments, "streams": streams,
                 "limits": limits}  # fmt: skip
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Running(self._process, int(self._line()), None if out else stdout, err)

    def run(self, folder: Path, *arguments: str, **rest: Any) -> Result:
        """A run from its beginning to its end."""
        return self.start(folder, *arguments, **rest).wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


class Running:
    """A run under way."""

    def __init__(self, server: Any, pid: int, out: Path | None, err: Path) -> None:
        self._server, self.pid, self._out, self._err = server, pid, out, err
        self.peak = 0  # of its memory, in KiB

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, sign)

    def wait(self) -> Result:
        """What came of it; the code is below 0 for one that was killed."""
        self._server.stdin.write("\n")
        self._server.stdin.flush()
        code, self.peak = json.loads(self._server.stdout.readline())
        stdout = b"" if self._out is None else self._out.read_bytes()
        result = Result(code, stdout, self._err.read_text(encoding="utf-8"))
        assert "Traceback" not in result.stderr
        return result


def people(m: int = 160) -> dict[str, Array]:
    """A table of which a target is a number and another a class."""
    rng = np.random.default_rng(0)
    age, city = rng.integers(18, 90, m), rng.choice(["Rome", "Oslo", "Bern"], m)
    return {
        "person": np.array([f"p{k:04}" for k in range(m)]),
        "age": age,
        "city": city,
        "seen": np.arange(m),
        "rent": np.round(age * 3.0 + (city == "Rome") * 50 + rng.normal(size=m), 2),
        "buys": np.where((age > 50) ^ (city == "Rome"), "yes", "no"),
    }
