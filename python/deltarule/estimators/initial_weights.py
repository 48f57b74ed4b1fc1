"""Initial weights, drawn as scikit-learn draws them (Glorot & Bengio 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deltarule._arrays import Array


def initial_weights(
    random_state: Any, sizes: Sequence[int], activations: Sequence[str], dtype: Any
) -> tuple[list[Array], list[Array]]:
    """``coefs_`` and ``intercepts_``: uniform, within a bound that suits the activation."""
    dtype = np.float32 if dtype == np.float32 else np.float64
    coefs, intercepts = [], []
    for n_prev, n, activation in zip(sizes[:-1], sizes[1:], activations, strict=True):
        factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
        bound = np.sqrt(factor / (n_prev + n))
        coefs.append(random_state.uniform(-bound, bound, (n_prev, n)).astype(dtype))
        intercepts.append(random_state.uniform(-bound, bound, n).astype(dtype))
    return coefs, intercepts
