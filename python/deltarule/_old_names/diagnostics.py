"""Where pickles of older versions look for these."""

from deltarule._network.gradient_check import NetworkGradientCheck as NetworkGradientCheck
from deltarule.callbacks.diagnostics import Diagnostics as Diagnostics
from deltarule.errors import TrainingWarning as TrainingWarning
