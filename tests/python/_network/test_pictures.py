"""Pictures of networks: what is drawn, read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import deltarule as dr

X = np.random.default_rng(0).normal(size=(50, 2))


@pytest.fixture(autouse=True)
def _without_a_window() -> Iterator[None]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


def words(figure: Any) -> str:
    return "\n".join(text.get_text() for ax in figure.axes for text in ax.texts)


def test_a_network_is_drawn_with_shapes_and_weights() -> None:
    net = dr.Network([dr.Dense(3, "relu", name="first"), dr.Dense(1)], input_size=2)
    net.layers[1].W = [[0.5, -1.0, 0.0]]
    figure = net.plot()
    told = words(figure)
    assert "first\ndense relu" in told
    assert "3\nW\u00a0(3, 2)\nb\u00a0(3, 1)\n9 parameters" in told
    (ax,) = figure.axes
    assert sum(len(each.get_offsets()) for each in ax.collections) == 2 + 3 + 1
    assert len(ax.lines) == 2 * 3 + 3
    last = ax.lines[-3:]
    assert [line.get_color() for line in last[:2]] == ["tab:red", "tab:blue"]
    strengths = [line.get_alpha() for line in last]
    assert strengths[1] > strengths[0] > strengths[2]
    figure.canvas.draw()


def test_of_many_units_some_are_drawn_and_blocks_are_bridged() -> None:
    block = dr.Residual([dr.Dense(300, "tanh"), dr.Dense(300)])
    net = dr.Network([dr.Dense(300), block, dr.Dense(1)], input_size=2)
    (ax,) = net.plot().axes
    assert sum(len(each.get_offsets()) for each in ax.collections) < 50
    assert sum(text.get_text() == "⋮" for text in ax.texts) == 4
    (bridge,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    # From what goes into the block to the layer that adds.
    assert [x / bridge.get_xdata()[0] for x in bridge.get_xdata()] == [1, 1, 4, 4]


def test_histograms_of_weights_have_all_of_them() -> None:
    net = dr.Network([dr.Dense(3, "relu"), dr.BatchNorm(), dr.Dense(1)], input_size=2)
    figure = net.plot_weights()
    titles = [ax.get_title().split("\n")[0] for ax in figure.axes if ax.axison]
    assert titles == ["0 dense W", "0 dense b", "1 batch_norm gamma", "1 batch_norm beta",
                      "2 dense W", "2 dense b"]  # fmt: skip
    counts = [sum(bar.get_height() for bar in ax.patches) for ax in figure.axes if ax.axison]
    assert sum(counts) == net.parameters.size
    with pytest.raises(ValueError, match="has no parameters"):
        dr.Network([dr.Activation("relu")], input_size=2).plot_weights()


def test_activations_tell_units_that_are_dead() -> None:
    net = dr.Network([dr.Dense(3, "relu"), dr.Dense(1)], input_size=2)
    net.layers[0].b = [[-100.0], [100.0], [0.0]]
    first, last = net.plot_activations(X).axes
    assert "1 of 3 units are 0 throughout" in first.get_title()
    assert f"mean {net.predict(X).mean():.3g}" in last.get_title()
    with pytest.raises(ValueError, match="plot_activations: X has shape"):
        net.plot_activations(X[:, :1])


def test_activations_behind_raw_tables() -> None:
    pytest.importorskip("sklearn")
    table = {"age": X[:, 0], "city": np.where(X[:, 1] > 0, "Rome", "Oslo")}
    net = dr.Network([dr.Dense(1)], inputs=dr.TableEncoder().fit(table))
    (ax,) = net.plot_activations(table).axes
    assert f"mean {net.predict(table).mean():.3g}" in ax.get_title()


def test_gradient_flow_is_that_of_the_gradients() -> None:
    net = dr.Network([dr.Dense(3, "tanh"), dr.Dense(1)], input_size=2)
    y = X[:, 0]
    (ax,) = net.plot_gradient_flow(X, y).axes
    parts = net.unflatten(net.loss_and_gradients(X, y)[1])
    largest = [np.abs(part.W).max() for part in parts]
    mean = [np.abs(part.W).mean() for part in parts]
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, [*largest, *mean], rtol=1e-6)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0 dense W", "1 dense W"]
    assert ax.get_yscale() == "log"
