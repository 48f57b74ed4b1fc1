"""Dense neural networks on the CPU.

``Network`` trains and predicts on ``(n_samples, n_features)``; ``blocks`` holds the forward and
backward functions one by one, on ``(n, m)``.
"""

from deltarule import _core, blocks, losses
from deltarule.layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    PReLU,
    Residual,
    Standardize,
)
from deltarule.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    CustomLoss,
    Focal,
    Huber,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
)
from deltarule.network import Network
from deltarule.optimizers import SGD, Adam, Optimizer
from deltarule.training import History, TrainingDivergedError

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "BatchNorm",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "CustomLoss",
    "Dense",
    "Dropout",
    "Embedding",
    "Focal",
    "History",
    "Huber",
    "LayerNorm",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Network",
    "Optimizer",
    "PReLU",
    "Poisson",
    "Quantile",
    "Residual",
    "Standardize",
    "TrainingDivergedError",
    "blocks",
    "get_num_threads",
    "isa",
    "losses",
    "set_num_threads",
]
__version__ = "0.1.0"

get_num_threads = _core.get_num_threads
set_num_threads = _core.set_num_threads


def isa() -> str:
    """Tell which build of the core runs: portable, avx2 or avx512 (see ``DELTARULE_ISA``)."""
    return _core.isa
