"""The check of a network's gradients."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._network.gradient_check import _in_float64
from support import (
    LOSSES,
    assert_near,
    data,
    data_of_every_kind,
    network,
    nothing_written,
    of_every_kind,
)

N = [4, 6, 3]
SUITS = {
    "mean_squared_error": "identity",
    "binary_cross_entropy": "sigmoid",
    "categorical_cross_entropy": "softmax",
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_right(loss: str, dtype: str, weighted: bool) -> None:
    X, y = data(7, N, loss, dtype)
    net = network(N, ["tanh", SUITS[loss]], dtype)
    weights = np.linspace(0.1, 2, 7) if weighted else None
    with nothing_written(net):
        check = net.gradient_check(X, y, loss=loss, sample_weight=weights)
    assert check.relative_difference < 1e-7
    assert set(check.differences) == {
        "layers[0].W", "layers[0].b", "layers[1].W", "layers[1].b"
    }  # fmt: skip
    assert max(check.differences.values()) < 1e-6
    assert check == dr.gradient_check(net, X, y, loss=loss, sample_weight=weights)


@pytest.mark.parametrize(
    ("name", "index", "place"), [("layers[1].W", (1, 2), 6 * 4 + 6 + 2 * 3 + 1),
                                 ("layers[0].b", (3, 0), 6 * 4 + 3)]
)  # fmt: skip
def test_a_wrong_entry_is_found(
    name: str, index: tuple[int, int], place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = dr.Network.loss_and_gradients

    def wrong(self: dr.Network, *arguments: Any, **options: Any) -> Any:
        cost, gradients = honest(self, *arguments, **options)
        gradients[place] += 0.5
        return cost, gradients

    monkeypatch.setattr(dr.Network, "loss_and_gradients", wrong)
    check = network(N).gradient_check(*data(7, N))
    assert (check.worst_parameter, check.worst_index) == (name, index)
    assert check.gradient - check.numerical_gradient == pytest.approx(0.5)
    assert check.relative_difference > 1e-2
    assert [each for each, value in check.differences.items() if value > 1e-6] == [name]


def test_a_wrong_entry_of_your_own_is_found() -> None:
    net, (X, y) = network(N, "tanh", "float64"), data(7, N)
    A, caches = net.forward(X)
    mine = net.backward(2 * (A - y) / 3, caches)
    check = net.gradient_check(X, y, gradients=mine)
    assert check.relative_difference < 1e-7
    net.unflatten(mine)[1].W[2, 4] += 0.5
    check = net.gradient_check(X, y, gradients=mine)
    assert (check.worst_parameter, check.worst_index) == ("layers[1].W", (2, 4))
    assert check.gradient - check.numerical_gradient == pytest.approx(0.5)
    assert [name for name, value in check.differences.items() if value > 1e-6] == ["layers[1].W"]
    for wrong, error in ((mine[1:], ValueError), (mine.astype(str), TypeError)):
        with pytest.raises(error, match=r"^gradient_check: gradients (have shape|are <U)"):
            net.gradient_check(X, y, gradients=wrong)


def test_some_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    honest = dr.Network.loss_and_gradients
    monkeypatch.setattr(
        dr.Network,
        "loss_and_gradients",
        lambda *arguments, **options: calls.append(1) or honest(*arguments, **options),
    )
    check = network(N).gradient_check(*data(7, N), entries=5)
    assert len(calls) == 1 + 2 * (5 + 5 + 5 + 3)
    assert check.relative_difference < 1e-7


def test_gradients_of_zero() -> None:
    net = dr.Network([dr.Dense(2, initializer="zeros")], input_size=3)
    check = net.gradient_check(np.zeros((4, 3)), np.zeros((4, 2)))
    assert check.relative_difference == 0


def test_the_copy_is_in_float64() -> None:
    net = network(N)
    copied = _in_float64(net)
    assert copied.dtype == np.float64
    assert not np.shares_memory(copied.parameters, net.parameters)
    assert_near(copied.parameters, net.parameters.astype(np.float64), 0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epsilon": 0}, ValueError, "gradient_check: epsilon is 0: expected a finite number ab"),
        ({"epsilon": np.inf}, ValueError, "epsilon is inf: expected a finite number above 0"),
        ({"entries": 0}, ValueError, "gradient_check: entries is 0: expected 1 or more"),
        ({"loss": "x"}, ValueError, "loss is 'x': expected one of"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        network(N).gradient_check(*data(7, N), **options)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_layers_of_every_kind(dtype: str, training: bool) -> None:
    """Penalties included; in training with masks, and with the batch's moments."""
    net, (X, y) = of_every_kind(dtype), data_of_every_kind(12, dtype)
    net.fit(X, y, epochs=2, batch_size=6)
    weights = np.random.default_rng(4).uniform(0.5, 2, 12)
    with nothing_written(net):
        check = net.gradient_check(X, y, training=training, sample_weight=weights)
    assert check.relative_difference < 1e-7, check
    named = {
        f"layers[{i}].{name}"
        for i, part in enumerate(net.unflatten(net.parameters))
        for name in part._fields
    }
    assert set(check.differences) == named
    # A bias before a normalisation of the batch has no gradient but rounding.
    kind = [layer.description.kind for layer in net.layers]
    unmoved = f"layers[{kind.index('batch_norm') - 1}].b"
    assert all(d < 1e-5 for name, d in check.differences.items() if name != unmoved), check


@pytest.mark.parametrize("penalties", [{"l1": 0.3}, {"l2": 0.3}, {"l1": 0.1, "l2": 0.2}])
def test_gradients_of_penalties(penalties: dict[str, float]) -> None:
    net = dr.Network([dr.Dense(6, "tanh", **penalties), dr.Dense(3, **penalties)], 4)
    X, y = data(9, N)
    assert net.gradient_check(X, y).relative_difference < 1e-7
    plain = network(N, ["tanh", "identity"])
    plain.parameters = net.parameters
    _, without = plain.loss_and_gradients(X, y)
    _, gradients = net.loss_and_gradients(X, y)
    W, l1, l2 = net.layers[0].W, penalties.get("l1", 0.0), penalties.get("l2", 0.0)
    added = net.unflatten(gradients - without)[0]
    assert_near(added.W, l1 * np.sign(W) + l2 * W, 1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_a_loss_of_one_s_own_behind_a_batch_norm(training: bool) -> None:
    def fourth_power(A: Any, Y: Any) -> tuple[Any, Any]:
        return ((A - Y) ** 4).mean(axis=1), 4 * (A - Y) ** 3 / A.shape[1]

    net = dr.Network([dr.Dense(6), dr.BatchNorm(), dr.Activation("tanh"), dr.Dense(3)], 4)
    X, y = data(9, N)
    check = net.gradient_check(X, y, loss=fourth_power, training=training)
    assert check.relative_difference < 1e-7, check
    history = net.fit(X, y, loss=fourth_power, epochs=30, batch_size=9)
    assert history["loss"][-1] < history["loss"][0]


def test_no_gradients_where_all_is_frozen() -> None:
    net = network(N)
    for layer in net.layers:
        layer.frozen = True
    with pytest.raises(ValueError, match="gradient_check: every layer with parameters is frozen"):
        net.gradient_check(*data(9, N))
