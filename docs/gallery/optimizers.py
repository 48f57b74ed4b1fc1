"""Optimizers side by side.

The same network from the same weights, with five optimizers at the rates that their authors
propose.
"""

import matplotlib.pyplot as plt
import numpy as np

import deltarule as dr

rng = np.random.default_rng(0)
X = rng.normal(size=(1500, 6)).astype("float32")
y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
optimizers = {
    "SGD": dr.SGD(0.01),
    "SGD, momentum 0.9": dr.SGD(0.01, momentum=0.9),
    "RMSprop": dr.RMSprop(1e-3),
    "Adam": dr.Adam(1e-3),
    "Lion": dr.Lion(1e-4),
}
layers = [dr.Dense(64, "relu"), dr.Dense(32, "relu"), dr.Dense(1)]
networks = [dr.Network(layers, input_size=6, seed=0) for _ in optimizers]
histories = dr.fit_many(networks, X, y, optimizer=list(optimizers.values()), epochs=60)

figure, ax = plt.subplots(figsize=(6, 3.4))
for name, history in zip(optimizers, histories, strict=True):
    ax.plot(np.arange(1, 61), history["loss"], label=name)
ax.set(xlabel="epoch", ylabel="mean squared error", yscale="log")
ax.legend()
