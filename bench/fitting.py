"""One fit of one contestant to one table, in a process that does nothing else.

    python fitting.py CONTESTANT TABLE SEED CPU,CPU,... FOLDER QUICK

So the CPU seconds and the memory are its own. The answer is a line of JSON. Thread counts of BLAS
and OpenMP come from the environment and the CPUs that are set here, before the contestant is
imported.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from processes import environment, machine_busy_seconds

PREDICTIONS, SECONDS = 5, 5.0  # so many, or as many as there are in this time
PEAK = Path("/proc/self/status")


def fit(contestant, table, seed, *, cpus, folder, quick, limit):
    """What a process of its own measured, or ``error`` with the reason why it did not."""
    command = [sys.executable, __file__, contestant, table, str(seed), ",".join(map(str, cpus)),
               str(folder), str(int(quick))]  # fmt: skip
    with tempfile.TemporaryDirectory() as cache:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=limit, check=False,
                env=environment(len(cpus), cache),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"error": f"it took more than {limit:.0f} s"}
    if done.returncode or not done.stdout:
        words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"error": words[-1][:300]}
    return json.loads(done.stdout)


def measure(model, table):
    """Fit and predict: times, memory, and the score of the test rows."""
    _forget_peak()
    busy, cpu, start = machine_busy_seconds(), _cpu_seconds(), perf_counter()
    model.fit(table.train, table.val)
    seconds, cpu = perf_counter() - start, _cpu_seconds() - cpu
    result = {"fit_seconds": seconds, "cpu_seconds": cpu, "peak_mb": _peak_mb()}
    if busy is not None:  # what else ran meanwhile, in CPUs
        result["others"] = max(0.0, machine_busy_seconds() - busy - cpu) / seconds
    X, times = table.test.X, []
    while len(times) < PREDICTIONS and (len(times) < 2 or sum(times) < SECONDS):
        start = perf_counter()
        answers = model.predict(X)
        times.append(perf_counter() - start)
    result |= {"score": table.score(answers), "predict_us": min(times) / len(X) * 1e6}
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        result["file_mb"] = sum(path.stat().st_size for path in files) / 1e6
    rows = {part: len(getattr(table, part)) for part in ("train", "val", "test")}
    return result | {"rows": rows}


def _cpu_seconds():
    """User's and system's, of all threads and of processes that were started and have ended."""
    return sum(os.times()[:4])


def _forget_peak():
    """Count the peak of resident memory from here on, where Linux can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_mb():
    """The highest resident memory since then, or ever; that of the imports is in it."""
    if PEAK.exists():
        (line,) = (line for line in PEAK.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(contestant, name, seed, cpus, folder, quick):
    cpus = [int(cpu) for cpu in cpus.split(",")]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    answers = os.fdopen(os.dup(1), "w")  # what libraries print must not come into the answer
    os.dup2(2, 1)
    import datasets
    from contestants import TABLES

    module = importlib.import_module(TABLES[contestant])
    table = datasets.load(name, Path(folder))
    table = datasets.quick(table) if int(quick) else table
    model = module.Model(table, int(seed), len(cpus))
    print(json.dumps(measure(model, table)), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
