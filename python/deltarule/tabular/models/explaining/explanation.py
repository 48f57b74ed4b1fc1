"""`Explanation`: what a model of a table answers when it is asked why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_count, expect_integer
from deltarule.history import Right, as_html, as_table
from deltarule.tabular.raw.libraries import pandas_frame

_BAR = 20  # characters of the longest


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """Which columns a model goes by, on the whole and for each prediction.

    Attributes
    ----------
    columns : tuple of str
        The columns of the table that the model uses.
    measure : str
        What is measured when a column is shuffled, such as ``"rise of the RMSE"``.
    importance, deviation : ndarray of shape (n_columns,)
        How much it is, the mean and the standard deviation over several shufflings. Of more than
        100 columns it is tried for the 100 of the largest attributions; the others have NaN.
    outputs : tuple of str
        What is parted among the columns: the number that is predicted, or each of several; for two
        classes the log-odds of the second; for more, the log-odds of each against all, on average.
    base : ndarray of shape (n_outputs,)
        The outputs where every column is as it is on average over the background.
    attributions : ndarray of shape (n_samples, n_columns, n_outputs)
        The columns' parts: ``base + attributions.sum(axis=1)`` are the outputs, but for ``errors``.
    errors : ndarray of shape (n_samples, n_outputs)
        By how much they miss.
    predictions : ndarray of shape (n_samples, n_targets) or (n_samples, n_classes)
        The numbers, or the classes' probabilities.

    Notes
    -----
    Two columns that tell the same share what they are worth: each may have little of it, as the
    other still tells it when one is shuffled. And what a model goes by need not be a cause.

    For two classes, ``1 / (1 + exp(-output))`` is the probability of the second. For more, the
    softmax of the outputs are the probabilities. A number is parted as it is before it is held to
    the range of the targets in ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule.tabular import Explanation
    >>> explanation = Explanation(
    ...     columns=("age", "income"),
    ...     measure="rise of the RMSE",
    ...     importance=np.array([0.25, 1.0]),
    ...     deviation=np.array([0.02, 0.1]),
    ...     outputs=("the prediction",),
    ...     base=np.array([3.0]),
    ...     attributions=np.array([[[0.5], [-1.5]], [[0.1], [1.0]]]),
    ...     errors=np.zeros((2, 1)),
    ...     predictions=np.array([[2.0], [4.1]]),
    ... )
    >>> print(explanation.summary())
    2 predictions by 2 columns
    column  importance  deviation  mean |attribution|
    income           1        0.1                1.25  ####################
    age           0.25       0.02                 0.3  #####
    importance: rise of the RMSE when the column is shuffled
    attribution: the column's part of the prediction
    >>> print(explanation.summary(row=0))
    prediction 0: 2
    column  attribution
    (base)            3
    income         -1.5  --------------------
    age             0.5  +++++++
    attribution: the column's part of the prediction
    """

    columns: tuple[str, ...]
    measure: str
    importance: Array
    deviation: Array
    outputs: tuple[str, ...]
    base: Array
    attributions: Array
    errors: Array
    predictions: Array

    def summary(self, row: int | None = None, *, output: int = 0, most: int = 20) -> str:
        """Tell the columns by their importance; or by their parts of one prediction.

        Parameters
        ----------
        row : int, optional
            Of X: the prediction to tell of.
        output : int
            Which of ``outputs`` is told of a prediction.
        most : int
            How many columns are told.

        Returns
        -------
        str
            A table as plain text.

        Raises
        ------
        TypeError, ValueError
            For a row or an output that is not there.
        """
        title, table, below = self._told(row, output, most)
        return "\n".join([title, as_table(table), *below])

    def to_frame(self) -> Any:
        """The columns by their importance, as a frame of pandas.

        Returns
        -------
        pandas.DataFrame
            With ``column``, ``importance``, ``deviation`` and ``attribution``, which is the mean of
            the sizes.

        Raises
        ------
        ImportError
            Where pandas is not installed.
        """
        order, sizes = self._order(), self._sizes()
        return pandas_frame(
            {
                "column": [self.columns[at] for at in order],
                "importance": self.importance[order],
                "deviation": self.deviation[order],
                "attribution": sizes[order],
            }
        )

    def __repr__(self) -> str:
        order = self._order()[:3]
        some = ", ".join(f"{self.columns[at]} {self.importance[at]:.4g}" for at in order)
        more = ", ..." * (len(self.columns) > len(order))
        return f"Explanation({self._title()}: {some}{more})"

    def _repr_html_(self) -> str:
        title, table, below = self._told(None, 0, 20)
        return as_html(table, title, below)

    def _title(self) -> str:
        n, columns = len(self.attributions), len(self.columns)
        return f"{n} prediction{'s' * (n != 1)} by {columns} column{'s' * (columns != 1)}"

    def _sizes(self) -> Array:
        """How large each column's parts are, on average over predictions and outputs."""
        return np.asarray(np.abs(self.attributions).mean(axis=(0, 2)))

    def _order(self) -> list[int]:
        """The columns from the most important one on."""
        known = np.nan_to_num(self.importance, nan=-np.inf)
        return list(map(int, np.lexsort((-self._sizes(), -known))))

    def _told(
        self, row: int | None, output: int, most: int
    ) -> tuple[str, dict[str, list[Any]], list[str]]:
        """A title, a table, and lines below it."""
        most = expect_count(most, "summary: most", least=1)
        output = _expect_place(output, len(self.outputs), "output")
        words = self.outputs[0] if len(self.outputs) == 1 else "the outputs"
        if row is None:
            title, order, table = self._title(), self._order()[:most], self._by_importance(most)
            below = [f"importance: {self.measure} when the column is shuffled"]
        else:
            row = _expect_place(row, len(self.attributions), "row")
            numbers = ", ".join(f"{each:.4g}" for each in self.predictions[row].tolist())
            title, words, below = f"prediction {row}: {numbers}", self.outputs[output], []
            parts = self.attributions[row, :, output]
            order = np.argsort(-np.abs(parts), kind="stable")[:most].tolist()
            table = {
                "column": ["(base)", *(self.columns[at] for at in order)],
                "attribution": [float(self.base[output]), *parts[order].tolist()],
                "": ["", *_bars(parts[order])],
            }
        left = len(self.columns) - len(order)
        below = [f"and {left} more"] * (left > 0) + below
        return title, table, [*below, f"attribution: the column's part of {words}"]

    def _by_importance(self, most: int) -> dict[str, list[Any]]:
        order, sizes = self._order()[:most], self._sizes()
        tried = np.isfinite(self.importance).any()
        shown = np.maximum(np.nan_to_num(self.importance), 0) if tried else sizes

        def cells(values: Array) -> list[Any]:
            return [Right("") if np.isnan(each) else each for each in values[order].tolist()]

        return {
            "column": [self.columns[at] for at in order],
            "importance": cells(self.importance),
            "deviation": cells(self.deviation),
            "mean |attribution|": sizes[order].tolist(),
            "": _bars(shown[order], "#"),
        }


def _expect_place(value: Any, count: int, what: str) -> int:
    place = expect_integer(value, f"summary: {what}")
    if not 0 <= place < count:
        raise ValueError(f"summary: {what} is {place}: expected 0 to {count - 1}")
    return place


def _bars(values: Array, sign: str = "") -> list[str]:
    """Bars as long as values are large, of their signs or of another character."""
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    lengths = np.round(_BAR * np.abs(values) / largest).astype(int).tolist()
    signs = [sign or ("-" if value < 0 else "+") for value in values.tolist()]
    return [sign * length for sign, length in zip(signs, lengths, strict=True)]
