"""Several networks together: the mean of what they predict, how far they are apart, their doors."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import (
    DTYPES,
    Array,
    assert_near,
    assert_same_bits,
    data_of_every_kind,
    of_every_kind,
    output_of,
)

ROUNDING = {"float32": 1e-6, "float64": 1e-14}
WEIGHTS = [1.0, 2.0, 0.0, 4.0]


def members(dtype: str = "float32") -> list[dr.Network]:
    """Of several architectures, with layers of every kind; some know their columns' names."""
    X, y = data_of_every_kind(60, dtype)
    nets = [of_every_kind(dtype, seed) for seed in (0, 1)]
    nets += [
        dr.Network([dr.Dense(9, "tanh"), dr.Dense(3, "softmax")], 6, seed=2, dtype=dtype),
        dr.Network([dr.BatchNorm(), dr.Dense(3, "softmax")], 6, seed=3, dtype=dtype),
    ]
    for net in nets:
        net.fit(X, y, epochs=2)
    return nets


def small(count: int = 3, n: tuple[int, ...] = (4, 5, 2), **arguments: Any) -> list[dr.Network]:
    layers = [*(dr.Dense(units, "tanh") for units in n[1:-1]), dr.Dense(n[-1])]
    return [dr.Network(layers, input_size=n[0], seed=k, **arguments) for k in range(count)]


def mean_of(nets: list[dr.Network], X: Any, weights: list[float] | None = None) -> Array:
    outputs = [net.predict(X).astype("float64") for net in nets]
    shares = np.full(len(nets), 1.0) if weights is None else np.array(weights)
    return np.tensordot(shares / shares.sum(), np.array(outputs), 1)


# Predicting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [0, 1, 5, 40, 3000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_mean_and_every_member(dtype: str, m: int) -> None:
    nets, (X, _) = members(dtype), data_of_every_kind(m, dtype, seed=5)
    for weights in (None, WEIGHTS):
        ensemble = dr.Ensemble(nets, weights)
        A = ensemble.predict(X)
        assert A.shape == (m, 3)
        assert A.dtype == dtype
        np.testing.assert_allclose(A, mean_of(nets, X, weights), rtol=0, atol=ROUNDING[dtype])
        every = ensemble.predict_all(X)
        assert every.shape == (4, m, 3)
        for net, own in zip(nets, every, strict=True):
            assert_same_bits(own, net.predict(X))


@pytest.mark.parametrize("m", [1, 3, 40, 3000])
def test_the_bits_do_not_depend_on_the_threads(m: int) -> None:
    nets = members() * 40  # work for several, also for a single row
    X, _ = data_of_every_kind(m)
    ensemble = dr.Ensemble(nets)
    results = []
    for n in (1, 2, 3):
        dr.set_num_threads(n)
        results.append((ensemble.predict(X), ensemble.predict_all(X)))
    for A, every in results[1:]:
        assert_same_bits(A, results[0][0])
        assert_same_bits(every, results[0][1])


def test_members_that_say_the_same_are_one_to_the_bit() -> None:
    """So a probability of 1 is never more than 1."""
    net, X = members()[0], data_of_every_kind(200)[0]
    for count in (2, 7, 49):
        assert_same_bits(dr.Ensemble([net] * count).predict(X), net.predict(X))


def test_only_the_ratios_of_weights_count() -> None:
    nets, X = small(3), np.random.default_rng(0).normal(size=(20, 4))
    ensemble = dr.Ensemble(nets, [1, 2, 1])
    assert ensemble.weights.tolist() == [0.25, 0.5, 0.25]
    for factor in (1e300, 1e-300, 0.5):
        other = dr.Ensemble(nets, factor * np.array([1, 2, 1]))
        assert_near(other.weights, ensemble.weights, 1e-15)
        assert_near(other.predict(X), ensemble.predict(X), 1e-6)
    with pytest.raises(ValueError, match="read-only"):
        ensemble.weights[0] = 1


def test_a_member_that_weighs_nothing_is_left_out() -> None:
    nets, X = small(3), np.random.default_rng(0).normal(size=(20, 4))
    nets[1].parameters[:] = np.nan
    ensemble, without = dr.Ensemble(nets, [1, 0, 3]), dr.Ensemble([nets[0], nets[2]], [1, 3])
    assert_same_bits(ensemble.predict(X), without.predict(X))
    assert_same_bits(ensemble.std(X), without.std(X))
    assert_same_bits(ensemble.quantile(X, [0, 0.3, 1]), without.quantile(X, [0, 0.3, 1]))
    assert np.isnan(ensemble.predict_all(X)[1]).all()


def test_one_example() -> None:
    for nets in (small(3), members()):
        ensemble = dr.Ensemble(nets)
        X = data_of_every_kind(3)[0][:, : ensemble.input_size]
        assert_same_bits(ensemble.predict(X[1]), ensemble.predict(X)[1])
        assert_same_bits(ensemble.predict_all(X[1]), ensemble.predict_all(X)[:, 1])
        assert_same_bits(ensemble.std(X[1]), ensemble.std(X)[1])
        assert_same_bits(ensemble.quantile(X[1], 0.5), ensemble.quantile(X, 0.5)[1])
        assert_same_bits(ensemble.quantile(X[1], [0.5]), ensemble.quantile(X, [0.5])[:, 1])


@pytest.mark.parametrize("m", [1, 40, 3000])
def test_out(m: int) -> None:
    ensemble = dr.Ensemble(small(3, (2, 5, 2)))
    X = np.random.default_rng(0).normal(size=(m, 2)).astype("float32")
    expected, out = ensemble.predict(X), np.empty((m, 2), "float32")
    assert ensemble.predict(X, out) is out
    assert_same_bits(out, expected)
    assert_same_bits(ensemble.predict(X, out=X), expected)  # in the place of X
    with pytest.raises(ValueError, match=r"out is float64 of shape .*: expected writeable, C-cont"):
        ensemble.predict(X, np.empty((m, 2)))
    with pytest.raises(TypeError, match="predict: out is list: expected an ndarray"):
        ensemble.predict(X, [0.0])  # type: ignore[arg-type]


def test_whatever_holds_numbers(tmp_path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    ensemble = dr.Ensemble(members(), WEIGHTS)
    X = data_of_every_kind(40)[0]
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    rows: list[Any] = [X.astype("float64"), np.asfortranarray(X), X.tolist(), mapped]
    rows += [sparse.csr_array(X)]
    for given in rows:
        assert_same_bits(ensemble.predict(given), ensemble.predict(X))
        assert_same_bits(ensemble.predict_all(given), ensemble.predict_all(X))
        assert_same_bits(ensemble.std(given), ensemble.std(X))


def test_a_map_goes_in_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deltarule._data import rows
    from deltarule.ensembles import ensemble as module

    ensemble, X = dr.Ensemble(members(), WEIGHTS), data_of_every_kind(100)[0]
    expected = [ensemble.predict(X), ensemble.predict_all(X), ensemble.std(X)]
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    monkeypatch.setattr(rows, "WINDOW_BYTES", 7 * X.itemsize * X.shape[1])
    monkeypatch.setattr(module, "_OUTPUTS_AT_ONCE", 9 * 4 * 3)
    found = [ensemble.predict(mapped), ensemble.predict_all(mapped), ensemble.std(mapped)]
    for actual, wanted in zip(found, expected, strict=True):
        assert_same_bits(actual, wanted)


def test_the_members_are_live() -> None:
    nets, X = small(2), np.eye(4, dtype="float32")
    ensemble = dr.Ensemble(nets)
    before = ensemble.predict(X)
    nets[0].parameters += 1
    assert not np.array_equal(ensemble.predict(X), before)
    assert_near(ensemble.predict(X), mean_of(nets, X).astype("float32"), 1e-6)


# How far they are apart --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_standard_deviation_by_its_equation(dtype: str) -> None:
    ensemble, X = dr.Ensemble(members(dtype), WEIGHTS), data_of_every_kind(30, dtype)[0]
    outputs, w = ensemble.predict_all(X).astype("float64"), np.array(WEIGHTS) / 7
    mean = np.einsum("k,kmn->mn", w, outputs)
    expected = np.sqrt(np.einsum("k,kmn->mn", w, (outputs - mean) ** 2))
    actual = ensemble.std(X)
    assert actual.dtype == dtype
    np.testing.assert_allclose(actual, expected, rtol=ROUNDING[dtype], atol=ROUNDING[dtype])
    equal = dr.Ensemble(members(dtype))
    assert_near(equal.std(X), equal.predict_all(X).astype("float64").std(axis=0), 1e-6)


def test_members_that_say_the_same_are_not_apart() -> None:
    net, X = members()[0], data_of_every_kind(20)[0]
    assert not dr.Ensemble([net] * 7).std(X).any()


def test_quantiles_as_numpy_has_them() -> None:
    X = data_of_every_kind(30)[0]
    q = [0.0, 0.01, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]
    ensemble = dr.Ensemble(members())
    outputs = ensemble.predict_all(X)
    expected = np.quantile(outputs, q, axis=0, method="inverted_cdf")
    assert_same_bits(ensemble.quantile(X, q), expected.astype("float32"))
    assert_same_bits(ensemble.quantile(X, 0.7), expected[5].astype("float32"))


def test_a_member_s_weight_is_so_many_members() -> None:
    """So quantiles that fall between members, too, to within the rounding of weights."""
    nets, X = small(4), np.random.default_rng(0).normal(size=(50, 4))
    weighted = dr.Ensemble(nets, [1, 3, 2, 4])
    repeated = dr.Ensemble([nets[0]] + [nets[1]] * 3 + [nets[2]] * 2 + [nets[3]] * 4)
    q = np.arange(11) / 10
    assert_same_bits(weighted.quantile(X, q), repeated.quantile(X, q))
    assert_near(weighted.std(X), repeated.std(X), 1e-6)


@pytest.mark.parametrize(
    ("q", "error", "message"),
    [
        (1.1, ValueError, r"quantile: q\[0\] is 1.1: expected a number from 0 to 1"),
        ([0.5, -0.1], ValueError, r"quantile: q\[1\] is -0.1"),
        (np.nan, ValueError, r"quantile: q\[0\] is nan"),
        ("half", TypeError, "quantile: q is 'half': expected a number, or a list"),
        ([[0.5]], TypeError, "quantile: q is"),
        (None, TypeError, "quantile: q is None"),
    ],
)
def test_what_is_no_quantile(q: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dr.Ensemble(small()).quantile(np.eye(4), q)


# Judging -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cost_and_metrics_of_the_mean(dtype: str, labels: bool) -> None:
    ensemble = dr.Ensemble(members(dtype), WEIGHTS)
    X, y = data_of_every_kind(500, dtype, seed=8)
    weights = np.random.default_rng(0).uniform(size=500)
    A = ensemble.predict(X).astype("float64")
    given = y if labels else np.eye(3)[y]
    cost = -np.log(A[np.arange(500), y])
    right = A.argmax(axis=1) == y
    found = ensemble.evaluate(X, given)
    assert list(found) == ["loss", "accuracy"]
    assert_near(found["loss"], cost.mean(), 1e-6)
    assert_near(found["accuracy"], right.mean(), 1e-12)
    found = ensemble.evaluate(X, given, sample_weight=weights, metrics=["log_loss", "accuracy"])
    assert list(found) == ["loss", "log_loss", "accuracy"]
    assert_near(found["loss"], np.average(cost, weights=weights), 1e-6)
    assert_near(found["accuracy"], np.average(right, weights=weights), 1e-12)


def test_one_member_is_judged_as_it_is_alone() -> None:
    X, y = data_of_every_kind(300)
    for net in members():
        alone, found = net.evaluate(X, y), dr.Ensemble([net]).evaluate(X, y)
        assert found["accuracy"] == alone["accuracy"]
        assert_near(found["loss"], alone["loss"], 1e-5)


@pytest.mark.parametrize(
    ("layer", "loss", "y"),
    [
        (dr.Dense(1, "sigmoid"), None, [0, 1, 1]),
        (dr.Dense(1, "exponential"), "poisson", [0, 3, 1]),
        (dr.Dense(2), dr.Quantile([0.1, 0.9]), [0.5, 1.5, 2]),
        (dr.Dense(2, "sigmoid"), "mean_absolute_error", [[0, 1], [1, 1], [0, 0]]),
    ],
)
def test_losses_of_every_output(layer: Any, loss: Any, y: Any) -> None:
    nets = [dr.Network([layer], 2, seed=k, dtype="float64") for k in range(3)]
    X, ensemble = np.array([[1.0, 2], [-1, 0.5], [0.3, 0.1]]), dr.Ensemble(nets)
    # A network that hands on what the ensemble predicts, with the same output's loss.
    cost = ensemble.evaluate(X, y, loss=loss)["loss"]
    costs = [net.evaluate(X, y, loss=loss)["loss"] for net in nets]
    assert cost <= np.mean(costs) + 1e-12  # they are convex (Jensen)
    same = dr.Ensemble([nets[0]] * 3).evaluate(X, y, loss=loss)["loss"]
    assert_near(same, costs[0], 1e-12)


def test_judging_says_what_is_wrong() -> None:
    ensemble = dr.Ensemble(members())
    X, y = data_of_every_kind(5)
    with pytest.raises(ValueError, match=r"evaluate: y\[0\] is 3: expected 0 to 2"):
        ensemble.evaluate(X, y + 3 - y[0])
    with pytest.raises(ValueError, match="evaluate: X has no rows"):
        ensemble.evaluate(X[:0], y[:0])
    with pytest.raises(TypeError, match=r"there is no argument 'metric'.*metrics"):
        ensemble.evaluate(X, y, metric="accuracy")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="evaluate: loss is"):
        ensemble.evaluate(X, y, loss="poison")


# The door ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [3, 5000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_what_is_not_finite_is_refused_with_its_place(bad: float, rows: int) -> None:
    ensemble, X = dr.Ensemble(small()), np.zeros((rows, 4))
    X[2, 1] = bad
    calls: list[Callable[[Any], Any]] = [ensemble.predict, ensemble.predict_all, ensemble.std]
    for call in calls:
        with pytest.raises(ValueError, match=rf"{call.__name__}: X\[2, 1\] is"):
            call(X)


def test_columns_go_by_their_names() -> None:
    pd = pytest.importorskip("pandas")
    nets = members()
    X = data_of_every_kind(20)[0]
    frame = pd.DataFrame(X, columns=list("abcdef"))
    ensemble = dr.Ensemble(nets)
    assert ensemble.feature_names is None
    nets[2].feature_names = list("abcdef")
    assert ensemble.feature_names == list("abcdef")
    shuffled = frame[list("fbdace")]
    for call in (ensemble.predict, ensemble.predict_all, ensemble.std):
        assert_same_bits(call(shuffled), call(X))
    with pytest.raises(ValueError, match=r"predict: X has other columns .* missing: 'a'"):
        ensemble.predict(frame.rename(columns={"a": "x"}))


def test_names_that_are_not_the_same() -> None:
    nets = small(3)
    nets[0].feature_names, nets[2].feature_names = list("abcd"), list("abdc")
    message = r"networks\[2\].feature_names\[2\] is 'd': expected 'c', as networks\[0\] has"
    with pytest.raises(ValueError, match=rf"Ensemble: {message}"):
        dr.Ensemble(nets)
    nets[2].feature_names = None
    ensemble = dr.Ensemble(nets)
    nets[2].feature_names = list("abdc")  # later, as a fit on another frame does it
    with pytest.raises(ValueError, match=message):
        ensemble.predict([[1, 2, 3, 4]])


def test_codes_that_one_member_does_not_know() -> None:
    nets = [
        dr.Network([dr.Embedding({1: (categories, 2)}), dr.Dense(1)], input_size=3)
        for categories in (5, 3, 4)
    ]
    nets.append(dr.Network([dr.Dense(1)], input_size=3))
    ensemble = dr.Ensemble(nets)
    X = np.zeros((4, 3), "float32")
    X[3, 1] = 2
    assert ensemble.predict(X).shape == (4, 1)
    X[3, 1] = 3
    with pytest.raises(ValueError, match=r"predict: X\[3, 1\] is 3.0: expected a category code, 0"):
        ensemble.predict(X)


def test_a_member_that_has_seen_no_data() -> None:
    nets = [dr.Network([dr.Standardize(), dr.Dense(1)], input_size=2, seed=k) for k in range(2)]
    X = np.array([[1.0, 2], [2, 3]])
    nets[0].adapt(X)
    ensemble = dr.Ensemble(nets)
    for call in (ensemble.predict, ensemble.predict_all, ensemble.std):
        with pytest.raises(ValueError, match=f"{call.__name__}: the Standardize layer has no mean"):
            call(X)
    nets[1].adapt(X)
    assert_near(ensemble.predict(X), mean_of(nets, X).astype("float32"), 1e-6)


def test_means_keep_their_digits() -> None:
    """Each member takes its own mean off X in float64, as it does alone."""
    X = np.random.default_rng(0).normal(1e6, 1, size=(300, 2))
    nets = [dr.Network([dr.Standardize(), dr.Dense(1)], input_size=2, seed=k) for k in range(3)]
    for part, net in enumerate(nets):
        net.adapt(X[100 * part :])
    every = dr.Ensemble(nets).predict_all(X)
    for net, own in zip(nets, every, strict=True):
        assert_same_bits(own, net.predict(X))


# Which networks go together ----------------------------------------------------------------------

NET = dr.Network([dr.Dense(2)], input_size=3)
OF_TABLES = dr.Network([dr.Dense(2)], inputs=dr.TableEncoder().fit(np.eye(3)))


@pytest.mark.parametrize(
    ("networks", "error", "message"),
    [
        ([], ValueError, "Ensemble: there are no networks: expected one or more"),
        (NET, TypeError, "Ensemble: networks is a Network: expected a list of networks"),
        (3, TypeError, "Ensemble: networks is a int: expected a list"),
        ([NET, "net"], TypeError, r"Ensemble: networks\[1\] is a str: expected a Network"),
        ([NET, OF_TABLES], ValueError, r"Ensemble: networks\[1\] takes raw tables: expected netw"),
        (
            [NET, dr.Network([dr.Dense(2)], input_size=4)],
            ValueError,
            r"Ensemble: networks\[1\] has 4 inputs: expected 3 inputs, as networks\[0\] has",
        ),
        (
            [NET, NET, dr.Network([dr.Dense(1)], input_size=3)],
            ValueError,
            r"Ensemble: networks\[2\] has 1 outputs: expected 2 outputs",
        ),
        (
            [NET, dr.Network([dr.Dense(2, "softmax")], input_size=3)],
            ValueError,
            "has an output activation softmax: expected an output activation identity, as",
        ),
        (
            [NET, dr.Network([dr.Dense(2)], input_size=3, dtype="float64")],
            ValueError,
            "has the dtype float64: expected the dtype float32, as",
        ),
    ],
)
def test_networks_that_do_not_go_together(
    networks: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        dr.Ensemble(networks)
    with pytest.raises(error, match=message.replace("Ensemble:", "Ensemble.select:")):
        dr.Ensemble.select(networks, np.eye(3), np.eye(3)[:, :2])


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1, -1], ValueError, r"Ensemble: weights\[1\] is -1.0: expected a finite number, 0 or mo"),
        ([np.nan, 1], ValueError, r"Ensemble: weights\[0\] is nan"),
        ([1, np.inf], ValueError, r"Ensemble: weights\[1\] is inf"),
        ([0, 0], ValueError, "Ensemble: all weights are 0: expected some above 0"),
        ([1], ValueError, r"Ensemble: weights have shape \(1,\): expected \(2,\), one a network"),
        ([[1, 1]], ValueError, r"Ensemble: weights have shape \(1, 2\)"),
        (["1", "2"], TypeError, "Ensemble: weights are <U1: expected numbers"),
        ([True, False], TypeError, "Ensemble: weights are bool: expected numbers"),
    ],
)
def test_weights_that_are_none(weights: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dr.Ensemble(small(2), weights)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_the_networks_of_estimators() -> None:
    pytest.importorskip("sklearn")
    X, y = data_of_every_kind(30)
    fitted = [dr.MLPClassifier((4,), max_iter=2, random_state=k).fit(X, y) for k in range(2)]
    with pytest.raises(
        TypeError, match=r"networks\[0\] is a MLPClassifier: .*, which its network_ is"
    ):
        dr.Ensemble(fitted)  # type: ignore[arg-type]
    ensemble = dr.Ensemble([each.network_ for each in fitted])
    expected = np.mean([each.predict_proba(X) for each in fitted], axis=0)
    assert_near(ensemble.predict(X), expected.astype("float32"), 1e-6)


# As an object ------------------------------------------------------------------------------------


def test_it_is_a_sequence_of_networks() -> None:
    nets = small(3)
    ensemble = dr.Ensemble(iter(nets))
    assert len(ensemble) == 3
    assert list(ensemble) == nets
    assert ensemble[0] is nets[0]
    assert ensemble[-1] is nets[2]
    assert ensemble[1:] == tuple(nets[1:])
    assert ensemble.networks == tuple(nets)


def test_what_it_says_of_itself() -> None:
    ensemble = dr.Ensemble(small(2), [1, 3])
    title = "Ensemble(2 networks, 4 inputs, 2 outputs, float32, 74 parameters)"
    assert repr(ensemble) == title
    summary = ensemble.summary()
    assert summary.startswith(title)
    assert "1    0.75  4-5-2            37" in summary
    assert "<td" in ensemble._repr_html_()
    assert "0.75" in ensemble._repr_html_()


@pytest.mark.parametrize(
    "again", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy, copy.copy]
)
def test_pickles_and_copies(again: Callable[[Any], Any]) -> None:
    ensemble, X = dr.Ensemble(members(), WEIGHTS), data_of_every_kind(20)[0]
    other = again(ensemble)
    assert_same_bits(other.predict(X), ensemble.predict(X))
    assert_same_bits(other.weights, ensemble.weights)
    shared = again is copy.copy
    assert (other[0] is ensemble[0]) == shared
    ensemble[0].parameters[:] = 0
    assert np.array_equal(other.predict(X), ensemble.predict(X)) == shared


def test_ctrl_c_while_predicting() -> None:
    script = """
import os, signal, threading
import numpy as np
import deltarule as dr

dr.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(50_000, 60)).astype("float32")
layers = [dr.Dense(200, "tanh"), dr.Dense(3)]
ensemble = dr.Ensemble([dr.Network(layers, input_size=60, seed=k) for k in range(8)])
expected = ensemble.predict(X[:100])
for call in (ensemble.predict, ensemble.predict_all):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        for _ in range(1000):
            call(X)
        print("not interrupted")
    except KeyboardInterrupt:
        print(np.array_equal(ensemble.predict(X[:100]), expected))
"""
    assert output_of(script).split() == ["True", "True"]


def test_other_threads_run_while_it_predicts() -> None:
    """The interpreter is free: what another thread counts goes on."""
    script = """
import threading, time
import numpy as np
import deltarule as dr

X = np.random.default_rng(0).normal(size=(200_000, 60)).astype("float32")
layers = [dr.Dense(200, "tanh"), dr.Dense(3)]
ensemble = dr.Ensemble([dr.Network(layers, input_size=60, seed=k) for k in range(4)])
seen, done = [], threading.Event()

def watch():
    while not done.is_set():
        seen.append(time.perf_counter())
        time.sleep(0.001)

watching = threading.Thread(target=watch)
watching.start()
rows = np.empty((len(X), 3), "float32")
before = time.perf_counter()
ensemble._core.infer(X, rows)  # one call to the core
after = time.perf_counter()
done.set()
watching.join()
print(sum(before < moment < after for moment in seen) > 2)
"""
    assert output_of(script) == "True"
