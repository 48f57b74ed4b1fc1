"""Files of models: a network's numbers as tensors, and all else that it is as JSON beside them.

docs/files.md describes the format. What a file says is held against itself before anything is made
of it, and whatever is wrong is a `ModelFileError`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_finite
from deltarule._files import values
from deltarule._files.architecture import (
    by_layer,
    described,
    expect_rules,
    layers_from,
    taken,
)
from deltarule._files.atomic import PathLike
from deltarule._files.generators import generator_from, generator_state
from deltarule._files.inputs import ReadInputs, inputs_from, inputs_state
from deltarule._files.old_versions import upgraded_from_1
from deltarule._files.tensors import SEAL, json_object, read_metadata, read_tensors, write_tensors
from deltarule._files.untrusted import brief, naming
from deltarule._network.bare import BareNetwork
from deltarule._version import __version__
from deltarule.errors import ModelFileError
from deltarule.history import History
from deltarule.layers import LayerDescription, Standardize

AnyNetwork = TypeVar("AnyNetwork", bound=BareNetwork)
_FORMAT, _VERSION = "deltarule", 2
_KEY = "deltarule"


def save(network: BareNetwork, path: PathLike) -> None:
    """Write a network to a file; ``Network.save`` says more."""
    tensors, content = network_state(network)
    write(path, "network", tensors, {"network": content}, network.history)


# The file ------------------------------------------------------------------------------------


@dataclass
class Model:
    """What a file holds, as version 2 has it; tensors are taken out as they are used."""

    kind: Any  # a string, if the file is what it should be
    tensors: dict[str, Array]
    content: dict[str, Any]

    def part(self, name: str) -> dict[str, Any]:
        """An object of the content."""
        found = self.content.get(name)
        if not isinstance(found, dict):
            raise ModelFileError(f"{name} is {brief(found)}: expected an object")
        return found

    def leave_out(self, *prefixes: str) -> None:
        """Take out tensors that are not wanted, by what their names begin with."""
        for name in [each for each in self.tensors if each.startswith(prefixes)]:
            del self.tensors[name]


def write(
    path: PathLike,
    kind: str,
    tensors: Mapping[str, Array],
    content: Mapping[str, Any],
    history: Mapping[str, Any],
) -> None:
    """Write a file of any kind."""
    described = {
        "format": _FORMAT,
        "version": _VERSION,
        "kind": kind,
        "written_by": f"deltarule {__version__}",
        "summary": _summary(history),
        **content,
    }
    text = json.dumps(described, separators=(",", ":"), allow_nan=False)
    write_tensors(path, tensors, {_KEY: text})


def _summary(history: Mapping[str, Any]) -> dict[str, Any]:
    """What training came to, for those who look into a file; nothing is read from it."""
    last = {name: values.to_json(float(v[-1]), name) for name, v in history.items() if len(v)}
    return {"epochs": len(history.get("loss", ())), "last": last}


def read(path: PathLike) -> Model:
    """Read a file of any kind and of any version that there has been."""
    tensors, strings = read_tensors(path)
    with naming(path):
        content = _content(strings)
        if content["version"] == 1:
            tensors, content = upgraded_from_1(tensors, content)
        elif SEAL not in strings:
            raise ModelFileError(f"__metadata__ has no {SEAL}: expected one since version 2")
        return Model(content.get("kind"), tensors, content)


def read_content(path: PathLike) -> dict[str, Any]:
    """Read what a file says of itself, without its numbers and without a check of its hash."""
    strings = read_metadata(path)
    with naming(path):
        return _content(strings)


def _content(strings: Mapping[str, str]) -> dict[str, Any]:
    if _KEY not in strings:
        raise ModelFileError(
            f"__metadata__ has no {_KEY!r}: expected a file that deltarule has written, as the "
            "architecture is nowhere else; network.load_weights(path) reads weights alone"
        )
    content = json_object(strings[_KEY], f"{_KEY} in __metadata__")
    known = {_FORMAT: range(2, _VERSION + 1), f"{_FORMAT} checkpoint": range(1, 2)}
    name, version = content.get("format"), content.get("version")
    if type(name) is not str or name not in known or type(version) is not int:
        raise ModelFileError(
            f"format is {brief(name)}, version {brief(version)}: expected {_FORMAT!r} and a number"
        )
    if version > _VERSION:
        raise ModelFileError(
            f"the file has format version {version}, written by "
            f"{brief(content.get('written_by'))}: deltarule {__version__} reads versions up to "
            f"{_VERSION}; pip install --upgrade deltarule"
        )
    if version not in known[name]:
        raise ModelFileError(f"format is {name!r} but version is {version}: there is no such one")
    return content


# Networks ------------------------------------------------------------------------------------


def network_state(network: BareNetwork) -> tuple[dict[str, Array], dict[str, Any]]:
    """A network's tensors by layer, and the rest of what it is."""
    network._expect_adapted("save")
    layers, n = network._descriptions, network.input_size
    tensors = by_layer(layers, n, network.parameters, "parameters")
    tensors |= by_layer(layers, n, network.statistics, "statistics")
    if network.average is not None:
        average = by_layer(layers, n, network.average, "parameters")
        tensors |= {f"average.{name}": tensor for name, tensor in average.items()}
    for name, tensor in tensors.items():
        expect_finite(tensor, f"save: {name}")
    tensors |= {
        f"history.{name}": np.array(list(map(float, values)))
        for name, values in network.history.filled().items()
    }
    return tensors, {
        "layers": described(layers),
        "rules": [layer.rule() for layer in network.layers],
        "input_size": n,
        "dtype": network.dtype.name,
        "adapted": network._adapted,
        "input_means": network._core.input_means.tolist(),
        "dropout": [network._pass.seed, network._pass.number],
        "generator": generator_state(network._generator),
    } | _of_columns(network, tensors)


def _of_columns(network: BareNetwork, tensors: dict[str, Array]) -> dict[str, Any]:
    """What a network knows of the columns of X, where it knows some."""
    if network.inputs is not None:
        return {"inputs": inputs_state(network.inputs, tensors)}
    names = network.feature_names
    return {} if names is None else {"feature_names": names}


def network_from(
    model: Model, kind: type[AnyNetwork], read_inputs: ReadInputs | None = None
) -> AnyNetwork:
    """Make a file's network of a class, once all that belongs to it has been found to fit.

    Parameters
    ----------
    model : Model
    kind : type
    read_inputs : callable, optional
        What makes the network's inputs of their state; a file that has some is refused without.
    """
    content, tensors = model.part("network"), model.tensors
    layers = layers_from(content.get("layers"), content.get("input_size"))
    n, name = content["input_size"], content.get("dtype")
    if type(name) is not str or name not in ("float32", "float64"):
        raise ModelFileError(f"dtype is {brief(name)}: expected 'float32' or 'float64'")
    dtype = np.dtype(name)
    expect_rules(content.get("rules"), layers)
    adapted, dropout = content.get("adapted"), content.get("dropout")
    if type(adapted) is not bool or not (adapted or isinstance(layers[0], Standardize)):
        raise ModelFileError(f"adapted is {brief(adapted)}: expected true for these layers")
    if not isinstance(dropout, list) or len(dropout) != 2 or not all(map(_is_word, dropout)):
        raise ModelFileError(f"dropout is {brief(dropout)}: expected a seed and a number of passes")
    names = content.get("feature_names")
    if names is not None and not isinstance(names, list):
        raise ModelFileError(f"feature_names are {brief(names)}: expected a list of strings")
    parameters = taken(tensors, layers, n, dtype, "parameters")
    averaged = any(each.startswith("average.") for each in tensors)
    state = {
        "layers": layers,
        "rules": content["rules"],
        "input_size": n,
        "dtype": name,
        "parameters": parameters,
        "statistics": taken(tensors, layers, n, dtype, "statistics"),
        "adapted": adapted,
        "input_means": _input_means(content.get("input_means"), layers[0], n),
        "feature_names": names,
        "inputs": inputs_from(content.get("inputs"), tensors, read_inputs),
        "average": taken(tensors, layers, n, dtype, "parameters", "average.") if averaged else None,
        "pass": dropout,
        "generator": generator_from(content.get("generator"), "generator"),
        "history": _history(tensors),
    }
    network = kind.__new__(kind)
    try:
        network.__setstate__(state)
    except (TypeError, ValueError) as error:
        raise ModelFileError(str(error)) from error
    return network


def _input_means(means: Any, first: LayerDescription, n: int) -> list[float] | None:
    """The means of a standardising layer's inputs with all their digits, which may be missing."""
    if means is None:
        return None
    count = n if isinstance(first, Standardize) else 0
    if not isinstance(means, list) or len(means) != count or not all(map(_is_finite, means)):
        raise ModelFileError(f"input_means is {brief(means)}: expected {count} finite numbers")
    return means


def _is_finite(value: Any) -> bool:
    return type(value) is float and isfinite(value)


def _is_word(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**64


def _history(tensors: dict[str, Array]) -> History:
    """The values of the epochs, which may be NaN, as a metric may be."""
    prefix = "history."
    names = [name for name in tensors if name.startswith(prefix)]
    taken_out = {name.removeprefix(prefix): tensors.pop(name) for name in names}
    shapes = {tensor.shape for tensor in taken_out.values()}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
        raise ModelFileError(f"tensors {prefix}* have shapes {shapes}: expected vectors, as long")
    for name, tensor in taken_out.items():
        if tensor.dtype != np.float64:
            raise ModelFileError(f"tensor {prefix + name!r} is {tensor.dtype}: expected float64")
    return History({name: tensor.tolist() for name, tensor in taken_out.items()})


def expect_no_more(model: Model) -> None:
    """Hold a file to having no tensors that belong to nothing."""
    if model.tensors:
        raise ModelFileError(f"tensors that belong to nothing: {brief(sorted(model.tensors))}")
