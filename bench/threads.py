"""What scikit-learn's tools gain from threads: bags, votes, folds and searches of networks.

    python bench/threads.py

Each tool does its work on one job, on two of joblib's threads and on two of its processes, in
turns, round by round; of each the least time counts, and all have to come to the same numbers. The
networks are 16-64-64-1 (``MLPClassifier((64, 64))``), batches of 200 of 10,000 rows, five epochs.
"""

import argparse
import os
import warnings
from time import perf_counter

import joblib
import numpy as np
from machine import describe
from sklearn import clone, neural_network
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_val_predict
from threadpoolctl import threadpool_limits

import deltarule

# What a setup is called: joblib's jobs and backend, and the threads of each network.
SETUPS = {
    "one job, one thread": (1, "sequential", 1),
    "one job, two threads": (1, "sequential", 2),
    "two threads, each of one": (2, "threading", 1),
    "two threads, each of two": (2, "threading", 2),
    "two processes": (2, "loky", 1),
}
# As threads of its own are no choice in scikit-learn, whose products are small.
SETUPS_OF_PEER = ("one job, one thread", "two threads, each of one", "two processes")
ALPHAS = np.geomspace(1e-5, 1e-1, 8)


def model_of(module, threads):
    model = module.MLPClassifier((64, 64), batch_size=200, max_iter=5, random_state=0)
    return model.set_params(num_threads=threads) if module is deltarule else model


def bagging(model, X, y, jobs):
    bag = BaggingClassifier(model, n_estimators=8, n_jobs=jobs, random_state=0)
    return bag.fit(X, y).predict(X)  # probabilities are added up job by job: other last bits


def voting(model, X, y, jobs):
    members = [(str(seed), clone(model).set_params(random_state=seed)) for seed in range(8)]
    return VotingClassifier(members, voting="soft", n_jobs=jobs).fit(X, y).predict_proba(X)


def folds(model, X, y, jobs):
    return cross_val_predict(model, X, y, cv=8, n_jobs=jobs, method="predict_proba")


def grid(model, X, y, jobs):
    search = GridSearchCV(model, {"alpha": ALPHAS[::2]}, cv=2, n_jobs=jobs)
    return search.fit(X, y).cv_results_["mean_test_score"]


def halving(model, X, y, jobs):
    search = HalvingRandomSearchCV(
        model, {"alpha": ALPHAS}, n_candidates=8, factor=2, cv=2, n_jobs=jobs,
        min_resources=len(X) // 5, random_state=0,
    )  # fmt: skip
    return search.fit(X, y).cv_results_["mean_test_score"]


TOOLS = {
    "BaggingClassifier, 8 members": bagging,
    "VotingClassifier, 8 members": voting,
    "cross_val_predict, 8 folds": folds,
    "GridSearchCV, 4 points, 2 folds": grid,
    "HalvingRandomSearchCV, 8 points, 2 folds": halving,
}


def measure(tool, X, y, rounds):
    """For each module and setup the least seconds."""
    works = [(deltarule, setup) for setup in SETUPS]
    works += [(neural_network, setup) for setup in SETUPS_OF_PEER]
    seconds = {work: [] for work in works}
    expected = {}
    for number in range(rounds):
        for module, setup in works[:: 1 if number % 2 == 0 else -1]:
            jobs, backend, threads = SETUPS[setup]
            model = model_of(module, threads)
            with joblib.parallel_config(backend=backend), threadpool_limits(threads):
                start = perf_counter()
                found = tool(model, X, y, jobs)
                seconds[module, setup].append(perf_counter() - start)
            if not np.array_equal(found, expected.setdefault(module, found)):
                raise AssertionError(f"{setup} came to other numbers with {module.__name__}")
    return {work: min(each) for work, each in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    os.environ["PYTHONWARNINGS"] = "ignore"  # of joblib's processes
    X, y = make_classification(options.rows, 16, n_informative=10, random_state=0)
    X = X.astype("float32")
    machine = describe()
    print(
        f"{machine['cpu']}, {machine['cores']} cores; load {machine['load_at_start']:.1f}; seconds"
    )
    for name, tool in TOOLS.items():
        times = measure(tool, X, y, options.rounds)
        print(f"\n{name:42}{'deltarule':>12}{'scikit-learn':>14}")
        for setup in SETUPS:
            peer = times.get((neural_network, setup))
            shown = "" if peer is None else f"{peer:14.2f}"
            print(f"  {setup:40}{times[deltarule, setup]:12.2f}{shown}", flush=True)


if __name__ == "__main__":
    main()
