"""Predictions, mini-batches and whole trainings, beside the same loop by hand."""

from typing import Any

import numpy as np
import pytest

from deltarule import blocks

rng = np.random.default_rng(0)
X = rng.normal(size=(2, 50))
Y = (X[:1] * X[1:] > 0).astype(int)


def test_predictions_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    three = blocks.initialize_parameters_he([2, 5, 3, 1])
    A3, _ = blocks.forward_propagation(X, three)
    expected = (A3 > 0.5).astype(int)
    np.testing.assert_array_equal(blocks.predict(three, X), expected)
    assert capsys.readouterr().out == ""
    for y in (Y, Y[0]):
        np.testing.assert_array_equal(blocks.predict(X, y, three), expected)
        assert capsys.readouterr().out == f"Accuracy: {np.mean(expected == Y)}\n"
    two = blocks.initialize_parameters(2, 4, 1, init="he_normal")
    A2, _ = blocks.forward_propagation(X, two)  # of a tanh
    np.testing.assert_array_equal(blocks.predict(two, X), A2 > 0.5)
    AL, _ = blocks.L_model_forward(X, two)  # of a ReLU
    np.testing.assert_array_equal(blocks.predict(X, Y, two), AL > 0.5)
    assert not np.array_equal(A2 > 0.5, AL > 0.5)


def test_one_half_is_the_first_class() -> None:
    zeros = blocks.initialize_parameters_zeros([2, 4, 1])
    assert not blocks.predict(zeros, X).any()


@pytest.mark.parametrize("targets", [Y, Y[0], np.concatenate([Y, 1 - Y])])
def test_every_example_is_in_one_batch(targets: Any) -> None:
    batches = blocks.random_mini_batches(X, targets, 16, seed=3)
    order = np.random.RandomState(3).permutation(50)
    assert [x.shape[1] for x, _ in batches] == [16, 16, 16, 2]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches], axis=1), X[:, order])
    np.testing.assert_array_equal(
        np.concatenate([y for _, y in batches], axis=-1), targets[..., order]
    )
    assert not any(np.shares_memory(x, X) for x, _ in batches)


def test_nn_model_is_the_loop_by_hand() -> None:
    parameters = blocks.initialize_parameters(2, 3, 1, seed=2)
    for _ in range(20):
        AL, caches = blocks.L_model_forward(X, parameters, activations=["tanh", "sigmoid"])
        grads = blocks.L_model_backward(AL, Y, caches)
        parameters = blocks.update_parameters(parameters, grads, 1.2)
    for name, array in blocks.nn_model(X, Y, 3, num_iterations=20).items():
        np.testing.assert_allclose(array, parameters[name], rtol=1e-10, err_msg=name)


def test_L_layer_model_is_the_loop_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    for sizes, init in (([2, 4, 3, 1], "lecun_normal"), ([2, 7, 1], "small_normal")):
        parameters = blocks.initialize_parameters_deep(sizes, init=init, seed=1)
        costs = []
        for _ in range(101):
            AL, caches = blocks.L_model_forward(X, parameters)
            costs.append(blocks.compute_cost(AL, Y))
            grads = blocks.L_model_backward(AL, Y, caches)
            parameters = blocks.update_parameters(parameters, grads, 0.0075)
        found = blocks.L_layer_model(X, Y, sizes, num_iterations=101, print_cost=True, init=init)
        for name, array in found.items():
            np.testing.assert_array_equal(array, parameters[name])
        assert capsys.readouterr().out == (
            f"Cost after iteration 0: {costs[0]:f}\nCost after iteration 100: {costs[100]:f}\n"
        )


def steps(number: int, **options: Any) -> dict[str, Any]:
    return blocks.model(X, Y, print_cost=False, num_iterations=number, **options)


def test_model_goes_by_what_is_given() -> None:
    """Of the three notebooks: sizes, initial weights and the learning rate."""
    for options, sizes, initial, rate in (
        ({}, [2, 20, 3, 1], blocks.initialize_parameters_deep([2, 20, 3, 1], seed=3), 0.3),
        (
            {"initialization": "he"},
            [2, 10, 5, 1],
            blocks.initialize_parameters_he([2, 10, 5, 1]),
            0.01,
        ),
    ):
        _, cache = blocks.forward_propagation(X, initial)
        grads = blocks.backward_propagation(X, Y, cache)
        expected = blocks.update_parameters(initial, grads, rate)
        found = steps(1, **options)
        assert [found["W1"].shape[1], *(found[f"b{i}"].size for i in (1, 2, 3))] == sizes
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)


def test_model_with_a_penalty_and_with_dropout() -> None:
    initial = blocks.initialize_parameters_deep([2, 20, 3, 1], seed=3)
    _, cache = blocks.forward_propagation(X, initial)
    grads = blocks.backward_propagation_with_regularization(X, Y, cache, 0.7)
    found = steps(1, lambd=0.7)
    np.testing.assert_array_equal(found["W2"], initial["W2"] - 0.3 * grads["dW2"])
    _, cache = blocks.forward_propagation_with_dropout(X, initial, 0.86)
    grads = blocks.backward_propagation_with_dropout(X, Y, cache, 0.86)
    found = steps(1, keep_prob=0.86)
    np.testing.assert_array_equal(found["W1"], initial["W1"] - 0.3 * grads["dW1"])


@pytest.mark.parametrize("optimizer", ["gd", "momentum", "adam"])
def test_model_in_mini_batches_with_a_rate_that_decays(
    optimizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    p = blocks.initialize_parameters_he([2, 4, 3, 1])
    v, s = blocks.initialize_adam(p)
    t = 0
    for epoch in range(2):
        alpha = 0.1 if epoch == 0 else blocks.update_lr(0.1, 0, 2)
        for x, y in blocks.random_mini_batches(X, Y, 32, 11 + epoch):
            _, cache = blocks.forward_propagation(x, p)
            d = blocks.backward_propagation(x, y, cache)
            t += 1
            if optimizer == "gd":
                p = blocks.update_parameters(p, d, alpha)
            elif optimizer == "momentum":
                p, v = blocks.update_parameters_with_momentum(p, d, v, 0.8, alpha)
            else:
                p, v, s = blocks.update_parameters_with_adam(p, d, v, s, t, alpha, 0.8, 0.9, 1e-4)
    numbers: Any = {"beta": 0.8, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-4}
    found = blocks.model(
        X, Y, [2, 4, 3, 1], optimizer, 0.1, 32, num_epochs=2, decay=blocks.update_lr,
        decay_rate=2, **numbers,
    )  # fmt: skip
    for name, array in p.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12)
    cost, rate = capsys.readouterr().out.splitlines()
    assert cost.startswith("Cost after epoch 0: ")
    assert rate == "learning rate after epoch 0: 0.100000"


@pytest.mark.parametrize(
    ("error", "message", "function", "arguments", "options"),
    [
        (TypeError, r"the first of two arguments is ndarray: expected predict\(parameters, X\)",
         "predict", (X, {}), {}),
        (TypeError, "predict: 1 arguments", "predict", (X,), {}),
        (ValueError, r"y is \(1, 40\) but the output is \(1, 50\)", "predict",
         (X, Y[:, :40], blocks.initialize_parameters(2, 3, 1)), {}),
        (ValueError, r"Y is \(50, 1\) but X is \(2, 50\)", "random_mini_batches", (X, Y.T), {}),
        (ValueError, "mini_batch_size is 0", "random_mini_batches", (X, Y, 0), {}),
        (ValueError, "optimizer is 'sgd': expected one of gd, momentum, adam", "model",
         (X, Y, [2, 3, 1], "sgd"), {}),
        (ValueError, "initialization is 'xavier': expected one of zeros, random, he", "model",
         (X, Y), {"initialization": "xavier"}),
        (ValueError, "lambd is 0.1 and keep_prob 0.5: expected one of them", "model", (X, Y),
         {"lambd": 0.1, "keep_prob": 0.5}),
        (ValueError, r"layers_dims\[1\] is 0", "initialize_parameters_he", ([2, 0],), {}),
    ],
)  # fmt: skip
def test_what_is_refused(
    error: type[Exception],
    message: str,
    function: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    with pytest.raises(error, match=message):
        getattr(blocks, function)(*arguments, **options)
