"""Categories in the two forms that libraries take them in."""

import pandas as pd


def as_text(X, categories):
    """Categories as text, numbers as they are; what is missing is a level of its own."""
    return X.assign(**{name: X[name].astype(object).map(str) for name in categories})


class Levels:
    """Categories as pandas holds them, of the levels that the rows for training have."""

    def __init__(self, X, categories):
        self.types = {
            name: pd.CategoricalDtype(sorted(column.unique()))
            for name, column in as_text(X, categories)[list(categories)].items()
        }

    def __call__(self, X):
        text, levels = as_text(X, self.types), {}
        for name, of in self.types.items():
            codes = of.categories.get_indexer(text[name])  # -1, missing, for what is no level
            levels[name] = pd.Categorical.from_codes(codes, dtype=of)
        return text.assign(**levels)
