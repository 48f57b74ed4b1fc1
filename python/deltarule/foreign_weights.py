"""Weights that other libraries have written, into a network that has been described here.

A file's numbers are found by its names: which belong to one layer, of what kind that is, and in
what order the layers stand. Everything is read and checked before anything is written.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deltarule.architecture import NAMES_IN_TORCH
from deltarule.layers import Activation, Dense, LayerDescription, Shapes, Standardize
from deltarule.tensor_file import read_tensors
from deltarule.untrusted_file import ModelFileError, naming, opened

if TYPE_CHECKING:
    from deltarule.network import Network

Array = NDArray[Any]
PathLike = str | os.PathLike[str]

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
        return f"{self.place!r} ({self.kind}: {_listed(self.shapes)})"


@dataclass(frozen=True)
class Slot:
    """One layer's place in a network, for numbers."""

    index: int
    description: LayerDescription
    shapes: Shapes

    def __str__(self) -> str:
        return f"layers[{self.index}] ({self.description.kind}: {_listed(self.shapes)})"

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


def load_weights(network: "Network", path: PathLike) -> None:
    """Read the weights of a PyTorch or Keras model into this network, whose layers are like its.

    Parameters
    ----------
    path : path
        A PyTorch ``state_dict`` in a safetensors file, as ``safetensors.torch.save_file`` writes
        it; or a ``.keras`` or ``.weights.h5`` file of Keras 3, for which h5py is needed. The file's
        beginning tells which, not its name.

    Raises
    ------
    ModelFileError
        For a damaged file, and for numbers that are not finite, do not fit the network's layers, or
        cannot be told apart. The network is then what it was.
    ImportError
        For a file of Keras's without h5py.

    Notes
    -----
    Layers with numbers are matched by name, where the network's layers all have the names in the
    file; else in their order. Kinds and shapes are compared. Numbers in names tell the order,
    ``model.0``, ``model.2``, ``model.10`` or ``fc1``, ``fc2``, and a ``.keras`` file's own
    description does. Names such as ``hidden`` and ``output`` do not; there the kinds and shapes
    must. A prefix of all names is of no account.

    A layer without a bias gives biases of 0, a norm without a scale a gamma of 1. A frozen PReLU
    for which there are no numbers is a LeakyReLU, and keeps its slopes. What is no
    number of a layer's, such as epsilon and activations, is the network's own.

    Examples
    --------
    >>> net = Network([Dense(8, "relu"), Dense(1)], input_size=3)
    >>> net.load_weights("weights.safetensors")  # doctest: +SKIP
    """
    path = Path(path)
    slots = [
        Slot(layer._index, layer.description, {name: v.shape for name, v in layer._views.items()})
        for layer in network.layers
        if layer._views
    ]
    with _opened(path) as (stored, in_order):
        pairs = match(slots, stored, str(path), in_order)
        numbers = [converted(slot, each, network.dtype, str(path)) for slot, each in pairs]
    put(network, numbers)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[list[Stored], bool]]:
    """The layers of a file that have numbers, and whether they stand in the model's order."""
    with naming(path), opened(path) as file:
        beginning = file.read(8)
    if beginning == b"\x89HDF\r\n\x1a\n" or beginning[:4] == b"PK\x03\x04":
        from deltarule import keras_files

        with keras_files.weights(path) as weights:
            yield weights
    elif beginning[:1] == b"\x80" and any(beginning[4:]):  # too long for a safetensors header
        raise ModelFileError(
            f"{path}: a pickle, which runs code when it is read: expected safetensors; in PyTorch, "
            "safetensors.torch.save_file(model.state_dict(), path) writes it"
        )
    else:
        yield _of_state_dict(path), False


def put(network: "Network", numbers: Iterable[tuple[int, Mapping[str, Array]]]) -> None:
    """Write numbers that have been checked, by the indices of layers."""
    for index, arrays in numbers:
        for name, array in arrays.items():
            network.layers[index]._views[name][...] = array
    network._adapted = True


def fused(layers: list[Any], layer: LayerDescription) -> bool:
    """Make an activation that of a dense layer right before it, if it is one."""
    last = layers[-1] if layers else None
    if not (isinstance(layer, Activation) and isinstance(last, Dense)):
        return False
    if last.activation != "identity":
        return False
    layers[-1] = replace(last, activation=layer.activation)
    return True


# Matching ------------------------------------------------------------------------------------


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
            f"{where}: {len(stored)} layers with numbers: {_listed(stored)}; expected "
            f"{len(slots)}: {_listed(slots)}"
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
                f"{where}: the network has {_listed(ours) or 'nothing'} where the file has "
                f"{_listed(theirs) or 'nothing'}"
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


def _listed(items: Iterable[Any], most: int = 8) -> str:
    if isinstance(items, Mapping):
        items = [f"{name} {tuple(shape)}" for name, shape in items.items()]
    texts = [str(item) for item in items]
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return ", ".join(texts[:most] + more)


# Numbers -------------------------------------------------------------------------------------


def converted(
    slot: Slot, stored: Stored, dtype: "np.dtype[Any]", where: str
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


# PyTorch's state_dict ------------------------------------------------------------------------


def _of_state_dict(path: Path) -> list[Stored]:
    tensors, _ = read_tensors(path)
    modules: dict[str, dict[str, Array]] = defaultdict(dict)
    for name, tensor in tensors.items():
        module, _, own = name.rpartition(".")
        if own != "num_batches_tracked":
            modules[module][own] = tensor
    return [_of_module(place, tensors, path) for place, tensors in modules.items()]


def _of_module(place: str, tensors: Mapping[str, Array], path: Path) -> Stored:
    """A module's numbers, its kind told by their names and dimensions."""
    matrices = set()
    if {"running_mean", "running_var"} <= set(tensors):
        kind = "batch_norm"
    elif set(tensors) == {"mean", "variance"}:
        kind = "standardize"
    elif all(re.fullmatch(r"E[0-9]+", name) for name in tensors):
        kind, matrices = "embedding", set(tensors)
    elif "weight" in tensors and tensors["weight"].ndim == 2:
        kind, matrices = "dense", {"weight"}
    else:
        kind = "layer_norm" if "bias" in tensors else "prelu"
    names = NAMES_IN_TORCH.get(kind) or {name: name for name in sorted(tensors)}
    alone = kind in ("layer_norm", "prelu") and "weight" not in tensors
    if (
        alone
        or not set(tensors) <= set(names.values())
        or not all(
            tensor.dtype.kind == "f" and tensor.ndim == 1 + (name in matrices)
            for name, tensor in tensors.items()
        )
    ):
        what = _listed(f"{name} {t.dtype}{list(t.shape)}" for name, t in tensors.items())
        raise ModelFileError(
            f"{path}: {place!r} holds {what}: expected the numbers of a Linear, BatchNorm1d, "
            "LayerNorm or PReLU, or of a module that to_torch makes"
        )
    numbers = {own: tensors[theirs] for own, theirs in names.items() if theirs in tensors}
    shapes = {name: tensor.shape for name, tensor in numbers.items()}
    return Stored(place, kind, shapes, lambda: numbers)
