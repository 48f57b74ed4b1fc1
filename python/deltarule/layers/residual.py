"""Residual blocks, and the order that they and all layers stand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from deltarule.layers.base import LayerDescription
from deltarule.layers.columns import NumberEmbedding, placed
from deltarule.layers.embedding import Embedding
from deltarule.layers.piecewise_linear import PiecewiseLinear
from deltarule.layers.standardize import Standardize


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

    Raises
    ------
    TypeError, ValueError
        For what is no list of layers, and for an empty one.

    References
    ----------
    He et al. 2016, "Deep Residual Learning for Image Recognition", equation 1.

    Examples
    --------
    >>> import deltarule as dr
    >>> block = dr.Residual([dr.Dense(8, "relu"), dr.Dense(4)])
    >>> net = dr.Network([dr.Dense(4, "relu"), block, dr.Dense(1)], input_size=2, seed=0)
    >>> len(net.layers)  # the two of the block one by one, and the one that adds
    5
    """

    layers: Sequence[LayerDescription | Residual]
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
        if isinstance(layer, PiecewiseLinear) and any(
            isinstance(other, Standardize) for other in before
        ):
            raise ValueError(
                f"Network: layers[{index}] is a PiecewiseLinear behind a Standardize: expected "
                "none, as its bins are of X's own numbers; scale X before bins are taken from it"
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
            if isinstance(layer, NumberEmbedding):
                layer = placed(layer, flat, units[0], f"layers[{len(flat)}]")
            flat.append(layer)
            units.append(layer.units_after(units[-1]))
        else:
            raise TypeError(
                f"Network: {here} is {layer!r}: expected a layer, such as Dense(units, activation)"
            )
