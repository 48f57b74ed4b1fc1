"""L-BFGS: SciPy's iterations on the core's cost and gradients, and how they end."""

import copy
import pickle
import signal
import sys
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule import lbfgs
from support import DTYPES, LOSSES, Array, assert_near, assert_same_bits, data, network

scipy_optimize = pytest.importorskip("scipy.optimize")

N = [3, 4, 2]
SUITS = {
    "mean_squared_error": "identity",
    "binary_cross_entropy": "sigmoid",
    "categorical_cross_entropy": "softmax",
}


def fitted(epochs: int, dtype: str = "float64", **arguments: Any) -> dr.Network:
    net = network(N, dtype=dtype)
    net.fit(*data(30, N, dtype=dtype), optimizer=dr.LBFGS(), epochs=epochs, **arguments)
    return net


@pytest.mark.parametrize("loss", LOSSES)
def test_the_iterations_are_scipy_s(loss: str) -> None:
    X, y = data(40, N, loss, "float64")
    net, own = (network(N, ["tanh", SUITS[loss]], "float64") for _ in range(2))
    costs: list[float] = []

    def cost_and_gradients(p: Array) -> tuple[float, Array]:
        own.parameters = p
        return own.loss_and_gradients(X, y, loss=loss)

    def note(p: Array) -> None:
        costs.append(cost_and_gradients(p)[0])

    result = scipy_optimize.minimize(
        cost_and_gradients,
        own.parameters.copy(),
        jac=True,
        method="L-BFGS-B",
        callback=note,
        options={"maxiter": 12, "maxcor": 5, "ftol": 0, "gtol": 0},
    )
    optimizer = dr.LBFGS(history_size=5, tolerance=0, gradient_tolerance=0)
    history = net.fit(X, y, loss=loss, optimizer=optimizer, epochs=12)
    assert optimizer.step == result.nit == 12
    assert_near(net.parameters, result.x, 1e-10)
    assert_near(np.array(history["loss"]), np.array(costs), 1e-12)
    assert net.evaluate(X, y, loss=loss)["loss"] == pytest.approx(history["loss"][-1], rel=1e-12)


def test_a_linear_network_finds_the_least_squares() -> None:
    X, y = data(50, [4, 2], dtype="float64")
    net = network([4, 2], "identity", "float64")
    optimizer = dr.LBFGS(tolerance=0, gradient_tolerance=1e-12)
    history = net.fit(X, y, optimizer=optimizer, epochs=200)
    with_bias = np.column_stack([X, np.ones(len(X))])
    expected, *_ = np.linalg.lstsq(with_bias, y, rcond=None)
    assert_near(np.column_stack([net.layers[0].W, net.layers[0].b]), expected.T, 1e-6)
    assert 1 < history.epochs == optimizer.step < 200  # and there it ends
    assert "CONVERGENCE" in optimizer.message


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_iteration_lowers_the_cost(dtype: str) -> None:
    net = fitted(15, dtype)
    losses = net.history["loss"]
    assert len(losses) == 15
    assert (np.diff(losses) < 0).all()
    assert net.parameters.dtype == dtype


def test_by_name_and_with_labels() -> None:
    X, y = data(30, N, "categorical_cross_entropy", "float64")
    one_hot, labels = (network(N, ["tanh", "softmax"], "float64") for _ in range(2))
    one_hot.fit(X, y, optimizer="lbfgs", epochs=5)
    labels.fit(X, y.argmax(axis=1), optimizer="lbfgs", epochs=5)
    assert_near(labels.parameters, one_hot.parameters, 1e-10)


def test_batch_size_and_shuffle_mean_nothing() -> None:
    assert_same_bits(fitted(5, batch_size=7, shuffle=True).parameters, fitted(5).parameters)


def test_weight_2_is_a_row_twice() -> None:
    X, y = data(11, N, dtype="float64")
    weights = np.where(np.arange(11) % 3 == 0, 2, 1)
    weighted, twice = network(N, dtype="float64"), network(N, dtype="float64")
    arguments = {"optimizer": "lbfgs", "epochs": 8}
    weighted.fit(X, y, sample_weight=weights, **arguments)
    twice.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0), **arguments)
    assert_near(weighted.parameters, twice.parameters, 1e-8)
    assert (weighted.parameters != fitted(8).parameters).any()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_many_examples_go_in_parts(
    loss: str, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data(40, N, loss, "float64")
    weights = np.random.default_rng(0).uniform(size=40) if weighted else None
    whole, parts = (network(N, ["tanh", SUITS[loss]], "float64") for _ in range(2))
    arguments: dict[str, Any] = {"loss": loss, "epochs": 8, "sample_weight": weights}
    whole.fit(X, y, optimizer="lbfgs", **arguments)
    monkeypatch.setattr(lbfgs, "_NUMBERS_A_PART", 7 * sum(N))
    calls = count_calls(monkeypatch, "_part")
    parts.fit(X, y, optimizer="lbfgs", **arguments)
    assert len(calls) % 6 == 0
    assert len(calls) >= 6 * 8
    assert_near(parts.parameters, whole.parameters, 1e-8)


def count_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[None]:
    calls: list[None] = []
    function = getattr(lbfgs, name)

    def counted(*arguments: Any) -> Any:
        calls.append(None)
        return function(*arguments)

    monkeypatch.setattr(lbfgs, name, counted)
    return calls


def test_validation_and_metrics_after_every_iteration() -> None:
    X, y = data(30, N, "categorical_cross_entropy")
    net = network(N, ["tanh", "softmax"])
    history = net.fit(
        X,
        y,
        optimizer="lbfgs",
        epochs=4,
        metrics=["accuracy"],
        validation_data=data(9, N, "categorical_cross_entropy", seed=4),
    )
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert {len(values) for values in history.values()} == {4}
    assert history["accuracy"][-1] == net.evaluate(X, y)["accuracy"]
    assert net.history is history


def test_progress_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    fitted(3, progress=True)
    shown = capfd.readouterr().err
    assert "epoch 3/3  loss" in shown


def test_no_epochs() -> None:
    assert fitted(0).history == {}
    assert_same_bits(fitted(0).parameters, network(N, dtype="float64").parameters)


def test_evaluations_are_bounded() -> None:
    net, optimizer = network(N, dtype="float64"), dr.LBFGS(max_evaluations=5)
    history = net.fit(*data(30, N, dtype="float64"), optimizer=optimizer, epochs=100)
    assert 1 <= history.epochs <= 6
    assert "EVALUATIONS" in optimizer.message.upper()


def test_same_bits_for_any_number_of_threads() -> None:
    n = [50, 80, 3]
    X, y = data(2000, n)
    results = set()
    for threads in (1, 2, 3):
        dr.set_num_threads(threads)
        net = network(n)
        net.fit(X, y, optimizer=dr.LBFGS(), epochs=3)
        results.add(net.parameters.tobytes())
    assert len(results) == 1


def test_one_optimizer_serves_any_network() -> None:
    """It keeps nothing of a network; and a second fit is a first one from other weights."""
    optimizer = dr.LBFGS()
    X, y = data(30, N, dtype="float64")
    nets = [network(N, dtype="float64") for _ in range(3)]
    for net in nets[:2]:
        net.fit(X, y, optimizer=optimizer, epochs=3)
        net.fit(X, y, optimizer=optimizer, epochs=3)
    assert_same_bits(nets[0].parameters, nets[1].parameters)
    assert optimizer.step == 12
    assert optimizer.state is None
    copied = pickle.loads(pickle.dumps(copy.deepcopy(optimizer)))
    assert copied.step == 12
    nets[2].fit(X, y, optimizer=copied, epochs=3)
    nets[2].fit(X, y, optimizer=copied, epochs=3)
    assert_same_bits(nets[2].parameters, nets[0].parameters)


# What stops it -------------------------------------------------------------------------------


def interrupt(x: Array) -> Array:
    signal.raise_signal(signal.SIGINT)
    return x


@pytest.mark.parametrize(
    ("trouble", "error", "message"),
    [
        (interrupt, KeyboardInterrupt, None),
        (
            lambda x: np.full_like(x, np.nan),
            dr.TrainingDivergedError,
            r"fit: the cost or its gradient is not finite in iteration 8: the network keeps the "
            r"weights of iteration 7, the last",
        ),
    ],
    ids=["Ctrl-C", "NaN"],
)
def test_what_stops_it_leaves_the_last_iteration_s_weights(
    trouble: Any, error: type[BaseException], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, optimizer = network(N, dtype="float64"), dr.LBFGS()
    X, y = data(30, N, dtype="float64")
    call = lbfgs._Cost.__call__
    monkeypatch.setattr(
        lbfgs._Cost,
        "__call__",
        lambda cost, x: call(cost, trouble(x) if optimizer.step == 7 else x),
    )
    with pytest.raises(error, match=message):
        net.fit(X, y, optimizer=optimizer, epochs=100)
    monkeypatch.undo()
    uninterrupted = fitted(7)
    assert_same_bits(net.parameters, uninterrupted.parameters)
    assert net.history == uninterrupted.history
    assert net.fit(X, y, optimizer="lbfgs").epochs == 1  # the next one is let in


def test_a_cost_that_overflows() -> None:
    """A line search goes far where the cost is flat, and e^z leaves float32."""
    net = dr.Network([dr.Dense(1, "exponential", "zeros")], input_size=1)
    X, y = np.ones((4, 1), np.float32), np.full(4, 1e15, np.float32)
    with pytest.raises(dr.TrainingDivergedError, match=r"in iteration 1: .*of the beginning"):
        net.fit(X, y, optimizer="lbfgs", epochs=100)
    assert not net.parameters.any()


def test_a_cost_that_is_infinite_from_the_beginning() -> None:
    net = network(N, "identity", "float64")
    X, y = data(9, N, dtype="float64")
    before = net.parameters.copy()
    with pytest.raises(dr.TrainingDivergedError, match=r"in iteration 1: .*of the beginning"):
        net.fit(X, y * 1e200, optimizer="lbfgs", epochs=3)
    assert_same_bits(net.parameters, before)


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    net = network(N)
    before = net.parameters.copy()
    with pytest.raises(ImportError, match=r"fit: LBFGS needs SciPy, .*pip install scipy"):
        net.fit(*data(9, N), optimizer="lbfgs")
    assert_same_bits(net.parameters, before)


def test_no_step_from_a_gradient_alone() -> None:
    net = network(N)
    with pytest.raises(TypeError, match=r"LBFGS: it makes no step .*expected fit"):
        net.update(np.ones_like(net.parameters), dr.LBFGS())


def test_a_hyper_parameter_spoilt_later() -> None:
    net, optimizer = network(N), dr.LBFGS()
    optimizer.history_size = 0
    with pytest.raises(ValueError, match="LBFGS: history_size is 0: expected 1 or more"):
        net.fit(*data(9, N), optimizer=optimizer)
