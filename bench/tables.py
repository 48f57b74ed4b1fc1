"""Raw tables: python bench/tables.py [--only california,churn] [--seeds 1] [--quick] ...

One default call of deltarule beside gradient boosting and other networks for tables, on four tables
and the splits that papers have published scores for. DELTARULE_DATA names the folder that the
tables' own, ``tabular``, is in.

The exit status is 1 where a goal is missed, or where deltarule has no score; with --quick, whose
numbers mean little, for the latter alone. README.md, beside this file, says how it is measured.
"""

import argparse
import importlib.metadata
import json
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import datasets
import fitting
import machine
import scatter
import standings
from contestants import TABLES
from run import RESULTS

import report

# The distributions that each contestant is made of; of deltarule, the build is known as well.
PACKAGES = {
    "hist_gradient_boosting": ["scikit-learn"],
    "xgboost": ["xgboost"],
    "lightgbm": ["lightgbm"],
    "catboost": ["catboost"],
    "sklearn_mlp": ["scikit-learn"],
    "realmlp": ["pytabkit", "torch"],
    "tabm": ["tabm", "rtdl_num_embeddings", "torch"],
}
NEEDED = ("numpy", "pandas", "scikit-learn")


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    listed = {"type": lambda text: text.split(",")}
    parser.add_argument("--only", default=list(datasets.NAMES), **listed,
                        help="such as california,churn")  # fmt: skip
    parser.add_argument("--contestants", default=list(TABLES), **listed,
                        help=f"of {','.join(TABLES)}")  # fmt: skip
    parser.add_argument("--seeds", type=int, help="how many (default: 5; with --quick, 1)")
    parser.add_argument("--threads", type=int, help="default: 2; with --quick, 1")
    parser.add_argument("--quick", action="store_true", help="few rows, to try the bench")
    parser.add_argument("--resume", action="store_true",
                        help="go on from the JSON; a new version is fitted again")  # fmt: skip
    parser.add_argument("--limit", type=float, default=7_200.0,
                        help="seconds a contestant may take for a seed")  # fmt: skip
    parser.add_argument("--data", type=Path, help="the folder of the tables")
    parser.add_argument("--json", type=Path, default=RESULTS / "tables.json")
    parser.add_argument("--markdown", type=Path, default=RESULTS / "tables.md")
    parser.add_argument("--picture", type=Path, default=RESULTS / "tables.png")
    options = parser.parse_args(arguments)
    for given, known in ((options.only, datasets.NAMES), (options.contestants, TABLES)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"{', '.join(unknown)}: expected some of {', '.join(known)}")
    options.seeds = options.seeds or (1 if options.quick else 5)
    # With few rows, threads mostly wait for one another.
    options.threads = options.threads or (1 if options.quick else 2)
    options.data = options.data or Path(os.environ.get("DELTARULE_DATA", "")) / "tabular"
    if not (options.data / "published.json").exists():
        parser.error(f"{options.data}: no published.json there; set DELTARULE_DATA, or --data")
    if options.threads > len(machine.physical_cpus()):
        parser.error(f"--threads {options.threads}: there are {len(machine.physical_cpus())} cores")
    return options


def software(contestant, described):
    """What a contestant's numbers belong to; raises PackageNotFoundError where it is missing."""
    if contestant == "deltarule":
        if "deltarule_sha256" not in described:
            raise importlib.metadata.PackageNotFoundError("deltarule")
        return f"deltarule {described['deltarule_sha256'][:12]}"
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES[contestant])


def present(contestants, described, say):
    """The software of each contestant that is there; the others are named."""
    found = {}
    for name in contestants:
        try:
            found[name] = software(name, described)
        except importlib.metadata.PackageNotFoundError as missing:
            say(f"{name} does not take part: {missing.args[0]} is not installed")
    return found


def place_of(fit):
    return fit["seed"], fit["table"], fit["contestant"]


def resumed(options, run, found):
    """The fits of an earlier run that are as this one would make them."""
    if not options.resume or not options.json.exists():
        return []
    earlier = json.loads(options.json.read_text())
    for what in ("quick", "threads"):
        if earlier[what] != run[what]:
            raise SystemExit(
                f"--resume: {options.json} has {what} {earlier[what]}, and this run {run[what]}: "
                "give the same, or another --json"
            )
    return [
        fit
        for fit in earlier["fits"]
        if "error" not in fit and found.get(fit["contestant"], fit["software"]) == fit["software"]
    ]


def turns(seeds, tables, contestants):
    """All (seed, table, contestant), the contestants of each in an order drawn anew."""
    draw = random.Random(0)
    for seed in range(seeds):
        for table in tables:
            order = list(contestants)
            draw.shuffle(order)
            yield from ((seed, table, contestant) for contestant in order)


def write(run, path):
    """In one move, so that a run that is stopped leaves a whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(run, indent=1))
    partial.replace(path)


def fit_all(options, run, found, say):
    """Add what is missing to ``run["fits"]``, a process each, and write after each."""
    cpus = machine.physical_cpus()[-options.threads :]
    done = {place_of(fit) for fit in run["fits"]}
    places = [at for at in turns(options.seeds, options.only, found) if at not in done]
    for number, (seed, table, contestant) in enumerate(places, 1):
        result = fitting.fit(
            contestant, table, seed, cpus=cpus, folder=options.data, quick=options.quick,
            limit=options.limit,
        )  # fmt: skip
        place = {"seed": seed, "table": table, "contestant": contestant}
        run["fits"].append(place | {"software": found[contestant]} | result)
        write(run, options.json)
        told = result.get("error") or f"{result['score']:.4f} in {result['fit_seconds']:.1f} s"
        say(f"{number} of {len(places)}: {table}, seed {seed}, {contestant}: {told}")


def main(arguments=None):
    options = options_of(arguments)
    began = perf_counter()

    def say(text):
        print(text, file=sys.stderr, flush=True)

    packages = dict.fromkeys(name for each in [NEEDED, *PACKAGES.values()] for name in each)
    described = machine.describe(packages)
    found = present(options.contestants, described, say)
    run = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "machine": described,
        "peak": {},
        "threads": options.threads,
        "published": datasets.published(options.data),
    }
    run["fits"] = resumed(options, run, found)
    known = {fit["table"] for fit in run["fits"]} | set(options.only)
    run["tables"] = [name for name in datasets.NAMES if name in known]
    print(report.heading(run), flush=True)
    fit_all(options, run, found, say)
    for table in run["tables"]:
        print("\n" + standings.text(run, table))
    run["goals"] = standings.goals(run)
    run["minutes"] = (perf_counter() - began) / 60
    if run["goals"]:
        print("\n" + report.goals(run["goals"]))
    for line in (standings.load(run), options.quick and "quick: these numbers mean little"):
        if line:
            print(line)
    write(run, options.json)
    options.markdown.parent.mkdir(parents=True, exist_ok=True)
    options.markdown.write_text(standings.markdown(run))
    scatter.draw(run, options.picture)
    print(f"{run['minutes']:.1f} minutes; {options.json}, {options.markdown}, {options.picture}")
    return status(run, "deltarule" in options.contestants)


def status(run, ours_asked):
    """1 where a goal is missed or deltarule has no score for a table, else 0."""
    if ours_asked and not all(standings.find(run, name, "deltarule") for name in run["tables"]):
        return 1
    return 0 if run["quick"] or all(row["met"] for row in run["goals"]) else 1


if __name__ == "__main__":
    sys.exit(main())
