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


class Trainer:
    def __init__(self, work, problem, threads):
        self.net = network(work, problem, threads)
        self.initial = self.net.parameters.copy()
        make = {"adam": dr.Adam, "sgd": dr.SGD}[work.optimizer]
        self.optimizer = make(work.learning_rate)
        self.work, self.problem = work, problem

    def reset(self):
        self.net.parameters = self.initial
        self.optimizer.step = 0
        if self.optimizer.state is not None:
            self.optimizer.state[:] = 0

    def train(self, epochs):
        self.net.fit(
            self.problem.X, self.problem.y, loss=self.work.loss, optimizer=self.optimizer,
            batch_size=self.work.batch, epochs=epochs, shuffle=True,
        )  # fmt: skip

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
