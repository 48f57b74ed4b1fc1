"""The checks, in the order in which they are told."""

from __future__ import annotations

from deltarule.report.checks import columns, results, rows
from deltarule.report.checks.finding import Finding
from deltarule.report.facts.gathered import Facts

CHECKS = (
    columns.leaking,
    columns.golden,
    columns.constant,
    columns.correlated,
    columns.drifting,
    columns.missing,
    rows.few,
    rows.few_of_class,
    rows.seen,
    rows.groups,
    rows.time,
    results.learned_by_heart,
    results.not_as_held_out,
    results.no_better,
    results.calibrated,
)


def checked(facts: Facts) -> list[Finding]:
    """What each check comes to."""
    return [check(facts) for check in CHECKS]
