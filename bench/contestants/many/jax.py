"""JAX: ``vmap`` over the members of an epoch that is one ``lax.scan``, under ``jit``."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from contestants.jax import cost, update


class Trainer:
    def __init__(self, work, problem, threads):  # the threads are the process's CPUs
        self.work = work
        self.initial = [
            (np.stack([W.T for W, _ in layer]), np.stack([b for _, b in layer]))
            for layer in zip(*problem.members, strict=True)
        ]
        self.X = jnp.array(problem.X)
        self.y = jnp.array(np.eye(work.sizes[-1], dtype=work.dtype)[problem.y])
        self.draw = np.random.default_rng(2)

        def step(carry, part, X, y):
            return update(carry, jax.grad(cost)(carry[0], X[part], y[part], work), work), None

        def epoch(carry, parts, X, y):
            return jax.lax.scan(partial(step, X=X, y=y), carry, parts)[0]

        of_all = jax.vmap(epoch, in_axes=(0, 0, None, None))
        self.epoch = jax.jit(of_all, donate_argnums=0)

    def reset(self):
        def zeros():
            return jax.tree.map(lambda p: jnp.zeros(p.shape, p.dtype), self.initial)

        weights = jax.tree.map(lambda p: jnp.array(p, copy=True), self.initial)
        self.carry = weights, zeros(), zeros(), jnp.zeros(self.work.members, self.work.dtype)
        jax.block_until_ready(self.carry)

    def train(self, epochs):
        rows, batch, members = self.work.rows, self.work.batch, self.work.members
        for _ in range(epochs):
            orders = np.stack([self.draw.permutation(rows) for _ in range(members)])
            parts = orders.astype(np.int32).reshape(members, -1, batch)
            self.carry = self.epoch(self.carry, parts, self.X, self.y)
        jax.block_until_ready(self.carry)

    def weights(self):
        layers = [(np.array(W), np.array(b)) for W, b in self.carry[0]]
        return [[(W[k].T, b[k]) for W, b in layers] for k in range(self.work.members)]
