"""What a fit is given, in numbers: rows, what they are held to, and which of them are held out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.models.door import weights_of
from deltarule.tabular.models.training.split import Part, parts_of
from deltarule.tabular.raw.tables import targets_of
from deltarule.tabular.targets import ClassEncoder, TargetScaler

# Tables of fewer rows hold each row out in turn: a fifth alone would be too few to choose by.
FEW_ROWS = 4000


class Given(NamedTuple):
    """Examples, encoded.

    Attributes
    ----------
    X : ndarray of float32, shape (n_samples, encoder.output_size)
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Codes, or numbers scaled.
    weights : ndarray of float64, shape (n_samples,), or None
    parts : list of Part
        Rows to train on and rows held out: one, or several that hold out each row in turn.
    """

    X: Array
    y: Array
    weights: Array | None
    parts: list[Part]


def given_examples(
    encoder: TableEncoder,
    targets: ClassEncoder | TargetScaler,
    X: Any,
    y: Any,
    *,
    sample_weight: ArrayLike | None,
    groups: Any,
    validation_data: tuple[Any, ...] | None,
    split: str,
    few_rows: int,
    seed: int,
    where: str,
) -> Given:
    """Encode what a fit is given, and part it; of fewer rows, each is held out in turn.

    Raises
    ------
    TypeError, ValueError
        For parts that do not go together.
    """
    rows, coded, weights = _encoded(encoder, targets, X, y, sample_weight, where, "X")
    m = len(rows)
    if validation_data is None:
        classes = coded if isinstance(targets, ClassEncoder) else None
        of_rows = None if groups is None else _group_numbers(groups, m, where)
        few = m < few_rows
        return Given(
            rows,
            coded,
            weights,
            parts_of(m, classes, of_rows, split=split, in_turn=few, seed=seed, where=where),
        )
    if groups is not None or split != "random":
        raise ValueError(
            f"{where}: groups and split say which rows of X are held out: expected neither, as "
            "validation_data is given"
        )
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        raise ValueError(
            f"{where}: validation_data is {type(validation_data).__name__}: expected (X, y) or "
            "(X, y, sample_weight)"
        )
    X_val, y_val, weights_val, *_ = (*validation_data, None)
    of_held = _encoded(encoder, targets, X_val, y_val, weights_val, where, "validation X")
    if of_held[1].shape[1:] != coded.shape[1:]:
        raise ValueError(
            f"{where}: validation y has shape {of_held[1].shape}: expected that of y, {coded.shape}"
        )
    whole = np.arange(m + len(of_held[0]))
    return Given(
        np.concatenate([rows, of_held[0]]),
        np.concatenate([coded, of_held[1]]),
        _together(weights, m, of_held[2], len(of_held[0])),
        [Part(whole[:m], whole[m:])],
    )


def _encoded(
    encoder: TableEncoder,
    targets: ClassEncoder | TargetScaler,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | None,
    where: str,
    what: str,
) -> tuple[Array, Array, Array | None]:
    rows, _ = encoder.encoded(X, where, what)
    coded = targets.transform(y)
    if len(coded) != len(rows):
        raise ValueError(
            f"{where}: {what} has {len(rows)} rows, and its y {len(coded)}: inconsistent numbers "
            "of samples, expected as many"
        )
    if not len(rows):
        raise ValueError(f"{where}: {what} has no rows: expected 1 or more")
    return rows, coded, weights_of(sample_weight, len(rows), where)


def _together(one: Array | None, m: int, other: Array | None, n: int) -> Array | None:
    """The weights of both, where some are given: 1 where not."""
    if one is None and other is None:
        return None
    return np.concatenate(
        [np.ones(m) if one is None else one, np.ones(n) if other is None else other]
    )


def _group_numbers(groups: Any, m: int, where: str) -> Array:
    """Each row's group, as a number."""
    table, _ = targets_of(groups, where)
    name = next(iter(table.raw))
    if len(table.raw) != 1:
        raise ValueError(
            f"{where}: groups has {len(table.raw)} columns: expected one, a group a row"
        )
    given = table.raw[name]
    values = given.to_numpy() if hasattr(given, "to_numpy") else np.asarray(given)
    if len(values) != m:
        raise ValueError(f"{where}: groups has {len(values)} rows: expected {m}, as X has")
    _, numbers = np.unique(values.astype(str), return_inverse=True)
    return np.asarray(numbers, np.int64)
