"""The plane of two features, read back from the axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import deltarule as dr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))


@pytest.fixture(autouse=True)
def _without_a_window() -> Iterator[None]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


class Half:
    """A model of what lies right of 0.25, by the first column."""

    def __init__(self, names: Any = None) -> None:
        self.names = names

    def predict(self, rows: Any) -> Any:
        if self.names is not None:
            assert list(getattr(rows, "columns", rows)) == self.names
            rows = np.column_stack([np.asarray(rows[name]) for name in self.names])
        return np.where(np.asarray(rows)[:, 0] > 0.25, "right", "left")


def image(ax: Any) -> Any:
    (drawn,) = ax.images
    return drawn


def test_grounds_are_the_classes_that_are_told() -> None:
    figure = dr.plot_decision_boundary(Half(), X, Half().predict(X), resolution=50)
    (ax,) = figure.axes
    colours = np.asarray(image(ax).get_array())[0, :, :3]
    left, right, *_ = image(ax).get_extent()
    edge = np.linspace(left, right, 50)[np.abs(np.diff(colours, axis=0)).any(axis=1).argmax()]
    assert edge == pytest.approx(0.25, abs=(right - left) / 50)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["left", "right"]
    assert sum(len(each.get_offsets()) for each in ax.collections[1:]) == len(X)
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("units", "activation", "classes"), [(1, "sigmoid", 2), (3, "softmax", 3), (1, "identity", 0)]
)
def test_networks_and_ensembles(units: int, activation: str, classes: int) -> None:
    net = dr.Network([dr.Dense(units, activation)], input_size=2)
    for model in (net, dr.Ensemble([net])):
        ax, *others = dr.plot_decision_boundary(model, X, resolution=5).axes
        assert len(ax.images) == (classes > 0)
        assert len(others) == (classes == 0)  # a scale of numbers
        if classes:
            corner = np.asarray(image(ax).get_array())[0, 0]
            least = [image(ax).get_extent()[k] for k in (0, 2)]
            A = net.predict([least])[0]
            P = np.append(1 - A, A) if classes == 2 else A
            certain = (P.max() - 1 / classes) / (1 - 1 / classes)
            assert corner[3] == pytest.approx(0.08 + 0.32 * certain, abs=1e-5)


def test_probabilities_of_an_estimator() -> None:
    pytest.importorskip("sklearn")
    y = np.where(X[:, 0] > 0, "b", "a")
    model = dr.MLPClassifier((3,), solver="lbfgs", max_iter=500, random_state=0).fit(X, y)
    (ax,) = dr.plot_decision_boundary(model, X, y, resolution=5).axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


@pytest.mark.parametrize("kind", ["mapping", "pandas", "polars"])
def test_tables_are_asked_as_tables(kind: str) -> None:
    table: Any = {"b": X[:, 0], "a": X[:, 1], "c": np.full(40, 3.0)}
    if kind != "mapping":
        table = pytest.importorskip(kind).DataFrame(table)
    (ax,) = dr.plot_decision_boundary(Half(list("bac")), table, features=(1, 2), resolution=5).axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "c")


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (X[:, 0], {}, r"X has shape \(40,\): expected"),
        (X, {"features": (0, 2)}, r"features is \(0, 2\): expected two different columns, 0 to 1"),
        (X.astype(str).astype(object) + "x", {}, "X is object: expected columns of numbers"),
        (X, {"y": [1, 2]}, "X has 40 rows and y 2: expected as many"),
        (X, {"resolution": 1}, "resolution"),
    ],
)
def test_what_does_not_fit_is_said(rows: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        dr.plot_decision_boundary(Half(), rows, **options)


def test_several_targets_are_refused() -> None:
    net = dr.Network([dr.Dense(3)], input_size=2)
    with pytest.raises(ValueError, match="predicts 3 targets: expected one"):
        dr.plot_decision_boundary(net, X, resolution=3)
