"""Dense neural networks on the CPU.

``Network`` trains and predicts on ``(n_samples, n_features)``; ``blocks`` holds the forward and
backward functions one by one, on ``(n, m)``.
"""

from typing import TYPE_CHECKING, Any

try:
    from deltarule import _core
except ImportError as absent:
    if absent.name != __name__:  # it is there, and says itself why it cannot be loaded
        raise
    raise ImportError(
        "deltarule's compiled core is not there. Install the package (`pip install deltarule`, or "
        "`pip install .` in a checkout); in a checkout that is on the path without being installed, "
        "build it with `pip install -e . --no-build-isolation`."
    ) from None

if TYPE_CHECKING:
    from deltarule import blocks as blocks
    from deltarule import callbacks as callbacks
    from deltarule import initializers as initializers
    from deltarule import losses as losses
    from deltarule import metrics as metrics
    from deltarule import schedules as schedules
    from deltarule.callbacks import Checkpoint as Checkpoint
    from deltarule.callbacks import CSVLog as CSVLog
    from deltarule.callbacks import EarlyStopping as EarlyStopping
    from deltarule.callbacks import JSONLinesLog as JSONLinesLog
    from deltarule.callbacks import TensorBoard as TensorBoard
    from deltarule.callbacks import TimeLimit as TimeLimit
    from deltarule.conversion import from_sklearn as from_sklearn
    from deltarule.diagnostics import Diagnostics as Diagnostics
    from deltarule.diagnostics import TrainingWarning as TrainingWarning
    from deltarule.diagnostics import gradient_check as gradient_check
    from deltarule.estimators import MLPClassifier as MLPClassifier
    from deltarule.estimators import MLPRegressor as MLPRegressor
    from deltarule.history import History as History
    from deltarule.keras_files import from_keras as from_keras
    from deltarule.last_good import TrainingDivergedError as TrainingDivergedError
    from deltarule.layers import Activation as Activation
    from deltarule.layers import BatchNorm as BatchNorm
    from deltarule.layers import Dense as Dense
    from deltarule.layers import Dropout as Dropout
    from deltarule.layers import Embedding as Embedding
    from deltarule.layers import LayerNorm as LayerNorm
    from deltarule.layers import PReLU as PReLU
    from deltarule.layers import Residual as Residual
    from deltarule.layers import Standardize as Standardize
    from deltarule.losses import BinaryCrossEntropy as BinaryCrossEntropy
    from deltarule.losses import CategoricalCrossEntropy as CategoricalCrossEntropy
    from deltarule.losses import CustomLoss as CustomLoss
    from deltarule.losses import Focal as Focal
    from deltarule.losses import Huber as Huber
    from deltarule.losses import LogCosh as LogCosh
    from deltarule.losses import Loss as Loss
    from deltarule.losses import MeanAbsoluteError as MeanAbsoluteError
    from deltarule.losses import MeanSquaredError as MeanSquaredError
    from deltarule.losses import Poisson as Poisson
    from deltarule.losses import Quantile as Quantile
    from deltarule.model_file import load as load
    from deltarule.network import Network as Network
    from deltarule.onnx_import import from_onnx as from_onnx
    from deltarule.optimizers import LBFGS as LBFGS
    from deltarule.optimizers import SGD as SGD
    from deltarule.optimizers import Adadelta as Adadelta
    from deltarule.optimizers import Adagrad as Adagrad
    from deltarule.optimizers import Adam as Adam
    from deltarule.optimizers import AdamW as AdamW
    from deltarule.optimizers import Lion as Lion
    from deltarule.optimizers import NAdam as NAdam
    from deltarule.optimizers import Optimizer as Optimizer
    from deltarule.optimizers import RAdam as RAdam
    from deltarule.optimizers import RMSprop as RMSprop
    from deltarule.rate_range import LearningRateRange as LearningRateRange
    from deltarule.rate_range import learning_rate_range as learning_rate_range
    from deltarule.torch_modules import from_torch as from_torch
    from deltarule.untrusted_file import ModelFileError as ModelFileError

__version__ = "0.1.0"

get_num_threads = _core.get_num_threads
set_num_threads = _core.set_num_threads


def isa() -> str:
    """Tell which build of the core runs: portable, avx2 or avx512 (see ``DELTARULE_ISA``)."""
    return _core.isa


# Where each public name is. A module is imported when one of its names is first used: so a program
# waits for what it uses alone, and what needs more than NumPy stands in nobody's way.
_WHERE = {
    "callbacks": [
        "CSVLog",
        "Checkpoint",
        "EarlyStopping",
        "JSONLinesLog",
        "TensorBoard",
        "TimeLimit",
    ],
    "conversion": ["from_sklearn"],
    "diagnostics": ["Diagnostics", "TrainingWarning", "gradient_check"],
    "estimators": ["MLPClassifier", "MLPRegressor"],
    "history": ["History"],
    "keras_files": ["from_keras"],
    "last_good": ["TrainingDivergedError"],
    "layers": [
        "Activation",
        "BatchNorm",
        "Dense",
        "Dropout",
        "Embedding",
        "LayerNorm",
        "PReLU",
        "Residual",
        "Standardize",
    ],
    "losses": [
        "BinaryCrossEntropy",
        "CategoricalCrossEntropy",
        "CustomLoss",
        "Focal",
        "Huber",
        "LogCosh",
        "Loss",
        "MeanAbsoluteError",
        "MeanSquaredError",
        "Poisson",
        "Quantile",
    ],
    "model_file": ["load"],
    "network": ["Network"],
    "onnx_import": ["from_onnx"],
    "optimizers": [
        "Adadelta",
        "Adagrad",
        "Adam",
        "AdamW",
        "LBFGS",
        "Lion",
        "NAdam",
        "Optimizer",
        "RAdam",
        "RMSprop",
        "SGD",
    ],
    "rate_range": ["LearningRateRange", "learning_rate_range"],
    "torch_modules": ["from_torch"],
    "untrusted_file": ["ModelFileError"],
}
_MODULES = {name: module for module, names in _WHERE.items() for name in names}
_MODULES |= {
    name: name for name in ("blocks", "callbacks", "initializers", "losses", "metrics", "schedules")
}
_WITH_SKLEARN = {*_WHERE["conversion"], *_WHERE["estimators"]}
_WITH_MORE = {*_WITH_SKLEARN, *_WHERE["keras_files"], *_WHERE["torch_modules"]}

__all__ = sorted({*_MODULES, "get_num_threads", "isa", "set_num_threads"} - _WITH_MORE)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'deltarule' has no attribute {name!r}")
    from importlib import import_module

    try:
        module = import_module(f"deltarule.{_MODULES[name]}")
    except ModuleNotFoundError as missing:
        if name not in _WITH_SKLEARN:
            raise
        raise ImportError(
            f"deltarule.{name} needs {missing.name}, which is not installed: "
            'pip install "deltarule[sklearn]"'
        ) from missing
    value = globals()[name] = module if _MODULES[name] == name else getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
