"""What a model says all over the plane of two features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._checks import expect_count
from deltarule._plots.axes import pyplot, side_by_side

_WHERE = "plot_decision_boundary"
_ROOM = 0.08  # around the data, of how far they go
_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink",
            "tab:gray", "tab:olive", "tab:cyan")  # fmt: skip


def plot_decision_boundary(
    model: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    features: tuple[int, int] = (0, 1),
    resolution: int = 120,
    ax: Any = None,
) -> Any:
    """Draw what a model says all over the plane of two features; needs matplotlib.

    Of classes, where each is the likeliest, and how likely; of numbers, how large they are.

    Parameters
    ----------
    model : object
        What has ``predict_proba`` or ``predict``: a network, an ensemble, an estimator, a model of
        tables, or another library's.
    X : array_like or table of shape (n_samples, n_features)
        The data, which say how far the plane goes. Features beyond the two are held at their
        medians. A table is of numbers, and the model is asked with a table like it.
    y : array_like of shape (n_samples,), optional
        Classes or numbers: the examples are drawn in their colours.
    features : (int, int)
        The columns of the two.
    resolution : int
        How many points the plane has along each side.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    TypeError, ValueError
        For data that are no two features or more of numbers, and for a model of several targets.

    Examples
    --------
    >>> import deltarule as dr
    >>> X, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 1, 1, 0]
    >>> net = dr.Network([dr.Dense(8, "tanh"), dr.Dense(1, "sigmoid")], input_size=2)
    >>> figure = dr.plot_decision_boundary(net, X, y)  # doctest: +SKIP
    """
    names, rows = _opened(X)
    one, other = _two(features, rows.shape[1])
    resolution = expect_count(resolution, f"{_WHERE}: resolution", least=2)
    where = side_by_side(1)[0] if ax is None else ax
    x_ends, y_ends = (_ends(rows[:, k]) for k in (one, other))
    across, up = np.linspace(*x_ends, resolution), np.linspace(*y_ends, resolution)
    plane = np.tile(np.median(rows, axis=0), (resolution**2, 1))
    plane[:, one], plane[:, other] = (each.ravel() for each in np.meshgrid(across, up))
    P, values, classes = _said(model, _like(X, names, plane))
    scale: dict[str, Any] | None = None
    if P is not None:
        _draw_classes(where, across, up, P.reshape(resolution, resolution, -1))
    else:
        assert values is not None
        drawn = where.contourf(across, up, values.reshape(resolution, resolution), 20)
        where.figure.colorbar(drawn, ax=where, label="predicted")
        scale = {"cmap": drawn.cmap, "norm": drawn.norm}
    if y is not None:
        _draw_examples(where, rows[:, one], rows[:, other], np.ravel(y), classes, scale)
    where.set_xlabel(names[one])
    where.set_ylabel(names[other])
    where.set_xlim(*x_ends)
    where.set_ylim(*y_ends)
    return where.figure


def _opened(X: Any) -> tuple[list[str], Array]:
    """The columns' names, and their numbers."""
    columns: Any = getattr(X, "columns", None)
    if isinstance(X, Mapping):
        columns, values = list(X), np.column_stack([np.asarray(each) for each in X.values()])
    else:
        values = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    if columns is None:
        columns = [f"x{k}" for k in range(values.shape[-1])]
    names = [*map(str, columns)]
    if values.ndim != 2 or values.shape[1] < 2 or not len(values):
        raise ValueError(
            f"{_WHERE}: X has shape {values.shape}: expected (n_samples, n_features) of two "
            "features or more"
        )
    try:
        return names, values.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{_WHERE}: X is {values.dtype}: expected columns of numbers") from None


def _two(features: Any, n: int) -> tuple[int, int]:
    if len(features) != 2 or not all(0 <= k < n for k in features) or features[0] == features[1]:
        raise ValueError(
            f"{_WHERE}: features is {features!r}: expected two different columns, 0 to {n - 1}"
        )
    return int(features[0]), int(features[1])


def _ends(values: Array) -> tuple[float, float]:
    least, most = float(values.min()), float(values.max())
    room = _ROOM * (most - least) or 0.5
    return least - room, most + room


def _like(X: Any, names: list[str], plane: Array) -> Any:
    """Rows as a table like X, if it is one."""
    if isinstance(X, Mapping):
        return dict(zip(X, plane.T, strict=True))
    if hasattr(X, "columns") and hasattr(X, "iloc"):  # pandas
        return type(X)(plane, columns=X.columns)
    if hasattr(X, "get_columns"):  # polars
        return type(X)(dict(zip(names, plane.T, strict=True)))
    return plane


def _said(model: Any, rows: Any) -> tuple[Array | None, Array | None, list[Any] | None]:
    """Probabilities of classes or numbers; and which classes, if the model knows."""
    if hasattr(model, "predict_proba"):
        P = np.asarray(model.predict_proba(rows))
        if not np.allclose(P.sum(axis=1), 1, atol=1e-3):
            raise ValueError(f"{_WHERE}: the model tells {P.shape[1]} labels: expected classes")
        return P, None, list(model.classes_)
    A = np.asarray(model.predict(rows))
    A = A[:, 0] if A.ndim == 2 and A.shape[1] == 1 else A
    layers = getattr(getattr(model, "networks", [model])[0], "layers", None)
    activation = layers[-1].activation if layers else ""
    if A.ndim == 1 and activation == "sigmoid":
        return np.column_stack([1 - A, A]), None, None
    if A.ndim == 2 and activation == "softmax":
        return A, None, None
    if A.ndim == 2:
        raise ValueError(f"{_WHERE}: the model predicts {A.shape[1]} targets: expected one")
    if A.dtype.kind == "f":
        return None, A, None
    classes = list(getattr(model, "classes_", np.unique(A)))
    return np.column_stack([each == A for each in classes]).astype(np.float64), None, classes


def _draw_classes(where: Any, across: Array, up: Array, P: Array) -> None:
    """Each class's ground, the fainter the less it is certain; and the lines between them."""
    from matplotlib.colors import to_rgb

    told, count = P.argmax(axis=2), P.shape[2]
    colours = np.array([to_rgb(_COLOURS[k % len(_COLOURS)]) for k in range(count)])
    certain = (P.max(axis=2) - 1 / count) / (1 - 1 / count) if count > 1 else P[:, :, 0]
    image = np.dstack([colours[told], 0.08 + 0.32 * certain])
    ends = (across[0], across[-1], up[0], up[-1])
    where.imshow(image, extent=ends, origin="lower", aspect="auto", interpolation="bilinear")
    for k in range(count if count > 2 else count - 1):
        others = np.delete(P, k, axis=2).max(axis=2)
        margin = P[:, :, k] - others
        if margin.min() < 0 < margin.max():
            where.contour(
                across, up, margin, [0.0], colors=[pyplot().rcParams["text.color"]], linewidths=1.2
            )


def _draw_examples(
    where: Any,
    x: Array,
    y: Array,
    targets: Array,
    classes: list[Any] | None,
    scale: dict[str, Any] | None,
) -> None:
    """The examples in the colours of their classes, or of the numbers that are predicted."""
    if len(targets) != len(x):
        raise ValueError(f"{_WHERE}: X has {len(x)} rows and y {len(targets)}: expected as many")
    edge = pyplot().rcParams["axes.facecolor"]
    style: dict[str, Any] = {"s": 22, "edgecolor": edge, "linewidth": 0.6, "zorder": 3}
    if scale is not None:
        where.scatter(x, y, c=targets, **scale, **style)
        return
    known = classes if classes is not None else range(int(np.max(targets)) + 1)
    for k, each in enumerate(known):
        its = targets == each
        where.scatter(x[its], y[its], color=_COLOURS[k % len(_COLOURS)], label=str(each), **style)
    where.legend()
