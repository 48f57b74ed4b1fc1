"""A contestant's process: it does one thing at a time, when it is told to.

    python worker.py CONTESTANT CPU,CPU,... THREADS

A request and its answer are pickled, over stdin and stdout. Thread counts of BLAS, OpenMP and XLA
come from the environment and the CPUs that are set here, before the contestant is imported.
"""

import gc
import importlib
import os
import pickle
import sys
from time import perf_counter

from contestants import Absent
from workloads import make_problem


class Session:
    """The requests: each method is one, and what it returns is the answer."""

    def __init__(self, module, threads):
        self.module, self.threads = module, threads

    def prepare(self, work):
        """Build what the workload needs and do one repetition; whether it takes part."""
        self.release()
        kind = "Trainer" if work.trains else "Predictor"
        if not hasattr(self.module, kind):
            return {"absent": "does not do this"}
        problem = make_problem(work)
        try:
            self.contestant = getattr(self.module, kind)(work, problem, self.threads)
        except Absent as reason:
            return {"absent": str(reason)}
        self.work = work
        if not work.trains:
            X = problem.X
            parts = [X[first : first + work.batch] for first in range(0, len(X), work.batch)]
            self.parts = [self.contestant.native(part) for part in parts]
            self.calls = [self.parts[i % len(parts)] for i in range(work.per_repetition)]
        self.repeat()
        return {}

    def repeat(self):
        """One repetition, in seconds."""
        if self.work.trains:
            self.contestant.reset()
            gc.collect()
            gc.disable()
            start = perf_counter()
            self.contestant.train(self.work.per_repetition)
            seconds = perf_counter() - start
        else:
            predict = self.contestant.predict
            with self.contestant.context():
                gc.collect()
                gc.disable()
                start = perf_counter()
                for x in self.calls:
                    predict(x)
                seconds = perf_counter() - start
        gc.enable()
        return seconds

    def result(self):
        """What the last repetition made: the weights, or the outputs for every row."""
        if self.work.trains:
            return self.contestant.weights()
        with self.contestant.context():
            made = [self.contestant.array(self.contestant.predict(part)) for part in self.parts]
        return [A.reshape(-1, self.work.sizes[-1]) for A in made]

    def release(self):
        """Forget the workload."""
        self.work = self.contestant = self.parts = self.calls = None
        gc.collect()


def main():
    module, cpus, threads = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(value):
        pickle.dump(value, answers)
        answers.flush()

    try:
        session = Session(importlib.import_module(module), int(threads))
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({"ok": None})
    while True:
        try:
            request, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer({"ok": getattr(session, request)(*arguments)})
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
