"""The machine's C compiler, for tests of headers, and tables as headers take them."""

import math
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np

from support import Array

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wdouble-promotion", "-pedantic", "-Werror"]
C99 = ["-std=c99", "-x", "c"]
CXX11 = ["-std=c++11", "-x", "c++"]


def compiler() -> list[str]:
    named = (sysconfig.get_config_var("CC") or "").split()
    found = [path for path in map(shutil.which, [*named[:1], "cc", "gcc", "clang"]) if path]
    assert found, "no C compiler is on the PATH: expected cc, gcc or clang"
    return found[:1]


def compile_c(folder: Path, source: str, output: str, *flags: str, language: Any = C99) -> Path:
    """Compile a program or a library next to its headers; a warning is an error."""
    (folder / "source.c").write_text(source, encoding="utf-8")
    command = [*compiler(), *WARNINGS, *language, "source.c", "-x", "none", *flags]
    result = subprocess.run(
        [*command, "-o", output, "-lm"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return folder / output


def coded_rows(encoder: Any, table: Any) -> Array:
    """A table's rows, as `Network.to_c` says that they are handed in."""
    encodings = encoder.learned.encodings
    raw = [_coded(table[name], encoding) for name, encoding in encodings.items()]
    return np.ascontiguousarray(np.column_stack(raw), np.float64)


def _coded(values: Any, encoding: Any) -> list[float]:
    """A column, as `Network.to_c` says that it is handed in."""
    missing = (None, "", "N/A")
    if encoding.kind == "category" and encoding.source == "text":
        codes = {level: code for code, level in enumerate(encoding.levels)}
        return [math.nan if value in missing else codes.get(value, -1) for value in values]
    return [math.nan if value in missing else float(value) for value in values]
