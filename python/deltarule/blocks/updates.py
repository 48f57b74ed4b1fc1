"""Steps of gradient descent, plain and with a memory of the steps before."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule.blocks.arrays import dtype_of, finite_number, number_between, size_of
from deltarule.blocks.parameters import (
    as_gradients,
    checked_parameters,
    checked_step,
    gradient_keys,
)


def update_parameters(
    parameters: Mapping[str, Array], grads: Mapping[str, Array], learning_rate: float = 1.2
) -> dict[str, Array]:
    """A step of gradient descent: ``W := W - learning_rate dW``, ``b := b - learning_rate db``.

    Parameters
    ----------
    parameters : dict of str to ndarray
        ``W1, b1, ..., WL, bL``.
    grads : dict of str to ndarray
        ``dW1, db1, ..., dWL, dbL``; what else it holds is not looked at.
    learning_rate : float
        alpha, a finite number. The default is that of the course's flower.

    Returns
    -------
    dict of str to ndarray
        The new parameters, in new arrays.

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers, a gradient that is missing or not of its parameter's
        shape, or a learning rate that is no finite number.

    References
    ----------
    ``docs/notation``, Optimizers.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = {"W1": np.array([[1.0, 2.0]]), "b1": np.array([[0.5]])}
    >>> grads = {"dW1": np.array([[0.5, -1.0]]), "db1": np.array([[1.0]])}
    >>> print(update_parameters(parameters, grads, learning_rate=0.1)["W1"])
    [[0.95 2.1 ]]
    """
    return _with_gd("update_parameters", parameters, grads, learning_rate)


def update_parameters_with_gd(
    parameters: Mapping[str, Array], grads: Mapping[str, Array], learning_rate: float
) -> dict[str, Array]:
    """A step of gradient descent, as `update_parameters`.

    Parameters
    ----------
    parameters, grads, learning_rate
        As for `update_parameters`.

    Returns
    -------
    dict of str to ndarray
        The new parameters, in new arrays.

    Raises
    ------
    TypeError, ValueError
        As `update_parameters`.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = {"W1": np.array([[1.0, 2.0]]), "b1": np.array([[0.5]])}
    >>> grads = {"dW1": np.array([[0.5, -1.0]]), "db1": np.array([[1.0]])}
    >>> print(update_parameters_with_gd(parameters, grads, 0.1)["b1"])
    [[0.4]]
    """
    return _with_gd("update_parameters_with_gd", parameters, grads, learning_rate)


def _with_gd(
    where: str, parameters: Mapping[str, Array], grads: Mapping[str, Array], learning_rate: float
) -> dict[str, Array]:
    alpha = finite_number(where, "learning_rate", learning_rate)
    if type(parameters) is dict and type(grads) is dict:
        at_once = _core.gradient_step(parameters, grads, alpha)
        if at_once is not None:
            return at_once
    p, d = checked_step(where, parameters, grads)
    updated: dict[str, Array] = {}
    for key, key_d in gradient_keys(len(p) // 2):
        # In the memory of the step, and in its order: gradients lie column after column, as the
        # core makes them, and so the weights come to.
        updated[key] = step = -alpha * d[key_d]
        step += p[key]
    return updated


def initialize_velocity(parameters: Mapping[str, Array]) -> dict[str, Array]:
    """A velocity of zero for each of the parameters.

    Parameters
    ----------
    parameters : dict of str to ndarray
        ``W1, b1, ..., WL, bL``.

    Returns
    -------
    v : dict of str to ndarray
        ``dW1, db1, ..., dWL, dbL``, zeros.

    Raises
    ------
    TypeError, ValueError
        For parameters that are no layers'.

    Examples
    --------
    >>> import numpy as np
    >>> v = initialize_velocity({"W1": np.ones((1, 2)), "b1": np.ones((1, 1))})
    >>> print(v["dW1"])
    [[0. 0.]]
    """
    return _zeros("initialize_velocity", parameters)


def initialize_adam(
    parameters: Mapping[str, Array],
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Moments of zero for each of the parameters.

    Parameters
    ----------
    parameters : dict of str to ndarray
        ``W1, b1, ..., WL, bL``.

    Returns
    -------
    v : dict of str to ndarray
        First moments, ``dW1, db1, ..., dWL, dbL``, zeros.
    s : dict of str to ndarray
        Second moments, the same.

    Raises
    ------
    TypeError, ValueError
        For parameters that are no layers'.

    Examples
    --------
    >>> import numpy as np
    >>> v, s = initialize_adam({"W1": np.ones((1, 2)), "b1": np.ones((1, 1))})
    >>> print(s["db1"])
    [[0.]]
    """
    return _zeros("initialize_adam", parameters), _zeros("initialize_adam", parameters)


def _zeros(where: str, parameters: Mapping[str, Array]) -> dict[str, Array]:
    p = checked_parameters(where, parameters)
    dtype = dtype_of(p.values())
    return {key_d: np.zeros(p[key].shape, dtype, "F") for key, key_d in gradient_keys(len(p) // 2)}


def update_parameters_with_momentum(
    parameters: Mapping[str, Array],
    grads: Mapping[str, Array],
    v: Mapping[str, Array],
    beta: float,
    learning_rate: float,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """A step along a mean of the gradients so far: momentum.

    ``v := beta v + (1 - beta) dW``, ``W := W - learning_rate v``, and the same for b. The velocity
    is a mean here, and does not hold the learning rate.

    Parameters
    ----------
    parameters, grads : dict of str to ndarray
        As for `update_parameters`.
    v : dict of str to ndarray
        As `initialize_velocity` or the step before returned it.
    beta : float
        What stays of the velocity: 0 or more, and less than 1.
    learning_rate : float
        alpha, a finite number.

    Returns
    -------
    parameters : dict of str to ndarray
        The new parameters, in new arrays.
    v : dict of str to ndarray
        The new velocity, in new arrays.

    Raises
    ------
    TypeError, ValueError
        As `update_parameters`, for a velocity that does not go with the parameters, and for a beta
        out of range.

    References
    ----------
    ``docs/notation``, Optimizers.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = {"W1": np.array([[1.0, 2.0]]), "b1": np.array([[0.5]])}
    >>> grads = {"dW1": np.array([[0.5, -1.0]]), "db1": np.array([[1.0]])}
    >>> v = initialize_velocity(parameters)
    >>> parameters, v = update_parameters_with_momentum(parameters, grads, v, 0.9, 0.1)
    >>> print(parameters["W1"], v["dW1"])
    [[0.995 2.01 ]] [[ 0.05 -0.1 ]]
    """
    where = "update_parameters_with_momentum"
    alpha = finite_number(where, "learning_rate", learning_rate)
    beta = number_between(where, "beta", beta, 0, 1)
    p, d = checked_step(where, parameters, grads)
    v = as_gradients(where, "v", v, p)
    updated, velocity = {}, {}
    for key, key_d in gradient_keys(len(p) // 2):
        velocity[key_d] = beta * v[key_d] + (1 - beta) * d[key_d]
        updated[key] = p[key] - alpha * velocity[key_d]
    return updated, velocity


def update_parameters_with_adam(
    parameters: Mapping[str, Array],
    grads: Mapping[str, Array],
    v: Mapping[str, Array],
    s: Mapping[str, Array],
    t: int,
    learning_rate: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """A step of Adam.

    ``v := beta1 v + (1 - beta1) dW``, ``s := beta2 s + (1 - beta2) dW^2``, then
    ``W := W - learning_rate (v / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon)``, and the
    same for b.

    Parameters
    ----------
    parameters, grads : dict of str to ndarray
        As for `update_parameters`.
    v, s : dict of str to ndarray
        As `initialize_adam` or the step before returned them.
    t : int
        Which step this is, counted from 1.
    learning_rate : float
        alpha, a finite number.
    beta1, beta2 : float
        What stays of the moments: 0 or more, and less than 1.
    epsilon : float
        What keeps the quotient finite, 0 or more.

    Returns
    -------
    parameters, v, s : dict of str to ndarray
        The new parameters and moments, in new arrays.

    Raises
    ------
    TypeError, ValueError
        As `update_parameters`, for moments that do not go with the parameters, and for a number out
        of range.

    References
    ----------
    ``docs/notation``, Optimizers: Kingma & Ba 2015, Algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = {"W1": np.array([[1.0, 2.0]]), "b1": np.array([[0.5]])}
    >>> grads = {"dW1": np.array([[0.5, -1.0]]), "db1": np.array([[1.0]])}
    >>> v, s = initialize_adam(parameters)
    >>> parameters, v, s = update_parameters_with_adam(parameters, grads, v, s, t=1)
    >>> print(parameters["W1"])  # the first step is alpha, whatever the gradient's size
    [[0.99 2.01]]
    """
    where = "update_parameters_with_adam"
    alpha = finite_number(where, "learning_rate", learning_rate)
    beta1 = number_between(where, "beta1", beta1, 0, 1)
    beta2 = number_between(where, "beta2", beta2, 0, 1)
    epsilon = number_between(where, "epsilon", epsilon, 0, math.inf)
    t = size_of(where, "t", t)
    p, d = checked_step(where, parameters, grads)
    v, s = as_gradients(where, "v", v, p), as_gradients(where, "s", s, p)
    updated, first, second = {}, {}, {}
    for key, key_d in gradient_keys(len(p) // 2):
        first[key_d] = beta1 * v[key_d] + (1 - beta1) * d[key_d]
        second[key_d] = beta2 * s[key_d] + (1 - beta2) * d[key_d] ** 2
        v_corrected = first[key_d] / (1 - beta1**t)
        s_corrected = second[key_d] / (1 - beta2**t)
        updated[key] = p[key] - alpha * v_corrected / (np.sqrt(s_corrected) + epsilon)
    return updated, first, second
