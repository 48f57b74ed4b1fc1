"""Files that mean harm are refused, and with one error; tests/fuzz/load.py tries many more."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltarule as dr
from hostile import change_bytes, change_meaning, closed, look_into, opened, sealed, whole_files

FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FILES = range(8)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a tree of JSON; of a long list, the first few."""
    if isinstance(tree, dict):
        inside: Any = tree.items()
    elif isinstance(tree, list):
        inside = list(enumerate(tree))[:5]
    else:
        return [path]
    return [path] * bool(path) + [p for key, value in inside for p in places(value, (*path, key))]


def with_another(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    tree = copy.deepcopy(tree)
    node = tree
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return tree


@pytest.mark.parametrize("index", FILES)
def test_whole_files_are_taken(index: int, tmp_path: Path) -> None:
    """What follows would show nothing if they were not."""
    path = tmp_path / "x"
    path.write_bytes(whole_files()[index])
    assert look_into(path) == "taken"
    header, inner, numbers = opened(whole_files()[index])
    path.write_bytes(closed(header, inner, numbers))
    assert look_into(path) == "taken"


def test_there_are_no_more_files() -> None:
    assert len(whole_files()) == len(FILES)


@FEW
@given(index=st.sampled_from(FILES), place=st.floats(0, 0.999), value=JSON)
def test_another_value_anywhere(index: int, place: float, value: Any, tmp_path: Path) -> None:
    header, inner, numbers = opened(whole_files()[index])
    found = places(inner)
    changed = with_another(inner, found[int(place * len(found))], value)
    (tmp_path / "x").write_bytes(closed(header, changed, numbers))
    look_into(tmp_path / "x", thoroughly=False)


@FEW
@given(index=st.sampled_from(FILES), place=st.floats(0, 0.999), value=JSON)
def test_another_header(index: int, place: float, value: Any, tmp_path: Path) -> None:
    header, inner, numbers = opened(whole_files()[index])
    found = places(header)
    changed = with_another(header, found[int(place * len(found))], value)
    (tmp_path / "x").write_bytes(closed(changed, inner, numbers))
    look_into(tmp_path / "x", thoroughly=False)


@FEW
@given(inner=JSON)
def test_any_content(inner: Any, tmp_path: Path) -> None:
    header, _, numbers = opened(whole_files()[0])
    (tmp_path / "x").write_bytes(closed(header, inner, numbers))
    with pytest.raises(dr.ModelFileError):
        dr.load(tmp_path / "x")


@FEW
@given(content=st.binary(max_size=200))
def test_any_bytes(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(dr.ModelFileError):
        dr.load(tmp_path / "x")


@FEW
@given(index=st.sampled_from(FILES), seed=st.integers(0, 2**32))
def test_other_bytes(index: int, seed: int, tmp_path: Path) -> None:
    content = change_bytes(whole_files()[index], random.Random(seed))
    (tmp_path / "x").write_bytes(content)
    if look_into(tmp_path / "x", thoroughly=False) == "taken":
        # Version 1 has no hash, and a change may have come to nothing.
        header = opened(content)[0]
        assert content == whole_files()[index] or "sha256" not in header["__metadata__"]


@FEW
@given(index=st.sampled_from(FILES), seed=st.integers(0, 2**32))
def test_another_meaning(index: int, seed: int, tmp_path: Path) -> None:
    content = change_meaning(whole_files()[index], random.Random(seed))
    (tmp_path / "x").write_bytes(content)
    look_into(tmp_path / "x")


def test_names_that_stand_twice(tmp_path: Path) -> None:
    header, inner, numbers = opened(whole_files()[0])
    path = tmp_path / "x"
    twice = json.dumps(inner).replace('"kind"', '"kind": "network", "kind"', 1)
    header["__metadata__"] |= {"sha256": "0" * 64, "deltarule": twice}
    path.write_bytes(sealed(json.dumps(header, separators=(",", ":")).encode(), numbers))
    with pytest.raises(dr.ModelFileError, match="the name 'kind' stands twice in deltarule"):
        dr.load(path)
