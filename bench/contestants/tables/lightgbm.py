"""LightGBM."""

from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

from contestants import PATIENCE, ROUNDS
from contestants.tables.categories import Levels


class Model:
    def __init__(self, table, seed, threads):
        self.categories = table.categories
        self.model = (LGBMClassifier if table.classes else LGBMRegressor)(
            n_estimators=ROUNDS, n_jobs=threads, random_state=seed, verbosity=-1
        )

    def fit(self, train, val):
        self.levels = Levels(train.X, self.categories)
        self.model.fit(
            self.levels(train.X), train.y, eval_X=self.levels(val.X), eval_y=val.y,
            callbacks=[early_stopping(PATIENCE, verbose=False)],
        )  # fmt: skip

    def predict(self, X):
        return self.model.predict(self.levels(X))

    def save(self, folder):
        self.model.booster_.save_model(folder / "model.txt")
