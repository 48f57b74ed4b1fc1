"""scikit-learn's side of the contract: warnings, and what its tools show of an estimator."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

import deltarule as dr

X, Y = datasets.make_classification(n_samples=60, n_features=4, random_state=0)


class Interrupt:
    def on_epoch_end(self, run: Any) -> None:
        raise KeyboardInterrupt


CASES: list[tuple[type[Warning], dict[str, Any], Any]] = [
    (ConvergenceWarning, {}, Y),
    (ConvergenceWarning, {"solver": "lbfgs"}, Y),
    (UserWarning, {"batch_size": 1000, "tol": 1e9, "n_iter_no_change": 1, "max_iter": 9}, Y),
    (UserWarning, {"callbacks": [Interrupt()]}, Y),
    (DataConversionWarning, {"tol": 1e9, "n_iter_no_change": 1, "max_iter": 9}, Y[:, np.newaxis]),
]


@pytest.mark.parametrize(("category", "parameters", "y"), CASES)
def test_a_filter_for_scikit_learns_modules_is_one_for_ours(
    category: type[Warning], parameters: dict[str, Any], y: Any
) -> None:
    model = dr.MLPClassifier(**{"max_iter": 2, "random_state": 0} | parameters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    # Its place is the line of the call, from which it was not hidden.
    assert [(each.category, each.filename) for each in caught] == [(category, __file__)]
    for module in ("sklearn", r"sklearn\.neural_network", "sklearn.*"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=category, module=module)
            model.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="pandas")
        with pytest.raises(category):
            model.fit(X, y)


def test_a_column_of_targets_is_said_in_scikit_learns_words() -> None:
    said = []
    for module in (neural_network, dr):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DataConversionWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            module.MLPRegressor(max_iter=1).fit(X, Y[:, np.newaxis])
        said += [str(each.message) for each in caught]
    assert said[0] == said[1]
