"""The benchmark: python bench/run.py [--only S1,S5] [--quick] ...

README.md, beside this file, says what is measured and how.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import machine
import picture
import startup
import streaming
import summary
from contestants import MODULES
from measure import measure
from peak import Peak
from processes import Worker, WorkerError
from workloads import WORKLOADS, quick

import report

RESULTS = Path(__file__).resolve().parents[1] / "build" / "bench"
KEYS = [*WORKLOADS, "S9", "S10"]


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    listed = {"type": lambda text: text.split(",")}
    parser.add_argument("--only", default=KEYS, **listed, help="such as S1,S5 or S11")
    parser.add_argument("--contestants", default=list(MODULES), **listed,
                        help=f"of {','.join(MODULES)}")  # fmt: skip
    parser.add_argument("--threads", type=lambda text: sorted({int(t) for t in text.split(",")}),
                        help="numbers of threads (default: one and one for each core)")  # fmt: skip
    parser.add_argument("--repetitions", type=int, help="instead of each workload's own number")
    parser.add_argument("--quick", action="store_true", help="small and few, to try the bench")
    parser.add_argument("--wheel", action="store_true", help="build the wheel and measure S9 by it")
    parser.add_argument("--prepare-limit", type=float, default=180.0,
                        help="seconds a contestant may take to get ready")  # fmt: skip
    parser.add_argument("--scratch", type=Path, help="where S10 writes its 1.3 GB")
    parser.add_argument("--json", type=Path, default=RESULTS / "results.json")
    parser.add_argument("--picture", type=Path, default=RESULTS / "results.png")
    options = parser.parse_args(arguments)
    if "S11" in options.only:  # it comes of the others
        options.only = [key for key in KEYS if key in {*options.only, *summary.SPEEDUP}]
    for given, known in ((options.only, KEYS), (options.contestants, MODULES)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"{', '.join(unknown)}: expected some of {', '.join(known)}")
    return options


def start_workers(modules, thread_counts, cpus, say):
    """A process for each contestant and number of threads; those that do not start are named."""
    cache = RESULTS / "inductor"
    workers = [
        Worker(name, module, cpus[-threads:], threads, cache)
        for name, module in modules.items()
        for threads in thread_counts
    ]
    started = []
    for worker in workers:
        try:
            worker.answer(limit=120)
            started.append(worker)
        except WorkerError as error:
            say(f"{worker} does not take part: {error}")
            worker.end()
    return started


def run_workloads(options, run, cpus, peak, say):
    works = [WORKLOADS[key] for key in options.only if key in WORKLOADS]
    if not works:
        return
    modules = {name: MODULES[name] for name in options.contestants}
    workers = start_workers(modules, run["threads"], cpus, say)
    try:
        for work in map(quick, works) if options.quick else works:
            entry = asdict(work) | {"title": work.title, "peak": peak.measure(run["threads"])}
            entry["results"], more = measure(
                work, workers, repetitions=options.repetitions or work.repetitions,
                prepare_limit=options.prepare_limit, say=say,
            )  # fmt: skip
            entry |= more
            summary.complete(entry, work)
            run["workloads"][work.key] = entry
            print("\n" + report.workload(work.key, entry, run["threads"]), flush=True)
    finally:
        for worker in workers:
            worker.end()


def main(arguments=None):
    options = options_of(arguments)
    began = perf_counter()
    cpus = machine.physical_cpus()
    threads = options.threads or sorted({1, len(cpus)})

    def say(text):
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        peak = Peak(scratch)
        if peak.reason:
            say(f"the FMA peak is not measured: {peak.reason}")
        run = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "quick": options.quick,
            "machine": machine.describe(),
            "threads": threads,
            "peak": peak.measure(threads),
            "workloads": {},
        }
        print(report.heading(run), flush=True)
        run_workloads(options, run, cpus, peak, say)
        if "S9" in options.only:
            run["S9"] = startup.measure(
                options.contestants, repetitions=2 if options.quick else 5, scratch=scratch,
                build_wheel=options.wheel,
            )  # fmt: skip
            print("\n" + report.startup(run["S9"]), flush=True)
        if "S10" in options.only and "deltarule" in options.contestants:
            run["S10"] = streaming.measure(threads[-1], scratch, quick=options.quick)
            print("\n" + report.streaming(run["S10"]), flush=True)
    run["S11"] = summary.speedups(run)
    run["goals"] = summary.goals(run)
    run["minutes"] = (perf_counter() - began) / 60
    if run["goals"]:
        print("\n" + report.goals(run["goals"]))
    for line in (report.load(run), options.quick and "quick: these numbers mean little"):
        if line:
            print(line)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(run, indent=1))
    if run["workloads"]:
        picture.draw(run, options.picture)
    print(f"{run['minutes']:.1f} minutes; {options.json}, {options.picture}")
    return 0 if all(summary.ours_has_times(entry) for entry in run["workloads"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
