"""Ten training steps as PyTorch makes them, recorded for machines that do not have it.

``python tests/python/record_torch.py`` writes one file a case into ``torch_trajectories``: the
inputs, the targets, the initial weights, and what PyTorch made of them in ten steps.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FOLDER = Path(__file__).parent / "torch_trajectories"
STEPS = 10

# An output activation and a loss together, under PyTorch's name of the pair.
LOSSES = {
    "mse": ("identity", "mean_squared_error"),
    "bce_with_logits": ("sigmoid", "binary_cross_entropy"),
    "cross_entropy": ("softmax", "categorical_cross_entropy"),
}
# Hyper-parameters under deltarule's names.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.1, "momentum": 0.9},
    "Nesterov": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "Adam": {"learning_rate": 0.01},
}


@dataclass(frozen=True)
class Case:
    """A network, and what it is trained with."""

    n: list[int]
    hidden: list[str]
    loss: str
    optimizer: str
    dtype: str
    m: int = 6
    seed: int = 0
    changes: dict[str, Any] = field(default_factory=dict)  # of hyper-parameters

    @property
    def name(self) -> str:
        return "-".join([self.optimizer, self.loss, self.dtype, *self.hidden])

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        return OPTIMIZERS[self.optimizer] | self.changes

    @property
    def activations(self) -> list[str]:
        return [*self.hidden, LOSSES[self.loss][0]]


CASES = [
    Case([5, 7, 4], ["relu"], "cross_entropy", "SGD", "float64"),
    Case([5, 7, 4], ["tanh"], "cross_entropy", "momentum", "float64"),
    Case([6, 8, 3], ["sigmoid"], "bce_with_logits", "Nesterov", "float64"),
    Case([4, 9, 6, 2], ["gelu", "silu"], "mse", "Adam", "float64"),
    Case([3, 1], [], "bce_with_logits", "Adam", "float64", m=1),
    Case([4, 9, 6, 2], ["leaky_relu", "softplus"], "mse", "SGD", "float32"),
    Case([5, 7, 4], ["elu"], "cross_entropy", "momentum", "float32"),
    Case([6, 8, 3], ["gelu_tanh"], "mse", "Nesterov", "float32"),
    Case([8, 17, 5, 4], ["relu", "relu"], "cross_entropy", "Adam", "float32", m=9),
]


def draw(case: Case) -> dict[str, Array]:
    """Batches ``X, y`` of shape (STEPS, m, ...), and the weights to begin with."""
    rng = np.random.default_rng(case.seed)
    outputs = case.n[-1]
    X = rng.normal(size=(STEPS, case.m, case.n[0])).astype(case.dtype)
    if case.loss == "cross_entropy":
        y: Array = rng.integers(outputs, size=(STEPS, case.m))
    elif case.loss == "bce_with_logits":
        y = rng.uniform(size=(STEPS, case.m, outputs)).astype(case.dtype)
    else:
        y = rng.normal(size=(STEPS, case.m, outputs)).astype(case.dtype)
    arrays = {"X": X, "y": y}
    for l, (n_prev, n) in enumerate(zip(case.n, case.n[1:], strict=False), start=1):  # noqa: E741
        arrays[f"W{l}"] = (rng.normal(size=(n, n_prev)) / np.sqrt(n_prev)).astype(case.dtype)
        arrays[f"b{l}"] = (0.1 * rng.normal(size=(n, 1))).astype(case.dtype)
    return arrays


def torch_activations() -> dict[str, Any]:
    """What deltarule's names mean in PyTorch."""
    from functools import partial

    import torch
    from torch.nn import functional

    return {
        "identity": lambda Z: Z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "gelu": functional.gelu,
        "gelu_tanh": partial(functional.gelu, approximate="tanh"),
        "silu": functional.silu,
        "softplus": partial(functional.softplus, threshold=1000.0),
        "exponential": torch.exp,
        "softmax": partial(torch.softmax, dim=1),
    }


def train_torch(case: Case, given: dict[str, Array]) -> dict[str, Array]:
    """Each step's loss, and the weights after the last."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)  # the networks are too small for more
    loss_of_logits = {
        "mse": functional.mse_loss,
        "bce_with_logits": functional.binary_cross_entropy_with_logits,
        "cross_entropy": functional.cross_entropy,
    }[case.loss]
    names = {"learning_rate": "lr", "epsilon": "eps"}
    options = {names.get(name, name): value for name, value in case.hyper_parameters.items()}
    activations = torch_activations()

    parameters = {
        name: torch.tensor(array, requires_grad=True)
        for name, array in given.items()
        if name[0] in "Wb"
    }
    kind = torch.optim.Adam if case.optimizer == "Adam" else torch.optim.SGD
    optimizer = kind(parameters.values(), **options)
    losses = []
    for X, y in zip(torch.tensor(given["X"]), torch.tensor(given["y"]), strict=True):
        A = X
        for l, g in enumerate(case.activations, start=1):  # noqa: E741
            Z = A @ parameters[f"W{l}"].T + parameters[f"b{l}"].T
            A = activations[g](Z)
        loss = loss_of_logits(Z, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    after = {f"{name}_after": p.detach().numpy() for name, p in parameters.items()}
    return {"losses": np.array(losses)} | after


def record() -> None:
    """Write a file for each case, and remove those that have none any more."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.npz"):
        old.unlink()
    for case in CASES:
        given = draw(case)
        made = train_torch(case, given)
        np.savez_compressed(FOLDER / case.name, case=json.dumps(asdict(case)), **given, **made)


if __name__ == "__main__":
    record()
