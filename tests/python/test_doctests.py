"""The examples in docstrings run."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import deltarule

PACKAGE = Path(deltarule.__file__).parent
MODULES = sorted(
    ".".join(["deltarule", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(
        ".__init__"
    )
    for path in PACKAGE.rglob("*.py")
    if path.stem.isidentifier() and path.stem != "_core"  # a hook's name is none
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
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
