"""Plain NumPy, written with care: buffers made once, and one flat vector for Adam.

An example is a column, as on paper: with its BLAS that is as fast as rows or faster (measured).
In float64 its ``Trainer`` is also the bench's yardstick: the loss that all must reach.
"""

from contextlib import nullcontext
from itertools import pairwise

import numpy as np

from contestants import Absent


class Trainer:
    def __init__(self, work, problem, threads):  # the threads are the environment's
        if work.key == "S4" and work.dtype == "float32":
            raise Absent("left out: its time is the BLAS's, and S3 shows it")
        if work.calls == "partial_fit" and threads is not None:  # it is the yardstick still
            raise Absent("has no partial_fit")
        self.work, self.X, self.initial = work, problem.X, problem.weights
        self.y = problem.y
        if work.loss == "categorical_cross_entropy":
            self.y = np.eye(work.sizes[-1], dtype=work.dtype)[problem.y]
        elif self.y.ndim == 1:
            self.y = self.y[:, np.newaxis]
        self.columns = self.X.T.copy(), self.y.T.copy()
        count = sum(n * n_prev + n for n_prev, n in pairwise(work.sizes))
        self.p, self.g, self.m, self.v, self.s = np.zeros((5, count), work.dtype)
        self.W, self.b = self._views(self.p)
        self.dW, self.db = self._views(self.g)
        self.A = [np.empty((n, work.batch), work.dtype) for n in work.sizes[1:]]
        self.dZ = [np.empty_like(A) for A in self.A]
        self.draw = np.random.default_rng(1)

    def _views(self, flat):
        """W (n, n_prev) and b (n, 1) of each layer."""
        Ws, bs, at = [], [], 0
        for n_prev, n in pairwise(self.work.sizes):
            Ws.append(flat[at : at + n * n_prev].reshape(n, n_prev))
            bs.append(flat[at + n * n_prev : at + n * n_prev + n].reshape(n, 1))
            at += n * n_prev + n
        return Ws, bs

    def reset(self):
        for W, b, (W_0, b_0) in zip(self.W, self.b, self.initial, strict=True):
            W[:], b[:, 0] = W_0, b_0
        self.m[:] = self.v[:] = self.t = 0

    def train(self, epochs):
        rows, batch = self.work.rows, self.work.batch
        for _ in range(epochs):
            if batch == rows:
                self._step(*self.columns)
                continue
            order = self.draw.permutation(rows)
            X, y = self.X[order], self.y[order]
            for first in range(0, rows, batch):
                self._step(X[first : first + batch].T, y[first : first + batch].T)

    def weights(self):
        return [(W.copy(), b[:, 0].copy()) for W, b in zip(self.W, self.b, strict=True)]

    def _step(self, X, y):
        last = len(self.A) - 1
        A_prev = X
        for layer, A in enumerate(self.A):
            np.matmul(self.W[layer], A_prev, out=A)
            A += self.b[layer]
            if layer < last:
                np.tanh(A, out=A) if self.work.activation == "tanh" else np.maximum(A, 0, out=A)
            A_prev = A
        dZ = self._output_gradient(self.A[last], y, self.dZ[last])
        for layer in range(last, -1, -1):
            A_prev = self.A[layer - 1] if layer else X
            np.matmul(dZ, A_prev.T, out=self.dW[layer])
            np.sum(dZ, axis=1, keepdims=True, out=self.db[layer])
            if layer:
                dZ = np.matmul(self.W[layer].T, dZ, out=self.dZ[layer - 1])
                if self.work.activation == "tanh":
                    A_prev *= A_prev
                    dZ *= np.subtract(1, A_prev, out=A_prev)
                else:
                    dZ *= A_prev > 0
        self._update()

    def _output_gradient(self, Z, y, out):
        """The gradient of the mean loss with respect to the last Z."""
        if self.work.loss == "mean_squared_error":
            np.subtract(Z, y, out=out)
            out *= 2 / y.size
            return out
        if self.work.loss == "binary_cross_entropy":
            Z *= 0.5  # sigmoid(Z) = (1 + tanh(Z / 2)) / 2 never overflows
            np.tanh(Z, out=Z)
            Z += 1
            Z *= 0.5
        else:
            Z -= Z.max(axis=0)
            np.exp(Z, out=Z)
            Z /= Z.sum(axis=0)
        np.subtract(Z, y, out=out)
        out *= 1 / y.shape[1]
        return out

    def _update(self):
        p, g, m, v, s, rate = self.p, self.g, self.m, self.v, self.s, self.work.learning_rate
        if self.work.optimizer == "sgd":
            g *= rate
            p -= g
            return
        self.t += 1
        m *= 0.9
        m += np.multiply(g, 0.1, out=s)
        v *= 0.999
        np.multiply(g, g, out=s)
        s *= 0.001
        v += s
        np.divide(v, 1 - 0.999**self.t, out=s)
        np.sqrt(s, out=s)
        s += 1e-8
        np.divide(m, s, out=s)
        s *= rate / (1 - 0.9**self.t)
        if self.work.optimizer == "adamw":
            p *= 1 - rate * 0.01
        p -= s


class Predictor:
    context = nullcontext

    def __init__(self, work, problem, threads):
        (W1, b1), (W2, b2), (W3, b3) = ((W.T.copy(), b) for W, b in problem.weights)
        A1, A2, A3 = (np.empty((work.batch, n), work.dtype) for n in work.sizes[1:])

        def predict(x, dot=np.dot, add=np.add, tanh=np.tanh):
            tanh(add(dot(x, W1, A1), b1, A1), A1)
            tanh(add(dot(A1, W2, A2), b2, A2), A2)
            return add(dot(A2, W3, A3), b3, A3)

        self.predict = predict

    def native(self, X):
        return X

    def array(self, A):
        return A.copy()
