"""Every function of the compiled core, with arguments that do not fit: never a crash.

The calls are those of ``tests/fuzz/core.py``, in a process of their own: a crash would take this
one with it. More of them: ``DELTARULE_FUZZ=1000000 pytest tests/python/test_core_fuzz.py``.
"""

import os
from pathlib import Path

from support import run_python

SCRIPT = Path(__file__).parents[1] / "fuzz" / "core.py"


def test_the_core_refuses_or_is_right() -> None:
    calls = os.environ.get("DELTARULE_FUZZ", "10000")
    result = run_python(str(SCRIPT), "--runs", calls, timeout=max(300, int(calls) // 100))
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-5000:]
    assert result.stdout.splitlines()[-1] == (f"{calls} calls, each an exception or a right answer")
