"""Outputs, whoever made them, held against targets: by the cost and metrics that networks have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deltarule._arrays import Array
from deltarule._data.rows import Rows
from deltarule._data.targets import part_of
from deltarule._network.bare import BareNetwork
from deltarule._network.works import performed
from deltarule._training.evaluate import Held, judge
from deltarule.layers import Activation
from deltarule.losses import Loss
from deltarule.metrics import Metric

if TYPE_CHECKING:
    from deltarule import _core


class OutputJudge:
    """The cost and metrics of outputs (m, n): those of a network that hands its input on."""

    def __init__(
        self,
        n_outputs: int,
        dtype: np.dtype[Any],
        target: _core.Target,
        loss: Loss,
        judged: dict[str, Metric],
    ) -> None:
        self._network = BareNetwork([Activation("identity")], n_outputs, dtype=dtype)
        self._target = part_of(target, slice(None), dtype)  # converted once
        self._weights, self._loss, self._judged = target.weights, loss, judged

    def __call__(self, A: Array) -> dict[str, float]:
        """``loss``, and each metric by its name."""
        held = Held(Rows(A), self._target, self._weights)
        found, _ = performed(judge(self._network, held, self._loss, self._judged))
        return found
