"""The examples in docstrings run."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import deltarule

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(deltarule.__path__, "deltarule.")
    if "._core" not in module.name and "._cpu" not in module.name
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    try:
        module = import_module(name)
    except ImportError as missing:
        pytest.skip(str(missing))
    names = {name: getattr(deltarule, name) for name in ("Dense", "Network")}
    result = doctest.testmod(module, extraglobs=names)
    assert result.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    found = [
        each
        for name in ("Network", "load", "CustomLoss")
        for each in finder.find(getattr(deltarule, name))
        if each.examples
    ]
    assert found
