"""Files of Keras 3: ``.weights.h5``, and ``.keras``, a zip archive with one and a description.

Nothing is unpacked to disk, no link is followed, no compressed data are opened: Keras writes plain
arrays, and nothing else is read. Shapes are compared before any numbers are.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from deltarule._arrays import Array
from deltarule._files.atomic import PathLike
from deltarule._files.untrusted import naming, opened
from deltarule._interchange.matching import Stored
from deltarule.errors import ModelFileError

try:
    import h5py
except ModuleNotFoundError as missing:
    raise ImportError(
        f"from_keras and load_weights need {missing.name} for a file of Keras's, which is not "
        'installed: pip install "deltarule[files]"'
    ) from missing

# A layer's arrays in a file, in their order: what Keras 3 calls the kind, what we do.
_VARS = {
    "dense": ("dense", ("W", "b")),
    "batch_normalization": ("batch_norm", ("gamma", "beta", "mean", "variance")),
    "layer_normalization": ("layer_norm", ("gamma", "beta")),
    "p_re_lu": ("prelu", ("slope",)),
    "normalization": ("standardize", ("mean", "variance", "count")),
}

_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # the second in the first versions

_MOST_DEPTH = 32


@dataclass(frozen=True)
class Described:
    """A layer in config.json: what it is, and where model.weights.h5 has its numbers."""

    kind: str
    config: dict[str, Any]
    place: str


def in_order(model: Any) -> list[Described] | None:
    """The layers of a model one by one, nested ones too; nothing for a class of the user's own."""
    described: list[Described] = []

    def append(model: Mapping[str, Any], prefix: str, depth: int) -> None:
        used: dict[str, int] = {}
        for layer in model["config"]["layers"]:
            kind = layer["class_name"]
            name = _snake_case(kind)
            used[name] = used.get(name, -1) + 1
            place = f"{prefix}layers/{name}" + (f"_{used[name]}" if used[name] else "")
            if kind in ("Sequential", "Functional") and depth < _MOST_DEPTH:
                append(layer, f"{place}/", depth + 1)
            else:
                described.append(Described(kind, dict(layer["config"]), place))

    if model["class_name"] not in ("Sequential", "Functional"):
        return None
    append(model, "", 0)
    return described


def _snake_case(name: str) -> str:
    """As Keras names the groups of its files."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


@contextmanager
def _translated(path: PathLike) -> Iterator[None]:
    """Whatever a library or a lookup says of a damaged file is one kind of error."""
    try:
        yield
    except (ModelFileError, MemoryError):
        raise
    except Exception as error:
        raise ModelFileError(f"{path}: not a whole file of Keras 3: {error!r}") from error


@contextmanager
def opened_file(path: Path) -> Iterator[KerasFile]:
    """Open a file, and close it: HDF5 would take it for the next one of its name."""
    with naming(path), opened(path) as file:
        zipped = file.read(4) == b"PK\x03\x04"
    with _translated(path):
        if zipped:
            model, image = _unzipped(path)
            access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
            access.set_fapl_core(backing_store=False)
            access.set_file_image(image)
            access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
            name = f"deltarule {uuid4()}".encode()  # of no file
            hdf5, size = h5py.File(h5py.h5f.open(name, h5py.h5f.ACC_RDONLY, access)), len(image)
        else:
            model, hdf5, size = None, h5py.File(path, "r"), path.stat().st_size
        with hdf5:
            yield KerasFile(path, hdf5, size, model)


def _unzipped(path: Path) -> tuple[Any, bytes]:
    """The two parts of an archive, which Keras stores as they are."""
    parts = []
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for name in ("config.json", "model.weights.h5"):
            if names.count(name) != 1:
                raise ModelFileError(
                    f"{path}: an archive with {names.count(name)} parts {name!r}: expected one, as "
                    "Keras 3 writes it (of PyTorch: "
                    "safetensors.torch.save_file(model.state_dict(), path))"
                )
            part = archive.getinfo(name)
            if part.compress_type != zipfile.ZIP_STORED or part.flag_bits & 1:
                raise ModelFileError(
                    f"{path}: {name!r} is compressed or encrypted: expected it stored, as Keras "
                    "writes it"
                )
            parts.append(archive.read(part))
    return json.loads(parts[0]), parts[1]


class KerasFile:
    """An open file: the model's description, where there is one, and its arrays by layer."""

    def __init__(self, path: Path, file: Any, size: int, model: Any) -> None:
        self.path, self.size, self.model = path, size, model
        self._seen: set[Any] = set()
        self._bytes = 0
        self.arrays = dict(self._layers(file, "", 0))
        if not self.arrays:
            old = "model_weights" in file or "layer_names" in file.attrs
            raise ModelFileError(
                f"{path}: {'the format of Keras 2' if old else 'no layers of Keras 3'}: expected "
                "what model.save('x.keras') or model.save_weights('x.weights.h5') of Keras 3 writes"
            )

    def _layers(self, group: Any, prefix: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
        """The arrays of each layer in a group, and of the layers in it."""
        if depth > _MOST_DEPTH:
            raise ModelFileError(f"{self.path}: {prefix!r}: models in models: expected fewer")
        for container in _CONTAINERS:
            layers = self._member(group, container, h5py.Group)
            for name in layers or ():
                place = f"{prefix}layers/{name}"
                layer = self._member(layers, name, h5py.Group)
                numbers = self._member(layer, "vars", h5py.Group)
                found = [self._dataset(numbers, str(i), place) for i in range(len(numbers or ()))]
                if found:
                    yield place, found
                yield from self._layers(layer, f"{place}/", depth + 1)

    def _member(self, group: Any, name: str, kind: Any) -> Any:
        """What a group holds under a name, once; nothing elsewhere is looked at."""
        link = "a path, as HDF5 reads it" if "/" in name else group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ModelFileError(f"{self.path}: {group.name}/{name} is a link to elsewhere")
        member = group.get(name)
        if not isinstance(member, kind) or member.id in self._seen:
            raise ModelFileError(f"{self.path}: {group.name}/{name} is not a {kind.__name__} alone")
        self._seen.add(member.id)
        return member

    def _dataset(self, group: Any, name: str, place: str) -> Any:
        """An array that is what Keras writes: plain numbers that lie in the file."""
        h5d = h5py.h5d
        dataset = self._member(group, name, h5py.Dataset)
        if dataset is None:
            raise ModelFileError(f"{self.path}: {place}: array {name} is missing")
        made = dataset.id.get_create_plist()
        layout, offset = made.get_layout(), dataset.id.get_offset()
        plain = made.get_external_count() == made.get_nfilters() == 0
        if not plain or layout not in (h5d.COMPACT, h5d.CONTIGUOUS):
            raise ModelFileError(
                f"{self.path}: {place}: array {name} is compressed, in pieces or in another file: "
                "expected a plain one, as Keras writes it"
            )
        self._bytes += dataset.nbytes
        inside = layout == h5d.COMPACT or (
            offset is not None and offset + dataset.nbytes <= self.size
        )
        if not inside or dataset.id.get_storage_size() != dataset.nbytes or self._bytes > self.size:
            raise ModelFileError(
                f"{self.path}: {place}: array {name} of {dataset.dtype}{list(dataset.shape)} is "
                "not in the file as a whole"
            )
        return dataset

    def stored(self, place: str, config: Mapping[str, Any] | None) -> Stored:
        """A layer's numbers, the kernel turned; nothing is read yet."""
        arrays = self.arrays[place]
        kind, names = _roles(f"{self.path}: {place}", len(arrays), config)
        numbers = {name: a for name, a in zip(names, arrays, strict=True) if name != "count"}
        for name, array in numbers.items():
            if (
                array.dtype.kind != "f"
                or array.dtype.itemsize > 8
                or array.ndim != 1 + (name == "W")
            ):
                raise ModelFileError(
                    f"{self.path}: {place}: {name} is {array.dtype}{list(array.shape)}: expected "
                    f"floating-point numbers in {1 + (name == 'W')} dimensions"
                )

        def read() -> dict[str, Array]:
            arrays = {name: array[()].T for name, array in numbers.items()}
            if kind == "standardize":  # Keras divides by 1e-7 or more
                small = (arrays["variance"] >= 0) & (arrays["variance"] < 1e-14)
                arrays["variance"] = np.where(small, 1e-14, arrays["variance"])
            return arrays

        return Stored(place, kind, {name: a.shape[::-1] for name, a in numbers.items()}, read)


def _roles(where: str, count: int, config: Mapping[str, Any] | None) -> tuple[str, tuple[str, ...]]:
    """What a layer's arrays are, by its kind in Keras and how many they are."""
    kind, names = _VARS.get(re.sub(r"_[0-9]+$", "", where.rpartition("/")[2]), ("", ()))
    if kind in ("batch_norm", "layer_norm") and config is not None:
        left_out = {n for n, key in (("gamma", "scale"), ("beta", "center")) if not config[key]}
        names = tuple(name for name in names if name not in left_out)
    elif kind == "dense":
        names = names[:count]
    elif kind == "batch_norm" and count == 2:
        names = names[2:]
    if len(names) != count or not count:
        raise ModelFileError(
            f"{where}: {count} arrays: expected a Dense, BatchNormalization, LayerNormalization, "
            "PReLU or Normalization with all of its arrays (in a .keras file without scale or "
            "center, too)"
        )
    return kind, names


@contextmanager
def weights(path: Path) -> Iterator[tuple[list[Stored], bool]]:
    """The layers of a file that have numbers, and whether they stand in the model's order."""
    with opened_file(path) as file:
        described = in_order(file.model) if file.model is not None else None
        configs = {each.place: each.config for each in described or ()}
        if described is not None and file.arrays.keys() <= configs.keys():
            places = [place for place in configs if place in file.arrays]
            yield [file.stored(place, configs[place]) for place in places], True
        else:
            yield [file.stored(place, None) for place in file.arrays], False
