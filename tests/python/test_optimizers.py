"""Optimizers: their equations step by step, their state, and what they refuse."""

import copy
import dataclasses
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.optimizers import aligned_zeros, as_optimizer
from support import (
    DTYPES,
    Array,
    assert_near,
    assert_same_bits,
    data,
    network,
    nothing_written,
    step,
)

N = [3, 4, 2]
Rule = Callable[[list[Array]], Array]

# Each rule as the way from all gradients so far to the whole change of the parameters.


def descent(gradients: list[Array]) -> Array:
    return -0.1 * sum(gradients)


def momentum(gradients: list[Array]) -> Array:
    change = velocity = np.zeros_like(gradients[0])
    for g in gradients:
        velocity = 0.9 * velocity + g
        change = change - 0.1 * velocity
    return change


def nesterov(gradients: list[Array]) -> Array:
    change = velocity = np.zeros_like(gradients[0])
    for g in gradients:
        velocity = 0.9 * velocity + g
        change = change - 0.1 * (g + 0.9 * velocity)
    return change


def adam(gradients: list[Array]) -> Array:
    change = m = v = np.zeros_like(gradients[0])
    for t, g in enumerate(gradients, start=1):
        m = 0.8 * m + (1 - 0.8) * g
        v = 0.95 * v + (1 - 0.95) * g**2
        m_hat, v_hat = m / (1 - 0.8**t), v / (1 - 0.95**t)
        change = change - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-3)
    return change


RULES: dict[str, tuple[dr.Optimizer, Rule]] = {
    "SGD": (dr.SGD(0.1), descent),
    "momentum": (dr.SGD(0.1, 0.9), momentum),
    "Nesterov": (dr.SGD(0.1, momentum=0.9, nesterov=True), nesterov),
    "Adam": (dr.Adam(0.1, beta_1=0.8, beta_2=0.95, epsilon=1e-3), adam),
}


def random_gradients(count: int, size: int) -> list[Array]:
    return list(np.random.default_rng(0).normal(size=(count, size)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_update_as_the_equations_have_it(name: str, dtype: str) -> None:
    optimizer, rule = RULES[name]
    optimizer = type(optimizer)(**hyper_parameters(optimizer))
    net = network(N, dtype=dtype)
    before = net.parameters.astype(float)
    gradients = random_gradients(12, net.parameters.size)
    for count, g in enumerate(gradients, start=1):
        net.update(g, optimizer)
        assert optimizer.step == count
        change = net.parameters - before
        assert_near(change, rule(gradients[:count]), 1e-13 if dtype == "float64" else 2e-6)


def hyper_parameters(optimizer: dr.Optimizer) -> dict[str, Any]:
    given = (field.name for field in dataclasses.fields(optimizer) if field.init)
    return {name: getattr(optimizer, name) for name in given}


def test_by_hand() -> None:
    net = dr.Network([dr.Dense(1, initializer="zeros")], input_size=1, dtype="float64")
    sgd = dr.SGD(0.5, momentum=0.5)
    for p in (-1.0, -2.5, -4.25):  # v = 2, 3, 3.5
        net.update(np.array([2.0, 0.0]), sgd)
        assert net.parameters.tolist() == [p, 0.0]
    net.parameters = [1.0, 1.0]
    adam = dr.Adam(0.25, epsilon=0.0)
    for steps in (1, 2, 3):  # a gradient that stays makes steps of the learning rate
        net.update(np.array([8.0, -0.001]), adam)
        expected = [1 - 0.25 * steps, 1 + 0.25 * steps]
        assert net.parameters.tolist() == pytest.approx(expected, rel=1e-12)


def test_state_is_made_at_the_first_step() -> None:
    net, optimizer = network(N), dr.Adam()
    assert (optimizer.step, optimizer.state) == (0, None)
    step(net, optimizer, *data(5, N))
    assert optimizer.step == 1
    assert optimizer.state is not None
    assert optimizer.state.shape == (2 * net.parameters.size,)  # both moments
    assert optimizer.state.dtype == net.dtype


def test_a_new_learning_rate_counts_from_the_next_step_on() -> None:
    net, optimizer = network(N, dtype="float64"), dr.SGD(0.1)
    g = random_gradients(1, net.parameters.size)[0]
    before = net.parameters.copy()
    net.update(g, optimizer)
    optimizer.learning_rate = 0.01
    net.update(g, optimizer)
    assert_near(net.parameters - before, -0.11 * g, 1e-13)


@pytest.mark.parametrize("optimizer", [dr.SGD(0.0, 0.9), dr.Adam(0.0)], ids=["SGD", "Adam"])
def test_a_learning_rate_of_0_changes_nothing(optimizer: dr.Optimizer) -> None:
    net = network(N)
    before = net.parameters.copy()
    net.fit(*data(9, N), optimizer=optimizer, epochs=2, batch_size=4)
    np.testing.assert_array_equal(net.parameters, before)
    assert optimizer.step == 6


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-42, 1e15])
def test_adam_takes_gradients_of_any_size(size: float, dtype: str) -> None:
    net, optimizer = network(N, dtype=dtype), dr.Adam(0.1)
    before = net.parameters.copy()
    for _ in range(3):
        net.update(np.full(before.shape, size), optimizer)
    assert np.isfinite(net.parameters).all()
    assert (np.abs(net.parameters - before) <= 0.3 * (1 + 1e-6)).all()


def test_of_another_network_is_refused() -> None:
    optimizer = dr.Adam()
    network(N).fit(*data(5, N), optimizer=optimizer)
    net = network(N)
    for use in (
        lambda: net.fit(*data(5, N), optimizer=optimizer),
        lambda: net.update(np.zeros_like(net.parameters), optimizer),
    ):
        with (
            nothing_written(net, optimizer),
            pytest.raises(ValueError, match=r"Adam: .*state of another network: expected a new"),
        ):
            use()


def refused_hyper_parameters() -> list[Any]:
    cases: list[tuple[type[dr.Optimizer], dict[str, Any], type[Exception], str]] = [
        (dr.SGD, {"learning_rate": -1e-3}, ValueError, "0 or more"),
        (dr.SGD, {"learning_rate": math.inf}, ValueError, "0 or more"),
        (dr.SGD, {"learning_rate": "0.1"}, TypeError, "a number"),
        (dr.SGD, {"learning_rate": True}, TypeError, "a number"),
        (dr.SGD, {"learning_rate": None}, TypeError, "a number"),
        (dr.SGD, {"momentum": 1.0}, ValueError, "less than 1"),
        (dr.SGD, {"momentum": -0.1}, ValueError, "0 or more"),
        (dr.SGD, {"nesterov": True}, ValueError, "a momentum"),
        (dr.Adam, {"learning_rate": math.nan}, ValueError, "0 or more"),
        (dr.Adam, {"beta_1": 1}, ValueError, "less than 1"),
        (dr.Adam, {"beta_2": -0.5}, ValueError, "0 or more"),
        (dr.Adam, {"epsilon": -1e-8}, ValueError, "0 or more"),
    ]
    return [
        pytest.param(*case, id=f"{case[0].__name__} {next(iter(case[1].items()))}")
        for case in cases
    ]


@pytest.mark.parametrize(("kind", "given", "error", "expected"), refused_hyper_parameters())
def test_refused_hyper_parameter(
    kind: type[dr.Optimizer], given: dict[str, Any], error: type[Exception], expected: str
) -> None:
    name = next(iter(given))
    with pytest.raises(error, match=rf"{kind.__name__}: {name} is .*expected .*{expected}"):
        kind(**given)


def test_hyper_parameter_spoilt_later_is_refused_before_anything_is_written() -> None:
    net, optimizer = network(N), dr.Adam()
    net.fit(*data(5, N), optimizer=optimizer)
    optimizer.beta_1 = 2.0
    with pytest.raises(ValueError, match=r"Adam: beta_1 is 2\.0"), nothing_written(net, optimizer):
        net.update(np.ones_like(net.parameters), optimizer)


@pytest.mark.parametrize(
    ("gradients", "error", "message"),
    [
        (lambda g: g / (np.arange(len(g)) != 4), ValueError, r"gradients\[4\] is inf"),
        (lambda g: g[:-1], ValueError, r"gradients have shape \(25,\): expected \(26,\)"),
        (lambda g: g[:, np.newaxis], ValueError, r"gradients have shape \(26, 1\)"),
        (lambda g: g * 1j, TypeError, "gradients"),
        (lambda g: ["one"] * len(g), (TypeError, ValueError), None),
    ],
    ids=["inf", "too short", "a column", "complex", "text"],
)
def test_update_refuses(gradients: Callable[[Array], Any], error: Any, message: str | None) -> None:
    net, optimizer = network(N), dr.SGD(0.1)
    with np.errstate(divide="ignore"):
        wrong = gradients(np.ones_like(net.parameters))
    with nothing_written(net, optimizer), pytest.raises(error, match=message):
        net.update(wrong, optimizer)


def test_update_wants_an_optimizer_that_lasts() -> None:
    net = network(N)
    with pytest.raises(TypeError, match="update: optimizer is 'adam': expected one that keeps"):
        net.update(np.ones_like(net.parameters), "adam")  # type: ignore[arg-type]


def test_a_name_makes_a_new_one() -> None:
    assert isinstance(as_optimizer("sgd"), dr.SGD)
    assert isinstance(as_optimizer("adam"), dr.Adam)
    assert as_optimizer("adam") is not as_optimizer("adam")
    own = dr.SGD(0.3)
    assert as_optimizer(own) is own


@pytest.mark.parametrize("wrong", ["adamw", dr.Adam, None, 0.1])
def test_not_an_optimizer(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"optimizer is .*: expected an optimizer such as"):
        as_optimizer(wrong)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 7, 1000])
def test_aligned_zeros(size: int, dtype: str) -> None:
    zeros = aligned_zeros(size, np.dtype(dtype))
    assert zeros.shape == (size,)
    assert zeros.dtype == dtype
    assert not zeros.any()
    assert size == 0 or zeros.ctypes.data % 64 == 0


def test_repr_shows_the_hyper_parameters() -> None:
    assert repr(dr.SGD(0.1)) == "SGD(learning_rate=0.1, momentum=0.0, nesterov=False)"


def test_a_copied_optimizer_goes_on_with_the_network_it_is_given() -> None:
    X, y = data(10, N)
    net, optimizer = network(N), dr.Adam()
    net.fit(X, y, optimizer=optimizer)
    other, copied = copy.deepcopy(net), pickle.loads(pickle.dumps(optimizer))
    for each, its_optimizer in ((net, optimizer), (other, copied)):
        each.fit(X, y, optimizer=its_optimizer)
    assert_same_bits(net.parameters, other.parameters)
    with pytest.raises(ValueError, match="state of another network"):
        network(N).fit(X, y, optimizer=copied)
    with pytest.raises(ValueError, match="state of another network"):
        network([3, 2]).fit(X[:, :3], y[:, :2], optimizer=copy.deepcopy(optimizer))
