"""Models of tables that are quickly there: an encoder, a few small networks, targets."""

from typing import Any

import numpy as np

import deltarule as dr
from deltarule.tabular import ClassEncoder, TableEncoder, TargetScaler
from deltarule.tabular.models.fitted import Fitted

M = 300


def table(m: int = M, seed: int = 0) -> dict[str, Any]:
    """A number with gaps, two more, few levels, and levels enough for an embedding."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 90, m)
    age[::11] = np.nan
    return {
        "age": age,
        "city": [f"city {each}" for each in rng.integers(0, 10, m)],
        "income": rng.lognormal(3, 0.5, m),
        "sex": rng.choice(["m", "f"], m).tolist(),
        "noise": rng.normal(size=m),
    }


def numbers(X: dict[str, Any]) -> Any:
    """Targets that go by income and city, and by nothing else."""
    city = np.array([int(each.split()[1]) for each in X["city"]])
    return 10 * np.log(X["income"]) + city


def layers(encoder: TableEncoder, seed: int) -> list[Any]:
    """Layers of each kind that columns may come in by, a different one for each seed."""
    embedded = set(encoder.embedded)
    others = [column for column in range(encoder.output_size) if column not in embedded]
    rows = np.random.default_rng(0).normal(size=(200, encoder.output_size))
    kinds: list[list[Any]] = [
        [],
        [dr.Periodic(4, d=3, form="pbld", columns=others)],
        [dr.PiecewiseLinear.from_data(rows, 6, columns=others[:2]), dr.Periodic(3, form="cosine")],
    ]
    first = [*encoder.layers(), *kinds[seed % 3]]
    return [*first, dr.Dense(16, "relu"), dr.Dropout(0.1), dr.Dense(12, "tanh")]


def fitted(
    X: Any, y: Any, *, members: int = 3, epochs: int = 15, temperature: float = 1.0, **rest: Any
) -> Fitted:
    """A model of a table: a regressor of numbers, a classifier of text."""
    encoder = TableEncoder().fit(X)
    rows = encoder.transform(X)
    text = isinstance(np.ravel(y)[0], str)
    targets: Any = ClassEncoder().fit(y) if text else TargetScaler().fit(y)
    codes = targets.transform(y)
    if not text:
        output = dr.Dense(1 if codes.ndim == 1 else codes.shape[1])
    else:
        classes = len(targets.classes)
        output = dr.Dense(1, "sigmoid") if classes == 2 else dr.Dense(classes, "softmax")
    nets = [
        dr.Network([*layers(encoder, seed), output], input_size=rows.shape[1], seed=seed, **rest)
        for seed in range(members)
    ]
    for net in nets:
        net.fit(rows, codes, epochs=epochs, optimizer=dr.Adam(0.01))
    weights = np.arange(1, members + 1)
    return Fitted(
        encoder=encoder,
        ensemble=dr.Ensemble(nets, weights),
        targets=targets,
        temperature=temperature,
    )
