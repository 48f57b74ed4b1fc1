"""Cosines and sines of numbers, and what three papers make of them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from deltarule._checks import did_you_mean, expect_count, expect_flag, expect_in_range, expect_size
from deltarule.layers.base import Shapes
from deltarule.layers.columns import NumberEmbedding

# What the frequencies' standard deviation is by default in each form.
_SIGMAS = {"plr": 0.01, "pbld": 0.1, "cosine": 0.1}


@dataclass(frozen=True)
class Periodic(NumberEmbedding):
    """Columns of numbers become waves of learned frequencies; the other columns pass.

    With ``u = frequency x + phase``, in turns, a number x becomes, in the form

    - ``"plr"``: ``max(0, map [cos 2 pi u; sin 2 pi u] + bias)``, without a phase; and without ``d``
      the waves themselves, first the cosines and then the sines;
    - ``"pbld"``: ``[x; map cos 2 pi u + bias]``;
    - ``"cosine"``: ``scale [x; cos 2 pi u] + shift``, number by number.

    The outputs are the columns that pass, in their order, then each embedded column's numbers. It
    stands before every layer but ``Standardize``, ``Embedding`` and ``PiecewiseLinear``.

    Parameters
    ----------
    frequencies : int
        K, so many for each column.
    d : int, optional
        The numbers that a column becomes, with x among them. The form cosine has no choice: there
        they are 1 + K.
    form : str
        plr, pbld or cosine.
    sigma : float, optional
        The standard deviation that frequencies start with; the most important choice there is. By
        default .01 in the form plr, else .1, for numbers that are scaled to about 1.
    shared : bool
        Whether one map serves all columns, and not each column its own.
    columns : sequence of int, optional
        The columns of X to embed, in ascending order; by default all that no layer before takes.
    name, frozen, learning_rate
        As for every layer.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range, or that a form does not have.

    Notes
    -----
    ``layer.frequency`` is (K, columns), and so is ``layer.phase``. ``layer.map3``, of column 3, is
    (d, 2 K) in the form plr and (d - 1, K) in the form pbld, where the bias is (d - 1, columns);
    ``layer.map`` is the map of all columns if they share one. ``layer.scale`` and ``layer.shift``
    are (1 + K, columns).

    They start as published. Frequencies are normal, drawn anew beyond three deviations but in pbld;
    phases uniform within half a turn to either side in pbld, 0 in cosine; a map and its bias
    uniform within ``1 / sqrt(inputs of the map)``; a scale 0, so that at first the network sees
    nothing of the column. A shift, published as 0, is uniform within ``1 / sqrt(numbers of the
    layer)``: behind zeros, a ``Dense(n, "relu")`` whose biases are 0, as they are here and not in
    the paper, would have no gradient, and would never learn.

    References
    ----------
    Gorishniy, Rubachev & Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep
    Learning", section 3.3 (PLR). Gorishniy et al. 2023, "TabR" (one map for all columns).
    Holzmüller, Grinsztajn & Steinwart 2024, "Better by Default", appendix A (PBLD). "TabPack", 2026
    (cosine).

    Examples
    --------
    >>> net = Network([Periodic(16, d=4, form="pbld"), Dense(32, "relu"), Dense(1)], input_size=8)
    >>> net.layers[0].units
    32
    >>> net.layers[0].frequency.shape
    (16, 8)
    """

    kind: ClassVar[str] = "periodic"

    frequencies: int
    d: int | None = None
    _: KW_ONLY
    form: str = "plr"
    sigma: float | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        expect_size(self.frequencies, "Periodic: frequencies")
        if self.form not in _SIGMAS:
            raise ValueError(
                f"Periodic: form is {self.form!r}: expected one of {', '.join(_SIGMAS)}"
                + did_you_mean(self.form, _SIGMAS)
            )
        if self.sigma is not None:
            expect_in_range(self.sigma, "Periodic: sigma", above=0)
        expect_flag(self.shared, "Periodic: shared")
        if self.d is not None:
            expect_size(self.d, "Periodic: d")
        if self.form == "pbld":
            expect_count(0 if self.d is None else self.d, "Periodic: d, of the form pbld,", 2)
        if self.form == "cosine" and self.d is not None:
            raise ValueError(
                f"Periodic: d is {self.d} in the form cosine: expected none, as a column becomes "
                f"1 + {self.frequencies} numbers there"
            )
        if self.shared and not self._maps:
            raise ValueError("Periodic: shared is True and there is no map: expected a d")

    @property
    def _maps(self) -> bool:
        return self.d is not None

    @property
    def _is_plain(self) -> bool:
        """Whether a column becomes its waves, and nothing else."""
        return self.form == "plr" and not self._maps

    @property
    def _features(self) -> int:
        """The waves that go into a map."""
        return int(self.frequencies) * (2 if self.form == "plr" else 1)

    @property
    def _numbers(self) -> int:
        """What a column becomes."""
        if self.d is not None:
            return int(self.d)
        return self._features + (1 if self.form == "cosine" else 0)

    def _widths(self) -> list[int]:
        return [self._numbers] * len(self._columns())

    def units_after(self, n_prev: int) -> int:  # noqa: D102
        return n_prev + self._count(n_prev) * (self._numbers - 1)

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {
            "kind": self.kind,
            "columns": list(self._places()),
            "frequencies": int(self.frequencies),
            "dimension": 0 if self.d is None else int(self.d),
            "form": self.form,
            "shared": bool(self.shared),
        }

    def parameters(self, n_prev: int) -> Shapes:  # noqa: D102
        columns, K = self._columns(), int(self.frequencies)
        count = len(columns)
        shapes: Shapes = {"frequency": (K, count)}
        if self.form != "plr":
            shapes["phase"] = (K, count)
        if self.form == "cosine":
            return shapes | {"scale": (1 + K, count), "shift": (1 + K, count)}
        if not self._maps:
            return shapes
        rows = self._numbers - (1 if self.form == "pbld" else 0)
        if self.shared:
            return shapes | {"map": (rows, self._features), "bias": (rows, 1)}
        maps = {f"map{column}": (rows, self._features) for column in columns}
        return shapes | maps | {"bias": (rows, count)}

    def initial(  # noqa: D102
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        if name == "frequency":
            sigma = _SIGMAS[self.form] if self.sigma is None else self.sigma
            return sigma * _normal(generator, shape, 3.0 if self.form != "pbld" else np.inf)
        if name == "phase" and self.form == "pbld":
            return generator.uniform(-0.5, 0.5, shape)
        if name in ("phase", "scale"):
            return np.zeros(shape)
        # A shift does what the random biases of PyTorch's linear layers do behind it: it keeps the
        # first rectifiers from a 0 without a slope.
        inputs = np.prod(shape) if name == "shift" else self._features
        bound = 1.0 / np.sqrt(inputs)
        return generator.uniform(-bound, bound, shape)


def _normal(generator: np.random.Generator, shape: tuple[int, ...], most: float) -> Any:
    """Numbers of a standard normal distribution, none of them beyond a bound."""
    drawn = generator.standard_normal(shape)
    while (beyond := np.abs(drawn) > most).any():
        drawn[beyond] = generator.standard_normal(int(beyond.sum()))
    return drawn
