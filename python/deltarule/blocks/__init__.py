"""The building blocks: the course's functions, on dictionaries of arrays and explicit caches.

Everything here speaks the orientation of the equations: an example is a column, so ``X`` is
``(n_0, m)``, ``W`` is ``(n_l, n_prev)`` and ``b`` is ``(n_l, 1)``. A whole network is::

    parameters = initialize_parameters_deep([12288, 20, 7, 5, 1])
    for _ in range(2500):
        AL, caches = L_model_forward(X, parameters)
        cost = compute_cost(AL, Y)
        grads = L_model_backward(AL, Y, caches)
        parameters = update_parameters(parameters, grads, learning_rate=0.0075)

The defaults are the course's: ReLU in the hidden layers, a sigmoid output, binary cross-entropy.
``activations=`` and ``loss=`` open the rest: logistic regression is one layer, softmax
classification another output. The caches know the activations of their forward step, so that the
backward one need not be told, and the loss is by default the one that goes with the output.

What holds for every function:

- Inputs are never modified, and results share no memory with them; caches alone hold the very
  arrays that were passed in.
- Arrays may lie in memory in any order. The work is done in float32 if every array of the call is
  float32 (labels ``Y`` excepted), else in float64; integers and bools are converted.
- NaN and Inf are numbers like others: they go through as IEEE 754 says.
- A wrong shape or name is a ValueError, a wrong type a TypeError, and both say what came and what
  was expected.

The notation, and the source of every equation: ``docs/notation``.
"""

from deltarule.blocks.arguments import Cache, LinearCache
from deltarule.blocks.central_differences import GradientCheck, gradient_check
from deltarule.blocks.functions import (
    L_model_backward,
    L_model_forward,
    compute_cost,
    initialize_parameters,
    initialize_parameters_deep,
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
    update_parameters,
)

__all__ = [
    "Cache",
    "GradientCheck",
    "L_model_backward",
    "L_model_forward",
    "LinearCache",
    "compute_cost",
    "gradient_check",
    "initialize_parameters",
    "initialize_parameters_deep",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "update_parameters",
]

# Where users find them.
for _each in __all__:
    if _each != "LinearCache":
        globals()[_each].__module__ = __name__
