"""The dense layer: ``A = g(W A_prev + b)``."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from deltarule._checks import expect_size
from deltarule.initializers import Initializer, as_initializer, draw, suits
from deltarule.layers.base import LayerDescription, Shapes, name_activation


@dataclass(frozen=True)
class Dense(LayerDescription):
    """A dense layer: ``A = g(W A_prev + b)``.

    Parameters
    ----------
    units : int
        n, the units of the layer.
    activation : str
        g: identity, sigmoid, tanh, relu, leaky_relu, elu, gelu, gelu_tanh, silu, softplus,
        exponential or softmax.
    initializer : str, callable or array_like, optional
        What the weights are drawn from, by default what suits the activation: he_normal,
        he_uniform, glorot_normal, glorot_uniform, lecun_normal, lecun_uniform, orthogonal,
        small_normal, normal, uniform, zeros or ones; a function of (generator, n, n_prev), such as
        ``deltarule.initializers.Normal(0.1)``; or the weights (n, n_prev).
    bias_initializer : str, callable or array_like
        Likewise for the biases, zeros by default; a function is asked for (n, 1), an array may be a
        vector.
    l1, l2 : float
        Penalties on the weights: training minimises the cost plus ``l1 sum |w| + l2/2 sum w^2``.
    max_norm : float
        The greatest Euclidean norm of a unit's weights, a row of W, held after every step
        (Srivastava et al. 2014); 0 sets none.
    name, frozen, learning_rate
        As for every layer.

    Raises
    ------
    TypeError, ValueError
        For units, a name, a penalty or an initialiser that cannot be.

    Examples
    --------
    >>> import deltarule as dr
    >>> layers = [dr.Dense(16, "relu", l2=1e-4, name="hidden"), dr.Dense(3, "softmax")]
    >>> net = dr.Network(layers, input_size=4, seed=0)
    >>> net.layers["hidden"].W.shape
    (16, 4)
    """

    kind: ClassVar[str] = "dense"

    units: int
    activation: str = "identity"
    initializer: Initializer | None = None
    bias_initializer: Initializer = "zeros"
    _: KW_ONLY
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        expect_size(self.units, "Dense: units")
        name_activation(self, self.activation)
        for name in ("initializer", "bias_initializer"):
            given, biases = getattr(self, name), name == "bias_initializer"
            if biases or given is not None:
                initializer = as_initializer(given, f"Dense: {name}", biases=biases)
                if not isinstance(given, str):  # a copy of an array, which others may write to
                    object.__setattr__(self, name, initializer)
        for name in ("l1", "l2", "max_norm"):
            self._expect(name, 0)

    def units_after(self, n_prev: int) -> int:  # noqa: D102
        return int(self.units)

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "units": int(self.units), "activation": self.activation}

    def parameters(self, n_prev: int) -> Shapes:  # noqa: D102
        return {"W": (int(self.units), n_prev), "b": (int(self.units), 1)}

    def initial(  # noqa: D102
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        biases = name == "b"
        given = self.bias_initializer if biases else self.initializer
        where += ".bias_initializer" if biases else ".initializer"
        initializer = suits(self.activation) if given is None else given
        n, n_prev = shape
        return draw(as_initializer(initializer, where, biases=biases), generator, n, n_prev, where)
