"""Numbers by their bins: how far they have come through each, and vectors linear within each."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from deltarule._arrays import Array
from deltarule._checks import as_array, expect_finite, expect_flag, expect_size
from deltarule.layers.base import Shapes
from deltarule.layers.columns import NumberEmbedding


@dataclass(frozen=True)
class PiecewiseLinear(NumberEmbedding):
    """Columns of numbers become vectors that are linear within each bin; the other columns pass.

    With T bins between edges ``e_0 < e_1 < ... < e_T``, a number x has come through bin t by
    ``f_t = (x - e_t) / (e_t+1 - e_t)``, held to 0 ... 1 but that the first bin goes on below and
    the last one above. It becomes ``map f + slope x + bias``, or without ``d`` the T numbers f.

    The outputs are the columns that pass, in their order, then each embedded column's numbers. It
    stands before every layer but ``Embedding`` and ``Periodic``: not behind a ``Standardize``, as
    the bins are of X's own numbers.

    Parameters
    ----------
    bins : sequence of array_like
        The edges of each column's bins, 2 or more in ascending order, that float32 can tell apart
        in a network of float32. ``PiecewiseLinear.from_data`` takes them from data.
    d : int, optional
        The numbers that a column becomes; without it those of the bins, and nothing is learned.
    linear : bool
        Whether there is the linear term ``slope x``. Then maps start from zero, so that at first
        the layer is linear, and is bent in training.
    columns : sequence of int, optional
        The columns of X that the bins are of, in ascending order; by default all that no layer
        before takes.
    name, frozen, learning_rate
        As for every layer.

    Raises
    ------
    TypeError, ValueError
        For edges that are no numbers, not finite or out of order, and for an argument out of its
        range.

    Notes
    -----
    ``layer.map3``, of column 3, is (d, T); ``layer.slope`` and ``layer.bias`` are (d, columns).
    Slope and bias start uniform within ``1 / sqrt(d)``; without a linear term the maps and the bias
    start uniform within ``1 / sqrt(T)``.

    References
    ----------
    Gorishniy, Rubachev & Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep
    Learning", section 3.2, equation 1. Gorishniy, Kotelnikov & Babenko 2025, "TabM" (the linear
    term, and the start from zero).

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [8.0], [9.0]]
    >>> net = Network([PiecewiseLinear.from_data(X, bins=2)], input_size=1)
    >>> net.predict([[1.0], [5.0], [16.0]]).round(2)
    array([[0.5 , 0.  ],
           [1.  , 0.43],
           [1.  , 2.  ]], dtype=float32)
    """

    kind: ClassVar[str] = "piecewise_linear"

    bins: Sequence[ArrayLike] = field(repr=False)
    d: int | None = None
    _: KW_ONLY
    linear: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.bins, (str, bytes)) or not isinstance(self.bins, Sized):
            raise TypeError(
                f"PiecewiseLinear: bins is {self.bins!r}: expected the edges of each column's "
                "bins, as PiecewiseLinear.from_data makes them"
            )
        bins = tuple(
            _edges(each, f"PiecewiseLinear: bins[{i}]") for i, each in enumerate(self.bins)
        )
        object.__setattr__(self, "bins", bins)
        if not bins:
            raise ValueError("PiecewiseLinear: bins of no column: expected those of 1 or more")
        if self.columns is not None and len(self.columns) != len(bins):
            raise ValueError(
                f"PiecewiseLinear: bins of {len(bins)} columns, and {len(self.columns)} columns: "
                "expected as many"
            )
        if self.d is not None:
            expect_size(self.d, "PiecewiseLinear: d")
        expect_flag(self.linear, "PiecewiseLinear: linear")

    @classmethod
    def from_data(
        cls,
        X: ArrayLike,
        bins: int = 48,
        d: int | None = None,
        *,
        columns: Sequence[int] | None = None,
        dtype: DTypeLike = "float32",
        **rest: Any,
    ) -> Self:
        """Make a layer whose bins hold as many of the data's numbers as one another.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            As the network is to be trained on.
        bins : int
            The bins of a column at most: of edges that are the same one is left, and of a column
            that is the same everywhere one bin.
        d, columns, **rest
            As for the layer.
        dtype : dtype_like
            The network's, whose numbers the edges are to be.

        Returns
        -------
        PiecewiseLinear

        Raises
        ------
        TypeError, ValueError
            For data that is no table of finite numbers.

        Examples
        --------
        >>> layer = PiecewiseLinear.from_data([[0.0], [1.0], [1.0], [1.0], [5.0]], bins=4, d=2)
        >>> layer.bins
        ((0.0, 1.0, 5.0),)
        """
        where = "PiecewiseLinear.from_data"
        expect_size(bins, f"{where}: bins")
        table = as_array(X, where, "X")
        if table.dtype.kind not in "biuf":
            raise TypeError(f"{where}: X is {table.dtype}: expected real numbers")
        if table.ndim != 2 or not len(table):
            raise ValueError(f"{where}: X has shape {table.shape}: expected (rows, columns)")
        expect_finite(table, f"{where}: X")
        chosen = range(table.shape[1]) if columns is None else columns
        edges = [_quantiles(table[:, column], int(bins), np.dtype(dtype)) for column in chosen]
        return cls(edges, d, columns=columns, **rest)

    def _placed(self, columns: tuple[int, ...], places: tuple[int, ...]) -> Self:
        if len(columns) != len(self.bins):
            raise ValueError(
                f"Network: a PiecewiseLinear has bins of {len(self.bins)} columns: expected "
                f"{len(columns)}, those of all columns that no layer before takes, or columns=..."
            )
        return super()._placed(columns, places)

    def _edges(self) -> tuple[tuple[float, ...], ...]:
        """The edges of each column's bins, as they have been checked."""
        return cast(tuple[tuple[float, ...], ...], self.bins)

    def _sizes(self) -> list[int]:
        return [len(edges) - 1 for edges in self._edges()]

    def _widths(self) -> list[int]:
        return self._sizes() if self.d is None else [int(self.d)] * len(self.bins)

    def units_after(self, n_prev: int) -> int:  # noqa: D102
        return n_prev - len(self.bins) + sum(self._widths())

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {
            "kind": self.kind,
            "bins": list(zip(self._places(), self._edges(), strict=True)),
            "dimension": 0 if self.d is None else int(self.d),
            "linear": bool(self.linear),
        }

    def parameters(self, n_prev: int) -> Shapes:  # noqa: D102
        if self.d is None:
            return {}
        d, columns = int(self.d), self._columns()
        shapes: Shapes = {f"map{c}": (d, T) for c, T in zip(columns, self._sizes(), strict=True)}
        for name in ["slope", "bias"] if self.linear else ["bias"]:
            shapes[name] = (d, len(columns))
        return shapes

    def initial(  # noqa: D102
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        if self.linear:
            bound: Any = 0.0 if name.startswith("map") else 1.0 / np.sqrt(shape[0])
        else:
            bound = 1.0 / np.sqrt(shape[1] if name.startswith("map") else self._sizes())
        return bound * generator.uniform(-1.0, 1.0, shape)

    def expect_told_apart(self, dtype: np.dtype[Any], where: str) -> None:
        """Hold the edges to being finite and apart in a network's dtype.

        Raises
        ------
        ValueError
            With the first column whose edges are not.
        """
        for column, edges in zip(self._columns(), self._edges(), strict=True):
            with np.errstate(over="ignore"):
                rounded = np.asarray(edges).astype(dtype)
                apart = np.isfinite(rounded).all() and np.isfinite(np.diff(rounded)).all()
            if not apart or not (np.diff(rounded) > 0).all():
                raise ValueError(
                    f"{where} has edges for column {column} that {dtype} does not tell apart: "
                    f"expected others, or dtype={dtype.name!r} where PiecewiseLinear.from_data "
                    "makes them"
                )


def _edges(given: ArrayLike, what: str) -> tuple[float, ...]:
    edges = np.asarray(given)
    if edges.dtype.kind not in "biuf":
        raise TypeError(f"{what} is {edges.dtype}: expected edges that are real numbers")
    if edges.ndim != 1 or edges.size < 2:
        raise ValueError(f"{what} has shape {edges.shape}: expected 2 edges or more, (edges,)")
    edges = edges.astype(np.float64)
    expect_finite(edges, what)
    unordered = np.flatnonzero(np.diff(edges) <= 0)
    if unordered.size:
        at = int(unordered[0])
        raise ValueError(
            f"{what} has {edges[at]} before {edges[at + 1]}: expected edges in ascending order"
        )
    return tuple(edges.tolist())


def _quantiles(column: Array, bins: int, dtype: np.dtype[Any]) -> Array:
    """The edges between as many numbers on either side, none of them twice."""
    numbers = column.astype(np.float64)
    edges = np.unique(np.quantile(numbers, np.linspace(0.0, 1.0, bins + 1)).astype(dtype))
    if edges.size == 1:  # a bin as wide as the number is large, where it tells nothing
        edges = np.array([edges[0], edges[0] + max(1.0, abs(edges[0]))], dtype)
    return edges
