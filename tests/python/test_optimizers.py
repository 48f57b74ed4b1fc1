"""Optimizers: their equations step by step, their state, and what they refuse."""

import copy
import dataclasses
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule.optimizers import OPTIMIZERS, as_optimizer
from support import (
    DTYPES,
    Array,
    assert_near,
    assert_same_bits,
    batches,
    data,
    network,
    nothing_written,
    step,
)

N = [3, 4, 2]
Rule = Callable[[Array, list[Array]], Array]

# Each rule as the way from the first parameters, by all gradients so far, to the parameters.


def descent(p: Array, gradients: list[Array]) -> Array:
    return p - 0.1 * sum(gradients)


def momentum(p: Array, gradients: list[Array]) -> Array:
    velocity = np.zeros_like(p)
    for g in gradients:
        velocity = 0.9 * velocity + g
        p = p - 0.1 * velocity
    return p


def nesterov(p: Array, gradients: list[Array]) -> Array:
    velocity = np.zeros_like(p)
    for gradient in gradients:
        g = gradient + 0.3 * p
        velocity = 0.9 * velocity + g
        p = p - 0.1 * (g + 0.9 * velocity)
    return p


def moments(gradients: list[Array]) -> tuple[Array, Array]:
    """Adam's, corrected for their beginning at 0; of beta_1 = 0.8 and beta_2 = 0.95."""
    m = v = np.zeros_like(gradients[0])
    for g in gradients:
        m = 0.8 * m + (1 - 0.8) * g
        v = 0.95 * v + (1 - 0.95) * g**2
    return m / (1 - 0.8 ** len(gradients)), v / (1 - 0.95 ** len(gradients))


def adam(p: Array, gradients: list[Array]) -> Array:
    for t in range(1, len(gradients) + 1):
        m_hat, v_hat = moments(gradients[:t])
        p = p - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-3)
    return p


def adam_with_decay(p: Array, gradients: list[Array]) -> Array:
    decayed: list[Array] = []
    for g in gradients:
        decayed.append(g + 0.3 * p)
        m_hat, v_hat = moments(decayed)
        p = p - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-3)
    return p


def amsgrad(p: Array, gradients: list[Array]) -> Array:
    largest = np.zeros_like(p)
    for t in range(1, len(gradients) + 1):
        m_hat, v_hat = moments(gradients[:t])
        largest = np.maximum(largest, v_hat * (1 - 0.95**t))
        p = p - 0.1 * m_hat / (np.sqrt(largest / (1 - 0.95**t)) + 1e-3)
    return p


def adamw(p: Array, gradients: list[Array]) -> Array:
    for t in range(1, len(gradients) + 1):
        m_hat, v_hat = moments(gradients[:t])
        p = p - 0.1 * 0.3 * p - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-3)
    return p


def nadam(p: Array, gradients: list[Array]) -> Array:
    mu = [0.8 * (1 - 0.96 ** (t * 0.5) / 2) for t in range(1, len(gradients) + 2)]
    for t, g in enumerate(gradients, start=1):
        m_hat, v_hat = moments(gradients[:t])
        m = m_hat * (1 - 0.8**t)
        ahead = (1 - mu[t - 1]) * g / (1 - math.prod(mu[:t])) + mu[t] * m / (
            1 - math.prod(mu[: t + 1])
        )
        p = p - 0.1 * ahead / (np.sqrt(v_hat) + 1e-3)
    return p


def radam(p: Array, gradients: list[Array]) -> Array:
    rho_inf = 2 / (1 - 0.95) - 1
    for t in range(1, len(gradients) + 1):
        m_hat, v_hat = moments(gradients[:t])
        correction = 1 - 0.95**t
        rho = rho_inf - 2 * t * 0.95**t / correction
        if rho <= 5:
            p = p - 0.1 * m_hat
        else:
            r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            v = v_hat * correction
            p = p - 0.1 * r * m_hat * math.sqrt(correction) / (np.sqrt(v) + 1e-3)
    return p


def rmsprop(p: Array, gradients: list[Array]) -> Array:
    s = np.zeros_like(p)
    for g in gradients:
        s = 0.9 * s + (1 - 0.9) * g**2
        p = p - 0.1 * g / (np.sqrt(s) + 1e-3)
    return p


def centered_rmsprop(p: Array, gradients: list[Array]) -> Array:
    s = a = velocity = np.zeros_like(p)
    for g in gradients:
        s = 0.9 * s + (1 - 0.9) * g**2
        a = 0.9 * a + (1 - 0.9) * g
        velocity = 0.5 * velocity + g / (np.sqrt(s - a**2) + 1e-3)
        p = p - 0.1 * velocity
    return p


def adagrad(p: Array, gradients: list[Array]) -> Array:
    s = np.full_like(p, 0.5)
    for t, g in enumerate(gradients, start=1):
        s = s + g**2
        p = p - 0.1 / (1 + (t - 1) * 0.25) * g / (np.sqrt(s) + 1e-3)
    return p


def adadelta(p: Array, gradients: list[Array]) -> Array:
    s = u = np.zeros_like(p)
    for g in gradients:
        s = 0.8 * s + (1 - 0.8) * g**2
        change = np.sqrt(u + 1e-3) / np.sqrt(s + 1e-3) * g
        u = 0.8 * u + (1 - 0.8) * change**2
        p = p - 0.5 * change
    return p


def lion(p: Array, gradients: list[Array]) -> Array:
    m = np.zeros_like(p)
    for g in gradients:
        p = p - 0.1 * (np.sign(0.8 * m + (1 - 0.8) * g) + 0.3 * p)
        m = 0.95 * m + (1 - 0.95) * g
    return p


BETAS = {"beta_1": 0.8, "beta_2": 0.95}
RULES: dict[str, tuple[dr.Optimizer, Rule]] = {
    "SGD": (dr.SGD(0.1), descent),
    "momentum": (dr.SGD(0.1, 0.9), momentum),
    "Nesterov": (dr.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.3), nesterov),
    "Adam": (dr.Adam(0.1, **BETAS, epsilon=1e-3), adam),
    "Adam with decay": (dr.Adam(0.1, **BETAS, epsilon=1e-3, weight_decay=0.3), adam_with_decay),
    "AMSGrad": (dr.Adam(0.1, **BETAS, epsilon=1e-3, amsgrad=True), amsgrad),
    "AdamW": (dr.AdamW(0.1, **BETAS, epsilon=1e-3, weight_decay=0.3), adamw),
    "NAdam": (dr.NAdam(0.1, **BETAS, epsilon=1e-3, momentum_decay=0.5), nadam),
    "RAdam": (dr.RAdam(0.1, **BETAS, epsilon=1e-3), radam),
    "RMSprop": (dr.RMSprop(0.1, decay=0.9, epsilon=1e-3), rmsprop),
    "centered RMSprop": (
        dr.RMSprop(0.1, decay=0.9, epsilon=1e-3, momentum=0.5, centered=True),
        centered_rmsprop,
    ),
    "Adagrad": (
        dr.Adagrad(0.1, learning_rate_decay=0.25, initial_accumulator=0.5, epsilon=1e-3),
        adagrad,
    ),
    "Adadelta": (dr.Adadelta(0.5, rho=0.8, epsilon=1e-3), adadelta),
    "Lion": (dr.Lion(0.1, **BETAS, weight_decay=0.3), lion),
}
VECTORS = {
    "Adam": 2, "Adam with decay": 2, "AMSGrad": 3, "AdamW": 2, "NAdam": 2, "RAdam": 2,
    "centered RMSprop": 3, "Adadelta": 2,
}  # fmt: skip


def new(name: str) -> dr.Optimizer:
    """An optimizer of that row, that has made no step."""
    optimizer, _ = RULES[name]
    return type(optimizer)(**hyper_parameters(optimizer))


def hyper_parameters(optimizer: dr.Optimizer) -> dict[str, Any]:
    given = (field.name for field in dataclasses.fields(optimizer) if field.init)
    return {name: getattr(optimizer, name) for name in given}


def random_gradients(count: int, size: int) -> list[Array]:
    return list(np.random.default_rng(0).normal(size=(count, size)))


def test_every_optimizer_is_tested() -> None:
    tested = {type(optimizer) for optimizer, _ in RULES.values()}
    assert tested | {dr.LBFGS} == set(OPTIMIZERS.values())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_update_as_the_equations_have_it(name: str, dtype: str) -> None:
    optimizer, (_, rule) = new(name), RULES[name]
    net = network(N, dtype=dtype)
    before = net.parameters.astype(float)
    gradients = random_gradients(12, net.parameters.size)
    for count, g in enumerate(gradients, start=1):
        net.update(g, optimizer)
        assert optimizer.step == count
        expected = rule(before, gradients[:count])
        assert_near(
            net.parameters - before, expected - before, 1e-13 if dtype == "float64" else 2e-6
        )


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


@pytest.mark.parametrize("name", RULES)
def test_state_is_made_at_the_first_step(name: str) -> None:
    net, optimizer = network(N), new(name)
    assert (optimizer.step, optimizer.state) == (0, None)
    step(net, optimizer, *data(5, N))
    assert optimizer.step == 1
    assert optimizer.state is not None
    assert optimizer.state.shape == (VECTORS.get(name, 1) * net.parameters.size,)
    assert optimizer.state.dtype == net.dtype


def test_a_new_learning_rate_counts_from_the_next_step_on() -> None:
    net, optimizer = network(N, dtype="float64"), dr.SGD(0.1)
    g = random_gradients(1, net.parameters.size)[0]
    before = net.parameters.copy()
    net.update(g, optimizer)
    optimizer.learning_rate = 0.01
    net.update(g, optimizer)
    assert_near(net.parameters - before, -0.11 * g, 1e-13)


@pytest.mark.parametrize("name", RULES)
def test_a_learning_rate_of_0_changes_nothing(name: str) -> None:
    net, optimizer = network(N), new(name)
    optimizer.learning_rate = 0.0  # type: ignore[attr-defined]
    before = net.parameters.copy()
    net.fit(*data(9, N), optimizer=optimizer, epochs=2, batch_size=4)
    np.testing.assert_array_equal(net.parameters, before)
    assert optimizer.step == 6


def test_a_class_of_one_s_own() -> None:
    class Cautious(dr.Adam):
        pass

    own, adam = network(N), network(N)
    own.fit(*data(9, N), optimizer=Cautious(0.1))
    adam.fit(*data(9, N), optimizer=dr.Adam(0.1))
    assert_same_bits(own.parameters, adam.parameters)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-42, 1e15])
def test_adam_takes_gradients_of_any_size(size: float, dtype: str) -> None:
    net, optimizer = network(N, dtype=dtype), dr.Adam(0.1)
    before = net.parameters.copy()
    for _ in range(3):
        net.update(np.full(before.shape, size), optimizer)
    assert np.isfinite(net.parameters).all()
    assert (np.abs(net.parameters - before) <= 0.3 * (1 + 1e-6)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_fit_makes_the_explicit_steps(name: str, dtype: str) -> None:
    X, y = data(23, N, dtype=dtype)
    fitted, stepped = network(N, dtype=dtype), network(N, dtype=dtype)
    optimizer, same_optimizer = new(name), new(name)
    fitted.fit(X, y, optimizer=optimizer, epochs=3, batch_size=5, shuffle=False)
    for _ in range(3):
        for batch in batches(23, 5):
            step(stepped, same_optimizer, X[batch], y[batch])
    assert_same_bits(fitted.parameters, stepped.parameters)
    assert_same_bits(optimizer.state, same_optimizer.state)
    assert optimizer.step == same_optimizer.step == 15


@pytest.mark.parametrize("name", RULES)
def test_a_saved_state_goes_on_bit_for_bit(name: str) -> None:
    X, y = data(23, N)
    at_once, resumed = network(N), network(N)
    optimizer, first = new(name), new(name)
    for _ in range(2):
        at_once.fit(X, y, optimizer=optimizer, epochs=2, batch_size=5)
    resumed.fit(X, y, optimizer=first, epochs=2, batch_size=5)
    resumed, second = pickle.loads(pickle.dumps((resumed, first)))
    third = copy.deepcopy(second)
    assert hyper_parameters(third) == hyper_parameters(first)
    resumed.fit(X, y, optimizer=third, epochs=2, batch_size=5)
    assert_same_bits(resumed.parameters, at_once.parameters)
    assert_same_bits(third.state, optimizer.state)
    assert (second.step, third.step) == (10, optimizer.step) == (10, 20)


@pytest.mark.parametrize("name", RULES)
def test_same_bits_for_any_number_of_threads(name: str) -> None:
    n = [200, 150, 10]
    X, y = data(300, n)
    results = set()
    for threads in (1, 2, 3):
        dr.set_num_threads(threads)
        net = network(n)
        net.fit(X, y, optimizer=new(name), batch_size=100)
        results.add(net.parameters.tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [k for k in OPTIMIZERS.values() if k is not dr.LBFGS])
def test_the_defaults_lower_the_cost(kind: type[dr.Optimizer], dtype: str) -> None:
    net = network(N, dtype=dtype)
    X, y = data(64, N, dtype=dtype)
    losses = net.fit(X, y, optimizer=kind(), epochs=50, batch_size=64)["loss"]
    assert losses[-1] < losses[0]


def test_what_is_kept_does_not_change_on_the_way() -> None:
    net, optimizer = network(N), dr.Adam()
    net.fit(*data(5, N), optimizer=optimizer)
    optimizer.amsgrad = True
    with (
        nothing_written(net, optimizer),
        pytest.raises(ValueError, match=r"Adam: the state has 52 numbers but Adam\(.*amsgrad=True"),
    ):
        net.update(np.ones_like(net.parameters), optimizer)


def test_momentum_may_set_in_later() -> None:
    net, later = network(N, dtype="float64"), dr.SGD(0.1)
    g = random_gradients(1, net.parameters.size)[0]
    before = net.parameters.copy()
    net.update(g, later)
    later.momentum = 0.5
    net.update(g, later)
    net.update(g, later)
    assert_near(net.parameters - before, -0.1 * (1 + 1 + 1.5) * g, 1e-13)


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
        (dr.Adam, {"amsgrad": 1}, TypeError, "True or False"),
        (dr.SGD, {"nesterov": "yes"}, TypeError, "True or False"),
        (dr.AdamW, {"weight_decay": -0.1}, ValueError, "0 or more"),
        (dr.NAdam, {"momentum_decay": math.inf}, ValueError, "finite"),
        (dr.RAdam, {"beta_2": 1.0}, ValueError, "less than 1"),
        (dr.RMSprop, {"decay": 1.5}, ValueError, "less than 1"),
        (dr.RMSprop, {"momentum": 1}, ValueError, "less than 1"),
        (dr.RMSprop, {"centered": 0}, TypeError, "True or False"),
        (dr.Adagrad, {"learning_rate_decay": -1}, ValueError, "0 or more"),
        (dr.Adagrad, {"initial_accumulator": "0"}, TypeError, "a number"),
        (dr.Adadelta, {"rho": 1}, ValueError, "less than 1"),
        (dr.Lion, {"beta_1": -0.9}, ValueError, "0 or more"),
        (dr.LBFGS, {"history_size": 0}, ValueError, "1 or more"),
        (dr.LBFGS, {"history_size": 2.0}, TypeError, "an integer"),
        (dr.LBFGS, {"max_evaluations": True}, TypeError, "an integer"),
        (dr.LBFGS, {"tolerance": -1}, ValueError, "0 or more"),
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
    for name, kind in OPTIMIZERS.items():
        assert type(as_optimizer(name)) is kind
        assert kind.__name__.lower() == name
    assert as_optimizer("adam") is not as_optimizer("adam")
    own = dr.SGD(0.3)
    assert as_optimizer(own) is own


@pytest.mark.parametrize(
    ("given", "kind"),
    [("Adam", dr.Adam), ("SGD", dr.SGD), ("L-BFGS", dr.LBFGS), ("RMS_prop", dr.RMSprop)],
)
def test_other_names_of_an_optimizer(given: str, kind: type[dr.Optimizer]) -> None:
    assert type(as_optimizer(given)) is kind


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ("adma", ValueError, "'adma': expected an optimizer such .*; did you mean 'adam'"),
        ("momentum", ValueError, "'momentum': expected an optimizer such as"),
        (None, ValueError, "None: expected an optimizer such as"),
        (0.1, ValueError, r"0\.1: expected an optimizer such as"),
        (dr.Adam, TypeError, r"the class Adam: expected one of its objects, such as Adam\(\)"),
    ],
)
def test_not_an_optimizer(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"optimizer is {message}"):
        as_optimizer(wrong)


def test_repr_shows_the_hyper_parameters() -> None:
    assert (
        repr(dr.Lion(0.1)) == "Lion(learning_rate=0.1, beta_1=0.9, beta_2=0.99, weight_decay=0.0)"
    )


def test_what_comes_back_over_memory_of_others_is_written_to_in_its_own() -> None:
    """As pickles do whose buffers are read-only, in shared memory or mapped from a file."""
    X, y = data(10, N)
    options: dict[str, Any] = {"batch_size": 3, "average": 0.9}
    net, optimizer, stopping = network(N), dr.Adam(), dr.EarlyStopping("val_loss")
    options |= {"validation_data": (X, y), "epochs": 3}
    net.fit(X, y, optimizer=optimizer, callbacks=[stopping], **options)
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps((net, optimizer, stopping), 5, buffer_callback=buffers.append)
    for kind in (bytes, bytearray):
        there = [kind(buffer.raw()) for buffer in buffers]
        before = [bytes(each) for each in there]
        other, copied, stops = pickle.loads(pickled, buffers=there)
        original = copy.deepcopy((net, optimizer, stopping))
        other.fit(X, y, optimizer=copied, callbacks=[stops], **options)
        original[0].fit(X, y, optimizer=original[1], callbacks=[original[2]], **options)
        assert_same_bits(other.parameters, original[0].parameters)
        assert [bytes(each) for each in there] == before
        assert copied.state.ctypes.data % 64 == 0


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


# PyTorch -------------------------------------------------------------------------------------


def ours(**more: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"learning_rate": st.floats(1e-4, 0.02), "weight_decay": st.just(0.0) | st.floats(0, 0.5)}
        | more
    )


FRACTION, FLAG = st.floats(0.0, 0.99), st.booleans()
# Near a gradient of 0 a step tells the sign of a rounding error, if epsilon is small.
EPSILON = st.floats(1e-3, 0.1)
MOMENTS = {"beta_1": FRACTION, "beta_2": st.floats(0.5, 0.9999), "epsilon": EPSILON}
HYPER_PARAMETERS = {
    dr.SGD: ours(momentum=st.floats(0.01, 0.99), nesterov=FLAG) | ours(),
    dr.Adam: ours(**MOMENTS, amsgrad=FLAG),
    dr.AdamW: ours(**MOMENTS, amsgrad=FLAG),
    dr.NAdam: ours(**MOMENTS, momentum_decay=st.floats(0, 1)),
    dr.RAdam: ours(**MOMENTS),
    dr.RMSprop: ours(  # which corrects no beginning: its first steps are ten times as long
        learning_rate=st.floats(1e-5, 2e-3),
        decay=st.floats(0.5, 0.99),
        epsilon=st.floats(0.01, 0.1),
        momentum=st.just(0.0) | st.floats(0, 0.9),
        centered=FLAG,
    ),
    dr.Adagrad: ours(
        learning_rate_decay=st.floats(0, 1),
        epsilon=EPSILON,
        initial_accumulator=st.just(0.0) | FRACTION,
    ),
    dr.Adadelta: ours(rho=FRACTION, epsilon=st.floats(1e-6, 0.1)),
}
IN_TORCH = {
    "learning_rate": "lr",
    "epsilon": "eps",
    "decay": "alpha",
    "learning_rate_decay": "lr_decay",
    "initial_accumulator": "initial_accumulator_value",
}


def torch_optimizer(optimizer: dr.Optimizer, parameters: list[Any]) -> Any:
    """The same in PyTorch, by its own names."""
    import torch

    given = hyper_parameters(optimizer)
    options = {IN_TORCH.get(name, name): value for name, value in given.items()}
    if "beta_1" in options:
        options["betas"] = (options.pop("beta_1"), options.pop("beta_2"))
    return getattr(torch.optim, type(optimizer).__name__)(parameters, **options)


def train_torch(net: dr.Network, optimizer: dr.Optimizer, X: Array, y: Array) -> Array:
    """A step for each batch by PyTorch, from the weights of a network of tanh."""
    import torch

    torch.set_num_threads(1)
    parameters = [
        torch.tensor(np.ascontiguousarray(p), requires_grad=True)
        for layer in net.layers
        for p in (layer.W, layer.b)
    ]
    made = torch_optimizer(optimizer, parameters)
    for A, target in zip(torch.tensor(X), torch.tensor(y), strict=True):
        for W, b in zip(parameters[::2], parameters[1::2], strict=True):
            A = torch.tanh(A @ W.T + b.T)
        made.zero_grad()
        ((A - target) ** 2).mean().backward()
        made.step()
    return np.concatenate([p.detach().numpy().ravel(order="F") for p in parameters])


SEEDS = st.integers(0, 10_000)


@st.composite
def problems(draw: st.DrawFn) -> tuple[dr.Network, Array, Array]:
    """A network, and batches for 20 steps."""
    n = draw(st.lists(st.integers(1, 20), min_size=2, max_size=4))
    dtype, m, seed = draw(st.sampled_from(DTYPES)), draw(st.integers(1, 12)), draw(SEEDS)
    rng = np.random.default_rng(seed)
    X, y = (rng.normal(size=(20, m, size)).astype(dtype) for size in (n[0], n[-1]))
    return network(n, dtype=dtype, seed=seed), X, y


# Relative to the largest weight there is.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.mark.parametrize("kind", HYPER_PARAMETERS, ids=lambda kind: kind.__name__)
@settings(max_examples=60, deadline=None)
@given(problem=problems(), draw_from=st.data())
def test_twenty_steps_are_pytorch_s(
    kind: type[dr.Optimizer], problem: tuple[dr.Network, Array, Array], draw_from: st.DataObject
) -> None:
    torch = pytest.importorskip("torch")
    net, X, y = problem
    optimizer = kind(**draw_from.draw(HYPER_PARAMETERS[kind]))
    torch.set_default_dtype(getattr(torch, net.dtype.name))  # of NAdam's product of momenta
    try:
        expected = train_torch(net, optimizer, X, y)
    finally:
        torch.set_default_dtype(torch.float32)
    net.fit(
        X.reshape(-1, X.shape[2]),
        y.reshape(-1, y.shape[2]),
        loss="mean_squared_error",
        optimizer=optimizer,
        batch_size=X.shape[1],
        shuffle=False,
    )
    assert optimizer.step == 20
    assert_near(net.parameters, expected, TOLERANCE[net.dtype.name])


@pytest.mark.parametrize("kind", HYPER_PARAMETERS, ids=lambda kind: kind.__name__)
def test_defaults_are_pytorch_s(kind: type[dr.Optimizer]) -> None:
    torch = pytest.importorskip("torch")
    parameters = [torch.zeros(1, requires_grad=True)]
    options = torch_optimizer(kind(), parameters).param_groups[0]
    theirs = getattr(torch.optim, kind.__name__)(parameters).param_groups[0]
    assert options == theirs


@settings(max_examples=100, deadline=None)
@given(
    problem=problems(),
    learning_rate=st.floats(1e-4, 0.02),
    beta_1=FRACTION,
    beta_2=FRACTION,
    weight_decay=st.just(0.0) | st.floats(0, 0.5),
)
def test_twenty_steps_of_lion_are_the_paper_s(
    problem: tuple[dr.Network, Array, Array],
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    weight_decay: float,
) -> None:
    net, X, y = problem
    optimizer = dr.Lion(learning_rate, beta_1, beta_2, weight_decay)
    p = net.parameters.astype(float)
    m, least_sure = np.zeros_like(p), np.inf
    for rows, target in zip(X, y, strict=True):
        _, gradients = net.loss_and_gradients(rows, target, loss="mean_squared_error")
        net.update(gradients, optimizer)
        g = gradients.astype(float)
        c = beta_1 * m + (1 - beta_1) * g  # algorithm 2
        p = p - learning_rate * (np.sign(c) + weight_decay * p)
        m = beta_2 * m + (1 - beta_2) * g
        least_sure = min(least_sure, (np.abs(c) / np.abs(g).max()).min())
    assume(least_sure > 1e-5)  # or a rounding error has made a sign
    assert_near(net.parameters, p, TOLERANCE[net.dtype.name])
