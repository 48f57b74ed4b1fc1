"""Whole trainings, as the course's notebooks have them, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np

from deltarule._arrays import Array
from deltarule.blocks.arrays import described, real, require_shape
from deltarule.blocks.cost import compute_cost
from deltarule.blocks.deep import L_model_backward, L_model_forward
from deltarule.blocks.initialization import initialize_parameters, initialize_parameters_deep
from deltarule.blocks.propagation import backward_propagation, forward_propagation, layer_sizes
from deltarule.blocks.updates import update_parameters


@overload
def predict(parameters: Mapping[str, Array], X: Array, /) -> Array: ...
@overload
def predict(X: Array, y: Array, parameters: Mapping[str, Array], /) -> Array: ...
def predict(*arguments: Any) -> Array:
    """Which of two classes: 1 where the output is above one half, else 0.

    ``predict(parameters, X)`` goes through `forward_propagation`. ``predict(X, y, parameters)``
    goes through `L_model_forward`, whose hidden layers are ReLUs, and prints the accuracy.

    Parameters
    ----------
    *arguments
        ``parameters``: ``W1, b1, ..., WL, bL``; ``X (n_0, m)``; the true classes ``y (n_L, m)``,
        or ``(m,)`` where there is one output.

    Returns
    -------
    ndarray of int, (n_L, m)

    Raises
    ------
    TypeError, ValueError
        As the forward steps, and for a y of another shape than the output's.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = {"W1": np.array([[1.0, -1.0]]), "b1": np.array([[0.0]])}
    >>> X = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]])
    >>> predict(parameters, X)
    array([[1, 0, 0]])
    >>> predictions = predict(X, np.array([[1, 0, 1]]), parameters)
    Accuracy: 0.6666666666666666
    """
    where = "predict"
    if len(arguments) == 2:
        parameters, X = arguments
        if not isinstance(parameters, Mapping):
            raise TypeError(
                f"{where}: the first of two arguments is {described(parameters)}: expected "
                "predict(parameters, X) or predict(X, y, parameters)"
            )
        AL, _ = forward_propagation(X, parameters)
        return (AL > 0.5).astype(np.int64)
    if len(arguments) != 3:
        raise TypeError(
            f"{where}: {len(arguments)} arguments: expected (parameters, X) or (X, y, parameters)"
        )
    X, y, parameters = arguments
    AL, _ = L_model_forward(X, parameters)
    predictions = (AL > 0.5).astype(np.int64)
    y = real(where, "y", y)
    y = y.reshape(1, -1) if y.ndim == 1 else y
    require_shape(where, "y", y, "the output", AL, AL.shape)
    print(f"Accuracy: {np.mean(predictions == y)}")
    return predictions


def nn_model(
    X: Array,
    Y: Array,
    n_h: int,
    num_iterations: int = 10000,
    print_cost: bool = False,
    *,
    seed: int = 2,
) -> dict[str, Array]:
    """Train a network with one hidden layer by gradient descent: the course's flower.

    Parameters
    ----------
    X : ndarray, (n_x, m)
    Y : ndarray, (n_y, m)
        0 or 1.
    n_h : int
        Hidden units, of a tanh.
    num_iterations : int
        Steps, each over all examples, with a learning rate of 1.2.
    print_cost : bool
        Whether to print the cost every 1000 steps.
    seed : int
        As for `initialize_parameters`.

    Returns
    -------
    dict of str to ndarray
        ``W1, b1, W2, b2``.

    Raises
    ------
    TypeError, ValueError
        As the functions that it calls.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[-2.0, 0.5, 3.0]]), np.array([[1, 0, 1]])
    >>> predict(nn_model(X, Y, n_h=4, num_iterations=3000), X)
    array([[1, 0, 1]])
    """
    n_x, _, n_y = layer_sizes(X, Y)
    parameters = initialize_parameters(n_x, n_h, n_y, seed=seed)
    for i in range(num_iterations):
        A2, cache = forward_propagation(X, parameters)
        if print_cost and i % 1000 == 0:
            print(f"Cost after iteration {i}: {compute_cost(A2, Y):f}")
        grads = backward_propagation(parameters, cache, X, Y)
        parameters = update_parameters(parameters, grads)
    return parameters


def L_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sequence[int],
    learning_rate: float = 0.0075,
    num_iterations: int = 3000,
    print_cost: bool = False,
    *,
    init: str = "lecun_normal",
    seed: int = 1,
) -> dict[str, Array]:
    """Train a network of any depth by gradient descent: the course's cats.

    Hidden layers are ReLUs, the output is a sigmoid. The course's ``two_layer_model`` is this with
    two layers and ``init="small_normal"``.

    Parameters
    ----------
    X : ndarray, (n_0, m)
    Y : ndarray, (n_L, m)
        0 or 1.
    layers_dims : sequence of int
        ``n_0, n_1, ..., n_L``.
    learning_rate : float
    num_iterations : int
        Steps, each over all examples.
    print_cost : bool
        Whether to print the cost every 100 steps.
    init, seed
        As for `initialize_parameters_deep`.

    Returns
    -------
    dict of str to ndarray
        ``W1, b1, ..., WL, bL``.

    Raises
    ------
    TypeError, ValueError
        As the functions that it calls.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[-2.0, 0.5, 3.0]]), np.array([[1, 0, 1]])
    >>> parameters = L_layer_model(X, Y, [1, 8, 1], 0.1, num_iterations=101, print_cost=True)
    Cost after iteration 0: 1.144281
    Cost after iteration 100: 0.139014
    """
    parameters = initialize_parameters_deep(layers_dims, init=init, seed=seed)
    for i in range(num_iterations):
        AL, caches = L_model_forward(X, parameters)
        if print_cost and i % 100 == 0:
            print(f"Cost after iteration {i}: {compute_cost(AL, Y):f}")
        grads = L_model_backward(AL, Y, caches)
        parameters = update_parameters(parameters, grads, learning_rate)
    return parameters
