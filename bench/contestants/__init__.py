"""The contestants: deltarule and its peers, each in its best honest form, a module each.

A module has a ``Trainer``, a ``Predictor`` or both, made as ``Trainer(work, problem, threads)``:

    trainer.reset()            back to the initial weights and a fresh optimizer; not timed
    trainer.train(epochs)      timed; returns when the work is done
    trainer.weights()          [(W (n, n_prev), b (n,)), ...]

    predictor.native(X)        the rows as this library likes them best; not timed
    predictor.predict(x)       timed; returns when the work is done
    predictor.array(A)         what predict returned, as a NumPy array
    predictor.context()        what the timed calls run inside

Who learns a table (``TABLES``) has a ``Model`` instead, made as ``Model(table, seed, threads)``:

    model.fit(train, val)      timed; training stops by the rows of val
    model.predict(X)           timed; from the raw frame to numbers, or to the classes' own names
    model.save(folder)         in the library's own format, to files in this folder

Whoever does not do a kind of work has no such class, or raises ``Absent`` with the reason.
"""

MODULES = {
    "deltarule": "contestants.deltarule",
    "torch": "contestants.torch_eager",
    "torch_compile": "contestants.torch_compile",
    "torch_jit": "contestants.torch_jit",
    "jax": "contestants.jax",
    "sklearn": "contestants.sklearn",
    "onnxruntime": "contestants.onnxruntime",
    "numpy": "contestants.numpy",
}

# Who trains or asks many networks: ``weights()`` is then a list of them, one a member.
MANY = {
    "deltarule": "contestants.many.deltarule",
    "deltarule_each": "contestants.many.deltarule_each",
    "sklearn": "contestants.many.sklearn",
    "torch_vmap": "contestants.many.torch_vmap",
    "torch_threads": "contestants.many.torch_threads",
    "jax": "contestants.many.jax",
    "onnxruntime": "contestants.many.onnxruntime",
}

TABLES = {
    "deltarule": "contestants.tables.deltarule",
    "hist_gradient_boosting": "contestants.tables.hist_gradient_boosting",
    "xgboost": "contestants.tables.xgboost",
    "lightgbm": "contestants.tables.lightgbm",
    "catboost": "contestants.tables.catboost",
    "sklearn_mlp": "contestants.tables.sklearn_mlp",
    "realmlp": "contestants.tables.realmlp",
    "tabm": "contestants.tables.tabm",
}

# How long gradient boosting may go on, and for how many rounds without a better validation score.
ROUNDS, PATIENCE = 2_000, 50


class Absent(Exception):  # noqa: N818 -- not an error: a contestant that does not take part
    """Why a contestant does not take part in a workload."""
