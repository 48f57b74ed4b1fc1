"""Layers, as they are described before they have inputs: ``Z = f(A_prev)`` and ``A = g(Z)``.

A description says what the core is told, which parameters a layer has, and what they start from. A
new layer is a kernel of the core and a class here, a kind a file.
"""

from deltarule.layers.activation import Activation
from deltarule.layers.base import LayerDescription
from deltarule.layers.dense import Dense
from deltarule.layers.dropout import Dropout
from deltarule.layers.embedding import Embedding
from deltarule.layers.normalization import BatchNorm, LayerNorm
from deltarule.layers.periodic import Periodic
from deltarule.layers.piecewise_linear import PiecewiseLinear
from deltarule.layers.prelu import PReLU
from deltarule.layers.residual import Add, Residual
from deltarule.layers.standardize import Standardize

__all__ = [
    "Activation",
    "Add",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Embedding",
    "LayerDescription",
    "LayerNorm",
    "PReLU",
    "Periodic",
    "PiecewiseLinear",
    "Residual",
    "Standardize",
]

# Where users find them, and where pickles of any age look for them.
for _name in __all__:
    globals()[_name].__module__ = __name__
