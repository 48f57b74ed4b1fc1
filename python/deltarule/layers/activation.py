"""An activation that stands alone: ``A = g(A_prev)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from deltarule.layers.base import LayerDescription, name_activation


@dataclass(frozen=True)
class Activation(LayerDescription):
    """An activation alone, ``A = g(A_prev)``: behind a normalisation, say.

    Parameters
    ----------
    activation : str
        As in ``Dense``.
    name : str, optional

    Raises
    ------
    ValueError
        For a name that no activation has.

    Examples
    --------
    >>> import deltarule as dr
    >>> layers = [dr.Dense(8), dr.BatchNorm(), dr.Activation("relu"), dr.Dense(1)]
    >>> dr.Network(layers, input_size=3).layers[2].activation
    'relu'
    """

    kind: ClassVar[str] = "activation"

    activation: str

    def __post_init__(self) -> None:
        super().__post_init__()
        name_activation(self, self.activation)

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "activation": self.activation}
