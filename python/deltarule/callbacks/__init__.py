"""Callbacks: one's own code at certain moments of a fit, and those that come with the package.

A callback is an object with any of these, each of which is handed the `TrainingRun`:

=======================  ==========================================================================
``on_fit_begin(run)``    before the first epoch
``on_epoch_begin(run)``  before each epoch
``on_run_end(run)``      after each run of mini-batches, some 20 times a second: to watch the clock
``on_step_end(run)``     after every step, or after each ``every_steps`` of them
``on_epoch_end(run)``    after each epoch, when ``run.history`` has its record
``on_fit_end(run)``      at the end, however training ends; ``run.exception`` says how
=======================  ==========================================================================

Only ``on_step_end`` has a price: the steps that it sees are calls to the core of their own, and
``every_steps``, 1 if it is not there, says which these are. What must survive an interruption,
``state()`` gives to a `Checkpoint` (a dictionary of numbers, strings, lists and arrays) and
``restore(state)`` takes back. Callbacks are called in their order, after them those with
``goes_last``.

To type checkers such an object is a `Callback`: ``fit`` takes a sequence of them.
"""

from typing import TYPE_CHECKING

from deltarule._training.hooks import Callback
from deltarule._training.run import TrainingRun as _TrainingRun
from deltarule.callbacks.best import Best
from deltarule.callbacks.checkpoint import Checkpoint
from deltarule.callbacks.diagnostics import Diagnostics
from deltarule.callbacks.logs import CSVLog, JSONLinesLog, TensorBoard
from deltarule.callbacks.optuna import OptunaPruning
from deltarule.callbacks.stopping import EarlyStopping, TimeLimit

if TYPE_CHECKING:
    from deltarule.network import Network

    class TrainingRun(_TrainingRun):
        """A fit under way; to type checkers its network has all of its verbs."""

        network: Network
else:
    TrainingRun = _TrainingRun

__all__ = [
    "Best",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "Diagnostics",
    "EarlyStopping",
    "JSONLinesLog",
    "OptunaPruning",
    "TensorBoard",
    "TimeLimit",
    "TrainingRun",
]

# Where users find them, and where pickles of any age look for them.
for _kind in (
    Best,
    CSVLog,
    Checkpoint,
    Diagnostics,
    EarlyStopping,
    JSONLinesLog,
    OptunaPruning,
    TensorBoard,
    TimeLimit,
):
    _kind.__module__ = __name__
