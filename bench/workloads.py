"""What is measured: trainings, predictions, and steps that are called one by one; and their data.

S9 and S14 (start-up), S10 (streaming) and S11 (two threads against one) are measured in other ways:
see startup.py, streaming.py and summary.py.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Work:
    """One workload, the same for every contestant.

    A repetition begins at the initial weights and makes ``per_repetition`` epochs (of the whole
    ``rows`` in batches of ``batch``), steps (an epoch of one batch) or calls; its time is given per
    epoch, step or call. ``tolerance`` is relative for the loss of a training and absolute for the
    outputs of a prediction. ``calls`` says how each step is called from Python, where it is:
    ``"step"`` as one, ``"passes"`` forward, backward and update apart, ``"partial_fit"`` of an
    estimator as its users call it, its checks included. Where there are ``members``, so many
    networks with a softmax are trained on the same rows, each from its own weights and in its own
    order, or predict together: the mean of their outputs.
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
    share: float | None = None  # of a core's peak, on one thread
    dtype: str = "float32"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    calls: str = ""
    members: int = 0  # 0: one network alone

    @property
    def trains(self) -> bool:
        return self.loss is not None

    @property
    def title(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        if self.members:
            sizes = f"{self.members} of {sizes}"
        if not self.trains:
            rows = "1 row" if self.batch == 1 else f"{self.batch:,} rows"
            return f"{rows} through {sizes} {self.activation}, {self.dtype}"
        batch = "full batch" if self.batch == self.rows else f"batch {self.batch}"
        return (
            f"{sizes} {self.activation}, {self.loss.replace('_', ' ')}, {batch}, "
            f"{self.optimizer}, {self.rows:,} rows, {self.dtype}{_CALLS[self.calls]}"
        )

    @property
    def flop(self) -> int:
        """Floating-point operations of the matrix products of one unit.

        Forward, dW and dA make 2 n n_prev each for an example; dA[0] is not needed.
        """
        products = sum(n * n_prev for n_prev, n in pairwise(self.sizes))
        networks = self.members or 1
        if not self.trains:
            return networks * 2 * self.batch * products
        return networks * self.rows * (6 * products - 2 * self.sizes[0] * self.sizes[1])


_CALLS = {
    "": "",
    "step": ", a call a step",
    "passes": ", a call a pass",
    "partial_fit": ", a partial_fit a step",
}
_ADAM_EPOCH = {"unit": "epoch", "activation": "relu"}
# A member of a pack on a table of 13,000 rows and 24 columns, eight numbers for each.
_MEMBER = _ADAM_EPOCH | {
    "loss": "mean_squared_error", "optimizer": "adamw", "batch": 256, "rows": 52 * 256,
    "per_repetition": 1, "repetitions": 9, "tolerance": 0.1,
}  # fmt: skip
_CALLED = {
    "activation": "relu", "batch": 32, "rows": 32, "unit": "call", "per_repetition": 300,
    "repetitions": 9, "learning_rate": 1e-4,
}  # fmt: skip

WORKLOADS = {
    work.key: work
    for work in (
        Work("S1", (16, 64, 64, 1), loss="binary_cross_entropy", batch=32, rows=10_240,
             per_repetition=3, repetitions=7, tolerance=0.09, goal=4.0, share=0.65, **_ADAM_EPOCH),
        Work("S2", (64, 64, 64, 10), loss="categorical_cross_entropy", batch=200, rows=10_000,
             per_repetition=4, repetitions=7, tolerance=0.015, goal=3.5, share=0.75, **_ADAM_EPOCH),
        Work("S3", (784, 256, 128, 10), loss="categorical_cross_entropy", batch=128, rows=10_240,
             per_repetition=1, repetitions=7, tolerance=0.03, goal=1.5, share=0.75, **_ADAM_EPOCH),
        Work("S4", (1024, 2048, 2048, 1024), loss="mean_squared_error", batch=512, rows=4_096,
             per_repetition=1, repetitions=3, tolerance=0.001, goal=1.25, share=0.74,
             **_ADAM_EPOCH),
        Work("T1", (192, 128, 128, 1), goal=2.2, share=0.70, **_MEMBER),
        Work("T2", (192, 256, 256, 1), goal=1.6, share=0.78, **_MEMBER),
        Work("S5", (4, 32, 16, 4), "tanh", "mean_squared_error", batch=10_000, rows=10_000,
             unit="step", per_repetition=30, repetitions=9, tolerance=1e-3, goal=3.0, share=0.55),
        Work("S6", (12288, 20, 7, 5, 1), "relu", "binary_cross_entropy", batch=209, rows=209,
             unit="step", per_repetition=30, repetitions=9, tolerance=1e-6, goal=2.0,
             dtype="float64", optimizer="sgd", learning_rate=0.0075),
        Work("S7", (64, 64, 64, 4), "tanh", None, batch=1, rows=500,
             unit="call", per_repetition=2_000, repetitions=11, tolerance=1e-5, goal=4.0),
        Work("S8", (64, 64, 64, 4), "tanh", None, batch=4_096, rows=4_096,
             unit="call", per_repetition=50, repetitions=11, tolerance=1e-5, goal=1.3),
        Work("S12", (16, 64, 64, 1), loss="mean_squared_error", tolerance=1e-3, goal=4.0,
             calls="step", **_CALLED),
        Work("S12p", (16, 64, 64, 1), loss="mean_squared_error", tolerance=1e-3, goal=4.0,
             calls="passes", **_CALLED),
        Work("S13", (16, 64, 64, 1), loss="binary_cross_entropy", tolerance=5e-3, goal=10.0,
             calls="partial_fit", dtype="float64", **_CALLED),
    )
}  # fmt: skip

_MEMBERS = {"sizes": (16, 64, 64, 2), "activation": "relu", "rows": 10_000, "members": 32}

MANY = {
    work.key: work
    for work in (
        Work("M1", loss="categorical_cross_entropy", batch=200, unit="epoch", per_repetition=5,
             repetitions=5, tolerance=0.03, goal=1.0, **_MEMBERS),
        Work("M3", loss=None, batch=10_000, unit="call", per_repetition=4, repetitions=9,
             tolerance=1e-5, goal=1.0, **_MEMBERS),
    )
}  # fmt: skip


def quick(work: Work) -> Work:
    """A workload cut down, to try the bench itself: its numbers mean little."""
    cut = {"repetitions": 2, "per_repetition": max(1, work.per_repetition // 3)}
    if work.key in ("S3", "S4"):  # fewer batches, so their order matters more
        cut |= {"rows": work.rows // 4, "tolerance": 4 * work.tolerance}
    return replace(work, **cut)


Weights = list[tuple[np.ndarray, np.ndarray]]


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
    members : list of list of (W, b)
        Each member's, where there are some: uniform after Glorot, ``b`` as well, as scikit-learn
        draws them, whose ensembles take no others.
    """

    X: np.ndarray
    y: np.ndarray | None
    weights: Weights
    members: list[Weights] = field(default_factory=list)


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
    members = [_glorot(work, seed=1 + member) for member in range(work.members)]
    if not work.trains:
        return Problem(X, None, weights, members)
    hidden = np.tanh(X @ (draw.standard_normal((n_features, 16)) / np.sqrt(n_features)))
    Z = hidden @ draw.standard_normal((16, n_outputs)) / 4
    if work.loss == "binary_cross_entropy":
        y = (Z[:, 0] > 0).astype(dtype)
    elif work.loss == "categorical_cross_entropy":
        y = Z.argmax(axis=1)
    else:
        y = np.tanh(Z).astype(dtype)
    return Problem(X, y, weights, members)


def _glorot(work: Work, seed: int) -> Weights:
    draw = np.random.default_rng(seed)
    weights = []
    for n_prev, n in pairwise(work.sizes):
        bound = np.sqrt(6 / (n + n_prev))
        W, b = (draw.uniform(-bound, bound, shape).astype(work.dtype) for shape in ((n, n_prev), n))
        weights.append((W, b))
    return weights
