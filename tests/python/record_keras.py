"""Files that Keras 3 wrote, and what its models predict; run it once, where Keras is installed.

KERAS_BACKEND=torch python tests/python/record_keras.py
"""

from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "golden" / "keras"
INPUTS = 5
DEEP = [6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 2]  # more than ten layers of one kind and shape


def record() -> None:
    import keras

    layers: Any = keras.layers
    keras.utils.set_random_seed(0)
    X = np.random.default_rng(0).normal(1, 2, size=(40, INPUTS)).astype("float32")

    normalization = layers.Normalization()
    normalization.adapt(X)
    sequential = keras.Sequential(
        [
            keras.Input((INPUTS,)),
            normalization,
            layers.Dense(8, activation="leaky_relu", name="first"),
            layers.BatchNormalization(momentum=0.9),
            layers.PReLU(alpha_initializer="uniform"),
            layers.Dropout(0.2),
            keras.Sequential(
                [
                    layers.Dense(7, activation="gelu", name="inner"),
                    layers.LayerNormalization(center=False),
                    layers.Dense(6, use_bias=False),
                    layers.BatchNormalization(scale=False),
                    layers.PReLU(shared_axes=[1], alpha_initializer="uniform"),
                ]
            ),
            layers.Dense(6),
            layers.LeakyReLU(negative_slope=0.3),
            layers.Dense(6, trainable=False),
            layers.ReLU(),
            layers.Dense(3, activation="softmax", name="a_last"),
        ]
    )
    models = {"sequential.keras": sequential}

    A = inputs = keras.Input((INPUTS,), dtype="float64")
    for units, activation in zip(DEEP, ["tanh", "silu", "elu"] * 5, strict=False):
        A = layers.Dense(units, activation=activation, dtype="float64")(A)
    models["functional.keras"] = keras.Model(inputs, A)
    models["deep.weights.h5"] = keras.Sequential(
        [keras.Input((INPUTS,))] + [layers.Dense(units, activation="tanh") for units in DEEP]
    )

    predicted = {"X": X}
    for name, model in models.items():
        model.compile("sgd", "mse")
        y = np.random.default_rng(1).normal(size=(len(X), model.output_shape[1]))
        model.fit(X, y, verbose=0)  # so that moving averages and biases are not what they start at
        for weights in model.weights:
            if weights.path.endswith(("gamma", "beta", "bias")):
                weights.assign_add(0.1 * np.random.default_rng(2).normal(size=weights.shape))
        path = FOLDER / name
        model.save(path) if name.endswith(".keras") else model.save_weights(path)
        predicted[name] = model.predict(X, verbose=0)
    np.savez_compressed(FOLDER / "predicted.npz", **predicted)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    record()
