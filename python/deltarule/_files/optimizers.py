"""An optimizer in a file: hyper-parameters, counts, vectors, and what its schedule remembers."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import fields
from typing import Any

from deltarule._arrays import Array
from deltarule._files import values
from deltarule._files.architecture import take
from deltarule._files.models import Model
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError
from deltarule.optimizers import Optimizer
from deltarule.schedules import Schedule

_VECTORS = "optimizer.state"


def optimizer_state(
    optimizer: Optimizer, tensors: MutableMapping[str, Array], *, whole: bool
) -> dict[str, Any]:
    """Describe an optimizer, and add its vectors to the tensors.

    ``whole`` is with its schedule, so that it can be made again; else a schedule or a function is
    told by name alone, as whoever goes on hands it over again.
    """
    rate: Any = getattr(optimizer, "learning_rate", None)
    given = {each.name: getattr(optimizer, each.name) for each in fields(optimizer) if each.init}
    if optimizer.state is not None:
        tensors[_VECTORS] = optimizer.state
    memory = rate.state() if isinstance(rate, Schedule) else {}
    return {
        "kind": type(optimizer).__name__,
        "hyperparameters": {
            name: values.to_json(value, f"solver.{name}")
            for name, value in given.items()
            if whole or not callable(value)
        },
        "step": optimizer.step,
        "epochs": optimizer.epochs,
        "schedule": name_of_schedule(rate),
        "schedule_state": {name: values.to_json(value, name) for name, value in memory.items()},
    }


def name_of_schedule(rate: Any) -> str | None:
    """A schedule by what it prints as, a function as such, nothing for a number."""
    return repr(rate) if isinstance(rate, Schedule) else "a function" if callable(rate) else None


def hyperparameters_of(model: Model) -> dict[str, Any]:
    """The hyper-parameters that a file gives."""
    return decoded(model.part("optimizer").get("hyperparameters"), "optimizer.hyperparameters")


def decoded(found: Any, what: str) -> dict[str, Any]:
    """An object of JSON whose items are values."""
    if not isinstance(found, dict):
        raise ModelFileError(f"{what} is {brief(found)}: expected an object")
    return {name: values.from_json(value, f"{what}.{name}") for name, value in found.items()}


def restore(optimizer: Any, parameters: Array, model: Model) -> None:
    """Put an optimizer that has the hyper-parameters where the file's one was, for a flat vector.

    Raises
    ------
    ModelFileError
        For a state that it cannot have.
    """
    found = model.part("optimizer")
    for name in ("step", "epochs"):
        count = found.get(name)
        if type(count) is not int or not 0 <= count < 2**63:
            raise ModelFileError(f"optimizer.{name} is {brief(count)}: expected a whole number")
        setattr(optimizer, name, count)
    memory = decoded(found.get("schedule_state"), "optimizer.schedule_state")
    rate = getattr(optimizer, "learning_rate", None)
    try:
        if isinstance(rate, Schedule):
            rate.restore(memory)
        optimizer._values()
        if _VECTORS in model.tensors:
            like = optimizer._state_for(parameters)
            # A square may have overflowed: then the weight it belongs to stands still.
            like[:] = take(model.tensors, _VECTORS, like.dtype, like.shape, infinite=True)
    except ModelFileError:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ModelFileError(f"optimizer: {error}") from error
