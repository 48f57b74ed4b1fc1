"""``predict`` over clusters."""

from __future__ import annotations

import os
from typing import Any

from deltarule._checks import expect_in_range
from deltarule.distributed.predicting import collections, ranges
from deltarule.distributed.predicting.answers import expect_method
from deltarule.distributed.side_by_side.post import TIMEOUT, Post


def predict(
    model: Any,
    X: Any,
    *,
    method: str = "predict",
    comm: Any = None,
    out: str | os.PathLike[str] | None = None,
    timeout: float = TIMEOUT,
) -> Any:
    """Predict the rows of a Dask collection, partition by partition, or of an array by ranks.

    Parameters
    ----------
    model : Network, Ensemble, estimator or tabular model
        Fitted.
    X : dask DataFrame, dask array, array, table or path
        With ``comm`` whatever the model takes, the same on every rank, or the path of an ``.npy``
        file that all can read, which is mapped.
    method : str
        Which of the model's methods predicts: ``"predict"``, ``"predict_proba"``,
        ``"predict_interval"`` ...
    comm : mpi4py.MPI.Comm, optional
        Every rank calls it with the same model; each predicts a range of the rows.
    out : path-like, optional
        With ``comm``, an ``.npy`` file that every rank writes its range to. It appears when it is
        whole.
    timeout : float
        With ``comm``, as in ``over``.

    Returns
    -------
    dask Series, DataFrame or array; or ndarray
        Of a Dask collection a lazy one with the same partitions. Of a DataFrame it has the same
        index: a Series called ``"prediction"`` where there is one number or class a row, else a
        DataFrame whose columns are the classes, ``"lower"`` and ``"upper"``, or numbered. With
        ``comm`` all predictions, on every rank; with ``out`` they are the file, mapped to read.

    Raises
    ------
    TypeError, ValueError
        For an X that is neither, and as the model does: for a column that is missing at once, for
        values when they are predicted.
    DistributedError
        As ``over``.

    Notes
    -----
    Predictions have the bits that they have on one machine.

    Examples
    --------
    >>> import dask.dataframe as dd  # doctest: +SKIP
    >>> rides = dd.read_parquet("rides/")  # doctest: +SKIP
    >>> fares = dr.distributed.predict(dr.load("fares.safetensors"), rides)  # doctest: +SKIP
    >>> fares.to_frame().to_parquet("fares/")  # doctest: +SKIP
    """
    expect_method(model, method)
    if comm is None:
        if not collections.is_collection(X):
            raise TypeError(
                f"predict: X is a {type(X).__name__} and comm is None: expected a Dask DataFrame "
                f"or array, or comm=MPI.COMM_WORLD; model.{method}(X) predicts on this machine"
            )
        if out is not None:
            raise ValueError(
                "predict: out is given for a Dask collection: expected None; what is returned has "
                "to_parquet, to_zarr and the like"
            )
        return collections.predicted(model, X, method)
    if collections.is_collection(X):
        raise TypeError(
            "predict: X is a Dask collection and comm is given: expected comm=None, as Dask's "
            "workers predict it"
        )
    post = Post(comm, expect_in_range(timeout, "predict: timeout", above=0), "predict")
    try:
        found = ranges.predicted(post, model, X, method, out)
    except BaseException as error:
        post.leave(error)
        raise
    post.leave()
    return found


predict.__module__ = "deltarule.distributed"
