"""deltarule.blocks: the course's figures, a reference, central differences, and by hand."""

import copy
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from deltarule import _core, blocks
from deltarule.blocks import central_differences
from support import OUTPUTS_OF_LOSSES

Array = npt.NDArray[Any]
Parameters = dict[str, Array]

# Where the reference's outputs lie between 0 and 1, so that every loss takes them.
CENTRE_OF_Z = {"softplus": -1.0, "exponential": -1.0}
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


def random_network(
    n: list[int], m: int, *, output: str = "sigmoid", seed: int = 0
) -> tuple[Array, Parameters]:
    """X and parameters whose last Z suits `output` and any loss."""
    rng = np.random.default_rng(seed)
    parameters: Parameters = {}
    for layer in range(1, len(n)):
        parameters[f"W{layer}"] = rng.normal(size=(n[layer], n[layer - 1])) / np.sqrt(n[layer - 1])
        parameters[f"b{layer}"] = rng.normal(size=(n[layer], 1))
    L = len(n) - 1
    parameters[f"W{L}"] *= 0.05
    parameters[f"b{L}"] = CENTRE_OF_Z.get(output, 0.5) + 0.05 * parameters[f"b{L}"]
    return rng.normal(size=(n[0], m)), parameters


def random_Y(loss: str, n: int, m: int, *, seed: int = 1) -> Array:
    rng = np.random.default_rng(seed)
    if loss == "categorical_cross_entropy":
        return np.eye(n)[:, rng.integers(n, size=m)]
    return rng.integers(2, size=(n, m)).astype(float)


def as_dtype(dtype: type, parameters: Parameters) -> Parameters:
    return {name: array.astype(dtype) for name, array in parameters.items()}


def assert_close(actual: dict[str, Array], expected: dict[str, Array], tolerance: float) -> None:
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(
            actual[name], array, rtol=tolerance, atol=tolerance * np.abs(array).max(), err_msg=name
        )


# The course's figures ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data_folder() -> Path:
    folder = os.environ.get("DELTARULE_DATA")
    if not folder:
        pytest.skip("DELTARULE_DATA does not say where course_cases.json and the cat pictures are")
    return Path(folder)


@pytest.fixture(scope="module")
def cases(data_folder: Path) -> dict[str, dict[str, Any]]:
    text = (data_folder / "course_cases.json").read_text()
    return {case["id"]: case for case in json.loads(text)["cases"]}


def arrays(inputs: dict[str, Any], *names: str) -> list[Array]:
    return [np.array(inputs[name]) for name in names]


def run_initialize(i: dict[str, Any]) -> dict[str, Any]:
    return blocks.initialize_parameters(i["n_x"], i["n_h"], i["n_y"], seed=i["seed"])


def run_initialize_deep(i: dict[str, Any]) -> dict[str, Any]:
    return blocks.initialize_parameters_deep(i["layer_dims"], init="small_normal", seed=i["seed"])


def run_linear_forward(i: dict[str, Any]) -> dict[str, Any]:
    Z, _ = blocks.linear_forward(*arrays(i, "A", "W", "b"))
    return {"Z": Z}


def run_layer_forward(activation: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def run(i: dict[str, Any]) -> dict[str, Any]:
        A, (_, Z) = blocks.linear_activation_forward(*arrays(i, "A_prev", "W", "b"), activation)
        return {"A": A, "Z": Z}

    return run


def run_model_forward(i: dict[str, Any]) -> dict[str, Any]:
    parameters = {name: np.array(value) for name, value in i.items() if name != "X"}
    AL, caches = blocks.L_model_forward(np.array(i["X"]), parameters)
    A_prev = {f"A{layer}": linear[0] for layer, (linear, _) in enumerate(caches)}
    return {"AL": AL, "len_caches": len(caches)} | A_prev


def run_cost(i: dict[str, Any]) -> dict[str, Any]:
    return {"cost": blocks.compute_cost(*arrays(i, "AL", "Y"))}


def run_linear_backward(i: dict[str, Any]) -> dict[str, Any]:
    dZ, *linear_cache = arrays(i, "dZ", "A_prev", "W", "b")
    return dict(zip(("dA_prev", "dW", "db"), blocks.linear_backward(dZ, linear_cache), strict=True))


def run_layer_backward(activation: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def run(i: dict[str, Any]) -> dict[str, Any]:
        dA, *linear_cache, Z = arrays(i, "dA", "A_prev", "W", "b", "Z")
        gradients = blocks.linear_activation_backward(dA, (tuple(linear_cache), Z), activation)
        return dict(zip(("dA_prev", "dW", "db"), gradients, strict=True))

    return run


def run_model_backward(i: dict[str, Any]) -> dict[str, Any]:
    caches = []
    for cache in i["caches"]:
        *linear_cache, Z = arrays(cache, "A_prev", "W", "b", "Z")
        caches.append((tuple(linear_cache), Z))
    return blocks.L_model_backward(*arrays(i, "AL", "Y"), caches, input_gradient=True)


def run_update(i: dict[str, Any]) -> dict[str, Any]:
    parameters, grads = (
        {name: np.array(value) for name, value in i[which].items()}
        for which in ("parameters", "grads")
    )
    return blocks.update_parameters(parameters, grads, i["learning_rate"])


COURSE_BLOCKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "c1w4_initialize_parameters": run_initialize,
    "c1w4_initialize_parameters_deep": run_initialize_deep,
    "c1w4_linear_forward": run_linear_forward,
    "c1w4_linear_activation_forward_sigmoid": run_layer_forward("sigmoid"),
    "c1w4_linear_activation_forward_relu": run_layer_forward("relu"),
    "c1w4_L_model_forward_2hidden": run_model_forward,
    "c1w4_compute_cost_v3": run_cost,
    "c1w4_compute_cost_v4a": run_cost,
    "c1w4_linear_backward_v3": run_linear_backward,
    "c1w4_linear_backward_v4a": run_linear_backward,
    "c1w4_linear_activation_backward_sigmoid": run_layer_backward("sigmoid"),
    "c1w4_linear_activation_backward_relu": run_layer_backward("relu"),
    "c1w4_L_model_backward": run_model_backward,
    "c1w4_update_parameters": run_update,
}
LOGISTIC = "c1w2_logistic_regression_cat"
COURSE_TRAININGS = {"app_L_layer_model", LOGISTIC}


def printed_decimals(figure: Any) -> int:
    """The most decimals among the numbers of a figure: NumPy cuts trailing zeros."""
    return max(map(len, re.findall(r"\.(\d+)", json.dumps(figure))), default=0)


def test_there_is_a_run_for_every_case(cases: dict[str, dict[str, Any]]) -> None:
    assert cases.keys() == COURSE_BLOCKS.keys() | COURSE_TRAININGS


@pytest.mark.parametrize("case_id", COURSE_BLOCKS)
def test_course_figures_of_a_block(case_id: str, cases: dict[str, dict[str, Any]]) -> None:
    case = cases[case_id]
    results = COURSE_BLOCKS[case_id](case["inputs"])
    for name, printed in case["expected_printed"].items():
        assert np.shape(results[name]) == np.shape(printed), name
        # 8 decimals at least, where a figure of zeros shows none; 15 are all that a double holds.
        decimals = min(max(printed_decimals(printed), 8), 15)
        np.testing.assert_allclose(
            results[name], printed, rtol=0, atol=0.51 * 10.0**-decimals, err_msg=name
        )
    for name, recomputed in case["recomputed_float64"].items():
        np.testing.assert_allclose(results[name], recomputed, rtol=1e-13, err_msg=name)


@pytest.fixture(scope="module")
def cats(data_folder: Path) -> dict[str, tuple[Array, Array]]:
    h5py = pytest.importorskip("h5py", reason="the cat pictures are HDF5 files")

    def read(which: str) -> tuple[Array, Array]:
        with h5py.File(data_folder / "catvnoncat" / f"{which}_catvnoncat.h5") as file:
            pictures, labels = file[f"{which}_set_x"][:], file[f"{which}_set_y"][:]
        return pictures.reshape(len(pictures), -1).T / 255, labels.reshape(1, -1)

    return {which: read(which) for which in ("train", "test")}


def train(
    X: Array,
    Y: Array,
    parameters: Parameters,
    *,
    learning_rate: float,
    iterations: int,
    record_every: int = 1,
    **options: Any,
) -> tuple[Parameters, list[float]]:
    """The course's loop; `options` are those of both directions."""
    loss = {key: options.pop(key) for key in ("loss",) if key in options}
    costs = []
    for iteration in range(iterations):
        AL, caches = blocks.L_model_forward(X, parameters, **options)
        if iteration % record_every == 0:
            costs.append(blocks.compute_cost(AL, Y, **loss))
        grads = blocks.L_model_backward(AL, Y, caches, **options, **loss)
        parameters = blocks.update_parameters(parameters, grads, learning_rate)
    return parameters, costs


def right(X: Array, Y: Array, parameters: Parameters) -> int:
    AL, _ = blocks.L_model_forward(X, parameters)
    return int(np.sum((AL > 0.5) == Y))


@pytest.mark.parametrize(
    ("case_id", "init", "layer_dims", "right_in_training", "right_in_test"),
    [
        ("app_L_layer_model", "lecun_normal", [12288, 20, 7, 5, 1], 206, 40),
        (LOGISTIC, "zeros", [12288, 1], 207, 35),
    ],
)
def test_course_trains_on_cats(
    case_id: str,
    init: str,
    layer_dims: list[int],
    right_in_training: int,
    right_in_test: int,
    cases: dict[str, dict[str, Any]],
    cats: dict[str, tuple[Array, Array]],
) -> None:
    inputs, printed = (cases[case_id][key] for key in ("inputs", "expected_printed"))
    parameters, costs = train(
        *cats["train"],
        blocks.initialize_parameters_deep(layer_dims, init=init),
        learning_rate=inputs["learning_rate"],
        iterations=inputs["num_iterations"],
        record_every=100,
    )
    np.testing.assert_allclose(costs, printed["costs_every_100"], rtol=0, atol=0.51e-6)
    assert right(*cats["train"], parameters) == right_in_training
    assert right(*cats["test"], parameters) == right_in_test
    assert right_in_training / 209 == pytest.approx(printed["train_accuracy"], abs=1e-12)
    assert right_in_test / 50 == pytest.approx(printed["test_accuracy"], abs=1e-12)


@pytest.mark.parametrize(
    ("learning_rate", "printed"),
    [(0.01, "train 99.5215 / test 68"), (0.001, "88.9952 / 64"), (0.0001, "68.4211 / 36")],
)
def test_course_s_other_rates_of_logistic_regression(
    learning_rate: float,
    printed: str,
    cases: dict[str, dict[str, Any]],
    cats: dict[str, tuple[Array, Array]],
) -> None:
    assert f"{learning_rate:f}".rstrip("0") + " -> " + printed in cases[LOGISTIC]["note"]
    parameters, _ = train(
        *cats["train"],
        blocks.initialize_parameters_deep([12288, 1], init="zeros"),
        learning_rate=learning_rate,
        iterations=1500,
        record_every=1500,
    )
    in_training, in_test = (float(number) for number in re.findall(r"[\d.]+", printed))
    assert 100 * right(*cats["train"], parameters) / 209 == pytest.approx(in_training, abs=5e-5)
    assert 100 * right(*cats["test"], parameters) / 50 == in_test


# The same, on what the tests make themselves ------------------------------------------------


def ring(m: int = 300) -> tuple[Array, Array]:
    """Points of the plane, and whether they lie near the origin."""
    X = np.random.default_rng(3).normal(size=(2, m))
    return X, (np.sum(X**2, axis=0, keepdims=True) < 1.2).astype(float)


@pytest.mark.parametrize(
    ("layer_dims", "activations", "loss", "learning_rate"),
    [
        ([2, 20, 7, 5, 1], ["relu", "relu", "relu", "sigmoid"], "binary_cross_entropy", 0.3),
        ([2, 4, 1], ["tanh", "sigmoid"], "binary_cross_entropy", 1.2),
        ([2, 1], ["sigmoid"], "binary_cross_entropy", 0.5),
        ([2, 6, 2], ["silu", "softmax"], "categorical_cross_entropy", 0.5),
        ([2, 6, 1], ["elu", "identity"], "mean_squared_error", 0.1),
    ],
    ids=["four layers", "hidden tanh", "logistic", "softmax", "regression"],
)
def test_whole_cost_trajectory_is_the_reference_s(
    layer_dims: list[int], activations: list[str], loss: str, learning_rate: float
) -> None:
    X, Y = ring()
    if layer_dims[-1] == 2:
        Y = np.concatenate([1 - Y, Y])
    parameters = blocks.initialize_parameters_deep(layer_dims)
    _, costs = train(
        X,
        Y,
        parameters,
        learning_rate=learning_rate,
        iterations=200,
        activations=activations,
        loss=loss,
    )
    expected = []
    for _ in range(200):
        A, _ = reference.network_forward(X, parameters, activations)
        expected.append(reference.cost(loss, A[-1], Y))
        gradients = reference.network_backward(X, Y, parameters, activations, loss)
        parameters = {
            name: array - learning_rate * gradients[f"d{name}"]
            for name, array in parameters.items()
        }
    np.testing.assert_allclose(costs, expected, rtol=1e-9)
    assert costs[-1] < costs[0]


def test_four_layers_learn_the_ring() -> None:
    X, Y = ring()
    parameters, _ = train(
        X,
        Y,
        blocks.initialize_parameters_deep([2, 20, 7, 5, 1]),
        learning_rate=0.3,
        iterations=600,
    )
    assert right(X, Y, parameters) >= 285


# A worked example: ReLU hidden layer, sigmoid output at Z2 = 0, all fractions -----------------
#
#     Z1 = W1 X + b1 = [-1 4; 1 3]      A1 = [0 4; 1 3]      Z2 = [0 0]      AL = [1/2 1/2]
#     dZ2 = AL - Y = [-1/2 1/2]         dA1 = W2^T dZ2       dZ1 = dA1 where Z1 > 0

BY_HAND_X = np.array([[1.0, 2.0], [3.0, -1.0]])
BY_HAND_Y = np.array([[1, 0]])
BY_HAND_PARAMETERS = {
    "W1": np.array([[1.0, -1.0], [2.0, 0.0]]),
    "b1": np.array([[1.0], [-1.0]]),
    "W2": np.array([[1.0, -2.0]]),
    "b2": np.array([[2.0]]),
}
BY_HAND_GRADS = {
    "dW2": np.array([[1.0, 0.5]]),
    "db2": np.array([[0.0]]),
    "dA1": np.array([[-0.5, 0.5], [1.0, -1.0]]),
    "dW1": np.array([[0.5, -0.25], [-0.5, 2.0]]),
    "db1": np.array([[0.25], [0.0]]),
    "dA0": np.array([[2.0, -1.5], [0.0, -0.5]]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_worked_example(dtype: type) -> None:
    X, parameters = BY_HAND_X.astype(dtype), as_dtype(dtype, BY_HAND_PARAMETERS)
    AL, caches = blocks.L_model_forward(X, parameters)
    np.testing.assert_array_equal(AL, [[0.5, 0.5]])
    np.testing.assert_array_equal(caches[0][1], [[-1, 4], [1, 3]])
    np.testing.assert_array_equal(caches[1][0][0], [[0, 4], [1, 3]])
    assert blocks.compute_cost(AL, BY_HAND_Y) == pytest.approx(np.log(2), rel=1e-7)
    grads = blocks.L_model_backward(AL, BY_HAND_Y, caches, input_gradient=True)
    assert grads.keys() == BY_HAND_GRADS.keys()
    for name, expected in BY_HAND_GRADS.items():
        np.testing.assert_array_equal(grads[name], expected, err_msg=name)
    updated = blocks.update_parameters(parameters, grads, 2.0)
    np.testing.assert_array_equal(updated["W1"], [[0, -0.5], [3, -4]])
    np.testing.assert_array_equal(updated["b1"], [[0.5], [-1]])
    np.testing.assert_array_equal(updated["W2"], [[-1, -3]])
    np.testing.assert_array_equal(updated["b2"], [[2]])
    assert {array.dtype for array in (AL, *grads.values(), *updated.values())} == {np.dtype(dtype)}


def test_dA0_is_there_only_when_asked_for() -> None:
    AL, caches = blocks.L_model_forward(BY_HAND_X, BY_HAND_PARAMETERS)
    grads = blocks.L_model_backward(AL, BY_HAND_Y, caches)
    assert grads.keys() == BY_HAND_GRADS.keys() - {"dA0"}


@pytest.mark.parametrize(
    ("loss", "AL", "Y", "expected"),
    [
        ("mean_squared_error", [[1.0, 2.0], [3.0, 5.0]], [[0.0, 2.0], [1.0, 2.0]], 3.5),
        ("binary_cross_entropy", [[0.5, 0.25]], [[1, 0]], (np.log(2) + np.log(4 / 3)) / 2),
        ("binary_cross_entropy", [[0.5], [0.25]], [[1], [0]], (np.log(2) + np.log(4 / 3)) / 2),
        ("categorical_cross_entropy", [[0.5, 0.25], [0.5, 0.75]], [[1, 0], [0, 1]],
         (np.log(2) + np.log(4 / 3)) / 2),
        ("categorical_cross_entropy", [[0.5], [0.5]], [[0.25], [0.75]], np.log(2)),
    ],
)  # fmt: skip
def test_cost_by_hand(loss: str, AL: list[Any], Y: list[Any], expected: float) -> None:
    cost = blocks.compute_cost(np.array(AL), np.array(Y), loss=loss)
    assert type(cost) is float
    assert cost == pytest.approx(expected, rel=1e-15)


# Initialisation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "scale"),
    [
        ("lecun_normal", lambda n, n_prev: n_prev**-0.5),
        ("small_normal", lambda n, n_prev: 0.01),
        ("he_normal", lambda n, n_prev: (2 / n_prev) ** 0.5),
        ("glorot_normal", lambda n, n_prev: (2 / (n + n_prev)) ** 0.5),
        ("zeros", lambda n, n_prev: 0),
    ],
)
def test_initialize_parameters_deep(init: str, scale: Callable[[int, int], float]) -> None:
    parameters = blocks.initialize_parameters_deep([5, 4, 3], init=init, seed=7)
    generator = np.random.RandomState(7)
    W1, W2 = generator.randn(4, 5) * scale(4, 5), generator.randn(3, 4) * scale(3, 4)
    expected = {"W1": W1, "b1": np.zeros((4, 1)), "W2": W2, "b2": np.zeros((3, 1))}
    assert_close(parameters, expected, 1e-15)
    assert list(parameters) == ["W1", "b1", "W2", "b2"]


def test_defaults_of_initialisation_are_the_course_s() -> None:
    W1 = np.random.RandomState(1).randn(4, 3)
    np.testing.assert_array_equal(
        blocks.initialize_parameters_deep([3, 4, 1])["W1"], W1 / np.sqrt(3)
    )
    np.testing.assert_array_equal(blocks.initialize_parameters(3, 4, 1)["W1"], W1 * 0.01)
    assert blocks.initialize_parameters(3, 4, 2, init="zeros")["W2"].shape == (2, 4)


# Against the reference -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_one_layer_is_the_reference_s(activation: str, dtype: type) -> None:
    rng = np.random.default_rng(5)
    A_prev, W, b, dA = (
        rng.normal(scale=2, size=size).astype(dtype) for size in [(6, 9), (5, 6), (5, 1), (5, 9)]
    )
    exact_A_prev, exact_W, exact_b, exact_dA = (x.astype(float) for x in (A_prev, W, b, dA))
    Z, linear_cache = blocks.linear_forward(A_prev, W, b)
    A, cache = blocks.linear_activation_forward(A_prev, W, b, activation)
    exact_Z = reference.dense_forward(exact_W, exact_b, exact_A_prev)
    exact = {"Z": exact_Z, "A": reference.activation_forward(activation, exact_Z)}
    assert_close({"Z": Z, "A": A}, exact, TOLERANCE[dtype])
    np.testing.assert_array_equal(cache[1], Z)

    # From the Z of the cache, as rounding may put it on the other side of a kink.
    names = ("dA_prev", "dW", "db")
    dZ = reference.activation_backward(activation, exact_dA, Z.astype(float))
    expected = dict(zip(names, reference.dense_backward(exact_W, exact_A_prev, dZ), strict=True))
    backward = blocks.linear_activation_backward(dA, cache, activation)
    assert_close(dict(zip(names, backward, strict=True)), expected, TOLERANCE[dtype])
    linear = blocks.linear_backward(dZ.astype(dtype), linear_cache)
    assert_close(dict(zip(names, linear, strict=True)), expected, TOLERANCE[dtype])
    assert {x.dtype for x in (Z, A, *backward, *linear)} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("activation", "loss"), OUTPUTS_OF_LOSSES)
def test_any_activation_with_any_loss(activation: str, loss: str, dtype: type) -> None:
    X, parameters = random_network([4, 5, 3], 7, output=activation)
    Y = random_Y(loss, 3, 7)
    activations = [activation, activation]
    X, parameters = X.astype(dtype), as_dtype(dtype, parameters)
    AL, caches = blocks.L_model_forward(X, parameters, activations=activations)
    grads = blocks.L_model_backward(
        AL, Y, caches, activations=activations, loss=loss, input_gradient=True
    )
    exact_X, exact_parameters = X.astype(float), as_dtype(float, parameters)
    A, _ = reference.network_forward(exact_X, exact_parameters, activations)
    expected = reference.network_backward(exact_X, Y, exact_parameters, activations, loss)
    del expected["dA2"]
    assert_close({"AL": AL}, {"AL": A[-1]}, TOLERANCE[dtype])
    assert_close(grads, expected, 10 * TOLERANCE[dtype])
    cost = blocks.compute_cost(AL, Y, loss=loss)
    assert cost == pytest.approx(reference.cost(loss, A[-1], Y), rel=TOLERANCE[dtype])


@pytest.mark.parametrize(("activation", "loss"), OUTPUTS_OF_LOSSES)
def test_gradients_are_central_differences(activation: str, loss: str) -> None:
    X, parameters = random_network([4, 5, 3], 7, output=activation)
    Y = random_Y(loss, 3, 7)
    options: Any = {"activations": [activation, activation]}
    check = blocks.gradient_check(parameters, X, Y, loss=loss, epsilon=1e-5, **options)
    assert check.relative_difference < 1e-8

    def total_loss(X: Array) -> float:
        AL, _ = blocks.L_model_forward(X, parameters, **options)
        return blocks.compute_cost(AL, Y, loss=loss) * 7

    AL, caches = blocks.L_model_forward(X, parameters, **options)
    grads = blocks.L_model_backward(AL, Y, caches, loss=loss, input_gradient=True, **options)
    dA0 = reference.central_difference(total_loss, X, step=1e-5)
    assert_close({"dA0": grads["dA0"]}, {"dA0": dA0}, 1e-7)


@settings(max_examples=40, deadline=None)
@given(
    n=st.lists(st.integers(1, 17), min_size=2, max_size=5),
    m=st.integers(1, 19),
    seed=st.integers(0, 1000),
)
def test_networks_of_any_shape(n: list[int], m: int, seed: int) -> None:
    X, parameters = random_network(n, m, seed=seed)
    Y = random_Y("binary_cross_entropy", n[-1], m, seed=seed)
    AL, caches = blocks.L_model_forward(X, parameters)
    activations = ["relu"] * (len(n) - 2) + ["sigmoid"]
    A, _ = reference.network_forward(X, parameters, activations)
    expected = reference.network_backward(X, Y, parameters, activations, "binary_cross_entropy")
    del expected[f"dA{len(n) - 1}"]
    assert_close({"AL": AL}, {"AL": A[-1]}, 1e-12)
    assert_close(blocks.L_model_backward(AL, Y, caches, input_gradient=True), expected, 1e-10)


# What the caches know --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activations", "loss"),
    [
        (["tanh", "softmax"], "categorical_cross_entropy"),
        (["elu", "sigmoid"], "binary_cross_entropy"),
        (["swish", "linear"], "mean_squared_error"),
        (["sigmoid", "exponential"], "mean_squared_error"),
    ],
)
def test_backward_needs_to_be_told_nothing_again(activations: list[str], loss: str) -> None:
    X, parameters = random_network([4, 5, 3], 7, output=activations[-1])
    Y = random_Y("categorical_cross_entropy", 3, 7)
    AL, caches = blocks.L_model_forward(X, parameters, activations=activations)
    core = [{"swish": "silu", "linear": "identity"}.get(name, name) for name in activations]
    expected = reference.network_backward(X, Y, parameters, core, loss)
    del expected["dA0"], expected["dA2"]
    assert_close(blocks.L_model_backward(AL, Y, caches), expected, 1e-10)
    told = blocks.L_model_backward(AL, Y, caches, activations=activations, loss=loss)
    assert_close(told, expected, 1e-10)
    for same in (copy.deepcopy(caches), pickle.loads(pickle.dumps(caches))):
        assert_close(blocks.L_model_backward(AL, Y, same), expected, 1e-10)
    plain = [tuple(cache) for cache in caches]
    told = blocks.L_model_backward(AL, Y, plain, activations=activations)  # type: ignore[arg-type]
    assert_close(told, expected, 1e-10)


def test_a_layer_s_cache_knows_its_activation() -> None:
    X, parameters = random_network([4, 3], 7)
    W, b, dA = parameters["W1"], parameters["b1"], np.ones((3, 7))
    _, cache = blocks.linear_activation_forward(X, W, b, "tanh")
    assert cache.activation == "tanh"
    linear_cache, Z = cache
    told = blocks.linear_activation_backward(dA, (linear_cache, Z), "tanh")
    for expected, found in zip(told, blocks.linear_activation_backward(dA, cache), strict=True):
        np.testing.assert_array_equal(found, expected)
    # A model of one's own, layer by layer.
    A1, first = blocks.linear_activation_forward(X, W, b, "softplus")
    A2, second = blocks.linear_activation_forward(A1, np.ones((1, 3)), np.zeros((1, 1)), "sigmoid")
    Y = np.array([0, 1, 1, 0, 1, 0, 0])
    grads = blocks.L_model_backward(A2, Y, [first, second])
    both = {"W1": W, "b1": b, "W2": np.ones((1, 3)), "b2": np.zeros((1, 1))}
    check = blocks.gradient_check(
        both, X, Y, activations=["softplus", "sigmoid"], gradients=grads, epsilon=1e-5
    )
    assert check.relative_difference < 1e-7


def test_plain_caches_are_the_course_s() -> None:
    X, parameters = random_network([4, 5, 1], 7)
    AL, caches = blocks.L_model_forward(X, parameters)
    Y = random_Y("binary_cross_entropy", 1, 7)
    plain: Any = [tuple(cache) for cache in caches]
    assert_close(
        blocks.L_model_backward(AL, Y, plain), blocks.L_model_backward(AL, Y, caches), 1e-15
    )


# Targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_labels_stand_for_one_hot_columns(dtype: type) -> None:
    X, parameters = random_network([4, 5, 3], 6)
    labels = np.array([2, 0, 1, 1, 2, 0], dtype)
    options: Any = {"activations": ["relu", "softmax"], "loss": "categorical_cross_entropy"}
    AL, caches = blocks.L_model_forward(X, parameters, activations=options["activations"])
    one_hot = np.eye(3)[:, labels]
    for Y in (labels, labels.reshape(1, -1)):
        assert blocks.compute_cost(AL, Y, loss=options["loss"]) == blocks.compute_cost(
            AL, one_hot, loss=options["loss"]
        )
        assert_close(
            blocks.L_model_backward(AL, Y, caches, **options),
            blocks.L_model_backward(AL, one_hot, caches, **options),
            1e-15,
        )


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 7), (7,)])
def test_targets_of_any_dtype_give_the_same(dtype: type, shape: tuple[int, ...]) -> None:
    X, parameters = random_network([4, 5, 1], 7)
    Y = random_Y("binary_cross_entropy", 1, 7)
    AL, caches = blocks.L_model_forward(X, parameters)
    same = Y.astype(dtype).reshape(shape)
    assert blocks.compute_cost(AL, same) == blocks.compute_cost(AL, Y)
    expected = blocks.L_model_backward(AL, Y, caches)
    for name, gradient in blocks.L_model_backward(AL, same, caches).items():
        np.testing.assert_array_equal(gradient, expected[name])


def test_bool_labels_name_two_classes() -> None:
    AL = np.array([[0.25, 0.5], [0.75, 0.5]])
    cost = blocks.compute_cost(AL, np.array([True, False]), loss="categorical_cross_entropy")
    assert cost == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)


# Saturation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturated_sigmoid(dtype: type) -> None:
    # Right and wrong at both ends; the sixth is so near 0 that 1/AL overflows in either dtype.
    Z = np.array([[-2000, 2000, -2000, 2000, 0.5, -100 if dtype is np.float32 else -740]], dtype)
    Y = np.array([[0, 1, 1, 0, 1, 1]])
    parameters = {"W1": np.ones((1, 1), dtype), "b1": np.zeros((1, 1), dtype)}
    AL, caches = blocks.L_model_forward(Z, parameters)
    assert AL[0, :4].tolist() == [0, 1, 0, 1]
    assert 0 < AL[0, 5] < np.finfo(dtype).tiny
    assert blocks.compute_cost(AL[:, :2], Y[:, :2]) == 0
    assert blocks.compute_cost(AL, Y) == np.inf
    dA0 = blocks.L_model_backward(AL, Y, caches, input_gradient=True)["dA0"]
    expected = [[0, 0, -1, 1, AL[0, 4] - 1, -1]]
    np.testing.assert_allclose(dA0, expected, rtol=1e-6)
    assert dA0.dtype == dtype


def test_saturated_sigmoid_of_two_outputs_is_a_mean() -> None:
    Z = np.array([[2000.0, 0.3], [0.1, -0.2]])
    Y = np.array([[0, 1], [1, 0]])
    AL, caches = blocks.L_model_forward(Z, {"W1": np.eye(2), "b1": np.zeros((2, 1))})
    dA0 = blocks.L_model_backward(AL, Y, caches, input_gradient=True)["dA0"]
    np.testing.assert_allclose(dA0, (AL - Y) / 2, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("as_labels", [False, True])
def test_saturated_softmax(as_labels: bool, dtype: type) -> None:
    near_0 = -100 if dtype is np.float32 else -740
    # Right, wrong, not saturated, all but overflowing, and wrong between two that are open.
    Z = np.array(
        [[0, -2000, 3, 0, 1], [-2000, 0, 1, near_0, 0], [-2000, -2000, 2, -2000, -2000]], dtype
    )
    labels = np.array([0, 0, 1, 1, 2])
    Y = labels if as_labels else np.eye(3)[:, labels]
    parameters = {"W1": np.eye(3, dtype=dtype), "b1": np.zeros((3, 1), dtype)}
    options: Any = {"activations": ["softmax"]}
    AL, caches = blocks.L_model_forward(Z, parameters, **options)
    loss = "categorical_cross_entropy"
    assert AL[:, :2].tolist() == [[1, 0], [0, 1], [0, 0]]
    assert blocks.compute_cost(AL[:, :1], Y[..., :1], loss=loss) == 0
    assert blocks.compute_cost(AL, Y, loss=loss) == np.inf
    grads = blocks.L_model_backward(AL, Y, caches, loss=loss, input_gradient=True, **options)
    np.testing.assert_allclose(grads["dA0"], AL - np.eye(3)[:, labels], rtol=1e-5, atol=1e-30)
    assert grads["dA0"].dtype == dtype
    half = blocks.L_model_backward(AL, np.eye(3)[:, labels] / 2, caches, loss=loss, **options)
    np.testing.assert_allclose(half["dW1"], grads["dW1"] / 2, rtol=1e-5, atol=1e-30)


def test_saturation_does_not_hide_inconsistent_caches() -> None:
    """Away from saturation dZ is dA times g'(Z) of the cached Z, even if AL is no probability."""
    AL, Y = np.array([[1.5, 1.0, 1.0, 0.5]]), np.array([[1.0, 0.0, 1.0, 0.0]])
    cache = ((np.ones((1, 4)), np.ones((1, 1)), np.zeros((1, 1))), np.zeros((1, 4)))
    grads = blocks.L_model_backward(AL, Y, [cache], input_gradient=True)
    np.testing.assert_allclose(grads["dA0"], [[-1 / 1.5 / 4, 1, 0, 2 / 4]], rtol=1e-15)


# Memory --------------------------------------------------------------------------------------


def unaligned(array: Array) -> Array:
    memory = bytearray(array.nbytes + 1)
    view: Array = np.ndarray(array.shape, array.dtype, buffer=memory, offset=1)
    view[...] = array
    return view


def strided(array: Array) -> Array:
    wide = np.full([3 * size for size in array.shape], np.nan, array.dtype)
    wide[::3, 1::3] = array
    return wide[::3, 1::3]


def read_only(array: Array) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


ARRANGEMENTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "negative strides": lambda array: array[::-1, ::-1].copy()[::-1, ::-1],
    "strided": strided,
    "read-only": read_only,
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
}


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_order_does_not_matter(arrangement: str, dtype: type) -> None:
    X, parameters = random_network([5, 4, 1], 3)
    Y = random_Y("binary_cross_entropy", 1, 3)
    results = []
    for arrange in (np.asfortranarray, ARRANGEMENTS[arrangement]):
        p = {name: arrange(array) for name, array in as_dtype(dtype, parameters).items()}
        AL, caches = blocks.L_model_forward(arrange(X.astype(dtype)), p)
        caches = [(tuple(arrange(array) for array in linear), arrange(Z)) for linear, Z in caches]
        AL = arrange(AL)
        grads = blocks.L_model_backward(AL, arrange(Y), caches, input_gradient=True)
        updated = blocks.update_parameters(
            p, {name: arrange(array) for name, array in grads.items()}, 0.1
        )
        results.append({"AL": AL, "cost": blocks.compute_cost(AL, arrange(Y)), **grads, **updated})
    assert_close(results[1], results[0], TOLERANCE[dtype])


def test_inputs_are_not_modified_and_not_shared() -> None:
    X, parameters = random_network([5, 4, 1], 3)
    Y = random_Y("binary_cross_entropy", 1, 3)
    inputs = {"X": X, "Y": Y, **parameters}
    before = {name: array.copy() for name, array in inputs.items()}
    for array in inputs.values():
        array.flags.writeable = False
    # identity is where an output would be its input, were it not copied
    activations = ["identity", "sigmoid"]
    AL, caches = blocks.L_model_forward(X, parameters, activations=activations)
    grads = blocks.L_model_backward(AL, Y, caches, activations=activations, input_gradient=True)
    updated = blocks.update_parameters(parameters, grads, 0.0)
    blocks.gradient_check(parameters, X, Y, activations=activations)
    for name, array in before.items():
        np.testing.assert_array_equal(inputs[name], array)
    given = [*inputs.values(), caches[1][0][0], caches[0][1], caches[1][1]]
    for result in (AL, *grads.values(), *updated.values()):
        assert result.flags.writeable
        assert not any(np.shares_memory(result, array) for array in given)
    assert not np.shares_memory(caches[1][0][0], caches[0][1])
    (A_0, W1, b1), _ = caches[0]
    assert A_0 is X
    assert W1 is parameters["W1"]
    assert b1 is parameters["b1"]


def test_blocks_hand_their_arrays_to_the_cache() -> None:
    A_prev, W, b = np.ones((2, 3)), np.ones((4, 2)), np.ones((4, 1))
    _, linear_cache = blocks.linear_forward(A_prev, W, b)
    _, (same_cache, Z) = blocks.linear_activation_forward(A_prev, W, b, "tanh")
    for cache in (linear_cache, same_cache):
        assert [id(array) for array in cache] == [id(A_prev), id(W), id(b)]
    assert Z.shape == (4, 3)


@pytest.mark.parametrize(
    ("X_dtype", "W_dtype", "expected"),
    [
        (np.float32, np.float32, np.float32),
        (np.float32, np.float64, np.float64),
        (np.float16, np.float32, np.float64),
        (">f4", np.float32, np.float32),
        (np.uint8, np.float32, np.float64),
        (bool, np.int64, np.float64),
    ],
)
def test_dtype_of_the_work(X_dtype: npt.DTypeLike, W_dtype: type, expected: type) -> None:
    X = np.array([[0, 1, 1]]).astype(X_dtype)
    parameters = {
        "W1": np.ones((2, 1), np.float32),
        "b1": np.zeros((2, 1), np.float32),
        "W2": np.ones((1, 2), W_dtype),
        "b2": np.zeros((1, 1), np.float32),
    }
    AL, caches = blocks.L_model_forward(X, parameters)
    grads = blocks.L_model_backward(AL, np.array([0.0, 1.0, 0.0]), caches)
    updated = blocks.update_parameters(parameters, grads, np.float64(0.5))
    # The first layer, too, works in the dtype of the whole call.
    results = (AL, caches[0][1], *grads.values(), *updated.values())
    assert {array.dtype for array in results} == {np.dtype(expected)}
    np.testing.assert_allclose(AL, reference.sigmoid(2 * X.astype(float)), rtol=1e-6)


# NaN and Inf ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", _core.activation_names())
def test_nan_stays_nan_and_spoils_no_other_example(activation: str) -> None:
    X, parameters = random_network([3, 2], 4)
    X[1, 2] = np.nan
    A, cache = blocks.linear_activation_forward(X, parameters["W1"], parameters["b1"], activation)
    assert np.isnan(A).tolist() == [[False, False, True, False]] * 2
    dA_prev, dW, db = blocks.linear_activation_backward(
        np.where(np.isnan(A), np.nan, 1.0), cache, activation
    )
    assert np.isnan(dA_prev).tolist() == [[False, False, True, False]] * 3
    assert np.isnan(dW).all()
    assert np.isnan(db).all()


@pytest.mark.parametrize("loss", reference.LOSSES)
@pytest.mark.parametrize("where", ["AL", "Y"])
def test_nan_reaches_cost_and_gradients(loss: str, where: str) -> None:
    output = "softmax" if loss == "categorical_cross_entropy" else "sigmoid"
    X, parameters = random_network([3, 2], 4)
    AL, caches = blocks.L_model_forward(X, parameters, activations=[output])
    Y = random_Y(loss, 2, 4)
    (AL if where == "AL" else Y)[0, 1] = np.nan
    assert np.isnan(blocks.compute_cost(AL, Y, loss=loss))
    grads = blocks.L_model_backward(
        AL, Y, caches, activations=[output], loss=loss, input_gradient=True
    )
    assert np.isnan(grads["dA0"]).any(axis=0).tolist() == [False, True, False, False]
    assert np.isnan(grads["db1"]).any()


def test_inf_propagates() -> None:
    W, b = np.array([[1.0, 2.0]]), np.array([[0.0]])
    A_prev = np.array([[np.inf, 1.0, -np.inf], [1.0, 1.0, 1.0]])
    Z, linear_cache = blocks.linear_forward(A_prev, W, b)
    np.testing.assert_array_equal(Z, [[np.inf, 3, -np.inf]])
    A, _ = blocks.linear_activation_forward(A_prev, W, b, "sigmoid")
    np.testing.assert_allclose(A, [[1, reference.sigmoid(np.array(3.0)), 0]])
    A, _ = blocks.linear_activation_forward(A_prev, W, b, "relu")
    np.testing.assert_array_equal(A, [[np.inf, 3, 0]])
    dA_prev, _, db = blocks.linear_backward(np.array([[1.0, -np.inf, 2.0]]), linear_cache)
    np.testing.assert_array_equal(dA_prev, [[1, -np.inf, 2], [2, -np.inf, 4]])
    np.testing.assert_array_equal(db, [[-np.inf]])


# gradient_check ------------------------------------------------------------------------------


def test_gradient_check_accepts_the_course_s_defaults() -> None:
    X, parameters = random_network([4, 5, 3, 1], 9)
    Y = random_Y("binary_cross_entropy", 1, 9)
    check = blocks.gradient_check(parameters, X, Y)
    assert check.relative_difference < 1e-7
    # float32 parameters are checked in float64
    as_float32 = blocks.gradient_check(as_dtype(np.float32, parameters), X.astype(np.float32), Y)
    assert as_float32.relative_difference < 1e-7


def test_gradient_check_finds_the_wrong_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    X, parameters = random_network([4, 5, 3, 1], 9)
    Y = random_Y("binary_cross_entropy", 1, 9)
    backward = blocks.L_model_backward
    AL, caches = blocks.L_model_forward(X, parameters)
    right_value = backward(AL, Y, caches)["dW2"][1, 3]

    def tampered(*arguments: Any, **options: Any) -> dict[str, Array]:
        grads = backward(*arguments, **options)
        grads["dW2"][1, 3] += 0.5
        return grads

    monkeypatch.setattr(central_differences, "L_model_backward", tampered)
    check = blocks.gradient_check(parameters, X, Y)
    assert check.relative_difference > 0.1
    assert (check.worst_parameter, check.worst_index) == ("W2", (1, 3))
    assert check.gradient == pytest.approx(right_value + 0.5, abs=1e-12)
    assert check.numerical_gradient == pytest.approx(right_value, abs=1e-7)


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "identity"])
def test_gradient_check_finds_the_wrong_entry_of_your_own(output: str) -> None:
    X, parameters = random_network([4, 5, 3], 9, output=output)
    Y = random_Y("categorical_cross_entropy", 3, 9)
    activations = ["tanh", output]
    AL, caches = blocks.L_model_forward(X, parameters, activations=activations)
    mine = blocks.L_model_backward(AL, Y, caches)
    right_value = mine["db1"][4, 0]
    check = blocks.gradient_check(parameters, X, Y, activations=activations, gradients=mine)
    assert check == blocks.gradient_check(parameters, X, Y, activations=activations)
    assert check.relative_difference < 1e-7
    mine["db1"][4, 0] *= -1
    check = blocks.gradient_check(parameters, X, Y, activations=activations, gradients=mine)
    assert check.relative_difference > 1e-3
    assert (check.worst_parameter, check.worst_index) == ("b1", (4, 0))
    assert check.gradient == -right_value
    assert check.numerical_gradient == pytest.approx(right_value, abs=1e-7)


def test_relative_difference_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # J = (w - 1)^2 at w = 3: dJ/dw = 4, and b the same
    parameters = {"W1": np.array([[3.0]]), "b1": np.array([[0.0]])}
    options: Any = {"activations": ["identity"], "loss": "mean_squared_error", "epsilon": 1e-3}
    monkeypatch.setattr(
        central_differences,
        "L_model_backward",
        lambda *_, **__: {"dW1": np.array([[4.0]]), "db1": np.array([[1.0]])},
    )
    check = blocks.gradient_check(parameters, np.ones((1, 1)), np.ones((1, 1)), **options)
    # |(0, -3)| / (|(4, 1)| + |(4, 4)|)
    assert check.relative_difference == pytest.approx(3 / (17**0.5 + 32**0.5), rel=1e-9)
    assert (check.worst_parameter, check.worst_index) == ("b1", (0, 0))


def test_gradient_check_of_zero_gradients_is_zero() -> None:
    zeros = {"W1": np.zeros((1, 2)), "b1": np.zeros((1, 1))}
    options: Any = {"activations": ["identity"], "loss": "mean_squared_error"}
    check = blocks.gradient_check(zeros, np.zeros((2, 3)), np.zeros((1, 3)), **options)
    assert check.relative_difference == 0


def test_gradient_check_reports_nan() -> None:
    X, parameters = random_network([2, 1], 3)
    X[0, 0] = np.nan
    check = blocks.gradient_check(parameters, X, np.array([[0, 1, 0]]))
    assert np.isnan(check.relative_difference)
    assert np.isnan(check.gradient)


# Errors --------------------------------------------------------------------------------------

REAL = "expected real numbers: float32, float64, integers or bools"
NAMES = ", ".join(_core.activation_names())
LOSSES = ", ".join(
    name for name in _core.loss_names() if name != "quantile" and not name.endswith("focal")
)
ONES = np.ones
LAYER = (ONES((2, 5)), ONES((3, 2)), ONES((3, 1)))  # A_prev, W, b
MODEL: Parameters = {"W1": ONES((3, 2)), "b1": ONES((3, 1)), "W2": ONES((1, 3)), "b2": ONES((1, 1))}
X_OF_MODEL = ONES((2, 5))
AL_OF_MODEL = np.full((1, 5), 0.5)
CACHES: Any = [(LAYER, ONES((3, 5))), ((ONES((3, 5)), ONES((1, 3)), ONES((1, 1))), ONES((1, 5)))]
KNOWING_CACHES: Any = blocks.L_model_forward(X_OF_MODEL, MODEL)[1]
GRADS: Parameters = {f"d{name}": array for name, array in MODEL.items()}


def model_with(**changes: Array | None) -> Any:
    return {name: array for name, array in (MODEL | changes).items() if array is not None}


def caches_with(layer: int, **changes: Any) -> Any:
    """CACHES with something else in the place of a layer's A_prev, W, b or Z."""
    (A_prev, W, b), Z = CACHES[layer - 1]
    old = {"A_prev": A_prev, "W": W, "b": b, "Z": Z} | changes
    new = ((old["A_prev"], old["W"], old["b"]), old["Z"])
    return [new if i == layer - 1 else cache for i, cache in enumerate(CACHES)]


def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[], Any]:
    return lambda: function(*arguments, **options)


ERRORS: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    # initialisation
    (ValueError, "initialize_parameters_deep: init is 'he': expected one of "
     "lecun_normal, small_normal, he_normal, glorot_normal, zeros; did you mean 'he_normal'?",
     call(blocks.initialize_parameters_deep, [2, 1], init="he")),
    (ValueError, "initialize_parameters_deep: layer_dims is [2]: "
     "expected n_0, n_1, ..., n_L, two sizes or more",
     call(blocks.initialize_parameters_deep, [2])),
    (ValueError, "initialize_parameters_deep: layer_dims[1] is 0: "
     "expected an integer of at least 1",
     call(blocks.initialize_parameters_deep, [2, 0, 1])),
    (TypeError, "initialize_parameters_deep: layer_dims[2] is 1.5: expected an integer",
     call(blocks.initialize_parameters, 2, 3, 1.5)),
    # one layer
    (ValueError, "linear_forward: W is (3, 4) but A_prev is (5, 32): expected W (n_l, 5)",
     call(blocks.linear_forward, ONES((5, 32)), ONES((3, 4)), ONES((3, 1)))),
    (ValueError, "linear_forward: b is (3,) but W is (3, 2): "
     "expected b (3, 1), a column: b.reshape(3, 1)",
     call(blocks.linear_forward, ONES((2, 5)), ONES((3, 2)), ONES(3))),
    (ValueError, "linear_activation_forward: b is (1, 3) but W is (3, 2): expected b (3, 1); "
     "b.T would fit",
     call(blocks.linear_activation_forward, *LAYER[:2], ONES((1, 3)), "relu")),
    (ValueError, "linear_forward: A_prev is (2,): expected two dimensions, neither of them 0",
     call(blocks.linear_forward, ONES(2), *LAYER[1:])),
    (ValueError, "linear_forward: A_prev is (2, 0): expected two dimensions, neither of them 0",
     call(blocks.linear_forward, ONES((2, 0)), *LAYER[1:])),
    (ValueError, "linear_forward: W is (0, 2): expected two dimensions, neither of them 0",
     call(blocks.linear_forward, LAYER[0], ONES((0, 2)), ONES((0, 1)))),
    (TypeError, f"linear_forward: W is an array of complex128: {REAL}",
     call(blocks.linear_forward, LAYER[0], LAYER[1] * 1j, LAYER[2])),
    (TypeError, f"linear_forward: A_prev is an array of <U1: {REAL}",
     call(blocks.linear_forward, np.full((2, 5), "a"), *LAYER[1:])),
    (TypeError, f"linear_forward: b is an array of object: {REAL}",
     call(blocks.linear_forward, *LAYER[:2], None)),
    (ValueError, f"linear_activation_forward: activation is 'rleu': expected one of {NAMES}; "
     "did you mean 'relu'?",
     call(blocks.linear_activation_forward, *LAYER, "rleu")),
    (ValueError, f"linear_activation_backward: activation is None: expected one of {NAMES}",
     call(blocks.linear_activation_backward, ONES((3, 5)), CACHES[0], None)),
    (ValueError, "linear_backward: dZ is (4, 5) but W is (3, 2): expected dZ (3, m)",
     call(blocks.linear_backward, ONES((4, 5)), LAYER)),
    (ValueError, "linear_backward: dZ is (3, 6) but A_prev is (2, 5): expected dZ (n_l, 5)",
     call(blocks.linear_backward, ONES((3, 6)), LAYER)),
    (TypeError, "linear_backward: the linear cache is tuple of 2: expected (A_prev, W, b)",
     call(blocks.linear_backward, ONES((3, 5)), CACHES[0])),
    (ValueError, "linear_activation_backward: dA is (3, 6) but Z is (3, 5): expected dA (3, 5)",
     call(blocks.linear_activation_backward, ONES((3, 6)), CACHES[0], "relu")),
    (TypeError, "linear_activation_backward: the cache is tuple of 3: "
     "expected ((A_prev, W, b), Z)",
     call(blocks.linear_activation_backward, ONES((3, 5)), LAYER, "relu")),
    (ValueError, "linear_forward: A_prev is (5, 2) but W is (3, 2): expected A_prev (2, m), an "
     "example a column; A_prev.T would fit",
     call(blocks.linear_forward, ONES((5, 2)), *LAYER[1:])),
    (ValueError, "linear_forward: W is (2, 3) but b is (3, 1): expected W (3, n_prev), a row for "
     "each unit; W.T would fit",
     call(blocks.linear_forward, LAYER[0], LAYER[1].T, LAYER[2])),
    (ValueError, "linear_backward: dZ is (5, 3) but W is (3, 2): expected dZ (3, m); dZ.T would "
     "fit",
     call(blocks.linear_backward, ONES((5, 3)), LAYER)),
    (TypeError, "linear_forward: A_prev is tuple of 2: expected an array; a forward step returns "
     "it and its caches, as in AL, caches = L_model_forward(X, parameters)",
     call(blocks.linear_forward, blocks.linear_forward(*LAYER), ONES((1, 3)), ONES((1, 1)))),
    # a model, forward
    (ValueError, "layer 1: X is (5, 2) but W1 is (3, 2): expected X (2, m), an example a column; "
     "X.T would fit",
     call(blocks.L_model_forward, X_OF_MODEL.T, MODEL)),
    (ValueError, "layer 2: W2 is (3, 1) but b2 is (1, 1): expected W2 (1, n_prev), a row for each "
     "unit; W2.T would fit",
     call(blocks.L_model_forward, X_OF_MODEL, model_with(W2=ONES((3, 1))))),
    (ValueError, "L_model_forward: X[1] has 1 numbers but X[0] has 2: expected rows of one length",
     call(blocks.L_model_forward, [[1, 2], [3]], MODEL)),
    (ValueError, "layer 1: W1 is (3, 2) but X is (4, 5): expected W1 (n_1, 4)",
     call(blocks.L_model_forward, ONES((4, 5)), MODEL)),
    (ValueError, "layer 2: W2 is (1, 4) but A1 is (3, 5): expected W2 (n_2, 3)",
     call(blocks.L_model_forward, X_OF_MODEL, model_with(W2=ONES((1, 4))))),
    (ValueError, "layer 2: b2 is (2, 1) but W2 is (1, 3): expected b2 (1, 1)",
     call(blocks.L_model_forward, X_OF_MODEL, model_with(b2=ONES((2, 1))))),
    (ValueError, "layer 1: b1 is (3,) but W1 is (3, 2): "
     "expected b1 (3, 1), a column: b1.reshape(3, 1)",
     call(blocks.L_model_forward, X_OF_MODEL, model_with(b1=ONES(3)))),
    (ValueError, "layer 1: X is (2,): expected two dimensions, neither of them 0",
     call(blocks.L_model_forward, ONES(2), MODEL)),
    (TypeError, f"layer 2: W2 is an array of object: {REAL}",
     call(blocks.L_model_forward, X_OF_MODEL, model_with(W2=ONES((1, 3)).astype(object)))),
    (ValueError, "L_model_forward: parameters has W1, b1, W2: expected W1, b1, W2, b2, "
     "the W and b of each layer, counted from 1",
     call(blocks.L_model_forward, X_OF_MODEL, model_with(b2=None))),
    (ValueError, "L_model_forward: parameters has no keys: expected W1, b1, "
     "the W and b of each layer, counted from 1",
     call(blocks.L_model_forward, X_OF_MODEL, {})),
    (TypeError, "L_model_forward: parameters is list of 4: expected a dictionary of arrays",
     call(blocks.L_model_forward, X_OF_MODEL, list(MODEL.values()))),
    (ValueError, f"L_model_forward: activation is 'sine': expected one of {NAMES}",
     call(blocks.L_model_forward, X_OF_MODEL, MODEL, activations=["sine", "sigmoid"])),
    (ValueError, "L_model_forward: activations is ['relu']: expected a list of 2, a name a layer",
     call(blocks.L_model_forward, X_OF_MODEL, MODEL, activations=["relu"])),
    (TypeError, "L_model_forward: activations is 'relu': expected a list of 2, a name a layer",
     call(blocks.L_model_forward, X_OF_MODEL, MODEL, activations="relu")),
    # cost
    (ValueError, f"compute_cost: loss is 'hubert': expected one of {LOSSES}; did you mean 'huber'?",
     call(blocks.compute_cost, AL_OF_MODEL, AL_OF_MODEL, loss="hubert")),
    (ValueError, "compute_cost: loss is None but AL has 2 rows: expected "
     "'categorical_cross_entropy' for a softmax, 'binary_cross_entropy' for sigmoids, or another "
     "loss",
     call(blocks.compute_cost, ONES((2, 5)), ONES((2, 5)))),
    (ValueError, "compute_cost: Y[0, 1] is 2: expected 0 to 1, as binary_cross_entropy takes "
     "probabilities",
     call(blocks.compute_cost, AL_OF_MODEL, np.array([[1, 2, 1, 2, 1]]))),
    (ValueError, "compute_cost: Y[0] is -1: expected 0 to 1, as binary_cross_entropy takes "
     "probabilities",
     call(blocks.compute_cost, AL_OF_MODEL, np.array([-1, 1, -1, 1, 1]))),
    (ValueError, "compute_cost: Y[0, 1] is 2.0: expected 0 to 1, as categorical_cross_entropy "
     "takes probabilities",
     call(blocks.compute_cost, ONES((2, 2)), 2 * np.eye(2)[::-1], loss="cce")),
    (ValueError, "compute_cost: Y[0, 0] is -1.0: expected 0 or more, as poisson takes counts or "
     "rates",
     call(blocks.compute_cost, AL_OF_MODEL, -ONES((1, 5)), loss="poisson")),
    (ValueError, "compute_cost: AL[0, 0] is 1.5: expected 0 to 1, as binary_cross_entropy takes "
     "probabilities",
     call(blocks.compute_cost, 3 * AL_OF_MODEL, ONES((1, 5)))),
    (ValueError, "compute_cost: Y is (5, 1) but AL is (1, 5): expected Y (1, 5); Y.T would fit: "
     "an example is a column",
     call(blocks.compute_cost, AL_OF_MODEL, ONES((5, 1)))),
    (TypeError, "compute_cost: AL is tuple of 2: expected an array; a forward step returns it and "
     "its caches, as in AL, caches = L_model_forward(X, parameters)",
     call(blocks.compute_cost, (AL_OF_MODEL, CACHES), ONES((1, 5)))),
    (ValueError, "compute_cost: Y[1] has 1 numbers but Y[0] has 2: expected rows of one length",
     call(blocks.compute_cost, AL_OF_MODEL, [[0, 1], [1]])),
    (ValueError, "compute_cost: Y is (1, 4) but AL is (1, 5): expected Y (1, 5)",
     call(blocks.compute_cost, AL_OF_MODEL, ONES((1, 4)))),
    (ValueError, "compute_cost: Y is (5,) but AL is (2, 5): expected Y (2, 5)",
     call(blocks.compute_cost, ONES((2, 5)), ONES(5), loss="bce")),
    (TypeError, f"compute_cost: Y is an array of <U3: {REAL}",
     call(blocks.compute_cost, AL_OF_MODEL, np.array([["cat"] * 5]))),
    (ValueError, "compute_cost: Y is (4,) but AL is (3, 5): "
     "expected Y (3, 5) one-hot, or (5,) integer labels",
     call(blocks.compute_cost, ONES((3, 5)), ONES(4, int), loss="categorical_cross_entropy")),
    (TypeError, "compute_cost: Y is (5,) of float64: expected integer labels, or one-hot of 3 rows",
     call(blocks.compute_cost, ONES((3, 5)), ONES(5), loss="categorical_cross_entropy")),
    (ValueError, "compute_cost: Y[2] is 3: expected a label in 0 ... 2, as AL has 3 rows",
     call(blocks.compute_cost, ONES((3, 4)), np.array([0, 2, 3, 4]),
          loss="categorical_cross_entropy")),
    (ValueError, "compute_cost: Y[0, 1] is -1: expected a label in 0 ... 2, as AL has 3 rows",
     call(blocks.compute_cost, ONES((3, 2)), np.array([[0, -1]]),
          loss="categorical_cross_entropy")),
    # a model, backward
    (ValueError, "layer 2: AL is (1, 4) but Z2 is (1, 5): expected AL (1, 5)",
     call(blocks.L_model_backward, ONES((1, 4)), ONES((1, 4)), CACHES)),
    (ValueError, "L_model_backward: Y is (1, 4) but AL is (1, 5): expected Y (1, 5)",
     call(blocks.L_model_backward, AL_OF_MODEL, ONES((1, 4)), CACHES)),
    (ValueError, "layer 2: W2 is (1, 4) but A1 is (3, 5): expected W2 (n_2, 3)",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, caches_with(2, W=ONES((1, 4))))),
    (ValueError, "layer 1: Z1 is (4, 5) but W1 is (3, 2): expected Z1 (3, m)",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, caches_with(1, Z=ONES((4, 5))))),
    (ValueError, "layer 1: Z1 is (3, 6) but X is (2, 5): expected Z1 (n_1, 5)",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, caches_with(1, Z=ONES((3, 6))))),
    (ValueError, "layer 1: Z1 is (3, 6) but dA1 is (3, 5): expected Z1 (3, 5)",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL,
          caches_with(1, A_prev=ONES((2, 6)), Z=ONES((3, 6))))),
    (TypeError, "layer 2: the cache is ndarray: expected ((A_prev, W, b), Z)",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, [CACHES[0], ONES((3, 5))])),
    (TypeError, "L_model_backward: caches is list of 0: "
     "expected those that L_model_forward returned",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, [])),
    (ValueError, "L_model_backward: activations is []: expected a list of 2, a name a layer",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, CACHES, activations=[])),
    (ValueError, f"L_model_backward: loss is 'quantile': expected one of {LOSSES}",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, CACHES, loss="quantile")),
    (ValueError, "L_model_backward: Y[0, 0] is 2.0: expected 0 to 1, as binary_cross_entropy takes "
     "probabilities",
     call(blocks.L_model_backward, AL_OF_MODEL, 2 * ONES((1, 5)), CACHES)),
    (ValueError, "L_model_backward: the loss is 'binary_cross_entropy' but layer 2 has an output "
     "of 'tanh': expected an output of 'sigmoid', as by activations=[..., 'sigmoid']; or, for "
     "'tanh', a loss of numbers such as 'mean_squared_error'",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, CACHES,
          activations=["relu", "tanh"], loss="binary_cross_entropy")),
    (ValueError, "layer 2: the activation is 'tanh' but the cache is of 'sigmoid': expected that "
     "of the forward step, or none, as the cache knows",
     call(blocks.L_model_backward, AL_OF_MODEL, AL_OF_MODEL, KNOWING_CACHES,
          activations=["relu", "tanh"])),
    (ValueError, "linear_activation_backward: the activation is 'tanh' but the cache is of "
     "'relu': expected that of the forward step, or none, as the cache knows",
     call(blocks.linear_activation_backward, ONES((3, 5)), KNOWING_CACHES[0], "tanh")),
    # update
    (ValueError, "update_parameters: dW1 is (3, 3) but W1 is (3, 2): expected dW1 (3, 2)",
     call(blocks.update_parameters, MODEL, GRADS | {"dW1": ONES((3, 3))}, 0.1)),
    (ValueError, "update_parameters: db2 is () but b2 is (1, 1): expected db2 (1, 1)",
     call(blocks.update_parameters, MODEL, GRADS | {"db2": 0.5}, 0.1)),
    (ValueError, "update_parameters: grads has dW1, db1, dW2: expected db2 too, "
     "as each of the parameters has its gradient",
     call(blocks.update_parameters, MODEL, {k: v for k, v in GRADS.items() if k != "db2"}, 0.1)),
    (TypeError, "update_parameters: grads is NoneType: expected a dictionary of arrays",
     call(blocks.update_parameters, MODEL, None, 0.1)),
    (ValueError, "update_parameters: parameters has W1, W3, b1, b3: expected W1, b1, W2, b2, "
     "the W and b of each layer, counted from 1",
     call(blocks.update_parameters, dict.fromkeys(["W1", "W3", "b1", "b3"], ONES((1, 1))), {}, 1)),
    (TypeError, "update_parameters: learning_rate is str: expected a number",
     call(blocks.update_parameters, MODEL, GRADS, "0.1")),
    (ValueError, "update_parameters: learning_rate is nan: expected a finite number",
     call(blocks.update_parameters, MODEL, GRADS, float("nan"))),
    # gradient_check
    (ValueError, "gradient_check: gradients has dW1: expected db1 too, "
     "as each of the parameters has its gradient",
     call(blocks.gradient_check, MODEL, X_OF_MODEL, AL_OF_MODEL, gradients={"dW1": ONES((3, 2))})),
    (ValueError, "gradient_check: dW1 is (2, 3) but W1 is (3, 2): expected dW1 (3, 2); dW1.T would "
     "fit",
     call(blocks.gradient_check, MODEL, X_OF_MODEL, AL_OF_MODEL,
          gradients=GRADS | {"dW1": ONES((2, 3))})),
    (TypeError, "gradient_check: gradients is tuple of 2: expected a dictionary of arrays",
     call(blocks.gradient_check, MODEL, X_OF_MODEL, AL_OF_MODEL, gradients=(1, 2))),
    (ValueError, "gradient_check: epsilon is 0: expected a number above 0",
     call(blocks.gradient_check, MODEL, X_OF_MODEL, AL_OF_MODEL, epsilon=0)),
    (ValueError, "gradient_check: parameters has W1: expected W1, b1, "
     "the W and b of each layer, counted from 1",
     call(blocks.gradient_check, {"W1": ONES((1, 2))}, X_OF_MODEL, AL_OF_MODEL)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "message", "wrong"), ERRORS, ids=[message[:60] for _, message, _ in ERRORS]
)
def test_error_says_what_came_and_what_was_expected(
    error: type[Exception], message: str, wrong: Callable[[], Any]
) -> None:
    with pytest.raises(error) as raised:
        wrong()
    assert type(raised.value) is error
    assert str(raised.value) == message
