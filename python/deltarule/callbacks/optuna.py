"""Optuna's trials: told of each epoch, and ended where they promise nothing."""

from __future__ import annotations

from typing import Any

from deltarule._monitor import mode_by_name, monitored
from deltarule._training.run import TrainingRun
from deltarule.callbacks.described import Described


class OptunaPruning(Described):
    """Report each epoch to a trial of Optuna's, and end the fit where its pruner says so.

    Parameters
    ----------
    trial : optuna.Trial
        What Optuna hands to the objective; a new callback for each.
    monitor : str
        A name in the history, which the objective should return a value of.

    Raises
    ------
    ValueError
        Where the study minimises what is large where it is good, or the other way round; in
        ``fit``, for a ``monitor`` that the history does not have.
    optuna.TrialPruned
        In ``fit``, after an epoch, where the trial is pruned: Optuna takes it from there. The
        network has the weights of that epoch, and ``network.history`` is whole.

    Examples
    --------
    >>> def objective(trial):
    ...     net = Network([Dense(trial.suggest_int("units", 4, 64)), Dense(1)], input_size=3)
    ...     pruning = OptunaPruning(trial, "val_loss")
    ...     history = net.fit(X, y, epochs=20, validation_split=0.2, callbacks=[pruning])
    ...     return min(history["val_loss"])
    """

    speaks = True

    def __init__(self, trial: Any, monitor: str = "val_loss") -> None:
        self.trial, self.monitor = trial, monitor
        mode = mode_by_name(monitor)
        direction = trial.study.direction.name.lower()
        if mode is not None and not direction.startswith(mode):
            raise ValueError(
                f"OptunaPruning: monitor is {monitor!r} but the study is to {direction} it: "
                f"expected optuna.create_study(direction='{mode}imize')"
            )

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        value = monitored(run.history.at(run.epoch), self.monitor, "OptunaPruning")
        self.trial.report(value, step=run.epoch)
        if self.trial.should_prune():
            from optuna import TrialPruned  # which whoever has a trial has imported

            raise TrialPruned(f"pruned after epoch {run.epoch}: {self.monitor} {value:.4g}")
