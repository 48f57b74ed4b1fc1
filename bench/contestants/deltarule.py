"""deltarule, by its public interface."""

from contextlib import nullcontext

import numpy as np

import deltarule as dr

OUTPUT = {
    "binary_cross_entropy": "sigmoid",
    "categorical_cross_entropy": "softmax",
    "mean_squared_error": "identity",
    None: "identity",
}


def network(work, problem, threads):
    dr.set_num_threads(threads)
    activations = [work.activation] * (len(work.sizes) - 2) + [OUTPUT[work.loss]]
    layers = [dr.Dense(n, g) for n, g in zip(work.sizes[1:], activations, strict=True)]
    net = dr.Network(layers, input_size=work.sizes[0], seed=0, dtype=work.dtype)
    for layer, (W, b) in zip(net.layers, problem.weights, strict=True):
        layer.W, layer.b = W, b[:, np.newaxis]
    return net


def Trainer(work, problem, threads):
    return (_Estimator if work.calls == "partial_fit" else _Network)(work, problem, threads)


class _Estimator:
    """scikit-learn's interface: the weights are those of ``coefs_``, as there."""

    def __init__(self, work, problem, threads):
        self.work, self.problem, self.threads = work, problem, threads
        self.y = problem.y.astype(np.int64)

    def reset(self):
        work = self.work
        self.model = dr.MLPClassifier(
            work.sizes[1:-1], activation=work.activation, alpha=0.0, batch_size=work.batch,
            solver=work.optimizer, learning_rate_init=work.learning_rate, shuffle=False,
            num_threads=self.threads, random_state=0,
        )  # fmt: skip
        self.model.partial_fit(self.problem.X, self.y, classes=[0, 1])
        layers = zip(self.model.coefs_, self.model.intercepts_, self.problem.weights, strict=True)
        for coefs, intercepts, (W, b) in layers:
            coefs[:], intercepts[:] = W.T, b
        self.model._optimizer.step = 0
        self.model._optimizer.state[:] = 0

    def train(self, steps):
        for _ in range(steps):
            self.model.partial_fit(self.problem.X, self.y)

    def weights(self):
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [(W.T.copy(), b.copy()) for W, b in pairs]


class _Network:
    def __init__(self, work, problem, threads):
        self.net = network(work, problem, threads)
        self.initial = self.net.parameters.copy()
        make = {"adam": dr.Adam, "adamw": dr.AdamW, "sgd": dr.SGD}[work.optimizer]
        self.optimizer = make(work.learning_rate)
        self.work, self.problem = work, problem
        self.train = {"": self.fit, "step": self.steps, "passes": self.passes}[work.calls]

    def reset(self):
        self.net.parameters = self.initial
        self.optimizer.step = 0
        if self.optimizer.state is not None:
            self.optimizer.state[:] = 0

    def fit(self, epochs):
        self.net.fit(
            self.problem.X, self.problem.y, loss=self.work.loss, optimizer=self.optimizer,
            batch_size=self.work.batch, epochs=epochs, shuffle=True,
        )  # fmt: skip

    def steps(self, steps):
        net, X, y = self.net, self.problem.X, self.problem.y
        loss, optimizer = self.work.loss, self.optimizer
        for _ in range(steps):
            net.train_on_batch(X, y, loss=loss, optimizer=optimizer)

    def passes(self, steps):
        net, X, y, optimizer = self.net, self.problem.X, self.problem.y, self.optimizer
        for _ in range(steps):
            A, caches = net.forward(X)
            net.update(net.backward(2 * (A - y), caches), optimizer)

    def weights(self):
        return [(layer.W.copy(), layer.b[:, 0].copy()) for layer in self.net.layers]


class Predictor:
    context = nullcontext

    def __init__(self, work, problem, threads):
        net = network(work, problem, threads)
        out = np.empty((work.batch, work.sizes[-1]), work.dtype)
        self.predict = lambda x: net.predict(x, out=out)

    def native(self, X):
        return X

    def array(self, A):
        return A.copy()
