"""Many networks at once: python bench/many.py [--only M1,M3] [--quick] ...

    M1  32 networks are trained on the same rows: fit_many beside other libraries' ensembles
    M2  33 of unequal length: whether every core is busy to the end
    M3  32 networks predict together: an Ensemble beside single predictions and ONNX Runtime
    M4  thousands trained in a loop: whether the memory stays flat

The exit status is 1 where a goal is missed, or where deltarule has no time; with --quick, whose
numbers mean little, for the latter alone. README.md, beside this file, says how it is measured.
"""

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import endurance
import machine
import sharing
import summary
from contestants import MANY as CONTESTANTS
from measure import measure
from peak import Peak
from run import RESULTS, start_workers
from workloads import MANY as WORKLOADS

import report

KEYS = ["M1", "M2", "M3", "M4"]
TAKE_PART = {
    "M1": ("deltarule", "deltarule_each", "sklearn", "torch_vmap", "torch_threads", "jax"),
    "M3": ("deltarule", "deltarule_each", "onnxruntime"),
}
# How many times faster than whom; 1 is no slower, to within the noise.
FASTER = {
    "M1": {"sklearn": 12.0, "torch_vmap": 6.0, "jax": 3.0, "deltarule_each": 1.0},
    "M3": {"deltarule_each": 1.0, "onnxruntime": 1.0},
}
SHARE = 0.95
GROWTH_MB = 5.0


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    listed = {"type": lambda text: text.split(",")}
    parser.add_argument("--only", default=KEYS, **listed, help="such as M1,M3")
    parser.add_argument("--contestants", default=list(CONTESTANTS), **listed,
                        help=f"of {','.join(CONTESTANTS)}")  # fmt: skip
    parser.add_argument("--threads", type=int, help="instead of one for each core")
    parser.add_argument("--repetitions", type=int, help="instead of each workload's own number")
    parser.add_argument("--loop", type=int, default=2_000,
                        help="members that M4 trains (default: %(default)s)")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small and few, to try the bench")
    parser.add_argument("--json", type=Path, default=RESULTS / "many.json")
    options = parser.parse_args(arguments)
    for given, known in ((options.only, KEYS), (options.contestants, CONTESTANTS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"{', '.join(unknown)}: expected some of {', '.join(known)}")
    return options


def quick(work):
    """A workload cut down: four members and two repetitions, of a loss that is less certain."""
    tolerance = 4 * work.tolerance if work.trains else work.tolerance
    return replace(work, members=4, repetitions=2, tolerance=tolerance)


def run_workload(work, options, thread_counts, peak, say):
    """The times of all contestants, in turns, each in a process of its own."""
    modules = {
        name: CONTESTANTS[name] for name in options.contestants if name in TAKE_PART[work.key]
    }
    workers = start_workers(modules, thread_counts, machine.physical_cpus(), say)
    try:
        entry = asdict(work) | {"title": work.title, "peak": peak.measure(thread_counts)}
        repetitions = options.repetitions or work.repetitions
        entry["results"], more = measure(
            work, workers, repetitions=repetitions, prepare_limit=180.0, say=say
        )
    finally:
        for worker in workers:
            worker.end()
    entry |= more | {"threads": thread_counts}
    summary.complete(entry, work)
    return entry


def goals(run):
    """Each goal, what was reached, and whether that meets it."""
    rows = []
    for key, entry in run["workloads"].items():
        for threads in entry["threads"]:
            ours = summary.find(entry, "deltarule", threads)
            for name, times in FASTER[key].items():
                peer = summary.find(entry, name, threads)
                if ours and peer:
                    rows.append(
                        summary.goal(
                            key, f"to {name} on {threads}", peer["median"] / ours["median"], times,
                            slack=summary.NOISE if times == 1.0 else 0.0,
                        )
                    )  # fmt: skip
    if "M2" in run:
        share = statistics.median(run["M2"]["shares"])
        rows.append(summary.goal("M2", "share of the cores that is used", share, SHARE))
    if "M4" in run:
        growth = run["M4"]["growth_mb"]
        what = "growth of resident memory, MB"
        rows.append(summary.goal("M4", what, growth, GROWTH_MB, most=True))
    return rows


def sharing_line(result):
    first, median, third = (100 * share for share in summary.quartiles(result["shares"]))
    lone, together = (statistics.median(result[name]) for name in ("lone", "together"))
    text = (
        f"M2  {result['members']} members of unequal length on {result['threads']} threads, "
        f"{result['rows']:,} rows\n"
        f"    alone on one thread {report.time(lone)} in all, together {report.time(together)}: "
        f"{median:.1f} % +-{(third - first) / 2:.1f} of perfect sharing, "
        f"at best {100 * max(result['shares']):.1f}"
    )
    if "others" not in result:
        return text
    text += f"\n    all else used {result['others']:.2f} of a CPU"
    return text + ("; NOISY: do not quote this number" if result["others"] > 0.15 else "")


def endurance_line(result):
    return (
        f"M4  {result['members']:,} members in a loop\n"
        f"    resident memory {result['early_mb']:.1f} MB after the first tenth, "
        f"{result['end_mb']:.1f} at the end; it grew by {result['growth_mb']:.1f} at most"
    )


def main(arguments=None):
    options = options_of(arguments)
    began = perf_counter()
    threads = options.threads or len(machine.physical_cpus())

    def say(text):
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        peak = Peak(scratch)
        if peak.reason:
            say(f"the FMA peak is not measured: {peak.reason}")
        run = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "quick": options.quick,
            "machine": machine.describe(),
            "peak": peak.measure(sorted({1, threads})),
            "workloads": {},
        }
        print(report.heading(run), flush=True)
        for work in WORKLOADS.values():
            if work.key not in options.only:
                continue
            counts = [threads] if work.trains else sorted({1, threads})
            chosen = quick(work) if options.quick else work
            entry = run_workload(chosen, options, counts, peak, say)
            run["workloads"][work.key] = entry
            print("\n" + report.workload(work.key, entry, counts), flush=True)
    if "M2" in options.only:
        run["M2"] = sharing.measure(threads, quick=options.quick)
        print("\n" + sharing_line(run["M2"]), flush=True)
    if "M4" in options.only:
        run["M4"] = endurance.measure(threads, options.loop)
        print("\n" + endurance_line(run["M4"]), flush=True)
    run["goals"] = goals(run)
    run["minutes"] = (perf_counter() - began) / 60
    if run["goals"]:
        print("\n" + report.goals(run["goals"]))
    for line in (report.load(run), options.quick and "quick: these numbers mean little"):
        if line:
            print(line)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(run, indent=1))
    print(f"{run['minutes']:.1f} minutes; {options.json}")
    return status(run)


def status(run):
    """1 where a goal is missed or deltarule has no time, else 0."""
    if not all(summary.ours_has_times(entry) for entry in run["workloads"].values()):
        return 1
    return 0 if run["quick"] or all(row["met"] for row in run["goals"]) else 1


if __name__ == "__main__":
    sys.exit(main())
