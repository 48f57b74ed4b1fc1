"""deltarule, network by network: ``fit`` in a pool of Python's threads, ``predict`` in turn."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np

import deltarule as dr
from contestants.many import deltarule


class Trainer(deltarule.Trainer):
    def __init__(self, work, problem, threads):
        super().__init__(work, problem, 1)  # each member's own
        self.pool = ThreadPoolExecutor(threads)

    def train(self, epochs):
        X, y, work = self.problem.X, self.problem.y, self.work

        def fit(net, optimizer):
            net.fit(X, y, loss=work.loss, optimizer=optimizer, epochs=epochs, batch_size=work.batch)

        list(self.pool.map(fit, self.networks, self.optimizers))


class Predictor:
    """The sum of so many single predictions, their mean included."""

    context = nullcontext

    def __init__(self, work, problem, threads):
        dr.set_num_threads(threads)
        networks = deltarule.networks(work, problem)
        one, total = np.empty((2, work.batch, work.sizes[-1]), work.dtype)

        def predict(x):
            total[:] = 0
            for net in networks:
                net.predict(x, out=one)
                np.add(total, one, out=total)
            return np.divide(total, len(networks), out=total)

        self.predict = predict

    def native(self, X):
        return X

    def array(self, A):
        return A.copy()
