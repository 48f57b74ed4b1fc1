"""The state of NumPy's generators of random numbers, as JSON has it, and back.

NumPy believes what it is told about the place in a buffer, and would read beyond its end. So a
state is held against that of a new generator of its kind, number by number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError

_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        np.random.PCG64,
        np.random.PCG64DXSM,
        np.random.MT19937,
        np.random.Philox,
        np.random.SFC64,
    )
}
# The greatest value of an integer, by its name; that of the others has 128 bits.
_MOST = {"pos": 624, "buffer_pos": 4, "has_uint32": 1, "uinteger": 2**32 - 1, "has_gauss": 1}


def generator_state(generator: np.random.Generator | np.random.RandomState) -> dict[str, Any]:
    """What a generator is and where it stands."""
    if isinstance(generator, np.random.RandomState):
        state: Any = generator.get_state(legacy=False)
    else:
        state = generator.bit_generator.state
    name = state["bit_generator"]
    if name not in _KINDS:
        raise TypeError(
            f"save: the generator of random numbers is a {name}: expected one of NumPy's, "
            f"{list(_KINDS)}"
        )
    plain: dict[str, Any] = _plain(state)
    return plain


def generator_from(state: Any, what: str) -> np.random.Generator:
    """Make the generator whose state it is."""
    bits = _new(state, what)
    bits.state = _held_to(state, bits.state, what, "")
    return np.random.Generator(bits)


def random_state_from(state: Any, what: str) -> np.random.RandomState:
    """Make NumPy's older kind of generator, which scikit-learn has."""
    generator = np.random.RandomState(_new(state, what))
    like: Any = generator.get_state(legacy=False)
    generator.set_state(_held_to(state, like, what, ""))
    return generator


def _new(state: Any, what: str) -> Any:
    name = state.get("bit_generator") if isinstance(state, dict) else None
    if type(name) is not str or name not in _KINDS:
        raise ModelFileError(
            f"{what}.bit_generator is {brief(name)}: expected one of {list(_KINDS)}"
        )
    return _KINDS[name](0)


def _held_to(value: Any, like: Any, what: str, name: str) -> Any:
    """A state in the form of another."""
    expected = None
    if isinstance(like, dict):
        if isinstance(value, dict) and set(value) == set(like):
            return {key: _held_to(value[key], like[key], f"{what}.{key}", key) for key in like}
        expected = f"an object of {sorted(like)}"
    elif isinstance(like, np.ndarray):
        most = int(np.iinfo(like.dtype).max)
        if isinstance(value, list) and len(value) == like.size and _are_up_to(most, value):
            return np.array(value, like.dtype)
        expected = f"{like.size} whole numbers up to {most}"
    elif isinstance(like, int):
        most = _MOST.get(name, 2**128 - 1)
        if _are_up_to(most, [value]):
            return value
        expected = f"a whole number up to {most}"
    elif isinstance(like, float):
        if type(value) in (int, float) and abs(value) < np.inf:
            return float(value)
        expected = "a finite number"
    elif value == like:
        return value
    raise ModelFileError(f"{what} is {brief(value)}: expected {expected or repr(like)}")


def _are_up_to(most: int, values: list[Any]) -> bool:
    return all(type(value) is int and 0 <= value <= most for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
