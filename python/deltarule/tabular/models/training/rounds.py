"""A search: one pack after another, each drawn near the members that did best so far.

The first round is what a fit trains. A member of a later one takes each of its numbers from one of
the best, moved a little, and its units too; the mix is chosen from all that is kept. So on the rows
held out a search comes to no less than a fit, and where time is left it goes on.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011), draw near the best as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.models.training.pack import Examples, Member, Mix, Pack
from deltarule.tabular.models.training.recipe import Draw, Preset
from deltarule.tabular.models.training.split import Part

# Tables of fewer rows hold each row out in turn: who chooses among many needs many to choose by.
FEW_ROWS = 50_000
# Rounds in a row in which the mix's loss falls by no such part of it, after which a search ends.
_PATIENCE, _FALL = 3, 1e-3
# Members near which others are drawn, and those whose snapshots are kept to choose from.
_PARENTS, _KEPT = 8, 32


@dataclass(frozen=True)
class Round:
    """What a round came to.

    Attributes
    ----------
    number : int
        Counted from 1.
    members : int
        That were trained in it.
    best : float
        The least loss of one of them, on the rows held out.
    mix : float
        That of the best mix of all rounds so far.
    seconds : float
        Since the search began.
    """

    number: int
    members: int
    best: float
    mix: float
    seconds: float


def searched(
    encoder: TableEncoder,
    examples: Examples,
    parts: Sequence[Part],
    preset: Preset,
    *,
    seed: int,
    time_limit: float | None,
    progress: bool,
    hear: Callable[[Round], None],
) -> Mix:
    """Train packs until time is up or nothing becomes better, and put together what does best.

    Parameters
    ----------
    encoder, examples, parts, preset, seed, progress
        As for ``pack.trained``.
    time_limit : float, optional
        Seconds.
    hear : callable
        Called with each ``Round``.

    Returns
    -------
    Mix
        It has ``tried``: all that was drawn, and what came of it.
    """
    began = perf_counter()
    pack = Pack(encoder, examples, parts, preset, seed)
    kept: list[Member] = []
    tried: list[dict[str, Any]] = []
    losses: list[float] = []
    best: Mix | None = None
    mixing = 0.0
    while best is None or not _idle(losses):
        left = None
        if time_limit is not None:
            # A round that is cut off is of use, but for one that has no time to be mixed.
            left = time_limit - mixing - (perf_counter() - began)
            if best is not None and left <= 0:
                break
            left = max(left, 1e-3)
        new = pack.drawn(_near([member.draw for member in _ranked(kept)[:_PARENTS]]))
        pack.train(new, left, progress=progress)
        began_to_mix = perf_counter()
        members = [*kept, *new]
        mix = pack.mixed(members)
        if best is None or mix.loss < best.loss:
            best = mix
        losses.append(best.loss)
        kept = _worth_keeping(members, mix)
        mixing = perf_counter() - began_to_mix
        tried += [_told(member, len(losses)) for member in new if np.isfinite(member.loss)]
        least = min(member.loss for member in new)
        hear(Round(len(losses), len(new), least, best.loss, perf_counter() - began))
    return replace(best, tried=sorted(tried, key=lambda each: float(each["loss"])))


def _idle(losses: Sequence[float]) -> bool:
    """Whether the last rounds have made nothing better."""
    return len(losses) > _PATIENCE and losses[-1] > (1 - _FALL) * losses[-1 - _PATIENCE]


def _ranked(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda member: member.loss)


def _worth_keeping(members: Sequence[Member], mix: Mix) -> list[Member]:
    """Those in the mix, and the best of the others."""
    inside = [
        member for member, told in zip(members, mix.members, strict=True) if told["weight"] > 0
    ]
    others = [member for member in _ranked(members) if not any(member is each for each in inside)]
    return [*inside, *others[: max(0, _KEPT - len(inside))]]


def _near(parents: Sequence[Draw]) -> Callable[[np.random.Generator, Preset, int], Draw]:
    """What draws members like some that did well; like any, where there are none yet."""
    if not parents:
        return Draw.of

    def draw(generator: np.random.Generator, preset: Preset, numbers: int) -> Draw:
        return Draw.near(parents, generator, preset, numbers)

    return draw


def _told(member: Member, number: int) -> dict[str, Any]:
    """What a member was, and what it came to by itself."""
    epochs = max(network.history.epochs for network in member.networks)
    return {"round": number, **asdict(member.draw), "epochs": epochs, "loss": member.loss}
