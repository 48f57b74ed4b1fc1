"""What a training has made of a member, as bytes: to wherever the same member is.

Both sides have the members, their optimizers and callbacks, and X; so a callback that knows its
network knows it there as well. What both sides have is named in the bytes, not held.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any

from deltarule._network.bare import BareNetwork
from deltarule._training.examples import Given
from deltarule.optimizers import Optimizer

# What members are given that may be large, and is often the same for many.
_DATA = ("sampling", "sample_weight", "rows", "validation_rows")


class Known:
    """Objects that both sides have, by names that both sides know."""

    def __init__(self) -> None:
        self._objects: dict[Any, Any] = {}
        self._names: dict[int, Any] = {}

    def add(self, name: Any, known: object) -> None:
        """Name an object, if it has no name yet."""
        if id(known) not in self._names:
            self._objects[name], self._names[id(known)] = known, name

    def add_member(self, index: int, network: BareNetwork, given: Given) -> None:
        """Name what a member is, and what it is given."""
        self.add(("network", index), network)
        if network._inputs is not None:
            self.add(("inputs", index), network._inputs)
        if isinstance(given.optimizer, Optimizer):
            self.add(("optimizer", index), given.optimizer)
        for place, callback in enumerate(given.callbacks):
            self.add(("callback", index, place), callback)

    def data(self, X: Any, y: Any, given: Sequence[Given]) -> list[Any]:
        """X, y, and all else that members are given of the kind, each once and named."""
        found: dict[int, Any] = {}
        for each in (X, y, *(part for one in given for part in _data_of(one))):
            found.setdefault(id(each), each)
        for number, each in enumerate(found.values()):
            self.add(("data", number), each)
        return list(found.values())

    def dumps(self, value: Any, pickler: type[pickle.Pickler] = pickle.Pickler) -> bytes:
        """Bytes of a value."""
        names = self._names

        class Naming(pickler):  # type: ignore[valid-type, misc]
            def persistent_id(self, value: Any) -> Any:
                return names.get(id(value))

        file = io.BytesIO()
        Naming(file, pickle.HIGHEST_PROTOCOL).dump(value)
        return file.getvalue()

    def loads(self, data: bytes) -> Any:
        """A value of bytes."""
        objects = self._objects

        class Finding(pickle.Unpickler):
            def persistent_load(self, name: Any) -> Any:
                return objects[name]

        return Finding(io.BytesIO(data)).load()


def _data_of(given: Given) -> list[Any]:
    some = [getattr(given, name) for name in _DATA]
    some += list(given.validation_data or ())
    return [each for each in some if hasattr(each, "__len__") and not isinstance(each, str)]


def state_of(network: BareNetwork, given: Given) -> tuple[Any, ...]:
    """All that training changes of a member."""
    optimizer = given.optimizer if isinstance(given.optimizer, Optimizer) else None
    return (
        network.__getstate__(),
        None if optimizer is None else optimizer.__getstate__(),
        [callback.__getstate__() for callback in given.callbacks],
    )


def adopt(network: BareNetwork, given: Given, state: tuple[Any, ...]) -> None:
    """Make a member what it has become elsewhere: the same objects, whose views stay live."""
    of_network, of_optimizer, of_callbacks = state
    trained = BareNetwork.__new__(type(network))
    trained.__setstate__(of_network)
    network._become(trained)
    if isinstance(given.optimizer, Optimizer):
        bound = given.optimizer._parameters
        given.optimizer.__setstate__(of_optimizer)
        given.optimizer._parameters = bound
    for callback, of_callback in zip(given.callbacks, of_callbacks, strict=True):
        _set_state(callback, of_callback)


def _set_state(callback: Any, state: Any) -> None:
    """Give an object its state, as pickle does."""
    if hasattr(callback, "__setstate__"):
        callback.__setstate__(state)
        return
    named, slots = state if isinstance(state, tuple) else (state, None)
    if named is not None:
        vars(callback).clear()
        vars(callback).update(named)
    for name, value in (slots or {}).items():
        setattr(callback, name, value)


def expect_parcels(given: Sequence[Given], known: Known, pickler: type[pickle.Pickler]) -> None:
    """Refuse, before anything is trained, callbacks whose state could not come back.

    Raises
    ------
    TypeError
        For one that cannot be pickled.
    ValueError
        For one of several members.
    """
    seen: dict[int, str] = {}
    for index, each in enumerate(given):
        for place, callback in enumerate(each.callbacks):
            what = f"fit_many: callbacks[{index}][{place}]"
            before = seen.setdefault(id(callback), what)
            if before != what:
                raise ValueError(
                    f"{what} is {before.removeprefix('fit_many: ')}: expected a callback of each "
                    "network's own, as networks are trained in several places"
                )
            try:
                known.dumps(callback.__getstate__(), pickler)
            except Exception as error:
                raise TypeError(
                    f"{what} is {callback!r}, which cannot travel ({error}): expected one that "
                    "can be pickled, as networks are trained in several places"
                ) from error


def portable(error: Exception) -> Exception:
    """The same error, or if it cannot travel its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        words = RuntimeError(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", ()):
            words.add_note(note)
        return words
    return error
