"""The scikit-learn estimators beside scikit-learn's own: the score, and the time of a fit.

    python bench/estimators.py                        # what scikit-learn ships
    python bench/estimators.py --search               # a grid search, on one job and on two
    DELTARULE_DATA=... python bench/estimators.py     # adult and California housing, too

Both have the same parameters and the same random_state, so they train on the same batches from the
same weights; they take turns, seed by seed, in one process, on the same number of threads.
"""

import argparse
import os
import statistics
import warnings
from pathlib import Path
from time import perf_counter

import joblib
import numpy as np
from machine import describe
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import deltarule

SHIPPED = ("digits", "breast_cancer", "wine", "diabetes")
SOLVERS = ("adam", "sgd", "lbfgs")


def load(name, folder):
    """X, y, and which estimator they are for."""
    if name in SHIPPED:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return X, y, "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    import pandas as pd

    if name == "adult":
        frame = pd.read_csv(folder / "adult-train.csv", header=None, skipinitialspace=True)
        y = (frame.pop(frame.columns[-1]) == ">50K").to_numpy()
        return pd.get_dummies(frame).to_numpy(float), y, "MLPClassifier"
    frame = pd.read_csv(folder / "california_housing.csv").dropna()
    y = frame.pop("median_house_value").to_numpy() / 1e5
    return pd.get_dummies(frame).to_numpy(float), y, "MLPRegressor"


def measure(name, folder, solver, seeds, max_iter):
    """For each of the two: seconds and scores, one a seed."""
    X, y, kind = load(name, folder)
    result = {"scikit-learn": ([], []), "deltarule": ([], [])}
    modules = {"scikit-learn": neural_network, "deltarule": deltarule}
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        for who in sorted(modules, reverse=seed % 2 == 0):
            model = getattr(modules[who], kind)(solver=solver, random_state=seed, max_iter=max_iter)
            start = perf_counter()
            model.fit(X_train, y_train)
            seconds, scores = result[who]
            seconds.append(perf_counter() - start)
            scores.append(model.score(X_test, y_test))
    return result


def search_on_jobs():
    """Seconds of a grid search over digits, in turn: one job, two threads, two processes."""
    X, y = datasets.load_digits(return_X_y=True)
    grid = {"alpha": [1e-4, 1e-2, 1.0], "hidden_layer_sizes": [(64,), (64, 32)]}
    print(f"{'GridSearchCV over digits':28}{'scikit-learn':>14}{'deltarule':>12}")
    for jobs, backend in ((1, "sequential"), (2, "threading"), (2, "loky")):
        seconds = {"scikit-learn": [], "deltarule": []}
        for _ in range(3):
            for who, module in (("scikit-learn", neural_network), ("deltarule", deltarule)):
                model = module.MLPClassifier(max_iter=30, random_state=0)
                search = GridSearchCV(model, grid, cv=2, n_jobs=jobs)
                with joblib.parallel_backend(backend):
                    start = perf_counter()
                    search.fit(X / 16.0, y)
                    seconds[who].append(perf_counter() - start)
        medians = [statistics.median(each) for each in seconds.values()]
        print(f"{f'{jobs} jobs, {backend}':28}{medians[0]:14.2f}{medians[1]:12.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-iter", type=int, default=200)
    parser.add_argument("--solvers", default=",".join(SOLVERS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--search", action="store_true", help="a grid search instead")
    parser.add_argument("--data", help="data sets, separated by commas")
    options = parser.parse_args()
    folder = Path(os.environ.get("DELTARULE_DATA", "/nowhere")) / "tabular"
    names = options.data.split(",") if options.data else list(SHIPPED)
    if not options.data and folder.is_dir():
        names += ["adult", "california"]
    warnings.simplefilter("ignore", ConvergenceWarning)
    os.environ["PYTHONWARNINGS"] = "ignore"  # of joblib's processes
    machine = describe()
    print(
        f"{machine['cpu']}, {options.threads} of {machine['cores']} cores, {options.seeds} seeds; "
        "medians of seconds"
    )
    deltarule.set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        if options.search:
            search_on_jobs()
        else:
            _print_table(names, folder, options)


def _print_table(names, folder, options):
    print(
        f"{'data':14}{'solver':8}{'scikit-learn':>14}{'deltarule':>12}{'ratio':>8}"
        f"{'score':>18}{'score':>18}"
    )
    for name in names:
        for solver in options.solvers.split(","):
            result = measure(name, folder, solver, options.seeds, options.max_iter)
            times = {who: statistics.median(seconds) for who, (seconds, _) in result.items()}
            ratio = times["scikit-learn"] / times["deltarule"]
            scores = "".join(
                f"{np.mean(of_seeds):10.4f} ± {np.std(of_seeds):.3f}"
                for _, of_seeds in result.values()
            )
            print(
                f"{name:14}{solver:8}{times['scikit-learn']:14.3f}{times['deltarule']:12.3f}"
                f"{ratio:7.1f}x{scores}",
                flush=True,
            )


if __name__ == "__main__":
    main()
