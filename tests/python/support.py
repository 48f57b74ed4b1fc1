"""What several test files need: networks, data, and a look at what must not have changed."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import deltarule as dr
import reference

Array = npt.NDArray[Any]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

LOSSES = ["mean_squared_error", "binary_cross_entropy", "categorical_cross_entropy"]
DTYPES = ["float32", "float64"]
# Every output activation, with each of the losses that can be of it.
OUTPUTS_OF_LOSSES = [
    (activation, loss)
    for loss in LOSSES
    for activation in reference.ACTIVATIONS
    if activation in (dr.losses.LOSSES[loss].outputs or reference.ACTIVATIONS)
]
# Where an output lies between 0 and 1, so that every loss takes it.
_CENTRE_OF_Z = {"softplus": -1.0, "exponential": -1.0}


def network(
    n: list[int], activations: list[str] | str = "tanh", dtype: str = "float32", seed: int = 0
) -> dr.Network:
    """A network of sizes ``n``, with one activation for all its layers or one for each."""
    if isinstance(activations, str):
        activations = [activations] * (len(n) - 1)
    layers = [dr.Dense(units, g) for units, g in zip(n[1:], activations, strict=True)]
    net = dr.Network(layers, input_size=n[0], seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed + 1)
    for layer in net.layers:
        layer.b = 0.1 * rng.normal(size=layer.b.shape)
    return net


def centre_outputs(net: dr.Network) -> dr.Network:
    """Make the outputs lie well within 0 and 1, whatever the output activation."""
    last = net.layers[-1]
    last.W *= 0.1
    last.b = _CENTRE_OF_Z.get(last.activation, 0.5) + 0.5 * last.b
    return net


def data(
    m: int, n: list[int], loss: str = "mean_squared_error", dtype: str = "float32", seed: int = 2
) -> tuple[Array, Array]:
    """X and one row of targets an example, for a network of sizes ``n``."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(m, n[0])).astype(dtype)
    if loss == "categorical_cross_entropy":
        return X, np.eye(n[-1], dtype=dtype)[rng.integers(n[-1], size=m)]
    if loss == "binary_cross_entropy":
        return X, rng.uniform(size=(m, n[-1])).astype(dtype)
    return X, rng.normal(size=(m, n[-1])).astype(dtype)


def of_every_kind(
    dtype: str = "float32", seed: int = 0, *, dropout: bool = True, batch_norm: bool = True
) -> dr.Network:
    """A network with a layer of every kind: six inputs, two of them categories, three classes."""

    def maybe(wanted: bool, layer: Any) -> list[Any]:
        return [layer] if wanted else []

    return dr.Network(
        [
            dr.Standardize(),
            dr.Embedding({1: (4, 3), 4: (3, 2)}),
            dr.Dense(8, l1=1e-3, l2=1e-2, name="first"),
            *maybe(batch_norm, dr.BatchNorm()),
            dr.Activation("silu"),
            *maybe(dropout, dr.Dropout(0.25)),
            dr.Residual(
                [
                    dr.Dense(8, learning_rate=0.5, name="slow"),
                    dr.LayerNorm(),
                    dr.PReLU(),
                    *maybe(dropout, dr.Dropout(0.1)),
                    dr.Dense(8, "tanh", name="inner"),
                ]
            ),
            dr.Dense(3, "softmax", name="last"),
        ],
        input_size=6,
        seed=seed,
        dtype=dtype,
    )


def data_of_every_kind(m: int, dtype: str = "float32", seed: int = 2) -> tuple[Array, Array]:
    """X and class labels for it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(3, 2, size=(m, 6)).astype(dtype)
    X[:, 1], X[:, 4] = rng.integers(4, size=m), rng.integers(3, size=m)
    return X, rng.integers(3, size=m)


BINS = [[-1.0, 1.0], [-2.0, -0.5, 0.0, 0.25, 3.0], [0.0, 0.5, 1.0]]
# Embeddings of numbers in every form, of six columns, of which the second holds four codes.
NUMBER_EMBEDDINGS: dict[str, Callable[[], list[Any]]] = {
    "bins": lambda: [dr.PiecewiseLinear(BINS, columns=[0, 1, 5])],
    "pieces": lambda: [dr.PiecewiseLinear(BINS, 4, linear=False, columns=[0, 2, 3])],
    "sloped pieces": lambda: [dr.PiecewiseLinear([*BINS, *BINS], 3)],
    "waves": lambda: [dr.Periodic(5, columns=[4])],
    "plr": lambda: [dr.Standardize(), dr.Periodic(5, 4)],
    "plr, shared": lambda: [dr.Periodic(5, 4, shared=True, columns=[2, 3])],
    "pbld": lambda: [dr.Periodic(5, 4, form="pbld")],
    "pbld, shared": lambda: [dr.Periodic(5, 4, form="pbld", shared=True)],
    "cosine": lambda: [dr.Periodic(5, form="cosine", columns=[0, 5])],
    "behind one another": lambda: [
        dr.Embedding({1: (4, 3)}),
        dr.PiecewiseLinear(BINS[:2], 2, columns=[0, 4]),
        dr.Periodic(3, columns=[3]),
        dr.Periodic(3, 4, form="pbld"),
    ],
}


def of_number_embeddings(name: str, dtype: str = "float32") -> tuple[dr.Network, Array]:
    """A network behind one of them, with parameters of its own, and examples for it."""
    layers = [*NUMBER_EMBEDDINGS[name](), dr.Dense(4, "tanh"), dr.Dense(2)]
    net, rng = dr.Network(layers, 6, dtype=dtype), np.random.default_rng(3)
    net.parameters = 0.5 * rng.normal(size=net.parameters.shape)
    X = rng.normal(size=(30, 6)).astype(dtype)
    X[:, 1] = rng.integers(4, size=30)
    if isinstance(net.layers[0].description, dr.Standardize):
        net.adapt(X)
    return net, X


def batches(m: int, size: int) -> list[slice]:
    """The rows of each batch, in order; the last may be smaller."""
    return [slice(first, min(first + size, m)) for first in range(0, m, size)]


def step(net: dr.Network, optimizer: dr.Optimizer, X: Array, y: Array, **arguments: Any) -> float:
    """One explicit training step; returns the cost before it."""
    cost, gradients = net.loss_and_gradients(X, y, **arguments)
    net.update(gradients, optimizer)
    return cost


def assert_same_bits(actual: Array, expected: Array) -> None:
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)
    assert actual.tobytes() == expected.tobytes()  # the sign of a zero, too


def assert_near(actual: Array, expected: Array, tolerance: float) -> None:
    """Close, in terms of the largest number expected."""
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance, atol=tolerance * max(np.abs(expected).max(), 1e-30)
    )


@contextmanager
def nothing_written(net: dr.Network, optimizer: dr.Optimizer | None = None) -> Iterator[None]:
    """Hold a network and an optimizer to being what they were, to the bit."""

    def snapshot() -> bytes:
        state = None if optimizer is None else (optimizer.step, optimizer.state)
        return pickle.dumps((net, state))

    before = snapshot()
    yield
    assert snapshot() == before


def run_python(
    *arguments: str, timeout: float = 60, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Run another interpreter here, with changes to the environment (None takes a variable out)."""
    merged = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE,
        env={name: value for name, value in merged.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


# The most memory that the process has held, in KiB. (That of `resource` begins with its parent's.)
PEAK_MEMORY = """
def peak_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
"""


def output_of(script: str, *, timeout: float = 60, **environment: str | None) -> str:
    """What a script prints in another interpreter; it must not fail."""
    result = run_python("-c", script, timeout=timeout, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
