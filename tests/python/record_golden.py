"""Records golden/: files of the format version that the package writes now, and what is in them.

Run once for each format version, by hand; what has been recorded is never recorded anew, as it
stands for the files that users have. test_golden.py reads them.
"""

from pathlib import Path
from typing import Any

import numpy as np

import deltarule as dr
from deltarule import schedules
from support import data_of_every_kind, of_every_kind

HERE = Path(__file__).parent / "golden"


def small(dtype: str) -> dr.Network:
    """Dense layers alone."""
    return dr.Network([dr.Dense(5, "relu"), dr.Dense(2)], input_size=3, seed=4, dtype=dtype)


def small_data(dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(20, 3)).astype(dtype), rng.normal(size=(20, 2)).astype(dtype)


def every_kind_optimizer() -> dr.Optimizer:
    return dr.NAdam(schedules.WarmUp(schedules.Cosine(0.02, 40), 6))


def record_checkpoints(version: int) -> None:
    """A layer of every kind with all that goes with it; and dense layers with little."""
    path = HERE / f"v{version}-every-kind-float32.safetensors"
    net, (X, y) = of_every_kind(), data_of_every_kind(24)
    net.fit(
        X,
        y,
        epochs=3,
        batch_size=8,
        optimizer=every_kind_optimizer(),
        average=0.9,
        callbacks=[dr.EarlyStopping("loss"), dr.Checkpoint(path)],
    )
    record(path, net, X)
    path = HERE / f"v{version}-dense-float64.safetensors"
    net, (X, y) = small("float64"), small_data("float64")
    optimizer = dr.SGD(0.05, 0.9)
    net.fit(X, y, epochs=2, batch_size=6, optimizer=optimizer, callbacks=[dr.Checkpoint(path)])
    record(path, net, X)


def record(path: Path, net: dr.Network, X: Any) -> None:
    vectors = {} if net.average is None else {"average": net.average}
    np.savez(
        path.with_suffix(".npz"),
        X=X,
        A=net.predict(X),
        parameters=net.parameters,
        statistics=net.statistics,
        loss=net.history["loss"],
        **vectors,
    )


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    record_checkpoints(version=1)
