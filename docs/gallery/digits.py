"""What a network gets wrong.

Trained on four fifths of scikit-learn's digits; these are the pictures of the rest
that it is least sure of, with its two best guesses.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import deltarule as dr

X, y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")
test = np.arange(len(X)) % 5 == 0
layers = [dr.Dense(64, "relu"), dr.Dropout(0.2), dr.Dense(10, "softmax")]
net = dr.Network(layers, input_size=64, seed=0)
net.fit(X[~test], y[~test], epochs=20)

P = net.predict(X[test])
unsure = P.max(axis=1).argsort()[:12]
figure, axes = plt.subplots(2, 6, figsize=(7, 3))
for ax, i in zip(axes.flat, unsure, strict=True):
    first, second = P[i].argsort()[::-1][:2]
    ax.imshow(X[test][i].reshape(8, 8), cmap="gray_r")
    color = "black" if first == y[test][i] else "crimson"
    ax.set_title(f"{first} {P[i, first]:.0%}, {second} {P[i, second]:.0%}", color=color, fontsize=8)
    ax.axis("off")
