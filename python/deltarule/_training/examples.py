"""What a fit is handed, checked: rows and targets or batches from outside, and validation data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import ArrayLike

from deltarule import _core
from deltarule._arrays import Array
from deltarule._checks import expect_count, expect_in_range
from deltarule._data.batches import Batches
from deltarule._data.classes import ClassWeight, classes_of, weighted, weights_of_classes
from deltarule._data.door import FRONT_DOOR, Door
from deltarule._data.rows import Rows, as_numbers_of_rows
from deltarule._data.sampling import Order, in_turn, order_of
from deltarule._data.split import SomeRows, split
from deltarule._data.targets import part_of
from deltarule._training.evaluate import Held
from deltarule.layers import BatchNorm
from deltarule.losses import AnyLoss, Loss
from deltarule.metrics import Metrics
from deltarule.optimizers import Optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

_VALIDATION = "fit: validation data"


class Examples(NamedTuple):
    """What to train on: rows and targets, or batches that come from outside."""

    loss: Loss
    # All that were handed in, which the order goes through; and those trained on, in turn.
    rows: Rows | None
    target: _core.Target
    batch_size: int
    order: Order
    held: Held | None
    validation: Held | None
    stream: Batches | None = None
    elsewhere: int = 0  # examples that other processes train on

    @property
    def trained(self) -> int:
        """How many are trained on."""
        assert self.held is not None
        return len(self.held.rows) + self.elsewhere

    @property
    def names(self) -> list[str] | None:
        """The columns' names, where X has some from the beginning."""
        return None if self.rows is None else self.rows.names

    @property
    def batches(self) -> int | None:
        """How many an epoch has, if that is known beforehand."""
        if self.held is None:
            assert self.stream is not None
            return self.stream.count
        return -(-self.trained // self.batch_size)


@dataclass(kw_only=True)
class Given:
    """What a training was given beside X and y: see ``fit``."""

    loss: AnyLoss
    optimizer: Optimizer | str
    epochs: int
    batch_size: int
    shuffle: bool
    sampling: str | ArrayLike | None
    sample_weight: ArrayLike | None
    class_weight: ClassWeight | None
    validation_data: tuple[ArrayLike, ...] | None
    validation_split: float | None
    metrics: Metrics | None
    callbacks: Sequence[Any]
    clip_value: float | None
    clip_norm: float | None
    average: float | None
    steps_per_epoch: int | None = None
    resume: str | os.PathLike[str] | None = None
    # Numbers of rows of X to train on, and to validate on: see `fit_many`.
    rows: ArrayLike | None = None
    validation_rows: ArrayLike | None = None


def from_arrays(network: BareNetwork, X: Any, y: ArrayLike, given: Given, door: Door) -> Examples:
    """Rows and targets, and the order to go through them."""
    loss, rows, target = network._at_the_door(X, y, given.loss, given.sample_weight, "fit", door)
    if given.steps_per_epoch is not None:
        raise ValueError(
            "fit: steps_per_epoch is for an X that comes in batches: expected None, as y is given"
        )
    batch_size = expect_count(given.batch_size, "fit: batch_size", least=1)
    whole = held = Held(rows, target, target.weights)
    some: Array | None = None  # the numbers of the rows that are trained on
    if given.rows is not None:
        some = as_numbers_of_rows(given.rows, len(rows), "fit: rows")
        held = _part(network, X, whole, some, "rows names")
    validation = _validation_of(network, given.validation_data, loss, rows.names, door)
    if given.validation_rows is not None:
        which = as_numbers_of_rows(given.validation_rows, len(rows), "fit: validation_rows")
        validation = _part(network, X, whole, which, "validation_rows names")
    if given.validation_split is not None:
        train, held_out = _split(held, given)
        some, out = (train, held_out) if some is None else (some[train], some[held_out])
        held = _part(network, X, whole, some, "validation_split leaves to train on")
        validation = _part(network, X, whole, out, "validation_split leaves to validate on")
    if given.class_weight is not None:
        of_classes = weights_of_classes(given.class_weight, held.target, network.output_size)
        target = weighted(target, of_classes, "fit")
        held = held._replace(target=weighted(held.target, of_classes, "fit"))
        if validation is not None:
            judged = weighted(validation.target, of_classes, _VALIDATION)
            validation = validation._replace(target=judged)
    if min(batch_size, len(held.rows)) == 1:
        rows_of_X = "1 row" if len(held.rows) == 1 else f"{len(held.rows)} rows"
        _expect_no_batch_norm(network, f"X has {rows_of_X} and batch_size is {batch_size}")
    batch_size = min(batch_size, len(held.rows))
    order = order_of(
        given.sampling, given.shuffle, held.rows, held.target, batch_size, len(rows), some
    )
    return Examples(loss, rows, target, batch_size, order, held, validation)


def from_batches(network: BareNetwork, X: Any, given: Given, epochs: int) -> Examples:
    """Batches from outside, each checked as it comes."""
    for name in ("sample_weight", "class_weight", "sampling", "validation_split"):
        if getattr(given, name) is not None:
            raise ValueError(
                f"fit: {name} is for arrays: expected None, as X comes in batches; a batch may be "
                "(X, y, sample_weight)"
            )
    steps_per_epoch = given.steps_per_epoch
    if steps_per_epoch is not None:
        steps_per_epoch = expect_count(steps_per_epoch, "fit: steps_per_epoch", least=1)
    loss = network._loss_for(given.loss, "fit")
    largest = 0

    def door(X: Any, y: Any, weights: Any, where: str) -> tuple[Rows, _core.Target]:
        nonlocal largest
        _, rows, target = network._at_the_door(X, y, loss, weights, where)
        largest = max(largest, len(rows))
        if largest == 1:
            _expect_no_batch_norm(network, "the first batch is of one row")
        network._learn_names(rows.names)
        return rows, target

    stream = Batches(X, steps_per_epoch, epochs, door)
    validation = _validation_of(network, given.validation_data, loss, None)
    nothing = _core.Target(None, None, None)
    return Examples(loss, None, nothing, 0, in_turn, None, validation, stream)


def _expect_no_batch_norm(network: BareNetwork, given: str) -> None:
    """Refuse to train a batch norm on batches of one; the last of an epoch may be such a one."""
    for index, layer in enumerate(network.layers):
        if isinstance(layer.description, BatchNorm) and not layer.frozen:
            raise ValueError(
                f"fit: {given}: expected batches of 2 or more, as one example has no variance that "
                f"layers[{index}], a BatchNorm, could go by; or a LayerNorm in its place"
            )


def _validation_of(
    network: BareNetwork,
    data: tuple[ArrayLike, ...] | None,
    loss: Loss,
    names: list[str] | None,
    door: Door = FRONT_DOOR,
) -> Held | None:
    """What each epoch is judged by, if there is something."""
    if data is None:
        return None
    if not isinstance(data, (tuple, list)):
        raise ValueError(
            f"fit: validation_data is a {type(data).__name__}: expected (X, y) or "
            "(X, y, sample_weight)"
        )
    if len(data) not in (2, 3):
        raise ValueError(
            f"fit: validation_data has {len(data)} parts: expected (X, y) or (X, y, sample_weight)"
        )
    X, y, weights, *_ = (*data, None)
    rows = network._rows(X, "fit", "validation X", names, door)
    m = len(rows)
    if m < door.least:
        raise ValueError("fit: validation X has no rows: expected 1 or more")
    n, dtype = network.output_size, network.dtype
    target = door.as_target(y, loss, m, n, dtype, _VALIDATION, weights)
    return Held(rows, target, target.weights)


def held_out_of(given: Given) -> float:
    """Which part is to be held out, where that is asked for and nothing else to judge by."""
    for name in ("validation_data", "validation_rows"):
        if getattr(given, name) is not None:
            raise ValueError(f"fit: validation_split and {name} are given: expected one of them")
    return expect_in_range(given.validation_split, "fit: validation_split", above=0, below=1)


def _split(whole: Held, given: Given) -> tuple[Array, Array]:
    """Which of the examples to train on, and which to hold out."""
    fraction = held_out_of(given)
    m = len(whole.rows)
    train, held_out = split(m, fraction, classes_of(whole.target))
    if not len(train):
        raise ValueError(
            f"fit: validation_split is {fraction} of {m} rows, which leaves none to train on: "
            "expected a smaller part, or validation_data"
        )
    return train, held_out


def _part(network: BareNetwork, X: Any, whole: Held, which: Array, chosen: str) -> Held:
    """Some of the examples, which are not copied."""
    target = part_of(whole.target, which)
    if target.weights is not None and not target.weights.any():
        raise ValueError(
            f"fit: sample_weight is 0 for every example that {chosen}: expected some above 0"
        )
    if hasattr(X, "tocsr"):  # rows of a sparse matrix are few numbers, but dear to gather
        rows = network._rows(X.tocsr()[which], "fit")
    else:
        rows = SomeRows(whole.rows, which)
    return Held(rows, target, target.weights)
