"""Tools of scikit-learn's train networks in threads, and come to the bits of one job."""

from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_val_predict

import deltarule as dr
from support import assert_same_bits

X, Y = make_classification(400, 6, random_state=0)
ALPHAS = [1e-4, 1e-2, 1.0, 10.0]


def model(seed: int = 0, threads: int | None = 1) -> Any:
    return dr.MLPClassifier(
        (16, 8), max_iter=4, tol=0.0, dropout=0.1, random_state=seed, num_threads=threads
    )


def bagging(threads: int | None) -> Any:
    bag = BaggingClassifier(model(threads=threads), n_estimators=6, random_state=0)
    # Its mean over members is added up job by job, so look at the members.
    members = bag.fit(X, Y).estimators_
    return np.stack([member.predict_proba(X) for member in members])


def voting(threads: int | None) -> Any:
    members = [(str(seed), model(seed, threads)) for seed in range(6)]
    return VotingClassifier(members, voting="soft").fit(X, Y).predict_proba(X)


def folds(threads: int | None) -> Any:
    return cross_val_predict(model(threads=threads), X, Y, cv=6, method="predict_proba")


def grid(threads: int | None) -> Any:
    search = GridSearchCV(model(threads=threads), {"alpha": ALPHAS}, cv=2).fit(X, Y)
    return np.r_[search.cv_results_["mean_test_score"], search.predict_proba(X).ravel()]


def halving(threads: int | None) -> Any:
    search = HalvingRandomSearchCV(
        model(threads=threads), {"alpha": ALPHAS}, cv=2, factor=2, min_resources=100, random_state=0
    ).fit(X, Y)
    return np.r_[search.cv_results_["mean_test_score"], search.predict_proba(X).ravel()]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("tool", [bagging, voting, folds, grid, halving])
def test_two_jobs_in_threads_come_to_the_bits_of_one(tool: Callable[[int | None], Any]) -> None:
    expected = tool(1)
    for threads in (1, 2, None):
        with joblib.parallel_config(backend="threading", n_jobs=2):
            assert_same_bits(tool(threads), expected)
