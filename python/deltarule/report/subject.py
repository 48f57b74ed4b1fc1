"""What a report is made of: a model's answers for some rows, and what is known of its training.

Whoever has a model hands one in; nothing here knows what kind of model it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from deltarule._arrays import Array


class Numbers(NamedTuple):
    """Numbers, NaN where one is missing; days since 1970, if they are dates."""

    values: Array
    dates: bool = False


class Levels(NamedTuple):
    """Categories: a row's place among the names, -1 where it is missing."""

    codes: Array
    names: Sequence[str]


Values: TypeAlias = Numbers | Levels


class Column(NamedTuple):
    """A column that the model uses.

    Attributes
    ----------
    name, kind : str
    leak : str
        In what way it alone tells the target, if it does nearly without error.
    copied : str
        What column it is a copy of, in words, if it is one.
    test : Values
        Of the rows that the report is on.
    train : Values or None
        Of those that the model was fitted to, where they are known.
    identifier : bool
        Whether its name is that of an identifier.
    """

    name: str
    kind: str
    leak: str
    copied: str
    test: Values
    train: Values | None
    identifier: bool = False


class Member(NamedTuple):
    """A network of the model: its losses by epoch, and what it weighs.

    Attributes
    ----------
    losses : sequence of float
        On rows held out; empty where there were none.
    weight : float
        0 of one that is not in use.
    of_fit : sequence of float
        On the rows of the fit, where they were taken down.
    """

    losses: Sequence[float]
    weight: float
    of_fit: Sequence[float] = ()


class Importance(NamedTuple):
    """What shuffling a column costs: its mean and its deviation, by column."""

    measure: str
    columns: Sequence[str]
    mean: Array
    deviation: Array


class Answers(NamedTuple):
    """What something answers for the rows that the report is on.

    Attributes
    ----------
    name : str
    outputs : ndarray of shape (n_samples, n_classes) or (n_samples,)
        Probabilities, or numbers.
    seconds : float
        Of its training; NaN where nobody knows.
    """

    name: str
    outputs: Array
    seconds: float


class Trained(NamedTuple):
    """The rows of the fit: what they are held to, and what the model answers for some of them.

    Attributes
    ----------
    y : ndarray of shape (n_train,)
    places : ndarray of int
        The rows that were answered.
    outputs : ndarray
    seen : ndarray of bool, shape (n_samples,)
        Which rows of the report are among those of the fit, target included.
    weights : ndarray of shape (n_train,), or None
    """

    y: Array
    places: Array
    outputs: Array
    seen: Array
    weights: Array | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, and rows to report on.

    Attributes
    ----------
    kind, call, command : str
        The model's class, the call that makes it again, and the command, if there was one.
    target : str
        What is predicted.
    place : int or None
        Of several targets on one page, which one it is.
    classes : tuple of str
        By their codes; none where numbers are predicted.
    rows : ndarray of shape (n_samples, n_features)
        Numbers, as networks take them.
    spans : mapping of str to (int, int)
        Where each column's numbers begin and end.
    y : ndarray of shape (n_samples,)
        Codes, or numbers.
    weights : ndarray of shape (n_samples,), or None
        What rows count for.
    model : Answers
    answer : callable
        Rows to outputs.
    columns : list of Column
    left_out : mapping of str to str
        The columns that are not used, and why.
    importance : Importance
    members : list of Member
    architecture : mapping of str to list
        Columns of a table of layers, or of networks.
    held_out : mapping of str to float
        Scores on the rows that were held out of the fit.
    rows_of_fit, rows_held_out : int or None
        None where nobody knows.
    split : {"random", "groups", "time", "given", ""}
        How rows were held out; empty where nobody knows.
    settings : mapping of str to str
        What else is to be said of the training.
    baselines : list of Answers
    trained : Trained or None
    coverage : (float, float) or None
        What share of the targets intervals are made for, and what share lies in them.
    """

    kind: str
    call: str
    command: str = ""
    target: str = "y"
    place: int | None = None
    classes: tuple[str, ...] = ()
    rows: Array
    spans: Mapping[str, tuple[int, int]]
    y: Array
    weights: Array | None = None
    model: Answers
    answer: Callable[[Array], Array]
    columns: Sequence[Column]
    left_out: Mapping[str, str] = field(default_factory=dict)
    importance: Importance
    members: Sequence[Member] = ()
    architecture: Mapping[str, Sequence[object]] = field(default_factory=dict)
    held_out: Mapping[str, float] = field(default_factory=dict)
    rows_of_fit: int | None = None
    rows_held_out: int | None = None
    split: str = "random"
    settings: Mapping[str, str] = field(default_factory=dict)
    baselines: Sequence[Answers] = ()
    trained: Trained | None = None
    coverage: tuple[float, float] | None = None
