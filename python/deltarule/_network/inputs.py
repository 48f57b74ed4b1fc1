"""What stands before a network and makes its inputs of raw tables: `TableEncoder` does.

The network knows what one can do, not what it is: encoders live in a room above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, Self, runtime_checkable

from deltarule._arrays import Array
from deltarule.layers import LayerDescription
from deltarule.layers.embedding import embedded_columns


@runtime_checkable
class Inputs(Protocol):
    """What makes rows of numbers of a table.

    Attributes
    ----------
    columns : list of str
        The table's.
    output_size : int
        How many numbers a row becomes.
    embedded : dict of int to int
        Those of them that are codes of categories, and how many codes there are.
    learned : object
        What it has learned from data: those that share it encode alike.
    """

    @property
    def columns(self) -> list[str]: ...
    @property
    def learned(self) -> object: ...
    @property
    def output_size(self) -> int: ...
    @property
    def embedded(self) -> dict[int, int]: ...

    def transform(self, X: Any) -> Array:
        """The rows of a table, for the network behind."""
        ...

    def describe(self) -> str:
        """What each column is, and becomes, in words."""
        ...

    def encoded(self, X: Any, where: str, what: str = "X") -> tuple[Array, bool]:
        """The rows of a table, and whether it was a single example."""
        ...

    def to_state(self) -> dict[str, Any]:
        """All that it is, as arrays and values that JSON has."""
        ...

    def add_to(self, graph: Any) -> str:
        """Put what makes the rows into an ONNX graph in the making, and tell what they are called.

        The graph is the writer's, of the room of other libraries' models.
        """
        ...

    def add_to_c(self, function: Any) -> None:
        """Put what makes the rows into a C header in the making, likewise."""
        ...

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """One of such a state, which is not to be trusted."""
        ...


def expect_inputs(inputs: Any, input_size: int | None) -> int:
    """Hold inputs to being such, of as many numbers as the network takes; and tell how many."""
    if not isinstance(inputs, Inputs):
        raise TypeError(
            f"Network: inputs is a {type(inputs).__name__}: expected a deltarule.TableEncoder"
        )
    if not inputs.columns:
        raise ValueError("Network: inputs has no columns: expected a fitted encoder")
    if input_size not in (None, inputs.output_size):
        raise ValueError(
            f"Network: input_size is {input_size} but inputs makes {inputs.output_size} numbers of "
            "a row: expected the same, or no input_size"
        )
    return inputs.output_size


def expect_embedded(inputs: Inputs, layers: Iterable[LayerDescription]) -> None:
    """Hold the layers to embedding what is a code, and nothing else."""
    found = dict(embedded_columns(layers))
    if found != inputs.embedded:
        raise ValueError(
            f"Network: inputs makes codes in the columns {_counted(inputs.embedded)} but the "
            f"layers embed {_counted(found)}: expected the same, as [*encoder.layers(), ...] has it"
        )


def _counted(codes: dict[int, int]) -> str:
    some = [f"{column} ({count} codes)" for column, count in list(codes.items())[:5]]
    return ", ".join(some) + ", ..." * (len(codes) > 5) or "none"
