"""Where pickles of older versions look for these."""

from deltarule.estimators.optimizers import _Momentum as _Momentum
from deltarule.estimators.optimizers import _PaperAdam as _PaperAdam
