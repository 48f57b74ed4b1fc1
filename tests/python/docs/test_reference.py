"""The reference: every public name has its page there, a docstring, types and an example."""

from __future__ import annotations

import doctest
import inspect
import re
from importlib import import_module
from typing import Any, get_overloads

import pytest

import deltarule as dr
import record_public_api
from support import ROOT

PAGES = ROOT / "docs" / "reference"
# Modules whose names are not all on the package's face, and what they have for the package itself,
# which no person calls.
MODULES = (
    *("blocks", "callbacks", "distributed", "initializers", "metrics", "network"),
    "schedules",
)
FOR_THE_PACKAGE = {
    *("as_initializer", "draw", "suits", "as_metrics", "default_metrics", "of_labels"),
    *("recorded_name", "as_schedule"),
}
# Types that are said in words: a tuple, and an object with one of some methods.
ALIASES = {"deltarule.blocks.LinearCache", "deltarule.callbacks.Callback"}

# Their examples want another library's model; what they show is run in their own tests.
SHOWN_ALONE = {"deltarule.from_keras", "deltarule.from_torch"}


def public() -> dict[str, Any]:
    """Every public name that is no module, by the name that people import it by."""
    found = {f"deltarule.{name}": getattr(dr, name) for name in dr.__all__}
    on_the_face = {id(value) for value in found.values()}
    for name in MODULES:
        module = import_module(f"deltarule.{name}")
        for each in record_public_api._public(module):
            value = getattr(module, each)
            if each not in FOR_THE_PACKAGE and not each.isupper() and id(value) not in on_the_face:
                found[f"deltarule.{name}.{each}"] = value
    return {
        name: value
        for name, value in found.items()
        if not inspect.ismodule(value) and name not in ALIASES
    }


PUBLIC = public()

LIST = r"^\.\. currentmodule:: (\S+)\n.*?:nosignatures:\n(.*?)^```$"


def listed() -> set[str]:
    """The names that the pages of the reference list, each of which becomes a page."""
    found = set()
    for page in PAGES.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for module, names in re.findall(LIST, text, re.MULTILINE | re.DOTALL):
            found |= {f"{module}.{name}" for name in names.split()}
    return found


def test_every_public_name_has_its_page_and_no_other_has() -> None:
    assert listed() == set(PUBLIC), listed() ^ set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_says_what_it_is_and_shows_it(name: str) -> None:
    value = PUBLIC[name]
    said = inspect.getdoc(value) if not inspect.isclass(value) else value.__doc__
    assert said
    assert said.strip().partition("\n")[0].endswith("."), "a summary of one line"
    examples = doctest.DocTestParser().get_examples(said)
    runs = [example for example in examples if doctest.SKIP not in example.options]
    assert examples, "an example"
    assert runs or name in SHOWN_ALONE, "an example that runs"


def is_typed(function: Any) -> bool:
    signatures = [inspect.signature(each) for each in get_overloads(function) or [function]]
    return all(
        parameter.annotation is not inspect.Parameter.empty or parameter.name in ("self", "cls")
        for signature in signatures
        for parameter in signature.parameters.values()
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_types(name: str) -> None:
    value = PUBLIC[name]
    members = vars(value).items() if inspect.isclass(value) else [(name, value)]
    for member, function in members:
        function = inspect.unwrap(getattr(function, "__func__", function))
        of_ours = inspect.isfunction(function) and function.__code__.co_filename.endswith(".py")
        if of_ours and (not member.startswith("_") or member in ("__init__", "__call__")):
            assert is_typed(function), function


def test_what_has_no_types_would_be_found() -> None:
    def untyped(a, b: int = 0):  # type: ignore[no-untyped-def]
        return a

    assert not is_typed(untyped)
