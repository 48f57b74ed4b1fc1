"""Optuna's studies: what a trial is told, and what is left of one that is pruned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.callbacks import OptunaPruning, TrainingRun
from support import assert_same_bits, output_of

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.WARNING)

X = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")
Y = (X[:, 0] > X[:, 1]).astype(int)


def network() -> dr.Network:
    layers = [dr.Dense(8, "tanh"), dr.BatchNorm(), dr.Dropout(0.1), dr.Dense(2, "softmax")]
    return dr.Network(layers, input_size=3, seed=1)


def fit(net: dr.Network, *callbacks: Any, epochs: int = 6) -> dr.History:
    return net.fit(X, Y, epochs=epochs, validation_split=0.25, callbacks=callbacks)


class Values:
    """Puts values of one's choice into the history."""

    def __init__(self, values: list[float], name: str = "val_loss") -> None:
        self.values, self.name = values, name

    def on_epoch_end(self, run: TrainingRun) -> None:
        run.history[self.name] = self.values[: run.epoch]


def study_of(curves: list[list[float]], monitor: str = "val_loss", **options: Any) -> Any:
    """One trial for each curve, pruned where it is worse than the median of those before."""
    pruner = optuna.pruners.MedianPruner(n_startup_trials=1)
    study = optuna.create_study(pruner=pruner, **options)
    networks = []

    def objective(trial: Any) -> float:
        values = curves[trial.number]
        networks.append(network())
        callbacks = [Values(values, monitor), OptunaPruning(trial, monitor)]
        fit(networks[-1], *callbacks, epochs=len(values))
        return values[-1]

    study.optimize(objective, n_trials=len(curves))
    return study, networks


@pytest.mark.parametrize(
    ("direction", "monitor", "sign"), [("minimize", "val_loss", 1), ("maximize", "val_f1", -1)]
)
def test_a_trial_that_falls_behind_is_pruned(direction: str, monitor: str, sign: int) -> None:
    curves = [[3.0, 2.0, 1.0], [2.5, 2.5, 0.5], [2.9, 1.9, 0.4]]
    signed = [[sign * value for value in curve] for curve in curves]
    study, networks = study_of(signed, monitor, direction=direction)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "COMPLETE"]
    reported = [list(trial.intermediate_values.items()) for trial in study.trials]
    assert reported[0] == list(enumerate(signed[0], 1))
    assert reported[1] == list(enumerate(signed[1][:2], 1))
    assert [net.history.epochs for net in networks] == [3, 2, 3]
    assert study.best_value == signed[2][-1]


def test_a_pruned_network_has_the_weights_of_its_last_epoch() -> None:
    _, (_, pruned) = study_of([[3.0, 2.0, 1.0, 1.0], [2.0, 2.0, 2.0, 0.0]])
    whole = network()
    fit(whole, epochs=3)
    assert pruned.history.epochs == 3
    assert_same_bits(pruned.parameters, whole.parameters)
    assert_same_bits(pruned.statistics, whole.statistics)
    fit(pruned)  # and can go on
    fit(whole)
    assert_same_bits(pruned.parameters, whole.parameters)


def test_what_is_reported_is_in_the_history() -> None:
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
    trial = study.ask()
    history = fit(network(), OptunaPruning(trial, "val_acc"))
    study.tell(trial, history["val_accuracy"][-1])
    values = study.trials[0].intermediate_values
    assert [values[epoch] for epoch in range(1, 7)] == history["val_accuracy"]


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")  # of Optuna's
def test_values_that_are_nan() -> None:
    study, _ = study_of([[1.0, 1.0, 1.0], [float("nan"), 0.1, 0.1]])
    assert study.trials[1].state.name == "PRUNED"


@pytest.mark.parametrize(("direction", "monitor"), [("maximize", "val_loss"), ("minimize", "r2")])
def test_a_study_that_goes_the_other_way_is_refused(direction: str, monitor: str) -> None:
    study = optuna.create_study(direction=direction)
    with pytest.raises(ValueError, match=f"the study is to {direction} it: expected optuna"):
        OptunaPruning(study.ask(), monitor)


def test_a_name_that_says_nothing_goes_with_any_study() -> None:
    for direction in ("minimize", "maximize"):
        OptunaPruning(optuna.create_study(direction=direction).ask(), "val_cost")


def test_what_there_is_not() -> None:
    trial = optuna.create_study().ask()
    with pytest.raises(ValueError, match=r"OptunaPruning: monitor is 'val_los', .* 'val_loss'"):
        fit(network(), OptunaPruning(trial, "val_los"))
    with pytest.raises(ValueError, match="monitors 'val_loss' but there is no validation_data"):
        network().fit(X, Y, callbacks=[OptunaPruning(trial)])


def test_importing_the_package_does_not_import_optuna() -> None:
    script = """
import sys
import deltarule as dr
dr.callbacks.OptunaPruning
print("optuna" in sys.modules)
"""
    assert output_of(script) == "False"
