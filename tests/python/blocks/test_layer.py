"""A layer over inputs that lie row after row, which are not turned around."""

from typing import Any

import numpy as np
import pytest

from deltarule import _core, blocks

m, sizes = 209, [301, 20, 7, 1]  # X beyond what is turned around


@pytest.fixture
def X_and_Y() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.random((sizes[0], m)), rng.integers(2, size=(1, m))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_X_row_after_row_is_that_column_after_column(
    dtype: type, X_and_Y: tuple[Any, Any]
) -> None:
    X, Y = X_and_Y[0].astype(dtype), X_and_Y[1]
    parameters = {
        name: array.astype(dtype)
        for name, array in blocks.initialize_parameters_deep(sizes).items()
    }
    results = []
    for arranged in (np.ascontiguousarray(X), np.asfortranarray(X)):
        AL, caches = blocks.L_model_forward(arranged, parameters)
        grads = blocks.L_model_backward(AL, Y, caches)
        single, _ = blocks.linear_forward(arranged, parameters["W1"], parameters["b1"])
        results.append({"AL": AL, "Z1": single, **grads})
        assert {array.dtype for array in results[-1].values()} == {np.dtype(dtype)}
    tolerance = 1e-4 if dtype is np.float32 else 1e-11
    for name, array in results[1].items():
        np.testing.assert_allclose(results[0][name], array, rtol=tolerance, atol=tolerance / 100)
    with_dA0 = blocks.L_model_backward(AL, Y, caches, input_gradient=True)
    np.testing.assert_allclose(with_dA0["dW1"], grads["dW1"], rtol=tolerance)


def test_a_large_X_is_not_copied(X_and_Y: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = X_and_Y
    seen = []

    def watched(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            seen.extend(each for each in arguments if np.size(each) == X.size)
            return function(*arguments)

        return call

    for name in ("dense_forward", "dense_backward"):
        monkeypatch.setattr(_core, name, watched(getattr(_core, name)))
    AL, caches = blocks.L_model_forward(X, blocks.initialize_parameters_deep(sizes))
    blocks.L_model_backward(AL, Y, caches)
    assert len(seen) == 2
    assert all(each.flags.f_contiguous and np.shares_memory(each, X) for each in seen)


def test_a_changed_output_is_not_taken_for_the_forward_step_s(X_and_Y: tuple[Any, Any]) -> None:
    """Only of the very array that came with the caches is AL - Y the gradient."""
    X, Y = X_and_Y
    AL, caches = blocks.L_model_forward(X, blocks.initialize_parameters_deep(sizes))
    other = AL / 2
    dZ = (other - Y) / (other * (1 - other)) * AL * (1 - AL)  # dAL g'(ZL), of what is given
    grads = blocks.L_model_backward(other, Y, caches)
    np.testing.assert_allclose(grads["db3"], np.mean(dZ, axis=1, keepdims=True), rtol=1e-11)
