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

The rest of the course's functions are there under their own names, by the notebook:

- logistic regression: a network of one layer, from
  ``initialize_parameters_deep([n_x, 1], init="zeros")``
- planar data: `layer_sizes`, `initialize_parameters` (``seed=2``), `forward_propagation`,
  `compute_cost`, `backward_propagation`, `update_parameters`, `nn_model`, `predict`
- step by step, and its application: `sigmoid`, `relu`, `sigmoid_backward`, `relu_backward`, and
  the functions from `linear_forward` to `L_model_backward`; `L_layer_model`, which is
  ``two_layer_model`` with ``init="small_normal"``, and `predict`
- initialization: `initialize_parameters_zeros`, `initialize_parameters_random`,
  `initialize_parameters_he`, `model`; ``compute_loss`` is `compute_cost`
- regularization: `compute_cost_with_regularization`, `backward_propagation_with_regularization`,
  `forward_propagation_with_dropout`, `backward_propagation_with_dropout`, `model`; its
  ``initialize_parameters(layers_dims)`` is ``initialize_parameters_deep(layers_dims, seed=3)``
- gradient checking: ``gradient_check_n(parameters, gradients, X, Y)`` is
  ``gradient_check(parameters, X, Y, gradients=gradients)``
- optimization: `random_mini_batches`, `update_parameters_with_gd`,
  `update_parameters_with_momentum`, `update_parameters_with_adam`, `initialize_velocity`,
  `initialize_adam`, `update_lr`, `schedule_lr_decay`, `model`

Where two notebooks have one name for two things, it goes by what it is handed. What is drawn is
what NumPy's legacy generator draws by the course's seeds, and the generator that all share is left
alone. Updates return new dictionaries, and change none.

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

from deltarule.blocks.activations import relu, relu_backward, sigmoid, sigmoid_backward
from deltarule.blocks.caches import Cache, LinearCache
from deltarule.blocks.central_differences import GradientCheck, gradient_check
from deltarule.blocks.cost import compute_cost, compute_cost_with_regularization
from deltarule.blocks.deep import L_model_backward, L_model_forward
from deltarule.blocks.epochs import random_mini_batches, schedule_lr_decay, update_lr
from deltarule.blocks.initialization import (
    initialize_parameters,
    initialize_parameters_deep,
    initialize_parameters_he,
    initialize_parameters_random,
    initialize_parameters_zeros,
)
from deltarule.blocks.layer import (
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
)
from deltarule.blocks.propagation import backward_propagation, forward_propagation, layer_sizes
from deltarule.blocks.recipes import model
from deltarule.blocks.regularization import (
    backward_propagation_with_dropout,
    backward_propagation_with_regularization,
    forward_propagation_with_dropout,
)
from deltarule.blocks.training import L_layer_model, nn_model, predict
from deltarule.blocks.updates import (
    initialize_adam,
    initialize_velocity,
    update_parameters,
    update_parameters_with_adam,
    update_parameters_with_gd,
    update_parameters_with_momentum,
)

__all__ = [
    "Cache",
    "GradientCheck",
    "L_layer_model",
    "L_model_backward",
    "L_model_forward",
    "LinearCache",
    "backward_propagation",
    "backward_propagation_with_dropout",
    "backward_propagation_with_regularization",
    "compute_cost",
    "compute_cost_with_regularization",
    "forward_propagation",
    "forward_propagation_with_dropout",
    "gradient_check",
    "initialize_adam",
    "initialize_parameters",
    "initialize_parameters_deep",
    "initialize_parameters_he",
    "initialize_parameters_random",
    "initialize_parameters_zeros",
    "initialize_velocity",
    "layer_sizes",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "model",
    "nn_model",
    "predict",
    "random_mini_batches",
    "relu",
    "relu_backward",
    "schedule_lr_decay",
    "sigmoid",
    "sigmoid_backward",
    "update_lr",
    "update_parameters",
    "update_parameters_with_adam",
    "update_parameters_with_gd",
    "update_parameters_with_momentum",
]

# Where users find them.
for _each in __all__:
    if _each != "LinearCache":
        globals()[_each].__module__ = __name__
