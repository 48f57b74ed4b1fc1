"""Files of Keras 3: ``.weights.h5``, and ``.keras``, a zip archive with one and a description.

Nothing is unpacked to disk, no link is followed, no compressed data are opened: Keras writes plain
arrays, and nothing else is read. Shapes are compared before any numbers are.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from deltarule import layers as kinds
from deltarule.checks import expect_size
from deltarule.foreign_weights import Array, PathLike, Slot, Stored, converted, fused, match, put
from deltarule.layers import Activation, Dense, LayerDescription, in_order
from deltarule.untrusted_file import ModelFileError, naming, opened

if TYPE_CHECKING:
    from deltarule.network import Network

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

# Layers, as described ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Described:
    """A layer in config.json: what it is, and where model.weights.h5 has its numbers."""

    kind: str
    config: dict[str, Any]
    place: str


def _in_order(model: Any) -> list[_Described] | None:
    """The layers of a model one by one, nested ones too; nothing for a class of the user's own."""
    described: list[_Described] = []

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
                described.append(_Described(kind, dict(layer["config"]), place))

    if model["class_name"] not in ("Sequential", "Functional"):
        return None
    append(model, "", 0)
    return described


def _snake_case(name: str) -> str:
    """As Keras names the groups of its files."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _expect_chain(model: Mapping[str, Any], path: Path) -> None:
    """Hold a Functional model, and those in it, to one layer after another."""
    layers = model["config"]["layers"]
    before = None
    for layer in layers:
        if layer["class_name"] in ("Sequential", "Functional"):
            _expect_chain(layer, path)
        if model["class_name"] == "Sequential":
            continue
        name, nodes = layer["config"]["name"], layer["inbound_nodes"]
        sources = re.findall(r'"keras_history": \["((?:[^"\\]|\\.)*)"', json.dumps(nodes))
        expected: list[str] = [] if before is None else [json.dumps(before)[1:-1]]
        if sources != expected or len(nodes) != len(expected):
            raise ModelFileError(
                f"{path}: the layer {name!r} takes {sources}: expected {expected}, as one layer "
                "follows another"
            )
        before = name
    if model["class_name"] == "Functional":
        outputs = model["config"]["output_layers"]
        while isinstance(outputs, list) and len(outputs) == 1:
            outputs = outputs[0]
        if outputs[0] != before:
            raise ModelFileError(
                f"{path}: the outputs are {outputs}: expected those of {before!r}, the last layer"
            )


# Files ---------------------------------------------------------------------------------------


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
def _opened(path: Path) -> Iterator["_File"]:
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
            yield _File(path, hdf5, size, model)


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


class _File:
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
    with _opened(path) as file:
        described = _in_order(file.model) if file.model is not None else None
        configs = {each.place: each.config for each in described or ()}
        if described is not None and file.arrays.keys() <= configs.keys():
            places = [place for place in configs if place in file.arrays]
            yield [file.stored(place, configs[place]) for place in places], True
        else:
            yield [file.stored(place, None) for place in file.arrays], False


# Whole models --------------------------------------------------------------------------------


def from_keras(path: PathLike, *, seed: int | None = 0) -> "Network":
    """Convert the model of a ``.keras`` file of Keras 3; Keras need not be installed, but h5py.

    Parameters
    ----------
    path : path
        What ``model.save("x.keras")`` wrote: a Sequential model, or a Functional one whose layers
        follow one another, of Dense, Activation, ReLU, LeakyReLU, ELU (alpha=1), PReLU, Softmax,
        Dropout, BatchNormalization, LayerNormalization, Normalization, Flatten (of rows) and
        InputLayer; and models of these in it.
    seed : int or None
        Of the order of examples and of dropout.

    Returns
    -------
    Network
        It predicts the same. float64 where all of the file's numbers are, else float32. Layers
        have the names that they have in Keras.

    Raises
    ------
    ModelFileError
        For a damaged file, and for layers that cannot be expressed: one error that names all.
    ImportError
        Without h5py.

    Notes
    -----
    What belongs to training differs: optimizer, loss, regularizers and constraints stay behind, a
    layer without a bias gets one, which starts from 0 and is trained, and Keras's running variance
    is that of the batch with its bias.

    Examples
    --------
    >>> net = from_keras("model.keras")  # doctest: +SKIP
    """
    from deltarule.network import Network

    path = Path(path)
    with _opened(path) as file:
        described = _in_order(file.model) if file.model is not None else None
        if described is None:
            raise ModelFileError(
                f"{path}: no description of a Sequential or Functional model: expected a .keras "
                "file with one; network.load_weights reads the weights alone"
            )
        _expect_chain(file.model, path)
        layers, stored, input_size = _converted_layers(file, described)
        try:
            in_order(layers, input_size)
        except ValueError as error:
            raise ModelFileError(f"{path}: {error}") from None
        slots, n, count = [], input_size, 0
        for index, layer in enumerate(layers):
            shapes = layer.parameters(n) | layer.statistics(n)
            count += sum(int(np.prod(shape)) for shape in shapes.values())
            if index in stored:
                slots.append(Slot(index, layer, shapes))
            n = layer.units_after(n)
        if len(file.arrays) != len(stored) or count > file.size:
            raise ModelFileError(
                f"{path}: the description's layers and the file's numbers are not the same"
            )
        pairs = match(slots, list(stored.values()), str(path), in_order=True)
        double = all(a.dtype == np.float64 for arrays in file.arrays.values() for a in arrays[:2])
        dtype = np.dtype("float64" if double else "float32")
        numbers = [converted(slot, each, dtype, str(path)) for slot, each in pairs]
    network = Network(layers, input_size, seed, dtype)
    put(network, numbers)
    return network


def _converted_layers(
    file: _File, described: list[_Described]
) -> tuple[list[Any], dict[int, Stored], int]:
    """The layers, the numbers of those that have some, and how many inputs there are."""
    layers: list[Any] = []
    stored: dict[int, Stored] = {}
    problems, inputs, names = [], None, set()
    for each in described:
        try:
            if each.kind == "InputLayer":
                inputs = _inputs(each.config, described) if inputs is None else inputs
                continue
            if each.kind not in _FROM_KERAS:
                raise ValueError  # its kind says it
            made, has_numbers = _FROM_KERAS[each.kind](each.config)
            if has_numbers != (each.place in file.arrays):
                raise ValueError("its numbers are not in the file")
        except (TypeError, ValueError) as error:
            problems.append(f"{each.place}: {each.kind}{': ' if str(error) else ''}{error}")
            continue
        if has_numbers:
            stored[len(layers)] = file.stored(each.place, each.config)
        name = each.config["name"]
        for layer in made:
            if not fused(layers, layer):
                layers.append(layer if name in names else replace(layer, name=name))
                names.add(name)
    if problems:
        raise ModelFileError(
            f"{file.path}: no network can express\n  "
            + "\n  ".join(problems)
            + f"\nexpected InputLayer, {', '.join(_FROM_KERAS)}"
        )
    if inputs is None:  # of a model without an InputLayer the first numbers tell
        first = next(iter(stored.values()), None)
        inputs = 0 if first is None else next(iter(first.shapes.values()))[-1]
    return layers, stored, inputs


def _inputs(config: Mapping[str, Any], described: list[_Described]) -> int:
    """The features of an example; one of several dimensions is flattened at once, or refused."""
    _, *shape = config["batch_shape"]
    after = next((each.kind for each in described if each.kind != "InputLayer"), None)
    if len(shape) != 1 and after != "Flatten":
        raise ValueError(f"batch_shape={config['batch_shape']}; expected rows, or a Flatten behind")
    n = 1
    for size in shape:
        n *= expect_size(size, "batch_shape")
    return n


# What a layer becomes, and whether it has numbers.
_Made = tuple[list[LayerDescription], bool]


def _expect(config: Mapping[str, Any], **expected: tuple[Any, ...]) -> None:
    for name, values in expected.items():
        if config[name] not in values:
            raise ValueError(f"{name}={config[name]!r}; expected {values[0]!r}")


def _activation(name: Any) -> LayerDescription:
    if name == "leaky_relu":
        return _leaky(0.2)
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        raise ValueError(f"activation={name!r}; expected one of {[*_ACTIVATIONS, 'leaky_relu']}")
    return Activation(_ACTIVATIONS[name])


def _leaky(slope: float) -> LayerDescription:
    own = {0: "relu", 0.01: "leaky_relu"}.get(slope)
    return kinds.PReLU(slope, frozen=True) if own is None else Activation(own)


def _dense(config: Mapping[str, Any]) -> _Made:
    # The weights are about to be copied in: nothing is drawn.
    dense = Dense(config["units"], initializer="zeros", frozen=not config["trainable"])
    return [dense, _activation(config["activation"])], True


def _relu(config: Mapping[str, Any]) -> _Made:
    _expect(config, max_value=(None,), threshold=(0,))
    return [_leaky(config["negative_slope"])], False


def _elu(config: Mapping[str, Any]) -> _Made:
    _expect(config, alpha=(1,))
    return [Activation("elu")], False


def _softmax(config: Mapping[str, Any]) -> _Made:
    _expect(config, axis=_LAST)
    return [Activation("softmax")], False


def _batch_norm(config: Mapping[str, Any]) -> _Made:
    _expect(config, axis=_LAST)
    norm = kinds.BatchNorm(
        1.0 - config["momentum"],  # Keras gives the other share
        config["epsilon"],
        frozen=not config["trainable"],
        learning_rate=float(config["scale"] or config["center"]),
    )
    return [norm], True


def _layer_norm(config: Mapping[str, Any]) -> _Made:
    _expect(config, axis=_LAST, rms_scaling=(False,))
    has_numbers = bool(config["scale"] or config["center"])
    frozen = not (has_numbers and config["trainable"])
    return [kinds.LayerNorm(config["epsilon"], frozen=frozen)], has_numbers


def _normalization(config: Mapping[str, Any]) -> _Made:
    _expect(config, axis=_LAST, invert=(False,), mean=(None,))
    return [kinds.Standardize()], True


_LAST = (-1, 1, [-1], [1])
_ACTIVATIONS = {
    "linear": "identity",
    **{name: name for name in ("relu", "sigmoid", "tanh", "softmax", "elu", "gelu", "silu")},
    **{name: name for name in ("softplus", "exponential")},
}
_FROM_KERAS: dict[str, Callable[[Mapping[str, Any]], _Made]] = {
    "Dense": _dense,
    "Activation": lambda config: ([_activation(config["activation"])], False),
    "ReLU": _relu,
    "LeakyReLU": lambda config: ([_leaky(config["negative_slope"])], False),
    "ELU": _elu,
    "PReLU": lambda config: ([kinds.PReLU(frozen=not config["trainable"])], True),
    "Softmax": _softmax,
    "Dropout": lambda config: ([kinds.Dropout(config["rate"])], False),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Normalization": _normalization,
    "Flatten": lambda config: ([], False),
}
