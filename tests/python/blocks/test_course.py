"""The figures that the course's notebooks print, of the functions that course_cases.json lacks."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deltarule import blocks

Array = npt.NDArray[Any]
PRINTED = {"rtol": 0, "atol": 0.51e-8}


def drawn(seed: int, **shapes: tuple[int, int]) -> dict[str, Array]:
    """Standard normal numbers in this order, as the notebooks' test cases draw them."""
    randn = np.random.RandomState(seed).randn
    return {name: randn(*shape) for name, shape in shapes.items()}


# Five examples through 3-2-3-1, with the caches that the notebook has written out.
OF_THREE_LAYERS: dict[str, tuple[int, int]] = {
    "W1": (2, 3), "b1": (2, 1), "W2": (3, 2), "b2": (3, 1), "W3": (1, 3), "b3": (1, 1)
}  # fmt: skip
OF_TWO_LAYERS: dict[str, tuple[int, int]] = {
    "W1": (2, 3), "b1": (2, 1), "W2": (3, 3), "b2": (3, 1),
    "dW1": (2, 3), "db1": (2, 1), "dW2": (3, 3), "db2": (3, 1),
}  # fmt: skip


def x_and_parameters() -> tuple[Array, dict[str, Array]]:
    parameters = drawn(1, X=(3, 5), **OF_THREE_LAYERS)
    return parameters.pop("X"), parameters


def parameters_and_grads() -> tuple[dict[str, Array], dict[str, Array]]:
    both = drawn(1, **OF_TWO_LAYERS)
    return (
        {name: array for name, array in both.items() if name[0] != "d"},
        {name: array for name, array in both.items() if name[0] == "d"},
    )


def test_sigmoid() -> None:
    A, _ = blocks.sigmoid([0, 2])
    np.testing.assert_allclose(A, [0.5, 0.88079708], **PRINTED)


def test_initializations() -> None:
    he = blocks.initialize_parameters_he([2, 4, 1])
    np.testing.assert_allclose(he["W1"][0], [1.78862847, 0.43650985], **PRINTED)
    np.testing.assert_allclose(
        he["W2"], [[-0.03098412, -0.33744411, -0.92904268, 0.62552248]], **PRINTED
    )
    large = blocks.initialize_parameters_random([3, 2, 1])
    np.testing.assert_allclose(large["W1"][0], [17.88628473, 4.36509851, 0.96497468], **PRINTED)
    np.testing.assert_allclose(large["W2"], [[-0.82741481, -6.27000677]], **PRINTED)
    zeros = blocks.initialize_parameters_zeros([3, 2, 1])
    assert {name: array.shape for name, array in zeros.items()} == {
        "W1": (2, 3), "b1": (2, 1), "W2": (1, 2), "b2": (1, 1)
    }  # fmt: skip
    assert not any(array.any() for array in zeros.values())


def test_the_cost_of_weights() -> None:
    # Here the weights are drawn first, and no X.
    parameters = drawn(1, **OF_THREE_LAYERS)
    A3 = np.array([[0.40682402, 0.01629284, 0.16722898, 0.10118111, 0.40682402]])
    Y = np.array([[1, 1, 0, 1, 0]])
    cost = blocks.compute_cost_with_regularization(A3, Y, parameters, lambd=0.1)
    assert cost == pytest.approx(1.78648594516, abs=0.51e-11)


def test_gradients_of_a_cost_with_weights() -> None:
    X, parameters = x_and_parameters()
    A3, cache = blocks.forward_propagation(X, parameters)
    np.testing.assert_allclose(
        A3, [[0.40682402, 0.01629284, 0.16722898, 0.10118111, 0.40682402]], **PRINTED
    )
    Y = np.array([[1, 1, 0, 1, 0]])
    grads = blocks.backward_propagation_with_regularization(X, Y, cache, lambd=0.7)
    np.testing.assert_allclose(
        grads["dW1"],
        [[-0.25604646, 0.12298827, -0.28297129], [-0.17706303, 0.34536094, -0.4410571]],
        **PRINTED,
    )
    np.testing.assert_allclose(grads["dW3"], [[-1.77691347, -0.11832879, -0.09397446]], **PRINTED)


def test_dropout() -> None:
    X, parameters = x_and_parameters()
    A3, _ = blocks.forward_propagation_with_dropout(X, parameters, keep_prob=0.7)
    np.testing.assert_allclose(
        A3, [[0.36974721, 0.00305176, 0.04565099, 0.49683389, 0.36974721]], **PRINTED
    )


def test_gradient_checking_finds_the_notebook_s_two_mistakes() -> None:
    shapes: Any = {"W1": (5, 4), "b1": (5, 1), "W2": (3, 5), "b2": (3, 1), "W3": (1, 3)}
    parameters = drawn(1, X=(4, 3), **shapes, b3=(1, 1))
    X, Y = parameters.pop("X"), np.array([1, 1, 0])
    _, cache = blocks.forward_propagation(X, parameters)
    grads = blocks.backward_propagation(X, Y, cache)
    check = blocks.gradient_check(parameters, X, Y, gradients=grads)
    assert check.relative_difference == pytest.approx(1.19e-7, rel=0.01)
    wrong = {**grads, "dW2": 2 * grads["dW2"], "db1": 4 * grads["db1"]}
    check = blocks.gradient_check(parameters, X, Y, gradients=wrong)
    assert check.relative_difference == pytest.approx(0.285093156781, abs=1e-8)


def test_mini_batches() -> None:
    both = drawn(1, X=(50, 148), Y=(1, 148))
    X, Y = both["X"], both["Y"] < 0.5
    batches = blocks.random_mini_batches(X, Y)
    assert [(x.shape, y.shape) for x, y in batches] == [
        ((50, 64), (1, 64)), ((50, 64), (1, 64)), ((50, 20), (1, 20))
    ]  # fmt: skip
    # The first numbers of the generator are those of the notebook's larger X.
    np.testing.assert_allclose(batches[0][0][0, :3], [0.90085595, -0.7612069, 0.2344157], **PRINTED)
    assert batches[0][1].dtype == bool


def test_gradient_descent() -> None:
    updated = blocks.update_parameters_with_gd(*parameters_and_grads(), 0.01)
    np.testing.assert_allclose(
        updated["W1"],
        [[1.63535156, -0.62320365, -0.53718766], [-1.07799357, 0.85639907, -2.29470142]],
        **PRINTED,
    )
    np.testing.assert_allclose(updated["b1"], [[1.74604067], [-0.75184921]], **PRINTED)


def test_momentum() -> None:
    parameters, grads = parameters_and_grads()
    v = blocks.initialize_velocity(parameters)
    updated, v = blocks.update_parameters_with_momentum(
        parameters, grads, v, beta=0.9, learning_rate=0.01
    )
    np.testing.assert_allclose(updated["b1"], [[1.74493465], [-0.76027113]], **PRINTED)
    np.testing.assert_allclose(v["db2"], [[0.02344157], [0.16598022], [0.07420442]], **PRINTED)


def test_adam() -> None:
    parameters, grads = parameters_and_grads()
    v, s = blocks.initialize_adam(parameters)
    updated, v, s = blocks.update_parameters_with_adam(parameters, grads, v, s, t=2)
    np.testing.assert_allclose(
        updated["W1"],
        [[1.63178673, -0.61919778, -0.53561312], [-1.08040999, 0.85796626, -2.29409733]],
        **PRINTED,
    )
    np.testing.assert_allclose(updated["b1"], [[1.75225313], [-0.75376553]], **PRINTED)
    np.testing.assert_allclose(v["db1"], [[-0.01228902], [-0.09357694]], **PRINTED)
    np.testing.assert_allclose(s["db1"], [[1.51020075e-05], [8.75664434e-04]], **PRINTED)


def test_rates_that_decay() -> None:
    assert blocks.update_lr(0.5, 2, 1) == 0.16666666666666666
    assert blocks.schedule_lr_decay(0.5, 10, 0.3, 100) == 0.5
    assert blocks.schedule_lr_decay(0.5, 100, 0.3, 100) == 0.3846153846153846


def flower() -> tuple[Array, Array]:
    """The course's planar data: two classes on the leaves of a flower."""
    random = np.random.RandomState(1)
    leaves, labels = [], []
    for j in range(2):
        t = np.linspace(j * 3.12, (j + 1) * 3.12, 200) + random.randn(200) * 0.2
        r = 4 * np.sin(4 * t) + random.randn(200) * 0.2
        leaves.append([r * np.sin(t), r * np.cos(t)])
        labels += [j] * 200
    return np.concatenate(leaves, axis=1), np.array([labels], np.uint8)


def test_the_flower(capsys: pytest.CaptureFixture[str]) -> None:
    X, Y = flower()
    parameters = blocks.nn_model(X, Y, n_h=4, num_iterations=5001, print_cost=True)
    printed = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["0.693048", "0.288083", "0.254385", "0.233864", "0.226792", "0.222644"]
    assert np.mean(blocks.predict(parameters, X) == Y) > 0.9


# The first of the costs that the notebook on optimization prints, on scikit-learn's moons.
@pytest.mark.parametrize(
    ("optimizer", "printed"), [("gd", "0.702405"), ("momentum", "0.702413"), ("adam", "0.702166")]
)
def test_the_moons(optimizer: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    np.random.seed(3)
    X, y = datasets.make_moons(n_samples=300, noise=0.2)
    blocks.model(X.T, y.reshape(1, -1), [2, 5, 2, 1], optimizer=optimizer, num_epochs=1)
    assert capsys.readouterr().out == f"Cost after epoch 0: {printed}\n"


@pytest.mark.parametrize(
    ("initialization", "printed"),
    [("zeros", "0.693147 0.693147"), ("random", "inf"), ("he", "0.883054 0.687983")],
)
def test_the_circles(initialization: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    np.random.seed(1)
    X, y = datasets.make_circles(n_samples=300, noise=0.05)
    costs = printed.split()
    blocks.model(
        X.T,
        y.reshape(1, -1),
        num_iterations=1000 * len(costs) - 999,
        initialization=initialization,
    )
    assert capsys.readouterr().out == "".join(
        f"Cost after iteration {1000 * i}: {cost}\n" for i, cost in enumerate(costs)
    )
