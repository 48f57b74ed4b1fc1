"""A model in a file of Keras's, as the layers of a network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deltarule import layers as kinds
from deltarule._checks import expect_size
from deltarule._files.atomic import PathLike
from deltarule._interchange.blueprint import Blueprint
from deltarule._interchange.keras_file import Described, KerasFile, opened_file
from deltarule._interchange.keras_file import in_order as layers_of
from deltarule._interchange.matching import Slot, Stored, converted, fused, match
from deltarule.errors import ModelFileError
from deltarule.layers import Activation, Dense, LayerDescription
from deltarule.layers.residual import in_order


def blueprint_of(path: PathLike) -> Blueprint:
    """Read a whole model, as ``deltarule.from_keras`` says."""
    path = Path(path)
    with opened_file(path) as file:
        described = layers_of(file.model) if file.model is not None else None
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
    return Blueprint(layers, input_size, dtype, numbers)


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


def _converted_layers(
    file: KerasFile, described: list[Described]
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


def _inputs(config: Mapping[str, Any], described: list[Described]) -> int:
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
