"""Inverted dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from deltarule.layers.base import LayerDescription


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

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range.

    References
    ----------
    Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3" (Threefry, the generator).

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dropout(0.5)], input_size=1000, seed=0)
    >>> A, _ = net.forward(np.ones((1, 1000)), training=True)
    >>> sorted(set(A[0].tolist()))
    [0.0, 2.0]
    >>> float(net.predict(np.ones((1, 1000))).mean())
    1.0
    """

    kind: ClassVar[str] = "dropout"

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect("rate", 0, 1)

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "rate": float(self.rate)}
