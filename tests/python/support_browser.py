"""Chromium without a window, spoken to over a pipe: DevTools' protocol, and nothing to install."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_MOST_SECONDS = 120
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """A browser with one page, and all that it has said of it."""

    def __init__(self, commands: BinaryIO, answers: BinaryIO) -> None:
        self._commands, self._answers = commands, answers
        self._rest, self._number, self.events = b"", 0, list[dict[str, Any]]()
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = session
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have something done, and wait for the answer."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        self._commands.flush()
        while (found := self._heard()).get("id") != self._number:
            self.events.append(found)
        assert "error" not in found, (method, found["error"])
        result: dict[str, Any] = found["result"]
        return result

    def _heard(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], _MOST_SECONDS)
            assert ready, "the browser does not answer"
            more = os.read(self._answers.fileno(), 1 << 20)
            assert more, "the browser has gone"
            self._rest += more
        one, self._rest = self._rest.split(b"\0", 1)
        heard: dict[str, Any] = json.loads(one)
        return heard

    def open(self, path: Path, width: int, *, dark: bool, height: int = 900) -> None:
        """Show a page at a width, light or dark, and wait until all of it is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(each.get("method") == "Page.loadEventFired" for each in self.events):
            self.events.append(self._heard())

    def evaluate(self, script: str) -> Any:
        """What a script comes to on the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write all of the page to a PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def said(self, method: str) -> list[dict[str, Any]]:
        """The events of a kind since the page was opened."""
        return [each["params"] for each in self.events if each.get("method") == method]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile, which ends with the block."""
    assert CHROMIUM is not None
    read_commands, commands = os.pipe()
    answers, write_answers = os.pipe()
    # It reads what it is told from 3, and answers to 4: none of the four may be these.
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (read_commands, write_answers)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    process = os.posix_spawn(
        CHROMIUM,
        [CHROMIUM, *_QUIET, f"--user-data-dir={profile}", "about:blank"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, nowhere, 2),
            *((os.POSIX_SPAWN_DUP2, end, place) for place, end in enumerate(ends, 3)),
        ],
    )
    for each in (*ends, read_commands, write_answers, nowhere):
        os.close(each)
    try:
        with os.fdopen(commands, "wb") as told, os.fdopen(answers, "rb") as heard:
            yield Browser(told, heard)
    finally:
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)
