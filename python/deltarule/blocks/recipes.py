"""The trainings of the course's second part, which differ in what is left out of the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from deltarule._arrays import Array
from deltarule._checks import expect_in_range
from deltarule.blocks.arrays import choice, finite_number, matrix
from deltarule.blocks.cost import compute_cost, compute_cost_with_regularization
from deltarule.blocks.epochs import random_mini_batches
from deltarule.blocks.initialization import (
    initialize_parameters_deep,
    initialize_parameters_he,
    initialize_parameters_random,
    initialize_parameters_zeros,
)
from deltarule.blocks.propagation import backward, flat_forward
from deltarule.blocks.regularization import (
    backward_propagation_with_dropout,
    forward_propagation_with_dropout,
)
from deltarule.blocks.updates import (
    initialize_adam,
    initialize_velocity,
    update_parameters_with_adam,
    update_parameters_with_gd,
    update_parameters_with_momentum,
)

Parameters = dict[str, Array]


def _scaled_by_inputs(layers_dims: Sequence[int]) -> Parameters:
    return initialize_parameters_deep(layers_dims, seed=3)


_INITIALIZATIONS: dict[str, Callable[[Sequence[int]], Parameters]] = {
    "zeros": initialize_parameters_zeros,
    "random": initialize_parameters_random,
    "he": initialize_parameters_he,
}
_OPTIMIZERS = ("gd", "momentum", "adam")


class _Recipe(NamedTuple):
    """What one of the notebooks does where it is not told otherwise."""

    hidden: tuple[int, ...]
    initialize: Callable[[Sequence[int]], Parameters]
    learning_rate: float
    mini_batch_size: int | None
    epochs: int
    prints_every: int


_ON_INITIALIZATION = _Recipe((10, 5), initialize_parameters_he, 0.01, None, 15000, 1000)
_ON_REGULARIZATION = _Recipe((20, 3), _scaled_by_inputs, 0.3, None, 30000, 10000)
_ON_OPTIMIZATION = _Recipe((), initialize_parameters_he, 0.0007, 64, 10000, 1000)


def model(
    X: Array,
    Y: Array,
    layers_dims: Sequence[int] | None = None,
    optimizer: str = "gd",
    learning_rate: float | None = None,
    mini_batch_size: int | None = None,
    beta: float = 0.9,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    num_epochs: int | None = None,
    print_cost: bool = True,
    decay: Callable[[float, int, float], float] | None = None,
    decay_rate: float = 1,
    *,
    num_iterations: int | None = None,
    initialization: str | None = None,
    lambd: float = 0,
    keep_prob: float = 1,
) -> dict[str, Array]:
    """Train a network of ReLUs with a sigmoid output, as three of the course's notebooks do.

    Which of them says what is not given: the one on optimization where `layers_dims` is given, the
    one on initialization where `initialization` is, else the one on regularization.

    ===============  ===============  =================  ===========================
    not given        on optimization  on initialization  on regularization
    ===============  ===============  =================  ===========================
    hidden layers    `layers_dims`    10, 5              20, 3
    weights          He, seed 3       `initialization`   ``sqrt(1 / n_prev)``, seed 3
    examples a step  64               all                all
    learning rate    0.0007           0.01               0.3
    epochs           10000            15000              30000
    prints every     1000 epochs      1000               10000
    ===============  ===============  =================  ===========================

    Parameters
    ----------
    X : ndarray, (n_0, m)
    Y : ndarray, (1, m)
        0 or 1.
    layers_dims : sequence of int, optional
        ``n_0, n_1, ..., n_L``.
    optimizer : {"gd", "momentum", "adam"}
    learning_rate : float, optional
    mini_batch_size : int, optional
        Examples a step: `random_mini_batches`, with seed 11 in the first epoch, 12 in the next.
    beta : float
        Of momentum.
    beta1, beta2, epsilon : float
        Of Adam.
    num_epochs, num_iterations : int, optional
        Passes over the examples; the notebooks have both names for them.
    print_cost : bool
        Whether to print the mean cost of an epoch's examples now and then.
    decay : callable, optional
        ``decay(learning_rate, epoch, decay_rate)`` is the rate after an epoch, such as `update_lr`
        and `schedule_lr_decay`.
    decay_rate : float
    initialization : {"zeros", "random", "he"}, optional
    lambd : float
        As for `compute_cost_with_regularization`.
    keep_prob : float
        As for `forward_propagation_with_dropout`, with its seed of 1 in every step, as the course
        has it: the same units are dropped all along.

    Returns
    -------
    dict of str to ndarray
        ``W1, b1, ..., WL, bL``.

    Raises
    ------
    TypeError, ValueError
        An unknown name, a number out of range, both `lambd` and `keep_prob`, and as the functions
        that it calls.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2, 100))
    >>> Y = (X[:1] ** 2 + X[1:] ** 2 < 1).astype(int)  # whether near the origin
    >>> parameters = model(X, Y, [2, 8, 4, 1], "adam", 0.05, num_epochs=50, print_cost=False)
    >>> predictions = predict(X, Y, parameters)
    Accuracy: 1.0
    """
    where = "model"
    X, Y = matrix(where, "X", X), matrix(where, "Y", Y)
    recipe = _recipe(where, layers_dims, initialization)
    parameters = recipe.initialize(layers_dims or (X.shape[0], *recipe.hidden, 1))
    alpha0 = alpha = recipe.learning_rate if learning_rate is None else learning_rate
    lambd = finite_number(where, "lambd", lambd)
    keep_prob = expect_in_range(keep_prob, f"{where}: keep_prob", above=0, most=1)
    if lambd and keep_prob < 1:
        raise ValueError(
            f"{where}: lambd is {lambd} and keep_prob {keep_prob}: expected one of them, as the "
            "course has it"
        )
    step = _Step(where, optimizer, parameters, beta, beta1, beta2, epsilon)
    m = X.shape[1]
    size = mini_batch_size or recipe.mini_batch_size
    for i in range(num_epochs or num_iterations or recipe.epochs):
        cost = 0.0
        for X_batch, Y_batch in random_mini_batches(X, Y, size, 11 + i) if size else [(X, Y)]:
            batch_cost, grads = _cost_and_grads(X_batch, Y_batch, parameters, lambd, keep_prob)
            cost += batch_cost * X_batch.shape[1] / m
            parameters = step(parameters, grads, alpha)
        if decay is not None:
            alpha = decay(alpha0, i, decay_rate)
        if print_cost and i % recipe.prints_every == 0:
            print(f"Cost after {'epoch' if size else 'iteration'} {i}: {cost:f}")
            if decay is not None:
                print(f"learning rate after epoch {i}: {alpha:f}")
    return parameters


def _recipe(where: str, layers_dims: Sequence[int] | None, initialization: str | None) -> _Recipe:
    recipe = _ON_REGULARIZATION if initialization is None else _ON_INITIALIZATION
    if layers_dims is not None:
        recipe = _ON_OPTIMIZATION
    if initialization is None:
        return recipe
    name = choice(where, "initialization", initialization, _INITIALIZATIONS)
    return recipe._replace(initialize=_INITIALIZATIONS[name])


def _cost_and_grads(
    X: Array, Y: Array, parameters: Parameters, lambd: float, keep_prob: float
) -> tuple[float, Parameters]:
    if keep_prob < 1:
        AL, cache = forward_propagation_with_dropout(X, parameters, keep_prob)
        grads = backward_propagation_with_dropout(X, Y, cache, keep_prob)
        return compute_cost(AL, Y), grads
    AL, cache = flat_forward("model", X, parameters)
    grads = backward("model", X, Y, cache, lambd=lambd)
    if lambd:
        return compute_cost_with_regularization(AL, Y, parameters, lambd), grads
    return compute_cost(AL, Y), grads


class _Step:
    """An optimizer with its numbers and its memory."""

    def __init__(
        self,
        where: str,
        optimizer: str,
        parameters: Mapping[str, Array],
        beta: float,
        beta1: float,
        beta2: float,
        epsilon: float,
    ) -> None:
        self._name = choice(where, "optimizer", optimizer, _OPTIMIZERS)
        self._beta, self._of_adam = beta, (beta1, beta2, epsilon)
        self._v, self._s = initialize_velocity(parameters), initialize_adam(parameters)[1]
        self._t = 0

    def __call__(self, parameters: Parameters, grads: Parameters, alpha: float) -> Parameters:
        if self._name == "gd":
            return update_parameters_with_gd(parameters, grads, alpha)
        if self._name == "momentum":
            parameters, self._v = update_parameters_with_momentum(
                parameters, grads, self._v, self._beta, alpha
            )
            return parameters
        self._t += 1
        parameters, self._v, self._s = update_parameters_with_adam(
            parameters, grads, self._v, self._s, self._t, alpha, *self._of_adam
        )
        return parameters
