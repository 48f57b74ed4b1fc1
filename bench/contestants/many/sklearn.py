"""scikit-learn: bagging over processes, each member with all rows and initial weights of its own.

It draws these weights itself, as those of everyone else were drawn.
"""

import os
import warnings

import numpy as np
import sklearn
from joblib import parallel_config
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

# That so few epochs do not converge; its processes are told by the one or the other.
warnings.simplefilter("ignore", ConvergenceWarning)
os.environ["PYTHONWARNINGS"] = "ignore"


class Trainer:
    def __init__(self, work, problem, threads):
        sklearn.set_config(assume_finite=True, skip_parameter_validation=True)
        self.work, self.problem, self.threads = work, problem, threads
        self.y = problem.y.astype(np.int64)

    def reset(self):
        work = self.work
        member = MLPClassifier(
            work.sizes[1:-1], activation=work.activation, alpha=0.0, batch_size=work.batch,
            solver=work.optimizer, learning_rate_init=work.learning_rate, n_iter_no_change=1_000,
        )  # fmt: skip
        self.model = BaggingClassifier(
            member, n_estimators=work.members, n_jobs=self.threads, bootstrap=False, random_state=0
        )

    def train(self, epochs):
        self.model.estimator.max_iter = epochs
        with parallel_config(backend="loky", inner_max_num_threads=1):
            self.model.fit(self.problem.X, self.y)

    def weights(self):
        return [_weights(member) for member in self.model.estimators_]


def _weights(member):
    """As a softmax over two classes, where scikit-learn has a sigmoid over one."""
    pairs = [(W.T, b) for W, b in zip(member.coefs_, member.intercepts_, strict=True)]
    W, b = pairs[-1]
    if len(b) == 1:
        pairs[-1] = (np.concatenate([0 * W, W]), np.concatenate([0 * b, b]))
    return pairs
