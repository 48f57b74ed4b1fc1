"""Two kinds of uncertainty.

Quantiles learn how much the targets scatter (left); twelve networks that agree where there were
data part where there were none (right).
"""

import matplotlib.pyplot as plt
import numpy as np

import deltarule as dr

rng = np.random.default_rng(0)
X = rng.uniform(-3, 3, size=(500, 1))
X = X[(X[:, 0] < -0.5) | (X[:, 0] > 1.5)]
y = np.sin(2 * X[:, 0]) + 0.15 * (X[:, 0] + 3) * rng.normal(size=len(X))
line = np.linspace(-4.5, 4.5, 300)[:, None]
layers = [dr.Dense(64, "relu"), dr.Dense(64, "relu")]

levels = [0.05, 0.5, 0.95]
net = dr.Network([*layers, dr.Dense(3)], input_size=1, seed=0)
net.fit(X, y, loss=dr.Quantile(levels), optimizer=dr.Adam(5e-3), epochs=150)
low, middle, high = net.predict(line).T

networks = [dr.Network([*layers, dr.Dense(1)], input_size=1, seed=k) for k in range(12)]
dr.fit_many(networks, X, y, optimizer=dr.Adam(5e-3), epochs=150)
ensemble = dr.Ensemble(networks)
mean, apart = ensemble.predict(line)[:, 0], 2 * ensemble.std(line)[:, 0]

figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
bands = {"quantiles": (low, middle, high), "ensemble": (mean - apart, mean, mean + apart)}
for ax, (name, (below, centre, above)) in zip(axes, bands.items(), strict=True):
    ax.fill_between(line[:, 0], below, above, alpha=0.3)
    ax.plot(line, centre)
    ax.plot(X, y, "k.", markersize=2)
    ax.set(title=name, ylim=(-3.5, 3.5))
