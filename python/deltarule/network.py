"""Networks, and the boundary where the user's rows become the core's columns.

Everything here speaks ``(n_samples, n_features)``. A C-ordered array of that shape has the same
bytes as the core's column-major ``(n_features, n_samples)``, so nothing is turned and nothing is
copied: this module hands rows over, and the core reads them as columns.
"""

import os
from collections import namedtuple
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from deltarule import _core, diagnostics, training
from deltarule.checks import expect_size
from deltarule.containers import Opened, Rows
from deltarule.data import as_rows, expect_codes, moments, one_or_more
from deltarule.last_good import Room
from deltarule.layer_views import Layer, Layers, assign, expect_finite, expect_variance, refuse
from deltarule.layers import (
    Dense,
    LayerDescription,
    Residual,
    Shapes,
    Standardize,
    embedded_columns,
    in_order,
)
from deltarule.losses import CustomLoss, Loss
from deltarule.optimizers import Optimizer, aligned_zeros
from deltarule.training import at_the_door

Array = NDArray[Any]

_CORES: dict[str, tuple[type["_core.Network"], type["_core.Trainer"]]] = {
    "float32": (_core.Network32, _core.Trainer32),
    "float64": (_core.Network64, _core.Trainer64),
}


class LayerCache(NamedTuple):
    """What a layer's backward step needs; ``A_prev`` and ``Z`` are rows, one an example.

    ``W`` and ``b`` are None for a layer that is not dense.
    """

    A_prev: Array
    W: Array
    b: Array
    Z: Array


class LayerParameters(NamedTuple):
    """A dense layer's part of a flat vector: views, (n, n_prev) and (n, 1)."""

    W: Array
    b: Array


@cache
def _parameters_named(*names: str) -> Any:
    """The type of another layer's part of a flat vector, by the names of its parameters."""
    if names == LayerParameters._fields:
        return LayerParameters
    return namedtuple("LayerParameters", names)


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
        W, b = (getattr(layer, name, None) for name in ("W", "b"))
        return LayerCache(A_prev, W, b, self._core.Z(l))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[LayerCache]:
        return (self[i] for i in range(len(self)))


class Network:
    """A dense network: layers in order over one flat vector of parameters.

    A dense layer l computes ``Z[l] = W[l] A[l-1] + b[l]`` and ``A[l] = g[l](Z[l])``, with
    ``A[0] = X``. An example is a row of X here (docs/notation has the equations, where it is a
    column).

    Parameters
    ----------
    layers : sequence of layers
        Dense, Activation, Dropout, BatchNorm, LayerNorm, PReLU, Standardize, Embedding, Residual.
    input_size : int
        n[0], the features of an example.
    seed : int or None
        Of the initial weights, of the order of examples and of dropout. None draws a seed from the
        system.
    dtype : {"float32", "float64"}

    Attributes
    ----------
    layers : tuple of Layer
        By index or by name, with live views such as ``W`` (n, n_prev) and ``b`` (n, 1). The layers
        of a residual block stand one by one, and behind them the one that adds.
    parameters : ndarray of shape (n_parameters,)
        The flat vector: ``W[1]`` column by column, ``b[1]``, ``W[2]``, ... Assigning copies into
        it.
    statistics : ndarray
        What layers keep that no gradient reaches, flat as well: running and given means and
        variances.
    average : ndarray or None
        The moving average of the parameters, where a ``fit`` has kept one.
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
        layers: Sequence[LayerDescription | Residual],
        input_size: int,
        seed: int | None = 0,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.input_size = expect_size(input_size, "Network: input_size")
        self.dtype = np.dtype(dtype).newbyteorder("=")
        if self.dtype.name not in _CORES:
            raise TypeError(f"Network: dtype is {self.dtype}: expected float32 or float64")
        self._descriptions = in_order(layers, self.input_size)
        self._generator = np.random.default_rng(seed)
        self._build()
        for layer in self.layers:
            for name, shape in layer.description.parameters(layer.inputs).items():
                where = f"Network: layers[{layer._index}]"
                setattr(layer, name, layer.description.initial(name, shape, self._generator, where))
        # From the generator's seed, not its numbers: what it draws stays the same without dropout.
        seeds: Any = self._generator.bit_generator.seed_seq
        self._set_pass(int(seeds.spawn(1)[0].generate_state(1, np.uint64)[0]), 0)

    def _build(self) -> None:
        """The core and the flat vectors for the architecture; every parameter is zero."""
        most = 2 ** (np.finfo(self.dtype).nmant + 1)
        for column, categories in embedded_columns(self._descriptions):
            if categories > most:
                raise ValueError(
                    f"Network: an Embedding has {categories} categories in column {column}: "
                    f"expected {most} or fewer, as {self.dtype} tells no more codes apart"
                )
        network, trainer = _CORES[self.dtype.name]
        self._core = network(self.input_size, [layer.core() for layer in self._descriptions])
        self._new_trainer = trainer
        self._parameters = aligned_zeros(self._core.parameter_count, self.dtype)
        self._statistics = self._core.statistics
        self.layers = Layers(
            Layer(self, index, description, views)
            for index, (description, views) in enumerate(
                zip(self._descriptions, self._views(), strict=True)
            )
        )
        self._embedded = dict(embedded_columns(self._descriptions))
        self._adapted = not any(isinstance(d, Standardize) for d in self._descriptions)
        self._trainers: dict[Loss, _core.Trainer] = {}
        self._gradients: Array | None = None
        self._snapshot_rooms: list[Room] = []
        self.average: Array | None = None
        self.history = training.History()

    def _views(self) -> Iterator[dict[str, Array]]:
        """Each layer's views of the parameters and of the statistics, by name."""
        for index, description in enumerate(self._descriptions):
            n_prev = self._core.n(index)
            parameters = _cut(
                self._parameters,
                self._core.parameter_offset(index + 1),
                description.parameters(n_prev),
            )
            yield parameters | self._statistics_of(index, self._statistics)

    def _statistics_of(self, index: int, flat: Array) -> dict[str, Array]:
        """A layer's views of a flat vector of statistics."""
        shapes = self._descriptions[index].statistics(self._core.n(index))
        return _cut(flat, self._core.statistics_offset(index + 1), shapes)

    @property
    def output_size(self) -> int:
        """n[L], the units of the last layer."""
        return int(self._core.n(len(self._descriptions)))

    @property
    def parameters(self) -> Array:
        """The flat vector of all weights and biases, live."""
        return self._parameters

    @parameters.setter
    def parameters(self, value: ArrayLike) -> None:
        assign(self._parameters, value, "parameters")

    @property
    def statistics(self) -> Array:
        """The flat vector of all running and given means and variances, live."""
        return self._statistics

    @statistics.setter
    def statistics(self, value: ArrayLike) -> None:
        held = self._statistics.copy()
        assign(held, value, "statistics")
        for index, description in enumerate(self._descriptions):
            variance = self._statistics_of(index, held).get("variance")
            if variance is not None:
                expect_variance(variance, description, f"statistics: layers[{index}].variance")
        self._statistics[:] = held

    def adapt(self, X: ArrayLike) -> None:
        """Take the mean and variance of each input from data, for the standardising layer.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            For a network without a ``Standardize``, and for data that does not fit.
        """
        rows = self._rows(X, "adapt")
        if not isinstance(self._descriptions[0], Standardize):
            raise ValueError("adapt: the network's first layer is not a Standardize: expected one")
        if not len(rows):
            raise ValueError("adapt: X has no rows: expected 1 or more")
        self._adapt(rows, "adapt")

    def _adapt_once(self, rows: Rows | None) -> None:
        """Before the first fit: take means and variances from its data, if they are wanted."""
        if self._adapted:
            return
        if rows is None:
            raise ValueError(
                "fit: X comes in batches, of which the Standardize layer cannot know all: expected "
                "network.adapt(X) beforehand"
            )
        self._adapt(rows, "fit")

    def _adapt(self, rows: Rows, where: str) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            mean, variance = moments(rows)
            for column in self._embedded:
                mean[column], variance[column] = 0.0, 1.0
            held = variance.astype(self.dtype)
        refuse(
            variance,
            ~np.isfinite(held),
            f"{where}: the variance of X",
            f"too large for {self.dtype}; expected data scaled to about 1",
        )
        held[held == 0] = 1.0
        self.layers[0].mean = mean[:, np.newaxis]
        self.layers[0].variance = held[:, np.newaxis]
        self._adapted = True

    def _rows(self, X: ArrayLike | Opened, where: str, what: str = "X") -> Rows:
        """Rows of X that have passed the door; category codes are held to their range."""
        rows = as_rows(X, self.input_size, self.dtype, where, what)
        expect_codes(rows, self._embedded, where, what)
        return rows

    def _set_average(self, average: Array | None) -> None:
        if average is None:
            self.average = None
            return
        self.average = aligned_zeros(self._parameters.size, self.dtype)
        self.average[:] = average

    def _set_pass(self, seed: int, number: int) -> None:
        self._pass = _core.Pass(True, seed, number)

    @contextmanager
    def averaged(self) -> Iterator[Self]:
        """Have the moving average of the parameters in their place, within a ``with`` block.

        Raises
        ------
        RuntimeError
            Where there is none: ``fit(..., average=0.999)`` keeps one.

        Examples
        --------
        >>> net = Network([Dense(1)], input_size=2)
        >>> _ = net.fit([[0.0, 1.0]], [1.0], average=0.9)
        >>> with net.averaged():
        ...     A = net.predict([[0.0, 1.0]])
        """
        if self.average is None:
            raise RuntimeError(
                "averaged: the network has no average of its parameters: expected a fit with "
                "average=0.999 or another decay beforehand"
            )
        own = self._parameters.copy()
        self._parameters[:] = self.average
        try:
            yield self
        finally:
            self._parameters[:] = own

    def unflatten(self, flat: Array) -> list[Any]:
        """Views of each layer's part of a flat vector, such as ``parameters`` or gradients.

        Parameters
        ----------
        flat : ndarray of shape (n_parameters,)

        Returns
        -------
        list of LayerParameters
            Named tuples: ``W`` (n, n_prev) and ``b`` (n, 1) of each dense layer, ``gamma`` and
            ``beta`` of a normalisation and so on, sharing memory with ``flat``.
        """
        parts = []
        for index, description in enumerate(self._descriptions):
            first = self._core.parameter_offset(index + 1)
            views = _cut(flat, first, description.parameters(self._core.n(index)))
            parts.append(_parameters_named(*views)(**views))
        return parts

    def forward(self, X: ArrayLike, *, training: bool = False) -> tuple[Array, Caches]:
        """Run the forward step and keep what the backward step needs.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        training : bool
            Whether dropout drops and batches are normalised by their own moments, which the running
            ones then follow.

        Returns
        -------
        A : ndarray of shape (n_samples, n_outputs)
            ``A[L]``, read-only.
        caches : Caches
            ``caches[i]`` holds ``A_prev, W, b, Z`` of layer i. ``W`` and ``b`` are the live
            parameters, so update them after the whole backward step.
        """
        rows = self._rows(X, "forward")
        self._expect_finite_parameters("forward")
        core = self._core.forward(self._parameters, rows, self._pass_of(training))
        if training:
            self._core.keep_moments(core)
            self._pass.number += 1
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
            In the order of ``parameters``; ``unflatten`` gives each layer's dW and db. Layers'
            penalties have no part in them, as they are none of ``dA``.
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
        """Make one step of an optimizer; frozen layers, rates and norms of layers count.

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
        flat = np.require(flat, self.dtype, ["C", "A"])
        if flat.shape != self._parameters.shape:
            raise ValueError(
                f"update: gradients have shape {flat.shape}: expected {self._parameters.shape}"
            )
        expect_finite(flat, "update: gradients")
        state = optimizer._state_for(self)
        self._core.update(optimizer._rule(), optimizer._counter, self._parameters, flat, state)

    def loss_and_gradients(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: training.AnyLoss = None,
        sample_weight: ArrayLike | None = None,
        training: bool = False,
    ) -> tuple[float, Array]:
        """Compute the cost over a batch and its gradients, in one pass.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        loss : Loss, str or callable, optional
            As in ``fit``.
        sample_weight : array_like of shape (n_samples,), optional
        training : bool
            Whether dropout drops, as in the network's next step, and batches are normalised by
            their own moments. Nothing of the network changes.

        Returns
        -------
        cost : float
            The (weighted) mean of the examples' losses, and the layers' penalties.
        gradients : ndarray of shape (n_parameters,)
        """
        where = "loss_and_gradients"
        loss, rows, target = at_the_door(self, X, y, loss, sample_weight, where)
        self._expect_finite_parameters(where)
        gradients = aligned_zeros(self._parameters.size, self.dtype)
        trainer = self._new_trainer(self._core, loss._formula())
        total, weight = trainer.loss_and_gradients(
            self._parameters, rows, target, self._pass_of(training), gradients
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
        given, one = one_or_more(X, "predict")
        rows = self._rows(given, "predict")
        if out is None:
            A = np.empty((len(rows), self.output_size), self.dtype)
        elif not isinstance(out, np.ndarray):
            raise TypeError(f"predict: out is {type(out).__name__}: expected an ndarray")
        else:
            A = out[np.newaxis] if one else out
            if isinstance(rows, np.ndarray) and np.may_share_memory(rows, out):
                rows = rows.copy()
        self._core.infer(self._parameters, rows, A)
        return out if out is not None else A[0] if one else A

    fit = training.fit
    evaluate = training.evaluate
    gradient_check = diagnostics.gradient_check

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a file, in one move; ``deltarule.load(path)`` reads it.

        Parameters
        ----------
        path : path-like
            Such as ``"model.safetensors"``. A file that is there is replaced, and keeps its
            permissions.

        Raises
        ------
        OSError
            Where it cannot be written. The file that was there is then what it was.
        TypeError, ValueError
            For a layer that is not the package's, and for numbers that are not finite.
        """
        from deltarule import model_file  # most networks are never written

        model_file.save(self, path)

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Read weights that PyTorch (safetensors) or Keras 3 has written, for layers like its own.

        See ``deltarule.foreign_weights.load_weights``: what is read, and how layers are matched.

        Raises
        ------
        ModelFileError
            For a damaged file or one that does not fit; the network is then what it was.
        """
        from deltarule.foreign_weights import load_weights

        load_weights(self, path)

    def to_torch(self) -> Any:
        """Convert to a ``torch.nn.Sequential`` that predicts the same, in evaluation mode.

        See ``deltarule.torch_modules.to_torch``: what becomes what, and what stays behind.

        Raises
        ------
        ImportError
            Without PyTorch.
        """
        from deltarule.torch_modules import to_torch

        return to_torch(self)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network to an ONNX file; see ``deltarule.onnx_export.to_onnx``.

        Raises
        ------
        ImportError
            Without the package ``onnx``.
        ValueError
            For parameters that are not finite, or of 2 GiB and more.
        """
        from deltarule.onnx_export import to_onnx

        to_onnx(self, path)

    def to_c(self, path: str | os.PathLike[str], name: str = "model") -> None:
        """Write the network as a C header: its weights, and a function that predicts.

        Parameters
        ----------
        path : str or os.PathLike
            The file, which appears whole or not at all.
        name : str
            What every name in the header begins with: ``name_predict(const float *X, float *A)``,
            ``NAME_INPUTS``, ``NAME_OUTPUTS``. (``double`` for a network of float64.)

        Raises
        ------
        TypeError, ValueError
            For a name that no C identifier begins with, and where a weight is not finite.

        Notes
        -----
        The header is C99 and C++11, allocates nothing and needs only the C library's mathematical
        functions. It predicts one example. Its numbers are the network's but for rounding: weights
        read back to the same bits, sums are made in another order, and exp, tanh and the like are
        the device's. A batch norm's ``gamma / sqrt(variance + epsilon)`` becomes one factor; its
        mean is still subtracted first, as folding it into beta would lose digits where it is large.

        What passes from layer to layer is in static memory, of which those share a part that are
        not needed at the same time; ``#define NAME_STORAGE`` before the ``#include`` puts it
        elsewhere.
        """
        from deltarule.c_header import to_c

        to_c(self, path, name)

    def summary(self) -> str:
        """Describe the layers, their shapes and parameters, and the memory that they take."""
        rows = [("layer", "activation", "shapes", "parameters")]
        rows += [
            (
                f"{i} {layer.description.kind}",
                layer.activation,
                "  ".join(f"{name} {view.shape}" for name, view in part._asdict().items()),
                f"{sum(view.size for view in part):,}" + (" frozen" if layer.frozen else ""),
            )
            for i, (layer, part) in enumerate(
                zip(self.layers, self.unflatten(self._parameters), strict=True), 1
            )
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
        sizes = "-".join(str(n) for n in (self.input_size, *(layer.units for layer in self.layers)))
        return f"Network({sizes}, {self.dtype}, {self._parameters.size:,} parameters)"

    def __getstate__(self) -> dict[str, Any]:
        return {
            # A caller's initialiser need not be one that can be pickled, and has done its work.
            "layers": tuple(
                replace(layer, initializer=None, bias_initializer="zeros")
                if isinstance(layer, Dense)
                else layer
                for layer in self._descriptions
            ),
            "rules": [layer.rule() for layer in self.layers],
            "input_size": self.input_size,
            "dtype": self.dtype.name,
            "parameters": np.array(self._parameters),
            "statistics": np.array(self._statistics),
            "adapted": self._adapted,
            "average": None if self.average is None else np.array(self.average),
            "pass": (self._pass.seed, self._pass.number),
            "generator": self._generator,
            "history": self.history,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._descriptions = state["layers"]
        self.input_size = state["input_size"]
        self.dtype = np.dtype(state["dtype"])
        self._generator = state["generator"]
        self._build()
        self._parameters[:] = state["parameters"]
        self._statistics[:] = state["statistics"]
        self._adapted = state["adapted"]
        self._set_average(state["average"])
        self._set_pass(*state["pass"])
        for layer, rule in zip(self.layers, state["rules"], strict=True):
            layer.set_rule(rule)
        self.history = state["history"]

    def _pass_of(self, training: bool) -> "_core.Pass":
        return _core.Pass(training, self._pass.seed, self._pass.number)

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
            for name, numbers in view._asdict().items():
                expect_finite(numbers, f"{where}: layers[{index}].{name}")


def _cut(flat: Array, first: int, shapes: Shapes) -> dict[str, Array]:
    """Views of a flat vector from ``first`` on, by name, each column by column."""
    views = {}
    for name, shape in shapes.items():
        last = first + int(np.prod(shape))
        views[name] = flat[first:last].reshape(shape, order="F")
        first = last
    return views


def _bytes(n: int) -> str:
    size = float(n)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
