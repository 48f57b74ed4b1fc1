"""Choose the build of the compiled core that suits this machine, and re-export what it holds."""

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

# From the plainest to the widest, as CMakeLists.txt and the detector (cpp/bindings/cpu.cpp) name
# them; which is the fastest is the detector's to know.
LEVELS = ("portable", "avx2", "avx512")

_HOW_TO_BUILD = (
    "deltarule's compiled core is not there. Install the package (`pip install deltarule`, or "
    "`pip install .` in a checkout); in a checkout that is on the path without being installed, "
    "build it with `pip install -e . --no-build-isolation`."
)


def _load() -> ModuleType:
    built = [level for level in LEVELS if find_spec(f"deltarule._core_{level}")]
    try:
        cpu = import_module("deltarule._cpu")
    except ModuleNotFoundError:
        built = []
    if not built:
        raise ImportError(_HOW_TO_BUILD)
    supported = cpu.supported_levels()
    choices = [level for level in built if level in supported]
    fastest = cpu.fastest_level()
    wanted = os.environ.get("DELTARULE_ISA") or (fastest if fastest in choices else choices[-1])
    if wanted not in choices:
        if wanted not in LEVELS:
            reason = "is not the name of an instruction set"
        elif wanted not in built:
            reason = "was not built"
        else:
            reason = "does not run on this CPU"
        raise ImportError(f"DELTARULE_ISA={wanted!r} {reason}: expected one of {choices}")
    return import_module(f"deltarule._core_{wanted}")


_module = _load()
globals().update({name: value for name, value in vars(_module).items() if name[0] != "_"})
