"""What every layer's description has."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from deltarule import _core
from deltarule._checks import did_you_mean, expect_flag, expect_in_range, name_of

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class LayerDescription:
    """What all layers have.

    Parameters
    ----------
    name : str, optional
        By which ``network.layers`` finds it.
    frozen : bool
        Whether training leaves its parameters alone.
    learning_rate : float
        Times the optimizer's.
    """

    kind: ClassVar[str]

    _: KW_ONLY
    name: str | None = None
    frozen: bool = False
    learning_rate: float = 1.0

    def units_after(self, n_prev: int) -> int:
        """How many units the layer has behind ``n_prev`` inputs."""
        return n_prev

    def expect_told_apart(self, dtype: np.dtype[Any], where: str) -> None:
        """Hold what the layer is made of to being told apart in a network's dtype.

        Raises
        ------
        ValueError
            Where it is not; ``where`` is for the message.
        """

    def core(self) -> dict[str, Any]:
        """What the core is told."""
        return {"kind": self.kind}

    def parameters(self, n_prev: int) -> Shapes:
        """The parameters in their order in the flat vector, each column by column."""
        return {}

    def statistics(self, n_prev: int) -> Shapes:
        """What the layer keeps that no gradient reaches, likewise."""
        return {}

    def initial(
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        """What a parameter starts from; ``where`` is for the message of what does not fit."""
        raise NotImplementedError

    def _expect(self, name: str, least: float, below: float = np.inf) -> None:
        """Hold a field to its range."""
        what = f"{type(self).__name__}: {name}"
        expect_in_range(getattr(self, name), what, least=least, below=below)

    def __post_init__(self) -> None:
        self._expect("learning_rate", 0)
        expect_flag(self.frozen, f"{type(self).__name__}: frozen", "a bool")
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"{type(self).__name__}: name is {self.name!r}: expected a string")


# The names that others have for activations.
ACTIVATION_ALIASES = {
    "linear": "identity",
    "logistic": "sigmoid",
    "exp": "exponential",
    "swish": "silu",
    "leakyrelu": "leaky_relu",
}


def activation_named(name: object, what: str) -> str:
    """The core's name of an activation, of which ``what`` tells for the message."""
    known = _core.activation_names()
    found = name_of(name, known, ACTIVATION_ALIASES) if isinstance(name, str) else None
    if found not in known:
        raise ValueError(
            f"{what} is {name!r}: expected one of {', '.join(known)}"
            + did_you_mean(name, known, ACTIVATION_ALIASES)
        )
    return found


def name_activation(description: LayerDescription, activation: str) -> None:
    """Have a description hold the core's name of its activation."""
    what = f"{type(description).__name__}: activation"
    object.__setattr__(description, "activation", activation_named(activation, what))
