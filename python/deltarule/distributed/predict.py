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
        Else whatever the model takes, the same on every rank, or the path of an ``.npy`` file that
        all can read, which is mapped.
    method : str
        Which of the model's methods predicts: ``"predict"``, ``"predict_proba"``,
        ``"predict_interval"`` ...
    comm : mpi4py.MPI.Comm, optional
        Every rank calls it with the same model; each predicts a range of the rows. None is one
        process.
    out : path-like, optional
        An ``.npy`` file that every rank writes its range to. It appears when it is whole.
    timeout : float
        With ``comm``, as in ``over``.

    Returns
    -------
    dask Series, DataFrame or array; or ndarray
        Of a Dask collection a lazy one with the same partitions. Of a DataFrame it has the same
        index: a Series called ``"prediction"`` where there is one number or class a row, else a
        DataFrame whose columns are the classes, ``"lower"`` and ``"upper"``, or numbered. Of what
        is no collection all predictions, on every rank; with ``out`` the file, mapped to read.

    Raises
    ------
    TypeError, ValueError
        As the model does: of a collection for a column that is missing at once, for values when
        they are predicted. For what does not go together.
    DistributedError
        As ``over``.

    Notes
    -----
    Predictions have the bits that they have on one machine.

    Examples
    --------
    A file of rows to a file of predictions, by all ranks that ``mpiexec`` has started, or here:

    >>> import numpy as np
    >>> import deltarule as dr
    >>> np.save("rows.npy", np.random.default_rng(0).normal(size=(1000, 3)))
    >>> net = dr.Network([dr.Dense(8, "relu"), dr.Dense(2)], input_size=3, seed=0)
    >>> comm = None  # or mpi4py's MPI.COMM_WORLD
    >>> A = dr.distributed.predict(net, "rows.npy", comm=comm, out="predicted.npy")
    >>> A.shape
    (1000, 2)

    A Dask DataFrame, lazily:

    >>> import dask.dataframe as dd  # doctest: +SKIP
    >>> rides = dd.read_parquet("rides/")  # doctest: +SKIP
    >>> fares = dr.distributed.predict(dr.load("fares.safetensors"), rides)  # doctest: +SKIP
    >>> fares.to_frame().to_parquet("fares/")  # doctest: +SKIP
    """
    expect_method(model, method)
    if collections.is_collection(X):
        for name, value in (("comm", comm), ("out", out)):
            if value is not None:
                raise ValueError(
                    f"predict: X is a Dask collection and {name} is {value!r}: expected None; "
                    "Dask's workers predict it, and what is returned has to_parquet and the like"
                )
        return collections.predicted(model, X, method)
    if comm is None:
        return ranges.predicted(ranges.Alone(), model, X, method, out)
    with Post(comm, expect_in_range(timeout, "predict: timeout", above=0), "predict") as post:
        return ranges.predicted(post, model, X, method, out)


predict.__module__ = "deltarule.distributed"
