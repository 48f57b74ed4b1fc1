"""Whether a contestant did the work: no agreement, no time.

A training must reach the yardstick's loss, and a prediction the yardstick's outputs. Both are
computed here, in float64 NumPy, from weights: no contestant's own word is taken for it.
"""

import numpy as np

ACTIVATIONS = {"relu": lambda Z: np.maximum(Z, 0), "tanh": np.tanh}


def forward(weights, X, activation):
    """Z[L] in float64: the logits, or the outputs of a network whose last layer is linear."""
    A = np.asarray(X, np.float64)
    for layer, (W, b) in enumerate(weights):
        Z = A @ np.asarray(W, np.float64).T + np.asarray(b, np.float64)
        A = Z if layer == len(weights) - 1 else ACTIVATIONS[activation](Z)
    return A


def loss(name, Z, y):
    """The mean loss, from logits where there is a sigmoid or a softmax."""
    if name == "mean_squared_error":
        return float(np.mean((Z - y) ** 2))
    if name == "binary_cross_entropy":
        return float(np.mean(np.logaddexp(0, Z[:, 0]) - y * Z[:, 0]))
    if name == "categorical_cross_entropy":
        top = Z.max(axis=1)
        log_sum = top + np.log(np.exp(Z - top[:, np.newaxis]).sum(axis=1))
        return float(np.mean(log_sum - Z[np.arange(len(y)), y]))
    raise ValueError(f"loss: {name!r} is unknown")


def training_loss(work, problem, weights):
    """The loss on all data; of members, whose weights come as a list, the mean of theirs."""
    if work.members:
        return float(np.mean(members_losses(work, problem, weights)))
    return loss(work.loss, forward(weights, problem.X, work.activation), problem.y)


def members_losses(work, problem, members):
    outputs = (forward(weights, problem.X, work.activation) for weights in members)
    return [loss(work.loss, Z, problem.y) for Z in outputs]


def mean_of_members(members, X, activation):
    """The mean of the members' probabilities, in float64."""
    total = 0.0
    for weights in members:
        Z = forward(weights, X, activation)
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        total = total + E / E.sum(axis=1, keepdims=True)
    return total / len(members)


def loss_refusal(reached, expected, tolerance):
    """Why a training's time is refused, or None if its loss is near enough."""
    if not np.isfinite(reached):
        return f"its loss is {reached}"
    if abs(reached - expected) > tolerance * abs(expected):
        return (
            f"its loss is {reached:.6g}, not {expected:.6g} within {tolerance:.2g} of that: "
            f"off by {abs(reached / expected - 1):.2g}"
        )
    return None


def output_refusal(outputs, expected, tolerance):
    """Why a prediction's time is refused, or None if its outputs are near enough."""
    if outputs.shape != expected.shape:
        return f"its outputs have shape {outputs.shape}, not {expected.shape}"
    error = float(np.max(np.abs(outputs - expected)))
    if not error <= tolerance:  # NaN is refused too
        return f"its outputs are off by {error:.2g}, more than {tolerance:.2g}"
    return None
