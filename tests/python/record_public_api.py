"""Records public_api.txt: every public name with its signature. test_public_names.py compares.

    python tests/python/record_public_api.py

Run it when a public name is meant to change, and look at the difference before it is committed.
"""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import deltarule

FILE = Path(__file__).parent / "public_api.txt"
MODULES = [
    *("blocks", "callbacks", "errors", "estimators", "history", "initializers", "layers", "losses"),
    *("metrics", "network", "optimizers", "schedules", "torch_modules"),
]


def described() -> dict[str, list[str]]:
    """Of each public module the lines that describe it; none for one that is not installed."""
    found = {"deltarule": [f"{name}: {_home(name)}" for name in deltarule.__all__]}
    for name in MODULES:
        try:
            module = import_module(f"deltarule.{name}")
        except ImportError:
            continue
        found[module.__name__] = [
            line for each in _public(module) for line in _lines(each, getattr(module, each))
        ]
    found["deltarule"] += [
        line
        for name in deltarule.__all__
        if getattr(getattr(deltarule, name), "__module__", "") == "deltarule"
        for line in _lines(name, getattr(deltarule, name))
    ]
    return found


def _home(name: str) -> str:
    value = getattr(deltarule, name)
    return "module" if inspect.ismodule(value) else str(value.__module__)


def _public(module: Any) -> list[str]:
    names = getattr(module, "__all__", None)
    if names is not None:
        return sorted(names)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and (getattr(value, "__module__", None) == module.__name__ or name.isupper())
    )


def _lines(name: str, value: Any) -> list[str]:
    if inspect.isclass(value):
        return [f"{name}{_signature(value)}", *sorted(_members(name, value))]
    if inspect.isfunction(value):
        return [f"{name}{_signature(value)}"]
    if isinstance(value, dict):
        return [f"{name}: {', '.join(sorted(map(str, value)))}"]
    return [name]


def _members(name: str, kind: type) -> set[str]:
    found: dict[str, str] = {}
    for base in kind.__mro__:
        if not base.__module__.startswith("deltarule"):
            continue
        for member, value in vars(base).items():
            if member.startswith("_") or member in found:
                continue
            function = getattr(value, "__wrapped__", value)
            function = getattr(value, "fn", function)  # of scikit-learn's available_if
            said = _signature(function) if inspect.isfunction(function) else ""
            found[member] = f"    {name}.{member}{said}"
    return set(found.values())


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""


def text(sections: dict[str, list[str]]) -> str:
    """All of it as one page."""
    return "\n".join(f"# {name}\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


if __name__ == "__main__":
    FILE.write_text(text(described()), encoding="utf-8")
