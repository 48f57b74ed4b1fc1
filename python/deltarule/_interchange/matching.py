"""Which of a file's numbers are which layer's, by names, kinds, shapes and order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.errors import ModelFileError
from deltarule.layers import Activation, Dense, LayerDescription, Standardize
from deltarule.layers.base import Shapes

# What a number is that a file leaves out: a layer without a bias, a norm that does not scale.
_LEFT_OUT = {"b": 0.0, "beta": 0.0, "gamma": 1.0}

_WORD_AND_NUMBER = re.compile(r"(.*?)_?([0-9]{0,18})", re.DOTALL)


@dataclass(frozen=True)
class Stored:
    """One layer's numbers in a file: by our names, and turned as ours are."""

    place: str
    kind: str
    shapes: Shapes
    read: Callable[[], dict[str, Array]]

    def __str__(self) -> str:
        return f"{self.place!r} ({self.kind}: {listed(self.shapes)})"


@dataclass(frozen=True)
class Slot:
    """One layer's place in a network, for numbers."""

    index: int
    description: LayerDescription
    shapes: Shapes

    def __str__(self) -> str:
        return f"layers[{self.index}] ({self.description.kind}: {listed(self.shapes)})"

    @property
    def is_leaky_relu(self) -> bool:
        """Whether its slopes may be ones that a file does not hold, as they are not trained."""
        return self.description.kind == "prelu" and self.description.frozen

    def takes(self, stored: Stored) -> bool:
        """Whether numbers fit; one slope does for all units of a PReLU."""
        kind = self.description.kind
        return (
            kind == stored.kind
            and self.shapes.keys() - stored.shapes.keys() <= _LEFT_OUT.keys()
            and all(
                (*shape, 1)[:2] == self.shapes.get(name) or (kind == "prelu" and shape == (1,))
                for name, shape in stored.shapes.items()
            )
        )


def fused(layers: list[Any], layer: LayerDescription) -> bool:
    """Make an activation that of a dense layer right before it, if it is one."""
    last = layers[-1] if layers else None
    if not (isinstance(layer, Activation) and isinstance(last, Dense)):
        return False
    if last.activation != "identity":
        return False
    layers[-1] = replace(last, activation=layer.activation)
    return True


def match(
    slots: Sequence[Slot], stored: Sequence[Stored], where: str, in_order: bool
) -> list[tuple[Slot, Stored]]:
    """Which numbers belong to which layer.

    Raises
    ------
    ModelFileError
        Where they do not fit, or more than one way might be meant.
    """
    stored = stored if in_order else sorted(stored, key=lambda each: _natural(each.place))
    if len(slots) > len(stored):
        slots = [slot for slot in slots if not slot.is_leaky_relu]
    if len(slots) != len(stored):
        raise ModelFileError(
            f"{where}: {len(stored)} layers with numbers: {listed(stored)}; expected "
            f"{len(slots)}: {listed(slots)}"
        )
    if not in_order and (named := _by_name(slots, stored)):
        pairs = named
    elif in_order or all(_precedes(a.place, b.place) for a, b in pairwise(stored)):
        pairs = list(zip(slots, stored, strict=True))
    else:
        pairs = _by_shape(slots, stored, where)
    for slot, each in pairs:
        if not slot.takes(each):
            raise ModelFileError(f"{where}: {each} stands where the network has {slot}")
    return pairs


def _natural(place: str) -> list[tuple[str, int]]:
    """A name's parts as words and numbers, so that 10 comes after 9, and none before 1."""
    parts = [_WORD_AND_NUMBER.fullmatch(part) for part in re.split(r"[./]", place)]
    return [(part[1], int(part[2] or -1)) for part in parts if part]


def _precedes(one: str, other: str) -> bool:
    """Whether names say that a layer comes before another: the same word, and a smaller number."""
    for a, b in zip(_natural(one), _natural(other), strict=False):
        if a != b:
            return a[0] == b[0] and a[1] < b[1]
    return False


def _by_name(slots: Sequence[Slot], stored: Sequence[Stored]) -> list[tuple[Slot, Stored]]:
    """Layers and numbers of the same names, prefixes aside; nothing unless it is all of them."""
    pairs = []
    for slot in slots:
        name = slot.description.name
        if name is None:
            return []
        same = [each for each in stored if f".{each.place}".endswith(f".{name}")]
        if len(same) != 1:
            return []
        pairs.append((slot, same[0]))
    return pairs if len({each.place for _, each in pairs}) == len(pairs) else []


def _by_shape(
    slots: Sequence[Slot], stored: Sequence[Stored], where: str
) -> list[tuple[Slot, Stored]]:
    """Layers and numbers of the same kind and shape; among equals the numbers in names tell."""
    groups: dict[Any, tuple[list[Slot], list[Stored]]] = defaultdict(lambda: ([], []))
    for slot in slots:
        groups[_shape_of(slot.description.kind, slot.shapes)][0].append(slot)
    for each in stored:
        groups[_shape_of(each.kind, each.shapes)][1].append(each)
    pairs: list[tuple[Slot, Stored]] = []
    for ours, theirs in groups.values():
        if len(ours) != len(theirs):
            raise ModelFileError(
                f"{where}: the network has {listed(ours) or 'nothing'} where the file has "
                f"{listed(theirs) or 'nothing'}"
            )
        for a, b in pairwise(theirs):
            if not _precedes(a.place, b.place):
                raise ModelFileError(
                    f"{where}: names do not tell whether {a.place!r} or {b.place!r} comes first: "
                    "expected the network's layers to have these names, as in Dense(8, "
                    f"name={b.place!r})"
                )
        pairs += zip(ours, theirs, strict=True)
    return sorted(pairs, key=lambda pair: pair[0].index)


def _shape_of(kind: str, shapes: Shapes) -> Any:
    """What tells layers apart; slopes do not, as one may stand for many, nor does a bias."""
    if kind == "prelu":
        return kind
    return kind, frozenset((*shape, 1)[:2] for name, shape in shapes.items() if name != "b")


def listed(items: Iterable[Any], most: int = 8) -> str:
    """Several things in a message, the first of them where they are many."""
    if isinstance(items, Mapping):
        items = [f"{name} {tuple(shape)}" for name, shape in items.items()]
    texts = [str(item) for item in items]
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return ", ".join(texts[:most] + more)


def converted(
    slot: Slot, stored: Stored, dtype: np.dtype[Any], where: str
) -> tuple[int, dict[str, Array]]:
    """A layer's numbers in the network's dtype and shapes.

    Raises
    ------
    ModelFileError
        For numbers that are not finite or too large, and for variances that are none.
    """
    given = stored.read()
    arrays = {}
    for name, shape in slot.shapes.items():
        what = f"{where}: {stored.place!r}: {name}"
        array = given.get(name)
        if array is None:
            arrays[name] = np.full(shape, _LEFT_OUT[name], dtype)
            continue
        if not np.isfinite(array).all():
            raise ModelFileError(f"{what} has numbers that are not finite")
        with np.errstate(over="ignore", under="ignore"):
            own = np.broadcast_to(array.reshape(-1, *shape[1:]), shape).astype(dtype)
        if not np.isfinite(own).all():
            raise ModelFileError(f"{what} has numbers that are too large for {dtype}")
        if name == "variance":
            lowest = own.min()
            if lowest < 0 or (lowest == 0 and isinstance(slot.description, Standardize)):
                raise ModelFileError(f"{what} has the number {lowest}: expected a variance")
        arrays[name] = own
    return slot.index, arrays
