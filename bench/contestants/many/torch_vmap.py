"""PyTorch: stacked modules under ``vmap``, and fused Adam on the stacked parameters."""

from dataclasses import replace

import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from contestants import torch_eager


class Trainer:
    def __init__(self, work, problem, threads):
        members = [
            torch_eager.network(work, replace(problem, weights=weights), threads)
            for weights in problem.members
        ]
        self.work, net = work, members[0]
        self.initial, _ = stack_module_state(members)
        self.p = {name: torch.empty_like(value) for name, value in self.initial.items()}
        self.X, self.y = torch.from_numpy(problem.X), torch.from_numpy(problem.y)
        cost = torch_eager.LOSSES[work.loss]
        self.gradients = self.prepared(
            vmap(grad(lambda p, X, y: cost(functional_call(net, p, (X,)), y)))
        )

    def prepared(self, gradients):
        return gradients

    def reset(self):
        with torch.no_grad():
            for name, value in self.initial.items():
                self.p[name].copy_(value)
        self.optimizer = torch.optim.Adam(self.p.values(), lr=self.work.learning_rate, fused=True)

    def train(self, epochs):
        rows, batch, members = self.work.rows, self.work.batch, self.work.members
        for _ in range(epochs):
            orders = torch.stack([torch.randperm(rows) for _ in range(members)])
            for part in orders.split(batch, dim=1):
                for name, value in self.gradients(self.p, self.X[part], self.y[part]).items():
                    self.p[name].grad = value
                self.optimizer.step()

    def weights(self):
        values = [value.numpy().copy() for value in self.p.values()]
        pairs = list(zip(values[::2], values[1::2], strict=True))
        return [[(W[k], b[k]) for W, b in pairs] for k in range(self.work.members)]
