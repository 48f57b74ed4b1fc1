"""What a fit is handed, checked: rows and targets or batches from outside, and validation data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import ArrayLike

from deltarule import _core
from deltarule._checks import expect_count
from deltarule._data.batches import Batches
from deltarule._data.door import as_target
from deltarule._data.rows import Rows
from deltarule._data.sampling import Order, in_turn, order_of
from deltarule.losses import AnyLoss, Loss

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork


class Examples(NamedTuple):
    """What to train on: rows and targets, or batches that come from outside."""

    loss: Loss
    rows: Rows | None
    target: _core.Target
    batch_size: int
    order: Order
    stream: Batches | None = None

    @property
    def names(self) -> list[str] | None:
        """The columns' names, where X has some from the beginning."""
        return None if self.rows is None else self.rows.names

    @property
    def batches(self) -> int | None:
        """How many an epoch has, if that is known beforehand."""
        if self.rows is None:
            assert self.stream is not None
            return self.stream.count
        return -(-len(self.rows) // self.batch_size)


def from_arrays(
    network: BareNetwork,
    X: ArrayLike,
    y: ArrayLike,
    loss: AnyLoss,
    sample_weight: ArrayLike | None,
    sampling: str | ArrayLike | None,
    steps_per_epoch: int | None,
    batch_size: int,
    shuffle: bool,
) -> Examples:
    """Rows and targets, and the order to go through them."""
    loss, rows, target = network._at_the_door(X, y, loss, sample_weight, "fit")
    if steps_per_epoch is not None:
        raise ValueError(
            "fit: steps_per_epoch is for an X that comes in batches: expected None, as y is given"
        )
    batch_size = min(expect_count(batch_size, "fit: batch_size", least=1), len(rows))
    order = order_of(sampling, shuffle, rows, target, batch_size)
    return Examples(loss, rows, target, batch_size, order)


def from_batches(
    network: BareNetwork,
    X: Any,
    loss: AnyLoss,
    sample_weight: ArrayLike | None,
    sampling: str | ArrayLike | None,
    steps_per_epoch: int | None,
    epochs: int,
) -> Examples:
    """Batches from outside, each checked as it comes."""
    if sample_weight is not None or sampling is not None:
        raise ValueError(
            "fit: sample_weight and sampling are for arrays: expected None, as X comes in batches; "
            "a batch may be (X, y, sample_weight)"
        )
    if steps_per_epoch is not None:
        steps_per_epoch = expect_count(steps_per_epoch, "fit: steps_per_epoch", least=1)
    loss_of_all = network._loss_for(loss, "fit")

    def door(X: Any, y: Any, weights: Any, where: str) -> tuple[Rows, _core.Target]:
        _, rows, target = network._at_the_door(X, y, loss_of_all, weights, where)
        network._learn_names(rows.names)
        return rows, target

    stream = Batches(X, steps_per_epoch, epochs, door)
    return Examples(loss_of_all, None, _core.Target(None, None, None), 0, in_turn, stream)


def validation_of(
    network: BareNetwork,
    data: tuple[ArrayLike, ArrayLike] | None,
    loss: Loss,
    names: list[str] | None,
) -> tuple[Rows, _core.Target] | None:
    """What each epoch is judged by, if there is something."""
    if data is None:
        return None
    if not (isinstance(data, (tuple, list)) and len(data) == 2):
        raise ValueError(f"fit: validation_data is a {type(data).__name__}: expected (X, y)")
    rows = network._rows(data[0], "fit", "validation X", names)
    m = len(rows)
    if not m:
        raise ValueError("fit: validation X has no rows: expected 1 or more")
    where = "fit: validation data"
    return rows, as_target(data[1], loss, m, network.output_size, network.dtype, where)
