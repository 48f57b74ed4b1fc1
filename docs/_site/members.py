"""What the page of a public class lists: its own members, and none that others' classes gave it."""

import inspect
import re
from importlib import import_module
from pathlib import Path

# What layers, losses and callbacks are to the package, and nobody calls.
OF_THE_PACKAGE = {"core", "initial", "parameters", "rates", "statistics", "units_after"}
OF_THE_PACKAGE |= {"for_output", "observe", "end_epoch", "restore", "state"}
LISTED = re.compile(r"^\.\. currentmodule:: (\S+)$|^   (\w+)$", re.MULTILINE)


def listed(reference):
    """Every public name of the pages of the reference, with its module."""
    for page in sorted(reference.glob("*.md")):
        for module, name in LISTED.findall(page.read_text(encoding="utf-8")):
            if module:
                home = module
            elif name:
                yield home, name


def own_members(kind):
    """Names of a class's properties, and of its methods, in the order of the source, bases last."""
    properties, methods = [], []
    for base in kind.__mro__:
        if not base.__module__.startswith("deltarule"):
            continue
        for name, value in vars(base).items():
            if name[0] == "_" or name in {*properties, *methods, *OF_THE_PACKAGE}:
                continue
            function = getattr(value, "fn", getattr(value, "__func__", value))
            if not inspect.getdoc(getattr(kind, name)):
                continue
            if isinstance(value, property):
                properties.append(name)
            elif inspect.isfunction(function):
                methods.append(name)
    return properties, methods


def look_up(app, config):
    """Hand the template, for each class, its members."""
    members = {}
    reference = Path(app.srcdir) / "reference"
    names = list(listed(reference))
    for module, name in names:
        value = getattr(import_module(module), name)
        if inspect.isclass(value):
            members[name, module] = own_members(value)
    config.autosummary_context["own_members"] = members
    for page in reference.glob("generated/*.rst"):  # of a name that there was once
        if tuple(page.stem.rpartition(".")[::2]) not in names:
            page.unlink()


def setup(app):
    """Register with Sphinx."""
    app.connect("config-inited", look_up)
    return {"parallel_read_safe": True}
