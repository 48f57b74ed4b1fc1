"""deltarule: one call, with nothing chosen."""

import deltarule as dr


class Model:
    def __init__(self, table, seed, threads):
        dr.set_num_threads(threads)
        make = dr.TabularClassifier if table.classes else dr.TabularRegressor
        self.model = make(random_state=seed)

    def fit(self, train, val):
        self.model.fit(train.X, train.y, validation_data=(val.X, val.y))

    def predict(self, X):
        return self.model.predict(X)

    def save(self, folder):
        self.model.save(folder / "model.safetensors")
