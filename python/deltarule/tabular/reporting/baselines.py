"""What simple models, and gradient-boosted trees, make of the numbers that the networks see."""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from deltarule._arrays import Array
from deltarule._threads import get_num_threads
from deltarule.report.subject import Answers

# Codes that scikit-learn's trees take for categories.
_MOST_CATEGORIES = 255
_MOST_LEVELS = 1000  # of a category, in a linear model


def baselines(
    train: Array,
    y: Array,
    test: Array,
    embedded: dict[int, int],
    *,
    classes: int,
    seed: int,
) -> list[Answers]:
    """Fit each to encoded rows, and have it answer for others.

    Parameters
    ----------
    train, test : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_train,)
        Codes, or numbers.
    embedded : dict of int to int
        The columns of codes, and how many codes there are.
    classes : int
        0 where numbers are predicted.
    seed : int
    """
    codes = list(embedded)
    categories = [column for column, count in embedded.items() if count <= _MOST_CATEGORIES]
    trees: dict[str, Any] = {"categorical_features": categories or None, "random_state": seed}
    made: dict[str, Any]
    if classes:
        made = {
            "majority class": DummyClassifier(strategy="prior"),
            "logistic regression": _linear(LogisticRegression(max_iter=300), train, codes),
            "HistGradientBoosting": HistGradientBoostingClassifier(**trees),
        }
    else:
        made = {
            "mean": DummyRegressor(),
            "linear regression": _linear(LinearRegression(), train, codes),
            "HistGradientBoosting": HistGradientBoostingRegressor(**trees),
        }
    # Other libraries' threads are to be no more than ours, who may share the machine.
    with threadpool_limits(get_num_threads()):
        return [_answers(name, model, train, y, test, classes) for name, model in made.items()]


def _linear(model: Any, train: Array, codes: list[int]) -> Any:
    """A linear model of scaled numbers, and of a column for each level."""
    others = [column for column in range(train.shape[1]) if column not in set(codes)]
    one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=_MOST_LEVELS)
    return make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), others), ("levels", one_hot, codes)]),
        model,
    )


def _answers(name: str, model: Any, train: Array, y: Array, test: Array, classes: int) -> Answers:
    began = perf_counter()
    with warnings.catch_warnings():
        # As far as it comes in so many steps, it is a baseline all the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        warnings.filterwarnings("ignore", "Found unknown categories", UserWarning)
        model.fit(train, y)
        seconds = perf_counter() - began
        if not classes:
            return Answers(name, np.asarray(model.predict(test), np.float64), seconds)
        P = np.zeros((len(test), classes))
        P[:, model.classes_] = model.predict_proba(test)
    return Answers(name, P, seconds)
