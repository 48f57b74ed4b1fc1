"""Feeds damaged files of Keras's to what reads them: for development, not for the gate.

    python tests/fuzz/keras_files.py --runs 20000

A file is either read or refused with a `ModelFileError`, within seconds. Anything else ends the
run, a crash of the HDF5 library too, and the file that did it lies in the folder that is told.
"""

import argparse
import faulthandler
import io
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import deltarule as dr
from record_keras import DEEP, FOLDER, INPUTS

MOST_SECONDS = 20
STRUCTURE = 6000  # bytes at the beginning, where most of it is


def damaged(whole: bytes, rng: random.Random) -> bytes:
    data = bytearray(whole)
    kind = rng.randrange(6)
    if kind == 0:
        del data[rng.randrange(len(data)) :]
    elif kind == 1:
        first = rng.randrange(len(data))
        data[first : first + 40] = rng.randbytes(rng.randrange(41))
    elif kind == 2:  # a length, an address
        first = rng.randrange(len(data) - 8)
        number = rng.choice([0, 2**64 - 1, 1 << rng.randrange(64), rng.randrange(len(data))])
        data[first : first + 8] = number.to_bytes(8, "little")
    else:
        for _ in range(rng.choice([1, 2, 4, 16])):
            place = rng.randrange(min(STRUCTURE, len(data)) if kind > 3 else len(data))
            data[place] = rng.choice([0, 1, 255, rng.randrange(256)])
    return bytes(data)


def archived(parts: dict[str, bytes]) -> bytes:
    """An archive whose checksums are right, so that what is in it is looked at."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return held.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, counts, slowest = random.Random(options.seed), Counter[str](), 0.0
    weights = (FOLDER / "deep.weights.h5").read_bytes()
    with zipfile.ZipFile(FOLDER / "sequential.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    deep = dr.Network([dr.Dense(units, "tanh") for units in DEEP], INPUTS)
    path = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)) / "damaged"
    for run in range(1, options.runs + 1):
        part = rng.choice(["weights", "archive", *parts])
        if part == "weights":
            content = damaged(weights, rng)
        elif part == "archive":
            content = damaged(archived(parts), rng)
        else:
            content = archived(parts | {part: damaged(parts[part], rng)})
        path.write_bytes(content)
        faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
        before = time.perf_counter()
        try:
            deep.load_weights(path) if part == "weights" else dr.from_keras(path)
            counts["read"] += 1
        except dr.ModelFileError:
            counts["refused"] += 1
        except BaseException:
            print(f"run {run} of seed {options.seed}: {path}", flush=True)
            raise
        slowest = max(slowest, time.perf_counter() - before)
        if run % 1000 == 0 or run == options.runs:
            print(f"{run:,} files: {dict(counts)}; slowest {slowest:.2f} s", flush=True)
    faulthandler.cancel_dump_traceback_later()
    path.unlink()


if __name__ == "__main__":
    main()
