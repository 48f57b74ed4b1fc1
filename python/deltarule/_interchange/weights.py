"""Weights that other libraries have written, into a network that has been described here.

A file's numbers are found by its names: which belong to one layer, of what kind that is, and in
what order the layers stand. Everything is read and checked before anything is written.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deltarule._arrays import Array
from deltarule._files.architecture import NAMES_IN_TORCH
from deltarule._files.atomic import PathLike
from deltarule._files.tensors import read_tensors
from deltarule._files.untrusted import naming, opened
from deltarule._interchange.matching import Slot, Stored, converted, listed, match
from deltarule._network.bare import BareNetwork
from deltarule.errors import ModelFileError


def load_weights(network: BareNetwork, path: PathLike) -> None:
    """Read a file's weights, as ``Network.load_weights`` says."""
    path = Path(path)
    slots = [
        Slot(layer._index, layer.description, {name: v.shape for name, v in layer._views.items()})
        for layer in network.layers
        if layer._views
    ]
    with _opened(path) as (stored, in_order):
        pairs = match(slots, stored, str(path), in_order)
        numbers = [converted(slot, each, network.dtype, str(path)) for slot, each in pairs]
    network._put(numbers)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[list[Stored], bool]]:
    """The layers of a file that have numbers, and whether they stand in the model's order."""
    with naming(path), opened(path) as file:
        beginning = file.read(8)
    if beginning == b"\x89HDF\r\n\x1a\n" or beginning[:4] == b"PK\x03\x04":
        from deltarule._interchange import keras_file  # needs h5py

        with keras_file.weights(path) as weights:
            yield weights
    elif beginning[:1] == b"\x80" and any(beginning[4:]):  # too long for a safetensors header
        raise ModelFileError(
            f"{path}: a pickle, which runs code when it is read: expected safetensors; in PyTorch, "
            "safetensors.torch.save_file(model.state_dict(), path) writes it"
        )
    else:
        yield _of_state_dict(path), False


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
    elif "frequency" in tensors:
        kind, matrices = "periodic", set(tensors)
    elif any(re.fullmatch(r"map[0-9]+", name) for name in tensors):
        kind, matrices = "piecewise_linear", set(tensors)
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
        what = listed(f"{name} {t.dtype}{list(t.shape)}" for name, t in tensors.items())
        raise ModelFileError(
            f"{path}: {place!r} holds {what}: expected the numbers of a Linear, BatchNorm1d, "
            "LayerNorm or PReLU, or of a module that to_torch makes"
        )
    numbers = {own: tensors[theirs] for own, theirs in names.items() if theirs in tensors}
    shapes = {name: tensor.shape for name, tensor in numbers.items()}
    return Stored(place, kind, shapes, lambda: numbers)
