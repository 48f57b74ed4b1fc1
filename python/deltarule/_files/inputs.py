"""What makes a network's inputs, in its file: arrays beside the network's, the rest as JSON."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, TypeAlias

import numpy as np

from deltarule._arrays import Array
from deltarule._files.states import put_apart, put_together
from deltarule._network.inputs import Inputs
from deltarule.errors import ModelFileError

# Makes them of a state again. Who reads files of networks with inputs hands it down, as encoders
# live in a room above.
ReadInputs: TypeAlias = Callable[[dict[str, Any]], Inputs]

_PREFIX = "inputs."


def inputs_state(inputs: Inputs, tensors: MutableMapping[str, Array]) -> dict[str, Any]:
    """Put the arrays of a state among a network's tensors, and hand back the rest."""
    return put_apart(inputs.to_state(), _PREFIX, tensors)


def inputs_from(
    content: Any, tensors: MutableMapping[str, Array], read: ReadInputs | None
) -> Inputs | None:
    """Make a file's inputs, if it has some, and take their arrays out of its tensors."""
    if content is None:
        return None
    state = put_together(content, _PREFIX, tensors)
    if read is None:
        raise ModelFileError("inputs: expected none, as this takes arrays of numbers")
    return read(state)


def same_inputs(one: Inputs | None, other: Inputs | None) -> bool:
    """Whether two make the same rows of any table, for all that can be told."""
    if one is None or other is None:
        return one is other
    states = one.to_state(), other.to_state()
    return states[0].keys() == states[1].keys() and all(
        np.array_equal(value, states[1][name]) for name, value in states[0].items()
    )
