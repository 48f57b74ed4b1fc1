"""`TableEncoder`: what turns a table's columns into numbers, learned from a table."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import did_you_mean, expect_integer
from deltarule.errors import TableWarning
from deltarule.history import as_html, as_table
from deltarule.layers import Embedding
from deltarule.tabular.encoding.categories import Category
from deltarule.tabular.encoding.file import learned_in, state_of
from deltarule.tabular.encoding.finding import learned_from
from deltarule.tabular.encoding.learned import Learned
from deltarule.tabular.encoding.rows import arranged, encoded, encoded_one
from deltarule.tabular.encoding.settings import Settings
from deltarule.tabular.encoding.state import State
from deltarule.tabular.encoding.words import listed, title, told, whys
from deltarule.tabular.leaks import targets_of
from deltarule.tabular.raw.tables import table_of

# What stands for a missing value in text, in any case and with spaces around it.
MISSING = (
    "", "-", "--", ".", "?", "#n/a", "#na", "<na>", "n.a.", "n/a", "na", "nan", "nat", "nil",
    "none", "null",
)  # fmt: skip

_PARAMETERS = ("kinds", "scaling", "one_hot", "min_count", "missing")
_MOST_VECTOR = 16


class TableEncoder:
    """Raw tables to numbers for a network: it finds of each column what it is, and encodes it.

    Parameters
    ----------
    kinds : mapping of str to str, optional
        ``{"column": "number" | "category" | "date" | "drop"}``, for columns of which something else
        would be found.
    scaling : {"quantile", "robust", "standard"}
        Of numbers: to the quantiles of a normal distribution; by median and quartiles, with
        outliers drawn in; to mean 0 and deviation 1.
    one_hot : int
        Categories of so many levels or fewer become a column of 0 and 1 each; of more, one column
        of codes, for an ``Embedding``.
    min_count : int, optional
        Levels that fewer rows have are rare, and share one level. By default a hundredth of the
        rows, and 10 at most.
    missing : collection of str
        What stands for a missing value in text, in any case and with any spaces around it.

    Attributes
    ----------
    columns : list of str
        The columns that are used, by their names in the table.
    found : dict of str to str
        Each of them: ``"number"``, ``"category"`` or ``"date"``.
    levels : dict of str to list of str
        The levels of each category, in the order of their codes, but those that share one.
    left_out : dict of str to str
        The columns that are not used, and why.
    remarks : dict of str to str
        What is to be said of a column beside: that it gives the target away, or is another's copy.
    feature_names_out : list of str
        The columns of the result.
    output_size : int
        How many they are.
    embedded : dict of int to int
        Those of them that hold codes, and how many codes there are.
    numbers : list of int
        Those of them that hold numbers on a scale, which layers such as ``Periodic`` embed.
    spans : dict of str to (int, int)
        Where the numbers of each column that is used begin and end in the result.

    Raises
    ------
    TypeError, ValueError
        For arguments that cannot be, and as each method says.

    Notes
    -----
    What is found of a column goes by its values, so that it is the same for a frame of pandas, of
    polars, and for text that was read from a file:

    - *number*: numbers, and text that spells numbers throughout (but "01234", which is a code).
      What is missing gets the median; a column beside says where, if something was missing in
      ``fit``. Infinite numbers get the greatest or the least number of ``fit``.
    - *category*: text, True and False, what pandas or polars say is categorical, and whole numbers
      of which 8 at most differ, each with 20 rows on average. What is missing is a level of its own
      if something was missing in ``fit``, and else as rare. Unseen levels are as the rare ones;
      where none were rare, they are 0 in all columns. Two levels are one column of -1 and 1.
    - *date*: moments, and text of ISO 8601. They become days since 1970, the year, and of month,
      day of the week and hour a sine and a cosine, each where it varies. Moments with a zone are
      taken in UTC.
    - left out: what is the same in every row; whole numbers that number the rows, or whose name is
      that of an identifier and which all differ; text that differs in every row, UUIDs and
      sentences; lists and other objects.

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and
    Boosted Trees on Tabular Data", NeurIPS 2024 (arXiv 2407.04491): the robust scaling.

    Examples
    --------
    >>> table = {"age": [31, 54, None], "city": ["Rome", "Oslo", "Rome"]}
    >>> encoder = TableEncoder().fit(table)
    >>> encoder.feature_names_out
    ['age', 'age missing', 'city=Rome']
    >>> encoder.transform({"city": ["Oslo"], "age": [54]}).round(2)
    array([[ 0.67,  0.  , -1.  ]], dtype=float32)
    """

    def __init__(
        self,
        *,
        kinds: Mapping[str, str] | None = None,
        scaling: str = "quantile",
        one_hot: int = 8,
        min_count: int | None = None,
        missing: Collection[str] = MISSING,
    ) -> None:
        # As they were given, and looked at again by fit, which is scikit-learn's contract.
        self.kinds, self.scaling, self.one_hot = kinds, scaling, one_hot
        self.min_count, self.missing = min_count, missing
        Settings.of(**self.get_params())
        self._learned: Learned | None = None
        self._said_what_is_new = False

    # As scikit-learn has it ----------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Tell the parameters, as they were given.

        Parameters
        ----------
        deep : bool
            Of no account, as no parameter has parameters of its own.

        Returns
        -------
        dict of str
        """
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, for the next ``fit``; what was learned stays as it is.

        Parameters
        ----------
        **params
            Those of the constructor, by their names.

        Returns
        -------
        TableEncoder
            Itself.

        Raises
        ------
        ValueError
            For a name that is none of theirs; what a parameter cannot be is said by ``fit``.
        """
        for name in params:
            if name not in _PARAMETERS:
                raise ValueError(
                    f"TableEncoder.set_params: there is no parameter {name!r}: expected some of "
                    f"{', '.join(_PARAMETERS)}" + did_you_mean(name, _PARAMETERS)
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Tell the columns of the result, as scikit-learn's transformers do.

        Parameters
        ----------
        input_features : array_like of str, optional
            The table's columns, which are held to be those of ``fit``.

        Returns
        -------
        ndarray of str objects, shape (output_size,)

        Raises
        ------
        ValueError
            Before ``fit``, and for other columns than those of ``fit``.
        """
        names = self._fitted.names
        if input_features is not None and list(input_features) != names:
            raise ValueError(
                f"TableEncoder.get_feature_names_out: input_features are "
                f"{listed(list(input_features))}: expected the columns of fit, {listed(names)}"
            )
        return np.array(self.feature_names_out, object)

    def __sklearn_is_fitted__(self) -> bool:
        return self._learned is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags  # who asks has it

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(string=True, categorical=True, allow_nan=True),
        )

    # Fitting -------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, names: Sequence[str] | None = None) -> Self:
        """Learn from a table what its columns are, and how they become numbers.

        Parameters
        ----------
        X : table
            A frame of pandas or polars, an Arrow table, a dictionary of columns, records, a list of
            dictionaries; or an array or a list of rows, whose columns then go by their places.
        y : array_like, optional
            The target, or several. A column that alone predicts it nearly without error is warned
            of; nothing else is learned from it.
        names : sequence of str, optional
            Of an array's columns.

        Returns
        -------
        TableEncoder
            Itself.

        Raises
        ------
        TypeError, ValueError
            For what is no table, for kinds that a column cannot be of, and where no column is left.

        Warns
        -----
        TableWarning
            Of columns that give the target away, and of copies of other columns.
        """
        self._learn(X, y, names, "TableEncoder.fit", stacklevel=3)
        return self

    def _learn(
        self, X: Any, y: Any, names: Sequence[str] | None, where: str, *, stacklevel: int
    ) -> None:
        """What ``fit`` does, also for models that have an encoder of their own."""
        settings = Settings.of(**self.get_params())
        table = table_of(X, where, "X", names)
        m = table.rows(where, "X")
        if not m:
            raise ValueError(f"{where}: X has no rows: expected 1 or more")
        targets = [] if y is None else targets_of(y, m, where)
        learned = learned_from(table, m, settings, targets, where)
        self._learned, self._said_what_is_new = learned, False
        if learned.remarks:
            warnings.warn(f"{where}: {whys(learned.remarks)}", TableWarning, stacklevel=stacklevel)

    @property
    def _fitted(self) -> Learned:
        if self._learned is None:
            raise ValueError("TableEncoder: it knows no columns yet: expected fit(X) beforehand")
        return self._learned

    @property
    def learned(self) -> object:
        """What it has learned, which copies share until they are fitted again."""
        return self._fitted

    @property
    def columns(self) -> list[str]:
        """The columns that are used, by their names in the table."""
        return list(self._fitted.encodings)

    @property
    def found(self) -> dict[str, str]:
        """What each of them is: a number, a category or a date."""
        return {name: encoding.kind for name, encoding in self._fitted.encodings.items()}

    @property
    def numbers(self) -> list[int]:
        """Those of them that hold numbers on a scale, which layers such as ``Periodic`` embed."""
        return self._fitted.numbers

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Where the numbers of each column that is used begin and end in the result."""
        return dict(zip(self._fitted.encodings, self._fitted.spans, strict=True))

    @property
    def levels(self) -> dict[str, list[str]]:
        """The levels of each category, in the order of their codes."""
        return {
            name: list(encoding.levels)
            for name, encoding in self._fitted.encodings.items()
            if isinstance(encoding, Category)
        }

    @property
    def left_out(self) -> dict[str, str]:
        """The columns that are not used, and why."""
        return dict(self._fitted.left_out)

    @property
    def remarks(self) -> dict[str, str]:
        """What is to be said of a column beside."""
        return dict(self._fitted.remarks)

    @property
    def feature_names_out(self) -> list[str]:
        """The columns of the result."""
        return list(self._fitted.feature_names_out)

    @property
    def output_size(self) -> int:
        """How many columns the result has."""
        return len(self._fitted.feature_names_out)

    @property
    def embedded(self) -> dict[int, int]:
        """Those of them that hold codes of categories, and how many codes there are."""
        return dict(self._fitted.embedded.values())

    # Encoding ------------------------------------------------------------------------------------

    def transform(self, X: Any) -> Array:
        """Encode a table.

        Parameters
        ----------
        X : table
            As in ``fit``, with the same columns in any order. An array without names is taken where
            ``fit`` was given one.

        Returns
        -------
        ndarray of float32, shape (n_samples, output_size)

        Raises
        ------
        TypeError, ValueError
            Where a column is missing, or a value is not of the kind that was found in ``fit``.

        Warns
        -----
        TableWarning
            The first time that there are columns which ``fit`` had not: they are left out.
        """
        return self.encoded(X, "TableEncoder.transform")[0]

    def fit_transform(self, X: Any, y: Any = None, *, names: Sequence[str] | None = None) -> Array:
        """Learn from a table, and encode it.

        Parameters
        ----------
        X, y, names
            As in ``fit``.

        Returns
        -------
        ndarray of float32, shape (n_samples, output_size)

        Raises
        ------
        TypeError, ValueError
            As ``fit`` does.
        """
        return self.fit(X, y, names=names).transform(X)

    def encoded(self, X: Any, where: str, what: str = "X") -> tuple[Array, bool]:
        """Encode a table, and tell whether it was a single example.

        Parameters
        ----------
        X : table
        where, what : str
            For messages.

        Returns
        -------
        rows : ndarray of float32, shape (n_samples, output_size)
        one : bool

        Raises
        ------
        TypeError, ValueError
            As ``transform`` does.
        """
        learned = self._fitted
        table, new = arranged(learned, table_of(X, where, what), where, what)
        if new and not self._said_what_is_new:
            self._said_what_is_new = True
            warnings.warn(
                f"{where}: {what} has columns that were not there in fit, which are left out: "
                f"{listed(new)}",
                TableWarning,
                stacklevel=3,
            )
        if table.one:
            return encoded_one(learned, table, where, what), True
        return encoded(learned, table, where, what), False

    # Layers --------------------------------------------------------------------------------------

    def layers(self, dimensions: Mapping[str, int] | int | None = None) -> list[Embedding]:
        """The layers that the result needs at a network's beginning: an ``Embedding``, or none.

        Parameters
        ----------
        dimensions : int or mapping of str to int, optional
            How many numbers a level's vector has, in all columns or by a column's name. Else it is
            ``1.6 n^0.56`` for n codes, and 16 at most.

        Raises
        ------
        TypeError, ValueError
            For columns that are not embedded.

        Examples
        --------
        >>> table = {"city": ["Rome", "Oslo", "Bern", "Rome"], "age": [31, 54, 28, 45]}
        >>> encoder = TableEncoder(one_hot=2).fit(table)
        >>> encoder.layers({"city": 3})
        [Embedding(columns={0: (4, 3)})]
        """
        by_name = self._fitted.embedded
        given = dimensions if isinstance(dimensions, Mapping) else {}
        for name in given:
            if name not in by_name:
                raise ValueError(
                    f"TableEncoder.layers: dimensions names {name!r}: expected columns that are "
                    f"embedded, {listed(list(by_name)) or 'of which there are none'}"
                    + did_you_mean(name, by_name)
                )
        every = None if isinstance(dimensions, Mapping) else dimensions
        columns = {}
        for name, (column, n) in by_name.items():
            dimension = given.get(name, every)
            what = f"TableEncoder.layers: dimensions of {name!r}"
            columns[column] = (
                n,
                min(_MOST_VECTOR, round(1.6 * n**0.56))
                if dimension is None
                else expect_integer(dimension, what),
            )
        return [Embedding(columns)] if columns else []

    # In words ------------------------------------------------------------------------------------

    def describe(self) -> str:
        """Tell column by column what was found, and what it becomes.

        Returns
        -------
        str
            A table as plain text.

        Raises
        ------
        ValueError
            Before ``fit``.
        """
        learned = self._fitted
        return f"{title(learned)}\n{as_table(told(learned))}"

    def __repr__(self) -> str:
        return f"TableEncoder: {self._title()}"

    def _reported(self, X: Any, train: Any, where: str) -> dict[str, Any]:
        """What a report on a network behind it says of the table's columns."""
        from deltarule.tabular.reporting.columns import columns_of

        return {
            "spans": self.spans,
            "columns": columns_of(self, X, train, where),
            "left_out": self.left_out,
        }

    def _repr_html_(self) -> str:
        if self._learned is None:
            return f"<p>{self!r}</p>"
        return as_html(told(self._learned), self._title())

    def _title(self) -> str:
        return "not fitted" if self._learned is None else title(self._learned)

    # Elsewhere -----------------------------------------------------------------------------------

    def to_state(self) -> State:
        """All that it is, for a file.

        Returns
        -------
        dict of str
            Arrays of numbers, and values that JSON has.

        Raises
        ------
        ValueError
            Before ``fit``.
        """
        return state_of(self._fitted)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """An encoder of the state that ``to_state`` made.

        Raises
        ------
        ModelFileError
            For a state that is none.
        """
        learned = learned_in(state)
        settings = learned.settings
        made = cls(
            kinds=settings.kinds or None,
            scaling=settings.scaling,
            one_hot=settings.one_hot,
            min_count=settings.min_count,
            missing=sorted(settings.missing),
        )
        made._learned, made._said_what_is_new = learned, False
        return made

    def add_to(self, graph: Any) -> str:
        """Put what makes the rows into an ONNX graph in the making, for ``Network.to_onnx``.

        Raises
        ------
        ValueError
            For a column whose name is empty.
        """
        from deltarule.tabular.encoding.graph import rows_of  # few networks are written to ONNX

        learned = self._fitted
        return rows_of(graph, list(learned.encodings.values()), learned.settings.missing)

    def add_to_c(self, function: Any) -> None:
        """Put what makes the rows into a C header in the making, for ``Network.to_c``.

        Raises
        ------
        ValueError
            For a column of dates.
        """
        from deltarule.tabular.encoding.c_statements import add_columns

        add_columns(function, list(self._fitted.encodings.values()))
