"""Train a digit classifier on real images, beside scikit-learn, and draw what it learned.

MNIST where ``DELTARULE_DATA`` names a folder with ``mnist/*.gz``, else the 8x8 digits that
scikit-learn ships.
"""

import gzip
import os
import sys
import warnings
from pathlib import Path
from time import perf_counter

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info, threadpool_limits

import deltarule as dr

PICTURE = Path("build/demo.png")
# Each trains on as many. Batches as small as these are little to share out, and where other
# programs run, too, the threads of scikit-learn's matrix library would wait for each other.
THREADS = 1


def read_idx(path):
    """Read an IDX file of bytes: a magic number, the shape, the data."""
    data = gzip.decompress(path.read_bytes())
    dimensions = data[3]
    shape = np.frombuffer(data, ">i4", dimensions, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def load_mnist(folder):
    """60,000 training and 10,000 test images of 28x28 pixels."""
    files = [
        read_idx(folder / f"{part}-{what}-ubyte.gz")
        for part in ("train", "t10k")
        for what in ("images-idx3", "labels-idx1")
    ]
    X_train, y_train, X_test, y_test = files
    return (X_train / np.float32(255), y_train), (X_test / np.float32(255), y_test)


def load_small_digits():
    """1,797 images of 8x8 pixels; every fifth is for the test."""
    digits = load_digits()
    X = (digits.images / 16).astype(np.float32)
    test = np.arange(len(X)) % 5 == 0
    return (X[~test], digits.target[~test]), (X[test], digits.target[test])


def own_table():
    """What to type for a table of one's own, with the command of this environment."""
    command = Path(sys.executable).with_name("deltarule")
    if command.is_relative_to(Path.cwd()):
        command = command.relative_to(Path.cwd())
    return f"{command} train data.csv --target COLUMN"


def draw(history, images, labels, probabilities):
    """Learning curves, and test images with what the network makes of them."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11, 5), layout="constrained")
    curves, gallery = figure.subfigures(1, 2)
    loss, accuracy = curves.subplots(2, 1, sharex=True)
    epochs = np.arange(1, history.epochs + 1)
    loss.plot(epochs, history["loss"], "o-", label="training")
    loss.plot(epochs, history["val_loss"], "o-", label="test")
    loss.set_ylabel("cross-entropy")
    loss.legend()
    accuracy.plot(epochs, history["val_accuracy"], "o-", color="C1")
    accuracy.set_ylabel("test accuracy")
    accuracy.set_xlabel("epoch")
    accuracy.xaxis.get_major_locator().set_params(integer=True)
    guesses = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)[:6]
    right = np.flatnonzero(guesses == labels)[: 18 - len(wrong)]
    gallery.suptitle("prediction (probability); the last ones are wrong")
    for axes, i in zip(gallery.subplots(3, 6).flat, [*right, *wrong], strict=True):
        axes.imshow(images[i], cmap="gray_r")
        title = f"{guesses[i]} ({probabilities[i, guesses[i]]:.0%})"
        axes.set_title(title, color="crimson" if i in wrong else "black", fontsize=9)
        axes.axis("off")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=120)


def main():
    """Train both, print scores and times, draw."""
    mnist = Path(os.environ.get("DELTARULE_DATA", "")) / "mnist"
    if "DELTARULE_DATA" in os.environ and mnist.is_dir():
        name, batch_size, epochs = "MNIST", 128, 5
        (images, y), (test_images, y_test) = load_mnist(mnist)
    else:
        print("DELTARULE_DATA is not set: using the small digits that scikit-learn ships")
        name, batch_size, epochs = "scikit-learn's digits", 32, 30
        (images, y), (test_images, y_test) = load_small_digits()
    X, X_test = images.reshape(len(images), -1), test_images.reshape(len(test_images), -1)

    print(f"{name}: {len(X):,} training and {len(X_test):,} test images of {X.shape[1]} pixels")
    net = dr.Network(
        [dr.Dense(256, "relu"), dr.Dense(128, "relu"), dr.Dense(10, "softmax")],
        input_size=X.shape[1],
        seed=0,
    )
    print(net.summary())
    dr.set_num_threads(THREADS)
    start = perf_counter()
    history = net.fit(
        X, y, optimizer=dr.Adam(1e-3), batch_size=batch_size, epochs=epochs,
        validation_data=(X_test, y_test), progress=True,
    )  # fmt: skip
    ours = perf_counter() - start
    score = net.evaluate(X_test, y_test)["accuracy"]

    print(
        f"\nscikit-learn on the same work ({epochs} epochs of Adam, batches of {batch_size}), "
        f"limited to\nas many threads: {THREADS} ...",
        flush=True,
    )
    peer = MLPClassifier(
        (256, 128), batch_size=batch_size, max_iter=epochs, n_iter_no_change=epochs, alpha=0,
        random_state=0,
    )  # fmt: skip
    with threadpool_limits(THREADS), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        pools = [pool["num_threads"] for pool in threadpool_info()]
        start = perf_counter()
        peer.fit(X, y)
        theirs = perf_counter() - start
    peer_score = peer.score(X_test, y_test)

    draw(history, test_images, y_test, net.predict(X_test))
    print(f"\n{'':13} test accuracy       time  threads")
    print(f"deltarule     {score:13.2%} {ours:8.2f} s {THREADS:8}  ({dr.isa()} kernels)")
    # A matrix library that cannot be limited is not listed.
    print(f"scikit-learn  {peer_score:13.2%} {theirs:8.2f} s {max(pools, default='its own'):>8}")
    print(f"picture: {PICTURE.resolve()}")
    print(f"\nA model of your own table, without a line of Python:\n\n    {own_table()}\n")


if __name__ == "__main__":
    main()
