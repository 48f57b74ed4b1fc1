"""What a network is, as a file has it: descriptions of its layers, and tensors by layer.

A layer is described by its kind and its fields. Its numbers are called what PyTorch calls them
where it has a name: ``layers.0.weight``. They are held against the descriptions before a network is
made, so that it is never larger than what the file holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError
from deltarule.layers import (
    Activation,
    Add,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    LayerDescription,
    LayerNorm,
    Periodic,
    PiecewiseLinear,
    PReLU,
    Standardize,
)
from deltarule.layers.columns import NumberEmbedding
from deltarule.layers.residual import in_order

_KINDS: dict[str, Any] = {
    kind.kind: kind
    for kind in (
        Dense,
        Activation,
        Dropout,
        BatchNorm,
        LayerNorm,
        PReLU,
        Standardize,
        Embedding,
        PiecewiseLinear,
        Periodic,
        Add,
    )
}
_MOST_LAYERS = 4096  # each costs a network time that grows with their number

# What PyTorch calls a layer's numbers, and so do files; those of embeddings keep their names.
NAMES_IN_TORCH = {
    "dense": {"W": "weight", "b": "bias"},
    "batch_norm": {
        "gamma": "weight",
        "beta": "bias",
        "mean": "running_mean",
        "variance": "running_var",
    },
    "layer_norm": {"gamma": "weight", "beta": "bias"},
    "prelu": {"slope": "weight"},
    "standardize": {"mean": "mean", "variance": "variance"},
}

# Not written: a caller's initialiser may be a function, and has done its work.
_NOT_WRITTEN = ("initializer", "bias_initializer")


# Layers as they are described ----------------------------------------------------------------


def described(layers: Sequence[LayerDescription]) -> list[dict[str, Any]]:
    """Describe layers in JSON.

    Raises
    ------
    TypeError
        For a kind of layer that is not the package's.
    ValueError
        For more layers than are read.
    """
    if len(layers) > _MOST_LAYERS:
        raise ValueError(
            f"save: the network has {len(layers)} layers: expected {_MOST_LAYERS} or fewer"
        )
    return [_described(layer, f"layers[{index}]") for index, layer in enumerate(layers)]


def _described(layer: LayerDescription, what: str) -> dict[str, Any]:
    kind = _KINDS.get(layer.kind)
    if type(layer) is not kind:
        raise TypeError(
            f"save: {what} is a {type(layer).__name__}: expected one of the package's layers"
        )
    values = {name: getattr(layer, name) for name in _fields(kind)}
    if isinstance(layer, Embedding):
        values["columns"] = [[column, *sizes] for column, sizes in layer.columns.items()]
    elif isinstance(layer, NumberEmbedding):
        values["columns"] = list(layer.columns or ())
    if isinstance(layer, PiecewiseLinear):
        values["bins"] = [list(edges) for edges in layer._edges()]
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in values.items()
    }
    return {"kind": layer.kind, **plain}


def _fields(kind: Any) -> list[str]:
    return [each.name for each in fields(kind) if each.init and each.name not in _NOT_WRITTEN]


def layers_from(described: Any, input_size: Any) -> tuple[LayerDescription, ...]:
    """Make the layers' descriptions again, and hold them to an order that a network may have."""
    if type(input_size) is not int or not 1 <= input_size < 2**31:
        raise ModelFileError(f"input_size is {brief(input_size)}: expected 1 to 2^31 - 1")
    if not isinstance(described, list) or not 1 <= len(described) <= _MOST_LAYERS:
        raise ModelFileError(f"layers is {brief(described)}: expected 1 to {_MOST_LAYERS} of them")
    layers = [_layer_from(each, f"layers[{index}]") for index, each in enumerate(described)]
    _expect_blocks(layers)
    try:
        return in_order(layers, input_size)
    except (TypeError, ValueError) as error:
        raise ModelFileError(str(error)) from error


def _layer_from(described: Any, what: str) -> LayerDescription:
    kind = described.get("kind") if isinstance(described, dict) else None
    if type(kind) is not str or kind not in _KINDS:
        raise ModelFileError(f"{what}.kind is {brief(kind)}: expected one of {list(_KINDS)}")
    given = {name: value for name, value in described.items() if name != "kind"}
    expected = _fields(_KINDS[kind])
    if set(given) != set(expected):
        raise ModelFileError(f"{what} has {brief(sorted(given))}: expected {sorted(expected)}")
    for name, value in given.items():
        if name == "columns" and kind == "embedding":
            given[name] = _columns_from(value, what)
        elif name == "columns":
            given[name] = _list_of(value, int, f"{what}.columns", "columns")
        elif name == "bins":
            given[name] = _bins_from(value, what)
        elif value is not None and type(value) not in (bool, int, float, str):
            raise ModelFileError(f"{what}.{name} is {brief(value)}: expected a plain value")
    if kind == "add" and type(given["source"]) is not int:
        raise ModelFileError(f"{what}.source is {brief(given['source'])}: expected an integer")
    try:
        layer: LayerDescription = _KINDS[kind](**given)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{what}: {error}") from error
    return layer


def _columns_from(value: Any, what: str) -> dict[int, tuple[int, int]]:
    columns: dict[int, tuple[int, int]] = {}
    for each in value if isinstance(value, list) else [value]:
        numbers = each if isinstance(each, list) else []
        if len(numbers) != 3 or any(type(number) is not int for number in numbers):
            raise ModelFileError(
                f"{what}.columns has {brief(each)}: expected [column, categories, dimension]"
            )
        if numbers[0] in columns:
            raise ModelFileError(f"{what}.columns has column {numbers[0]} twice")
        columns[numbers[0]] = (numbers[1], numbers[2])
    return columns


def _list_of(value: Any, kind: type, what: str, expected: str) -> list[Any]:
    """A list of numbers; null, which would stand for all columns, is none."""
    if not isinstance(value, list) or any(type(each) is not kind for each in value):
        raise ModelFileError(f"{what} is {brief(value)}: expected a list of {expected}")
    return value


def _bins_from(value: Any, what: str) -> list[list[float]]:
    if not isinstance(value, list):
        raise ModelFileError(f"{what}.bins is {brief(value)}: expected a list of edges a column")
    return [
        _list_of(each, float, f"{what}.bins[{index}]", "edges") for index, each in enumerate(value)
    ]


def _expect_blocks(layers: Sequence[LayerDescription]) -> None:
    """Hold residual blocks to standing one in another, or one after another."""
    closed: list[tuple[int, int]] = []  # where a block begins and ends
    for index, layer in enumerate(layers):
        if not isinstance(layer, Add):
            continue
        while closed and closed[-1][0] >= layer.source:
            closed.pop()
        after = closed[-1][1] if closed else 0
        if not after <= layer.source < index:
            raise ModelFileError(
                f"layers[{index}].source is {layer.source}: expected {after} to {index - 1}, the "
                "first layer of a residual block"
            )
        closed.append((layer.source, index + 1))


def names_in_torch(layer: LayerDescription) -> dict[str, str]:
    """What PyTorch calls each of a layer's numbers."""
    if isinstance(layer, Embedding):
        return {f"E{column}": f"E{column}" for column in layer.columns}
    if isinstance(layer, NumberEmbedding):
        return {name: name for name in layer.parameters(0)}
    return NAMES_IN_TORCH.get(layer.kind, {})


# Numbers by layer ----------------------------------------------------------------------------


def _numbers(
    layers: Sequence[LayerDescription], input_size: int, what: str
) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Each part of a flat vector: its tensor's name, its shape there, and that of the tensor."""
    n_prev = input_size
    for index, layer in enumerate(layers):
        shapes: dict[str, tuple[int, ...]] = getattr(layer, what)(n_prev)
        for name, shape in shapes.items():
            matrix = name == "W" or isinstance(layer, (Embedding, NumberEmbedding))
            tensor = f"layers.{index}.{names_in_torch(layer)[name]}"
            yield tensor, shape, shape if matrix else shape[:1]
        n_prev = layer.units_after(n_prev)


def by_layer(
    layers: Sequence[LayerDescription], input_size: int, flat: Array, what: str
) -> dict[str, Array]:
    """Cut the flat vector of ``what``, parameters or statistics, into tensors; they are views."""
    tensors, first = {}, 0
    for name, shape, as_tensor in _numbers(layers, input_size, what):
        last = first + int(np.prod(shape))
        tensors[name] = flat[first:last].reshape(shape, order="F").reshape(as_tensor)
        first = last
    return tensors


def flat_size(layers: Sequence[LayerDescription], input_size: int, what: str) -> int:
    """How many numbers the flat vector has."""
    return sum(int(np.prod(shape)) for _, shape, _ in _numbers(layers, input_size, what))


def taken(
    tensors: MutableMapping[str, Array],
    layers: Sequence[LayerDescription],
    input_size: int,
    dtype: np.dtype[Any],
    what: str,
    prefix: str = "",
) -> Array:
    """Take a flat vector's tensors out of a file's, and hold them to what the layers need.

    Raises
    ------
    ModelFileError
        For one that is missing, of another dtype or shape, or with numbers that cannot be.
    """
    parts = [np.empty(0, dtype)]
    for name, _, shape in _numbers(layers, input_size, what):
        tensor = take(tensors, prefix + name, dtype, shape)
        _expect_variance(prefix + name, tensor, layers)
        parts.append(tensor.reshape(-1, order="F"))
    return np.concatenate(parts)


def take(
    tensors: MutableMapping[str, Array],
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    *,
    infinite: bool = False,
) -> Array:
    """Take a tensor of finite numbers, or of numbers that may be infinite, out of a file's."""
    tensor = tensors.pop(name, None)
    if tensor is None or tensor.shape != shape or tensor.dtype != dtype:
        found = "missing" if tensor is None else f"{tensor.dtype} of shape {tensor.shape}"
        raise ModelFileError(f"tensor {name!r} is {found}: expected {dtype} of shape {shape}")
    bad = np.isnan(tensor) if infinite else ~np.isfinite(tensor)
    if bad.any():
        expected = "numbers" if infinite else "finite numbers"
        raise ModelFileError(f"{first_of(name, tensor, bad)}: expected {expected}")
    return tensor


def first_of(name: str, tensor: Array, bad: Array) -> str:
    """The first number of a tensor that is bad, as a message has it."""
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"tensor {name!r} has {tensor[place]} at {list(place)}"


def _expect_variance(name: str, tensor: Array, layers: Sequence[LayerDescription]) -> None:
    if not name.endswith(("running_var", "variance")):
        return
    above_0 = isinstance(layers[0], Standardize) and name.endswith("layers.0.variance")
    bad = tensor <= 0 if above_0 else tensor < 0
    if bad.any():
        why = "expected above 0" if above_0 else "expected 0 or more"
        raise ModelFileError(f"{first_of(name, tensor, bad)}: {why}")


# What may be changed of a layer between two steps --------------------------------------------


def expect_rules(rules: Any, layers: Sequence[LayerDescription]) -> None:
    """Hold a file's rules to being those of its layers."""
    if not isinstance(rules, list) or len(rules) != len(layers):
        raise ModelFileError(f"rules is {brief(rules)}: expected {len(layers)}, one for each layer")
    for index, (rule, layer) in enumerate(zip(rules, layers, strict=True)):
        _expect_rule(rule, layer, f"rules[{index}]")


def _expect_rule(rule: Any, layer: LayerDescription, what: str) -> None:
    names = ["frozen", "learning_rate", "l1", "l2", "max_norm"]
    if not isinstance(rule, dict) or set(rule) != set(names):
        raise ModelFileError(f"{what} is {brief(rule)}: expected {names}")
    if type(rule["frozen"]) is not bool:
        raise ModelFileError(f"{what}.frozen is {brief(rule['frozen'])}: expected true or false")
    for name in names[1:]:
        value = rule[name]
        if type(value) not in (int, float) or not 0 <= value < np.inf:
            raise ModelFileError(f"{what}.{name} is {brief(value)}: expected a number, 0 or more")
        if value and name in names[2:] and not isinstance(layer, Dense):
            raise ModelFileError(f"{what}.{name} is {value}: expected 0, as the layer is no Dense")


def core_of(layers: Sequence[LayerDescription]) -> list[Mapping[str, Any]]:
    """What two networks' layers share whose parameters mean the same."""
    return [{"name": layer.name, **layer.core()} for layer in layers]
