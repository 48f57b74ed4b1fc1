"""What the members of a pack are: networks of drawn shapes, trained at drawn rates.

Gorishniy et al., "TabPack: Efficient Hyperparameter Ensembles for Tabular Deep Learning" (2026):
networks that differ in what is usually tuned beat many of the one best kind. ``docs/tables.md``
says what was tried, and what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.layers import Dense, Dropout, Periodic
from deltarule.layers.base import LayerDescription
from deltarule.network import Network
from deltarule.optimizers import AdamW
from deltarule.tabular.encoder import TableEncoder

# Numbers that embeddings of a table's numbers make, together: a network's first layer is of as many
# inputs, and most of its work.
_MOST_WAVES = 1024
_FEWEST_WAVES, _STEP = 7, 4
# Rows to train on with which a pack has all its members.
_ROWS = 24_000
# Between which a search draws; what is dropped less than so, is not dropped.
_MOST_LAYERS, _UNITS, _LEAST_DROPOUT = 4, (32, 512), 0.02


@dataclass(frozen=True)
class Preset:
    """How much work a pack is.

    Attributes
    ----------
    members : int
        Networks drawn, for each part of the rows.
    units : int
        Of a hidden layer.
    waves : int
        The most that a number becomes.
    patience, epochs : int
        Epochs without a better loss after which a member's training ends, and the most there are.
    snapshots : int
        Kept of each member.
    size : int
        Snapshots in the ensemble, each counted as often as it is chosen.
    """

    members: int
    units: int
    waves: int
    patience: int
    epochs: int
    snapshots: int
    size: int

    def for_rows(self, rows: int, folds: int) -> Preset:
        """The same for so many rows to train on, that a pack takes about as long for more of them.

        Members are fewer and less patient where rows are many: each has then more to learn from in
        an epoch, and is better by itself.
        """
        share = min(1.0, _ROWS / rows)
        return replace(
            self,
            members=max(
                min(4, self.members), round(self.members * share * (0.5 if folds > 1 else 1.0))
            ),
            patience=max(min(4, self.patience), round(self.patience * min(1.0, 5 * share))),
        )


PRESETS = {
    "fast": Preset(8, 96, 15, 8, 60, 8, 16),
    "default": Preset(32, 128, 39, 16, 200, 16, 32),
    "best": Preset(64, 256, 47, 24, 400, 24, 64),
}


@dataclass(frozen=True)
class Draw:
    """What is drawn for a member.

    Attributes
    ----------
    layers : int
        Hidden ones.
    units : int
        Of each of them.
    dropout : float
        Behind each of them.
    waves : int
        Cosines that each number becomes.
    sigma : float
        The standard deviation of their frequencies, in turns for a number's standard deviation.
    learning_rate, weight_decay : float
        AdamW's.
    """

    layers: int
    units: int
    dropout: float
    waves: int
    sigma: float
    learning_rate: float
    weight_decay: float

    @classmethod
    def of(cls, generator: np.random.Generator, preset: Preset, numbers: int) -> Draw:
        """Draw one, for a table of so many numbers.

        Every call takes the same numbers from the generator, so that the n-th member is the same
        however many there are.
        """
        layers = 1 + int(generator.integers(3))
        drops, dropout = generator.random() < 0.6, 0.5 * generator.random()
        most = _most_waves(preset, numbers)
        waves = _FEWEST_WAVES + _STEP * int(
            generator.random() * (1 + (most - _FEWEST_WAVES) // _STEP)
        )
        return cls(
            layers,
            preset.units,
            round(dropout, 3) if drops else 0.0,
            min(waves, most),
            _log_uniform(generator, 0.05, 10.0),
            _log_uniform(generator, 1e-3, 1e-2),
            _log_uniform(generator, 1e-3, 1e-1),
        )

    @classmethod
    def near(
        cls, parents: Sequence[Draw], generator: np.random.Generator, preset: Preset, numbers: int
    ) -> Draw:
        """Draw one like some others: each of its numbers is of one of them, moved a little."""

        def of_one(name: str) -> Any:
            return getattr(parents[int(generator.integers(len(parents)))], name)

        def moved(name: str, low: float, high: float, by: float) -> float:
            value = float(of_one(name)) * float(np.exp(by * generator.normal()))
            return float(f"{min(max(value, low), high):.3g}")

        dropout = of_one("dropout") + 0.05 * generator.normal()
        return cls(
            int(np.clip(of_one("layers") + generator.choice([-1, 0, 0, 1]), 1, _MOST_LAYERS)),
            round(moved("units", *_UNITS, 0.4)),
            round(float(np.clip(dropout, 0, 0.6)), 3) if dropout > _LEAST_DROPOUT else 0.0,
            round(
                moved("waves", min(_FEWEST_WAVES, preset.waves), _most_waves(preset, numbers), 0.2)
            ),
            moved("sigma", 0.01, 30.0, 0.4),
            moved("learning_rate", 3e-4, 2e-2, 0.3),
            moved("weight_decay", 1e-4, 0.5, 0.5),
        )

    def network(
        self,
        encoder: TableEncoder,
        outputs: int,
        activation: str,
        start: Array,
        seed: int,
    ) -> Network:
        """The member's network, which predicts ``start`` at first."""
        layers: list[LayerDescription] = [*encoder.layers()]
        numbers = encoder.numbers
        if numbers and len(numbers) * (1 + _FEWEST_WAVES) <= 2 * _MOST_WAVES:
            waves = Periodic(self.waves, form="cosine", sigma=self.sigma, columns=numbers)
            layers.append(waves)
        for _ in range(self.layers):
            layers.append(Dense(self.units, "relu", _uniform, _uniform_bias))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        layers.append(Dense(outputs, activation, _uniform, start))
        return Network(layers, input_size=encoder.output_size, seed=seed)

    def optimizer(self) -> AdamW:
        """The member's optimizer."""
        return AdamW(self.learning_rate, weight_decay=self.weight_decay)


def _most_waves(preset: Preset, numbers: int) -> int:
    """What each of so many numbers becomes at the most."""
    most = min(preset.waves, _MOST_WAVES // max(1, numbers))
    return max(most, min(_FEWEST_WAVES, preset.waves))


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform, to three figures, as people write them."""
    return float(f"{np.exp(generator.uniform(np.log(low), np.log(high))):.3g}")


def _uniform(generator: np.random.Generator, n: int, n_prev: int) -> Array:
    """Weights as PyTorch's linear layers start with, for which the rates were published."""
    bound = 1.0 / np.sqrt(n_prev)
    drawn: Array = generator.uniform(-bound, bound, (n, n_prev))
    return drawn


def _uniform_bias(generator: np.random.Generator, n: int, one: int) -> Any:
    """Biases that are not 0: cosines start with a scale of 0, and units must not start dead."""
    return generator.uniform(-0.1, 0.1, (n, one))
