"""What is drawn, read back from the axes."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import deltarule as dr


@pytest.fixture(name="plt")
def _plt() -> Iterator[Any]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    yield plt
    plt.close("all")


def a_history() -> dr.History:
    return dr.History(
        loss=[3.0, 2.0], accuracy=[0.1, 0.2], val_loss=[4.0, 5.0], learning_rate=[1.0, 0.5]
    )


def lines(ax: Any) -> dict[str, list[float]]:
    return {line.get_label(): list(line.get_ydata()) for line in ax.lines}


@pytest.mark.usefixtures("plt")
def test_history_draws_each_kind_in_axes_of_its_own() -> None:
    figure = a_history().plot()
    assert [lines(ax) for ax in figure.axes] == [
        {"loss": [3.0, 2.0], "val_loss": [4.0, 5.0]},
        {"accuracy": [0.1, 0.2]},
        {"learning_rate": [1.0, 0.5]},
    ]
    assert list(figure.axes[0].lines[0].get_xdata()) == [1, 2]
    figure.canvas.draw()


def test_history_in_axes_that_are_given(plt: Any) -> None:
    figure, ax = plt.subplots()
    assert a_history().plot(ax) is figure
    assert set(lines(ax)) == set(a_history())


@pytest.mark.usefixtures("plt")
@pytest.mark.parametrize("suggestion", [1e-2, None])
def test_learning_rate_range(suggestion: float | None) -> None:
    rates, losses = np.geomspace(1e-3, 1, 4), np.array([3.0, 2.0, 1.0, 9.0])
    figure = dr.LearningRateRange(rates, losses, suggestion).plot()
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    assert list(ax.lines[0].get_xdata()) == list(rates)
    assert list(ax.lines[0].get_ydata()) == list(losses)
    assert len(ax.lines) == (1 if suggestion is None else 2)
    if suggestion is not None:
        assert ax.lines[1].get_xdata()[0] == suggestion
        assert ax.lines[1].get_label() == "suggested: 0.01"
    figure.canvas.draw()


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="matplotlib is not there: expected it for drawing"):
        a_history().plot()
