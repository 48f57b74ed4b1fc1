"""deltarule: ``fit_many``, and an ``Ensemble`` that predicts."""

from contextlib import nullcontext

import numpy as np

import deltarule as dr


def network(work, weights, seed):
    *hidden, outputs = work.sizes[1:]
    layers = [dr.Dense(n, work.activation) for n in hidden]
    layers.append(dr.Dense(outputs, "softmax"))
    net = dr.Network(layers, input_size=work.sizes[0], seed=seed, dtype=work.dtype)
    for layer, (W, b) in zip(net.layers, weights, strict=True):
        layer.W, layer.b = W, b[:, np.newaxis]
    return net


def networks(work, problem):
    """The members, which differ in their weights and in the order that they go through the rows."""
    return [network(work, weights, seed) for seed, weights in enumerate(problem.members)]


class Trainer:
    def __init__(self, work, problem, threads):
        dr.set_num_threads(threads)
        self.work, self.problem = work, problem
        self.networks = networks(work, problem)
        self.initial = [net.parameters.copy() for net in self.networks]

    def reset(self):
        for net, initial in zip(self.networks, self.initial, strict=True):
            net.parameters = initial
        self.optimizers = [dr.Adam(self.work.learning_rate) for _ in self.networks]

    def train(self, epochs):
        dr.fit_many(
            self.networks, self.problem.X, self.problem.y, loss=self.work.loss,
            optimizer=self.optimizers, epochs=epochs, batch_size=self.work.batch,
        )  # fmt: skip

    def weights(self):
        return [
            [(layer.W.copy(), layer.b[:, 0].copy()) for layer in net.layers]
            for net in self.networks
        ]


class Predictor:
    context = nullcontext

    def __init__(self, work, problem, threads):
        dr.set_num_threads(threads)
        self.predict = dr.Ensemble(networks(work, problem)).predict

    def native(self, X):
        return X

    def array(self, A):
        return A
