"""Dense neural networks on the CPU.

``Network`` trains and predicts on ``(n_samples, n_features)``; ``blocks`` holds the forward and
backward functions one by one, on ``(n, m)``.
"""

from deltarule import _core, blocks, callbacks, schedules
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
from deltarule.network import Dense, Network
from deltarule.optimizers import SGD, Adam, Optimizer
from deltarule.rate_range import LearningRateRange, learning_rate_range
from deltarule.training import TrainingDivergedError

__all__ = [
    "SGD",
    "Adam",
    "CSVLog",
    "Checkpoint",
    "Dense",
    "Diagnostics",
    "EarlyStopping",
    "History",
    "JSONLinesLog",
    "LearningRateRange",
    "ModelFileError",
    "Network",
    "Optimizer",
    "TensorBoard",
    "TimeLimit",
    "TrainingDivergedError",
    "TrainingWarning",
    "blocks",
    "callbacks",
    "get_num_threads",
    "gradient_check",
    "isa",
    "learning_rate_range",
    "schedules",
    "set_num_threads",
]
__version__ = "0.1.0"

get_num_threads = _core.get_num_threads
set_num_threads = _core.set_num_threads


def isa() -> str:
    """Tell which build of the core runs: portable, avx2 or avx512 (see ``DELTARULE_ISA``)."""
    return _core.isa
