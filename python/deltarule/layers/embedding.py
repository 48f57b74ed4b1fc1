"""Vectors for the codes of categories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deltarule._checks import expect_size, is_integer
from deltarule.layers.base import LayerDescription, Shapes


@dataclass(frozen=True)
class Embedding(LayerDescription):
    """Columns of category codes become vectors that are learned; the other columns pass.

    The outputs are the columns that pass, in their order, then each embedded column's vector. It
    stands before every layer but ``Standardize``.

    Parameters
    ----------
    columns : mapping of int to (int, int)
        ``{column: (categories, dimension)}``: a column of X holds codes 0 ... categories - 1, and a
        code's vector has ``dimension`` numbers.
    name, frozen, learning_rate
        As for every layer.

    Raises
    ------
    TypeError, ValueError
        For what is no mapping of columns to sizes, and for sizes out of their range.

    Notes
    -----
    The vectors start from a normal distribution of standard deviation 0.05. They are columns of a
    table (dimension, categories): ``layer.E3`` for column 3. A step updates the whole table.

    References
    ----------
    Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables".

    Examples
    --------
    >>> import deltarule as dr
    >>> layers = [dr.Embedding({1: (3, 2)}), dr.Dense(1)]  # three codes, two numbers each
    >>> net = dr.Network(layers, input_size=2, seed=0)
    >>> net.layers[0].E1.shape
    (2, 3)
    >>> net.predict([[0.5, 2], [0.5, 0]]).shape
    (2, 1)
    """

    kind: ClassVar[str] = "embedding"

    columns: Mapping[int, tuple[int, int]]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.columns, Mapping) or not self.columns:
            raise TypeError(
                f"Embedding: columns is {self.columns!r}: expected {{column: (categories, "
                "dimension)}"
            )
        columns = {}
        for column, sizes in self.columns.items():
            if not is_integer(column):
                raise TypeError(f"Embedding: column {column!r}: expected an integer")
            if not 0 <= column < 2**31:
                raise ValueError(
                    f"Embedding: column {column}: expected 0 or more, and less than 2^31"
                )
            if not isinstance(sizes, Sequence) or len(sizes) != 2:
                raise TypeError(
                    f"Embedding: columns[{column}] is {sizes!r}: expected (categories, dimension)"
                )
            categories = expect_size(sizes[0], f"Embedding: categories of column {column}")
            columns[int(column)] = (
                categories,
                expect_size(sizes[1], f"Embedding: dimension of column {column}"),
            )
        object.__setattr__(self, "columns", dict(sorted(columns.items())))

    def units_after(self, n_prev: int) -> int:  # noqa: D102
        return n_prev + sum(dimension - 1 for _, dimension in self.columns.values())

    def expect_told_apart(self, dtype: np.dtype[Any], where: str) -> None:
        """Hold the codes to being told apart in a network's dtype.

        Raises
        ------
        ValueError
            With the first column that has too many.
        """
        most = 2 ** (np.finfo(dtype).nmant + 1)
        for column, (categories, _) in self.columns.items():
            if categories > most:
                raise ValueError(
                    f"Network: an Embedding has {categories} categories in column {column}: "
                    f"expected {most} or fewer, as {dtype} tells no more codes apart"
                )

    def core(self) -> dict[str, Any]:  # noqa: D102
        return {"kind": self.kind, "columns": [(c, *sizes) for c, sizes in self.columns.items()]}

    def parameters(self, n_prev: int) -> Shapes:  # noqa: D102
        return {
            f"E{column}": (dimension, categories)
            for column, (categories, dimension) in self.columns.items()
        }

    def initial(  # noqa: D102
        self, name: str, shape: tuple[int, ...], generator: np.random.Generator, where: str
    ) -> Any:
        return generator.normal(0.0, 0.05, shape)


def embedded_columns(layers: Iterable[LayerDescription]) -> Iterator[tuple[int, int]]:
    """Each embedded column of X, and how many categories it has."""
    for layer in layers:
        if isinstance(layer, Embedding):
            yield from ((column, sizes[0]) for column, sizes in layer.columns.items())
