"""A fit under way: what its callbacks see, and the calls to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from deltarule._arrays import Array
from deltarule._rates import Schedule, rate_now
from deltarule.errors import TrainingDivergedError
from deltarule.history import History

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork
    from deltarule.optimizers import Optimizer

HOOKS = (
    "on_fit_begin",
    "on_epoch_begin",
    "on_run_end",
    "on_step_end",
    "on_epoch_end",
    "on_fit_end",
)


class TrainingRun:
    """A fit under way, as its callbacks see it.

    Attributes
    ----------
    network : Network
    optimizer : Optimizer
    history : History
        Of the epochs that are finished.
    epoch, epochs : int
        The epoch under way, counted from 1, and how many are planned.
    steps_an_epoch : int or None
        How many the last epoch had; None before the first has ended.
    validation_outputs : ndarray of shape (n_samples, n_outputs) or None
        The network's outputs on the validation data at the end of the last epoch, if there is some:
        an array of its own each time, to be kept.
    resumed : bool
        Whether the run goes on from a checkpoint.
    data : callable
        Returns what tells the examples from others, for checkpoints.
    exception : BaseException or None
        What ended training, for ``on_fit_end``.

    Examples
    --------
    >>> import deltarule as dr
    >>> class Stop:
    ...     def on_epoch_end(self, run):  # run is a TrainingRun
    ...         if run.history["loss"][-1] < 1e-3:
    ...             run.stop()
    >>> net = dr.Network([dr.Dense(1)], input_size=1, seed=0)
    >>> X, y = [[0.0], [1.0]], [0.0, 2.0]
    >>> history = net.fit(X, y, optimizer=dr.Adam(0.1), epochs=1000, callbacks=[Stop()])
    >>> history.epochs < 1000
    True
    """

    def __init__(
        self,
        network: BareNetwork,
        optimizer: Optimizer,
        callbacks: Sequence[Any],
        epochs: int,
        data: Callable[[], Any] = dict,
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self.history: History = network.history
        self.callbacks = tuple(callbacks)
        self.epochs = epochs
        self.data = data
        self.epoch = 0
        self.steps_an_epoch: int | None = None
        self.validation_outputs: Array | None = None
        self.resumed = False
        self.stopping = False
        self.exception: BaseException | None = None
        self._hooks = {
            name: [
                getattr(each, name)
                for each in callbacks
                if hasattr(each, name) and self._calls(each)
            ]
            for name in HOOKS
        }
        self._step_hooks = [(each, each.on_step_end) for each in callbacks if sees_steps(each)]
        self._called = False
        self._first_step = 0  # of the epoch under way
        self._cost: float | None = None
        self._gradients: Array | None = None
        self._before: Array | None = None
        self._batch: Any = None

    @property
    def step(self) -> int:
        """Steps that the optimizer has made."""
        return self.optimizer.step

    @property
    def learning_rate(self) -> float:
        """The rate of the next step. Assigning a number puts it in a schedule's place.

        Raises
        ------
        AttributeError
            For an optimizer without one: L-BFGS searches for the length of each of its steps.
        """
        optimizer: Any = self._expect_rate()
        return rate_now(optimizer.learning_rate, optimizer.step, optimizer.epochs)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        optimizer: Any = self._expect_rate()
        before, optimizer.learning_rate = optimizer.learning_rate, value
        try:
            optimizer._rule()
        except (TypeError, ValueError):
            optimizer.learning_rate = before
            raise

    def _expect_rate(self) -> Optimizer:
        if not hasattr(self.optimizer, "learning_rate"):
            raise AttributeError(
                f"TrainingRun: learning_rate: {type(self.optimizer).__name__} has none: expected "
                "an optimizer that makes steps of a given rate, such as Adam"
            )
        return self.optimizer

    @property
    def gradients(self) -> Array:
        """The flat gradients of the last step; in ``on_step_end`` alone."""
        gradients: Array = self._expect_step(self._gradients, "gradients")
        return gradients

    @property
    def update(self) -> Array:
        """What the last step added to the parameters; in ``on_step_end`` alone."""
        update: Array = self.network.parameters - self._expect_step(self._before, "update")
        return update

    @property
    def batch(self) -> tuple[Array, Array, Array | None]:
        """X, y and the examples' weights (or None) of the last step; in ``on_step_end`` alone."""
        return self._expect_step(self._batch, "batch")()  # type: ignore[no-any-return]

    @property
    def cost(self) -> float:
        """The cost of the last step's batch, before the step; in ``on_step_end`` alone."""
        return float(self._expect_step(self._cost, "cost"))

    def activations(self) -> list[Array]:
        """``A[1]`` to ``A[L]`` of the last batch, with the weights as they are now.

        Rows, one an example; in ``on_step_end`` alone.

        Raises
        ------
        RuntimeError
            Outside ``on_step_end``.
        """
        A, caches = self.network.forward(self.batch[0])
        return [*(cache.A_prev for cache in caches[1:]), A]

    def stop(self) -> None:
        """End training: after the epoch under way or, said within one, after the last step.

        An epoch that is not finished has no place in the history.
        """
        self.stopping = True

    def begin_epoch(self) -> bool:
        """Go on to the next epoch, if there is to be one."""
        if self.history.epochs >= self.epochs or not self.goes_on():
            return False
        self.epoch = self.history.epochs + 1
        self._first_step = self.step
        self.call("on_epoch_begin")
        return self.goes_on()

    def goes_on(self) -> bool:
        """Whether nobody has asked for the end."""
        return not self.stopping

    def end_epoch(self, record: Mapping[str, float]) -> None:
        """Take down what an epoch came to, and tell the schedule and the callbacks."""
        self.history.record(record)
        self.steps_an_epoch = self.step - self._first_step
        optimizer: Any = self.optimizer
        optimizer.epochs += 1
        rate = getattr(optimizer, "learning_rate", None)
        if isinstance(rate, Schedule):
            rate.end_epoch(record)
        self.call("on_epoch_end")

    def _calls(self, callback: Any) -> bool:
        """Whether it is this process that calls it, where several train."""
        del callback
        return True

    def call(self, hook: str) -> None:
        """Call every callback's hook of that name."""
        for each in self._hooks[hook]:
            self._called = True
            each(self)

    def was_called(self) -> bool:
        """Whether a callback has run since this was last asked."""
        called, self._called = self._called, False
        return called

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.exception = exception
        if isinstance(exception, TrainingDivergedError):
            self.history.diverged = str(exception)
        self.history.pad()
        self.call("on_fit_end")

    def steps_unseen(self, step: int) -> int | None:
        """How many steps follow step number ``step`` before one that a callback wants to see."""
        if not self._step_hooks:
            return None
        return min(every_of(each) - 1 - step % every_of(each) for each, _ in self._step_hooks)

    def show_step(self, cost: float, gradients: Array, before: Array, batch: Any) -> None:
        """Call those callbacks that want to see the step that was just made."""
        self._cost, self._gradients = cost, gradients
        self._before, self._batch = before, batch
        try:
            for each, hook in self._step_hooks:
                if self.step % every_of(each) == 0 and self._calls(each):
                    self._called = True
                    hook(self)
        finally:
            self._cost = self._gradients = self._before = self._batch = None

    def _expect_step(self, value: Any, name: str) -> Any:
        if value is None:
            raise RuntimeError(f"TrainingRun: {name} is there in on_step_end alone")
        return value


def sees_steps(callback: Any) -> bool:
    """Whether a callback has a hook for steps."""
    return hasattr(callback, "on_step_end")


def every_of(callback: Any) -> int:
    """Of how many steps it wants to see one."""
    return int(getattr(callback, "every_steps", 1))


# Where users find it.
TrainingRun.__module__ = "deltarule.callbacks"
