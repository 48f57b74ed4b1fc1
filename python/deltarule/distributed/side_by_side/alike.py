"""Whether several programs that do the same have been given the same, told in a few bytes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from deltarule._network.bare import BareNetwork
from deltarule._threads import isa
from deltarule._training.examples import Given
from deltarule._version import __version__
from deltarule.distributed.digest import digest
from deltarule.ensembles.machines import Task


def described(task: Task) -> dict[str, str]:
    """What there is to compare, by what it is called, first what is most to blame."""
    networks = {
        f"networks[{index}]": f"{each!r} with numbers of {_numbers_of(each)}"
        for index, each in enumerate(task.networks)
    }
    return {
        "deltarule": __version__,
        "instruction set": isa(),
        "the number of networks": str(len(task.networks)),
        "X": _in_words(task.X),
        "y": _in_words(task.y),
        "seeds": digest(list(task.seeds)),
        **networks,
        **{each.name: _option(each.name, task.given) for each in fields(Given)},
    }


def first_difference(here: dict[str, str], there: dict[str, str]) -> str | None:
    """The name of what is not the same, if something is not."""
    return next((name for name in (*here, *there) if here.get(name) != there.get(name)), None)


def _option(name: str, given: Any) -> str:
    values = [getattr(each, name) for each in given]
    if name == "callbacks":  # which may remember what is of one place
        values = [[type(each) for each in some] for some in values]
    if all(value is None or isinstance(value, (bool, int, float, str)) for value in values):
        some = dict.fromkeys(values)
        if len(some) == 1:
            return repr(values[0])
    return digest(values)


def _numbers_of(network: BareNetwork) -> str:
    """All that it is, but for what it has been through."""
    state = {name: each for name, each in network.__getstate__().items() if name != "history"}
    return digest(state, whole=True)


def _in_words(X: Any) -> str:
    """Its shape and values, wherever they lie."""
    shape = getattr(X, "shape", None)
    size = f"shape {tuple(shape)}" if shape is not None else f"{len(X)} parts"
    return f"{size} with values of {digest(X)}"
