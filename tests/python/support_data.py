"""What the tests of the door and of containers share: all that comes out where X and y go in."""

from typing import Any

import numpy as np

import deltarule as dr
from support import assert_same_bits, network

N = [8, 5, 3]


def everything_of(net: dr.Network, X: Any, y: Any, sample_weight: Any, **fit: Any) -> list[Any]:
    """All that comes out where X and y go in."""
    results: list[Any] = [net.predict(X)]
    A, caches = net.forward(X)
    dA = np.ones(A.shape)
    results += [A.copy(), *net.backward(dA, caches, input_gradient=True)]
    cost, gradients = net.loss_and_gradients(X, y, sample_weight=sample_weight)
    results += [gradients, cost, net.evaluate(X, y, sample_weight=sample_weight)["loss"]]
    arguments = {"epochs": 2, "batch_size": 5, "sample_weight": sample_weight} | fit
    history = net.fit(X, y, validation_data=(X, y), **arguments)
    return [np.asarray(result) for result in [*results, net.parameters, *history.values()]]


def assert_taken_as(given: tuple[Any, Any, Any], plain: tuple[Any, Any, Any], dtype: str) -> None:
    for shuffle in (False, True):
        actual = everything_of(network(N, ["tanh", "softmax"], dtype), *given, shuffle=shuffle)
        expected = everything_of(network(N, ["tanh", "softmax"], dtype), *plain, shuffle=shuffle)
        for one, other in zip(actual, expected, strict=True):
            assert_same_bits(one, other)
