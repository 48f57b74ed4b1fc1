"""PyTorch's modules, read as a blueprint and made from a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from deltarule import layers as kinds
from deltarule._arrays import Array
from deltarule._files.architecture import names_in_torch
from deltarule._interchange.blueprint import Blueprint
from deltarule._interchange.matching import fused
from deltarule._interchange.torch_layers import (
    Embedding,
    Exponential,
    FrozenBatchNorm1d,
    Periodic,
    PiecewiseLinear,
    Residual,
    Standardize,
    nn,
    torch,
)
from deltarule._network.bare import BareNetwork
from deltarule.layers import Activation, Dense, LayerDescription
from deltarule.layers.residual import in_order


def blueprint_of(module: Any, input_size: int | None) -> Blueprint:
    """Read a module, as ``deltarule.from_torch`` says."""
    if not isinstance(module, nn.Module):
        hint = "; network.load_weights reads a state_dict" if isinstance(module, dict) else ""
        raise TypeError(
            f"from_torch: got {type(module).__name__}: expected a torch.nn.Module{hint}"
        )
    reader = _Reader(input_size)
    layers: list[Any] = []
    reader.read(module, "module", "", layers)
    if reader.problems:
        raise ValueError(
            "from_torch: no network can express\n  "
            + "\n  ".join(reader.problems)
            + f"\nexpected {', '.join(map(_called, [*_FROM_TORCH, Residual]))}, in nn.Sequential"
        )
    if not layers:
        raise ValueError("from_torch: the module has no layers: expected 1 or more")
    if reader.inputs is None:
        raise ValueError(
            "from_torch: no layer tells how many inputs there are: expected input_size=..."
        )
    return Blueprint(layers, reader.inputs, _dtype_of(module), reader.numbers(layers))


class _Reader:
    """A walk through a module: its layers, where their numbers are, and what is wrong with it."""

    def __init__(self, inputs: int | None) -> None:
        self.inputs = self._units = inputs
        self.problems: list[str] = []
        self.sources: list[Any] = []
        self._owners: dict[int, str] = {}

    def numbers(self, layers: list[Any]) -> list[tuple[int, Mapping[str, Array]]]:
        """What belongs into each layer, in the shapes that it has there."""
        found: list[tuple[int, Mapping[str, Array]]] = []
        n = self.inputs or 0
        for index, (layer, source) in enumerate(
            zip(in_order(layers, n), self.sources, strict=True)
        ):
            shapes = layer.parameters(n) | layer.statistics(n)
            places = getattr(layer, "places", None)
            if places is not None and list(places) != source.places:
                raise ValueError(
                    f"from_torch: columns {source.columns} come in at {source.places}: expected "
                    f"them at {list(places)}, as the others before them are taken"
                )
            arrays = {}
            for name, theirs in names_in_torch(layer).items():
                tensor = getattr(source, theirs, None)
                if tensor is not None:
                    numbers = tensor.detach().cpu().numpy().reshape(-1, *shapes[name][1:])
                    arrays[name] = np.broadcast_to(numbers, shapes[name])  # one slope: all units
            found.append((index, arrays))
            n = layer.units_after(n)
        return found

    def read(self, module: Any, place: str, name: str, layers: list[Any]) -> None:
        """Append the layers that a module is, or to the problems what is wrong with it."""
        try:
            _expect_no_hooks(module)
            forward = type(module).forward
            if forward in (nn.Sequential.forward, Residual.forward):
                inside: list[Any] = layers if forward is nn.Sequential.forward else []
                for index, (child, each) in enumerate(module._modules.items()):
                    self.read(each, f"{place}[{index}]", f"{name}.{child}".lstrip("."), inside)
                if inside is not layers and not self.problems:
                    layers.append(kinds.Residual(inside, name=_layer_name(name)))
                    self.sources.append(None)
            elif type(module) in _FROM_TORCH:
                self._read_layer(module, place, name, layers)
            else:
                raise ValueError  # its kind says it
        except (TypeError, ValueError) as error:
            self._units = None  # what comes out of it is not known
            why = f": {error}" if str(error) else ""
            self.problems.append(f"{place}: {_called(type(module))}{why}")

    def _read_layer(self, module: Any, place: str, name: str, layers: list[Any]) -> None:
        for tensor in chain(module.parameters(recurse=False), module.buffers(recurse=False)):
            owner = self._owners.setdefault(id(tensor), place)
            if owner != place:
                raise ValueError(f"it shares its numbers with {owner}")
        inputs, layer = _FROM_TORCH[type(module)](module)
        if inputs is not None:
            if self._units is None:
                self.inputs = self._units = inputs
            if self._units != inputs:
                raise ValueError(f"it takes {inputs} inputs and is given {self._units}")
        if layer is None:
            return
        if self._units is not None:
            self._units = layer.units_after(self._units)
        if not fused(layers, layer):
            layers.append(replace(layer, name=_layer_name(name)))
            self.sources.append(module)


def _expect_no_hooks(module: Any) -> None:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if any(getattr(module, name) for name in hooks) or "forward" in vars(module):
        raise ValueError("hooks, or a forward of its own, change what it computes")


def _layer_name(name: str) -> str | None:
    return None if all(part.isdigit() for part in name.split(".")) else name


def _called(kind: type) -> str:
    return f"nn.{kind.__name__}" if kind.__module__.startswith("torch.nn.") else kind.__name__


def _dtype_of(module: Any) -> str:
    """The one dtype of a module's numbers; that of a module without any is float32."""
    dtypes = {
        tensor.dtype
        for tensor in chain(module.parameters(), module.buffers())
        if tensor.is_floating_point() or tensor.is_complex()
    } or {torch.float32}
    if any(tensor.is_meta for tensor in chain(module.parameters(), module.buffers())):
        raise ValueError("from_torch: the module is on the meta device: expected one with numbers")
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        raise TypeError(
            f"from_torch: the module holds {', '.join(sorted(map(str, dtypes)))}: expected "
            "torch.float32 or torch.float64 alone; module.float() converts it"
        )
    return str(dtypes.pop()).removeprefix("torch.")


# A layer's inputs, where it tells them, and what it is; nothing for what changes nothing.
_Read = tuple[int | None, LayerDescription | None]


def _frozen(module: Any) -> bool:
    """Whether none of a module's own parameters is trained."""
    trained = {parameter.requires_grad for parameter in module.parameters(recurse=False)}
    if len(trained) == 2:
        raise ValueError("requires_grad is set of a part of its parameters; expected all or none")
    return trained != {True}


def _expect(module: Any, **expected: Any) -> None:
    for name, value in expected.items():
        given = getattr(module, name)
        if given != value:
            raise ValueError(f"{name}={given!r}; expected {value!r}")


def _linear(module: Any) -> _Read:
    # The weights are about to be copied in: nothing is drawn.
    dense = Dense(module.out_features, initializer="zeros", frozen=_frozen(module))
    return module.in_features, dense


def _activation(name: str, **expected: Any) -> Callable[[Any], _Read]:
    def read(module: Any) -> _Read:
        _expect(module, **expected)
        return None, Activation(name)

    return read


def _leaky_relu(module: Any) -> _Read:
    slope = module.negative_slope
    if slope == 0.01:
        return None, Activation("leaky_relu")
    return None, kinds.PReLU(slope, frozen=True)


def _gelu(module: Any) -> _Read:
    return None, Activation({"none": "gelu", "tanh": "gelu_tanh"}[module.approximate])


def _softplus(module: Any) -> _Read:
    _expect(module, beta=1.0)
    if module.threshold < 20:  # above it PyTorch returns z itself, which is no softplus any more
        raise ValueError(f"threshold={module.threshold!r}; expected 20 or more")
    return None, Activation("softplus")


def _softmax(module: Any) -> _Read:
    if module.dim not in (1, -1):
        raise ValueError(f"dim={module.dim!r}; expected 1 or -1")
    return None, Activation("softmax")


def _prelu(module: Any) -> _Read:
    n = module.num_parameters
    return None if n == 1 else n, kinds.PReLU(frozen=_frozen(module))


def _batch_norm(module: Any) -> _Read:
    _expect(module, track_running_stats=True)
    if module.momentum is None:
        raise ValueError("momentum=None; expected a number")
    by_running = isinstance(module, FrozenBatchNorm1d)
    # A module without requires_grad still goes by its batches, where a frozen layer would not.
    rate = 0.0 if _frozen(module) and not by_running else 1.0
    norm = kinds.BatchNorm(module.momentum, module.eps, frozen=by_running, learning_rate=rate)
    return module.num_features, norm


def _layer_norm(module: Any) -> _Read:
    if len(module.normalized_shape) != 1:
        raise ValueError(f"normalized_shape={module.normalized_shape}; expected one dimension")
    return module.normalized_shape[0], kinds.LayerNorm(module.eps, frozen=_frozen(module))


def _flatten(module: Any) -> _Read:
    _expect(module, start_dim=1)
    if module.end_dim not in (1, -1):
        raise ValueError(f"end_dim={module.end_dim!r}; expected -1")
    return None, None


def _embedding(module: Any) -> _Read:
    tables = {column: getattr(module, f"E{column}") for column in module.columns}
    columns = {column: tuple(reversed(table.shape)) for column, table in tables.items()}
    inputs = len(module.passing) + len(columns)
    return inputs, kinds.Embedding(columns, frozen=_frozen(module))


def _piecewise_linear(module: Any) -> _Read:
    edges = [getattr(module, f"edges{column}").tolist() for column in module.columns]
    d = len(module.bias) if module.maps else None
    layer = kinds.PiecewiseLinear(
        edges,
        d,
        linear=d is None or module.slope is not None,
        columns=module.columns,
        frozen=module.maps and _frozen(module),
    )
    return len(module.passing) + len(edges), layer


def _periodic(module: Any) -> _Read:
    d = len(module.bias) + (module.form == "pbld") if module.maps else None
    layer = kinds.Periodic(
        len(module.frequency),
        d,
        form=module.form,
        shared=module.shared,
        columns=module.columns,
        frozen=_frozen(module),
    )
    return len(module.passing) + len(module.columns), layer


_FROM_TORCH: dict[type, Callable[[Any], _Read]] = {
    nn.Linear: _linear,
    nn.ReLU: _activation("relu"),
    nn.LeakyReLU: _leaky_relu,
    nn.ELU: _activation("elu", alpha=1.0),
    nn.CELU: _activation("elu", alpha=1.0),
    nn.GELU: _gelu,
    nn.SiLU: _activation("silu"),
    nn.Sigmoid: _activation("sigmoid"),
    nn.Tanh: _activation("tanh"),
    nn.Softplus: _softplus,
    nn.Softmax: _softmax,
    nn.PReLU: _prelu,
    nn.Dropout: lambda module: (None, kinds.Dropout(module.p)),
    nn.BatchNorm1d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.Identity: lambda module: (None, None),
    nn.Flatten: _flatten,
    Exponential: _activation("exponential"),
    FrozenBatchNorm1d: _batch_norm,
    Standardize: lambda module: (module.mean.numel(), kinds.Standardize()),
    Embedding: _embedding,
    PiecewiseLinear: _piecewise_linear,
    Periodic: _periodic,
}


def to_torch(network: BareNetwork) -> Any:
    """Convert a network, as ``Network.to_torch`` says."""
    network._expect_adapted("to_torch")
    dtype = getattr(torch, network.dtype.name)
    # A layer's modules; those of a residual block come to stand where its last layer stood.
    modules: list[list[Any]] = []
    for layer in network.layers:
        if isinstance(layer.description, kinds.Add):
            first = layer.description.source
            modules.append([Residual(*chain(*modules[first:]))])
            modules[first:-1] = [[] for _ in modules[first:-1]]
        else:
            modules.append(_to_torch(layer, dtype))
    return nn.Sequential(*chain(*modules)).eval()


def _to_torch(layer: Any, dtype: Any) -> list[Any]:
    """A layer's modules, the one with its numbers first."""
    description, n = layer.description, layer.units
    after: list[Any] = []
    match description:
        case Dense():
            # Without PyTorch's draw of initial weights, which would move its generator on.
            made = nn.utils.skip_init(nn.Linear, layer.inputs, n, dtype=dtype)
            after = _activation_modules(layer.activation, dtype)
        case kinds.BatchNorm():
            kind = FrozenBatchNorm1d if layer.frozen else nn.BatchNorm1d
            made = kind(n, description.epsilon, float(description.momentum), dtype=dtype)
        case kinds.LayerNorm():
            made = nn.LayerNorm(n, description.epsilon, dtype=dtype)
        case kinds.PReLU():
            made = nn.PReLU(n, dtype=dtype)
        case kinds.Standardize():
            made = Standardize(torch.zeros(n, dtype=dtype), torch.ones(n, dtype=dtype))
        case kinds.Embedding():
            shapes = description.parameters(layer.inputs)
            tables = {c: torch.zeros(shapes[f"E{c}"], dtype=dtype) for c in description.columns}
            made = Embedding(layer.inputs, tables)
        case kinds.PiecewiseLinear(places=places):
            bins = zip(description._columns(), description._edges(), strict=True)
            edges = {column: torch.tensor(each, dtype=dtype) for column, each in bins}
            numbers = _zeros_of(layer, dtype)
            maps = {c: numbers.pop(f"map{c}") for c in edges} if numbers else None
            made = PiecewiseLinear(layer.inputs, edges, maps, **numbers, places=places)
        case kinds.Periodic(form=form, places=places):
            columns, numbers = description._columns(), _zeros_of(layer, dtype)
            made = Periodic(layer.inputs, columns, form, numbers, places)
        case kinds.Dropout():
            return [nn.Dropout(float(description.rate))]
        case _:
            return _activation_modules(layer.activation, dtype)
    with torch.no_grad():
        for own, theirs in names_in_torch(description).items():
            tensor = getattr(made, theirs)
            tensor.copy_(torch.from_numpy(getattr(layer, own)).reshape(tensor.shape))
    made.requires_grad_(not layer.frozen and layer.learning_rate > 0)
    return [made, *after]


def _zeros_of(layer: Any, dtype: Any) -> dict[str, Any]:
    """Room for a layer's parameters, by name."""
    shapes = layer.description.parameters(layer.inputs)
    return {name: torch.zeros(shape, dtype=dtype) for name, shape in shapes.items()}


def _activation_modules(name: str, dtype: Any) -> list[Any]:
    if name == "identity":
        return []
    if name == "softplus":  # where it is z itself to the last bit
        return [nn.Softplus(threshold=20 if dtype == torch.float32 else 40)]
    return [_ACTIVATIONS[name]()]


_ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "silu": nn.SiLU,
    "exponential": Exponential,
    "softmax": lambda: nn.Softmax(dim=-1),
}
