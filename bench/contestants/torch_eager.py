"""PyTorch, eager: fused Adam, batches cut from tensors, no DataLoader."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from contestants import Absent

LOSSES = {
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    "categorical_cross_entropy": functional.cross_entropy,
    "mean_squared_error": functional.mse_loss,
}
# Bytes of X below which one permuted copy an epoch beats an index a batch (measured).
COPY_BELOW = 1 << 22


def network(work, problem, threads):
    """The modules; the last layer gives logits."""
    torch.set_num_threads(threads)
    layers = []
    for W, b in problem.weights:
        linear = nn.Linear(W.shape[1], W.shape[0], dtype=getattr(torch, work.dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.ReLU() if work.activation == "relu" else nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Trainer:
    def __init__(self, work, problem, threads):
        if work.calls == "partial_fit":
            raise Absent("has no partial_fit")
        self.work = work
        self.net = network(work, problem, threads)
        self.initial = [p.detach().clone() for p in self.net.parameters()]
        self.X, self.y = torch.from_numpy(problem.X), torch.from_numpy(problem.y)
        if work.loss == "binary_cross_entropy":
            self.y = self.y[:, None]
        optimizers = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
        make = getattr(torch.optim, optimizers[work.optimizer])
        self.optimizer = make(self.net.parameters(), lr=work.learning_rate, fused=True)
        self.loss = self.prepared(lambda X, y: LOSSES[work.loss](self.net(X), y))

    def prepared(self, loss):
        return loss

    def reset(self):
        with torch.no_grad():
            for p, initial in zip(self.net.parameters(), self.initial, strict=True):
                p.copy_(initial)
        for state in self.optimizer.state.values():
            for value in state.values():
                if value is not None:
                    value.zero_()

    def _batches(self):
        if self.work.batch == self.work.rows:
            return [(self.X, self.y)]
        order, batch = torch.randperm(self.work.rows), self.work.batch
        if self.X.nbytes < COPY_BELOW:
            return zip(self.X[order].split(batch), self.y[order].split(batch), strict=True)
        return ((self.X[part], self.y[part]) for part in order.split(batch))

    def train(self, epochs):
        for _ in range(epochs):
            for X, y in self._batches():
                self.optimizer.zero_grad(set_to_none=True)
                self.loss(X, y).backward()
                self.optimizer.step()

    def weights(self):
        values = [p.detach().numpy().copy() for p in self.net.parameters()]
        return list(zip(values[::2], values[1::2], strict=True))


class Predictor:
    context = torch.inference_mode

    def __init__(self, work, problem, threads):
        with torch.inference_mode():
            net = network(work, problem, threads).eval()
            self.predict = self.prepared(net, torch.from_numpy(problem.X[: work.batch]))

    def prepared(self, net, example):
        return net

    def native(self, X):
        return torch.from_numpy(X)

    def array(self, A):
        return np.array(A)
