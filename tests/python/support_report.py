"""A subject of a report without a model: answers that are known, and columns that are made up."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule.report.subject import (
    Answers,
    Column,
    Importance,
    Levels,
    Member,
    Numbers,
    Subject,
    Trained,
)

M = 400


def subject(
    count: int = 2, m: int = M, names: tuple[str, ...] = ("age", "city"), **changes: Any
) -> Subject:
    """A subject of two columns; of no classes it predicts numbers.

    Its answers go by the first column.
    """
    rng = np.random.default_rng(3)
    x = rng.normal(size=m)
    codes = rng.integers(3, size=m)
    rows = np.column_stack([x, codes]).astype(np.float32)

    def answer(rows: Any) -> Any:
        z = rows[:, 0].astype(float)
        if not count:
            return 2 * z
        A = np.exp(np.outer(z, np.arange(count)))
        return A / A.sum(axis=1, keepdims=True)

    outputs = answer(rows)
    if count:
        y = (outputs.cumsum(axis=1) < rng.random(m)[:, np.newaxis]).sum(axis=1)
    else:
        y = outputs + rng.normal(size=m)
    levels = ["Rome", "Oslo", "Bern"]
    made: dict[str, Any] = {
        "kind": "TabularClassifier" if count else "TabularRegressor",
        "call": "model = ...",
        "target": "bought",
        "classes": tuple(f"class {k}" for k in range(count)),
        "rows": rows,
        "spans": {names[0]: (0, 1), names[1]: (1, 2)},
        "y": y,
        "model": Answers("this model", outputs, 3.0),
        "answer": answer,
        "columns": [
            Column(names[0], "number", "", "", Numbers(x), Numbers(x[::-1])),
            Column(names[1], "category", "", "", Levels(codes, levels), Levels(codes, levels)),
        ],
        "importance": Importance("rise", names, np.array([1.0, 0.5]), np.array([0.1, 0.1])),
        "members": [Member([1.0, 0.6, 0.5], 0.75), Member([1.2, 0.9], 0.0)],
        "held_out": {},
        "rows_of_fit": m,
        "rows_held_out": m // 5,
        "trained": Trained(y, np.arange(m), outputs, np.zeros(m, bool)),
    }
    return Subject(**(made | changes))
