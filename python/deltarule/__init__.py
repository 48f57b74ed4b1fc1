"""Dense neural networks on the CPU.

``Network`` trains and predicts on ``(n_samples, n_features)``; ``blocks`` holds the forward and
backward functions one by one, on ``(n, m)``.
"""

from typing import TYPE_CHECKING, Any

from deltarule import _core, blocks, callbacks, initializers, losses, metrics, schedules
from deltarule.callbacks import (
    Checkpoint,
    CSVLog,
    EarlyStopping,
    JSONLinesLog,
    TensorBoard,
    TimeLimit,
)
from deltarule.checkpoint import ModelFileError
from deltarule.diagnostics import Diagnostics, TrainingWarning, gradient_check
from deltarule.history import History
from deltarule.last_good import TrainingDivergedError
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
from deltarule.optimizers import (
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)
from deltarule.rate_range import LearningRateRange, learning_rate_range

if TYPE_CHECKING:
    from deltarule.conversion import from_sklearn as from_sklearn
    from deltarule.estimators import MLPClassifier as MLPClassifier
    from deltarule.estimators import MLPRegressor as MLPRegressor

__all__ = [
    "LBFGS",
    "SGD",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "BinaryCrossEntropy",
    "CSVLog",
    "CategoricalCrossEntropy",
    "Checkpoint",
    "CustomLoss",
    "Dense",
    "Diagnostics",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "Focal",
    "History",
    "Huber",
    "JSONLinesLog",
    "LayerNorm",
    "LearningRateRange",
    "Lion",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "ModelFileError",
    "NAdam",
    "Network",
    "Optimizer",
    "PReLU",
    "Poisson",
    "Quantile",
    "RAdam",
    "RMSprop",
    "Residual",
    "Standardize",
    "TensorBoard",
    "TimeLimit",
    "TrainingDivergedError",
    "TrainingWarning",
    "blocks",
    "callbacks",
    "get_num_threads",
    "gradient_check",
    "initializers",
    "isa",
    "learning_rate_range",
    "losses",
    "metrics",
    "schedules",
    "set_num_threads",
]
__version__ = "0.1.0"

get_num_threads = _core.get_num_threads
set_num_threads = _core.set_num_threads


def isa() -> str:
    """Tell which build of the core runs: portable, avx2 or avx512 (see ``DELTARULE_ISA``)."""
    return _core.isa


# What needs more than NumPy, and where it is: imported when it is first used.
_LATER = {
    "MLPClassifier": "deltarule.estimators",
    "MLPRegressor": "deltarule.estimators",
    "from_sklearn": "deltarule.conversion",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'deltarule' has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(_LATER[name]), name)
    except ModuleNotFoundError as missing:
        raise ImportError(
            f"deltarule.{name} needs {missing.name}, which is not installed: "
            'pip install "deltarule[sklearn]"'
        ) from missing


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
