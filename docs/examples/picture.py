"""Draw the README's picture: a boundary, learning curves, and an ensemble that parts."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

import deltarule as dr

PICTURE = Path(__file__).parent / "learned.png"


def two_spirals(m, rng):
    """Points of two classes, each along an arm of its own."""
    t = np.sqrt(rng.uniform(0.02, 1, m)) * 3 * np.pi
    y = rng.integers(2, size=m)
    arm = np.column_stack([t * np.cos(t + np.pi * y), t * np.sin(t + np.pi * y)])
    return arm / 10 + 0.03 * rng.normal(size=(m, 2)), y


def draw_boundary(ax, net, X, y):
    """Where a network of two inputs draws the line, and the points."""
    axis = np.linspace(-1.15, 1.15, 200)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    P = net.predict(grid).reshape(200, 200)
    ax.contourf(axis, axis, P, levels=12, cmap="RdBu_r", vmin=-0.4, vmax=1.4)
    ax.scatter(*X.T, c=y, cmap="RdBu_r", s=12, edgecolor="white", linewidth=0.3)
    ax.set(title="what it learned", xticks=[], yticks=[])


def draw_curves(ax, history):
    """Training and validation, epoch by epoch."""
    epochs = np.arange(1, history.epochs + 1)
    ax.plot(epochs, history["loss"], label="training")
    ax.plot(epochs, history["val_loss"], label="validation")
    ax.set(title="how it got there", xlabel="epoch", ylabel="cross-entropy")
    ax.legend()


def draw_ensemble(ax, rng):
    """Twelve networks on points with a gap, and how far they are apart."""
    X = rng.uniform(-3, 3, size=(400, 1))
    X = X[(X[:, 0] < -0.5) | (X[:, 0] > 1.5)]
    y = np.sin(2 * X[:, 0]) + 0.2 * rng.normal(size=len(X))
    layers = [dr.Dense(64, "relu"), dr.Dense(64, "relu"), dr.Dense(1)]
    networks = [dr.Network(layers, input_size=1, seed=k) for k in range(12)]
    dr.fit_many(networks, X, y, optimizer=dr.Adam(5e-3), epochs=150)
    ensemble = dr.Ensemble(networks)
    line = np.linspace(-4, 4, 300)[:, None]
    mean, apart = ensemble.predict(line)[:, 0], 2 * ensemble.std(line)[:, 0]
    ax.fill_between(line[:, 0], mean - apart, mean + apart, alpha=0.3)
    ax.plot(line, mean)
    ax.plot(X, y, "k.", markersize=2)
    ax.set(title="and where it does not know", ylim=(-3, 3))


def main():
    """Train, and draw."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(0)
    X, y = two_spirals(700, rng)
    layers = [dr.Dense(64, "relu"), dr.Dense(64, "relu"), dr.Dense(1, "sigmoid")]
    net = dr.Network(layers, input_size=2, seed=0)
    history = net.fit(X, y, optimizer=dr.Adam(1e-2), epochs=40, validation_split=0.2)
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.1), layout="constrained")
    draw_boundary(axes[0], net, X, y)
    draw_curves(axes[1], history)
    draw_ensemble(axes[2], rng)
    figure.savefig(PICTURE, dpi=140)
    # A hundred colours are enough, and a third of the bytes.
    Image.open(PICTURE).convert("RGB").quantize(100).save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
