"""XGBoost: its scikit-learn interface."""

from xgboost import XGBClassifier, XGBRegressor

from contestants import PATIENCE, ROUNDS
from contestants.tables.categories import Levels
from contestants.tables.classes import Codes


class Model:
    def __init__(self, table, seed, threads):
        self.categories = table.categories
        self.codes = Codes(table)
        self.model = (XGBClassifier if table.classes else XGBRegressor)(
            n_estimators=ROUNDS, early_stopping_rounds=PATIENCE, enable_categorical=True,
            n_jobs=threads, random_state=seed,
        )  # fmt: skip

    def fit(self, train, val):
        self.levels = Levels(train.X, self.categories)
        held_out = [(self.levels(val.X), self.codes.of(val.y))]
        X, y = self.levels(train.X), self.codes.of(train.y)
        self.model.fit(X, y, eval_set=held_out, verbose=False)

    def predict(self, X):
        return self.codes.back(self.model.predict(self.levels(X)))

    def save(self, folder):
        self.model.save_model(folder / "model.ubj")
