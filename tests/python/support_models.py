"""Fitted models of tables, made of a few small networks, without any training."""

from typing import Any

import numpy as np

import deltarule as dr
from deltarule.tabular import ClassEncoder, TargetScaler
from deltarule.tabular.models.fitted import Fitted
from support import Array
from support_tables import M, columns

CLASSES: dict[str, Any] = {
    "two texts": ["no", "yes"],
    "three texts": ["Bern", "Oslo", "Rome"],
    "whole numbers": [-3, 0, 7, 2**52],
    "truths": [False, True],
}


def encoder(table: Any = None, **arguments: Any) -> dr.TableEncoder:
    return dr.TableEncoder(**arguments).fit(columns() if table is None else table)


def networks(of: dr.TableEncoder, outputs: int, activation: str, dtype: str) -> list[dr.Network]:
    """Of several architectures, all of which tell much of their inputs."""
    made = []
    for seed, units in enumerate((7, 5, 3)):
        layers = [*of.layers(2), dr.Dense(units, "tanh"), dr.Dense(outputs, activation)]
        net = dr.Network(layers, of.output_size, dtype=dtype, seed=seed)
        net.parameters *= 1.5
        made.append(net)
    return made


def classifier(
    classes: Any = "two texts",
    temperature: float = 1.7,
    dtype: str = "float32",
    table: Any = None,
    **arguments: Any,
) -> Fitted:
    of, targets = encoder(table, **arguments), ClassEncoder().fit(CLASSES[classes])
    count = len(targets.classes)
    nets = networks(of, *((1, "sigmoid") if count == 2 else (count, "softmax")), dtype)
    return Fitted(
        encoder=of,
        ensemble=dr.Ensemble(nets, [2, 1, 0]),
        targets=targets,
        temperature=temperature,
        record={"epochs": [3, 4, 5], "seconds": 0.5, "score": float("nan")},
    )


def regressor(
    targets: Any = None, *, clamp: bool = True, dtype: str = "float32", table: Any = None,
    **arguments: Any,
) -> Fitted:  # fmt: skip
    y = np.linspace(-5, 20, M) if targets is None else targets
    of, scaler = encoder(table, **arguments), TargetScaler(clamp=clamp).fit(y)
    nets = networks(of, len(scaler.mean), "identity", dtype)
    return Fitted(encoder=of, ensemble=dr.Ensemble(nets), targets=scaler)


def probabilities(model: Fitted, table: Any) -> Array:
    """What a classifier answers, in float64."""
    A = model.outputs(table, "predict").astype(np.float64)
    P = np.hstack([1 - A, A]) if A.shape[1] == 1 else A
    with np.errstate(divide="ignore"):
        tempered = P ** (1 / model.temperature)
    return np.asarray(tempered / tempered.sum(axis=1, keepdims=True))


def labels(model: Fitted, table: Any) -> Array:
    assert isinstance(model.targets, ClassEncoder)
    return model.targets.inverse(probabilities(model, table).argmax(axis=1))


def numbers(model: Fitted, table: Any) -> Array:
    """What a regressor answers, (n_samples, n_targets)."""
    assert isinstance(model.targets, TargetScaler)
    return model.targets.inverse(model.outputs(table, "predict"))
