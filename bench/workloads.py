"""What is measured: the trainings S1 to S6 and the predictions S7 and S8, and their data.

S9 (start-up), S10 (streaming) and S11 (two threads against one) are measured in other ways: see
startup.py, streaming.py and summary.py.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Work:
    """One workload, the same for every contestant.

    A repetition begins at the initial weights and makes ``per_repetition`` epochs (of the whole
    ``rows`` in batches of ``batch``), steps (an epoch of one batch) or calls; its time is given per
    epoch, step or call. ``tolerance`` is relative for the loss of a training and absolute for the
    outputs of a prediction.
    """

    key: str
    sizes: tuple[int, ...]
    activation: str
    loss: str | None  # None: a prediction
    batch: int
    rows: int
    unit: str
    per_repetition: int
    repetitions: int
    tolerance: float
    goal: float  # how many times faster than the fastest peer
    dtype: str = "float32"
    optimizer: str = "adam"
    learning_rate: float = 1e-3

    @property
    def trains(self) -> bool:
        return self.loss is not None

    @property
    def title(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        if not self.trains:
            rows = "1 row" if self.batch == 1 else f"{self.batch:,} rows"
            return f"{rows} through {sizes} {self.activation}, {self.dtype}"
        batch = "full batch" if self.batch == self.rows else f"batch {self.batch}"
        return (
            f"{sizes} {self.activation}, {self.loss.replace('_', ' ')}, {batch}, "
            f"{self.optimizer}, {self.rows:,} rows, {self.dtype}"
        )

    @property
    def flop(self) -> int:
        """Floating-point operations of the matrix products of one unit.

        Forward, dW and dA make 2 n n_prev each for an example; dA[0] is not needed.
        """
        products = sum(n * n_prev for n_prev, n in pairwise(self.sizes))
        if not self.trains:
            return 2 * self.batch * products
        return self.rows * (6 * products - 2 * self.sizes[0] * self.sizes[1])


_ADAM_EPOCH = {"unit": "epoch", "activation": "relu"}

WORKLOADS = {
    work.key: work
    for work in (
        Work("S1", (16, 64, 64, 1), loss="binary_cross_entropy", batch=32, rows=10_240,
             per_repetition=3, repetitions=7, tolerance=0.09, goal=4.0, **_ADAM_EPOCH),
        Work("S2", (64, 64, 64, 10), loss="categorical_cross_entropy", batch=200, rows=10_000,
             per_repetition=4, repetitions=7, tolerance=0.015, goal=3.5, **_ADAM_EPOCH),
        Work("S3", (784, 256, 128, 10), loss="categorical_cross_entropy", batch=128, rows=10_240,
             per_repetition=1, repetitions=7, tolerance=0.03, goal=1.5, **_ADAM_EPOCH),
        Work("S4", (1024, 2048, 2048, 1024), loss="mean_squared_error", batch=512, rows=4_096,
             per_repetition=1, repetitions=3, tolerance=0.001, goal=1.15, **_ADAM_EPOCH),
        Work("S5", (4, 32, 16, 4), "tanh", "mean_squared_error", batch=10_000, rows=10_000,
             unit="step", per_repetition=30, repetitions=9, tolerance=1e-3, goal=3.0),
        Work("S6", (12288, 20, 7, 5, 1), "relu", "binary_cross_entropy", batch=209, rows=209,
             unit="step", per_repetition=30, repetitions=9, tolerance=1e-6, goal=2.0,
             dtype="float64", optimizer="sgd", learning_rate=0.0075),
        Work("S7", (64, 64, 64, 4), "tanh", None, batch=1, rows=500,
             unit="call", per_repetition=2_000, repetitions=11, tolerance=1e-5, goal=4.0),
        Work("S8", (64, 64, 64, 4), "tanh", None, batch=4_096, rows=4_096,
             unit="call", per_repetition=50, repetitions=11, tolerance=1e-5, goal=1.15),
    )
}  # fmt: skip


def quick(work: Work) -> Work:
    """A workload cut down, to try the bench itself: its numbers mean little."""
    cut = {"repetitions": 2, "per_repetition": max(1, work.per_repetition // 3)}
    if work.key in ("S3", "S4"):  # fewer batches, so their order matters more
        cut |= {"rows": work.rows // 4, "tolerance": 4 * work.tolerance}
    return replace(work, **cut)


@dataclass
class Problem:
    """The data of a workload and the weights that everyone starts from.

    Attributes
    ----------
    X : ndarray of shape (rows, n[0])
    y : ndarray
        Class labels (rows,), zeros and ones (rows,), or numbers (rows, n[L]).
    weights : list of (W, b)
        ``W`` (n, n_prev) and ``b`` (n,), drawn after He for relu and after Glorot otherwise.
    """

    X: np.ndarray
    y: np.ndarray | None
    weights: list[tuple[np.ndarray, np.ndarray]]


def make_problem(work: Work, seed: int = 0) -> Problem:
    """Data with something to learn: the outputs of a random network of one hidden layer."""
    draw = np.random.default_rng(seed)
    dtype = np.dtype(work.dtype)
    n_features, n_outputs = work.sizes[0], work.sizes[-1]
    X = draw.standard_normal((work.rows, n_features)).astype(dtype)
    weights = []
    for n_prev, n in pairwise(work.sizes):
        scale = np.sqrt(2 / n_prev if work.activation == "relu" else 2 / (n + n_prev))
        W = (draw.standard_normal((n, n_prev)) * scale).astype(dtype)
        weights.append((W, np.zeros(n, dtype)))
    if not work.trains:
        return Problem(X, None, weights)
    hidden = np.tanh(X @ (draw.standard_normal((n_features, 16)) / np.sqrt(n_features)))
    Z = hidden @ draw.standard_normal((16, n_outputs)) / 4
    if work.loss == "binary_cross_entropy":
        y = (Z[:, 0] > 0).astype(dtype)
    elif work.loss == "categorical_cross_entropy":
        y = Z.argmax(axis=1)
    else:
        y = np.tanh(Z).astype(dtype)
    return Problem(X, y, weights)
