"""``deltarule info``: what a model expects, and how it was made."""

from __future__ import annotations

from typing import Any

import click

from deltarule.cli.console import Console, said
from deltarule.cli.work.tables import Model


@click.command("info")
@click.argument("model")
@said
def command(model: str, quiet: bool, as_json: bool) -> None:
    """Tell what a MODEL expects of each column, its networks, its scores and its origin."""
    console = Console(quiet, as_json)
    of_tables = Model(model)
    fitted, origin = of_tables.fitted, of_tables.origin
    record = fitted.record_
    lines = [
        f"{'target':9}{origin.target}" if origin.target else "",
        f"{'classes':9}{_classes(of_tables.classes)}" if of_tables.classes else "",
        f"{'trained':9}on {record['rows']:,} rows in {record['seconds']:g} s, by deltarule "
        f"{record.get('version', '(unknown)')}",
        f"{'command':9}{origin.command}" if origin.command else "",
    ]
    values = {
        "kind": of_tables.kind,
        "target": origin.target,
        "classes": of_tables.classes,
        "columns": fitted.encoder_.found,
        "levels": fitted.encoder_.levels,
        "left_out": fitted.encoder_.left_out,
        "networks": len(fitted.ensemble_),
        "scores": fitted.scores_,
        "scores_beside": origin.scores,
        "rows": record["rows"],
        "seconds": record["seconds"],
        "seed": record["seed"],
        "version": record.get("version"),
        "command": origin.command,
    }
    head = "\n".join(line for line in lines if line)
    console.result(f"{fitted.summary()}\n\n{head}", values)


def _classes(classes: list[Any]) -> str:
    some = ", ".join(map(str, classes[:10]))
    return f"{some} and {len(classes) - 10} more" if len(classes) > 10 else some
