"""Four tables of real data, on the splits that papers have published test scores for.

``published.json`` beside the files says where the scores come from and how the rows are parted.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

NAMES = ("california", "churn", "adult", "diamond")
ADULT = [
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation",
    "relationship", "race", "sex", "capital_gain", "capital_loss", "hours_per_week",
    "native_country", "income",
]  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """A raw frame, and what is to be told from it."""

    X: Any
    y: Any

    def __len__(self):
        return len(self.y)


@dataclass(frozen=True)
class Table:
    name: str
    classes: bool  # the target's values are classes, else numbers
    categories: tuple[str, ...]  # the columns that are no numbers
    train: Rows
    val: Rows
    test: Rows

    def score(self, answers):
        """Accuracy, or the root of the mean squared error, over the test rows."""
        answers, y = np.asarray(answers).reshape(-1), self.test.y
        if len(answers) != len(y):
            raise ValueError(f"{len(answers)} answers for {len(y)} test rows")
        if self.classes:
            return float(np.mean(answers == y))
        return float(np.sqrt(np.mean((answers - y) ** 2)))


def published(folder):
    """What published.json says: ``data`` and ``scores``."""
    return json.loads((folder / "published.json").read_text())


def load(name, folder):
    """A table in its three parts."""
    return LOADERS[name](folder)


def quick(table, rows=600):
    """A table cut down to its first rows of each part."""
    cut = {
        part: Rows(whole.X.head(n), whole.y[:n])
        for part, n in (("train", rows), ("val", rows // 3), ("test", rows // 3))
        for whole in [getattr(table, part)]
    }
    return replace(table, **cut)


def positions(y, *, classes):
    """The positions of the rows for training, validation and test."""
    rest, test = _parted(np.arange(len(y)), y, classes, state=0)
    return *_parted(rest, y, classes, state=1), test


def _parted(rows, y, classes, state):
    strata = y[rows] if classes else None
    return train_test_split(rows, test_size=0.2, stratify=strata, random_state=state)


def _table(name, X, y, *, classes, categories=()):
    parts = [Rows(X.iloc[rows], y[rows]) for rows in positions(y, classes=classes)]
    return Table(name, classes, tuple(categories), *parts)


def _california(folder):
    raw = pd.read_csv(folder / "cal_housing.data")
    X = pd.DataFrame({
        "median_income": raw["median_income"],
        "housing_median_age": raw["housing_median_age"],
        "rooms": raw["total_rooms"] / raw["households"],
        "bedrooms": raw["total_bedrooms"] / raw["households"],
        "population": raw["population"],
        "occupancy": raw["population"] / raw["households"],
        "latitude": raw["latitude"],
        "longitude": raw["longitude"],
    })  # fmt: skip
    y = raw["median_house_value"].to_numpy() / 100_000
    return _table("california", X, y, classes=False)


def _churn(folder):
    X = pd.read_csv(folder / "churn.csv")
    y = X.pop("Exited").to_numpy()
    categories = ("Geography", "Gender", "HasCrCard", "IsActiveMember")
    return _table("churn", X, y, classes=True, categories=categories)


def _diamond(folder):
    X = pd.read_csv(folder / "diamonds.csv")
    price = X.pop("price").to_numpy(float)
    y = (price - price.mean()) / price.std()
    return _table("diamond", X, y, classes=False, categories=("cut", "color", "clarity"))


def _adult(folder):
    """Its test rows have a file of their own, where a full stop stands behind the class."""
    parts = [
        pd.read_csv(folder / file, header=None, names=ADULT, skipinitialspace=True)
        for file in ("adult-train.csv", "adult-test.csv")
    ]
    y, y_test = (X.pop("income").str.rstrip(".").to_numpy(str) for X in parts)
    X, X_test = parts
    train, val = _parted(np.arange(len(y)), y, classes=True, state=1)
    parts = [Rows(X.iloc[rows], y[rows]) for rows in (train, val)] + [Rows(X_test, y_test)]
    return Table("adult", True, tuple(X.select_dtypes(exclude="number")), *parts)


LOADERS = {"california": _california, "churn": _churn, "adult": _adult, "diamond": _diamond}
