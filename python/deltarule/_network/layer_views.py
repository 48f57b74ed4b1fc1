"""The layers of a network that is there: their numbers, live, and what may be changed of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Self, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._checks import did_you_mean, expect_finite, expect_flag, expect_in_range, refuse
from deltarule._network.sole_training import expect_trained_by_no_other
from deltarule.layers import Dense, LayerDescription, Standardize

if TYPE_CHECKING:
    from deltarule import _core

# What may be changed of a layer between two steps, and the core's name for it.
_RULE = ("frozen", "learning_rate", "l1", "l2", "max_norm")


class Layer:
    """A layer of a network: its description, and live views of its numbers.

    A dense layer has ``W`` (n, n_prev) and ``b`` (n, 1), a normalisation ``gamma`` and ``beta``, a
    batch norm and a standardising layer ``mean`` and ``variance``, a PReLU its ``slope``, an
    embedding of column 3 ``E3``; ``PiecewiseLinear`` and ``Periodic`` say what theirs are called.
    They are views of ``network.parameters`` and ``network.statistics``; assigning to one copies
    into it.

    Attributes
    ----------
    description : LayerDescription
        As it was handed to the network.
    inputs, units : int
        n_prev and n, the inputs and the outputs of the layer.
    activation : str
        g.
    frozen : bool
        Whether training leaves the layer's parameters alone; may be set at any time.
    learning_rate, l1, l2, max_norm : float
        As in the description; may be set at any time.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> net.layers[0].W[:] = 0.0  # a live view
    >>> net.predict([[1.0, 2.0]])
    array([[0.]], dtype=float32)
    >>> net.layers[0].frozen = True
    """

    W: Array
    b: Array
    gamma: Array
    beta: Array
    mean: Array
    variance: Array
    slope: Array
    inputs: int
    units: int
    activation: str
    description: LayerDescription
    frozen: bool
    learning_rate: float
    l1: float
    l2: float
    max_norm: float
    _core: Any
    _index: int
    _views: dict[str, Array]
    _rule: dict[str, Any]

    def __init__(
        self,
        core: _core.Network,
        index: int,
        description: LayerDescription,
        views: Mapping[str, Array],
    ) -> None:
        own = {
            "_core": core,
            "_index": index,
            "_views": dict(views),
            "_rule": {name: getattr(description, name, 0.0) for name in _RULE},
            "description": description,
            "inputs": core.n(index),
            "units": core.n(index + 1),
            "activation": getattr(description, "activation", "identity"),
        }
        vars(self).update(own)
        self._tell_core()

    @property
    def name(self) -> str | None:
        """By which ``network.layers`` finds it."""
        return self.description.name

    def __getattr__(self, name: str) -> Array:
        for numbers in (vars(self).get("_views", {}), vars(self).get("_rule", {})):
            if name in numbers:
                return numbers[name]  # type: ignore[no-any-return]
        kind = type(vars(self).get("description")).__name__
        raise AttributeError(
            f"{kind} layer has no {name!r}: expected one of "
            f"{[*vars(self).get('_views', {}), *_RULE]}"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._views:
            where = f"layers[{self._index}].{name}"
            if name == "variance":
                expect_variance(np.atleast_1d(value), self.description, where)
            assign(self._views[name], value, where)
            if isinstance(self.description, Standardize):
                self._core.adapted = True
                if name == "mean":  # with all its digits
                    self._core.input_means[:] = np.ravel(value)
        elif name in _RULE:
            checked = type(self.description)
            if name == "frozen":
                expect_flag(value, f"layers[{self._index}].frozen", "a bool")
            else:
                expect_in_range(value, f"layers[{self._index}].{name}", least=0)
            if name in ("l1", "l2", "max_norm") and checked is not Dense:
                raise AttributeError(
                    f"layers[{self._index}] is a {checked.__name__}: expected {name} of a Dense "
                    "layer alone"
                )
            expect_trained_by_no_other(self._core, f"layers[{self._index}].{name}")
            self._rule[name] = value
            self._tell_core()
        else:
            raise AttributeError(
                f"layers[{self._index}].{name} cannot be set: expected one of "
                f"{[*self._views, *_RULE]}"
            )

    def __copy__(self) -> Self:
        return self  # another view would be of the same numbers

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce__()

    def __reduce__(self) -> NoReturn:
        at = f"layers[{self._index}]"
        raise TypeError(
            f"{at} is a view of its network, and no layer by itself: expected a copy of the whole, "
            f"copy.deepcopy(network).{at}; or of what it has, such as layer.description or "
            "layer.W.copy()"
        )

    def rule(self) -> dict[str, Any]:
        """What may be changed of the layer between two steps, as it is now."""
        return {
            name: bool(value) if name == "frozen" else float(value)
            for name, value in self._rule.items()
        }

    def set_rule(self, rule: Mapping[str, Any]) -> None:
        """Set all of it, to what ``rule`` has returned."""
        self._rule.update(rule)
        self._tell_core()

    def _tell_core(self) -> None:
        rule = self._rule
        self._core.set_rule(
            self._index + 1,
            bool(rule["frozen"]),
            float(rule["learning_rate"]),
            *(float(rule[name]) for name in ("l1", "l2", "max_norm")),
        )

    def __repr__(self) -> str:
        shapes = "".join(f", {name} {view.shape}" for name, view in self._views.items())
        return f"Layer({self.units}, {self.activation!r}{shapes})"


class Layers(tuple[Layer, ...]):
    """The layers of a network, by index or by name.

    Examples
    --------
    >>> import deltarule as dr
    >>> layers = [dr.Dense(4, "relu", name="hidden"), dr.Dense(1)]
    >>> net = dr.Network(layers, input_size=2, seed=0)
    >>> len(net.layers), net.layers["hidden"].W is net.layers[0].W
    (2, True)
    """

    @overload
    def __getitem__(self, index: SupportsIndex | str) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Layer, ...]: ...
    def __getitem__(self, index: SupportsIndex | str | slice) -> Layer | tuple[Layer, ...]:
        if not isinstance(index, str):
            return super().__getitem__(index)
        for layer in self:
            if layer.name == index:
                return layer
        names = [layer.name for layer in self if layer.name is not None]
        raise KeyError(
            f"no layer has the name {index!r}: expected one of {names}{did_you_mean(index, names)}"
        )


def expect_variance(array: Array, layer: LayerDescription, what: str) -> None:
    """Hold variances to 0 or more, and where they divide to more than that."""
    # A batch norm adds epsilon to it before it divides; a standardising layer does not.
    above_0 = isinstance(layer, Standardize)
    if array.dtype.kind in "biuf":
        bad = array <= 0 if above_0 else array < 0
        refuse(array, bad, what, f"expected {'above 0' if above_0 else '0 or more'}")


def assign(view: Array, value: ArrayLike, what: str) -> None:
    """Copy into a live view, once the whole of it is known to fit."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{what}: got {array.dtype}: expected real numbers")
    if array.shape != view.shape:
        raise ValueError(f"{what}: got shape {array.shape}: expected {view.shape}")
    expect_finite(array, what)
    with np.errstate(over="ignore"):
        converted = array.astype(view.dtype)
    refuse(array, ~np.isfinite(converted), what, f"too large for {view.dtype}")
    view[...] = converted


# Where users find them.
for _kind in (Layer, Layers):
    _kind.__module__ = "deltarule.network"
