"""Which learning rate.

A short run on a copy, each step with a larger rate than the one before: the loss stands still,
falls, and explodes. The suggestion is where it falls fastest.
"""

import matplotlib.pyplot as plt
import numpy as np

import deltarule as dr

rng = np.random.default_rng(0)
X = rng.normal(size=(2000, 8)).astype("float32")
y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)
layers = [dr.Dense(64, "relu"), dr.Dense(2, "softmax")]
net = dr.Network(layers, input_size=8, seed=0)

figure, ax = plt.subplots(figsize=(6, 3.2))
dr.learning_rate_range(net, X, y, optimizer="adam").plot(ax)
ax.set_ylim(0.4, 1.2)
