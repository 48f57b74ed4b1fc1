"""Pickles of older versions: the names that they have for classes lead to the ones of today."""

import copy
import pickle
import pickletools

import numpy as np
import pytest

import deltarule as dr
from support import data, network

# Where classes were before the package had rooms, and where they were public already.
OLD = {
    "deltarule.solver": ["_Momentum", "_PaperAdam"],
    "deltarule.diagnostics": ["Diagnostics", "NetworkGradientCheck", "TrainingWarning"],
    "deltarule.rate_range": ["LearningRateRange"],
    "deltarule.last_good": ["TrainingDivergedError"],
    "deltarule.untrusted_file": ["ModelFileError"],
    "deltarule.blocks": ["GradientCheck"],
    "deltarule.callbacks": ["Best", "CSVLog", "Checkpoint", "EarlyStopping", "TimeLimit"],
    "deltarule.history": ["History"],
    "deltarule.layers": ["Activation", "Add", "BatchNorm", "Dense", "Embedding", "Residual"],
    "deltarule.losses": ["Focal", "_FocalOverClasses"],
    "deltarule.metrics": ["TopK"],
    "deltarule.network": ["Network", "LayerCache"],
    "deltarule.optimizers": ["Adam", "LBFGS"],
    "deltarule.schedules": ["Cosine", "WarmUp"],
    "deltarule.estimators": ["MLPClassifier", "MLPRegressor"],
}


@pytest.mark.parametrize("module", OLD)
def test_an_old_name_is_found(module: str) -> None:
    for name in OLD[module]:
        found = pickle.loads(f"c{module}\n{name}\n.".encode())
        assert found.__name__ == name


def test_an_optimizer_that_knew_its_network() -> None:
    """Optimizers were bound to networks once, and said so in their state."""
    optimizer = dr.Adam(0.1)
    net, (X, y) = network([3, 2]), data(20, [3, 2])
    net.fit(X, y, optimizer=optimizer)
    old = dr.Adam.__new__(dr.Adam)
    state = copy.deepcopy({**optimizer.__getstate__(), "_network": None})
    del state["_parameters"]
    old.__setstate__(state)
    assert old.step == optimizer.step
    again = network([3, 2], seed=1)
    again.fit(X, y, optimizer=old)
    assert old.step == 2 * optimizer.step
    assert np.isfinite(again.parameters).all()


def test_new_pickles_name_public_modules_alone() -> None:
    """So that the next move of a file behind them breaks none."""
    net, (X, y) = network([3, 2]), data(20, [3, 2])
    net.fit(X, y)
    things = [net, dr.EarlyStopping(), dr.Diagnostics(), dr.Focal(), dr.Residual([dr.Dense(2)])]
    for thing in things:
        named = {
            argument
            for operation, argument, _ in pickletools.genops(pickle.dumps(thing, protocol=4))
            if "UNICODE" in operation.name and str(argument).startswith("deltarule")
        }
        assert named
        assert not {name for name in named if "._" in str(name)}, named
