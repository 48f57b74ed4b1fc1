"""Networks, and the boundary where the user's rows become the core's columns.

Everything here speaks ``(n_samples, n_features)``. A C-ordered array of that shape has the same
bytes as the core's column-major ``(n_features, n_samples)``, so nothing is turned and nothing is
copied: this module hands rows over, and the core reads them as columns.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from deltarule import _core, training
from deltarule.data import as_rows
from deltarule.initializers import INITIALIZERS, suits
from deltarule.last_good import Room
from deltarule.losses import CustomLoss, Loss
from deltarule.optimizers import Optimizer, aligned_zeros

Array = NDArray[Any]

_CORES: dict[str, tuple[type["_core.Network"], type["_core.Trainer"]]] = {
    "float32": (_core.Network32, _core.Trainer32),
    "float64": (_core.Network64, _core.Trainer64),
}


@dataclass(frozen=True)
class Dense:
    """A dense layer, as it is described before it has inputs: ``A = g(W A_prev + b)``.

    Parameters
    ----------
    units : int
        n, the units of the layer.
    activation : str
        g: identity, sigmoid, tanh, relu, leaky_relu, elu, gelu, gelu_tanh, silu, softplus,
        exponential or softmax.
    initializer : str, optional
        What the weights are drawn from: he_normal, he_uniform, glorot_normal, glorot_uniform,
        lecun_normal, lecun_uniform or zeros. By default, what suits the activation.
    """

    units: int
    activation: str = "identity"
    initializer: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.units, (int, np.integer)) or isinstance(self.units, bool):
            raise TypeError(f"Dense: units is {self.units!r}: expected an integer")
        if not 1 <= self.units < 2**31:
            raise ValueError(
                f"Dense: units is {self.units}: expected 1 or more, and less than 2^31"
            )
        if self.activation not in _core.activation_names():
            raise ValueError(
                f"Dense: activation is {self.activation!r}: expected one of "
                f"{_core.activation_names()}"
            )
        if self.initializer is not None and self.initializer not in INITIALIZERS:
            raise ValueError(
                f"Dense: initializer is {self.initializer!r}: expected one of {list(INITIALIZERS)}"
            )


class Layer:
    """A layer of a network: its description, and live views of its parameters.

    Attributes
    ----------
    units : int
    activation : str
    W : ndarray of shape (n, n_prev)
        The weights: a view of ``network.parameters``. Assigning to it copies into the view.
    b : ndarray of shape (n, 1)
        The biases, likewise.
    """

    def __init__(self, index: int, dense: Dense, W: Array, b: Array) -> None:
        self._index = index
        self.units = dense.units
        self.activation = dense.activation
        self._W = W
        self._b = b

    @property
    def W(self) -> Array:
        """The weights (n, n_prev), live."""
        return self._W

    @W.setter
    def W(self, value: ArrayLike) -> None:
        _assign(self._W, value, f"layers[{self._index}].W")

    @property
    def b(self) -> Array:
        """The biases (n, 1), live."""
        return self._b

    @b.setter
    def b(self, value: ArrayLike) -> None:
        _assign(self._b, value, f"layers[{self._index}].b")

    def __repr__(self) -> str:
        return f"Layer({self.units}, {self.activation!r}, W {self.W.shape}, b {self.b.shape})"


class LayerCache(NamedTuple):
    """What a layer's backward step needs; ``A_prev`` and ``Z`` are rows, one an example."""

    A_prev: Array
    W: Array
    b: Array
    Z: Array


class LayerParameters(NamedTuple):
    """A layer's part of a flat vector: views, (n, n_prev) and (n, 1)."""

    W: Array
    b: Array


class Caches(Sequence[LayerCache]):
    """What ``Network.forward`` leaves for ``Network.backward``: a cache a layer."""

    def __init__(self, network: "Network", core: "_core.Cache") -> None:
        self._network = network
        self._core = core

    def __len__(self) -> int:
        return len(self._network.layers)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        layer = self._network.layers[index]
        l = range(len(self))[index] + 1  # noqa: E741 -- the layer, as on paper
        A_prev = self._core.X if l == 1 else self._core.A(l - 1)
        return LayerCache(A_prev, layer.W, layer.b, self._core.Z(l))

    def __iter__(self) -> Iterator[LayerCache]:
        return (self[i] for i in range(len(self)))


class Network:
    """A dense network: layers in order over one flat vector of parameters.

    Layer l computes ``Z[l] = W[l] A[l-1] + b[l]`` and ``A[l] = g[l](Z[l])``, with ``A[0] = X``. An
    example is a row of X here (docs/notation has the equations, where it is a column).

    Parameters
    ----------
    layers : sequence of Dense
    input_size : int
        n[0], the features of an example.
    seed : int or None
        Of the initial weights and of the order of examples. None draws a seed from the system.
    dtype : {"float32", "float64"}

    Attributes
    ----------
    layers : tuple of Layer
        With live views ``W`` (n, n_prev) and ``b`` (n, 1).
    parameters : ndarray of shape (n_parameters,)
        The flat vector: ``W[1]`` column by column, ``b[1]``, ``W[2]``, ... Assigning copies into
        it.
    history : History
        Of the latest ``fit``, also when it was interrupted.

    Examples
    --------
    >>> net = Network([Dense(8, "relu"), Dense(1)], input_size=3, seed=0)
    >>> net.predict([[0.1, 0.2, 0.3]]).shape
    (1, 1)
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        input_size: int,
        seed: int | None = 0,
        dtype: DTypeLike = "float32",
    ) -> None:
        for index, dense in enumerate(layers):
            if not isinstance(dense, Dense):
                raise TypeError(
                    f"Network: layers[{index}] is {dense!r}: expected a Dense(units, activation)"
                )
        if not isinstance(input_size, (int, np.integer)) or isinstance(input_size, bool):
            raise TypeError(f"Network: input_size is {input_size!r}: expected an integer")
        if not 1 <= input_size < 2**31:
            raise ValueError(
                f"Network: input_size is {input_size}: expected 1 or more, and less than 2^31"
            )
        self.dtype = np.dtype(dtype).newbyteorder("=")
        if self.dtype.name not in _CORES:
            raise TypeError(f"Network: dtype is {self.dtype}: expected float32 or float64")
        self._dense = tuple(layers)
        self.input_size = int(input_size)
        self._generator = np.random.default_rng(seed)
        self._build()
        for layer, dense in zip(self.layers, self._dense, strict=True):
            draw = INITIALIZERS[dense.initializer or suits(dense.activation)]
            layer.W = draw(self._generator, *layer.W.shape)

    def _build(self) -> None:
        """The core and the flat vectors for the architecture; every parameter is zero."""
        network, trainer = _CORES[self.dtype.name]
        self._core = network(
            self.input_size, [(int(dense.units), dense.activation) for dense in self._dense]
        )
        self._new_trainer = trainer
        self._parameters = aligned_zeros(self._core.parameter_count, self.dtype)
        views = self.unflatten(self._parameters)
        self.layers = tuple(
            Layer(index, dense, view.W, view.b)
            for index, (dense, view) in enumerate(zip(self._dense, views, strict=True))
        )
        self._training = threading.Lock()
        self._trainers: dict[Loss, _core.Trainer] = {}
        self._gradients: Array | None = None
        self._snapshot_rooms: list[Room] = []
        self.history = training.History()

    @property
    def output_size(self) -> int:
        """n[L], the units of the last layer."""
        return int(self._dense[-1].units)

    @property
    def parameters(self) -> Array:
        """The flat vector of all weights and biases, live."""
        return self._parameters

    @parameters.setter
    def parameters(self, value: ArrayLike) -> None:
        _assign(self._parameters, value, "parameters")

    def unflatten(self, flat: Array) -> list[LayerParameters]:
        """Views of each layer's part of a flat vector, such as ``parameters`` or gradients.

        Parameters
        ----------
        flat : ndarray of shape (n_parameters,)

        Returns
        -------
        list of LayerParameters
            ``W`` (n, n_prev) and ``b`` (n, 1) of each layer, sharing memory with ``flat``.
        """
        views = []
        n_prev = self.input_size
        for index, dense in enumerate(self._dense):
            n = int(dense.units)
            first = self._core.parameter_offset(index + 1)
            middle, last = first + n * n_prev, first + n * (n_prev + 1)
            W = flat[first:middle].reshape((n, n_prev), order="F")
            views.append(LayerParameters(W, flat[middle:last].reshape(n, 1)))
            n_prev = n
        return views

    def forward(self, X: ArrayLike) -> tuple[Array, Caches]:
        """Run the forward step and keep what the backward step needs.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        A : ndarray of shape (n_samples, n_outputs)
            ``A[L]``, read-only.
        caches : Caches
            ``caches[i]`` holds ``A_prev, W, b, Z`` of layer i. ``W`` and ``b`` are the live
            parameters, so update them after the whole backward step.
        """
        rows = as_rows(X, self.input_size, self.dtype, "forward")
        self._expect_finite_parameters("forward")
        core = self._core.forward(self._parameters, rows)
        return core.A(len(self.layers)), Caches(self, core)

    def backward(self, dA: ArrayLike, caches: Caches, *, input_gradient: bool = False) -> Any:
        """Run the backward step.

        Parameters
        ----------
        dA : array_like of shape (n_samples, n_outputs)
            The derivative of each example's own loss with respect to ``A[L]``; the ``1/m`` of the
            cost is applied here, in ``dW = (1/m) dZ A_prev^T`` and ``db``.
        caches : Caches
            From ``forward``.
        input_gradient : bool
            Whether to compute ``dA[0]``, the derivative with respect to X, as well.

        Returns
        -------
        gradients : ndarray of shape (n_parameters,)
            In the order of ``parameters``; ``unflatten`` gives each layer's dW and db.
        dX : ndarray of shape (n_samples, n_features)
            Only with ``input_gradient``.
        """
        if not isinstance(caches, Caches) or caches._network is not self:
            raise TypeError("backward: caches are not of this network's forward step")
        rows = as_rows(dA, self.output_size, self.dtype, "backward", "dA", "outputs")
        dA = np.ascontiguousarray(rows, self.dtype)
        m = caches._core.m
        if len(dA) != m:
            raise ValueError(f"backward: dA has {len(dA)} rows: expected {m}, as X has")
        gradients = aligned_zeros(self._parameters.size, self.dtype)
        scale = 1.0 / m if m else 0.0
        dX = self._core.backward(dA, caches._core, scale, gradients, input_gradient)
        return (gradients, dX) if input_gradient else gradients

    def update(self, gradients: Array, optimizer: Optimizer) -> None:
        """Make one step of an optimizer.

        Parameters
        ----------
        gradients : ndarray of shape (n_parameters,)
        optimizer : Optimizer
            Holds this network's state from its first update on.
        """
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"update: optimizer is {optimizer!r}: expected one that keeps its state, such as "
                "deltarule.Adam(1e-3)"
            )
        flat = np.asarray(gradients)
        if flat.dtype.kind not in "biuf":
            raise TypeError(f"update: gradients are {flat.dtype}: expected {self.dtype}")
        flat = np.ascontiguousarray(flat, self.dtype)
        if flat.shape != self._parameters.shape:
            raise ValueError(
                f"update: gradients have shape {flat.shape}: expected {self._parameters.shape}"
            )
        _expect_finite(flat, "update: gradients")
        state = optimizer._state_for(self)
        _core.optimizer_update(optimizer._rule(), optimizer._counter, self._parameters, flat, state)

    def loss_and_gradients(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: training.AnyLoss = None,
        sample_weight: ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Compute the cost over a batch and its gradients, in one pass.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        loss : Loss, str or callable, optional
            As in ``fit``.
        sample_weight : array_like of shape (n_samples,), optional

        Returns
        -------
        cost : float
            The (weighted) mean of the examples' losses.
        gradients : ndarray of shape (n_parameters,)
        """
        where = "loss_and_gradients"
        loss, rows, target = training.at_the_door(self, X, y, loss, sample_weight, where)
        self._expect_finite_parameters(where)
        gradients = aligned_zeros(self._parameters.size, self.dtype)
        trainer = self._new_trainer(self._core, loss._formula())
        total, weight = trainer.loss_and_gradients(
            self._core, self._parameters, rows, target, gradients
        )
        return total / weight, gradients

    def predict(self, X: ArrayLike, out: Array | None = None) -> Array:
        """Compute ``A[L]`` for each example, without keeping caches.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Or one example of shape (n_features,).
        out : ndarray of shape (n_samples, n_outputs), optional
            C-contiguous and of the network's dtype: where to write the result.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Or (n_outputs,) for one example.
        """
        A = self._core.predict(self._parameters, X, out)
        return A if A is not None else self._predict_anything(X, out)

    def _predict_anything(self, X: ArrayLike, out: Array | None) -> Array:
        """Predict for what the core does not take as it stands, or not without a message."""
        array = np.asarray(X)
        if array.ndim == 1:
            rows = None if out is None else out[np.newaxis]
            A = self._predict_anything(array[np.newaxis], rows)
            return A[0] if out is None else out
        rows = as_rows(array, self.input_size, self.dtype, "predict")
        if out is None:
            out = np.empty((len(rows), self.output_size), self.dtype)
        elif not isinstance(out, np.ndarray):
            raise TypeError(f"predict: out is {type(out).__name__}: expected an ndarray")
        elif np.may_share_memory(rows, out):
            rows = rows.copy()
        self._core.infer(self._parameters, rows, out)
        return out

    fit = training.fit
    evaluate = training.evaluate

    def summary(self) -> str:
        """Describe the layers, their shapes and parameters, and the memory that they take."""
        rows = [("layer", "activation", "W", "b", "parameters")]
        rows += [
            (
                f"{i} dense",
                layer.activation,
                str(layer.W.shape),
                str(layer.b.shape),
                f"{layer.W.size + layer.b.size:,}",
            )
            for i, layer in enumerate(self.layers, 1)
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False))
            + "  "
            + row[-1].rjust(widths[-1])
            for row in rows
        ]
        rule = "-" * len(lines[0])
        n, size = self._parameters.size, self.dtype.itemsize
        return "\n".join(
            [
                f"Network: {self.input_size} inputs, {self.output_size} outputs, {self.dtype}",
                rule,
                lines[0],
                rule,
                *lines[1:],
                rule,
                f"{n:,} parameters: {_bytes(n * size)}; training keeps as much again for gradients "
                f"and for the last good weights, and {_bytes(2 * n * size)} for Adam's moments and "
                "for their copy",
            ]
        )

    def __repr__(self) -> str:
        sizes = "-".join(str(n) for n in (self.input_size, *(d.units for d in self._dense)))
        return f"Network({sizes}, {self.dtype}, {self._parameters.size:,} parameters)"

    def __getstate__(self) -> dict[str, Any]:
        return {
            "dense": self._dense,
            "input_size": self.input_size,
            "dtype": self.dtype.name,
            "parameters": np.array(self._parameters),
            "generator": self._generator,
            "history": self.history,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._dense = state["dense"]
        self.input_size = state["input_size"]
        self.dtype = np.dtype(state["dtype"])
        self._generator = state["generator"]
        self._build()
        self._parameters[:] = state["parameters"]
        self.history = state["history"]

    def _training_room(self, loss: Loss) -> tuple["_core.Trainer", Array]:
        """The trainer and the flat gradients, made once and kept for the next time."""
        trainer = self._trainers.get(loss)
        if trainer is None:
            trainer = self._new_trainer(self._core, loss._formula())
            # A function of the caller's may hold the network, and would never be let go of.
            if not isinstance(loss, CustomLoss):
                self._trainers[loss] = trainer
        if self._gradients is None:
            self._gradients = aligned_zeros(self._parameters.size, self.dtype)
        return trainer, self._gradients

    def _expect_finite_parameters(self, where: str) -> None:
        flat = self._parameters[:, np.newaxis]
        if _core.find_non_finite(flat, self.dtype) is None:
            return
        for index, view in enumerate(self.unflatten(self._parameters)):
            _expect_finite(view.W, f"{where}: layers[{index}].W")
            _expect_finite(view.b, f"{where}: layers[{index}].b")


def _expect_finite(array: Array, what: str) -> None:
    _refuse(array, ~np.isfinite(array), what, "expected finite numbers")


def _refuse(array: Array, bad: Array, what: str, why: str) -> None:
    """Name the first number of an array that is bad, if there is one."""
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        index = ", ".join(map(str, place))
        raise ValueError(f"{what}[{index}] is {array[place]}: {why}")


def _assign(view: Array, value: ArrayLike, what: str) -> None:
    """Copy into a live view, once the whole of it is known to fit."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{what}: got {array.dtype}: expected real numbers")
    if array.shape != view.shape:
        raise ValueError(f"{what}: got shape {array.shape}: expected {view.shape}")
    _expect_finite(array, what)
    with np.errstate(over="ignore"):
        converted = array.astype(view.dtype)
    _refuse(array, ~np.isfinite(converted), what, f"too large for {view.dtype}")
    view[...] = converted


def _bytes(n: int) -> str:
    size = float(n)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
