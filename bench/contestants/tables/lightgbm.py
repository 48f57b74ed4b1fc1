"""LightGBM: its scikit-learn interface, which has no text among the classes to validate by."""

from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

from contestants import PATIENCE, ROUNDS
from contestants.tables.categories import Levels
from contestants.tables.classes import Codes


class Model:
    def __init__(self, table, seed, threads):
        self.categories = table.categories
        self.codes = Codes(table)
        self.model = (LGBMClassifier if table.classes else LGBMRegressor)(
            n_estimators=ROUNDS, n_jobs=threads, random_state=seed, verbosity=-1
        )

    def fit(self, train, val):
        self.levels = Levels(train.X, self.categories)
        self.model.fit(
            self.levels(train.X), self.codes.of(train.y),
            eval_X=self.levels(val.X), eval_y=self.codes.of(val.y),
            callbacks=[early_stopping(PATIENCE, verbose=False)],
        )  # fmt: skip

    def predict(self, X):
        return self.codes.back(self.model.predict(self.levels(X)))

    def save(self, folder):
        self.model.booster_.save_model(folder / "model.txt")
