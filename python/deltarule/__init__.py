"""Dense neural networks on the CPU.

``Network`` trains and predicts on ``(n_samples, n_features)``; ``blocks`` holds the forward and
backward functions one by one, on ``(n, m)``.
"""

import os  # and not pathlib, whose import takes longer than our own
from typing import Any

try:
    from deltarule import _core as _core  # first, as without it there is nothing
except ImportError as absent:
    if absent.name != __name__:  # it is there, and says itself why it cannot be loaded
        raise
    raise ImportError(
        "deltarule's compiled core is not there. Install the package (`pip install deltarule`, or "
        "`pip install .` in a checkout); in a checkout that is on the path without being "
        "installed, build it with `pip install -e . --no-build-isolation`."
    ) from None


def _read_homes() -> dict[str, str]:
    """Where each public name is: the stub beside this file says it, to type checkers and to us."""
    homes = {}
    with open(f"{__file__.removesuffix('.py')}.pyi", encoding="utf-8") as stub:  # noqa: PTH123
        for line in stub:
            if line.startswith("from deltarule"):
                _, module, _, name, *_ = line.split()
                homes[name] = module.removeprefix("deltarule").removeprefix(".") or name
    return homes


# A module is imported when one of its names is first used: so a program waits for what it uses
# alone, and what needs more than NumPy stands in nobody's way.
_HOMES = _read_homes()

# Whose classes are scikit-learn's estimators.
_OF_SKLEARN = ("estimators", "tabular.models.classifier", "tabular.models.regressor")

__all__ = sorted(_HOMES.keys() - {"__version__"})

# Pickles of older versions look for some classes where they were then.
__path__.append(os.path.join(__path__[0], "_old_names"))  # noqa: PTH118


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'deltarule' has no attribute {name!r}")
    from importlib import import_module

    home = _HOMES[name]
    try:
        module = import_module(f"deltarule.{home}")
    except ModuleNotFoundError as missing:
        if home not in _OF_SKLEARN or (missing.name or "").startswith("deltarule"):
            raise
        return _absent(name, missing)
    value = globals()[name] = module if home == name else getattr(module, name)
    return value


def _absent(name: str, missing: ModuleNotFoundError) -> type:
    """A class in the place of one that needs more than is installed: it says so when called."""
    from deltarule.errors import not_installed

    def say_so(cls: type, *arguments: Any, **named: Any) -> None:
        raise not_installed(name, missing, "sklearn") from missing

    doc = f"Not there: {not_installed(name, missing, 'sklearn')}."
    return type(name, (), {"__new__": say_so, "__doc__": doc, "__module__": "deltarule"})


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
