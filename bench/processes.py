"""The workers as the parent sees them, and whether they are quiet when it is not their turn."""

import os
import pickle
import selectors
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep

HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")


class WorkerError(RuntimeError):
    """Why a worker gave no answer."""


def environment(threads, cache):
    """What the libraries read, at import, to know how many threads they may have."""
    count = str(threads)
    names = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
    return os.environ | {f"{name}_NUM_THREADS": count for name in names} | {
        "JAX_PLATFORMS": "cpu",
        "TORCHINDUCTOR_CACHE_DIR": str(cache),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no pool of compiling processes beside it
    }  # fmt: skip


class Worker:
    """One contestant with one number of threads, in a process that lives for the whole run."""

    def __init__(self, name, module, cpus, threads, cache):
        self.name, self.threads = name, threads
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- as long as the worker
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", module, ",".join(map(str, cpus)), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env=environment(threads, cache), bufsize=0,
        )  # fmt: skip
        self.end_reason = None
        self.reader = selectors.DefaultSelector()
        self.reader.register(self.process.stdout, selectors.EVENT_READ)

    def __str__(self):
        return f"{self.name} on {self.threads}"

    def ask(self, *request, limit=600):
        """Send a request and wait for its answer; after ``limit`` seconds the worker is ended."""
        if self.end_reason:
            raise WorkerError(self.end_reason)
        try:
            self.process.stdin.write(pickle.dumps(request))
        except BrokenPipeError:
            self.end(f"its process ended: {self._last_words()}")
            raise WorkerError(self.end_reason) from None
        return self.answer(limit, request[0])

    def answer(self, limit, request="import"):
        if not self.reader.select(timeout=limit):
            self.end(f"its {request} took more than {limit:.0f} s")
            raise WorkerError(self.end_reason)
        try:
            answer = pickle.load(_Whole(self.process.stdout))
        except EOFError:
            self.end(f"its process ended: {self._last_words()}")
            raise WorkerError(self.end_reason) from None
        if "error" in answer:
            raise WorkerError(answer["error"].splitlines()[0][:300])
        return answer["ok"]

    def end(self, reason="ended"):
        self.end_reason = reason
        self.process.kill()
        self.process.wait()
        for each in (self.reader, self.process.stdin, self.process.stdout, self.log):
            each.close()

    def _last_words(self):
        self.process.wait()
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return lines[-1][:300] if lines else f"exit code {self.process.returncode}"

    def cpu_seconds(self):
        """CPU time of the process and of those that it has started, so far."""
        seconds = 0.0
        for pid in _family(self.process.pid):
            if fields := _stat(f"/proc/{pid}/stat"):
                seconds += (int(fields[11]) + int(fields[12])) / TICK
        return seconds

    def busy(self):
        """Whether any thread of theirs runs."""
        return any(
            (fields := _stat(task / "stat")) and fields[0] == "R"
            for pid in _family(self.process.pid)
            for task in _tasks(pid)
        )


class _Whole:
    """A raw pipe whose reads are never short, as pickle needs."""

    def __init__(self, pipe):
        self.pipe = pipe

    def read(self, size):
        parts = []
        while size and (part := self.pipe.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def readline(self):
        return self.pipe.readline()


def _tasks(pid):
    """The threads of a process; none if it is gone."""
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _family(pid):
    """A process and all that it has started, and these in turn."""
    family = [pid]
    for member in family:
        for task in _tasks(member):
            try:
                children = (task / "children").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            family += map(int, children.split())
    return family


def _stat(path):
    """The fields of a stat file after the command's name; None if the task is gone."""
    try:
        return Path(path).read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def settle(workers, limit=1.0):
    """Wait until no worker's thread runs; whether that came to be."""
    end = monotonic() + limit
    while any(worker.busy() for worker in workers):
        if monotonic() > end:
            return False
        sleep(0.002)
    return True


def machine_busy_seconds():
    """CPU time that the whole machine has spent on anything; None where /proc does not tell."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except FileNotFoundError:
        return None
    user, nice, system, _, _, irq, soft, steal = map(int, fields[:8])
    return (user + nice + system + irq + soft + steal) / TICK
