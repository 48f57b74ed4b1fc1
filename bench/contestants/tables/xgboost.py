"""XGBoost: its scikit-learn interface, which has classes as numbers."""

import numpy as np
from xgboost import XGBClassifier, XGBRegressor

from contestants import PATIENCE, ROUNDS
from contestants.tables.categories import Levels


class Model:
    def __init__(self, table, seed, threads):
        self.categories = table.categories
        self.classes = np.unique(table.train.y) if table.classes else None
        self.model = (XGBClassifier if table.classes else XGBRegressor)(
            n_estimators=ROUNDS, early_stopping_rounds=PATIENCE, enable_categorical=True,
            n_jobs=threads, random_state=seed,
        )  # fmt: skip

    def coded(self, y):
        return y if self.classes is None else np.searchsorted(self.classes, y)

    def fit(self, train, val):
        self.levels = Levels(train.X, self.categories)
        held_out = [(self.levels(val.X), self.coded(val.y))]
        X, y = self.levels(train.X), self.coded(train.y)
        self.model.fit(X, y, eval_set=held_out, verbose=False)

    def predict(self, X):
        answers = self.model.predict(self.levels(X))
        return answers if self.classes is None else self.classes[answers]

    def save(self, folder):
        self.model.save_model(folder / "model.ubj")
