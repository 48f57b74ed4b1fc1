"""Predictions of Dask's arrays and frames: lazily, a partition at a time."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import numpy as np

from deltarule._arrays import Array
from deltarule.distributed.predicting.answers import ENDS, answers


def is_collection(X: Any) -> bool:
    """Whether it is one of Dask's; without an import of Dask."""
    return type(X).__module__.partition(".")[0] in ("dask", "dask_expr")


def predicted(model: Any, X: Any, method: str) -> Any:
    """The predictions, which are made when they are asked for.

    Raises
    ------
    TypeError
        For a collection that is neither an array nor a frame.
    """
    from dask import delayed

    # So that a model, however large, is one node of the graph.
    sent = delayed(model, name=f"model-{uuid4().hex}", traverse=False)
    if hasattr(X, "map_partitions") and hasattr(X, "_meta_nonempty"):
        return _of_frame(model, sent, X, method)
    if hasattr(X, "map_blocks") and getattr(X, "ndim", 0) == 2:
        return _of_array(model, sent, X, method)
    raise TypeError(
        f"predict: X is a {type(X).__module__}.{type(X).__name__}: expected a Dask array of two "
        "dimensions or a Dask DataFrame"
    )


def _of_frame(model: Any, sent: Any, X: Any, method: str) -> Any:
    names = _names(model, method)
    like = _framed(X._meta_nonempty, model, method, names, None).iloc[:0]
    return X.map_partitions(
        _framed,
        sent,
        method,
        names,
        like,
        meta=like,
        enforce_metadata=False,
        align_dataframes=False,
    )


def _framed(part: Any, model: Any, method: str, names: list[Any] | None, like: Any) -> Any:
    """A partition's predictions, with its index."""
    if not len(part):
        return like.set_axis(part.index)
    found = answers(model, part, method, len(part))
    if found.ndim == 1 or found.shape[1:] == (1,):
        return part._constructor_sliced(found.reshape(-1), index=part.index, name="prediction")
    if found.ndim > 2:
        raise ValueError(
            f"predict: {method} makes an array of shape {found.shape}: expected one or two "
            "dimensions for a DataFrame; X.to_dask_array() takes more"
        )
    columns = names if names is not None and len(names) == found.shape[1] else None
    return part._constructor(found, index=part.index, columns=columns)


def _names(model: Any, method: str) -> list[Any] | None:
    """What columns of predictions are called, where there are names."""
    if method == "predict_interval":
        return list(ENDS)
    classes = getattr(model, "classes_", None)
    return list(classes) if "proba" in method and isinstance(classes, np.ndarray) else None


def _of_array(model: Any, sent: Any, X: Any, method: str) -> Any:
    from dask.array import blockwise

    like = answers(model, np.zeros((1, X.shape[1]), X.dtype), method, 1)
    axes = "abcd"[: like.ndim - 1]
    return blockwise(
        _of_block,
        f"i{axes}",
        sent,
        None,
        X,
        "ij",
        method,
        None,
        like[:0],
        None,
        new_axes=dict(zip(axes, like.shape[1:], strict=True)),
        concatenate=True,
        dtype=like.dtype,
        meta=like[:0],
    )


def _of_block(model: Any, block: Array, method: str, like: Array) -> Array:
    """A block's predictions."""
    return answers(model, block, method, len(block)) if len(block) else like
