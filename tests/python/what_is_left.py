"""Two runs that complete each other: what one environment skips, another runs.

A run takes down what it ran. ``pytest --what-is-left``, in an environment that has whatever a test
may want, runs the rest, and fails where it skips any of it, but for what the platform lacks (the
reason of a ``skipif`` mark) and for real data where ``DELTARULE_DATA`` names none.
"""

import os
from collections.abc import Generator

import pytest

DATA = "DELTARULE_DATA"
RAN = pytest.StashKey[set[str]]()
LEFT_OUT = pytest.StashKey[list[str]]()
IN_CACHE = "deltarule/ran"


def _wants_data_that_nobody_has(reason: str) -> bool:
    return DATA in reason and DATA not in os.environ


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--what-is-left",
        action="store_true",
        help="run what the last run skipped or did not have, and fail where that is skipped",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RAN], config.stash[LEFT_OUT] = set(), []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("what_is_left"):
        return
    ran = config.cache.get(IN_CACHE, None) if config.cache else None
    if ran is None:
        raise pytest.UsageError("--what-is-left: there was no run before this one")
    ran = set(ran)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in ran])
    items[:] = [item for item in items if item.nodeid not in ran]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """See a file that is skipped as a whole."""
    report = yield
    if report.skipped and not _wants_data_that_nobody_has(report.longrepr[2]):
        collector.config.stash[LEFT_OUT].append(f"{report.nodeid}: {report.longrepr[2]}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo and isinstance(call.excinfo.value, pytest.skip.Exception):
        reason = call.excinfo.value.msg
        of_the_platform = {mark.kwargs.get("reason") for mark in item.iter_markers("skipif")}
        if reason not in of_the_platform and not _wants_data_that_nobody_has(reason):
            item.config.stash[LEFT_OUT].append(f"{item.nodeid}: {reason}")
    elif call.when == "call":
        item.config.stash[RAN].add(item.nodeid)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if config.getoption("what_is_left"):
        if config.stash[LEFT_OUT] and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    elif cache := getattr(config, "cache", None):
        cache.set(IN_CACHE, sorted(config.stash[RAN]))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("what_is_left"):
        left_out = config.stash[LEFT_OUT]
        terminalreporter.section(f"left out by both runs: {len(left_out)}")
        for line in left_out:
            terminalreporter.line(line)
