"""The compiled core, which calls the kernels of one instruction set.

Arrays are float32 or float64; one call's arrays share one dtype.
"""

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LEVELS: tuple[str, ...]
isa: str

def supported_levels() -> list[str]: ...
def fastest_level() -> str: ...
def choose_level(
    built: Sequence[str], supported: Sequence[str], fastest: str, wanted: str
) -> str: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def limit_threads(n: int) -> int: ...
def activation_names() -> list[str]: ...
def loss_names() -> list[str]: ...
def takes_labels(loss: Loss) -> bool: ...
def fused_with_output(loss: Loss, output: str) -> bool: ...
def activation_forward(name: str, Z: Array) -> Array: ...
def activation_backward(name: str, dA: Array, Z: Array) -> Array: ...
def dense_forward(W: Array, b: Array, A_prev: Array) -> Array: ...
def dense_backward(
    W: Array, A_prev: Array, dZ: Array, scale: float, input_gradient: bool
) -> tuple[Array | None, Array, Array]: ...
def loss_backward(
    loss: Loss, A: Array, Y: Array, weights: Array | None = None
) -> tuple[float, Array]: ...
def loss_backward_from_logits(
    loss: Loss, Z: Array, Y: Array, weights: Array | None = None
) -> tuple[float, Array]: ...
def gradient_step(
    parameters: dict[str, Array], gradients: dict[str, Array], alpha: float
) -> dict[str, Array] | None:
    """The course's parameters less alpha times their gradients, or None for the long way."""

def bytes_to_line(array: Array) -> int: ...
def find_non_finite(
    X: Array | SparseRows, dtype: np.dtype[Any]
) -> tuple[int, int, float] | None: ...

class Loss:
    @overload
    def __init__(
        self,
        name: str,
        *,
        delta: float = ...,
        gamma: float = ...,
        alpha: float | None = ...,
        label_smoothing: float = ...,
        levels: Sequence[float] = ...,
        cost_factor: float = ...,
        gradient_factor: float = ...,
    ) -> None: ...
    @overload
    def __init__(self, function: Callable[[Array, Array], tuple[Array, Array]]) -> None: ...

class SparseRows:
    """Rows of a sparse matrix; a broken structure is a ValueError."""

    ndim: int
    shape: tuple[int, int]
    itemsize: int
    indices_ascend: bool
    def __init__(
        self, data: Array, indices: Array, indptr: Array, features: int, where: str, what: str
    ) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice) -> SparseRows: ...
    def dense(self) -> Array: ...

class Optimizer:
    def __init__(self, name: str, hyper_parameters: dict[str, float]) -> None: ...

def state_vector_count(optimizer: Optimizer) -> int: ...

class Pass:
    """Whether a pass is for training, the seed of its dropout, and its number."""

    training: bool
    seed: int
    number: int
    def __init__(self, training: bool, seed: int, number: int) -> None: ...

class Target:
    Y: Array | None
    labels: Array | None
    weights: Array | None
    def __init__(self, Y: Array | None, labels: Array | None, weights: Array | None) -> None: ...

class Cache:
    """Cache32 or Cache64."""

    X: Array
    m: int
    def A(self, l: int) -> Array: ...
    def Z(self, l: int) -> Array: ...

class Network:
    """Network32 or Network64."""

    parameter_count: int
    adapted: bool
    input_means: Array
    def __init__(self, inputs: int, layers: list[dict[str, Any]]) -> None: ...
    def parameter_offset(self, l: int) -> int: ...
    def n(self, l: int) -> int: ...
    statistics: Array
    def statistics_offset(self, l: int) -> int: ...
    def set_rule(
        self, l: int, frozen: bool, rate: float, l1: float, l2: float, max_norm: float
    ) -> None: ...
    def keep_moments(self, cache: Cache) -> None: ...
    def update(
        self,
        optimizer: Optimizer,
        step: Array,
        parameters: Array,
        gradients: Array,
        state: Array,
    ) -> None: ...
    def forward(self, parameters: Array, X: Array | SparseRows, pass_: Pass) -> Cache: ...
    def backward(
        self, dA: Array, cache: Cache, scale: float, gradients: Array, input_gradient: bool
    ) -> Array | None: ...
    def predict(self, parameters: Array, X: object, out: object) -> Array | None: ...
    def infer(
        self,
        parameters: Array,
        X: Array | SparseRows,
        output: Array,
        loss: Loss | None = None,
        target: Target = ...,
    ) -> float: ...
    def infer_later(
        self,
        parameters: Array,
        X: Array | SparseRows,
        output: Array,
        loss: Loss | None = None,
        target: Target = ...,
    ) -> Work: ...

class Work:
    """A piece of work: called, it is done on the thread of the caller; a crew does it elsewhere."""

    seconds: float
    def __call__(self) -> None: ...
    def result(self) -> Any: ...

class Crew:
    """Threads that do pieces of work side by side; `ended` hands back those that have ended.

    Where none has and the caller helps, he does one that waits.
    """

    def __init__(self, threads: int) -> None: ...
    def begin(self, work: Work, threads: int) -> None: ...
    def ended(self, seconds: float, helps: bool) -> list[Work]: ...
    def stop(self, exception: BaseException | None) -> None: ...

class Ensemble:
    """Ensemble32 or Ensemble64."""

    def __init__(
        self, networks: Sequence[Network], parameters: Sequence[Array], weights: Sequence[float]
    ) -> None: ...
    def predict(self, X: object, out: object) -> Array | None: ...
    def infer(self, X: Array | SparseRows, output: Array) -> None: ...
    def infer_all(self, X: Array | SparseRows, outputs: Array) -> None: ...

class Trainer:
    """Trainer32 or Trainer64."""

    def __init__(self, network: Network, loss: Loss) -> None: ...
    def run_later(
        self,
        parameters: Array,
        gradients: Array,
        state: Array,
        optimizer: Optimizer,
        step: Array,
        pass_: Pass,
        X: Array | SparseRows,
        target: Target,
        order: Array | None,
        first: int,
        count: int,
        batch_size: int,
        epochs: int,
        learning_rates: Array | None,
        keep_gradients: bool,
        clip_value: float,
        clip_norm: float,
        average: Array | None,
        average_decay: float,
        refuse_non_finite: bool,
        costs: Array,
    ) -> Work:
        """Its result: the steps, why they ended, and the exception that interrupted them.

        They ended as done, non_finite or interrupted.
        """

    def step_of_little(
        self,
        parameters: Array,
        gradients: Array,
        state: Array,
        optimizer: Optimizer,
        step: Array,
        pass_: Pass,
        X: object,
        y: object,
        bounds: tuple[float, float],
        clip_value: float,
        clip_norm: float,
    ) -> float | None: ...
    def loss_and_gradients(
        self,
        parameters: Array,
        X: Array | SparseRows,
        target: Target,
        pass_: Pass,
        gradients: Array,
    ) -> tuple[float, float]: ...
    def pass_shard(
        self,
        parameters: Array,
        X: Array | SparseRows,
        target: Target,
        order: Array | None,
        first: int,
        count: int,
        pass_: Pass,
        copies_weights: bool,
    ) -> tuple[float, float]:
        """The sum of a shard's losses, and of its weights; its gradients can then be had."""

    def shard_gradients(self, parameters: Array, first: int, last: int, gradients: Array) -> None:
        """Of layers first to last, counted from 1: sums over the shard, without penalties."""

    def step_by_sums(
        self,
        parameters: Array,
        gradients: Array,
        state: Array,
        weight: float,
        optimizer: Optimizer,
        learning_rate: float | None,
        step: Array,
        clip_value: float,
        clip_norm: float,
        average: Array | None,
        average_decay: float,
        refuse_non_finite: bool,
    ) -> float:
        """The step by the sums of all shards: what penalties cost, or NaN and no step."""

class Network32(Network): ...
class Network64(Network): ...
class Ensemble32(Ensemble): ...
class Ensemble64(Ensemble): ...
class Trainer32(Trainer): ...
class Trainer64(Trainer): ...
class Cache32(Cache): ...
class Cache64(Cache): ...
