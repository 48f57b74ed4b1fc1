"""`TableEncoder`: what turns a table's columns into numbers, learned from a table."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import did_you_mean, expect_count, expect_integer
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError, TableWarning
from deltarule.history import Right, as_html, as_table
from deltarule.layers import Embedding
from deltarule.tabular.encoding.categories import Category
from deltarule.tabular.encoding.dates import Date
from deltarule.tabular.encoding.kinds import KINDS, Found, found_in
from deltarule.tabular.encoding.numbers import Number
from deltarule.tabular.encoding.parts import Parts
from deltarule.tabular.encoding.scaling import SCALINGS
from deltarule.tabular.encoding.state import Reader, State, packed_parts, packed_texts
from deltarule.tabular.leaks import Target, digest_of, targets_of
from deltarule.tabular.raw.columns import Column, Numbers, Times
from deltarule.tabular.raw.readings import Place, as_numbers, as_times, without_missing
from deltarule.tabular.raw.tables import Table, table_of

Encoding = Number | Category | Date

# What stands for a missing value in text, in any case and with spaces around it.
MISSING = (
    "", "-", "--", ".", "?", "#n/a", "#na", "<na>", "n.a.", "n/a", "na", "nan", "nat", "nil",
    "none", "null",
)  # fmt: skip

_ENCODINGS: dict[str, type[Number] | type[Category] | type[Date]] = {
    kind.kind: kind for kind in (Number, Category, Date)
}
_LEFT_OUT = "left out"
_CODES = [*_ENCODINGS, _LEFT_OUT]  # a file has a kind's place here
_MOST_NAMED = 5  # in a message
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
    missing : iterable of str
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
        missing: Iterable[str] = MISSING,
    ) -> None:
        self.kinds = _kinds(kinds)
        if not isinstance(scaling, str) or scaling not in SCALINGS:
            raise ValueError(
                f"TableEncoder: scaling is {scaling!r}: expected one of {', '.join(SCALINGS)}"
                + did_you_mean(scaling, SCALINGS)
            )
        self.scaling = scaling
        self.one_hot = expect_count(one_hot, "TableEncoder: one_hot", least=0)
        if min_count is not None:
            min_count = expect_count(min_count, "TableEncoder: min_count", least=1)
        self.min_count = min_count
        self.missing = _spellings(missing)
        self._encodings: dict[str, Encoding] | None = None

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
        where = "TableEncoder.fit"
        table = table_of(X, where, "X", names)
        self._expect_kinds(table, where)
        m = table.rows(where, "X")
        if not m:
            raise ValueError(f"{where}: X has no rows: expected 1 or more")
        targets = [] if y is None else targets_of(y, m, where)
        encodings: dict[str, Encoding] = {}
        left_out: dict[str, str] = {}
        remarks: dict[str, str] = {}
        copies: dict[bytes, str] = {}
        for name in table.raw:
            column = without_missing(table.column(name, m, where, "X"), self.missing)
            encoding, column, why = self._learned(name, column, Place(where, "X", name))
            if encoding is None:
                left_out[name] = why
                continue
            encodings[name] = encoding
            remark = _remark(name, column, targets, copies)
            if remark:
                remarks[name] = remark
        if not encodings:
            raise ValueError(
                f"{where}: no column of X is left: expected one that varies; {_whys(left_out)}"
            )
        self._adopt(list(table.raw), encodings, left_out, remarks, by_place=not table.named)
        if remarks:
            warnings.warn(f"{where}: {_whys(remarks)}", TableWarning, stacklevel=2)
        return self

    def _learned(
        self, name: str, column: Column, place: Place
    ) -> tuple[Encoding | None, Column, str]:
        """How a column becomes numbers, and the column as it is read; or why it does not."""
        kind, column, why = self._found(name, column, place)
        made: Encoding | None = None
        match kind, column:
            case "number", Numbers(values=values):
                made = Number.fitted(name, values, self.scaling)
                why = "no two finite numbers in it differ"
            case "date", Times():
                made = Date.fitted(name, column, self.scaling)
                why = "no two dates in it differ"
            case "category", _:
                count = self.min_count or max(1, min(10, len(column) // 100))
                made = Category.fitted(name, column, place, count, self.one_hot)
                why = f"less than two levels are left: each of {count} rows, rare and missing ones"
        return made, column, why

    def _found(self, name: str, column: Column, place: Place) -> Found:
        """A column's kind: what it is said to be, or else what it is like."""
        match self.kinds.get(name):
            case None:
                return found_in(name, column)
            case "drop":
                return Found("drop", column, "kinds says so")
            case "number":
                return Found("number", Numbers(as_numbers(column, place)))
            case "date":
                return Found("date", as_times(column, place, None))
            case kind:
                return Found(kind, column)

    def _expect_kinds(self, table: Table, where: str) -> None:
        for name in self.kinds:
            if name not in table.raw:
                raise ValueError(
                    f"{where}: kinds names {name!r}: expected columns of X"
                    + did_you_mean(name, table.raw)
                )

    def _adopt(
        self,
        names: list[str],
        encodings: dict[str, Encoding],
        left_out: dict[str, str],
        remarks: dict[str, str],
        *,
        by_place: bool,
    ) -> None:
        """Become what was learned."""
        self._names, self._encodings, self._by_place = names, encodings, by_place
        self.left_out, self.remarks = left_out, remarks
        self._spans: list[tuple[int, int]] = []  # where each encoding's columns begin and end
        self.feature_names_out: list[str] = []
        for encoding in encodings.values():
            first = len(self.feature_names_out)
            self.feature_names_out += encoding.outputs
            self._spans.append((first, len(self.feature_names_out)))
        self._said_what_is_new = False

    @property
    def _fitted(self) -> dict[str, Encoding]:
        """How each column that is used becomes numbers."""
        if self._encodings is None:
            raise ValueError("TableEncoder: it knows no columns yet: expected fit(X) beforehand")
        return self._encodings

    @property
    def columns(self) -> list[str]:
        """The columns that are used, by their names in the table."""
        return list(self._fitted)

    @property
    def learned(self) -> object:
        """What it has learned, which copies share until they are fitted again."""
        return self._fitted

    @property
    def found(self) -> dict[str, str]:
        """What each of them is: a number, a category or a date."""
        return {name: encoding.kind for name, encoding in self._fitted.items()}

    @property
    def output_size(self) -> int:
        """How many columns the result has."""
        return sum(len(encoding.outputs) for encoding in self._fitted.values())

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Where the numbers of each column that is used begin and end in the result."""
        return dict(zip(self._fitted, self._spans, strict=True))

    @property
    def embedded(self) -> dict[int, int]:
        """Those of them that hold codes of categories, and how many codes there are."""
        return {
            first: encoding.categories
            for encoding, (first, _) in zip(self._fitted.values(), self._spans, strict=True)
            if encoding.categories is not None
        }

    @property
    def levels(self) -> dict[str, list[str]]:
        """The levels of each category, in the order of their codes."""
        return {
            name: list(encoding.levels)
            for name, encoding in self._fitted.items()
            if isinstance(encoding, Category)
        }

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
        encodings = self._fitted
        table = self._in_order(table_of(X, where, what), where, what)
        if table.one:
            return self._encoded_one(table, where, what), True
        m = table.rows(where, what)
        out = np.zeros((m, self.output_size), np.float32)
        for (name, encoding), (first, last) in zip(encodings.items(), self._spans, strict=True):
            column = without_missing(table.column(name, m, where, what), self.missing)
            encoding.encode(column, Place(where, what, name), out[:, first:last])
        return out, False

    def _encoded_one(self, table: Table, where: str, what: str) -> Array:
        """The row of a single example, without arrays where there is no need of one."""
        row: list[float] = []
        for name, encoding in self._fitted.items():
            numbers = encoding.encode_one(table.raw[name], self.missing)
            if numbers is None:
                column = without_missing(table.column(name, 1, where, what), self.missing)
                part = np.zeros((1, len(encoding.outputs)), np.float32)
                encoding.encode(column, Place(where, what, name), part)
                numbers = part[0].tolist()
            row += numbers
        return np.array([row], np.float32)

    def _in_order(self, table: Table, where: str, what: str) -> Table:
        """A table in which every column that is used is there."""
        if not table.named:
            return self._by_names(table, where, what)
        missing = [name for name in self._fitted if name not in table.raw]
        known = set(self._names)
        new = [name for name in table.raw if name not in known]
        if missing:
            raise ValueError(
                f"{where}: {what} has no column {_listed(missing, new)}: expected those of "
                "encoder.columns, in any order"
            )
        if new and not self._said_what_is_new:
            self._said_what_is_new = True
            warnings.warn(
                f"{where}: {what} has columns that were not there in fit, which are left out: "
                f"{_listed(new)}",
                TableWarning,
                stacklevel=4,
            )
        return table

    def _by_names(self, table: Table, where: str, what: str) -> Table:
        """An array's columns by the names that their places have."""
        if not self._by_place:
            raise ValueError(
                f"{where}: {what} is an array without names: expected a table with the columns "
                f"{_listed(self.columns)}, as they are encoded here; what transform has made is "
                "for a network without inputs=encoder"
            )
        if len(table.raw) != len(self._names):
            raise ValueError(
                f"{where}: {what} has {len(table.raw)} columns: expected {len(self._names)}, as "
                "the array had in fit"
            )
        return table._replace(raw=dict(zip(self._names, table.raw.values(), strict=True)))

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
        by_name = {
            name: first
            for (name, encoding), (first, _) in zip(self._fitted.items(), self._spans, strict=True)
            if encoding.categories is not None
        }
        given = dimensions if isinstance(dimensions, Mapping) else {}
        for name in given:
            if name not in by_name:
                raise ValueError(
                    f"TableEncoder.layers: dimensions names {name!r}: expected columns that are "
                    f"embedded, {_listed(list(by_name)) or 'of which there are none'}"
                    + did_you_mean(name, by_name)
                )
        every = None if isinstance(dimensions, Mapping) else dimensions
        columns = {}
        for name, column in by_name.items():
            n = self.embedded[column]
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
        told = self._told()  # which says so where there is nothing to tell
        return f"{self._title()}\n{as_table(told)}"

    def __repr__(self) -> str:
        return f"TableEncoder: {self._title()}"

    def _repr_html_(self) -> str:
        if self._encodings is None:
            return f"<p>{self!r}</p>"
        return as_html(self._told(), self._title())

    def _title(self) -> str:
        if self._encodings is None:
            return "not fitted"
        left = f", {len(self.left_out)} left out" * bool(self.left_out)
        return f"{len(self._encodings)} columns become {self.output_size} numbers{left}"

    def _told(self) -> dict[str, list[Any]]:
        encodings, rows = self._fitted, list[tuple[Any, ...]]()
        for name in self._names:
            encoding = encodings.get(name)
            if encoding is None:
                rows.append((name, "left out", self.left_out[name], Right(0), ""))
                continue
            found, becomes = encoding.told()
            remark = self.remarks.get(name, "")
            rows.append((name, found, becomes, Right(len(encoding.outputs)), remark))
        heads = ("column", "found", "becomes", "numbers", "remark")
        told = {
            head: list(cells) for head, cells in zip(heads, zip(*rows, strict=True), strict=True)
        }
        return {head: cells for head, cells in told.items() if any(cells)}

    # Files ---------------------------------------------------------------------------------------

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
        encodings, found = self._fitted, self.found
        kinds = [_CODES.index(found.get(name, _LEFT_OUT)) for name in self._names]
        said = [self.left_out.get(name, self.remarks.get(name, "")) for name in self._names]
        return {
            "scaling": self.scaling,
            "one_hot": self.one_hot,
            "min_count": self.min_count,
            "by_place": self._by_place,
            "kind": np.array(kinds, np.uint8),
            **packed_texts("missing", sorted(self.missing)),
            **packed_texts("kinds", [text for pair in self.kinds.items() for text in pair]),
            **packed_texts("names", self._names),
            **packed_texts("said", said),
            **packed_parts([encoding.parts() for encoding in encodings.values()]),
        }

    def add_to(self, graph: Any) -> str:
        """Put what makes the rows into an ONNX graph in the making, for ``Network.to_onnx``.

        Raises
        ------
        ValueError
            For a column whose name is empty.
        """
        from deltarule.tabular.encoding.graph import rows_of  # few networks are written to ONNX

        return rows_of(graph, list(self._fitted.values()), self.missing)

    def add_to_c(self, function: Any) -> None:
        """Put what makes the rows into a C header in the making, for ``Network.to_c``.

        Raises
        ------
        ValueError
            For a column of dates.
        """
        from deltarule.tabular.encoding.c_statements import add_columns

        add_columns(function, list(self._fitted.values()))

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """An encoder of the state that ``to_state`` made.

        Raises
        ------
        ModelFileError
            For a state that is none.
        """
        read = Reader(state, "inputs")
        given = read.texts("kinds")
        if len(given) % 2:
            raise ModelFileError("inputs.kinds are a column without a kind: expected pairs")
        kinds = dict(zip(given[::2], given[1::2], strict=True))
        scaling, one_hot = read.value("scaling", str), read.value("one_hot", int)
        min_count, missing = read.value("min_count", int, type(None)), read.texts("missing")
        try:
            made = cls(
                kinds=kinds, scaling=scaling, one_hot=one_hot, min_count=min_count, missing=missing
            )
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"inputs: {error}") from error
        made._read(read)
        read.expect_no_more()
        return made

    def _read(self, read: Reader) -> None:
        """Become what a file says was learned."""
        names, said, codes = read.texts("names"), read.texts("said"), read.array("kind", "uint8")
        if not len(names) == len(said) == len(codes) or len(set(names)) != len(names):
            raise ModelFileError(f"inputs.names are {brief(names)}: expected as many as there are")
        if (codes >= len(_CODES)).any():
            raise ModelFileError(f"inputs.kind goes to {codes.max()}: expected {len(_CODES) - 1}")
        found = [_CODES[code] for code in codes.tolist()]
        used = [name for name, kind in zip(names, found, strict=True) if kind != _LEFT_OUT]
        if not used:
            raise ModelFileError("inputs.names has no column that is used: expected one")
        parts: Iterable[Parts] = read.parts(len(used))
        of_used = zip(used, (kind for kind in found if kind != _LEFT_OUT), parts, strict=True)
        encodings: dict[str, Encoding] = {
            name: _ENCODINGS[kind].of_parts(name, part, self.scaling)
            for name, kind, part in of_used
        }
        words = dict(zip(names, said, strict=True))
        left_out = {name: word for name, word in words.items() if name not in encodings}
        remarks = {name: words[name] for name in used if words[name]}
        self._adopt(names, encodings, left_out, remarks, by_place=read.value("by_place", bool))


def _kinds(kinds: Mapping[str, str] | None) -> dict[str, str]:
    if kinds is None:
        return {}
    if not isinstance(kinds, Mapping):
        raise TypeError(f"TableEncoder: kinds is {kinds!r}: expected {{column: kind}}")
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise ValueError(
                f"TableEncoder: kinds[{name!r}] is {kind!r}: expected one of {', '.join(KINDS)}"
                + did_you_mean(kind, KINDS)
            )
    return {str(name): kind for name, kind in kinds.items()}


def _spellings(missing: Iterable[str]) -> frozenset[str]:
    if isinstance(missing, str) or not isinstance(missing, Iterable):
        raise TypeError(f"TableEncoder: missing is {missing!r}: expected a list of strings")
    given = list(missing)
    for each in given:
        if not isinstance(each, str):
            raise TypeError(f"TableEncoder: missing has {each!r}: expected strings")
    return frozenset(each.strip().casefold() for each in given)


def _remark(name: str, column: Column, targets: list[Target], copies: dict[bytes, str]) -> str:
    """What is to be said of a column: that it gives a target away, or is another's copy."""
    for target in targets:
        away = target.given_away_by(column)
        if away:
            return f"alone it {away}: is it there when predictions are made?"
    digest = digest_of(column)
    if digest is not None:
        other = copies.setdefault(digest, name)
        if other != name:
            return f"it is the same as {other!r} in every row"
    return ""


def _whys(words: Mapping[str, str]) -> str:
    """Some columns with a word each."""
    some = [f"{name!r}: {why}" for name, why in list(words.items())[:_MOST_NAMED]]
    more = len(words) - _MOST_NAMED
    return "; ".join(some) + (f"; and {more} more" if more > 0 else "")


def _listed(names: Sequence[str], near: Iterable[str] = ()) -> str:
    """Some names, and what those that are near to them are called."""
    some = [f"{name!r}{_near(name, near)}" for name in names[:_MOST_NAMED]]
    more = len(names) - _MOST_NAMED
    return ", ".join(some) + (f" and {more} more" if more > 0 else "")


def _near(name: str, known: Iterable[str]) -> str:
    words = did_you_mean(name, known).removeprefix("; ")
    return f" ({words})" if words else ""
