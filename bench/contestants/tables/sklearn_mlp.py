"""scikit-learn's MLP behind one-hot categories and scaled numbers.

It cannot be told which rows to stop by. It is handed those for training and validation together,
and holds out as many as the latter are, drawn by itself.
"""

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


class Model:
    def __init__(self, table, seed, threads):  # the threads are the environment's
        rows, held_out = len(table.train.y), len(table.val.y)
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(table.categories)),
            remainder=StandardScaler(),
        )
        network = (MLPClassifier if table.classes else MLPRegressor)(
            early_stopping=True, validation_fraction=held_out / (rows + held_out), random_state=seed
        )
        self.model = make_pipeline(columns, network)

    def fit(self, train, val):
        self.model.fit(pd.concat([train.X, val.X]), np.concatenate([train.y, val.y]))

    def predict(self, X):
        return self.model.predict(X)

    def save(self, folder):
        joblib.dump(self.model, folder / "model.joblib")
