"""Feeds the loader files that mean harm, as many as it is told: for development, not for the gate.

    python tests/fuzz/load.py --runs 1000000
    python tests/fuzz/load.py --atheris -runs=1000000    # needs atheris; libFuzzer's own options

A file is either loaded or refused with a `ModelFileError`, within seconds. Anything else ends the
run, and the file that did it lies in the folder that is told.
"""

import argparse
import faulthandler
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

MOST_SECONDS = 120  # of a thousand files; atheris counts those of each


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="for the file under test; in memory is best")
    return parser.parse_args()


def by_seed(runs: int, seed: int, path: Path) -> None:
    from hostile import changed, look_into

    rng, counts, started, slowest = random.Random(seed), Counter[str](), time.perf_counter(), 0.0
    for run in range(1, runs + 1):
        if run % 1000 == 1:  # not each time, as it starts a thread
            faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
        path.write_bytes(changed(rng))
        before = time.perf_counter()
        try:
            counts[look_into(path, thoroughly=run % 10 == 0)] += 1
        except BaseException:
            print(f"run {run} of seed {seed}: {path}", flush=True)
            raise
        slowest = max(slowest, time.perf_counter() - before)
        if run % 10_000 == 0 or run == runs:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            seconds = time.perf_counter() - started
            print(
                f"{run:,} files in {seconds:.0f} s: {dict(counts)}; slowest {slowest:.2f} s, "
                f"peak {peak} MiB",
                flush=True,
            )
    faulthandler.cancel_dump_traceback_later()


def by_atheris(arguments: list[str], path: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["deltarule"]):
        from hostile import change_bytes, change_meaning, look_into, whole_files

    corpus = path.with_name("corpus")
    corpus.mkdir(exist_ok=True)
    for index, content in enumerate(whole_files()):
        (corpus / str(index)).write_bytes(content)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        try:
            return change_meaning(data, rng)[:max_size]
        except (AttributeError, KeyError, TypeError, ValueError):  # no file, as it stands
            return change_bytes(data, rng)[:max_size]

    def one(data: bytes) -> None:
        path.write_bytes(data)
        look_into(path)

    options = ["-max_len=65536", f"-timeout={MOST_SECONDS}"]
    atheris.Setup([sys.argv[0], *options, *arguments, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> None:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    if sys.argv[1:2] == ["--atheris"]:
        by_atheris(sys.argv[2:], folder / "x.safetensors")
        return
    options = parsed()
    by_seed(options.runs, options.seed, (options.folder or folder) / "x.safetensors")


if __name__ == "__main__":
    main()
