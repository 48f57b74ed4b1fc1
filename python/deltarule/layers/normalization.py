"""Batch and layer normalisation, whose results are scaled and shifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deltarule.layers.base import LayerDescription, Shapes


@dataclass(frozen=True)
class _Scaled(LayerDescription):
    """A normalisation, whose result is scaled by gamma and shifted by beta."""

    def parameters(self, n_prev: int) -> Shapes:
        return {"gamma": (n_prev, 1), "beta": (n_prev, 1)}

    def initial(
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        return np.full(shape, 1.0 if name == "gamma" else 0.0)


@dataclass(frozen=True)
class BatchNorm(_Scaled):
    """Batch normalisation: ``Z = gamma (A_prev - mean) / sqrt(variance + epsilon) + beta``.

    In training, mean and variance are each unit's over the batch (not weighted by
    ``sample_weight``); in prediction, where the layer is frozen, and for a batch of one example,
    which has no variance, their running averages: ``running := (1 - momentum) running + momentum
    batch``, the variance's without bias. A batch of one leaves these as they are.

    Parameters
    ----------
    momentum : float
        In [0, 1]: the batch's share, as in PyTorch (Keras gives the other one).
    epsilon : float
        Above 0.
    name, frozen, learning_rate
        As for every layer.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range.

    References
    ----------
    Ioffe & Szegedy 2015, "Batch Normalization", algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule as dr
    >>> net = dr.Network([dr.BatchNorm()], input_size=2, dtype="float64")
    >>> X = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> A, caches = net.forward(X, training=True)
    >>> A.round(2)
    array([[-1., -1.],
           [ 1.,  1.]])
    """

    kind: ClassVar[str] = "batch_norm"

    momentum: float = 0.1
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect("momentum", 0, np.nextafter(1.0, 2.0))
        self._expect("epsilon", float(np.finfo(np.float32).tiny))

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {
            "kind": self.kind,
            "momentum": float(self.momentum),
            "epsilon": float(self.epsilon),
        }

    def statistics(self, n_prev: int) -> Shapes:  # noqa: D102
        return {"mean": (n_prev, 1), "variance": (n_prev, 1)}


@dataclass(frozen=True)
class LayerNorm(_Scaled):
    """Layer normalisation: each example to mean 0 and variance 1 over its units.

    ``Z = gamma (A_prev - mean) / sqrt(variance + epsilon) + beta``, in training and in prediction.

    Parameters
    ----------
    epsilon : float
        Above 0.
    name, frozen, learning_rate
        As for every layer.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range.

    References
    ----------
    Ba, Kiros & Hinton 2016, "Layer Normalization".

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.LayerNorm()], input_size=3)
    >>> net.predict([[1.0, 2.0, 3.0]]).round(2)
    array([[-1.22,  0.  ,  1.22]], dtype=float32)
    """

    kind: ClassVar[str] = "layer_norm"

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect("epsilon", float(np.finfo(np.float32).tiny))

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "epsilon": float(self.epsilon)}
