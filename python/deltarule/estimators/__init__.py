"""``MLPClassifier`` and ``MLPRegressor``: networks behind scikit-learn's contract.

What scikit-learn's two estimators do, these do in the same way, from the same initial weights
through the same order of the examples to the same ``coefs_``, but for rounding; only the examples
of an X of more than 2^28 numbers are shuffled in windows. What they add stands behind
scikit-learn's parameters and changes nothing by default.
"""

from deltarule.estimators.classifier import MLPClassifier
from deltarule.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

# Where users find them, and where pickles of any age look for them.
for _kind in (MLPClassifier, MLPRegressor):
    _kind.__module__ = __name__
