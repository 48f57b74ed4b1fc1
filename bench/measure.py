"""A workload on all contestants: prepare, check, take turns, check again."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter

import agreement
import numpy as np
from contestants.numpy import Trainer as Yardstick
from processes import WorkerError, machine_busy_seconds, settle
from workloads import make_problem

# A shuffle ends at a loss of its own (S1: 1.8 % apart); the mean of some is a steadier yardstick.
SHUFFLES = 5
# So many of an ensemble's members stand for all of it: one alone is 1.7 % away from the mean.
MEMBERS = 8


def expected_result(work, problem):
    """What all must reach: the yardstick's loss, or the outputs in float64."""
    if not work.trains:
        if work.members:
            return agreement.mean_of_members(problem.members, problem.X, work.activation)
        return agreement.forward(problem.weights, problem.X, work.activation)
    exact = replace(work, dtype="float64")
    y = problem.y.astype(np.float64) if problem.y.dtype.kind == "f" else problem.y
    yardstick = Yardstick(exact, replace(problem, X=problem.X.astype(np.float64), y=y), None)
    shuffles = SHUFFLES if work.batch < work.rows and work.flop < 1e11 else 1
    ends = []
    for initial in problem.members[:MEMBERS] or [problem.weights] * shuffles:
        yardstick.initial = initial
        yardstick.reset()
        yardstick.train(work.per_repetition)
        ends.append(yardstick.weights())
    if work.members:
        return agreement.training_loss(work, problem, ends)
    return float(np.mean([agreement.training_loss(work, problem, end) for end in ends]))


def measure(work, workers, *, repetitions, prepare_limit, say):
    """Time a workload.

    Returns
    -------
    list of dict
        For each worker: ``contestant``, ``threads`` and either ``seconds`` (one a repetition, per
        unit of the workload), or ``absent`` or ``refused`` with the reason.
    dict
        ``loss`` of the yardstick, if the workload is a training; and ``load``: while repetitions
        ran, how long they took and the seconds of CPU that went to workers whose turn it was not
        and to the rest of the machine.
    """
    match = _Match(work, workers, say)
    say(f"{work.key}: getting ready")
    with ThreadPoolExecutor(2) as pool:  # not more at once: what one waits for may spin
        ready = pool.map(lambda worker: match.prepare(worker, prepare_limit), workers)
        ready = [worker for worker, is_ready in zip(workers, ready, strict=True) if is_ready]
    ready = [worker for worker in ready if match.agrees(worker)]
    say(f"{work.key}: {repetitions} repetitions of {len(ready)} contestants")
    turns = random.Random(0)
    for _ in range(repetitions):
        turns.shuffle(ready)
        ready = [worker for worker in ready if match.repeat(worker)]
    for worker in ready:
        if match.agrees(worker):
            match.results[worker]["seconds"] = match.seconds[worker]
    for worker in workers:
        match.ask(worker, "release")
    yardstick = {"yardstick_loss": match.expected} if work.trains else {}
    return list(match.results.values()), yardstick | {"load": match.load}


class _Match:
    """The contestants' results in one workload, as they come in."""

    def __init__(self, work, workers, say):
        self.work, self.workers, self.say = work, workers, say
        self.problem = make_problem(work)
        self.expected = expected_result(work, self.problem)
        self.results = {w: {"contestant": w.name, "threads": w.threads} for w in workers}
        self.seconds = {w: [] for w in workers}
        self.load = {"seconds": 0.0, "idle_workers": 0.0, "others": 0.0}

    def ask(self, worker, *request, limit=600):
        """A worker's answer, or None if it gave none: then it is out of this workload."""
        try:
            return worker.ask(*request, limit=limit)
        except WorkerError as error:
            self.results[worker].setdefault("absent", f"does not work: {error}")
            return None

    def prepare(self, worker, limit):
        """Whether a worker takes part."""
        start = perf_counter()
        self.results[worker] |= self.ask(worker, "prepare", self.work, limit=limit) or {}
        self.results[worker]["prepare_seconds"] = perf_counter() - start
        return "absent" not in self.results[worker]

    def agrees(self, worker):
        """Whether what the last repetition made is what the yardstick says."""
        made = self.ask(worker, "result")
        if made is None:
            return False
        work, result = self.work, self.results[worker]
        if work.trains:
            result["loss"] = agreement.training_loss(work, self.problem, made)
            refused = agreement.loss_refusal(result["loss"], self.expected, work.tolerance)
        else:
            refused = agreement.output_refusal(np.concatenate(made), self.expected, work.tolerance)
        if refused:
            result["refused"] = refused
            self.say(f"{work.key}: {worker}: no time is given: {refused}")
        return not refused

    def repeat(self, worker):
        """Time one repetition, all others being quiet; whether it was done."""
        settle(self.workers)
        before = _cpu(self.workers)
        took = self.ask(worker, "repeat")
        if took is None:
            return False
        self.seconds[worker].append(took / self.work.per_repetition)
        _add(self.load, worker, before, _cpu(self.workers))
        return True


def _cpu(workers):
    return perf_counter(), machine_busy_seconds(), {w: w.cpu_seconds() for w in workers}


def _add(load, active, before, after):
    """Add to ``load`` what was spent by others during a repetition."""
    (start, busy_before, by_before), (end, busy_after, by_after) = before, after
    if busy_before is None:
        return
    spent = {worker: by_after[worker] - by_before[worker] for worker in by_after}
    own = spent.pop(active)
    load["seconds"] += end - start
    load["idle_workers"] += sum(spent.values())
    load["others"] += max(0.0, busy_after - busy_before - own - sum(spent.values()))
