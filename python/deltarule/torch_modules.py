"""Networks from and to PyTorch's modules.

What PyTorch has no module for stands here as a small one, so that a network is a plain
``nn.Sequential`` there: trained, moved and saved as any other.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from deltarule import layers as kinds
from deltarule.architecture import names_in_torch
from deltarule.foreign_weights import fused
from deltarule.layers import Activation, Dense, LayerDescription

if TYPE_CHECKING:
    from deltarule.network import Network

try:
    import torch
    from torch import nn
except ModuleNotFoundError as missing:
    raise ImportError(
        f"from_torch and to_torch need {missing.name}, which is not installed: pip install torch"
    ) from missing

# Modules that PyTorch lacks ------------------------------------------------------------------


class Exponential(nn.Module):
    """The activation ``exp(z)``."""

    def forward(self, z: Any) -> Any:
        """Compute it, element by element."""
        return torch.exp(z)


class FrozenBatchNorm1d(nn.BatchNorm1d):
    """A batch norm that goes by its running statistics in training, too, and keeps them."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.eval()

    def train(self, mode: bool = True) -> "FrozenBatchNorm1d":
        """Stay as in evaluation, whatever the mode."""
        super().train(False)
        return self


class Standardize(nn.Module):
    """``(x - mean) / sqrt(variance)``, both of them buffers: no optimizer finds them."""

    def __init__(self, mean: Any, variance: Any) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("variance", variance)

    def forward(self, x: Any) -> Any:
        """Standardise the columns of x."""
        return (x - self.mean) / torch.sqrt(self.variance)


class Embedding(nn.Module):
    """Columns of category codes become vectors, behind the columns that pass.

    Parameters
    ----------
    inputs : int
        How many columns come in.
    tables : dict of int to Tensor
        For each embedded column its vectors, columns of a (dimension, categories) table; they
        become the parameters ``E<column>``.
    """

    def __init__(self, inputs: int, tables: dict[int, Any]) -> None:
        super().__init__()
        self.columns = sorted(tables)
        self.passing = [column for column in range(inputs) if column not in tables]
        for column in self.columns:
            self.register_parameter(f"E{column}", nn.Parameter(tables[column]))

    def forward(self, x: Any) -> Any:
        """Put the vectors of the codes behind the columns that pass."""
        vectors = [
            nn.functional.embedding(x[:, column].long(), getattr(self, f"E{column}").T)
            for column in self.columns
        ]
        return torch.cat([x[:, self.passing], *vectors], dim=1)


class Residual(nn.Sequential):
    """A residual block: ``x + f(x)``, f being its modules in order."""

    def forward(self, x: Any) -> Any:
        """Add what comes out to what goes in."""
        return x + super().forward(x)


# From PyTorch --------------------------------------------------------------------------------


def from_torch(module: Any, *, input_size: int | None = None, seed: int | None = 0) -> "Network":
    """Convert a PyTorch module to a network that predicts the same and trains on alike.

    ``Linear`` and the activation behind it become one ``Dense``.

    Parameters
    ----------
    module : torch.nn.Module
        A ``Sequential``, nested or not, or one layer: Linear, ReLU, LeakyReLU, ELU and CELU
        (alpha=1), GELU, SiLU, Sigmoid, Tanh, Softplus, Softmax, PReLU, Dropout, BatchNorm1d,
        LayerNorm, Identity, Flatten, and the modules that ``network.to_torch`` makes. In training
        or in evaluation mode; it is not changed.
    input_size : int, optional
        The features of an example, where no layer tells.
    seed : int or None
        Of the order of examples and of dropout.

    Returns
    -------
    Network
        Of the module's dtype. Layers under a name that is no number have it, with dots where
        modules are nested: ``network.layers["encoder.fc1"]``. Parameters without
        ``requires_grad`` are not trained.

    Raises
    ------
    TypeError
        For what is no module, and for other numbers than float32 or float64.
    ValueError
        For modules that cannot be expressed: one error that names all of them, and their places.

    Notes
    -----
    Three things have no counterpart, and training differs by them, prediction does not. A
    ``Linear`` or ``LayerNorm`` without a bias gets one, which starts from 0 and is trained. A
    ``PReLU`` with one slope for all units gets one for each. Dropout drops other numbers.

    A ``LeakyReLU`` whose slope is not 0.01 becomes a frozen ``PReLU``.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> net = from_torch(torch.nn.Sequential(torch.nn.Linear(3, 1)))  # doctest: +SKIP
    """
    from deltarule.network import Network

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
    network = Network(layers, reader.inputs, seed, _dtype_of(module))
    for layer, source in zip(network.layers, reader.sources, strict=True):
        for name, theirs in names_in_torch(layer.description).items():
            tensor = getattr(source, theirs, None)
            if tensor is not None:
                own = getattr(layer, name)
                numbers = tensor.detach().cpu().numpy().reshape(-1, *own.shape[1:])
                setattr(layer, name, np.broadcast_to(numbers, own.shape))  # one slope: all units
    network._adapted = True
    return network


class _Reader:
    """A walk through a module: its layers, where their numbers are, and what is wrong with it."""

    def __init__(self, inputs: int | None) -> None:
        self.inputs = self._units = inputs
        self.problems: list[str] = []
        self.sources: list[Any] = []
        self._owners: dict[int, str] = {}

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
}

# To PyTorch ----------------------------------------------------------------------------------


def to_torch(network: "Network") -> Any:
    """Convert to a PyTorch module.

    Returns
    -------
    torch.nn.Sequential
        On the CPU, of the network's dtype, with a copy of its numbers, in evaluation mode:
        ``module.train()`` before training it. A ``Dense`` becomes a ``Linear`` and the activation
        behind it; ``Standardize``, ``Embedding``, ``Residual``, the exponential activation and a
        frozen ``BatchNorm`` become modules of ``deltarule.torch_modules``, as PyTorch has none.
        What training leaves alone has no ``requires_grad``.

    Raises
    ------
    ImportError
        Without PyTorch.
    ValueError
        Where ``Standardize`` has not seen data.

    Notes
    -----
    Penalties, greatest norms and rates of layers belong to PyTorch's optimizers, not to modules;
    they stay behind. So do names.

    Examples
    --------
    >>> net = Network([Dense(8, "relu"), Dense(1)], input_size=3)  # doctest: +SKIP
    >>> module = net.to_torch()  # doctest: +SKIP
    """
    if not network._adapted:
        raise ValueError(
            "to_torch: the Standardize layer has no means and variances yet: expected fit or adapt "
            "beforehand"
        )
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
