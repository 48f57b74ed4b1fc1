"""What the fits to tables come to: means over the seeds, goals, and the tables that show them."""

import statistics

import summary

import report

BOOSTERS = ("XGBoost", "LightGBM", "CatBoost")
BARS = {
    "at least": [f"{name}, default" for name in BOOSTERS],
    "aim": [f"{name}, tuned" for name in BOOSTERS],
    "beyond": ["TabPack, one run, not tuned"],
}
# How far behind the best default booster is still no defeat, by the kind of score.
BEHIND = {"rmse": (1.0, "RMSE above the best default booster, %"),
          "accuracy": (0.005, "accuracy below the best default booster")}  # fmt: skip
BETTER, REACHED = 3, 2  # of the four tables: than "at least", and "aim"
SECONDS = 120.0
CPU_SHARE = 1 / 3  # of RealMLP's
COLUMNS = {"fit_seconds": ("fit s", ".1f"), "cpu_seconds": ("CPU s", ".1f"),
           "predict_us": ("us/row", ".2f"), "file_mb": ("file MB", ".2f"),
           "peak_mb": ("peak MB", ".0f")}  # fmt: skip
DIGITS = 4  # of a published score


def of_table(run, table):
    """A row for each contestant with a score, the best first: means over its seeds."""
    by_contestant = {}
    for fit in run["fits"]:
        if fit["table"] == table and "score" in fit:
            by_contestant.setdefault(fit["contestant"], []).append(fit)
    rows = []
    for contestant, fits in by_contestant.items():
        scores = [fit["score"] for fit in fits]
        row = {"contestant": contestant, "seeds": len(fits), "score": statistics.fmean(scores),
               "deviation": statistics.stdev(scores) if len(scores) > 1 else None,
               "slowest": max(fit["fit_seconds"] for fit in fits)}  # fmt: skip
        rows.append(row | {name: statistics.fmean(f[name] for f in fits) for name in COLUMNS})
    return sorted(rows, key=lambda row: row["score"], reverse=not _less_is_better(run, table))


def find(run, table, contestant):
    """A contestant's row, or None."""
    rows = of_table(run, table)
    return next((row for row in rows if row["contestant"] == contestant), None)


def bars(run, table):
    """The published scores that the goals are made of."""
    best = min if _less_is_better(run, table) else max
    return {
        bar: best(run["published"]["scores"][name][table] for name in names)
        for bar, names in BARS.items()
    }


def lead(run, table, score, bar):
    """How far a score is ahead of a published one, to the latter's digits."""
    ahead = bar - round(score, DIGITS)
    return round(ahead if _less_is_better(run, table) else -ahead, DIGITS)


def goals(run):
    """Each goal, what was reached, and whether that meets it."""
    rows, leads = [], {}
    for table in run["tables"]:
        ours, realmlp = (find(run, table, name) for name in ("deltarule", "realmlp"))
        if not ours:
            continue
        reach = bars(run, table)
        leads[table] = {bar: lead(run, table, ours["score"], reach[bar]) for bar in reach}
        kind = run["published"]["data"][table]["score"]
        most, what = BEHIND[kind]
        behind = -leads[table]["at least"] * (100 / reach["at least"] if kind == "rmse" else 1)
        rows.append(summary.goal(table, what, behind, most, most=True))
        what = "the slowest fit, seconds"
        rows.append(summary.goal(table, what, ours["slowest"], SECONDS, most=True))
        if realmlp:
            share = ours["cpu_seconds"] / realmlp["cpu_seconds"]
            rows.append(summary.goal(table, "CPU time to RealMLP's", share, CPU_SHARE, most=True))
    if len(leads) == len(run["published"]["data"]):
        better = sum(of["at least"] > 0 for of in leads.values())
        reached = sum(of["aim"] >= 0 for of in leads.values())
        rows.append(summary.goal("all", "better than the best default booster", better, BETTER))
        rows.append(summary.goal("all", "as good as the best tuned booster", reached, REACHED))
    return rows


def text(run, table):
    """A table's standings for the terminal."""
    return "\n".join([f"{table}  {_heading(run, table)}", *report.aligned(_columns(run, table)),
                      *(f"    {words}" for words in errors(run, table))])  # fmt: skip


def markdown(run):
    """All standings, for a page."""
    lines = []
    for table in run["tables"]:
        title, *rows = zip(*_columns(run, table), strict=True)
        lines += [f"### {table}", "", _heading(run, table), ""]
        lines += [_markdown_row(title), _markdown_row(["---"] * len(title))]
        lines += [*map(_markdown_row, rows), ""]
        lines += [f"- {words}" for words in errors(run, table)]
    return "\n".join(lines)


def errors(run, table):
    """Who has no score for a seed, and why."""
    return [
        f"{fit['contestant']}, seed {fit['seed']}: {fit['error']}"
        for fit in run["fits"]
        if fit["table"] == table and "error" in fit
    ]


def load(run):
    """What else was busy while contestants fitted: the reader's measure of noise."""
    fits = [fit for fit in run["fits"] if "others" in fit]
    seconds = sum(fit["fit_seconds"] for fit in fits)
    if not seconds:
        return None
    others = sum(fit["others"] * fit["fit_seconds"] for fit in fits) / seconds
    told = f"while they fitted, all else used {others:.2f} of a CPU"
    return told + ("; NOISY: do not quote these times" if others > 0.15 else "")


def threads_of(run):
    return f"{run['threads']} thread{'s' if run['threads'] > 1 else ''}"


def _less_is_better(run, table):
    return run["published"]["data"][table]["score"] == "rmse"


def _heading(run, table):
    rows = next((fit["rows"] for fit in run["fits"] if fit["table"] == table and "rows" in fit), {})
    parts = ", ".join(f"{count:,} for {part}" for part, count in rows.items())
    score = "RMSE, less is better" if _less_is_better(run, table) else "accuracy"
    return f"{score}; rows: {parts or 'none'}; {threads_of(run)}"


def _columns(run, table):
    """Those measured, then the published scores, the best of each first."""
    head = ["", "seeds", "score", "", *(title for title, _ in COLUMNS.values())]
    rows = [
        [row["contestant"], str(row["seeds"]), f"{row['score']:.4f}",
         "" if row["deviation"] is None else f"+-{row['deviation']:.4f}",
         *(format(row[name], spec) for name, (_, spec) in COLUMNS.items())]
        for row in of_table(run, table)
    ]  # fmt: skip
    scores = {name: of[table] for name, of in run["published"]["scores"].items()}
    known = sorted(scores.items(), key=lambda item: item[1])
    for name, score in known if _less_is_better(run, table) else reversed(known):
        rows.append([f"published: {name}", "", f"{score:.4f}", *[""] * (1 + len(COLUMNS))])
    return list(zip(head, *rows, strict=True))


def _markdown_row(cells):
    return f"| {' | '.join(cells)} |"
