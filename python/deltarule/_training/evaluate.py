"""What a network is judged by: its cost and metrics on data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._data.rows import Rows
from deltarule._network.all_examples import infer
from deltarule._network.works import Works, performed
from deltarule._training.arguments import says_which_arguments
from deltarule.losses import AnyLoss, Loss, Output
from deltarule.metrics import Metric, Metrics, as_metrics, default_metrics, of_labels

if TYPE_CHECKING:
    from deltarule import _core
    from deltarule._network.bare import BareNetwork


class Held(NamedTuple):
    """Rows and what a network is held to on them."""

    rows: Rows
    target: _core.Target
    weights: Array | None  # of the examples, for metrics; the target's have their classes' in them


@says_which_arguments
def evaluate(
    network: BareNetwork,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: AnyLoss = None,
    metrics: Metrics | None = None,
    sample_weight: ArrayLike | None = None,
) -> dict[str, float]:
    """Compute the cost and metrics of a network on data.

    Parameters
    ----------
    network : Network
        The method ``network.evaluate`` is this function.
    X, y, loss, sample_weight
        As in ``fit``.
    metrics : sequence or dict, optional
        As in ``fit``; by default what suits the loss.

    Returns
    -------
    dict of str to float
        ``loss`` and each metric.

    Raises
    ------
    ValueError, TypeError
        For data that does not fit, and where ``Standardize`` has not seen data.
    """
    network._expect_adapted("evaluate")
    loss, rows, target = network._at_the_door(X, y, loss, sample_weight, "evaluate")
    judged = metrics_of(metrics, loss, network._output, "evaluate")
    found, _ = performed(judge(network, Held(rows, target, target.weights), loss, judged))
    return found


def judge(
    network: BareNetwork,
    held: Held,
    loss: Loss,
    judged: dict[str, Metric],
) -> Works[tuple[dict[str, float], Array]]:
    """The cost and metrics on data that has passed the door, and the outputs that they are of."""
    rows, target, weights = held
    total, A = yield from infer(network, rows, target, loss)
    weight = len(rows) if target.weights is None else float(target.weights.sum())
    y = target.Y if target.labels is None else target.labels
    assert y is not None
    found = {name: metric(y, A, weights) for name, metric in judged.items()}
    return {"loss": total / weight} | found, A


def metrics_of(
    metrics: Metrics | None, loss: Loss, output: Output, where: str
) -> dict[str, Metric]:
    """Those that are asked for, or what suits the loss; it says what rows of targets are, too."""
    wanted = default_metrics(loss, output.units) if metrics is None else metrics
    return as_metrics(wanted, where, multilabel=of_labels(loss, output))
