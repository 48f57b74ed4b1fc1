"""Two runs that complete each other: what one environment skips, another runs.

A run takes down what it ran. ``pytest --what-is-left``, in an environment that has whatever a test
may want, runs the rest, and fails where it skips any of it, but for what the platform lacks (the
reason of a ``skipif`` mark) and for real data where ``DELTARULE_DATA`` names none.

Tests may run in processes of pytest-xdist's: they note on the reports what became of each, and the
process that all reports come to keeps the account.
"""

import os
from collections.abc import Generator

import pytest

DATA = "DELTARULE_DATA"
IN_CACHE = "deltarule/ran"


def _wants_data_that_nobody_has(reason: str) -> bool:
    return DATA in reason and DATA not in os.environ


def _ran_before(config: pytest.Config) -> set[str]:
    ran = config.cache.get(IN_CACHE, None) if config.cache else None
    if ran is None:
        raise pytest.UsageError("--what-is-left: there was no run before this one")
    return set(ran)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--what-is-left",
        action="store_true",
        help="run what the last run skipped or did not have, and fail where that is skipped",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("what_is_left"):
        _ran_before(config)
    if not hasattr(config, "workerinput"):  # which a process has that runs tests for another
        config.pluginmanager.register(_Account(config), "deltarule-account")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("what_is_left"):
        ran = _ran_before(config)
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in ran])
        items[:] = [item for item in items if item.nodeid not in ran]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo and isinstance(call.excinfo.value, pytest.skip.Exception):
        reason = call.excinfo.value.msg
        of_the_platform = {mark.kwargs.get("reason") for mark in item.iter_markers("skipif")}
        if reason not in of_the_platform and not _wants_data_that_nobody_has(reason):
            report.left_out = reason
    elif call.when == "call":
        report.ran = True
    return report


class _Account:
    """What ran, and what was left out."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.completes = config.getoption("what_is_left")
        self.ran: set[str] = set()
        self.left_out: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "left_out"):
            self.left_out.append(f"{report.nodeid}: {report.left_out}")
        if hasattr(report, "ran"):
            self.ran.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """See a file that is skipped as a whole."""
        if report.skipped and not _wants_data_that_nobody_has(report.longrepr[2]):
            self.left_out.append(f"{report.nodeid}: {report.longrepr[2]}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.completes:
            if cache := getattr(self.config, "cache", None):
                cache.set(IN_CACHE, sorted(self.ran))
        elif self.left_out and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.completes:
            terminalreporter.section(f"left out by both runs: {len(self.left_out)}")
            for line in self.left_out:
                terminalreporter.line(line)
