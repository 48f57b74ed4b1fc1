"""CatBoost, which takes text as it is and chooses its learning rate by the rows and the rounds."""

from catboost import CatBoostClassifier, CatBoostRegressor

from contestants import PATIENCE, ROUNDS
from contestants.tables.categories import as_text


class Model:
    def __init__(self, table, seed, threads):
        self.categories = table.categories
        self.model = (CatBoostClassifier if table.classes else CatBoostRegressor)(
            iterations=ROUNDS, early_stopping_rounds=PATIENCE, cat_features=list(table.categories),
            thread_count=threads, random_seed=seed, verbose=False, allow_writing_files=False,
        )  # fmt: skip

    def fit(self, train, val):
        X, X_val = (as_text(rows.X, self.categories) for rows in (train, val))
        self.model.fit(X, train.y, eval_set=(X_val, val.y))

    def predict(self, X):
        return self.model.predict(as_text(X, self.categories))

    def save(self, folder):
        self.model.save_model(str(folder / "model.cbm"))
