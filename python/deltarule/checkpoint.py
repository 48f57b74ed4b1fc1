"""Files of training's state, and going on from them.

The format is that of safetensors: 8 bytes, little-endian, that give the header's length; a JSON
header with each tensor's dtype, shape and place, and strings under ``__metadata__``; then the
numbers, little-endian, one tensor after another. Nothing in such a file is ever executed, and
nothing in it is believed before it has been checked.
"""

import copy
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deltarule.history import History
from deltarule.schedules import Schedule

if TYPE_CHECKING:
    from deltarule.network import Network
    from deltarule.optimizers import Optimizer
    from deltarule.training_run import TrainingRun

Array = NDArray[Any]
PathLike = str | os.PathLike[str]

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "<u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
_MOST_HEADER_BYTES = 100_000_000
_FORMAT, _VERSION = "deltarule checkpoint", 1


class ModelFileError(ValueError):
    """A file that is not what it should be; the message says what is wrong with it."""


# Tensors and strings -------------------------------------------------------------------------


def write_tensors(
    path: PathLike, tensors: Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Write a file in one move: whoever looks sees the old one whole, or the new one."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts, end = [], 0
    for name, tensor in tensors.items():
        array = np.ascontiguousarray(tensor)
        little = array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[little],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
        parts.append(array.astype(little, copy=False))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers are aligned
    _replace(Path(path), [len(text).to_bytes(8, "little"), text, *(part.data for part in parts)])


def _replace(path: Path, parts: Iterable[Any]) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # the new name, too, is to outlast a power cut
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_tensors(path: PathLike) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a file, tensors and metadata.

    Raises
    ------
    ModelFileError
        Where the header does not describe the file exactly.
    """
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _MOST_HEADER_BYTES):
            raise ModelFileError(
                f"{path}: the header's length is {length} but the file has {size} bytes: expected "
                "a whole safetensors file"
            )
        header = _header(path, file.read(length))
        metadata = header.pop("__metadata__", {})
        if not _is_dict(metadata, str):
            raise ModelFileError(f"{path}: __metadata__ is not an object of strings")
        places = _places(path, header, size - 8 - length)
        data = file.read()
    tensors = {
        name: np.frombuffer(data, dtype, math.prod(shape), begin)
        .reshape(shape)
        .astype(dtype.newbyteorder("="), copy=True)
        for name, (dtype, shape, begin) in places.items()
    }
    return tensors, metadata


def _header(path: PathLike, text: bytes) -> dict[str, Any]:
    def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ModelFileError(f"{path}: a name stands twice in the header")
        return dict(pairs)

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=once_each)
    except ModelFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: the header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise ModelFileError(f"{path}: the header is a {type(header).__name__}: expected an object")
    return header


def _places(
    path: PathLike, header: Mapping[str, Any], size: int
) -> dict[str, tuple[np.dtype[Any], tuple[int, ...], int]]:
    """Each tensor's dtype, shape and first byte; together they must fill the file exactly."""
    places, spans = {}, []
    for name, entry in header.items():
        what = f"{path}: tensor {name!r}"
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ModelFileError(f"{what}: expected dtype, shape and data_offsets")
        shape, offsets = entry["shape"], entry["data_offsets"]
        if not isinstance(entry["dtype"], str) or entry["dtype"] not in _DTYPES:
            raise ModelFileError(
                f"{what}: dtype is {entry['dtype']!r}: expected one of {list(_DTYPES)}"
            )
        if not _are_counts(shape):
            raise ModelFileError(f"{what}: shape is {shape!r}: expected a list of whole numbers")
        if not _are_counts(offsets) or len(offsets) != 2:
            raise ModelFileError(
                f"{what}: data_offsets are {offsets!r}: expected two whole numbers"
            )
        dtype = np.dtype(_DTYPES[entry["dtype"]])
        begin, end = offsets
        if end - begin != math.prod(shape) * dtype.itemsize:
            raise ModelFileError(
                f"{what}: data_offsets are {offsets} but shape {shape} of {entry['dtype']} takes "
                f"{math.prod(shape) * dtype.itemsize} bytes"
            )
        spans.append((begin, end))
        places[name] = (dtype, tuple(shape), begin)
    reached = 0
    for begin, end in sorted(spans):
        if begin != reached:
            raise ModelFileError(
                f"{path}: tensors overlap or leave a gap at byte {min(begin, reached)} of the data"
            )
        reached = end
    if reached != size:
        raise ModelFileError(
            f"{path}: the tensors take {reached} bytes but the file holds {size}: expected a whole "
            "file"
        )
    return places


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _is_rule(value: Any) -> bool:
    names = {"frozen", "learning_rate", "l1", "l2", "max_norm"}
    return (
        isinstance(value, dict)
        and set(value) == names
        and type(value["frozen"]) is bool
        and all(0 <= float(value[name]) < math.inf for name in names - {"frozen"})
    )


def _is_dict(value: Any, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(item, kind) for item in value.values())


# What a training is made of ------------------------------------------------------------------


def network_state(network: "Network") -> tuple[dict[str, Array], dict[str, Any]]:
    """A network's tensors, and the rest of what it is: architecture, generator, history."""
    tensors = {"parameters": network.parameters, "statistics": network.statistics}
    if network.average is not None:
        tensors["average"] = network.average
    return tensors, {
        **_architecture(network),
        "rules": [layer.rule() for layer in network.layers],
        "adapted": network._adapted,
        "dropout": [network._pass.seed, network._pass.number],
        "generator": _plain(network._generator.bit_generator.state),
        "history": dict(network.history),
    }


def _architecture(network: "Network") -> dict[str, Any]:
    """What two networks share whose parameters mean the same."""
    return {
        "layers": [
            {
                "name": layer.name,
                "core": _plain(layer.core()),
                "shapes": _plain(layer.parameters(network.layers[index].inputs)),
            }
            for index, layer in enumerate(network._descriptions)
        ],
        "input_size": network.input_size,
        "dtype": network.dtype.name,
    }


def restore_network(
    network: "Network", tensors: Mapping[str, Array], metadata: Mapping[str, Any]
) -> None:
    """Make a network what `network_state` saw; they have been compared."""
    network.parameters[:] = tensors["parameters"]
    network.statistics[:] = tensors["statistics"]
    network._set_average(tensors.get("average"))
    network._adapted = metadata["adapted"]
    network._set_pass(*metadata["dropout"])
    for layer, rule in zip(network.layers, metadata["rules"], strict=True):
        layer.set_rule(rule)
    state = metadata["generator"]
    kind = type(network._generator.bit_generator)
    if kind.__name__ != state["bit_generator"]:
        network._generator = np.random.Generator(_BIT_GENERATORS[state["bit_generator"]]())
    network._generator.bit_generator.state = _with_arrays(state)
    network.history = History(
        {name: list(map(float, v)) for name, v in metadata["history"].items()}
    )


_BIT_GENERATORS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        np.random.PCG64,
        np.random.PCG64DXSM,
        np.random.MT19937,
        np.random.Philox,
        np.random.SFC64,
    )
}


def optimizer_state(optimizer: "Optimizer") -> tuple[dict[str, Array], dict[str, Any]]:
    """An optimizer's vectors, and its hyper-parameters and counts."""
    rate: Any = getattr(optimizer, "learning_rate", None)
    hyperparameters = {
        each.name: _plain(getattr(optimizer, each.name))
        for each in fields(optimizer)
        if each.init and _is_plain(getattr(optimizer, each.name))
    }
    return ({} if optimizer.state is None else {"state": optimizer.state}), {
        "kind": type(optimizer).__name__,
        "hyperparameters": hyperparameters,
        "step": optimizer.step,
        "epochs": optimizer.epochs,
        "schedule": _named(rate),
        "schedule_state": rate.state() if isinstance(rate, Schedule) else {},
    }


def restore_optimizer(
    optimizer: "Optimizer",
    network: "Network",
    tensors: Mapping[str, Array],
    metadata: Mapping[str, Any],
) -> None:
    """Make an optimizer what `optimizer_state` saw; they have been compared."""
    if "state" in tensors:  # first, as an optimizer that belongs to another network is refused
        optimizer._state_for(network)[:] = tensors["state"]
    for name, value in metadata["hyperparameters"].items():
        setattr(optimizer, name, value)
    rate: Any = getattr(optimizer, "learning_rate", None)
    if isinstance(rate, Schedule):
        rate.restore(metadata["schedule_state"])
    optimizer.step, optimizer.epochs = metadata["step"], metadata["epochs"]


def _named(rate: Any) -> str | None:
    """A schedule by what it prints as, a function as such, nothing for a number."""
    return repr(rate) if isinstance(rate, Schedule) else "a function" if callable(rate) else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str, np.integer, np.floating))


def _plain(value: Any) -> Any:
    """Numbers, strings, lists and objects, as JSON has them."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _with_arrays(state: Any) -> Any:
    """A generator's state as NumPy takes it: lists are arrays there."""
    if isinstance(state, dict):
        return {name: _with_arrays(item) for name, item in state.items()}
    return np.array(state, np.uint64) if isinstance(state, list) else state


# Checkpoints ---------------------------------------------------------------------------------


def write(path: PathLike, run: "TrainingRun") -> None:
    """Write all that a training needs to go on."""
    tensors: dict[str, Array] = {}
    metadata: dict[str, Any] = {"format": _FORMAT, "version": _VERSION}
    for part, (arrays, rest) in {
        "network": network_state(run.network),
        "optimizer": optimizer_state(run.optimizer),
    }.items():
        tensors |= {f"{part}.{name}": array for name, array in arrays.items()}
        metadata[part] = rest
    metadata["callbacks"] = []
    for index, each in enumerate(_with_state(run.callbacks)):
        state = each.state()
        arrays = {name: v for name, v in state.items() if isinstance(v, np.ndarray)}
        tensors |= {f"callbacks.{index}.{name}": array for name, array in arrays.items()}
        rest = {name: _plain(v) for name, v in state.items() if name not in arrays}
        metadata["callbacks"].append({"kind": type(each).__name__, "state": rest})
    write_tensors(path, tensors, {"deltarule": json.dumps(metadata)})


def _with_state(callbacks: Sequence[Any]) -> list[Any]:
    """Those callbacks that have something to remember."""
    return [each for each in callbacks if hasattr(each, "state") and each.state()]


class Saved:
    """A checkpoint that was read and found to fit a network, an optimizer and callbacks."""

    def __init__(
        self,
        path: PathLike,
        network: "Network",
        optimizer: "Optimizer",
        callbacks: Sequence[Any],
    ) -> None:
        self._path = path
        self._tensors, strings = read_tensors(path)
        try:
            self._metadata = json.loads(strings.get("deltarule", ""))
            if self._metadata["format"] != _FORMAT or self._metadata["version"] != _VERSION:
                raise ValueError
            self._check_contents()
        except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
            raise ModelFileError(
                f"{path}: expected a {_FORMAT}, version {_VERSION}, as deltarule.Checkpoint writes "
                "it"
            ) from None
        self._compare_network(network)
        self._compare_optimizer(optimizer, network)
        kinds = [type(each).__name__ for each in _with_state(callbacks)]
        saved = [each["kind"] for each in self._metadata["callbacks"]]
        if kinds != saved:
            raise ValueError(
                f"fit: resume: {path} holds the state of callbacks {saved}: expected the same, not "
                f"{kinds}"
            )

    def _check_contents(self) -> None:
        """Hold the metadata to what will be read from them."""
        network, optimizer = self._metadata["network"], self._metadata["optimizer"]
        generator = network["generator"]
        trial = _BIT_GENERATORS[generator["bit_generator"]]()
        trial.state = _with_arrays(generator)
        if len(network["rules"]) != len(network["layers"]) or not all(
            _is_rule(rule) for rule in network["rules"]
        ):
            raise ValueError
        if type(network["adapted"]) is not bool:
            raise TypeError
        if not _are_counts(network["dropout"]) or len(network["dropout"]) != 2:
            raise ValueError
        lengths = {len(list(map(float, values))) for values in network["history"].values()}
        if len(lengths) > 1:
            raise ValueError
        for count in (optimizer["step"], optimizer["epochs"]):
            if type(count) is not int or count < 0:
                raise ValueError
        for part in (optimizer["hyperparameters"], optimizer["schedule_state"]):
            if not isinstance(part, dict):
                raise TypeError
        if not all(_is_dict(each["state"], object) for each in self._metadata["callbacks"]):
            raise TypeError

    def _compare_network(self, network: "Network") -> None:
        saved, here = self._metadata["network"], _architecture(network)
        for name, value in here.items():
            if saved.get(name) != value:
                raise ValueError(
                    f"fit: resume: {self._path} holds a network whose {name} is "
                    f"{saved.get(name)!r}: expected {value!r}, as this one has"
                )
        vectors = {"parameters": network.parameters, "statistics": network.statistics}
        if "network.average" in self._tensors:
            vectors["average"] = network.parameters
        for name, vector in vectors.items():
            self._expect_tensor(f"network.{name}", vector)

    def _compare_optimizer(self, optimizer: "Optimizer", network: "Network") -> None:
        saved = self._metadata["optimizer"]
        if saved["kind"] != type(optimizer).__name__:
            raise ValueError(
                f"fit: resume: {self._path} holds the state of {saved['kind']}: expected "
                f"{type(optimizer).__name__}, as optimizer is"
            )
        schedule = _named(getattr(optimizer, "learning_rate", None))
        if saved["schedule"] not in (None, schedule):
            raise ValueError(
                f"fit: resume: {self._path} was written with learning_rate={saved['schedule']}: "
                f"expected the same, not {schedule or 'a number'}"
            )
        known = {each.name for each in fields(optimizer) if each.init}
        if not set(saved["hyperparameters"]) <= known:
            raise ModelFileError(
                f"{self._path}: {saved['kind']} has no {set(saved['hyperparameters']) - known}"
            )
        if "optimizer.state" in self._tensors:
            # A copy's, so that the optimizer is still free for another network if this is refused.
            self._expect_tensor("optimizer.state", copy.deepcopy(optimizer)._state_for(network))

    def _expect_tensor(self, name: str, like: Array) -> None:
        tensor = self._tensors.get(name)
        if tensor is None or tensor.shape != like.shape or tensor.dtype != like.dtype:
            found = "missing" if tensor is None else f"{tensor.dtype} of shape {tensor.shape}"
            raise ModelFileError(
                f"{self._path}: tensor {name!r} is {found}: expected {like.dtype} of shape "
                f"{like.shape}"
            )
        if not np.isfinite(tensor).all():
            raise ModelFileError(f"{self._path}: tensor {name!r} has numbers that are not finite")

    def restore(self, run: "TrainingRun") -> None:
        """Put a training where the saved one was."""
        for index, each in enumerate(_with_state(run.callbacks)):
            state = self._metadata["callbacks"][index]["state"]
            try:
                each.restore(state | self._part(f"callbacks.{index}."))
            except (KeyError, TypeError, ValueError) as error:
                raise ModelFileError(
                    f"{self._path}: the state of {type(each).__name__} is not what it takes: "
                    f"{error!r}"
                ) from error
        restore_optimizer(
            run.optimizer, run.network, self._part("optimizer."), self._metadata["optimizer"]
        )
        restore_network(run.network, self._part("network."), self._metadata["network"])
        run.history, run.resumed = run.network.history, True

    def _part(self, prefix: str) -> dict[str, Array]:
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self._tensors.items()
            if name.startswith(prefix)
        }
