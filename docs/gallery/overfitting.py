"""Overfitting, and what helps.

Twenty noisy points and a network that could go through all of them: left alone it does, and a
penalty or an early end keeps it from it.
"""

import matplotlib.pyplot as plt
import numpy as np

import deltarule as dr

rng = np.random.default_rng(3)
X = np.sort(rng.uniform(-3, 3, 20))[:, None]
y = np.sin(X[:, 0]) + 0.25 * rng.normal(size=20)
X_val = rng.uniform(-3, 3, 40)[:, None]
y_val = np.sin(X_val[:, 0]) + 0.25 * rng.normal(size=40)
line = np.linspace(-3.2, 3.2, 300)[:, None]


def curve(l2=0.0, **options):
    layers = [dr.Dense(64, "tanh", l2=l2), dr.Dense(64, "tanh", l2=l2), dr.Dense(1)]
    net = dr.Network(layers, input_size=1, seed=0)
    net.fit(X, y, optimizer=dr.Adam(5e-3), epochs=4000, batch_size=20, **options)
    return net.predict(line)


early = dr.EarlyStopping(patience=200)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.8), sharey=True)
curves = {
    "left alone": curve(),
    "l2=0.01": curve(l2=0.01),
    "early stopping": curve(validation_data=(X_val, y_val), callbacks=[early]),
}
for ax, (name, fitted) in zip(axes, curves.items(), strict=True):
    ax.plot(line, np.sin(line), color="0.7", linewidth=3)
    ax.plot(line, fitted, color="C3")
    ax.plot(X, y, "k.")
    ax.set(title=name, ylim=(-2, 2))
