"""Search: what is trained, how long, what is dropped, and what comes out."""

import re
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.callbacks import TrainingRun
from deltarule.ensembles.searching import halving
from deltarule.ensembles.searching.trials import drawn
from support import assert_same_bits

RNG = np.random.default_rng(3)
X = RNG.normal(size=(120, 3)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
SPACE = {"units": dr.Integer(2, 32, log=True), "rate": dr.LogUniform(1e-2, 1.0)}


def make_network(units: int, rate: float, seed: int) -> Any:
    layers = [dr.Standardize(), dr.Dense(units, "tanh"), dr.Dropout(0.1), dr.Dense(2, "softmax")]
    return dr.Network(layers, input_size=3, seed=seed), {"optimizer": dr.SGD(rate, momentum=0.9)}


def search(**options: Any) -> dr.SearchResult:
    chosen: dict[str, Any] = {"make_network": make_network, "space": SPACE, "budget": 60}
    chosen |= {"trials": 8} | options
    make, space = chosen.pop("make_network"), chosen.pop("space")
    return dr.search(make, space, X, Y, **chosen)


def without_times(result: dr.SearchResult) -> dict[str, list[Any]]:
    return {name: values for name, values in result.trials.items() if name != "seconds"}


# What halving comes to ----------------------------------------------------------------------------


def naive(metric: str, good: int, epochs: Sequence[int], **options: Any) -> dict[str, Any]:
    """Halving by the book: all that a trial would ever train is trained, alone, beforehand."""
    trials = drawn(make_network, SPACE, 8, 0, {}, (metric, float(good)))
    curves, weights = [], []
    for trial in trials:
        kept: list[Any] = []

        class Keep:
            def on_epoch_end(self, run: TrainingRun, kept: list[Any] = kept) -> None:
                kept.append(run.network.parameters.copy())

        history = trial.network.fit(
            X,
            Y,
            epochs=sum(epochs),
            optimizer=trial.options["optimizer"],
            validation_split=0.2,
            callbacks=[Keep()],
            **options,
        )
        curves.append([good * value for value in history[metric]])
        weights.append(kept)
    left, trained, rungs = list(range(8)), [0] * 8, [0] * 8
    for rung, more in enumerate(epochs, 1):
        if rung > 1:
            best = sorted(left, key=lambda i: (min(curves[i][: trained[i]]), i))
            left = sorted(best[: -(-len(left) // 2)])
        for i in left:
            trained[i] += more
            rungs[i] = rung
    scores = [min(curve[:n]) for curve, n in zip(curves, trained, strict=True)]
    at = [curve.index(score) for curve, score in zip(curves, scores, strict=True)]
    return {
        "epochs": trained,
        "rung": rungs,
        "score": [good * score for score in scores],
        "best_epoch": [epoch + 1 for epoch in at],
        "weights": [weights[i][epoch] for i, epoch in enumerate(at)],
        "best": scores.index(min(scores)),
    }


@pytest.mark.parametrize(
    ("metric", "good", "budget", "epochs"),
    [
        ("val_loss", 1, 60, [2, 5, 12]),
        ("val_accuracy", -1, 24, [1, 2, 4]),
        ("val_f1", -1, 35, [1, 3, 7]),
    ],
)
def test_as_halving_by_the_book(metric: str, good: int, budget: int, epochs: list[int]) -> None:
    options: dict[str, Any] = {"metrics": ["accuracy", "f1"], "batch_size": 16}
    expected = naive(metric, good, epochs, **options)
    found = search(metric=metric, budget=budget, **options)
    for name in ("epochs", "rung", "score", "best_epoch"):
        assert found.trials[name] == expected[name], name
    for net, weights in zip(found.networks, expected["weights"], strict=True):
        assert_same_bits(net.parameters, weights)
    assert found.best_trial == expected["best"]
    assert found.best is found.networks[found.best_trial]
    assert found.history is found.histories[found.best_trial]
    assert found.trials["state"] == [
        "done" if rung == 3 else "dropped" for rung in found.trials["rung"]
    ]
    assert budget - 2 < sum(found.trials["epochs"]) <= budget


def test_ties_go_to_those_that_were_drawn_first() -> None:
    class Alike:
        def on_epoch_end(self, run: TrainingRun) -> None:
            run.history["val_same"] = [1.0] * run.epoch

    found = search(metric="val_same", mode="max", callbacks=[Alike()])
    assert found.trials["rung"] == [3, 3, 2, 2, 1, 1, 1, 1]
    assert found.best_trial == 0
    assert found.trials["best_epoch"] == [1] * 8


def test_the_same_seed_gives_the_same_bits() -> None:
    first, again, other = search(), search(), search(seed=1)
    assert without_times(first) == without_times(again)
    assert first.histories == again.histories
    for a, b in zip(first.networks, again.networks, strict=True):
        assert_same_bits(a.parameters, b.parameters)
    assert first.trials["units"] != other.trials["units"]


def test_the_number_of_threads_changes_nothing() -> None:
    threads = dr.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            dr.set_num_threads(count)
            found.append(search())
    finally:
        dr.set_num_threads(threads)
    assert without_times(found[0]) == without_times(found[1])
    assert_same_bits(found[0].best.parameters, found[1].best.parameters)


def test_the_best_network_s_score_is_its_validation_loss() -> None:
    validation = X[:30], Y[:30]
    found = search(validation_data=validation)
    assert found.best.evaluate(*validation)["loss"] == found.best_score
    assert found.best_score == min(found.trials["score"])
    assert found.best_score == min(found.history["val_loss"])
    assert found.history.epochs == found.trials["epochs"][found.best_trial]
    row = {name: found.trials[name][found.best_trial] for name in SPACE}
    assert found.best_configuration == row


def test_a_fifth_is_held_out_unless_something_is_said() -> None:
    assert without_times(search()) == without_times(search(validation_split=0.2))
    assert search().trials["score"] != search(validation_split=0.4).trials["score"]


def test_validation_data_in_a_list() -> None:
    in_tuple, in_list = (search(validation_data=kind([X[:30], Y[:30]])) for kind in (tuple, list))
    assert without_times(in_tuple) == without_times(in_list)


@pytest.mark.parametrize(("trials", "budget", "epochs"), [(1, 5, [5]), (2, 5, [2, 2])])
def test_few_trials(trials: int, budget: int, epochs: list[int]) -> None:
    found = search(trials=trials, budget=budget)
    assert found.trials["epochs"] == epochs
    assert found.trials["state"] == ["done"] * trials
    assert f"{trials} trial" in repr(found)


def test_an_average_and_running_moments_are_the_best_epoch_s_too() -> None:
    def make(rate: float, seed: int) -> Any:
        layers = [dr.Dense(4), dr.BatchNorm(), dr.Activation("relu"), dr.Dense(2, "softmax")]
        return dr.Network(layers, input_size=3, seed=seed), {"average": 0.5, "batch_size": 16}

    options: dict[str, Any] = {"validation_data": (X[:30], Y[:30])}
    found = search(make_network=make, space={"rate": [1]}, trials=1, budget=9, **options)
    (net,), (trial,) = found.networks, drawn(make, {"rate": [1]}, 1, 0, {}, ("val_loss", 1.0))
    alone = trial.network
    alone.fit(X, Y, epochs=found.trials["best_epoch"][0], **trial.options, **options)
    assert net.average is not None
    assert alone.average is not None
    for name in ("parameters", "statistics", "average"):
        assert_same_bits(getattr(net, name), getattr(alone, name))


# What goes wrong ----------------------------------------------------------------------------------


def of_rates(rates: list[float]) -> dict[str, Any]:
    """A search over rates, all of which are drawn: some of these are too large."""

    def make(rate: float, seed: int) -> Any:
        net = dr.Network([dr.Dense(8, "relu"), dr.Dense(1)], input_size=3, seed=seed)
        return net, {"optimizer": dr.SGD(rate), "loss": "mean_squared_error"}

    return {"make_network": make, "space": {"rate": rates}}


def test_a_trial_that_diverges_is_dropped_and_taken_down() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = search(**of_rates([1e30, 1e-3, 1e-2]), trials=16, budget=100)
    assert not caught  # the table says it
    diverged = [rate == 1e30 for rate in found.trials["rate"]]
    assert 0 < sum(diverged) < 16
    assert [state == "diverged" for state in found.trials["state"]] == diverged
    for number, state in enumerate(found.trials["state"]):
        if state == "diverged":
            assert found.trials["epochs"][number] == 0
            assert np.isnan(found.trials["score"][number])
            assert found.trials["best_epoch"][number] is None
    assert found.best_configuration["rate"] < 1
    assert all(np.isfinite(net.parameters).all() for net in found.networks)


def test_one_that_diverges_later_is_no_best_and_keeps_its_best_epoch() -> None:
    class Spoil:
        """The first trial is best by far, until its third epoch."""

        def on_epoch_end(self, run: TrainingRun) -> None:
            self.seen = getattr(self, "seen", 0) + 1
            run.history["val_loss"][-1] = 0.0
            if self.seen == 3:
                run.learning_rate = 1e30

    spoils = iter([[Spoil()], *[[] for _ in range(3)]])

    def make(rate: float, seed: int) -> Any:
        net, options = of_rates([])["make_network"](rate, seed)
        return net, {**options, "callbacks": next(spoils)}

    found = search(make_network=make, space={"rate": [1e-3]}, trials=4, budget=24)
    assert found.trials["state"][0] == "diverged"
    assert (found.trials["score"][0], found.trials["best_epoch"][0]) == (0.0, 1)
    assert found.best_trial != 0
    assert found.best_score == min(found.trials["score"][1:])
    assert repr(found).splitlines()[-1].split()[0] == "0"  # the last in the table


@pytest.mark.parametrize("budget", [60, "1h"])
def test_where_all_diverge(budget: int | str) -> None:
    with pytest.raises(dr.TrainingDivergedError, match="all 8 trials have diverged"):
        search(**of_rates([1e30]), budget=budget)


def test_a_metric_that_is_never_defined() -> None:
    only = X[Y == 1][:20], Y[Y == 1][:20]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="'val_roc_auc', which was NaN in every epoch"):
            search(metric="val_roc_auc", metrics=["roc_auc"], validation_data=only)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_what_interrupts_it_has_the_trials_so_far(stop: type[BaseException]) -> None:
    class Interrupt:
        epochs = 0

        def on_epoch_begin(self, run: TrainingRun) -> None:
            Interrupt.epochs += 1
            if Interrupt.epochs == 21:  # on the second rung
                raise stop

    validation = X[:30], Y[:30]
    with pytest.raises(stop) as caught:
        search(callbacks=[Interrupt()], validation_data=validation)
    result = caught.value.result  # type: ignore[attr-defined]
    assert any("result" in note for note in caught.value.__notes__)
    assert isinstance(result, dr.SearchResult)
    assert 16 < sum(result.trials["epochs"]) < 36
    assert set(result.trials["state"]) == {"dropped", "interrupted"}
    assert result.best_score == min(result.trials["score"])
    assert result.best.evaluate(*validation)["loss"] == result.best_score


def test_what_interrupts_the_first_epoch_has_nothing() -> None:
    class Interrupt:
        def on_epoch_begin(self, run: TrainingRun) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        search(callbacks=[Interrupt()])
    assert not hasattr(caught.value, "result")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"budget": 23}, ValueError, "budget is 23 epochs for 8 trials on 3 rungs: expected 24"),
        ({"budget": "soon"}, ValueError, "budget is 'soon': expected epochs"),
        ({"trials": 0}, ValueError, "search: trials is 0: expected 1 or more"),
        ({"seed": -1}, ValueError, "search: seed is -1"),
        ({"space": {"units": 3}}, TypeError, r"search: space\['units'\] is 3"),
        ({"metric": "loss"}, ValueError, "search: metric is 'loss': .* such as 'val_loss'"),
        ({"metric": "val_thing"}, ValueError, "metric is 'val_thing' and mode is None"),
        ({"metric": "val_acuracy", "mode": "max"}, ValueError, "did you mean 'val_accuracy'"),
        ({"mode": "least"}, ValueError, "search: mode is 'least'"),
        ({"epochs": 9}, TypeError, "epochs is given: expected budget"),
        ({"batchsize": 9}, TypeError, "no option 'batchsize': .* did you mean 'batch_size'"),
        ({"progress": 1}, TypeError, "search: progress is 1"),
        ({"callbacks": dr.TimeLimit(1)}, TypeError, "search: callbacks is .* expected a list"),
        ({"validation_split": 2.0}, ValueError, "validation_split is 2.0"),
    ],
)
def test_arguments_that_do_not_go(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        search(**options)


@pytest.mark.parametrize("option", ["loss", "class_weight"])
def test_losses_that_differ_are_no_measure(option: str) -> None:
    values: dict[str, Any] = {
        "loss": [dr.CategoricalCrossEntropy(label_smoothing=s) for s in (0.0, 0.1)],
        "class_weight": [None, {0: 2.0}],
    }

    def make(value: Any, seed: int) -> Any:
        return dr.Network([dr.Dense(2, "softmax")], 3, seed=seed), {option: value}

    given: dict[str, Any] = {"make_network": make, "space": {"value": values[option]}}
    with pytest.raises(ValueError, match=r"trials 0 and \d have different losses or class weights"):
        search(**given)
    assert search(**given, metric="val_accuracy").best_score > 0.3


def test_a_loss_by_its_name_and_as_it_is_are_one() -> None:
    def make(loss: Any, seed: int) -> Any:
        return dr.Network([dr.Dense(2, "softmax")], 3, seed=seed), {"loss": loss}

    losses = ["categorical_cross_entropy", None, dr.CategoricalCrossEntropy()]
    assert search(make_network=make, space={"loss": losses}).best_score > 0


# A budget in time ---------------------------------------------------------------------------------


class Clock:
    """A clock that a second of an epoch's moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, an_epoch: float) -> None:
        self.now, self.an_epoch = 0.0, an_epoch
        monkeypatch.setattr(halving, "monotonic", lambda: self.now)

    def on_epoch_end(self, run: TrainingRun) -> None:
        self.now += self.an_epoch


def test_a_budget_in_time_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, an_epoch=1.0)
    found = search(budget="10min", callbacks=[clock])
    assert 600 - 2 < clock.now <= 600
    # The rungs' shares are 200 s each: 25 epochs of 8 trials, 50 of 4, 100 of 2.
    assert sorted(found.trials["epochs"]) == [25] * 4 + [75] * 2 + [175] * 2
    assert sorted(found.trials["rung"]) == [1, 1, 1, 1, 2, 2, 3, 3]


def test_where_time_is_up_early_those_left_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, an_epoch=100.0)
    found = search(budget="10min", callbacks=[clock])
    assert found.trials["epochs"] == [1] * 8
    assert found.trials["state"] == ["done"] * 8
    assert found.best_score == min(found.trials["score"])


def test_a_time_in_which_there_is_no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, 0.0)

    def slow(units: int, rate: float, seed: int) -> Any:
        clock.now += 100.0
        return make_network(units, rate, seed)

    with pytest.raises(ValueError, match="budget is '1min', in which no trial finished an epoch"):
        search(make_network=slow, budget="1min")


# How it is shown ----------------------------------------------------------------------------------


def test_the_table_goes_into_frames() -> None:
    found = search()
    for library in ("pandas", "polars"):
        frame = pytest.importorskip(library).DataFrame(found.trials)
        assert list(frame.columns) == list(found.trials)
        assert list(frame["epochs"]) == found.trials["epochs"]
        assert len(frame) == 8
    assert all(seconds > 0 for seconds in found.trials["seconds"])


def test_as_text_and_in_a_notebook_the_best_come_first() -> None:
    found = search()
    title, head, *rows = repr(found).splitlines()
    spent = sum(found.trials["epochs"])
    assert title == (
        f"SearchResult: 8 trials, {spent} epochs; the score is val_loss, small values are good"
    )
    assert head.split() == list(found.trials)
    order = [int(row.split()[0]) for row in rows]
    assert order[0] == found.best_trial
    scores = [found.trials["score"][number] for number in order]
    assert scores == sorted(scores)
    html = found._repr_html_()
    assert title in html
    assert [int(n) for n in re.findall(r"<tr><td[^>]*>(\d+)</td>", html)] == order


def test_progress_has_a_line_for_each_rung(capsys: pytest.CaptureFixture[str]) -> None:
    found = search(progress=True, trials=4, budget=24)
    lines = [line for line in capsys.readouterr().err.splitlines() if "rung" in line]
    assert [re.sub(" best.*", "", line) for line in lines] == [
        "rung 1 of 2: 4 trials,",
        "rung 2 of 2: 2 trials,",
    ]
    assert f"best val_loss {found.best_score:.4g} (trial {found.best_trial})" in lines[-1]
    search(trials=4, budget=24)
    assert not capsys.readouterr().err


def test_the_picture() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    found = search(
        make_network=lambda act, rate, seed: (
            dr.Network([dr.Dense(3, act), dr.Dense(2, "softmax")], 3, seed=seed),
            {"optimizer": dr.SGD(rate)},
        ),
        space={"act": ["relu", "tanh"], "rate": dr.LogUniform(1e-2, 1.0)},
        metric="val_acc",
    )
    figure = found.plot()
    curves, by_act, by_rate = figure.axes
    assert len(curves.lines) == 8
    best = curves.lines[found.best_trial]
    assert best.get_label() == f"trial {found.best_trial}"
    assert list(best.get_ydata()) == found.history["val_accuracy"]
    assert curves.get_ylabel() == "val_accuracy"
    assert (by_act.get_xscale(), by_rate.get_xscale()) == ("linear", "log")
    for ax, name in ((by_act, "act"), (by_rate, "rate")):
        assert ax.get_xlabel() == name
        assert [line.get_xdata()[0] for line in ax.lines] == found.trials[name]
    low, high = curves.get_ylim()
    for line, score in zip(by_rate.lines, found.trials["score"], strict=True):
        assert low < line.get_ydata()[0] < high
        assert line.get_marker() == "x" or line.get_ydata()[0] == score
    figure.canvas.draw()
    plt.close("all")


def test_what_is_far_off_is_at_the_edge_of_the_picture() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    found = search(**of_rates([1e30, 1e-3, 1e-2]), trials=16, budget=100)
    (by_rate,) = found.plot().axes[1:]
    assert [line.get_marker() == "x" for line in by_rate.lines if line.get_xdata()[0] == 1e30]
    for line, score in zip(by_rate.lines, found.trials["score"], strict=True):
        assert line.get_marker() == ("o" if line.get_ydata()[0] == score else "x")
        assert np.isfinite(line.get_ydata()[0])
    plt.close("all")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="matplotlib is not there"):
        search(trials=2, budget=2).plot()
