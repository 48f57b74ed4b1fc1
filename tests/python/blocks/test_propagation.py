"""A whole network in one call, and what regularises it, beside plain NumPy and differences."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import reference
from deltarule import blocks

Array = npt.NDArray[Any]


def network(*n: int, m: int = 6, seed: int = 0) -> tuple[Array, Array, dict[str, Array]]:
    rng = np.random.default_rng(seed)
    parameters = {}
    for layer in range(1, len(n)):
        parameters[f"W{layer}"] = rng.normal(size=(n[layer], n[layer - 1])) / n[layer - 1] ** 0.5
        parameters[f"b{layer}"] = 0.3 * rng.normal(size=(n[layer], 1))
    return rng.normal(size=(n[0], m)), rng.integers(2, size=(n[-1], m)), parameters


def activations(L: int) -> list[str]:
    return ["tanh" if L == 2 else "relu"] * (L - 1) + ["sigmoid"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [(3, 4, 1), (2, 5, 3, 1), (4, 1), (3, 6, 5, 4, 1)])
def test_is_the_reference_s(n: tuple[int, ...], dtype: type) -> None:
    X, Y, parameters = network(*n)
    X = X.astype(dtype)
    parameters = {name: array.astype(dtype) for name, array in parameters.items()}
    exact = {name: array.astype(float) for name, array in parameters.items()}
    L = len(n) - 1
    A, Z = reference.network_forward(X.astype(float), exact, activations(L))
    expected = reference.network_backward(
        X.astype(float), Y, exact, activations(L), "binary_cross_entropy"
    )
    AL, cache = blocks.forward_propagation(X, parameters)
    tolerance: Any = {"rtol": 1e-4, "atol": 1e-6} if dtype is np.float32 else {"rtol": 1e-11}
    np.testing.assert_allclose(AL, A[-1], **tolerance)
    if L == 2:
        assert list(cache) == ["Z1", "A1", "Z2", "A2"]
        np.testing.assert_allclose(cache["Z1"], Z[1], **tolerance)
        grads = blocks.backward_propagation(parameters, cache, X, Y)
        assert list(grads) == ["dW1", "db1", "dW2", "db2"]
    else:
        assert len(cache) == 4 * L
        assert cache[2] is parameters["W1"]
        grads = blocks.backward_propagation(X, Y, cache)
        assert {name[:2] for name in grads} == {"dZ", "dW", "db"} | ({"dA"} if L > 1 else set())
    for name in (f"d{key}" for key in parameters):
        np.testing.assert_allclose(grads[name], expected[name], err_msg=name, **tolerance)
    assert {array.dtype for array in (AL, *grads.values())} == {np.dtype(dtype)}


def test_gradients_with_a_penalty_are_central_differences() -> None:
    X, Y, parameters = network(3, 5, 4, 1)

    def cost(W2: Array) -> float:
        AL, _ = blocks.forward_propagation(X, parameters | {"W2": W2})
        return blocks.compute_cost_with_regularization(AL, Y, parameters | {"W2": W2}, 0.7)

    _, cache = blocks.forward_propagation(X, parameters)
    grads = blocks.backward_propagation_with_regularization(X, Y, cache, 0.7)
    expected = reference.central_difference(cost, parameters["W2"], step=1e-6)
    np.testing.assert_allclose(grads["dW2"], expected, rtol=1e-6, atol=1e-9)
    plain = blocks.backward_propagation(X, Y, cache)
    np.testing.assert_array_equal(grads["db2"], plain["db2"])


@pytest.mark.parametrize("n", [(3, 5, 1), (3, 5, 4, 1), (2, 6, 5, 4, 1)])
def test_gradients_with_dropout_are_central_differences(n: tuple[int, ...]) -> None:
    X, Y, parameters = network(*n, m=9)
    L = len(n) - 1

    def cost(W1: Array) -> float:
        AL, _ = blocks.forward_propagation_with_dropout(X, parameters | {"W1": W1}, 0.6, seed=5)
        return blocks.compute_cost(AL, Y)

    _, cache = blocks.forward_propagation_with_dropout(X, parameters, 0.6, seed=5)
    assert len(cache) == 5 * L - 1
    masks = [cache[5 * i + 1] for i in range(L - 1)]
    rand = np.random.RandomState(5).rand
    for units, mask in zip(n[1:-1], masks, strict=True):
        np.testing.assert_array_equal(mask, rand(units, 9) < 0.6)
    grads = blocks.backward_propagation_with_dropout(X, Y, cache, 0.6)
    expected = reference.central_difference(cost, parameters["W1"], step=1e-6)
    np.testing.assert_allclose(grads["dW1"], expected, rtol=1e-6, atol=1e-9)
    assert not grads["dA1"][~masks[0]].any()


def test_nothing_dropped_is_no_dropout() -> None:
    X, Y, parameters = network(3, 5, 4, 1)
    AL, cache = blocks.forward_propagation_with_dropout(X, parameters, 1)
    plain, plain_cache = blocks.forward_propagation(X, parameters)
    np.testing.assert_array_equal(AL, plain)
    grads = blocks.backward_propagation_with_dropout(X, Y, cache, 1)
    for name, expected in blocks.backward_propagation(X, Y, plain_cache).items():
        np.testing.assert_array_equal(grads[name], expected, err_msg=name)


@pytest.mark.parametrize("arrange", [np.asfortranarray, np.ascontiguousarray])
def test_inputs_are_not_modified_and_not_shared(arrange: Any) -> None:
    for n in ((3, 4, 1), (3, 5, 4, 1)):
        X, Y, parameters = network(*n)
        given = [arrange(array) for array in (X, Y, *parameters.values())]
        X, Y, parameters = given[0], given[1], dict(zip(parameters, given[2:], strict=True))
        before = [array.copy() for array in given]
        for array in given:
            array.flags.writeable = False
        AL, cache = blocks.forward_propagation(X, parameters)
        kept = list(cache.values()) if isinstance(cache, dict) else list(cache)
        copies = [array.copy() for array in kept]
        order: Any = (parameters, cache, X, Y) if len(n) == 3 else (X, Y, cache)
        grads = blocks.backward_propagation(*order)
        results = [AL, *grads.values()]
        if len(n) == 4:
            A3, dropped = blocks.forward_propagation_with_dropout(X, parameters)
            of_dropout = [array.copy() for array in dropped]
            backward = blocks.backward_propagation_with_dropout(X, Y, dropped, 0.5)
            results += [A3, *backward.values()]
            for array, copy in zip(dropped, of_dropout, strict=True):
                np.testing.assert_array_equal(array, copy)
        for array, copy in zip([*given, *kept], [*before, *copies], strict=True):
            np.testing.assert_array_equal(array, copy)
        assert not any(np.shares_memory(one, other) for one in results for other in given)


def test_nan_goes_through() -> None:
    X, Y, parameters = network(3, 5, 4, 1)
    X[0, 2] = np.nan
    AL, cache = blocks.forward_propagation(X, parameters)
    assert np.isnan(AL).tolist() == [[False, False, True, False, False, False]]
    assert np.isnan(blocks.backward_propagation(X, Y, cache)["dW1"]).all()


X, Y, TWO = network(3, 4, 1)
_, _, THREE = network(3, 5, 4, 1)
CACHE_OF_TWO, CACHE_OF_THREE = (blocks.forward_propagation(X, p)[1] for p in (TWO, THREE))


@pytest.mark.parametrize(
    ("error", "message", "function", "arguments"),
    [
        (ValueError, r"layer 1: X is \(6, 3\) but W1 is \(4, 3\): expected X \(3, m\)",
         "forward_propagation", (X.T, TWO)),
        (ValueError, r"layer 2: W2 is \(1, 9\) but A1 is \(4, 6\): expected W2 \(n_2, 4\)",
         "forward_propagation", (X, TWO | {"W2": np.ones((1, 9))})),
        (ValueError, "forward_propagation: parameters has W1: expected W1, b1",
         "forward_propagation", (X, {"W1": TWO["W1"]})),
        (TypeError, r"the cache is dict: .* backward_propagation\(parameters, cache, X, Y\)",
         "backward_propagation", (X, Y, CACHE_OF_TWO)),
        (TypeError, "the cache is tuple of 12: expected that of forward_propagation",
         "backward_propagation", (TWO, CACHE_OF_THREE, X, Y)),
        (ValueError, r"with more layers it is backward_propagation\(X, Y, cache\)",
         "backward_propagation", (THREE, CACHE_OF_TWO, X, Y)),
        (TypeError, "backward_propagation: 2 arguments", "backward_propagation", (X, Y)),
        (TypeError, r"the cache is tuple of 11: expected \(Z1, A1, W1, b1, ...\)",
         "backward_propagation", (X, Y, CACHE_OF_THREE[1:])),
        (ValueError, r"Y is \(1, 5\) but AL is \(1, 6\)", "backward_propagation",
         (X, Y[:, :5], CACHE_OF_THREE)),
        (ValueError, r"A1 is \(4, 5\): expected \(4, 6\)", "backward_propagation",
         (TWO, CACHE_OF_TWO | {"A1": np.ones((4, 5))}, X, Y)),
        (TypeError, r"the cache is tuple of 12: expected \(Z1, D1, A1, W1, b1, ...\)",
         "backward_propagation_with_dropout", (X, Y, CACHE_OF_THREE, 0.5)),
        (ValueError, "keep_prob is 0: expected a number above 0 and 1 or less",
         "forward_propagation_with_dropout", (X, THREE, 0)),
        (TypeError, "lambd is str: expected a number",
         "backward_propagation_with_regularization", (X, Y, CACHE_OF_THREE, "0.1")),
        (ValueError, "lambd is nan: expected a finite number",
         "compute_cost_with_regularization", (np.full((1, 6), 0.5), Y, THREE, float("nan"))),
    ],
)  # fmt: skip
def test_what_is_refused(
    error: type[Exception], message: str, function: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(error, match=message):
        getattr(blocks, function)(*arguments)
