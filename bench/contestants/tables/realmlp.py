"""RealMLP with its tuned defaults (TD), from pytabkit: one network, which is its own default."""

import joblib
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor


class Model:
    def __init__(self, table, seed, threads):
        self.categories = list(table.categories)
        self.model = (RealMLP_TD_Classifier if table.classes else RealMLP_TD_Regressor)(
            device="cpu", n_threads=threads, random_state=seed
        )

    def fit(self, train, val):
        self.model.fit(train.X, train.y, val.X, val.y, cat_col_names=self.categories)

    def predict(self, X):
        return self.model.predict(X)

    def save(self, folder):
        joblib.dump(self.model, folder / "model.joblib")
