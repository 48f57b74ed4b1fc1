"""Networks from PyTorch's modules and back, and the modules that PyTorch lacks for them."""

from deltarule._interchange.pytorch import to_torch as to_torch
from deltarule._interchange.torch_layers import Embedding as Embedding
from deltarule._interchange.torch_layers import Exponential as Exponential
from deltarule._interchange.torch_layers import FrozenBatchNorm1d as FrozenBatchNorm1d
from deltarule._interchange.torch_layers import Periodic as Periodic
from deltarule._interchange.torch_layers import PiecewiseLinear as PiecewiseLinear
from deltarule._interchange.torch_layers import Residual as Residual
from deltarule._interchange.torch_layers import Standardize as Standardize
from deltarule.importers import from_torch as from_torch
