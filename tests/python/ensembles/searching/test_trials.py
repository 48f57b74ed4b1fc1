"""Trials as they are drawn: the networks, their seeds, and what makes none."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.ensembles.searching.trials import Trial, drawn
from support import assert_same_bits

SPACE = {"units": dr.Integer(2, 64), "rate": dr.LogUniform(1e-3, 1e-1)}


def make_network(units: int, rate: float, seed: int) -> Any:
    net = dr.Network([dr.Dense(units), dr.Dense(1)], input_size=3, seed=seed)
    return net, {"optimizer": dr.SGD(rate), "batch_size": 8}


def draw(make: Any = make_network, space: Any = SPACE, trials: int = 4, **options: Any) -> Any:
    seed = options.pop("seed", 0)
    return drawn(make, space, trials, seed, options, ("val_loss", 1.0))


def what(trial: Trial) -> tuple[Any, ...]:
    return trial.configuration, trial.network.parameters.tobytes()


def test_the_seed_decides() -> None:
    first, again, other = draw(), draw(), draw(seed=1)
    assert list(map(what, first)) == list(map(what, again))
    assert all(what(a) != what(b) for a, b in zip(first, other, strict=True))
    assert len({what(trial)[1] for trial in first}) == 4
    assert draw(seed=None)[0].configuration != draw(seed=None)[0].configuration


def test_a_trial_is_the_same_however_many_there_are() -> None:
    assert list(map(what, draw(trials=3))) == list(map(what, draw(trials=7)))[:3]


def test_a_parameter_more_leaves_the_others_and_the_seeds() -> None:
    def make_more(units: int, rate: float, more: str, seed: int) -> Any:
        return make_network(units, rate, seed)

    more = draw(make_more, {**SPACE, "more": ["a", "b"]})
    for a, b in zip(draw(), more, strict=True):
        assert a.configuration == {name: b.configuration[name] for name in SPACE}
        assert_same_bits(a.network.parameters, b.network.parameters)


def test_options_of_its_own_go_before_those_of_all() -> None:
    trial, *_ = draw(batch_size=99, clip_norm=1.0)
    assert (trial.options["batch_size"], trial.options["clip_norm"]) == (8, 1.0)
    assert trial.options["optimizer"].learning_rate == trial.configuration["rate"]


def test_no_two_trials_share_an_optimizer() -> None:
    shared = dr.Adam(0.5)

    def make(units: int, rate: float, seed: int) -> dr.Network:
        return make_network(units, rate, seed)[0]  # type: ignore[no-any-return]

    for options in ({"optimizer": shared}, {"optimizer": "adam"}, {}):
        optimizers = [trial.options["optimizer"] for trial in draw(make, **options)]
        assert all(isinstance(each, dr.Adam) for each in optimizers)
        assert len({*map(id, optimizers), id(shared)}) == 5
    one_for_all = draw(lambda units, rate, seed: (make(units, rate, seed), {"optimizer": shared}))
    assert len({id(trial.options["optimizer"]) for trial in one_for_all} | {id(shared)}) == 5


def test_functions_of_any_kind() -> None:
    class Make:
        def __call__(self, seed: int, **configuration: Any) -> Any:
            return make_network(seed=seed, **configuration)

    assert list(map(what, draw(Make()))) == list(map(what, draw()))


def fails(units: int, rate: float, seed: int) -> Any:
    if units > 2:
        raise KeyError("too many")
    return make_network(units, rate, seed)


ONE = dr.Network([dr.Dense(1)], 3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (3, TypeError, "make_network is 3: expected a function"),
        (lambda units, seed: None, TypeError, r"takes \(units, seed\): .* \(units, rate, seed\)"),
        (lambda units, rate: None, TypeError, r"takes \(units, rate\): .* a seed by name"),
        (lambda configuration: None, TypeError, r"takes \(configuration\)"),
        (fails, ValueError, r"trial 0, {'units': \d+, 'rate': .*KeyError: 'too many'"),
        (lambda **_: None, TypeError, r"trial 0, {'units': .*returned NoneType: expected a Net"),
        (lambda **_: (ONE,), TypeError, r"returned \(Network\)"),
        (lambda **_: (ONE, 3), TypeError, r"returned \(Network, int\): .* dictionary of options"),
        (lambda **_: (ONE, {"epochs": 3}), TypeError, "returned an option 'epochs'"),
        (lambda **_: (ONE, {"optimiser": "sgd"}), TypeError, "did you mean 'optimizer'"),
        (lambda **_: (ONE, {"callbacks": 3}), TypeError, "callbacks is 3: expected a list"),
        (lambda **_: (ONE, {"optimizer": "adamant"}), ValueError, "optimizer is 'adamant'"),
        (lambda **_: ONE, ValueError, "trial 1, .* a network that another trial has"),
    ],
)
def test_what_makes_no_network(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(make)


@pytest.mark.parametrize("name", ["seed", "score", "state", "epochs"])
def test_names_that_are_taken(name: str) -> None:
    with pytest.raises(ValueError, match=f"a parameter '{name}', which search has itself"):
        draw(lambda **_: ONE, {name: [1, 2]})


def test_an_interrupt_in_the_function_is_one() -> None:
    def interrupted(**_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(interrupted)


class Run:
    """What a trial sees of a fit, with values of one's choice."""

    exception = None

    def __init__(self, trial: Trial, values: list[float]) -> None:
        self.network, self.history, self.epoch = trial.network, dr.History(val_loss=values), 0


def test_the_best_epoch_s_weights_come_back_at_the_end_alone() -> None:
    (trial,) = draw(trials=1)
    values = [np.nan, 3.0, 1.0, 1.0, np.inf, 2.0]
    run: Any = Run(trial, values)
    trial.on_fit_begin(run)
    for epoch in range(1, 7):
        trial.network.parameters = np.full(trial.network.parameters.size, float(epoch))
        run.epoch = epoch
        trial.on_epoch_end(run)
        assert trial.network.parameters[0] == epoch
    assert (trial.score, trial.best_epoch, trial.history.epochs) == (1.0, 3, 6)
    trial.end("done")
    assert set(trial.network.parameters) == {3.0}
    assert trial.state == "done"


@pytest.mark.parametrize(("sign", "order"), [(1.0, [2, 0, 3, 1, 4]), (-1.0, [0, 3, 2, 1, 4])])
def test_ranks(sign: float, order: list[int]) -> None:
    """NaN behind every number, those alike as they were drawn, the diverged last."""
    trials = draw(trials=5)
    for trial, score in zip(trials, [2.0, np.nan, 1.0, 2.0, 1.5], strict=True):
        trial.score, trial.sign = score, sign
    trials[4].diverged = True
    assert [trial.number for trial in sorted(trials, key=lambda trial: trial.rank)] == order
