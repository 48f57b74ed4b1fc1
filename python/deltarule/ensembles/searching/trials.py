"""Trials of a search: configurations that were drawn, their networks, what became of them."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import did_you_mean
from deltarule._monitor import monitored
from deltarule._network.kept_weights import copy_of_weights, put_back
from deltarule._training.run import TrainingRun
from deltarule.ensembles.searching.space import Space, draw
from deltarule.errors import TrainingDivergedError
from deltarule.history import History
from deltarule.network import Network
from deltarule.optimizers import as_optimizer

# What a trial may have for itself, beside its network.
OPTIONS_OF_A_TRIAL = (
    *("loss", "optimizer", "batch_size", "shuffle", "sampling", "sample_weight", "class_weight"),
    *("callbacks", "clip_value", "clip_norm", "average"),
)
# The table's own columns, which no parameter can have as well.
COLUMNS = ("trial", "epochs", "score", "best_epoch", "seconds", "rung", "state")


@dataclass(eq=False)
class Trial:
    """A configuration, its network and options of ``fit``, and what has become of it.

    It is a callback of its own fits, after all others, and takes them down: the history, and the
    weights of the best epoch so far.
    """

    goes_last = True

    number: int
    configuration: dict[str, Any]
    network: Network
    options: dict[str, Any]
    metric: str
    sign: float  # 1 where small values are good, else -1
    history: History = field(default_factory=History)
    score: float = math.nan
    best_epoch: int | None = None
    seconds: float = 0.0
    rung: int = 0
    state: str = "training"
    diverged: bool = False
    _best: dict[str, Array] = field(default_factory=dict)
    _since: float = 0.0

    def on_fit_begin(self, run: TrainingRun) -> None:
        """Begin to count the seconds."""
        self._since = monotonic()

    def on_epoch_end(self, run: TrainingRun) -> None:
        """Take an epoch down."""
        record = run.history.at(run.epoch)
        value = monitored(record, self.metric, "search", "metric")
        self.history.record(record)
        now = monotonic()
        self.seconds, self._since = self.seconds + now - self._since, now
        if self.sign * value < self.rank[1]:  # which NaN never is
            self.score, self.best_epoch = value, self.history.epochs
            self._best = copy_of_weights(run.network)

    def on_fit_end(self, run: TrainingRun) -> None:
        """See whether it has diverged."""
        if isinstance(run.exception, TrainingDivergedError):
            self.diverged = True

    @property
    def rank(self) -> tuple[bool, float, int]:
        """What orders trials, good ones first; of those alike, the one that was drawn first."""
        value = math.inf if math.isnan(self.score) else self.sign * self.score
        return self.diverged, value, self.number

    def end(self, state: str) -> None:
        """Train no more: the network gets the weights of its best epoch."""
        self.state = "diverged" if self.diverged else state
        put_back(self.network, self._best)
        self._best = {}
        self.options = {}  # the optimizer's state takes as much memory as the weights, and more


def drawn(
    make_network: Callable[..., Any],
    space: Space,
    trials: int,
    seed: int | None,
    common: Mapping[str, Any],
    judged: tuple[str, float],
) -> list[Trial]:
    """Draw configurations and make their networks.

    Trial i is the same whatever the number of trials. ``common`` are options of all of them;
    ``judged`` is what they are judged by, and its sign.

    Raises
    ------
    TypeError, ValueError
        For parameters that ``make_network`` does not take, a configuration that it makes no network
        of, and what it returns beside one.
    """
    _expect_takes(make_network, space)
    found: list[Trial] = []
    seeds = np.random.SeedSequence(seed).spawn(trials)
    for number, generator in enumerate(map(np.random.default_rng, seeds)):
        network_seed = int(generator.integers(2**31))  # first, so that no parameter changes it
        configuration = draw(space, generator)
        where = f"search: make_network for trial {number}, {configuration}"
        try:
            made = make_network(**configuration, seed=network_seed)
        except Exception as error:
            raise ValueError(
                f"{where}, failed with {type(error).__name__}: {error}: expected a network of "
                "every configuration in the space"
            ) from error
        network, own = _network_and_options(made, where)
        if any(network is other.network for other in found):
            raise ValueError(
                f"{where}, returned a network that another trial has: expected a new one each time"
            )
        options = {**common, **own}
        if not isinstance(options.get("callbacks", ()), (list, tuple)):
            raise TypeError(
                f"search: callbacks is {options['callbacks']!r}: expected a list of callbacks"
            )
        # Two trials cannot share an optimizer, whose state goes with one network.
        options["optimizer"] = copy.deepcopy(as_optimizer(options.get("optimizer", "adam")))
        found.append(Trial(number, configuration, network, options, *judged))
    return found


def _expect_takes(make_network: Callable[..., Any], space: Space) -> None:
    """Hold a function to taking what it will be given."""
    if not callable(make_network):
        raise TypeError(
            f"search: make_network is {make_network!r}: expected a function that returns a network"
        )
    for name in ("seed", *COLUMNS):
        if name in space:
            raise ValueError(
                f"search: space has a parameter {name!r}, which search has itself: expected "
                "another name"
            )
    try:
        signature = inspect.signature(make_network)
    except ValueError:  # of some that are not written in Python; calling it will tell
        return
    try:
        signature.bind(**dict.fromkeys([*space, "seed"]))
    except TypeError as error:
        raise TypeError(
            f"search: make_network takes {signature}: expected a function that takes the "
            f"parameters of the space and a seed by name, ({', '.join([*space, 'seed'])}); {error}"
        ) from None


def _network_and_options(made: Any, where: str) -> tuple[Network, dict[str, Any]]:
    network, options = made if isinstance(made, tuple) and len(made) == 2 else (made, {})
    if not isinstance(network, Network) or not isinstance(options, Mapping):
        shown = type(made).__name__
        if isinstance(made, tuple):
            shown = f"({', '.join(type(each).__name__ for each in made)})"
        raise TypeError(
            f"{where}, returned {shown}: expected a Network, or (network, options) with a "
            "dictionary of options of fit such as {'optimizer': deltarule.Adam(1e-3)}"
        )
    for name in options:
        if name not in OPTIONS_OF_A_TRIAL:
            near = did_you_mean(name, OPTIONS_OF_A_TRIAL)
            raise TypeError(
                f"{where}, returned an option {name!r}: expected some of "
                f"{list(OPTIONS_OF_A_TRIAL)}{near}"
            )
    return network, dict(options)
