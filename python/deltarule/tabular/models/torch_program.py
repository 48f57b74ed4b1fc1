"""A model of a table as a program of PyTorch's: from numbers and coded categories to answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule._files.atomic import PathLike
from deltarule.tabular.encoding.categories import Category
from deltarule.tabular.encoding.dates import Date
from deltarule.tabular.encoding.numbers import Number
from deltarule.tabular.encoding.scaling import Quantiles, Robust
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.targets import ClassEncoder


def to_torch_program(fitted: Fitted, path: PathLike) -> None:
    """Write a fitted model to a ``.pt2`` file, which ``torch.export.load(path).module()`` runs.

    It takes the columns that the encoder uses, (m, columns) of float64, NaN for what is missing and
    codes for text, as the C header does; ``model.json`` beside the program says which. It answers
    with probabilities (m, classes) or numbers (m, targets), of float64.

    Raises
    ------
    ImportError
        Where PyTorch is not installed.
    OSError
        Where it cannot be written.
    ValueError
        For a column of dates, as tensors have no calendar.
    """
    from deltarule._interchange import torch_program as of_torch

    encodings = fitted.encoder._fitted.encodings
    networks, weights = fitted.ensemble._that_count()
    columns = [_column(of_torch, each) for each in encodings.values()]
    answers: Any
    if isinstance(fitted.targets, ClassEncoder):
        answers = of_torch.Probabilities(fitted.temperature)
        told: dict[str, Any] = {"probabilities": fitted.targets.classes.tolist()}
    else:
        to = fitted.targets
        bounds = (to.least, to.most) if to.clamp else None
        answers = of_torch.Numbers(to.mean, to.deviation, bounds)
        told = {"numbers": len(to.mean)}
    modules = [
        of_torch.Columns(columns, str(fitted.ensemble.dtype)),
        of_torch.Mean(networks, weights),
        answers,
    ]
    taken = [_told(each) for each in encodings.values()]
    of_torch.write_program(
        path, modules, len(columns), "float64", {"columns": taken, "answers": told}
    )


def _column(of_torch: Any, encoding: Number | Category | Date) -> Any:
    match encoding:
        case Number(scaling=scaling):
            if isinstance(scaling, Quantiles):
                scale = of_torch.Interpolated(scaling.edges, scaling.heights)
            else:
                draws_in = isinstance(scaling, Robust)
                scale = of_torch.Scaled(scaling.centre, scaling.factor, draws_in=draws_in)
            return of_torch.Number(
                encoding.median,
                encoding.least,
                encoding.most,
                scale,
                indicator=encoding.indicator,
            )
        case Category():
            width = 0 if encoding.embedded else len(encoding.outputs)
            return of_torch.Category(
                _levels(encoding), encoding.missing_code, encoding.rare_code, width
            )
    raise ValueError(
        f"to_torch: column {encoding.name!r} holds dates: expected none, as tensors have no "
        f"calendar; fit the encoder with kinds={{{encoding.name!r}: 'drop'}}, or write ONNX"
    )


def _levels(encoding: Category) -> Any:
    """The numbers that levels are, or how many have codes."""
    if encoding.source == "number":
        return np.array([float(level) for level in encoding.levels])
    if encoding.source == "logical":
        return np.array([float(level == "True") for level in encoding.levels])
    return len(encoding.levels)


def _told(encoding: Number | Category | Date) -> dict[str, Any]:
    """A column, and what is put in its place."""
    if isinstance(encoding, Category) and encoding.source not in ("number", "logical"):
        return {"name": encoding.name, "codes_of": list(encoding.levels)}
    return {"name": encoding.name}
