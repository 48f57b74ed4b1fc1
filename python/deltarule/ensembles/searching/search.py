"""Search: configurations drawn, trained together, and the worse half dropped at each rung."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import ArrayLike

from deltarule._checks import did_you_mean, expect_count, expect_flag
from deltarule._monitor import mode_of
from deltarule._training.fit import fit
from deltarule.ensembles.machines import in_use
from deltarule.ensembles.many import fit_many
from deltarule.ensembles.searching.halving import Epochs, Seconds, as_budget, sizes_of_rungs
from deltarule.ensembles.searching.search_result import SearchResult
from deltarule.ensembles.searching.space import Space, expect_space
from deltarule.ensembles.searching.trials import OPTIONS_OF_A_TRIAL, Trial, drawn
from deltarule.errors import TrainingWarning
from deltarule.network import Network

_HELD_OUT = 0.2  # of the rows, where nothing else is said
_OPTIONS = (*OPTIONS_OF_A_TRIAL, "metrics")


def search(
    make_network: Callable[..., Network | tuple[Network, Mapping[str, Any]]],
    space: Space,
    X: Any,
    y: ArrayLike,
    *,
    budget: int | str,
    trials: int = 16,
    metric: str = "val_loss",
    mode: str | None = None,
    seed: int | None = 0,
    validation_data: tuple[ArrayLike, ...] | None = None,
    validation_split: float | None = None,
    progress: bool = False,
    **options: Any,
) -> SearchResult:
    """Draw configurations, train them together, and go on with the better half, again and again.

    Successive halving (Jamieson & Talwalkar 2016). The trials are trained on rungs. On each, all
    that are left train equally long, and have the same share of the budget as those of any other
    rung; then the worse half is dropped, and the rest go on from where they stand, until two have
    met. So n trials take log2(n) rungs, and the winner trains for about the budget over that.

    Parameters
    ----------
    make_network : callable
        Called as ``make_network(seed=seed, **configuration)``; returns a network, or a network and
        a dictionary of what is its own of these options of ``fit``: loss, optimizer, batch_size,
        shuffle, sampling, sample_weight, class_weight, callbacks, clip_value, clip_norm, average.
    space : dict
        For each parameter ``deltarule.Uniform(low, high)``, ``LogUniform(low, high)``,
        ``Integer(low, high)``, or a list of choices.
    X, y
        As in ``fit``.
    budget : int or str
        Epochs of all trials together: no more are trained, and at most one is left over, but for
        those of trials that diverge. Or a time, such as "90s", "10min", "2h". With epochs the same
        seed gives the same result, to the bit; how far a time goes depends on the machine.
    trials : int
        How many configurations to draw. More leave less of the budget to each.
    metric : str
        What trials are judged by: a value of the validation data, as the history calls it. Of each
        trial its best epoch counts.
    mode : {"min", "max"}, optional
        Whether small or large values are good; by default what the name says, if it does.
    seed : int or None
        Of what is drawn, and of the networks' seeds. Trial i is the same whatever ``trials`` is.
        None draws it from the system.
    validation_data, validation_split
        As in ``fit``; by default a fifth of the rows is held out, the same for all trials.
    progress : bool
        Show the members as they train, and a line for each rung.
    **options
        Of ``fit``, for all trials: those above, and metrics. Callbacks begin anew on each rung.

    Returns
    -------
    SearchResult
        The table of trials, the best network, and its configuration.

    Raises
    ------
    TypeError, ValueError
        For arguments out of their range, for a budget that is too small, and for a configuration of
        which there is no network, named.
    TrainingDivergedError
        Where all trials have diverged. One that has is dropped; the table says so.
    KeyboardInterrupt
        On Ctrl-C. Its attribute ``result`` has the trials so far, where one had finished an epoch:
        ``except KeyboardInterrupt as stop: result = stop.result``. So have other exceptions that
        end the training, such as a callback's.

    Notes
    -----
    ``"val_loss"`` is no judge between losses that differ, or that weigh classes differently; they
    are refused.

    References
    ----------
    Jamieson & Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter
    optimization".

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule as dr
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> def make_network(units, learning_rate, seed):
    ...     net = dr.Network([dr.Dense(units, "tanh"), dr.Dense(1)], input_size=3, seed=seed)
    ...     return net, {"optimizer": dr.Adam(learning_rate)}
    >>> space = {"units": dr.Integer(4, 32), "learning_rate": dr.LogUniform(1e-3, 1e-1)}
    >>> found = dr.search(make_network, space, X, X[:, 0] * X[:, 1], budget=40, trials=8)
    >>> sum(found.trials["epochs"])
    40
    """
    trials = expect_count(trials, "search: trials", least=1)
    progress = expect_flag(progress, "search: progress")
    sign = _sign_of(metric, mode)
    expect_space(space, "search")
    _expect_options(options)
    if validation_data is None and validation_split is None:
        validation_split = _HELD_OUT
    if seed is not None:
        seed = expect_count(seed, "search: seed", least=0)
    sizes = sizes_of_rungs(trials)
    limit = as_budget(budget, sizes)
    everyone = drawn(make_network, space, trials, seed, options, (metric, sign))
    if metric == "val_loss":
        _expect_one_loss(everyone)
    fixed: dict[str, Any] = {
        "validation_data": validation_data,
        "validation_split": validation_split,
        "metrics": options.get("metrics"),
        "progress": progress,
    }

    def train(racing: list[Trial], epochs: int, seconds: float | None) -> None:
        options = fixed | _options_of_members(racing)
        networks = [trial.network for trial in racing]
        with warnings.catch_warnings():  # the table says who has diverged
            warnings.filterwarnings("ignore", "fit_many: ", TrainingWarning)
            fit_many(networks, X, y, epochs=epochs, time_limit=seconds, **options)

    def result() -> SearchResult:
        return SearchResult(everyone, dict(space), metric, sign, budget)

    try:
        with in_use().same_data():
            _climb(everyone, sizes, limit, train, progress=progress)
    except BaseException as error:
        _end(everyone, "interrupted")
        if any(trial.best_epoch is not None and not trial.diverged for trial in everyone):
            error.result = result()  # type: ignore[attr-defined]
            error.add_note("search: the trials so far are this exception's attribute `result`")
        raise
    _end(everyone, "done")
    return result()


def _climb(
    trials: list[Trial],
    sizes: list[int],
    limit: Epochs | Seconds,
    train: Callable[[list[Trial], int, float | None], None],
    *,
    progress: bool,
) -> None:
    """Train on one rung after another, until the last, the end of the time, or of the trials."""
    racing = trials
    for rung, size in enumerate(sizes, 1):
        racing = _better(racing, size)
        for trial in racing:
            trial.rung = rung
        entered = len(racing)
        for epochs, seconds in limit.parts(rung - 1):
            train(racing, epochs, seconds)
            racing = _whole(racing)
            if not racing:
                return
        if progress and in_use().leads:
            _say(f"rung {rung} of {len(sizes)}: {entered} trials", trials)
        if limit.is_spent():
            return


def _better(racing: list[Trial], size: int) -> list[Trial]:
    """The best ``size`` of them; the others are dropped."""
    ranked = sorted(racing, key=lambda trial: trial.rank)
    for trial in ranked[size:]:
        trial.end("dropped")
    return sorted(ranked[:size], key=lambda trial: trial.number)


def _whole(racing: list[Trial]) -> list[Trial]:
    """Those that have not diverged; the others train no more."""
    for trial in racing:
        if trial.diverged:
            trial.end("diverged")
    return [trial for trial in racing if not trial.diverged]


def _end(trials: list[Trial], state: str) -> None:
    for trial in trials:
        if trial.state == "training":
            trial.end(state)


def _options_of_members(racing: list[Trial]) -> dict[str, list[Any]]:
    """What ``fit_many`` takes one of for each member: the trials' options, and themselves."""
    given = {name for trial in racing for name in trial.options}
    own = {
        name: [trial.options.get(name, _default(name)) for trial in racing]
        for name in OPTIONS_OF_A_TRIAL
        if name in given
    }
    own["callbacks"] = [[*trial.options.get("callbacks", ()), trial] for trial in racing]
    return own


def _default(option: str) -> Any:
    return inspect.signature(fit).parameters[option].default


def _say(rung: str, trials: list[Trial]) -> None:
    best = min(trials, key=lambda trial: trial.rank)
    diverged = sum(trial.diverged for trial in trials)
    text = f"{rung}, best {best.metric} {best.score:.4g} (trial {best.number})"
    sys.stderr.write(f"{text}{f', {diverged} diverged' * bool(diverged)}\n")


def _sign_of(metric: str, mode: str | None) -> float:
    sign = 1.0 if mode_of(metric, mode, "search", "metric") == "min" else -1.0
    if not metric.startswith("val_"):
        raise ValueError(
            f"search: metric is {metric!r}: expected a value of the validation data, such as "
            f"'val_{metric}', as the best fit to the training data is no guide"
        )
    return sign


def _expect_options(options: Mapping[str, Any]) -> None:
    for name in options:
        if name == "epochs":
            raise TypeError("search: epochs is given: expected budget, which gives out the epochs")
        if name not in _OPTIONS:
            near = did_you_mean(name, _OPTIONS)
            raise TypeError(
                f"search: there is no option {name!r}: expected some of {list(_OPTIONS)}{near}"
            )


def _expect_one_loss(trials: list[Trial]) -> None:
    """Hold the trials to one loss, as they are judged by its value."""

    def judged_by(trial: Trial) -> tuple[Any, Any]:
        loss = trial.network._loss_for(trial.options.get("loss"), "search")
        return loss, repr(trial.options.get("class_weight"))

    first, *others = trials
    for other in others:
        if judged_by(other) != judged_by(first):
            raise ValueError(
                f"search: metric is 'val_loss' but trials {first.number} and {other.number} have "
                "different losses or class weights, whose values do not compare: expected one "
                "loss for all, or another metric, such as 'val_accuracy'"
            )


# Where users find it.
search.__module__ = "deltarule"
