"""scikit-learn's histogram gradient boosting."""

import joblib
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from contestants import PATIENCE, ROUNDS
from contestants.tables.categories import Levels


class Model:
    def __init__(self, table, seed, threads):  # the threads are the environment's
        self.categories = table.categories
        make = HistGradientBoostingClassifier if table.classes else HistGradientBoostingRegressor
        self.model = make(
            max_iter=ROUNDS, early_stopping=True, n_iter_no_change=PATIENCE, random_state=seed
        )

    def fit(self, train, val):
        self.levels = Levels(train.X, self.categories)
        X, X_val = self.levels(train.X), self.levels(val.X)
        self.model.fit(X, train.y, X_val=X_val, y_val=val.y)

    def predict(self, X):
        return self.model.predict(self.levels(X))

    def save(self, folder):
        joblib.dump(self.model, folder / "model.joblib")
