"""A pack: many drawn networks trained at once, and the mix of their snapshots that does best."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule._data.door import FRONT_DOOR
from deltarule._data.targets import part_of
from deltarule.ensembles import Ensemble
from deltarule.ensembles.many import fit_many
from deltarule.ensembles.selection import chosen_greedily, score_of
from deltarule.losses import Loss
from deltarule.network import Network
from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.models.training.recipe import Draw, Preset
from deltarule.tabular.models.training.snapshots import Snapshot, Snapshots
from deltarule.tabular.models.training.split import Part

# Rows held out by which a mix is chosen, at most; more of them tell nothing new.
_MOST_JUDGED = 50_000
# What all snapshots may take of the memory, in bytes, as long as there is one of each network.
_MOST_BYTES = 1 << 29


class Examples(NamedTuple):
    """What a pack is trained on: rows as the encoder makes them, and what they are held to.

    Attributes
    ----------
    X : ndarray of float32, shape (n_samples, encoder.output_size)
    y : ndarray, shape (n_samples,) or (n_samples, n_targets)
        Codes of classes, or numbers scaled.
    weights : ndarray of float64, shape (n_samples,), or None
    loss : Loss
    outputs : int
        Of a network.
    activation : str
        Of its last layer.
    start : ndarray of shape (outputs,)
        Its biases there, with which it knows at first what all rows have in common.
    """

    X: Array
    y: Array
    weights: Array | None
    loss: Loss
    outputs: int
    activation: str
    start: Array


@dataclass(frozen=True)
class Mix:
    """What came of a pack.

    Attributes
    ----------
    ensemble : Ensemble
    rows : ndarray of int
        Those that were held out.
    outputs : ndarray of shape (n_held_out, n_outputs)
        What the mix says of each: for every row only networks that have not seen it.
    spread : ndarray of shape (n_held_out, n_outputs)
        How far its members are apart there: their standard deviation.
    members : list of dict
        Each member's draw, its losses by epoch, and what it weighs.
    loss : float
        Of the mix on the rows held out.
    tried : list of dict
        Of a search, all that was drawn and the loss that each came to by itself, the least first.
    """

    ensemble: Ensemble
    rows: Array
    outputs: Array
    spread: Array
    members: list[dict[str, Any]]
    loss: float
    tried: list[dict[str, Any]] = field(default_factory=list)


class Member(NamedTuple):
    """A draw: a network for each part, and the snapshots that were taken of it."""

    draw: Draw
    networks: list[Network]
    taken: list[Snapshots]

    @property
    def candidates(self) -> int:
        """How many mixes of one snapshot of each network there are: the best, the second ..."""
        counts = [len(each.kept) for each in self.taken]
        return max(counts) if all(counts) else 0

    @property
    def loss(self) -> float:
        """On the rows held out, at its best; infinite for one that was not trained."""
        if not self.candidates:
            return float("inf")
        return float(np.mean([each.loss for each in self.snapshots(0)]))

    def snapshots(self, rank: int) -> list[Snapshot]:
        """The snapshot of each network."""
        return [each.kept[min(rank, len(each.kept) - 1)] for each in self.taken]


def trained(
    encoder: TableEncoder,
    examples: Examples,
    parts: Sequence[Part],
    preset: Preset,
    *,
    seed: int,
    time_limit: float | None,
    progress: bool,
) -> Mix:
    """Train a pack, and put together what does best on the rows held out."""
    pack = Pack(encoder, examples, parts, preset, seed)
    members = pack.drawn(Draw.of)
    pack.train(members, time_limit, progress=progress)
    return pack.mixed(members)


class Pack:
    """What members have in common: the rows, the preset that goes with so many, and the seed."""

    def __init__(
        self,
        encoder: TableEncoder,
        examples: Examples,
        parts: Sequence[Part],
        preset: Preset,
        seed: int,
    ) -> None:
        self._encoder, self._examples, self._parts, self._seed = encoder, examples, parts, seed
        self._generator = np.random.default_rng(seed)
        self._preset = preset.for_rows(len(parts[0].train), len(parts))

    def drawn(self, draw: Callable[[np.random.Generator, Preset, int], Draw]) -> list[Member]:
        """As many new members as the preset has."""
        encoder, examples, parts, preset = self._encoder, self._examples, self._parts, self._preset
        members = []
        for _ in range(preset.members):
            drawn = draw(self._generator, preset, len(encoder.numbers))
            seeds = self._generator.integers(2**32, size=len(parts))
            networks = [
                drawn.network(
                    encoder, examples.outputs, examples.activation, examples.start, int(each)
                )
                for each in seeds
            ]
            members.append(Member(drawn, networks, []))
        sizes = [
            4 * (network.parameters.size + len(part.held_out) * examples.outputs)
            for member in members
            for network, part in zip(member.networks, parts, strict=True)
        ]
        count = max(1, min(preset.snapshots, _MOST_BYTES // sum(sizes)))
        for member in members:
            member.taken.extend(Snapshots(count, preset.patience) for _ in parts)
        return members

    def train(self, members: list[Member], time_limit: float | None, *, progress: bool) -> None:
        """Train members at once, each until it becomes no better."""
        examples, parts = self._examples, self._parts
        fit_many(
            [network for member in members for network in member.networks],
            examples.X,
            examples.y,
            loss=examples.loss,
            optimizer=[member.draw.optimizer() for member in members for _ in parts],
            epochs=self._preset.epochs,
            batch_size=batch_size_of(len(parts[0].train)),
            sample_weight=examples.weights,
            rows=[part.train for _ in members for part in parts],
            validation_rows=[part.held_out for _ in members for part in parts],
            callbacks=[[taken] for member in members for taken in member.taken],
            seeds=self._seed,
            time_limit=time_limit,
            progress=progress,
        )

    def mixed(self, members: list[Member]) -> Mix:
        """Choose greedily among all members' snapshots, by the mean of what they say held out."""
        self._expect_one(members)
        rows = np.concatenate([part.held_out for part in self._parts])
        candidates = [(member, rank) for member in members for rank in range(member.candidates)]
        outputs = np.array([
            np.concatenate([each.outputs for each in member.snapshots(rank)])
            for member, rank in candidates
        ])  # fmt: skip
        # Of which there may be more by groups and by time.
        some = slice(None, None, -(-len(rows) // _MOST_JUDGED))
        score = self._score(members[0].networks[0], rows[some])
        counts = chosen_greedily(outputs[:, some], score, self._preset.size, "fit")
        chosen = np.flatnonzero(counts)
        weights = counts[chosen] / counts[chosen].sum()
        mean = np.tensordot(weights, outputs[chosen], axes=1)
        variance = np.tensordot(weights, (outputs[chosen] - mean) ** 2, axes=1)
        return Mix(
            _ensemble(members, [candidates[k] for k in chosen], counts[chosen]),
            rows,
            mean,
            np.sqrt(variance),
            _told(members, candidates, counts),
            score(mean[some].astype(outputs.dtype)),
        )

    def _score(self, network: Network, rows: Array) -> Callable[[Array], float]:
        """What outputs for some rows come to."""
        examples = self._examples
        target = FRONT_DOOR.as_target(
            examples.y,
            examples.loss,
            len(examples.X),
            examples.outputs,
            network.dtype,
            "fit",
            examples.weights,
        )
        return score_of(
            None,
            None,
            examples.loss,
            network._output,
            part_of(target, rows),
            network.dtype,
            "fit",
        )

    def _expect_one(self, members: list[Member]) -> None:
        """Where time was up before any member had an epoch, take all as they are."""
        if any(member.candidates for member in members):
            return
        for member in members:
            for network, taken, part in zip(
                member.networks, member.taken, self._parts, strict=True
            ):
                if not taken.kept:
                    outputs = network.predict(self._examples.X[part.held_out])
                    taken.kept.append(Snapshot(np.inf, 0, network.parameters.copy(), outputs))


def batch_size_of(rows: int) -> int:
    """Examples in a batch: 256 where rows are few, and no more than a thousand steps an epoch."""
    size = 256
    while rows / size > 1000 and size < 4096:
        size *= 2
    while rows / size < 16 and size > 16:
        size //= 2
    return size


def _ensemble(
    members: list[Member], chosen: Sequence[tuple[Member, int]], counts: Array
) -> Ensemble:
    """The networks as they were at the chosen snapshots, each of which is there once."""
    weights: Counter[tuple[int, int, int]] = Counter()
    kept: dict[tuple[int, int, int], Network] = {}
    places = {id(member): place for place, member in enumerate(members)}
    for (member, rank), count in zip(chosen, counts, strict=True):
        for part, (network, snapshot) in enumerate(
            zip(member.networks, member.snapshots(rank), strict=True)
        ):
            key = (places[id(member)], part, snapshot.epoch)
            weights[key] += int(count)
            if key not in kept:
                kept[key] = copy.deepcopy(network)
                kept[key].parameters[:] = snapshot.parameters
    return Ensemble(list(kept.values()), [weights[key] for key in kept])


def _told(
    members: list[Member], candidates: list[tuple[Member, int]], counts: Array
) -> list[dict[str, Any]]:
    """What each member was, how it went, and its share of the mix."""
    shares: Counter[int] = Counter()
    for (member, _), count in zip(candidates, counts, strict=True):
        shares[id(member)] += int(count)
    return [
        {
            **asdict(member.draw),
            "losses": [network.history.filled().get("val_loss", []) for network in member.networks],
            "best": [each.kept[0].loss if each.kept else None for each in member.taken],
            "weight": shares[id(member)] / int(counts.sum()),
        }
        for member in members
    ]
