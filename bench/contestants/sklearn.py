"""scikit-learn: an epoch is one partial_fit, which cuts and shuffles its own batches."""

from contextlib import nullcontext

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

from contestants import Absent


def estimator(work, problem):
    """What scikit-learn has for the workload, without its regularisation and its checks."""
    checked = work.calls == "partial_fit"  # as its users call it
    sklearn.set_config(assume_finite=not checked, skip_parameter_validation=not checked)
    make = MLPRegressor if work.loss in ("mean_squared_error", None) else MLPClassifier
    return make(
        hidden_layer_sizes=work.sizes[1:-1], activation=work.activation, alpha=0.0,
        batch_size=work.batch, solver=work.optimizer, learning_rate_init=work.learning_rate,
        momentum=0.0, nesterovs_momentum=False, shuffle=work.batch < work.rows, random_state=0,
    )  # fmt: skip


def put(model, weights):
    for coefs, intercepts, (W, b) in zip(model.coefs_, model.intercepts_, weights, strict=True):
        coefs[:], intercepts[:] = W.T, b


class Trainer:
    def __init__(self, work, problem, threads):  # the threads are the environment's
        if work.optimizer == "adamw":
            raise Absent("has no AdamW")
        self.model, self.problem = estimator(work, problem), problem
        self.y = problem.y if problem.y.ndim == 2 else problem.y.astype(np.int64)
        self.more = {"classes": np.unique(self.y)} if isinstance(self.model, MLPClassifier) else {}
        self.train(1)

    def reset(self):
        put(self.model, self.problem.weights)
        optimizer = self.model._optimizer
        optimizer.t = 0
        for name in ("ms", "vs", "velocities"):
            for moment in getattr(optimizer, name, ()):
                moment[:] = 0

    def train(self, epochs):
        for _ in range(epochs):
            self.model.partial_fit(self.problem.X, self.y, **self.more)

    def weights(self):
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [(W.T.copy(), b.copy()) for W, b in pairs]


class Predictor:
    context = nullcontext

    def __init__(self, work, problem, threads):
        model = estimator(work, problem)
        few = max(2, work.batch)
        model.set_params(batch_size=few)
        model.partial_fit(problem.X[:few], np.zeros((few, work.sizes[-1]), work.dtype))
        put(model, problem.weights)
        self.predict = model.predict

    def native(self, X):
        return X

    def array(self, A):
        return A
