"""The activations by themselves."""

import numpy as np
import pytest

import reference
from deltarule import blocks


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(), (3,), (4, 5), (2, 3, 4), (0,)])
@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_of_any_shape_and_back(name: str, shape: tuple[int, ...], dtype: type) -> None:
    rng = np.random.default_rng(0)
    Z, dA = (3 * rng.normal(size=(2, *shape))).astype(dtype)
    A, cache = getattr(blocks, name)(Z)
    assert cache is Z or shape == ()
    dZ = getattr(blocks, f"{name}_backward")(dA, cache)
    expected = np.float32 if dtype is np.float32 else np.float64
    assert A.dtype == dZ.dtype == expected
    exact, exact_dA = Z.astype(float), dA.astype(float)
    tolerance = {"rtol": 2e-5 if dtype is np.float32 else 1e-14}
    np.testing.assert_allclose(A, reference.activation_forward(name, exact), **tolerance)
    np.testing.assert_allclose(
        dZ, reference.activation_backward(name, exact_dA, exact), **tolerance
    )
    assert A.shape == dZ.shape == shape


def test_a_layer_by_its_parts() -> None:
    rng = np.random.default_rng(1)
    A_prev, W, b, dA = (rng.normal(size=size) for size in [(4, 7), (3, 4), (3, 1), (3, 7)])
    Z, linear_cache = blocks.linear_forward(A_prev, W, b)
    A, activation_cache = blocks.sigmoid(Z)
    whole, cache = blocks.linear_activation_forward(A_prev, W, b, "sigmoid")
    np.testing.assert_array_equal(A, whole)
    parts = blocks.linear_backward(blocks.sigmoid_backward(dA, activation_cache), linear_cache)
    for part, expected in zip(parts, blocks.linear_activation_backward(dA, cache), strict=True):
        np.testing.assert_array_equal(part, expected)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"relu_backward: dA is \(2,\) but the cache is \(3,\)"):
        blocks.relu_backward(np.ones(2), np.ones(3))
    with pytest.raises(TypeError, match="sigmoid: Z is an array of complex128"):
        blocks.sigmoid(np.ones(2) * 1j)
    with pytest.raises(TypeError, match="sigmoid: Z is tuple of 2: expected an array"):
        blocks.sigmoid(blocks.relu(np.ones((2, 2))))  # type: ignore[arg-type]
