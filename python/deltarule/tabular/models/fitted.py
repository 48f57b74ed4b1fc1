"""What a model of a table is once it is fitted: all that predictions are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.ensembles import Ensemble
from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.models.temperature import class_probabilities, tempered
from deltarule.tabular.targets import ClassEncoder, TargetScaler


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """An encoder, the networks behind it, and the way from their outputs to answers.

    Attributes
    ----------
    encoder : TableEncoder
        Raw tables to the networks' rows.
    ensemble : Ensemble
        Of networks that take the encoder's rows: of one sigmoid output for two classes, a softmax
        for more, and one linear output a target for numbers.
    targets : ClassEncoder or TargetScaler
        The networks' codes or scaled numbers, and the way back.
    temperature : float
        What the logarithms of a classifier's probabilities are divided by.
    record : dict
        How it was trained and what it came to on the rows held out: values that JSON has.
    """

    encoder: TableEncoder
    ensemble: Ensemble
    targets: ClassEncoder | TargetScaler
    temperature: float = 1.0
    record: dict[str, Any] = field(default_factory=dict)

    def outputs(self, X: Any, where: str) -> Array:
        """The mean of the networks' outputs, (n_samples, n_outputs); one row for one example."""
        rows, _ = self.encoder.encoded(X, where)
        return np.asarray(self.ensemble.predict(rows))

    def answers(self, outputs: Array) -> Array:
        """What outputs mean: probabilities (n_samples, n_classes), or numbers of each target."""
        if isinstance(self.targets, ClassEncoder):
            return tempered(class_probabilities(outputs), self.temperature)
        return self.targets.inverse(outputs)
