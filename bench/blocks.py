"""The building blocks beside the same course code in plain NumPy, by turns, on one thread.

    python bench/blocks.py

Both are loops of forward, cost, backward and update in float64; what they come to must agree.
"""

# ruff: noqa: E402  the libraries read their numbers of threads when they are imported

from __future__ import annotations

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import deltarule as dr
from deltarule import blocks

Parameters = dict[str, Any]


def numpy_loop(
    X: Any, Y: Any, p: Parameters, hidden: str, alpha: float, steps: int
) -> tuple[float, Parameters]:
    """As the course writes it: dictionaries, and a product, a sum or a function a line."""
    m, L = X.shape[1], len(p) // 2
    cost = np.nan
    for _ in range(steps):
        A, caches = X, []
        for layer in range(1, L + 1):
            Z = np.dot(p[f"W{layer}"], A) + p[f"b{layer}"]
            caches.append((A, Z))
            if layer == L:
                A = 1 / (1 + np.exp(-Z))
            else:
                A = np.tanh(Z) if hidden == "tanh" else np.maximum(0, Z)
        cost = -np.sum(np.multiply(np.log(A), Y) + np.multiply(np.log(1 - A), 1 - Y)) / m
        dZ, updated = A - Y, {}
        for layer in range(L, 0, -1):
            A_prev, _ = caches[layer - 1]
            W, b = p[f"W{layer}"], p[f"b{layer}"]
            updated[f"W{layer}"] = W - alpha * (np.dot(dZ, A_prev.T) / m)
            updated[f"b{layer}"] = b - alpha * (np.sum(dZ, axis=1, keepdims=True) / m)
            if layer > 1:
                dA, Z = np.dot(W.T, dZ), caches[layer - 2][1]
                if hidden == "tanh":
                    dZ = np.multiply(dA, 1 - np.power(A_prev, 2))
                else:
                    dZ = np.array(dA, copy=True)
                    dZ[Z <= 0] = 0
        p = updated
    return float(cost), p


def blocks_loop(
    X: Any, Y: Any, p: Parameters, hidden: str, alpha: float, steps: int
) -> tuple[float, Parameters]:
    activations = [hidden] * (len(p) // 2 - 1) + ["sigmoid"]
    cost = np.nan
    for _ in range(steps):
        AL, caches = blocks.L_model_forward(X, p, activations=activations)
        cost = blocks.compute_cost(AL, Y)
        grads = blocks.L_model_backward(AL, Y, caches)
        p = blocks.update_parameters(p, grads, alpha)
    return cost, p


def planar_loop(
    X: Any, Y: Any, p: Parameters, hidden: str, alpha: float, steps: int
) -> tuple[float, Parameters]:
    cost = np.nan
    for _ in range(steps):
        A2, cache = blocks.forward_propagation(X, p)
        cost = blocks.compute_cost(A2, Y)
        grads = blocks.backward_propagation(p, cache, X, Y)
        p = blocks.update_parameters(p, grads, alpha)
    return cost, p


def compare(name: str, loops: dict[str, Callable[..., Any]], turns: int, *work: Any) -> None:
    """Print the median time of a step of each loop, and what it is of the first one's."""
    steps = work[-1]
    costs = [loop(*work)[0] for loop in loops.values()]
    np.testing.assert_allclose(costs, costs[0], rtol=1e-9)
    times: dict[str, list[float]] = {each: [] for each in loops}
    for _ in range(turns):
        for each, loop in loops.items():
            start = time.perf_counter()
            loop(*work)
            times[each].append((time.perf_counter() - start) / steps)
    medians = {each: statistics.median(found) for each, found in times.items()}
    yardstick = next(iter(medians.values()))
    for each, median in medians.items():
        print(f"{name:24} {each:14} {1e6 * median:10.1f} us  {median / yardstick:5.2f}")


def main() -> None:
    dr.set_num_threads(1)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, 400))
    Y = (X[:1] * X[1:] > 0).astype(np.uint8)
    small = blocks.initialize_parameters(2, 4, 1)
    loops = {"NumPy": numpy_loop, "L_model_*": blocks_loop, "*_propagation": planar_loop}
    compare("planar 2-4-1, 400", loops, 100, X, Y, small, "tanh", 1.2, 100)
    X = rng.random((12288, 209))
    Y = rng.integers(2, size=(1, 209), dtype=np.uint8)
    deep = blocks.initialize_parameters_deep([12288, 20, 7, 5, 1])
    loops = {"NumPy": numpy_loop, "L_model_*": blocks_loop}
    for order in "CF":
        arranged = np.asarray(X, order=order)
        compare(f"cats, X in order {order}", loops, 7, arranged, Y, deep, "relu", 0.0075, 5)


if __name__ == "__main__":
    main()
