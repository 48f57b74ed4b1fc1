"""The machine's FMA peak, measured by peak.cpp in the same run as everything else."""

import json
import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("peak.cpp")


class Peak:
    """The compiled kernel; without a compiler there is no peak, and ``reason`` says so."""

    def __init__(self, directory):
        self.program, self.reason = Path(directory) / "peak", None
        command = [os.environ.get("CXX", "c++"), "-O2", "-std=c++20", "-pthread",
                   "-ffp-contract=fast", str(SOURCE), "-o", str(self.program)]  # fmt: skip
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except OSError as error:
            self.reason = str(error)
        except subprocess.CalledProcessError as error:
            self.reason = error.stderr.strip()

    def measure(self, thread_counts):
        """GFLOP/s in float32 by vector width and number of threads: ``{"avx2": {"1": ...}}``."""
        if self.reason:
            return {}
        command = [str(self.program), *map(str, thread_counts)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


def widest(peaks, threads, dtype):
    """The best of the vector widths, in GFLOP/s of a dtype; None where none was measured."""
    best = max((by_threads[str(threads)] for by_threads in peaks.values()), default=None)
    return best if best is None or dtype == "float32" else best / 2
