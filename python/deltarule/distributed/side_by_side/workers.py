"""The workers of Dask in the place of this machine: a member is a task, and X goes out once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from deltarule.distributed.predicting.collections import is_collection
from deltarule.distributed.side_by_side import on_worker
from deltarule.distributed.side_by_side.parcels import Known, adopt, expect_parcels
from deltarule.ensembles.machines import Machines, Task
from deltarule.ensembles.progress import ManyProgress
from deltarule.ensembles.turns import diverged
from deltarule.errors import DistributedError, TrainingWarning, not_installed

# Seconds from a look at what has ended to the next; and from one at the workers.
_A_LOOK, _A_LOOK_AT_WORKERS = 0.2, 1.0


class Workers(Machines):
    """Workers of a cluster, as a client sees them."""

    def __init__(self, client: Any, timeout: float, where: str) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError as missing:
            raise not_installed("distributed", missing, "dask") from missing
        if not isinstance(client, Client):
            raise TypeError(f"{where}: client is {client!r}: expected a dask.distributed.Client")
        self._client, self._timeout = client, timeout
        self._data: _Data | None = None

    @contextmanager
    def same_data(self) -> Iterator[None]:
        """Have the workers keep X from one task to the next."""
        if self._data is not None:
            yield
            return
        self._data = data = _Data(self._client)
        try:
            yield
        finally:
            self._data = None
        data.forget()  # where something is wrong the next run has them do it

    def train(self, task: Task) -> None:
        """Train all networks, each by one worker."""
        if is_collection(task.X):
            raise TypeError(
                f"fit_many: X is a {type(task.X).__name__} of Dask: expected what is here, as "
                "every worker gets all of it; X.compute() fetches it"
            )
        with self.same_data():
            self._train(task)

    def _train(self, task: Task) -> None:
        from cloudpickle import Pickler

        progress = ManyProgress(len(task.networks), enabled=task.progress)
        members = task.members(progress)
        known, outbound = Known(), Known()
        for index, (network, given) in enumerate(zip(task.networks, task.given, strict=True)):
            known.add_member(index, network, given)
        known.data(task.X, task.y, task.given)
        data = outbound.data(task.X, task.y, task.given)
        expect_parcels(task.given, known, Pickler)
        task.begin()

        def parcel(index: int) -> bytes:
            member = task.networks[index], task.given[index], task.X, task.y
            return outbound.dumps(member, Pickler)

        assert self._data is not None
        run = _Run(self._client, self._timeout, task.time_limit, parcel, self._data)
        errors = []
        with progress:
            for index, trained in run.results(members.order, data):
                adopt(task.networks[index], task.given[index], known.loads(trained.parcel))
                if trained.error is not None:
                    errors.append(_told_of(trained.error, index))
                history = task.networks[index].history
                for epoch in range(1, history.epochs + 1):
                    progress.end_epoch(index, history.at(epoch))
                progress.end_member(task.given[index].epochs - history.epochs)
                if history.diverged is not None:
                    warnings.warn(diverged(index, history.diverged), TrainingWarning, 7)
        if errors:
            raise errors[0]


def _told_of(error: Exception, index: int) -> Exception:
    """An error whose note says which network it is of: for a worker there was only one."""
    error.__notes__ = [f"fit_many: this is of networks[{index}]; the others have been trained"]
    return error


class _Run:
    """Tasks on their way, never more than there are threads: the longest first."""

    def __init__(
        self,
        client: Any,
        timeout: float,
        time_limit: float | None,
        parcel: Callable[[int], bytes],
        data: _Data,
    ) -> None:
        self._client, self._parcel, self._data = client, parcel, data
        self._ends = None if time_limit is None else monotonic() + time_limit
        self._name = uuid4().hex
        self._pending: dict[Any, int] = {}
        self._signs = _Signs(client, timeout)

    def results(self, order: list[int], data: list[Any]) -> Iterator[tuple[int, on_worker.Trained]]:
        """What comes of each member, as it comes; all others are cancelled where one is lost."""
        waiting = list(reversed(order))
        try:
            self._signs.wait_for_workers()
            there = self._data.there(data)
            while waiting or self._pending:
                if self._time_left() == 0:
                    waiting.clear()
                while waiting and len(self._pending) < self._signs.threads:
                    self._submit(waiting.pop(), there)
                for index, future in self._ended():
                    yield index, _result(index, future)
        except BaseException:
            pending = list(self._pending)
            _within(5, lambda: self._client.cancel(pending, force=True))
            raise

    def _time_left(self) -> float | None:
        return None if self._ends is None else max(0.0, self._ends - monotonic())

    def _submit(self, index: int, there: list[Any]) -> None:
        future = self._client.submit(
            on_worker.train,
            self._data.name,
            index,
            self._parcel(index),
            on_worker.this_build(),
            self._time_left(),
            *there,
            key=f"deltarule-{self._name}-{index}",
            pure=False,
        )
        self._pending[future] = index

    def _ended(self) -> list[tuple[int, Any]]:
        """Tasks that have ended; none after a while, in which nothing may be the matter."""
        from concurrent.futures import CancelledError

        from distributed import wait

        self._signs.look()
        if not self._pending:
            return []
        try:
            done = wait(list(self._pending), timeout=_A_LOOK, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return []
        except CancelledError as error:
            raise DistributedError(
                "fit_many: Dask has cancelled the tasks: the scheduler is gone, or all workers "
                "that had X are"
            ) from error
        return [(self._pending.pop(future), future) for future in done]


def _result(index: int, future: Any) -> on_worker.Trained:
    error = future.exception() if future.status == "error" else None
    if error is not None or future.status != "finished":
        why = (
            f"the task was {future.status}" if error is None else f"{type(error).__name__}: {error}"
        )
        raise DistributedError(f"fit_many: networks[{index}] is lost on Dask: {why}") from error
    result: on_worker.Trained = future.result()
    return result


class _Data:
    """X and all else of the kind, on every worker once."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.name = uuid4().hex
        # By where it is in memory, which no other has as long as it is held.
        self._there: dict[int, tuple[Any, Any]] = {}

    def there(self, data: list[Any]) -> list[Any]:
        """Futures of it; what is not there yet goes out."""
        new = [each for each in data if not self._has(each)]
        if new:
            sent = self._client.scatter(new, broadcast=True, hash=False)
            for each, future in zip(new, sent, strict=True):
                self._there[id(each)] = each, future
        return [self._there[id(each)][1] for each in data]

    def _has(self, each: Any) -> bool:
        _, future = self._there.get(id(each), (None, None))
        return future is not None and future.status == "finished"

    def forget(self) -> None:
        """Have workers let go of it."""
        _within(2, lambda: self._client.run(on_worker.forget, self.name, on_error="ignore"))


class _Signs:
    """What there is to see of the cluster: how many threads, and whether workers are alive."""

    def __init__(self, client: Any, timeout: float) -> None:
        self._client, self._timeout = client, timeout
        self._seen: dict[str, tuple[Any, float]] = {}  # by worker: its last sign, and when it came
        self._looked, self._had_some = 0.0, monotonic()
        self.threads = 0

    def wait_for_workers(self) -> None:
        """Come back when there is one, or raise."""
        while not self.threads:
            self.look()
            sleep(_A_LOOK)

    def look(self) -> None:
        """Raise where workers, or the scheduler, are gone.

        Raises
        ------
        DistributedError
        """
        now = monotonic()
        if now - self._looked < _A_LOOK_AT_WORKERS:
            return
        self._looked = now
        workers = self._workers()
        self.threads = sum(each["nthreads"] for each in workers.values())
        if workers:
            self._had_some = now
        elif now - self._had_some > self._timeout:
            raise DistributedError(
                f"fit_many: there has been no worker for {self._timeout:g} s: expected one or more "
                "in the client's cluster"
            )
        for name, each in workers.items():
            sign, since = self._seen.get(name, (None, now))
            if sign != each["last_seen"]:
                since = now
            self._seen[name] = each["last_seen"], since
            if now - since > self._timeout:
                raise DistributedError(
                    f"fit_many: worker {name} has given no sign of life for {self._timeout:g} s: "
                    "it was stopped, or its machine is gone"
                )

    def _workers(self) -> dict[str, Any]:
        found: list[Any] = []
        _within(self._timeout, lambda: found.append(self._client.scheduler_info(n_workers=-1)))
        if not found or self._client.status != "running":
            raise DistributedError(
                f"fit_many: the scheduler does not answer within {self._timeout:g} s; the client "
                f"is {self._client.status}"
            )
        workers: dict[str, Any] = found[0]["workers"]
        return workers


def _within(seconds: float, act: Callable[[], Any]) -> None:
    """Do something that may never end; whatever comes of it, go on after some time."""

    def quietly() -> None:
        try:
            act()
        except Exception:
            return

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    thread.join(seconds)
