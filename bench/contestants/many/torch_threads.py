"""PyTorch, eager: the members one after another in a pool of Python's threads, one thread each."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from contestants import torch_eager


class Trainer:
    def __init__(self, work, problem, threads):
        self.members = [
            torch_eager.Trainer(work, replace(problem, weights=weights), threads=1)
            for weights in problem.members
        ]
        # PyTorch's number of threads is each calling thread's own.
        self.pool = ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1))

    def reset(self):
        for member in self.members:
            member.reset()

    def train(self, epochs):
        list(self.pool.map(lambda member: member.train(epochs), self.members))

    def weights(self):
        return [member.weights() for member in self.members]
