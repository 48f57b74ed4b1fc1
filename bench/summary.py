"""What follows from the times: medians, ratios to the peers, fractions of the peak, goals met."""

import statistics

from peak import widest

# S11: what two threads must be worth against one.
SPEEDUP = {"S3": 1.8, "S4": 1.8, "S5": 1.8, "S1": 1.0, "S2": 1.0, "S7": 1.0}
NOISE = 0.03  # how far below 1 "not slower" may come out


def quartiles(seconds):
    """The first quartile, the median and the third."""
    if len(seconds) == 1:
        return seconds * 3
    return statistics.quantiles(seconds, n=4, method="inclusive")


def complete(entry, work):
    """Add medians, spread, GFLOP/s and the fraction of the peak to a workload's results."""
    for result in entry["results"]:
        if "seconds" not in result:
            continue
        result["q1"], result["median"], result["q3"] = quartiles(result["seconds"])
        result["gflops"] = work.flop / result["median"] / 1e9
        peak = widest(entry["peak"], result["threads"], work.dtype)
        result["fraction_of_peak"] = result["gflops"] / peak if peak else None
    for result in entry["results"]:
        ours = find(entry, "deltarule", result["threads"])
        if ours and "median" in result:
            result["ratio_to_deltarule"] = result["median"] / ours["median"]


def find(entry, contestant, threads):
    """A contestant's result with a time, or None."""
    for result in entry["results"]:
        if (result["contestant"], result["threads"]) == (contestant, threads):
            return result if "median" in result else None
    return None


def ours_has_times(entry):
    """Whether deltarule did what was asked, on each number of threads."""
    ours = (result for result in entry["results"] if result["contestant"] == "deltarule")
    return all("median" in result for result in ours)


def fastest(entry, threads=None, *, peers):
    """The fastest peer's result, or deltarule's own; on some number of threads or on any."""
    results = [
        result
        for result in entry["results"]
        if "median" in result
        and (result["contestant"] != "deltarule") == peers
        and threads in (None, result["threads"])
    ]
    return min(results, key=lambda result: result["median"], default=None)


def goals(run):
    """Each goal of the table, what was reached, and whether that meets it."""
    rows = []
    for key, entry in run["workloads"].items():
        rows += _speed_goals(key, entry, run["threads"])
    ours = run.get("S9", {}).get("deltarule")
    if ours:
        rows.append(goal("S9", "import beyond NumPy's, ms", ours["median"] * 1e3, 30, most=True))
        rows.append(
            goal("S14", "to the first prediction, ms", ours["first_median"] * 1e3, 60, most=True)
        )
        if "wheel_mb" in ours:
            rows.append(goal("S9", "wheel, MB", ours["wheel_mb"], 5, most=True))
    if "S10" in run:
        streamed = run["S10"]
        growth = streamed["growth_mb"]["VmRSS"]
        if streamed["file_mb"] > 2 * 200:  # a smaller file could not miss the goal
            rows.append(goal("S10", "growth of resident memory, MB", growth, 200, most=True))
        rows.append(
            goal("S10", "time of a row, to that from memory", streamed["ratio"], 1.3, most=True)
        )
    rows += [
        goal("S11", f"{key}: {run['threads'][-1]} threads to 1", gain, SPEEDUP[key], slack=NOISE)
        for key, gain in run["S11"].items()
    ]
    return rows


def speedups(run):
    """S11: deltarule's time on one thread over that on all."""
    one, most = run["threads"][0], run["threads"][-1]
    gains = {}
    for key in SPEEDUP:
        entry = run["workloads"].get(key, {"results": []})
        on_one, on_most = (find(entry, "deltarule", threads) for threads in (one, most))
        if on_one and on_most and one < most:
            gains[key] = on_one["median"] / on_most["median"]
    return gains


def _speed_goals(key, entry, thread_counts):
    """S8 is held against peers on as many threads; else the best of each is compared."""
    rows = []
    for threads in thread_counts if key == "S8" else [None]:
        ours, peer = fastest(entry, threads, peers=False), fastest(entry, threads, peers=True)
        if ours and peer:
            what = f"{_name(ours)} to the fastest peer, {_name(peer)}"
            rows.append(goal(key, what, peer["median"] / ours["median"], entry["goal"]))
    ours, peer = fastest(entry, peers=False), _best_of(entry, "torch")
    if key == "S1" and ours and peer:
        rows.append(goal(key, "to PyTorch", peer["median"] / ours["median"], 25))
    on_one = find(entry, "deltarule", 1)
    if entry.get("share") and on_one and on_one["fraction_of_peak"]:
        what = "fraction of a core's FMA peak"
        rows.append(goal(key, what, on_one["fraction_of_peak"], entry["share"]))
    return rows


def _best_of(entry, contestant):
    own = {"results": [r for r in entry["results"] if r["contestant"] == contestant]}
    return fastest(own, peers=True)


def _name(result):
    return f"{result['contestant']} on {result['threads']}"


def goal(key, what, reached, wanted, *, most=False, slack=0.0):
    """A goal, what was reached, and whether that meets it; ``most``: it is an upper bound."""
    met = reached <= wanted if most else reached >= wanted - slack
    return {"key": key, "what": what, "reached": reached, "goal": wanted, "most": most, "met": met}
