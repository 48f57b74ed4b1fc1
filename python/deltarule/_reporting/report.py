"""What ``network.report`` and ``ensemble.report`` take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike


def report(
    network: Any,
    path: str | os.PathLike[str],
    X: Any,
    y: ArrayLike,
    *,
    classes: Sequence[str] | None = None,
    sample_weight: ArrayLike | None = None,
    train: tuple[Any, ...] | None = None,
    baselines: bool | Sequence[tuple[str, Any, float]] = True,
    command: str = "",
) -> None:
    """Write one HTML page: what the model comes to, what it goes by, what to distrust.

    The page asks for nothing from a network. It holds counts and scores, not rows: of the worst
    mistakes the numbers of the rows and their targets.

    Parameters
    ----------
    network : Network or Ensemble
        The method ``network.report`` is this function.
    path : path-like
        Such as ``"report.html"``. A file that is there is replaced.
    X : array_like of shape (n_samples, n_features)
        Rows that it was not trained on; tables, where the network takes them. Columns go by the
        names that the data have, or by ``network.feature_names``; else they are ``x0``, ``x1``, ...
    y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        What a softmax output tells are classes: labels, or rows of 0 and 1. One sigmoid output
        tells two, and several tell labels that each are there or not. Anything else is numbers, as
        is what a sigmoid is held to between 0 and 1. Several labels or numbers, twelve at most,
        have sections each.
    classes : sequence of str, optional
        What the classes are called, or the labels or numbers where there are several; else they go
        by their places.
    sample_weight : array_like of shape (n_samples,), optional
        What rows count for: scores, shares, curves and importances go by it.
    train : (X, y) or (X, y, sample_weight), optional
        The rows of ``fit``. With them the page has baselines, drift, overfitting, and rows that are
        in both.
    baselines : bool or sequence of (str, array_like, float)
        Whether simple models and gradient-boosted trees are fitted to ``train`` to compare with,
        which takes time and scikit-learn. Or what others say of X: each one's name, its
        probabilities or numbers, and how many seconds its training took.
    command : str
        The command, or the lines of Python, that repeat the run.

    Raises
    ------
    OSError
        Where it cannot be written.
    TypeError, ValueError
        For data that does not fit, for probabilities of classes as targets, for several quantiles
        of a target, and where ``Standardize`` has not seen data.
    ImportError
        For baselines without scikit-learn.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> net = Network([Dense(8, "relu"), Dense(1, "sigmoid")], input_size=2)
    >>> _ = net.fit(X, X[:, 0] > 0, validation_split=0.2, epochs=5)
    >>> path = Path(tempfile.mkdtemp()) / "report.html"
    >>> net.report(path, X, X[:, 0] > 0, classes=["left", "right"])
    >>> path.read_text(encoding="utf-8")[:15]
    '<!DOCTYPE html>'
    """
    from deltarule._reporting.networks import subjects  # most networks are never reported on
    from deltarule.report.write import write

    write(
        path,
        subjects(
            network,
            X,
            y,
            classes=classes,
            sample_weight=sample_weight,
            train=train,
            baselines=baselines,
            command=command,
            where="report",
        ),
    )
