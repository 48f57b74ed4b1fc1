"""Targets: classes of any type as codes, and numbers on one scale; and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._checks import expect_flag
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError
from deltarule.tabular.encoding.state import Reader, State, packed_texts
from deltarule.tabular.raw.columns import Levels, Numbers
from deltarule.tabular.raw.readings import Place, as_numbers, held_by
from deltarule.tabular.raw.tables import targets_of

_MOST_EXACT = 2**53  # whole numbers that float64 tells apart


class ClassEncoder:
    """Classes as codes 0 ... n - 1, in the order of text or of numbers; and back.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Of str, bool or int64.

    Examples
    --------
    >>> encoder = ClassEncoder().fit(["yes", "no", "yes"])
    >>> encoder.transform(["no", "yes"])
    array([0, 1])
    >>> encoder.inverse([1])
    array(['yes'], dtype=object)
    """

    classes: Array

    def fit(self, y: Any) -> Self:
        """Learn which classes there are.

        Parameters
        ----------
        y : array_like of shape (n_samples,)
            Text, True and False, whole numbers, or a frame's column of such or of categories.

        Raises
        ------
        TypeError, ValueError
            For a class that is missing or none, and where there is but one.
        """
        place = Place("ClassEncoder.fit", "y", "y")
        values, _ = _different(self._column(y, place))
        self.classes = _objects(values) if isinstance(values[0], str) else np.array(values)
        if len(self.classes) < 2:
            raise ValueError(
                f"{place.where}: y has the class {values[0]!r} alone: expected 2 classes or more"
            )
        return self

    def transform(self, y: Any) -> Array:
        """The codes of classes.

        Parameters
        ----------
        y : array_like of shape (n_samples,)
            As in ``fit``.

        Returns
        -------
        ndarray of int64, shape (n_samples,)

        Raises
        ------
        TypeError, ValueError
            For a class that is missing, or that was not there in ``fit``.
        """
        where = "ClassEncoder.transform"
        values, ranks = _different(self._column(y, Place(where, "y", "y")))
        known = self._fitted.tolist()
        # Of one type, as True is no 1 here.
        codes = {value: code for code, value in enumerate(known)} if _alike(values, known) else {}
        found = np.array([codes.get(value, -1) for value in values], np.int64)[ranks]
        if (found < 0).any():
            row = int(np.argmax(found < 0))
            raise ValueError(
                f"{where}: y[{row}] is {values[ranks[row]]!r}: expected one of the classes of fit, "
                f"{brief(known)}"
            )
        return found

    def inverse(self, codes: ArrayLike) -> Array:
        """The classes of codes.

        Parameters
        ----------
        codes : array_like of int, shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        given = np.asarray(codes)
        if given.dtype.kind not in "iu" or ((given < 0) | (given >= len(self._fitted))).any():
            raise ValueError(
                f"ClassEncoder.inverse: codes are {brief(given)}: expected whole numbers, 0 to "
                f"{len(self._fitted) - 1}"
            )
        found: Array = self._fitted[given]
        return found

    @property
    def _fitted(self) -> Array:
        if not hasattr(self, "classes"):
            raise ValueError("ClassEncoder: it knows no classes yet: expected fit(y) beforehand")
        return self.classes

    def _column(self, y: Any, place: Place) -> Levels | Numbers:
        """The classes' column, in which none is missing."""
        table, _ = targets_of(y, place.where)
        if len(table.raw) != 1:
            raise ValueError(
                f"{place.where}: y has {len(table.raw)} columns: expected (n_samples,), a class "
                "each"
            )
        column = table.column(next(iter(table.raw)), table.rows(place.where, "y"), *place[:2])
        match column:
            case Levels(codes=codes):
                missing = codes < 0
            case Numbers(values=values):
                missing = np.isnan(values)
                for bad, why in (
                    (values != np.floor(values), "whole numbers, as classes are"),
                    (np.abs(values) >= _MOST_EXACT, "numbers below 2^53, or text"),
                ):
                    if (bad & ~missing).any():
                        row = int(np.argmax(bad & ~missing))
                        _refuse(place, row, float(values[row]), why)
            case _:
                raise TypeError(
                    f"{place.where}: y holds {held_by(column)}: expected text, whole numbers, or "
                    "True and False"
                )
        if missing.any():
            _refuse(place, int(np.argmax(missing)), "missing", "a class in every row")
        return column

    def to_state(self) -> State:
        """All that it is: a dictionary of arrays, and of values that JSON has."""
        if self._fitted.dtype.kind == "O":
            return packed_texts("classes", self._fitted.tolist())
        return {"codes": self._fitted.astype(np.int64), "logical": self._fitted.dtype.kind == "b"}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """An encoder of the state that ``to_state`` made.

        Raises
        ------
        ModelFileError
            For a state that is none.
        """
        read, made = Reader(state, "classes"), cls()
        if "codes" in state:
            codes, logical = read.array("codes", "int64"), read.value("logical", bool)
            if logical and codes.tolist() != [0, 1]:
                raise ModelFileError(f"classes.codes are {brief(codes)}: expected 0 and 1")
            made.classes = codes.astype(bool) if logical else codes
        else:
            made.classes = _objects(read.texts("classes"))
        read.expect_no_more()
        found = made.classes.tolist()
        if len(found) < 2 or any(one >= other for one, other in pairwise(found)):
            raise ModelFileError(f"classes are {brief(found)}: expected 2 or more, in order")
        return made


def _refuse(place: Place, row: int, value: Any, expected: str) -> NoReturn:
    raise ValueError(f"{place.where}: y[{row}] is {value}: expected {expected}")


def _different(column: Levels | Numbers) -> tuple[list[Any], Array]:
    """The different values of a column, in order, and where each row's stands among them."""
    if isinstance(column, Numbers):
        numbers, ranks = np.unique(column.values, return_inverse=True)
        return numbers.astype(np.int64).tolist(), ranks
    there, ranks = np.unique(column.codes, return_inverse=True)
    if column.logical:
        return there.astype(bool).tolist(), ranks
    texts = [column.levels[code] for code in there.tolist()]
    order = np.array(sorted(range(len(texts)), key=texts.__getitem__))
    return [texts[at] for at in order.tolist()], np.argsort(order)[ranks]


def _alike(values: list[Any], known: list[Any]) -> bool:
    return {type(value) for value in values} == {type(known[0])}


def _objects(texts: list[str]) -> Array:
    """Text as objects, as NumPy's own would lose what ends in a NUL."""
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


class TargetScaler:
    """Targets of a regression at mean 0 and deviation 1, each; and predictions back.

    Parameters
    ----------
    clamp : bool
        Whether predictions go no further than the targets of ``fit`` went.

    Attributes
    ----------
    mean, deviation, least, most : ndarray of shape (n_targets,)
        Of the targets of ``fit``. A target that is the same in every row has deviation 1.

    Examples
    --------
    >>> scaler = TargetScaler().fit([10.0, 20.0, 30.0])
    >>> scaler.inverse(scaler.transform([10.0, 25.0]))
    array([10., 25.])
    >>> scaler.inverse([5.0])
    array([30.])
    """

    mean: Array
    deviation: Array
    least: Array
    most: Array

    def __init__(self, *, clamp: bool = True) -> None:
        self.clamp = expect_flag(clamp, "TargetScaler: clamp")

    def fit(self, y: Any) -> Self:
        """Learn where targets are, and how far apart.

        Parameters
        ----------
        y : array_like of shape (n_samples,) or (n_samples, n_targets)
            Numbers, none of which is missing; a frame's column or columns, too.

        Raises
        ------
        TypeError, ValueError
            For what is missing, infinite, or no number.
        """
        Y, _ = self._numbers(y, "TargetScaler.fit")
        if not len(Y):
            raise ValueError("TargetScaler.fit: y has no rows: expected 1 or more")
        self.least, self.most = Y.min(axis=0), Y.max(axis=0)
        # Halves, as a sum or a difference of the largest numbers would not be finite.
        size = np.maximum(np.abs(self.least), np.abs(self.most))
        size[size == 0] = 1.0
        scaled = Y / size
        self.mean, self.deviation = scaled.mean(axis=0) * size, scaled.std(axis=0) * size
        self.deviation[(self.least == self.most) | (self.deviation == 0)] = 1.0
        return self

    def transform(self, y: Any) -> Array:
        """``(y - mean) / deviation``.

        Returns
        -------
        ndarray of float64, of y's shape
        """
        self._expect_fitted()
        Y, flat = self._numbers(y, "TargetScaler.transform")
        self._expect_targets(Y.shape[1], "transform: y")
        scaled = (Y - self.mean) / self.deviation
        return scaled[:, 0] if flat else scaled

    def inverse(self, A: ArrayLike) -> Array:
        """Predictions on the scale of the targets; clamped, if they are to be.

        Parameters
        ----------
        A : array_like of shape (n_samples,) or (n_samples, n_targets)

        Returns
        -------
        ndarray of float64, of the same shape
        """
        self._expect_fitted()
        given = np.asarray(A, np.float64)
        flat = given.ndim == 1
        columns = given[:, np.newaxis] if flat else given
        self._expect_targets(columns.shape[1], "inverse: A")
        Y = columns * self.deviation + self.mean
        if self.clamp:
            Y = np.clip(Y, self.least, self.most)
        return Y[:, 0] if flat else Y

    def _expect_fitted(self) -> None:
        if not hasattr(self, "mean"):
            raise ValueError("TargetScaler: it knows no targets yet: expected fit(y) beforehand")

    def _expect_targets(self, count: int, what: str) -> None:
        if count != len(self.mean):
            raise ValueError(
                f"TargetScaler.{what} has {count} targets: expected {len(self.mean)}, as in fit"
            )

    def _numbers(self, y: Any, where: str) -> tuple[Array, bool]:
        """The targets (n_samples, n_targets), and whether they came without a second dimension."""
        table, flat = targets_of(y, where)
        m, Y = table.rows(where, "y"), []
        for place, name in enumerate(table.raw):
            column = table.column(name, m, where, "y")
            values = as_numbers(column, Place(where, "y", name), "numbers, as targets are")
            bad = ~np.isfinite(values)
            if bad.any():
                row = int(np.argmax(bad))
                at = f"y[{row}]" if flat else f"y[{row}, {place}]"
                raise ValueError(f"{where}: {at} is {values[row]}: expected finite numbers")
            Y.append(values)
        return np.column_stack(Y), flat

    def to_state(self) -> State:
        """All that it is: a dictionary of arrays, and of values that JSON has."""
        self._expect_fitted()
        moments = np.array([self.mean, self.deviation, self.least, self.most])
        return {"clamp": self.clamp, "moments": moments}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A scaler of the state that ``to_state`` made.

        Raises
        ------
        ModelFileError
            For a state that is none.
        """
        read = Reader(state, "targets")
        made = cls(clamp=read.value("clamp", bool))
        moments = read.array("moments", "float64", 2)
        read.expect_no_more()
        if len(moments) != 4 or not moments.shape[1]:
            raise ModelFileError(f"targets.moments has shape {moments.shape}: expected 4 rows")
        made.mean, made.deviation, made.least, made.most = moments
        if not (made.deviation > 0).all() or not (made.least <= made.most).all():
            raise ModelFileError(
                "targets.moments: expected deviations above 0, and the least below the most"
            )
        return made
