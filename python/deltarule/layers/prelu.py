"""The parametric rectifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deltarule.layers.base import LayerDescription, Shapes


@dataclass(frozen=True)
class PReLU(LayerDescription):
    """The parametric rectifier: ``z = a`` above 0, else ``slope a``, a slope for each unit.

    Parameters
    ----------
    slope : float
        What the slopes start from.
    name, frozen, learning_rate
        As for every layer.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range.

    References
    ----------
    He et al. 2015, "Delving Deep into Rectifiers", equation 1.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.PReLU(slope=0.1)], input_size=2)
    >>> net.predict([[-1.0, 2.0]])
    array([[-0.1,  2. ]], dtype=float32)
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
