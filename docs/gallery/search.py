"""A search that drops the worse half.

Sixteen configurations start; at each rung the worse half ends, and the others go on from where
they stand for twice as long.
"""

import numpy as np

import deltarule as dr

rng = np.random.default_rng(0)
X = rng.normal(size=(900, 6)).astype("float32")
y = (X[:, 0] * X[:, 1] + 0.5 * np.sin(3 * X[:, 2]) + 0.3 * rng.normal(size=900) > 0).astype(int)


def make_network(units, learning_rate, seed):
    layers = [dr.Dense(units, "relu"), dr.Dense(2, "softmax")]
    return dr.Network(layers, input_size=6, seed=seed), {"optimizer": dr.Adam(learning_rate)}


space = {"units": dr.Integer(8, 128, log=True), "learning_rate": dr.LogUniform(1e-4, 1e-1)}
found = dr.search(make_network, space, X, y, budget=200, trials=16, seed=0)
figure = found.plot()
