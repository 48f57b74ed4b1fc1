"""The regression guard: deltarule in two runs of the bench.

    python bench/compare.py old.json new.json [--tolerance 0.1] [--normalise peers|peak|none]

The machine may have been in another state, so the change of deltarule's median is divided by the
median change of the peers that both runs timed (or by that of the FMA peak, where there is none).
Exits 1 when anything became slower by more than the tolerance, or has no time any more.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

SMALL_GROWTH = 20.0  # MB of resident memory that no one minds


def timed(entry):
    """Medians of a workload by (contestant, threads)."""
    return {
        (result["contestant"], result["threads"]): result["median"]
        for result in entry["results"]
        if "median" in result
    }


def machine_change(old, new, threads, normalise):
    """How much longer the same work takes in the new run, and by whom that was judged."""
    before, after = timed(old), timed(new)
    changes = [
        after[place] / before[place]
        for place in before.keys() & after.keys()
        if place[0] != "deltarule" and place[1] == threads
    ]
    if normalise == "peers" and changes:
        return statistics.median(changes), f"{len(changes)} peers"
    peaks = [max((p[str(threads)] for p in e["peak"].values()), default=0) for e in (old, new)]
    if normalise != "none" and all(peaks):
        return peaks[0] / peaks[1], "peak"
    return 1.0, "nothing"


def compare(old, new, tolerance, normalise="peers"):
    """Rows of what changed: (what, old, new, change, judged by, verdict)."""
    if old["quick"] != new["quick"]:
        raise ValueError("one of the runs is quick and the other is not: their work differs")
    rows = []
    for key in old["workloads"]:
        if key not in new["workloads"]:
            continue
        before, after = old["workloads"][key], new["workloads"][key]
        for (name, threads), was in timed(before).items():
            if name != "deltarule":
                continue
            now = timed(after).get((name, threads))
            factor, judge = machine_change(before, after, threads, normalise)
            rows.append(_row(f"{key} on {threads}", was, now, factor, judge, tolerance))
    rows += _startup_rows(old.get("S9", {}), new.get("S9", {}), tolerance)
    if "S10" in old and "S10" in new:
        was, now = (run["S10"] for run in (old, new))
        rows.append(_row("S10 ratio", was["ratio"], now["ratio"], 1.0, "memory", tolerance))
        growths = (max(run["growth_mb"]["VmRSS"], SMALL_GROWTH) for run in (was, now))
        rows.append(_row("S10 growth, MB", *growths, 1.0, "nothing", tolerance))
    return rows


def _startup_rows(old, new, tolerance):
    if "deltarule" not in old or "deltarule" not in new:
        return []
    peers = (old.keys() & new.keys()) - {"deltarule"}
    changes = [new[name]["median"] / old[name]["median"] for name in peers]
    factor = statistics.median(changes) if changes else 1.0
    rows = []
    for what, median in (("S9 import", "median"), ("S14 first", "first_median")):
        if median in old["deltarule"] and median in new["deltarule"]:
            was, now = old["deltarule"][median], new["deltarule"][median]
            rows.append(_row(what, was, now, factor, f"{len(changes)} peers", tolerance))
    return rows


def _row(what, was, now, factor, judge, tolerance):
    if now is None:
        return what, was, now, None, judge, "NO TIME"
    change = now / was / factor - 1
    verdict = "SLOWER" if change > tolerance else "faster" if change < -tolerance else "same"
    return what, was, now, change, judge, verdict


def table(rows):
    lines = [f"{'':16} {'old':>10} {'new':>10} {'change':>8}  judged by"]
    for what, was, now, change, judge, verdict in rows:
        new = "-" if now is None else f"{now:.4g}"
        percent = "-" if change is None else f"{change:+.1%}"
        lines.append(f"{what:16} {was:10.4g} {new:>10} {percent:>8}  {judge:10} {verdict}")
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.1, help="relative (default 0.1)")
    parser.add_argument("--normalise", choices=["peers", "peak", "none"], default="peers")
    options = parser.parse_args(arguments)
    old, new = (json.loads(path.read_text()) for path in (options.old, options.new))
    rows = compare(old, new, options.tolerance, options.normalise)
    print(table(rows))
    worse = [row for row in rows if row[-1] in ("SLOWER", "NO TIME")]
    print(f"{len(worse)} of {len(rows)} became worse by more than {options.tolerance:.0%}")
    return 1 if worse or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
