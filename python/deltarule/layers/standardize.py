"""Inputs less their means, over their standard deviations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deltarule.layers.base import LayerDescription, Shapes


@dataclass(frozen=True)
class Standardize(LayerDescription):
    """The first layer, if any: each input less its mean, over its standard deviation.

    ``Z = (X - mean) / sqrt(variance)``. They come from the data of the first ``fit``, from
    ``network.adapt(X)``, or by assignment, and travel with the network; no gradient changes them.
    Before that a network does not predict. An input that is the same everywhere, but for its own
    rounding, keeps a variance of 1, and columns that an ``Embedding`` takes pass.

    The mean is kept in float64, and taken off before an input is rounded to the network's dtype:
    times in seconds since 1970, as float64 or int64, stay apart in a network of float32.

    Parameters
    ----------
    name : str, optional

    Raises
    ------
    TypeError
        For a name that is no string.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Standardize()], input_size=1)
    >>> net.adapt([[1.0], [2.0], [3.0]])
    >>> net.predict([[2.0], [4.0]]).round(2)
    array([[0.  ],
           [2.45]], dtype=float32)
    """

    kind: ClassVar[str] = "standardize"

    def statistics(self, n_prev: int) -> Shapes:  # noqa: D102
        return {"mean": (n_prev, 1), "variance": (n_prev, 1)}
