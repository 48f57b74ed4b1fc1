"""A decision boundary.

Two interleaved spirals, and where a network of two hidden layers draws the line: the deeper the
colour, the surer it is.
"""

import matplotlib.pyplot as plt
import numpy as np

import deltarule as dr

rng = np.random.default_rng(0)
t = np.sqrt(rng.uniform(0.02, 1, 600)) * 3 * np.pi
y = rng.integers(2, size=600)
angle = t + np.pi * y
X = np.column_stack([t * np.cos(angle), t * np.sin(angle)]) / 10 + 0.03 * rng.normal(size=(600, 2))

layers = [dr.Dense(64, "relu"), dr.Dense(64, "relu"), dr.Dense(1, "sigmoid")]
net = dr.Network(layers, input_size=2, seed=0)
net.fit(X, y, optimizer=dr.Adam(1e-2), epochs=60)

grid = np.stack(np.meshgrid(*2 * [np.linspace(-1.15, 1.15, 200)]), axis=-1)
P = net.predict(grid.reshape(-1, 2)).reshape(200, 200)
figure, ax = plt.subplots(figsize=(4.5, 4.5))
ax.contourf(grid[..., 0], grid[..., 1], P, levels=20, cmap="RdBu_r", vmin=-0.4, vmax=1.4)
ax.scatter(*X.T, c=y, cmap="RdBu_r", s=14, edgecolor="white", linewidth=0.3)
ax.axis("off")
