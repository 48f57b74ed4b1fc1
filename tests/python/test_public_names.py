"""The package's face: its names, where they are, and what it says of those that cannot be had."""

import inspect
import pydoc
from importlib import import_module

import pytest

import deltarule as dr
import record_public_api
from support import output_of

MODULES = [name for name in record_public_api.MODULES if name != "torch_modules"]


def test_every_public_name_is_there() -> None:
    assert set(dr.__all__) <= set(dir(dr))
    for name in dr.__all__:
        assert getattr(dr, name).__name__.rpartition(".")[2] == name
    with pytest.raises(AttributeError, match="has no attribute 'Denes'"):
        dr.Denes  # noqa: B018
    assert not hasattr(dr, "Denes")


def test_public_classes_are_found_in_public_modules() -> None:
    everything = [getattr(dr, name) for name in dr.__all__]
    for module in MODULES:
        everything += vars(import_module(f"deltarule.{module}")).values()
    for value in everything:
        if not inspect.isclass(value) or not value.__module__.startswith("deltarule"):
            continue
        if value.__name__.startswith("_") or value.__name__ == "MLP":
            continue
        if value.__module__.startswith("deltarule._"):
            assert value.__name__ not in dr.__all__, value
            continue
        assert "._" not in value.__module__, value


ALONE = """
import inspect, pydoc, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        absent = ("sklearn", "scipy", "torch", "onnx", "h5py", "matplotlib", "joblib")
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import deltarule as dr
"""


def test_the_package_tells_all_with_numpy_alone() -> None:
    script = """
print(all(hasattr(dr, name) for name in dr.__all__))
print({name for name, _ in inspect.getmembers(dr)} >= set(dr.__all__))
page = pydoc.render_doc(dr, renderer=pydoc.plaintext)
print(all(name in page for name in dr.__all__))
"""
    assert output_of(ALONE + script).split() == ["True"] * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("dr.MLPClassifier()", 'deltarule.MLPClassifier needs sklearn, .*"deltarule[sklearn]"'),
        ("dr.MLPRegressor((3,))", 'deltarule.MLPRegressor needs sklearn, .*"deltarule[sklearn]"'),
        ("dr.from_sklearn(1)", 'deltarule.from_sklearn needs sklearn, .*"deltarule[sklearn]"'),
        ("dr.from_torch(1)", "from_torch and to_torch need torch, which is not installed"),
        ("dr.from_keras('x')", "from_keras and load_weights need h5py"),
        ("dr.from_onnx('x')", "from_onnx: onnx is not there"),
    ],
)
def test_a_name_that_needs_more_says_so_when_it_is_called(call: str, message: str) -> None:
    script = f"""
import re
try:
    {call}
except ImportError as error:
    pattern = {message!r}.replace("[", r"\\[").replace("]", r"\\]")
    print(bool(re.search(pattern, str(error))), error)
"""
    assert output_of(ALONE + script).startswith("True")


def test_help_names_array_like() -> None:
    for function in (dr.Network.fit, dr.Network.predict, dr.Network.evaluate, dr.gradient_check):
        page = pydoc.render_doc(function, renderer=pydoc.plaintext)
        assert "ArrayLike" in page
        assert "_Buffer" not in page
        assert len(page.splitlines()[2]) < 1200


def test_public_names_and_signatures_are_those_that_are_recorded() -> None:
    """Where one is meant to change: python tests/python/record_public_api.py."""
    recorded = record_public_api.FILE.read_text(encoding="utf-8").split("\n# ")
    sections = {page.removeprefix("# ").split("\n")[0]: page.split("\n")[1:] for page in recorded}
    for name, lines in record_public_api.described().items():
        assert [line for line in sections[name] if line] == lines, name
