"""Layers, as they are described before they have inputs: ``Z = f(A_prev)`` and ``A = g(Z)``.

A description says what the core is told, which parameters a layer has, and what they start from. A
new layer is a kernel of the core and a class here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deltarule import _core
from deltarule.checks import expect_size, is_integer, is_number
from deltarule.initializers import Initializer, as_initializer, draw, suits

Array = NDArray[Any]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class LayerDescription:
    """What all layers have.

    Parameters
    ----------
    name : str, optional
        By which ``network.layers`` finds it.
    frozen : bool
        Whether training leaves its parameters alone.
    learning_rate : float
        Times the optimizer's.
    """

    kind: ClassVar[str]

    _: KW_ONLY
    name: str | None = None
    frozen: bool = False
    learning_rate: float = 1.0

    def units_after(self, n_prev: int) -> int:
        """How many units the layer has behind ``n_prev`` inputs."""
        return n_prev

    def core(self) -> dict[str, Any]:
        """What the core is told."""
        return {"kind": self.kind}

    def parameters(self, n_prev: int) -> Shapes:
        """The parameters in their order in the flat vector, each column by column."""
        return {}

    def statistics(self, n_prev: int) -> Shapes:
        """What the layer keeps that no gradient reaches, likewise."""
        return {}

    def initial(
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        """What a parameter starts from; ``where`` is for the message of what does not fit."""
        raise NotImplementedError

    def _expect(self, name: str, low: float, high: float = np.inf) -> None:
        value = getattr(self, name)
        what = f"{type(self).__name__}: {name} is {value!r}"
        if not is_number(value):
            raise TypeError(f"{what}: expected a number")
        if not low <= value < high:
            bound = "finite" if high == np.inf else f"less than {high:g}"
            raise ValueError(f"{what}: expected {low:g} or more and {bound}")

    def __post_init__(self) -> None:
        self._expect("learning_rate", 0)
        if not isinstance(self.frozen, (bool, np.bool_)):
            raise TypeError(f"{type(self).__name__}: frozen is {self.frozen!r}: expected a bool")
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"{type(self).__name__}: name is {self.name!r}: expected a string")


def _expect_activation(description: LayerDescription, activation: str) -> None:
    if activation not in _core.activation_names():
        raise ValueError(
            f"{type(description).__name__}: activation is {activation!r}: expected one of "
            f"{_core.activation_names()}"
        )


@dataclass(frozen=True)
class Dense(LayerDescription):
    """A dense layer: ``A = g(W A_prev + b)``.

    Parameters
    ----------
    units : int
        n, the units of the layer.
    activation : str
        g: identity, sigmoid, tanh, relu, leaky_relu, elu, gelu, gelu_tanh, silu, softplus,
        exponential or softmax.
    initializer : str, callable or array_like, optional
        What the weights are drawn from, by default what suits the activation: he_normal,
        he_uniform, glorot_normal, glorot_uniform, lecun_normal, lecun_uniform, orthogonal,
        small_normal, normal, uniform, zeros or ones; a function of (generator, n, n_prev), such as
        ``deltarule.initializers.Normal(0.1)``; or the weights (n, n_prev).
    bias_initializer : str, callable or array_like
        Likewise for the biases, zeros by default; a function is asked for (n, 1), an array may be a
        vector.
    l1, l2 : float
        Penalties on the weights: training minimises the cost plus ``l1 sum |w| + l2/2 sum w^2``.
    max_norm : float
        The greatest Euclidean norm of a unit's weights, a row of W, held after every step
        (Srivastava et al. 2014); 0 sets none.
    name, frozen, learning_rate
        As for every layer.
    """

    kind: ClassVar[str] = "dense"

    units: int
    activation: str = "identity"
    initializer: Initializer | None = None
    bias_initializer: Initializer = "zeros"
    _: KW_ONLY
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        expect_size(self.units, "Dense: units")
        _expect_activation(self, self.activation)
        for name in ("initializer", "bias_initializer"):
            given, biases = getattr(self, name), name == "bias_initializer"
            if biases or given is not None:
                initializer = as_initializer(given, f"Dense: {name}", biases=biases)
                if not isinstance(given, str):  # a copy of an array, which others may write to
                    object.__setattr__(self, name, initializer)
        for name in ("l1", "l2", "max_norm"):
            self._expect(name, 0)

    def units_after(self, n_prev: int) -> int:  # noqa: D102
        return int(self.units)

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "units": int(self.units), "activation": self.activation}

    def parameters(self, n_prev: int) -> Shapes:  # noqa: D102
        return {"W": (int(self.units), n_prev), "b": (int(self.units), 1)}

    def initial(  # noqa: D102
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        biases = name == "b"
        given = self.bias_initializer if biases else self.initializer
        where += ".bias_initializer" if biases else ".initializer"
        initializer = suits(self.activation) if given is None else given
        n, n_prev = shape
        return draw(as_initializer(initializer, where, biases=biases), generator, n, n_prev, where)


@dataclass(frozen=True)
class Activation(LayerDescription):
    """An activation alone, ``A = g(A_prev)``: behind a normalisation, say.

    Parameters
    ----------
    activation : str
        As in ``Dense``.
    name : str, optional
    """

    kind: ClassVar[str] = "activation"

    activation: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _expect_activation(self, self.activation)

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "activation": self.activation}


@dataclass(frozen=True)
class Dropout(LayerDescription):
    """Inverted dropout: in training each number is 0 with probability ``rate``.

    The others are multiplied by ``1 / (1 - rate)``, so that prediction, which drops nothing, needs
    no correction. A number's fate depends on the network's seed, the step, the layer, the example's
    place in the batch and the unit, so the bits are the same for any number of threads. The rate is
    taken to the nearest multiple of 2^-16.

    Parameters
    ----------
    rate : float
        In [0, 1).
    name : str, optional

    References
    ----------
    Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3" (Threefry, the generator).
    """

    kind: ClassVar[str] = "dropout"

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect("rate", 0, 1)

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "rate": float(self.rate)}


@dataclass(frozen=True)
class _Scaled(LayerDescription):
    """A normalisation, whose result is scaled by gamma and shifted by beta."""

    def parameters(self, n_prev: int) -> Shapes:
        return {"gamma": (n_prev, 1), "beta": (n_prev, 1)}

    def initial(
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        return np.full(shape, 1.0 if name == "gamma" else 0.0)


@dataclass(frozen=True)
class BatchNorm(_Scaled):
    """Batch normalisation: ``Z = gamma (A_prev - mean) / sqrt(variance + epsilon) + beta``.

    In training, mean and variance are each unit's over the batch (not weighted by
    ``sample_weight``); in prediction, and where the layer is frozen, their running averages:
    ``running := (1 - momentum) running + momentum batch``, the variance's without bias.

    Parameters
    ----------
    momentum : float
        In [0, 1]: the batch's share, as in PyTorch (Keras gives the other one).
    epsilon : float
        Above 0.
    name, frozen, learning_rate
        As for every layer.

    References
    ----------
    Ioffe & Szegedy 2015, "Batch Normalization", algorithms 1 and 2.
    """

    kind: ClassVar[str] = "batch_norm"

    momentum: float = 0.1
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect("momentum", 0, np.nextafter(1.0, 2.0))
        self._expect("epsilon", float(np.finfo(np.float32).tiny))

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {
            "kind": self.kind,
            "momentum": float(self.momentum),
            "epsilon": float(self.epsilon),
        }

    def statistics(self, n_prev: int) -> Shapes:  # noqa: D102
        return {"mean": (n_prev, 1), "variance": (n_prev, 1)}


@dataclass(frozen=True)
class LayerNorm(_Scaled):
    """Layer normalisation: each example to mean 0 and variance 1 over its units.

    ``Z = gamma (A_prev - mean) / sqrt(variance + epsilon) + beta``, in training and in prediction.

    Parameters
    ----------
    epsilon : float
        Above 0.
    name, frozen, learning_rate
        As for every layer.

    References
    ----------
    Ba, Kiros & Hinton 2016, "Layer Normalization".
    """

    kind: ClassVar[str] = "layer_norm"

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect("epsilon", float(np.finfo(np.float32).tiny))

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "epsilon": float(self.epsilon)}


@dataclass(frozen=True)
class PReLU(LayerDescription):
    """The parametric rectifier: ``z = a`` above 0, else ``slope a``, a slope for each unit.

    Parameters
    ----------
    slope : float
        What the slopes start from.
    name, frozen, learning_rate
        As for every layer.

    References
    ----------
    He et al. 2015, "Delving Deep into Rectifiers", equation 1.
    """

    kind: ClassVar[str] = "prelu"

    slope: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect("slope", -float(np.finfo(np.float32).max))

    def parameters(self, n_prev: int) -> Shapes:  # noqa: D102
        return {"slope": (n_prev, 1)}

    def initial(  # noqa: D102
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        return np.full(shape, float(self.slope))


@dataclass(frozen=True)
class Standardize(LayerDescription):
    """The first layer, if any: each input less its mean, over its standard deviation.

    ``Z = (X - mean) / sqrt(variance)``. They come from the data of the first ``fit``, or from
    ``network.adapt(X)``, and travel with the network; no gradient changes them. An input that is
    the same everywhere keeps a variance of 1, and columns that an ``Embedding`` takes pass.

    Parameters
    ----------
    name : str, optional
    """

    kind: ClassVar[str] = "standardize"

    def statistics(self, n_prev: int) -> Shapes:  # noqa: D102
        return {"mean": (n_prev, 1), "variance": (n_prev, 1)}


@dataclass(frozen=True)
class Embedding(LayerDescription):
    """Columns of category codes become vectors that are learned; the other columns pass.

    The outputs are the columns that pass, in their order, then each embedded column's vector. It
    stands before every layer but ``Standardize``.

    Parameters
    ----------
    columns : mapping of int to (int, int)
        ``{column: (categories, dimension)}``: a column of X holds codes 0 ... categories - 1, and a
        code's vector has ``dimension`` numbers.
    name, frozen, learning_rate
        As for every layer.

    Notes
    -----
    The vectors start from a normal distribution of standard deviation 0.05. They are columns of a
    table (dimension, categories): ``layer.E3`` for column 3. A step updates the whole table.

    References
    ----------
    Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables".
    """

    kind: ClassVar[str] = "embedding"

    columns: Mapping[int, tuple[int, int]]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.columns, Mapping) or not self.columns:
            raise TypeError(
                f"Embedding: columns is {self.columns!r}: expected {{column: (categories, "
                "dimension)}"
            )
        columns = {}
        for column, sizes in self.columns.items():
            if not is_integer(column):
                raise TypeError(f"Embedding: column {column!r}: expected an integer")
            if not 0 <= column < 2**31:
                raise ValueError(
                    f"Embedding: column {column}: expected 0 or more, and less than 2^31"
                )
            if not isinstance(sizes, Sequence) or len(sizes) != 2:
                raise TypeError(
                    f"Embedding: columns[{column}] is {sizes!r}: expected (categories, dimension)"
                )
            categories = expect_size(sizes[0], f"Embedding: categories of column {column}")
            columns[int(column)] = (
                categories,
                expect_size(sizes[1], f"Embedding: dimension of column {column}"),
            )
        object.__setattr__(self, "columns", dict(sorted(columns.items())))

    def units_after(self, n_prev: int) -> int:  # noqa: D102
        return n_prev + sum(dimension - 1 for _, dimension in self.columns.values())

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "columns": [(c, *sizes) for c, sizes in self.columns.items()]}

    def parameters(self, n_prev: int) -> Shapes:  # noqa: D102
        return {
            f"E{column}": (dimension, categories)
            for column, (categories, dimension) in self.columns.items()
        }

    def initial(  # noqa: D102
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        return generator.normal(0.0, 0.05, shape)


@dataclass(frozen=True)
class Add(LayerDescription):
    """The end of a ``Residual`` block: ``A = A_prev + A[from]``."""

    kind: ClassVar[str] = "add"

    source: int

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "from": self.source}


@dataclass(frozen=True)
class Residual:
    """A residual block: what goes in is added to what comes out, ``A + f(A)``.

    Parameters
    ----------
    layers : sequence of layers
        f, whose last layer has as many units as go into the first. Blocks may stand in blocks.
    name : str, optional
        Of the layer that adds; in ``network.layers`` the block's layers stand one by one.

    References
    ----------
    He et al. 2016, "Deep Residual Learning for Image Recognition", equation 1.
    """

    layers: Sequence["LayerDescription | Residual"]
    name: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.layers, (str, bytes)) or not isinstance(self.layers, Iterable):
            raise TypeError(f"Residual: layers is {self.layers!r}: expected a list of layers")
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("Residual: no layers: expected 1 or more")


def in_order(
    layers: Sequence[LayerDescription | Residual], input_size: int
) -> tuple[LayerDescription, ...]:
    """The layers one by one, each residual block ended by a layer that adds.

    Raises
    ------
    TypeError, ValueError
        For what is no layer, or stands where it cannot.
    """
    flat: list[LayerDescription] = []
    _append(flat, layers, [input_size], "layers")
    for index, layer in enumerate(flat):
        before = flat[:index]
        if isinstance(layer, Standardize) and before:
            raise ValueError(
                f"Network: layers[{index}] is a Standardize: expected it to be the first"
            )
        if isinstance(layer, Embedding) and not all(
            isinstance(other, Standardize) for other in before
        ):
            raise ValueError(
                f"Network: layers[{index}] is an Embedding: expected it before every layer but "
                "Standardize, as it takes columns of X"
            )
    names = [layer.name for layer in flat if layer.name is not None]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"Network: two layers have the name {name!r}: expected one")
    return tuple(flat)


def _append(
    flat: list[LayerDescription],
    layers: Iterable[LayerDescription | Residual],
    units: list[int],
    where: str,
) -> None:
    for index, layer in enumerate(layers):
        here = f"{where}[{index}]"
        if isinstance(layer, Residual):
            source, n = len(flat), units[-1]
            _append(flat, layer.layers, units, f"{here}.layers")
            if units[-1] != n:
                raise ValueError(
                    f"Network: {here} is a Residual with {n} inputs and {units[-1]} outputs: "
                    "expected as many, as they are added"
                )
            flat.append(Add(source, name=layer.name))
            units.append(n)
        elif isinstance(layer, LayerDescription):
            flat.append(layer)
            units.append(layer.units_after(units[-1]))
        else:
            raise TypeError(
                f"Network: {here} is {layer!r}: expected a layer, such as Dense(units, activation)"
            )


def embedded_columns(layers: Iterable[LayerDescription]) -> Iterator[tuple[int, int]]:
    """Each embedded column of X, and how many categories it has."""
    for layer in layers:
        if isinstance(layer, Embedding):
            yield from ((column, sizes[0]) for column, sizes in layer.columns.items())
