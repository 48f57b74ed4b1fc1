"""A table with a column of every kind, as whatever library has it."""

import datetime as dt
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

M = 400
START = dt.datetime(1950, 3, 1)


@cache
def _columns() -> dict[str, list[Any]]:
    rng = np.random.default_rng(0)

    def some(values: list[Any], every: int) -> list[Any]:
        return [None if row % every == 0 else value for row, value in enumerate(values)]

    return {
        "age": some(rng.integers(18, 90, M).tolist(), 9),
        "income": rng.lognormal(10, 1, M).tolist(),
        "city": some(rng.choice([f"city {i}" for i in range(12)], M).tolist(), 11),
        "sex": rng.choice(["m", "f"], M).tolist(),
        "member": some((rng.uniform(size=M) < 0.5).tolist(), 50),
        "rooms": rng.integers(1, 6, M).tolist(),
        "born": [START + dt.timedelta(hours=float(h)) for h in rng.integers(0, 400_000, M)],
        "seen": some([f"{START + dt.timedelta(d):%Y-%m-%d}" for d in range(0, 7 * M, 7)], 7),
        "paid": [f"{v:.2f}" if row % 10 else "N/A" for row, v in enumerate(rng.normal(size=M))],
        "row": list(range(M)),
        "planet": ["Earth"] * M,
    }  # fmt: skip


def columns() -> dict[str, list[Any]]:
    """The columns as lists, of the caller's own."""
    return {name: list(values) for name, values in _columns().items()}


def rows() -> list[dict[str, Any]]:
    table = columns()
    return [dict(zip(table, each, strict=True)) for each in zip(*table.values(), strict=True)]


def records() -> Any:
    table = columns()
    made = np.empty(M, [(name, object) for name in table])
    for name, values in table.items():
        made[name] = values
    return made


def of_arrow(library: Any) -> Any:
    return library.table(columns())


LIBRARIES: dict[str, Callable[[], Any]] = {
    "lists": columns,
    "rows": rows,
    "records": records,
    "pandas": lambda: pytest.importorskip("pandas").DataFrame(columns()),
    "pandas objects": lambda: pytest.importorskip("pandas").DataFrame(columns(), dtype=object),
    "pandas nullable": lambda: pytest.importorskip("pandas").DataFrame(columns()).convert_dtypes(),
    "polars": lambda: pytest.importorskip("polars").DataFrame(columns()),
    "arrow": lambda: of_arrow(pytest.importorskip("pyarrow")),
}
