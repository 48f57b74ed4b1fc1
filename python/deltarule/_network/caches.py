"""What a forward step leaves for the backward one, and a layer's part of a flat vector."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from deltarule._arrays import Array
from deltarule._network.layer_views import Layers

if TYPE_CHECKING:
    from deltarule import _core


class LayerCache(NamedTuple):
    """What a layer's backward step needs; ``A_prev`` and ``Z`` are rows, one an example.

    ``W`` and ``b`` are None for a layer that is not dense.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> A, caches = net.forward([[1.0, 2.0], [3.0, 4.0]])
    >>> A_prev, W, b, Z = caches[0]
    >>> A_prev.shape, W.shape, b.shape, Z.shape
    ((2, 2), (4, 2), (4, 1), (2, 4))
    """

    A_prev: Array
    W: Array
    b: Array
    Z: Array


class LayerParameters(NamedTuple):
    """A dense layer's part of a flat vector: views, (n, n_prev) and (n, 1).

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> cost, gradients = net.loss_and_gradients(X, y)
    >>> dW, db = net.unflatten(gradients)[0]
    >>> dW.shape, db.shape
    ((4, 2), (4, 1))
    """

    W: Array
    b: Array


@cache
def parameters_named(*names: str) -> Any:
    """The type of another layer's part of a flat vector, by the names of its parameters."""
    if names == LayerParameters._fields:
        return LayerParameters
    return namedtuple("LayerParameters", names)


class Caches(Sequence[LayerCache]):
    """What ``Network.forward`` leaves for ``Network.backward``: a cache a layer.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> A, caches = net.forward([[1.0, 2.0], [3.0, 4.0]])
    >>> caches[0].Z.shape
    (2, 4)
    """

    def __init__(self, layers: Layers, core: _core.Cache) -> None:
        self.layers, self.core = layers, core

    def __len__(self) -> int:
        return len(self.layers)

    @overload
    def __getitem__(self, index: int) -> LayerCache: ...
    @overload
    def __getitem__(self, index: slice) -> list[LayerCache]: ...
    def __getitem__(self, index: int | slice) -> LayerCache | list[LayerCache]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        layer = self.layers[index]
        l = range(len(self))[index] + 1  # noqa: E741 -- the layer, as on paper
        A_prev = self.core.X if l == 1 else self.core.A(l - 1)
        W, b = (getattr(layer, name, None) for name in ("W", "b"))
        return LayerCache(A_prev, W, b, self.core.Z(l))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[LayerCache]:
        return (self[i] for i in range(len(self)))


# Where users find them.
for _kind in (LayerCache, LayerParameters, Caches):
    _kind.__module__ = "deltarule.network"
