"""The network below the verbs: forward, backward, update and predict, over flat vectors.

Everything here speaks ``(n_samples, n_features)``. A C-ordered array of that shape has the same
bytes as the core's column-major ``(n_features, n_samples)``, so nothing is turned and nothing is
copied: this module hands rows over, and the core reads them as columns.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from deltarule import _core
from deltarule._arrays import Array, aligned_zeros, all_finite
from deltarule._checks import expect_finite, expect_size, refuse
from deltarule._data.containers import Opened
from deltarule._data.door import FRONT_DOOR, Door, as_rows, one_or_more
from deltarule._data.names import expect_names
from deltarule._data.rows import Rows
from deltarule._network.caches import Caches, parameters_named
from deltarule._network.inputs import Inputs, expect_embedded, expect_inputs
from deltarule._network.layer_views import Layer, Layers, assign, expect_variance
from deltarule._network.prediction import predict_anything
from deltarule._network.sole_training import (
    expect_trained_by_no_other,
    is_in_training,
    sole_training,
)
from deltarule.history import History
from deltarule.layers import Dense, LayerDescription, Residual, Standardize
from deltarule.layers.base import Shapes
from deltarule.layers.embedding import embedded_columns
from deltarule.layers.residual import in_order
from deltarule.losses import AnyLoss, CustomLoss, Loss, Output, as_loss
from deltarule.optimizers import Optimizer

_CORES: dict[str, tuple[type[_core.Network], type[_core.Trainer]]] = {
    "float32": (_core.Network32, _core.Trainer32),
    "float64": (_core.Network64, _core.Trainer64),
}


class HasMoments(Protocol):
    """Rows, or what knows the means and variances of some that lie elsewhere."""

    def moments(self) -> tuple[Array, Array]: ...


class BareNetwork:
    """Layers in order over one flat vector of parameters: ``deltarule.Network`` says more.

    What trains, saves and converts takes one of these; `Network` puts them together.
    """

    def __init__(
        self,
        layers: Sequence[LayerDescription | Residual],
        input_size: int | None = None,
        seed: int | None = 0,
        dtype: DTypeLike = "float32",
        *,
        inputs: Inputs | None = None,
    ) -> None:
        if inputs is not None:
            input_size = expect_inputs(inputs, input_size)
        self._inputs = copy.copy(inputs)  # which may be fitted again elsewhere
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
        self._seed_passes()

    def _seed_passes(self) -> None:
        # From the generator's seed, not its numbers: what it draws stays the same without dropout.
        seeds: Any = self._generator.bit_generator.seed_seq
        self._set_pass(int(seeds.spawn(1)[0].generate_state(1, np.uint64)[0]), 0)

    def reseed(self, seed: int | None) -> None:
        """Draw what is to come, orders of examples and dropout, from a seed anew; weights stay.

        Parameters
        ----------
        seed : int or None
            As the network's own.

        Raises
        ------
        RuntimeError
            While another thread trains the network.
        """
        expect_trained_by_no_other(self._core, "reseed")
        self._generator = np.random.default_rng(seed)
        self._seed_passes()

    def _build(self) -> None:
        """The core and the flat vectors for the architecture; every parameter is zero."""
        for index, layer in enumerate(self._descriptions):
            layer.expect_told_apart(self.dtype, f"Network: layers[{index}]")
        network, trainer = _CORES[self.dtype.name]
        self._core = network(self.input_size, [layer.core() for layer in self._descriptions])
        self._new_trainer = trainer
        self._parameters = aligned_zeros(self._core.parameter_count, self.dtype)
        self._statistics = self._core.statistics
        self.layers = Layers(
            Layer(self._core, index, description, views)
            for index, (description, views) in enumerate(
                zip(self._descriptions, self._views(), strict=True)
            )
        )
        self._output = self._described_output()
        self._embedded = dict(embedded_columns(self._descriptions))
        if self._inputs is not None:
            expect_embedded(self._inputs, self._descriptions)
        self._core.adapted = not isinstance(self._descriptions[0], Standardize)
        self._feature_names: list[str] | None = None
        self._trainers: dict[Loss, _core.Trainer] = {}
        self._spare_trainers: dict[Loss, _core.Trainer] = {}
        self._gradients: Array | None = None
        self._snapshot_rooms: list[tuple[Array, Array | None]] = []
        self.average: Array | None = None
        self.history = History()

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
        self._core.adapted = True

    @property
    def _adapted(self) -> bool:
        """Whether the standardising layer, if any, has its moments, from data or from a caller.

        The core keeps the answer, as it is asked at every prediction.
        """
        if not self._core.adapted:
            first = self.layers[0]  # a caller may have written to its views
            self._core.adapted = bool(first.mean.any() or (first.variance != 1).any())
        return self._core.adapted

    def _expect_adapted(self, where: str) -> None:
        if not self._adapted:
            raise ValueError(
                f"{where}: the Standardize layer has no means and variances yet: expected fit or "
                "adapt beforehand"
            )

    @property
    def inputs(self) -> Inputs | None:
        """What makes numbers of raw tables, before the first layer; None for arrays of numbers.

        To fit it again changes nothing of the network.
        """
        return copy.copy(self._inputs)

    def without_inputs(self) -> Self:
        """The network behind its inputs: a copy that takes the arrays that they make.

        Returns
        -------
        Network
            ``network.without_inputs().predict(network.inputs.transform(X))`` is
            ``network.predict(X)``.

        Raises
        ------
        ValueError
            For a network that has none.
        """
        if self._inputs is None:
            raise ValueError("without_inputs: the network has no inputs: expected some")
        copied = type(self).__new__(type(self))
        copied.__setstate__(self.__getstate__() | {"inputs": None})
        return copied

    def _expect_no_inputs(self, where: str, why: str) -> None:
        if self._inputs is not None:
            raise TypeError(
                f"{where}: the network takes raw tables, {why}: expected "
                f"network.without_inputs().{where}(...), which takes what "
                "network.inputs.transform(X) makes"
            )

    @property
    def feature_names(self) -> list[str] | None:
        """The names of the inputs, which data with named columns are held to, or None."""
        if self._inputs is not None:
            return list(self._inputs.columns)
        return None if self._feature_names is None else list(self._feature_names)

    @feature_names.setter
    def feature_names(self, names: Iterable[str] | None) -> None:
        if self._inputs is not None and names is not None:
            raise ValueError("feature_names: expected None, as they are those of network.inputs")
        self._feature_names = (
            None if names is None else expect_names(names, self.input_size, "feature_names")
        )

    def _learn_names(self, names: list[str] | None) -> None:
        """Keep the names of the first data that have some; later ones are in their order."""
        if self._feature_names is None and self._inputs is None:
            self.feature_names = names

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
        self._learn_names(rows.names)

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

    def _adapt(self, rows: HasMoments, where: str) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            mean, variance = (each.copy() for each in rows.moments())
            for column in self._embedded:
                mean[column], variance[column] = 0.0, 1.0
            held = variance.astype(self.dtype)
        refuse(
            variance,
            ~np.isfinite(held),
            f"{where}: the variance of X",
            f"too large for {self.dtype}; expected data scaled to about 1",
        )
        held[held == 0] = 1.0  # the same everywhere, or too near to it for the dtype
        self.layers[0].mean = mean[:, np.newaxis]
        self.layers[0].variance = held[:, np.newaxis]

    def _rows(
        self,
        X: ArrayLike | Opened,
        where: str,
        what: str = "X",
        names: list[str] | None = None,
        door: Door = FRONT_DOOR,
    ) -> Rows:
        """Rows of X that have passed the door, their columns as the network's are.

        Columns go by the network's names, or those given where it has none; category codes are held
        to their range.
        """
        wanted = self._feature_names or names
        if self._inputs is not None and not isinstance(X, Opened):
            X = Opened(door.encoded(X, self._inputs, where, what))
        rows = door.as_rows(X, self.input_size, self.dtype, where, what, wanted=wanted)
        door.expect_codes(rows, self._embedded, where, what)
        return rows

    def _described_output(self) -> Output:
        """What a loss is told of the last layer."""
        last, index = self.layers[-1], len(self.layers) - 1
        kind = type(last.description).__name__
        layer = f"layers[{index}] ({kind if last.name is None else f'{kind} {last.name!r}'})"
        if isinstance(last.description, Dense):
            return Output(last.activation, last.units, layer, f"Dense({last.units}, {{0!r}})")
        return Output(last.activation, last.units, layer)

    def _loss_for(self, loss: AnyLoss, where: str) -> Loss:
        """The loss as it goes with the output."""
        return as_loss(loss, self._output, where)

    def _at_the_door(
        self,
        X: ArrayLike | Opened,
        y: ArrayLike,
        loss: AnyLoss,
        sample_weight: ArrayLike | None,
        where: str,
        door: Door = FRONT_DOOR,
    ) -> tuple[Loss, Rows, _core.Target]:
        """A loss, and rows and targets that suit it and the network."""
        loss = self._loss_for(loss, where)
        rows = self._rows(X, where, door=door)
        m = len(rows)
        if m < door.least:
            raise ValueError(f"{where}: X has no rows: expected 1 or more")
        target = door.as_target(y, loss, m, self.output_size, self.dtype, where, sample_weight)
        return loss, rows, target

    def _may_step_at_once(self, loss: Loss) -> bool:
        """Whether nothing of the network stands in the way of a step that is made straight away."""
        return (
            self._inputs is None
            and self._adapted
            and not is_in_training(self._core)
            and loss.outputs_a_target() == 1
            and not isinstance(loss, CustomLoss)  # which calls back
        )

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

        Raises
        ------
        ValueError
            For a vector that is too short.
        """
        parts = []
        for index, description in enumerate(self._descriptions):
            first = self._core.parameter_offset(index + 1)
            views = _cut(flat, first, description.parameters(self._core.n(index)))
            parts.append(parameters_named(*views)(**views))
        return parts

    def forward(self, X: ArrayLike, *, training: bool = False) -> tuple[Array, Caches]:
        """Run the forward step and keep what the backward step needs.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        training : bool
            Whether dropout drops and batches are normalised by their own moments, which the running
            ones then follow. One example alone, which has no variance, goes by the running ones.

        Returns
        -------
        A : ndarray of shape (n_samples, n_outputs)
            ``A[L]``, read-only.
        caches : Caches
            ``caches[i]`` holds ``A_prev, W, b, Z`` of layer i. ``W`` and ``b`` are the live
            parameters, so update them after the whole backward step.

        Raises
        ------
        ValueError, TypeError
            For data that does not fit, for parameters that are not finite, and where
            ``Standardize`` has not seen data.
        """
        self._expect_adapted("forward")
        rows = self._rows(X, "forward")
        self._expect_finite_parameters("forward")
        core = self._core.forward(self._parameters, rows.held, self._pass_of(training))
        if training:
            self._core.keep_moments(core)
            self._pass.number += 1
        return core.A(len(self.layers)), Caches(self.layers, core)

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

        Raises
        ------
        ValueError, TypeError
            For derivatives that do not fit, and for caches of another network.
        """
        if not isinstance(caches, Caches) or caches.layers is not self.layers:
            raise TypeError("backward: caches are not of this network's forward step")
        rows = as_rows(dA, self.output_size, self.dtype, "backward", "dA", "outputs")
        dA = np.ascontiguousarray(rows.taken(slice(None)), self.dtype)
        m = caches.core.m
        if len(dA) != m:
            raise ValueError(f"backward: dA has {len(dA)} rows: expected {m}, as X has")
        gradients = aligned_zeros(self._parameters.size, self.dtype)
        scale = 1.0 / m if m else 0.0
        dX = self._core.backward(dA, caches.core, scale, gradients, input_gradient)
        return (gradients, dX) if input_gradient else gradients

    def update(self, gradients: Array, optimizer: Optimizer) -> None:
        """Make one step of an optimizer; frozen layers, rates and norms of layers count.

        Parameters
        ----------
        gradients : ndarray of shape (n_parameters,)
        optimizer : Optimizer
            Holds this network's state from its first update on.

        Raises
        ------
        ValueError, TypeError
            For gradients that do not fit, and for an optimizer that is another network's.
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
        if not all_finite(flat):
            expect_finite(flat, "update: gradients")  # which says where
        state = optimizer._state_for(self._parameters)
        self._core.update(optimizer._rule(), optimizer._counter, self._parameters, flat, state)

    def loss_and_gradients(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: AnyLoss = None,
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

        Raises
        ------
        ValueError, TypeError
            For data that does not fit, for parameters that are not finite, and where
            ``Standardize`` has not seen data.
        """
        where = "loss_and_gradients"
        self._expect_adapted(where)
        loss, rows, target = self._at_the_door(X, y, loss, sample_weight, where)
        self._expect_finite_parameters(where)
        gradients = aligned_zeros(self._parameters.size, self.dtype)
        with self._spare_trainer(loss) as trainer:
            total, weight = self._accumulate(
                trainer, self._parameters, rows, target, gradients, training=training
            )
        return total / weight, gradients

    def _accumulate(
        self,
        trainer: _core.Trainer,
        parameters: Array,
        rows: Rows,
        target: _core.Target,
        gradients: Array,
        *,
        training: bool,
    ) -> tuple[float, float]:
        """The sum of the losses and of their weights at some parameters; the mean's gradients."""
        return trainer.loss_and_gradients(
            parameters, rows.held, target, self._pass_of(training), gradients
        )

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

        Raises
        ------
        ValueError, TypeError
            For data that does not fit, or an ``out`` that cannot be written to, and where
            ``Standardize`` has not seen data.
        """
        if self._inputs is not None:
            encoded, one = self._inputs.encoded(X, "predict")
            X = encoded[0] if one else encoded
        A = self._core.predict(self._parameters, X, out)
        if A is not None:
            return A
        return predict_anything(self, X, out, partial(self._core.infer, self._parameters))

    def _one_or_more(self, X: ArrayLike, where: str) -> tuple[Opened, bool]:
        """X as a table, and whether it was one example."""
        return one_or_more(X, where, self._feature_names)

    def __repr__(self) -> str:
        return f"Network({self._sizes()}, {self.dtype}, {self._parameters.size:,} parameters)"

    def _sizes(self) -> str:
        """How many units each layer has, after the inputs."""
        return "-".join(str(n) for n in (self.input_size, *(layer.units for layer in self.layers)))

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
            "input_means": np.array(self._core.input_means),
            "feature_names": self._feature_names,
            "inputs": self._inputs,
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
        self._inputs = state.get("inputs")  # older pickles have none
        if self._inputs is not None:
            expect_inputs(self._inputs, self.input_size)
        self._build()
        self._parameters[:] = state["parameters"]
        self._statistics[:] = state["statistics"]
        self._core.adapted = state["adapted"]
        if state.get("input_means") is not None:  # older versions had none
            self._core.input_means[:] = state["input_means"]
        self.feature_names = state.get("feature_names")  # older pickles have none
        self._set_average(state["average"])
        self._set_pass(*state["pass"])
        for layer, rule in zip(self.layers, state["rules"], strict=True):
            layer.set_rule(rule)
        self.history = state["history"]

    def _become(self, other: Self) -> None:
        """Take over all that another network is, which has the same layers."""
        self._parameters[:] = other._parameters
        self._statistics[:] = other._statistics
        self._set_average(other.average)
        self._core.adapted = other._adapted
        self._core.input_means[:] = other._core.input_means
        self._learn_names(other._feature_names)
        self._set_pass(other._pass.seed, other._pass.number)
        for layer, like in zip(self.layers, other.layers, strict=True):
            layer.set_rule(like.rule())
        self._generator = other._generator
        self.history = other.history

    def _put(self, numbers: Iterable[tuple[int, Mapping[str, ArrayLike]]]) -> None:
        """Write a model's numbers by the indices of layers."""
        for index, arrays in numbers:
            for name, array in arrays.items():
                setattr(self.layers[index], name, array)

    def _sole_training(self, where: str = "fit") -> AbstractContextManager[None]:
        """Hold off other trainings of the network within a ``with`` block."""
        return sole_training(self._core, where, self._abandon)

    def _abandon(self) -> Any:
        """In a child of fork: give up what another thread may have left half-way, and return it."""
        left = self._trainers, self._generator
        self._trainers, self._spare_trainers = {}, {}
        self._generator = copy.deepcopy(self._generator)  # whose lock may be held
        return left

    def _pass_of(self, training: bool) -> _core.Pass:
        return _core.Pass(training, self._pass.seed, self._pass.number)

    def _training_room(self, loss: Loss) -> tuple[_core.Trainer, Array]:
        """The trainer and the flat gradients, made once and kept for the next time."""
        trainer = self._trainers.get(loss) or self._new_trainer(self._core, loss._formula())
        _keep(self._trainers, loss, trainer)
        if self._gradients is None:
            self._gradients = aligned_zeros(self._parameters.size, self.dtype)
        return trainer, self._gradients

    def _let_go_of_rooms(self) -> None:
        """Free what is kept from one fit to the next only to be there."""
        self._trainers.clear()
        self._spare_trainers.clear()
        self._snapshot_rooms.clear()
        self._gradients = None

    @contextmanager
    def _spare_trainer(self, loss: Loss) -> Iterator[_core.Trainer]:
        """A trainer beside that of a fit; a thread that finds it taken makes one of its own."""
        trainer = self._spare_trainers.pop(loss, None)
        trainer = trainer or self._new_trainer(self._core, loss._formula())
        yield trainer
        _keep(self._spare_trainers, loss, trainer)

    def _expect_finite_parameters(self, where: str) -> None:
        if all_finite(self._parameters):
            return
        for index, view in enumerate(self.unflatten(self._parameters)):
            for name, numbers in view._asdict().items():
                expect_finite(numbers, f"{where}: layers[{index}].{name}")


def _keep(trainers: dict[Loss, _core.Trainer], loss: Loss, trainer: _core.Trainer) -> None:
    """For the next time; but a function of the caller's may hold the network for ever."""
    if not isinstance(loss, CustomLoss):
        trainers[loss] = trainer


def _cut(flat: Array, first: int, shapes: Shapes) -> dict[str, Array]:
    """Views of a flat vector from ``first`` on, by name, each column by column."""
    views = {}
    for name, shape in shapes.items():
        last = first + int(np.prod(shape))
        views[name] = flat[first:last].reshape(shape, order="F")
        first = last
    return views
