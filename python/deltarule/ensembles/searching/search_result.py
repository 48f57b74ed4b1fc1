"""What a search came to: the table of trials, and the best network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deltarule._plots import search as drawing
from deltarule.ensembles.searching.space import Space, is_by_magnitude
from deltarule.ensembles.searching.trials import Trial
from deltarule.errors import TrainingDivergedError
from deltarule.history import History, as_html, as_table
from deltarule.metrics import recorded_name
from deltarule.network import Network


class SearchResult:
    """What `deltarule.search` found.

    Attributes
    ----------
    trials : dict of lists
        A table, a row a trial in the order in which they were drawn, which pandas and polars take
        as it is:

        - ``trial``, counted from 0, and a column for each parameter
        - ``epochs`` that it has trained
        - ``score``: the metric at its best epoch, NaN where it finished none
        - ``best_epoch``, counted from 1, or None
        - ``seconds`` that its epochs took, beside the others'
        - ``rung``: the last one that it trained on, counted from 1
        - ``state``: "done" for those that were left at the end, "dropped", "diverged", or
          "interrupted"
    networks : list of Network
        Of all trials, each with the weights of its best epoch.
    histories : list of History
        Of all trials, over all rungs.
    best_trial : int
        The trial with the best score, of those that have not diverged.
    best : Network
    best_configuration : dict
    best_score : float
    history : History
        Of the best trial.
    metric : str
        What the score is.

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule as dr
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> def make_network(units, seed):
    ...     return dr.Network([dr.Dense(units, "relu"), dr.Dense(1)], input_size=2, seed=seed)
    >>> found = dr.search(make_network, {"units": [4, 16]}, X, X[:, 0], budget=8, trials=4, seed=0)
    >>> len(found.networks), sorted(found.best_configuration)
    (4, ['units'])
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        space: Space,
        metric: str,
        sign: float,
        budget: int | str,
    ) -> None:
        best = _best_of(trials, metric, budget)
        self.networks: list[Network] = [trial.network for trial in trials]
        self.histories: list[History] = [trial.history for trial in trials]
        self.best_trial: int = best.number
        self.best: Network = best.network
        self.best_configuration: dict[str, Any] = best.configuration
        self.best_score: float = best.score
        self.history: History = best.history
        self.metric = metric
        self._space, self._sign = space, sign
        self._ranked = [trial.number for trial in sorted(trials, key=lambda trial: trial.rank)]
        self.trials: dict[str, list[Any]] = {
            "trial": [trial.number for trial in trials],
            **{name: [trial.configuration[name] for trial in trials] for name in space},
            "epochs": [trial.history.epochs for trial in trials],
            "score": [trial.score for trial in trials],
            "best_epoch": [trial.best_epoch for trial in trials],
            "seconds": [trial.seconds for trial in trials],
            "rung": [trial.rung for trial in trials],
            "state": [trial.state for trial in trials],
        }

    def plot(self) -> Any:
        """Draw the metric over the epochs of each trial, and the score over each parameter.

        Needs matplotlib.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        known = self.metric in self.history
        name = self.metric if known else recorded_name(self.metric)
        return drawing.search(
            name,
            self._sign,
            [history.get(name, []) for history in self.histories],
            self.trials["score"],
            {name: self.trials[name] for name in self._space},
            {name for name, values in self._space.items() if is_by_magnitude(values)},
            self.best_trial,
        )

    def __repr__(self) -> str:
        return f"{self._title()}\n{as_table(self._by_rank())}"

    def _repr_html_(self) -> str:
        return as_html(self._by_rank(), self._title())

    def _title(self) -> str:
        good = "small" if self._sign > 0 else "large"
        return (
            f"SearchResult: {len(self.networks)} trials, {sum(self.trials['epochs'])} epochs; the "
            f"score is {self.metric}, {good} values are good"
        )

    def _by_rank(self) -> dict[str, list[Any]]:
        return {
            name: [values[number] for number in self._ranked]
            for name, values in self.trials.items()
        }


def _best_of(trials: Sequence[Trial], metric: str, budget: int | str) -> Trial:
    """The best of those that have not diverged.

    Raises
    ------
    TrainingDivergedError, ValueError
        Where there is none.
    """
    best = min(trials, key=lambda trial: trial.rank)
    if best.diverged:
        raise TrainingDivergedError(
            f"search: all {len(trials)} trials have diverged: expected a space with smaller "
            "learning rates, or clip_norm=1.0"
        )
    if best.best_epoch is None and not any(trial.history.epochs for trial in trials):
        raise ValueError(
            f"search: budget is {budget!r}, in which no trial finished an epoch: expected more"
        )
    if best.best_epoch is None:
        raise ValueError(
            f"search: metric is {metric!r}, which was NaN in every epoch of all trials that have "
            "not diverged: expected one that is defined on the validation data"
        )
    return best


# Where users find it.
SearchResult.__module__ = "deltarule"
