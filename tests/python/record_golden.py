"""Records golden/: files of the format version that the package writes now, and what is in them.

Run once for each format version, by hand; what has been recorded is never recorded anew, as it
stands for the files that users have. _files/test_old_versions.py reads them. Version 1 had
checkpoints alone, and was recorded by the package that wrote it.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

import deltarule as dr
from deltarule import schedules
from deltarule.tabular.models.training import recipe
from support import data_of_every_kind, of_every_kind

VERSION = 2
HERE = Path(__file__).parent / "golden"


def small(dtype: str) -> dr.Network:
    """Dense layers alone."""
    return dr.Network([dr.Dense(5, "relu"), dr.Dense(2)], input_size=3, seed=4, dtype=dtype)


def small_data(dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(20, 3)).astype(dtype), rng.normal(size=(20, 2)).astype(dtype)


def every_kind_optimizer() -> dr.Optimizer:
    return dr.NAdam(schedules.WarmUp(schedules.Cosine(0.02, 40), 6))


def record_checkpoints() -> None:
    """A layer of every kind with all that goes with it; and dense layers with little."""
    path = HERE / f"v{VERSION}-every-kind-float32.safetensors"
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
    path = HERE / f"v{VERSION}-dense-float64.safetensors"
    net, (X, y) = small("float64"), small_data("float64")
    optimizer = dr.SGD(0.05, 0.9)
    net.fit(X, y, epochs=2, batch_size=6, optimizer=optimizer, callbacks=[dr.Checkpoint(path)])
    record(path, net, X)


def record_models() -> None:
    """A network as ``save`` writes it, and the estimators."""
    net, (X, y) = small("float32"), small_data("float32")
    net.fit(X, y, epochs=2, metrics=["r2"])
    path = HERE / f"v{VERSION}-network.safetensors"
    net.save(path)
    record(path, net, X)
    for model, targets in (
        (dr.MLPClassifier((4,), dropout=[0.1]), np.array(["yes", "no", "maybe"])[y_of_classes()]),
        (dr.MLPRegressor(dr.Huber(0.5), (4,), solver=dr.SGD(schedules.Constant(0.1), 0.9)), y),
    ):
        model.set_params(random_state=np.random.RandomState(3), max_iter=3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, targets)
        path = HERE / f"v{VERSION}-{type(model).__name__}.safetensors"
        model.save(path)
        record(path, model.network_, X)


def table() -> Any:
    """A raw table, as records: a column of each kind, and one that is left out."""
    rng, m = np.random.default_rng(7), 60
    some = rng.integers(3, size=m)
    made = np.zeros(m, [("a", "f8"), ("b", "<U6"), ("c", "<U6"), ("d", "M8[us]"), ("e", "i8")])
    made["a"] = np.where(some == 0, np.nan, rng.lognormal(size=m))
    made["b"] = np.array(["", "red", "blue"])[some]
    made["c"] = np.char.add("k", rng.integers(12, size=m).astype("U3"))
    made["d"] = np.datetime64("1965-03-01T05") + rng.integers(10**5, size=m).astype("m8[h]")
    made["e"] = 3
    return made


def record_inputs() -> None:
    """A network that takes raw tables."""
    X = table()
    encoder = dr.TableEncoder(min_count=1).fit(X)
    layers = [*encoder.layers(3), dr.Dense(4, "tanh"), dr.Dense(1)]
    net = dr.Network(layers, inputs=encoder, seed=4)
    net.fit(X, np.nan_to_num(X["a"]), epochs=2)
    path = HERE / f"v{VERSION}-inputs.safetensors"
    net.save(path)
    record(path, net, X)


def record_tables() -> None:
    """Models of tables, of few small networks."""
    recipe.PRESETS["fast"] = recipe.Preset(
        members=4, units=6, waves=7, patience=3, epochs=4, snapshots=2, size=4
    )
    X = table()
    y = np.nan_to_num(X["a"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        regressor = dr.TabularRegressor(preset="fast", random_state=0).fit(X, y)
        classifier = dr.TabularClassifier(preset="fast", random_state=0).fit(X, X["b"] == "red")
    for model in (regressor, classifier):
        path = HERE / f"v{VERSION}-{type(model).__name__}.safetensors"
        model.save(path)
        answers = (
            {"P": model.predict_proba(X)}
            if isinstance(model, dr.TabularClassifier)
            else {"A": model.predict(X), "interval": np.array(model.predict_interval(X, 0.8))}
        )
        np.savez(path.with_suffix(".npz"), X=X, **answers)


def y_of_classes() -> Any:
    return np.random.default_rng(6).integers(3, size=20)


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
    record_checkpoints()
    record_models()
    record_inputs()
    record_tables()
