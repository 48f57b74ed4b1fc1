"""Networks: gradients, the explicit steps, live parameters, copies, and threads that share one."""

import copy
import os
import pickle
import sys
import threading
import tracemalloc
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
import reference
from support import (
    DTYPES,
    LOSSES,
    OUTPUTS_OF_LOSSES,
    PEAK_MEMORY,
    Array,
    assert_near,
    assert_same_bits,
    batches,
    centre_outputs,
    data,
    data_of_every_kind,
    network,
    nothing_written,
    of_every_kind,
    output_of,
    step,
)

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
N = [4, 5, 3]


def as_columns(net: dr.Network) -> tuple[dict[str, Array], list[str]]:
    """The parameters and activations as the reference takes them."""
    parameters = {}
    for l, layer in enumerate(net.layers, start=1):  # noqa: E741 -- the layer, as on paper
        parameters |= {f"W{l}": layer.W.astype(float), f"b{l}": layer.b.astype(float)}
    return parameters, [layer.activation for layer in net.layers]


def reference_cost_and_gradients(
    net: dr.Network, X: Array, y: Array, loss: str
) -> tuple[float, Array]:
    parameters, activations = as_columns(net)
    X, Y = X.T.astype(float), y.T.astype(float)
    A, _ = reference.network_forward(X, parameters, activations)
    gradients = reference.network_backward(X, Y, parameters, activations, loss)
    flat = [
        gradients[f"{name}{l}"].ravel(order="F")
        for l in range(1, len(activations) + 1)  # noqa: E741
        for name in ("dW", "db")
    ]
    return reference.cost(loss, A[-1], Y), np.concatenate(flat)


# Gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("activation", "loss"), OUTPUTS_OF_LOSSES)
def test_cost_and_gradients_as_the_reference_has_them(
    activation: str, loss: str, dtype: str
) -> None:
    """With the activation in the hidden layer and at the output."""
    net = centre_outputs(network(N, activation, dtype))
    X, y = data(7, N, loss, dtype)
    cost, gradients = net.loss_and_gradients(X, y, loss=loss)
    expected_cost, expected = reference_cost_and_gradients(net, X, y, loss)
    assert cost == pytest.approx(expected_cost, rel=TOLERANCE[dtype])
    assert gradients.dtype == dtype
    assert_near(gradients, expected, TOLERANCE[dtype])
    assert net.evaluate(X, y, loss=loss)["loss"] == pytest.approx(cost, rel=TOLERANCE[dtype])


@pytest.mark.parametrize(("activation", "loss"), OUTPUTS_OF_LOSSES)
def test_gradients_as_a_central_difference_has_them(activation: str, loss: str) -> None:
    net = centre_outputs(network(N, activation, "float64"))
    X, y = data(7, N, loss, "float64")

    def cost(parameters: Array) -> float:
        net.parameters = parameters
        return net.loss_and_gradients(X, y, loss=loss)[0]

    _, gradients = net.loss_and_gradients(X, y, loss=loss)
    difference = reference.central_difference(cost, net.parameters.copy())
    assert_near(gradients, difference, 1e-7)


# Where the numbers stay of a size at which rounding can be told from a mistake.
TAME = [name for name in reference.ACTIVATIONS if "relu" not in name and name != "exponential"]
OUTPUTS = {
    "mean_squared_error": TAME,
    "binary_cross_entropy": ["sigmoid"],
    "categorical_cross_entropy": ["softmax"],
}


@settings(max_examples=60, deadline=None)
@given(
    n=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    m=st.integers(1, 70),
    dtype=st.sampled_from(DTYPES),
    loss=st.sampled_from(LOSSES),
    seed=st.integers(0, 1000),
    choose=st.data(),
)
def test_any_shape(
    n: list[int], m: int, dtype: str, loss: str, seed: int, choose: st.DataObject
) -> None:
    hidden = [choose.draw(st.sampled_from(TAME)) for _ in n[1:-1]]
    output = choose.draw(st.sampled_from(OUTPUTS[loss]))
    n[-1] += output == "softmax"  # one class of one is no question
    net = centre_outputs(network(n, [*hidden, output], dtype, seed))
    X, y = data(m, n, loss, dtype, seed)
    cost, gradients = net.loss_and_gradients(X, y, loss=loss)
    expected_cost, expected = reference_cost_and_gradients(net, X, y, loss)
    assert cost == pytest.approx(expected_cost, rel=10 * TOLERANCE[dtype])
    assert_near(gradients, expected, 10 * TOLERANCE[dtype])


def test_by_hand() -> None:
    net = dr.Network([dr.Dense(1)], input_size=2, dtype="float64")
    net.layers[0].W, net.layers[0].b = [[3, 4]], [[5]]
    X, y = [[1, 2], [0, 1]], [15, 8]  # z = 16 and 9: both 1 too much
    assert net.predict(X).tolist() == [[16], [9]]
    cost, gradients = net.loss_and_gradients(X, y)
    assert cost == 1
    assert gradients.tolist() == [1, 3, 2]  # the mean of 2 (a - y) x, and of 2 (a - y)
    cost, gradients = net.loss_and_gradients(X, y, sample_weight=[3, 1])
    assert cost == 1
    assert gradients.tolist() == [1.5, 3.5, 2]


def test_the_loss_that_goes_with_the_output() -> None:
    X, _ = data(6, N)
    targets = {
        "softmax": (np.eye(3)[[0, 1, 2, 2, 1, 0]], "categorical_cross_entropy"),
        "sigmoid": (np.eye(3)[[0, 1, 2, 2, 1, 0]], "binary_cross_entropy"),
        "tanh": (np.eye(3)[[0, 1, 2, 2, 1, 0]], "mean_squared_error"),
    }
    for activation, (y, loss) in targets.items():
        net = network(N, activation)
        assert net.loss_and_gradients(X, y)[0] == net.loss_and_gradients(X, y, loss=loss)[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_labels_are_one_hot_rows(dtype: str) -> None:
    net = network(N, "softmax", dtype)
    X, one_hot = data(9, N, "categorical_cross_entropy", dtype)
    loss = "categorical_cross_entropy"
    cost, gradients = net.loss_and_gradients(X, one_hot, loss=loss)
    from_labels = net.loss_and_gradients(X, one_hot.argmax(axis=1), loss=loss)
    assert from_labels[0] == pytest.approx(cost, rel=1e-6)
    assert_near(from_labels[1], gradients, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_weight_counts_as_copies(loss: str, dtype: str) -> None:
    activations = {"binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax"}
    net = network(N, activations.get(loss, "tanh"), dtype)
    X, y = data(5, N, loss, dtype)
    weights = np.array([2, 0, 1, 3, 1])
    X_copies, y_copies = np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0)
    for weight in (weights, 2.5 * weights, weights.astype("float32")):
        cost, gradients = net.loss_and_gradients(X, y, loss=loss, sample_weight=weight)
        expected_cost, expected = net.loss_and_gradients(X_copies, y_copies, loss=loss)
        assert cost == pytest.approx(expected_cost, rel=TOLERANCE[dtype])
        assert_near(gradients, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("activation", "y"), [("sigmoid", [[0.0], [1.0]]), ("softmax", [[0.0, 1.0], [1.0, 0.0]])]
)
def test_cross_entropy_of_huge_logits_is_finite(activation: str, y: Any, dtype: str) -> None:
    net = dr.Network([dr.Dense(len(y[0]), activation)], input_size=1, dtype=dtype)
    net.layers[0].W = [[1e30]] if activation == "sigmoid" else [[1e30], [-1e30]]
    cost, gradients = net.loss_and_gradients([[1.0], [-1.0]], y)  # sure, and wrong twice
    assert cost == pytest.approx(1e30 if activation == "sigmoid" else 2e30, rel=1e-6)
    assert np.isfinite(gradients).all()
    cost, gradients = net.loss_and_gradients([[1.0], [-1.0]], y[::-1])  # sure, and right
    assert cost == 0
    assert not gradients.any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [2, 1000])
def test_gradients_too_small_for_a_normal_number_are_zero(m: int, dtype: str) -> None:
    # Sure and right: dZ = sigmoid(z) is subnormal, and subnormal numbers are slow to compute with.
    net = network([1, 1], ["sigmoid"], dtype)
    X, y = np.ones((m, 1), dtype), np.zeros(m, dtype)
    tiny = float(np.finfo(dtype).tiny)
    for z, is_kept in ((np.log(tiny) - 3, False), (np.log(tiny) + 3, True)):
        net.parameters = np.array([z, 0], dtype)
        assert np.exp(net.parameters[0]) > 0
        _, gradients = net.loss_and_gradients(X, y)
        np.testing.assert_allclose(gradients, np.exp(z) if is_kept else 0.0, rtol=1e-4)


# The explicit steps --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_forward_and_backward_make_the_gradients(activation: str, dtype: str) -> None:
    net = centre_outputs(network(N, activation, dtype))
    X, y = data(7, N, dtype=dtype)
    A, caches = net.forward(X)
    assert_near(A, net.predict(X), TOLERANCE[dtype])
    gradients = net.backward(2 * (A - y) / N[-1], caches)
    assert gradients.dtype == dtype
    _, expected = net.loss_and_gradients(X, y, loss="mean_squared_error")
    assert_near(gradients, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_gradient_with_respect_to_the_input(activation: str) -> None:
    net = centre_outputs(network(N, activation, "float64"))
    X, y = data(3, N, dtype="float64")
    A, caches = net.forward(X)
    gradients, dX = net.backward(2 * (A - y) / N[-1], caches, input_gradient=True)
    assert_same_bits(gradients, net.backward(2 * (A - y) / N[-1], caches))

    def sum_of_losses(X: Array) -> float:
        return len(X) * net.loss_and_gradients(X, y, loss="mean_squared_error")[0]

    assert_near(dX, reference.central_difference(sum_of_losses, X), 1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
def test_caches_hold_what_they_say(dtype: str) -> None:
    activations = ["relu", "softplus", "tanh"]
    net = network([4, 6, 5, 3], activations, dtype)
    X, _ = data(7, [4, 3], dtype=dtype)
    output, caches = net.forward(X)
    A, Z = reference.network_forward(X.T.astype(float), *as_columns(net))
    assert len(caches) == 3
    for i, (cache, layer) in enumerate(zip(caches, net.layers, strict=True)):
        assert_near(cache.A_prev, A[i].T, TOLERANCE[dtype])
        assert_near(cache.Z, Z[i + 1].T, TOLERANCE[dtype])
        assert cache.W is layer.W
        assert cache.b is layer.b
    assert_near(output, A[3].T, TOLERANCE[dtype])
    assert_same_bits(caches[-1].Z, caches[2].Z)
    assert [cache.Z.shape for cache in caches[1:]] == [(7, 5), (7, 3)]
    for array in (output, caches[0].Z, caches[1].A_prev):
        assert not array.flags.writeable
    with pytest.raises(IndexError):
        caches[3]


def test_caches_outlive_what_follows() -> None:
    net = network(N, "relu")
    X, dA = data(7, N)
    A, caches = net.forward(X)
    expected, kept = net.backward(dA, caches), A.copy()
    other_X, other_dA = data(30, N, seed=9)
    _, other_caches = net.forward(other_X)
    net.backward(other_dA, other_caches)
    net.loss_and_gradients(other_X, other_dA, loss="mean_squared_error")
    del other_caches
    assert_same_bits(A, kept)
    assert_same_bits(net.backward(dA, caches), expected)
    Z = net.forward(X)[1][0].Z  # keeps its memory without its caches
    assert_same_bits(Z, caches[0].Z)


def test_update_with_gradients_is_a_training_step() -> None:
    net, other = network(N, "relu"), network(N, "relu")
    X, y = data(7, N)
    A, caches = net.forward(X)
    net.update(net.backward(2 * (A - y) / N[-1], caches), dr.SGD(0.1))
    other.fit(X, y, loss="mean_squared_error", optimizer=dr.SGD(0.1), batch_size=7)
    assert_near(net.parameters, other.parameters, TOLERANCE["float32"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_rows_are_no_gradients(dtype: str) -> None:
    net = network(N, dtype=dtype)
    assert net.predict(np.empty((0, 4))).shape == (0, 3)
    A, caches = net.forward(np.empty((0, 4)))
    assert A.shape == (0, 3)
    gradients, dX = net.backward(A, caches, input_gradient=True)
    assert not gradients.any()
    assert dX.shape == (0, 4)


def foreign_caches() -> list[Any]:
    X, _ = data(7, N)
    return [network(N).forward(X)[1], [], None, list(network(N).forward(X)[1])]


@pytest.mark.parametrize(
    "caches", foreign_caches(), ids=["another network's", "[]", "None", "list"]
)
def test_backward_refuses_foreign_caches(caches: Any) -> None:
    net = network(N)
    with pytest.raises(TypeError, match="backward: caches are not of this network"):
        net.backward(data(7, N)[1], caches)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda dA: dA[:6], r"backward: dA has 6 rows: expected 7"),
        (lambda dA: dA[:, :2], r"backward: dA has shape \(7, 2\): expected .*3.* outputs"),
        (lambda dA: dA[0], r"backward: dA has shape \(3,\): expected .*3.* outputs"),
        (lambda dA: np.where(dA == dA[2, 1], -np.inf, dA), r"backward: dA\[2, 1\] is -inf"),
    ],
    ids=["rows", "columns", "one row", "-inf"],
)
def test_backward_refuses(change: Callable[[Array], Array], message: str) -> None:
    net = network(N)
    X, dA = data(7, N)
    _, caches = net.forward(X)
    with pytest.raises(ValueError, match=message):
        net.backward(change(dA), caches)


# Parameters ----------------------------------------------------------------------------------


def test_layers_are_live_views_of_the_flat_vector() -> None:
    net = network(N)
    X, _ = data(2, N)
    before = net.predict(X)
    net.layers[0].W[1, 2] += 1
    after_W = net.predict(X)
    net.layers[1].b[0, 0] += 1
    after_b = net.predict(X)
    net.parameters[0] += 1
    after_flat = net.predict(X)
    for one, other in [(before, after_W), (after_W, after_b), (after_b, after_flat)]:
        assert (one != other).any()
    for layer, n, n_prev in zip(net.layers, N[1:], N[:-1], strict=True):
        assert (layer.W.shape, layer.b.shape) == ((n, n_prev), (n, 1))
        assert np.shares_memory(layer.W, net.parameters)
        assert np.shares_memory(layer.b, net.parameters)


def test_order_of_the_flat_vector() -> None:
    net = network([2, 3, 1])
    net.parameters = np.arange(13)
    first, last = net.layers
    assert first.W.tolist() == [[0, 3], [1, 4], [2, 5]]  # column by column
    assert first.b.tolist() == [[6], [7], [8]]
    assert last.W.tolist() == [[9, 10, 11]]
    assert last.b.tolist() == [[12]]
    views = net.unflatten(np.arange(13.0))
    assert views[0].W.tolist() == first.W.tolist()
    assert views[1].b.tolist() == [[12]]


def test_unflatten_shares_memory() -> None:
    net = network(N)
    _, gradients = net.loss_and_gradients(*data(5, N))
    for view in net.unflatten(gradients):
        view.W[:] = 1
        view.b[:] = 1
    assert (gradients == 1).all()
    with pytest.raises(ValueError, match="shape"):
        net.unflatten(gradients[:-1])


def test_assignment_copies() -> None:
    net = network(N)
    given = {"W": np.ones((5, 4)), "b": np.full((5, 1), 2.0), "parameters": np.full(43, 3.0)}
    for owner, name in [(net.layers[0], "W"), (net.layers[0], "b"), (net, "parameters")]:
        view = getattr(owner, name)
        setattr(owner, name, given[name])
        assert getattr(owner, name) is view
        given[name][:] = 7
        assert (view != 7).all()
    assert (net.parameters == 3).all()
    net.layers[0].W += 1  # reads the view, writes to it, and assigns it
    assert (net.layers[0].W == 4).all()


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("W", np.ones((4, 5)), ValueError, r"layers\[1\].W: got shape \(4, 5\): expected \(3, 5\)"),
        ("W", 1.0, ValueError, r"layers\[1\].W: got shape \(\): expected \(3, 5\)"),
        ("b", np.ones(3), ValueError, r"layers\[1\].b: got shape \(3,\): expected \(3, 1\)"),
        ("W", np.full((3, 5), np.nan), ValueError, r"layers\[1\].W\[0, 0\] is nan"),
        ("b", [[0], [np.inf], [0]], ValueError, r"layers\[1\].b\[1, 0\] is inf"),
        ("W", np.full((3, 5), "x"), TypeError, r"layers\[1\].W: got <U1: expected real numbers"),
        ("W", np.full((3, 5), 1j), TypeError, r"layers\[1\].W: got complex128"),
        ("W", np.full((3, 5), 1e300), ValueError, r"layers\[1\].W\[0, 0\] is 1e\+300|too large"),
    ],
)
def test_assignment_refuses(name: str, value: Any, error: type[Exception], message: str) -> None:
    net = network(N)
    with nothing_written(net), pytest.raises(error, match=message):
        setattr(net.layers[1], name, value)
    with nothing_written(net), pytest.raises(error, match=r"parameters: got|parameters\["):
        net.parameters = np.resize(value, 42 if "shape" in message else 43)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("use", ["forward", "loss_and_gradients", "fit"])
def test_weights_that_are_not_finite_are_named(use: str, value: float) -> None:
    """They can be written through the live views, where nobody checks."""
    net = network(N)
    net.layers[1].W[2, 4] = value
    X, y = data(5, N)
    arguments = (X,) if use == "forward" else (X, y)
    name = rf"{use}: layers\[1\].W\[2, 4\] is {value}"
    with nothing_written(net), pytest.raises(ValueError, match=name):
        getattr(net, use)(*arguments)


# Prediction ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 2, 31, 33, 1000])
def test_predict_as_the_reference_has_it(m: int, dtype: str) -> None:
    net = network([7, 33, 9, 3], ["relu", "tanh", "softmax"], dtype)
    X, _ = data(m, [7, 3], dtype=dtype)
    A, _ = reference.network_forward(X.T.astype(float), *as_columns(net))
    assert_near(net.predict(X), A[-1].T, TOLERANCE[dtype])
    assert_near(net.predict(X[0]), A[-1][:, 0], TOLERANCE[dtype])


def test_predict_writes_to_out() -> None:
    net = network(N)
    X, _ = data(6, N)
    room = np.full((8, 3), 7, np.float32)
    out = room[1:7]
    assert net.predict(X, out=out) is out
    assert_same_bits(out.copy(), net.predict(X))
    assert (room[[0, 7]] == 7).all()
    one = np.empty(3, np.float32)
    assert net.predict(X[2], out=one) is one
    assert_same_bits(one, net.predict(X[2]))


def read_only(shape: tuple[int, ...]) -> Array:
    array = np.ones(shape, np.float32)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "out",
    [
        np.ones((6, 3)),
        np.ones((6, 2), np.float32),
        np.ones((5, 3), np.float32),
        np.ones(18, np.float32),
        np.ones((3, 6), np.float32).T,
        np.ones((6, 6), np.float32)[:, ::2],
        np.ones((6, 3), ">f4"),
        read_only((6, 3)),
    ],
    ids=["dtype", "columns", "rows", "flat", "column-major", "strided", "big-endian", "read-only"],
)
def test_predict_refuses_out(out: Array) -> None:
    with pytest.raises(ValueError, match=r"predict: out is .*: expected writeable, C-contiguous"):
        network(N).predict(data(6, N)[0], out=out)
    assert (out == 1).all()


def test_predict_refuses_out_that_is_no_array() -> None:
    with pytest.raises(TypeError, match="predict: out is"):
        network(N).predict(data(6, N)[0], out=[[0.0] * 3] * 6)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("offset", [0, 1])
def test_out_may_be_the_memory_of_X(offset: int, depth: int) -> None:
    """Or is refused; a wrong answer is what it may not be."""
    net = network([5] * (depth + 1))
    room = np.random.default_rng(0).normal(size=(301, 5)).astype(np.float32)
    X, out = room[:300], room[offset : 300 + offset]
    expected = net.predict(X.copy())
    try:
        net.predict(X, out=out)
    except ValueError:
        return
    assert_near(out, expected, TOLERANCE["float32"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("x_dtype", ["float32", "float64", "uint8"])
def test_predict_does_not_copy_X(x_dtype: str, dtype: str) -> None:
    net = network([400, 2], dtype=dtype)
    X = np.ones((20_000, 400), x_dtype)
    out = np.empty((20_000, 2), dtype)
    net.predict(X[:10], out[:10])
    tracemalloc.start()
    net.predict(X, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 100


@pytest.mark.parametrize("X", [3.0, np.ones(3), np.ones((2, 5)), np.ones((2, 2, 4)), []])
def test_predict_refuses_shapes(X: Any) -> None:
    with pytest.raises(ValueError, match=r"predict: X has shape .*: expected \(n_samples, 4\)"):
        network(N).predict(X)


def test_predict_from_many_threads() -> None:
    net = network([60, 300, 300, 10], ["relu", "relu", "softmax"])
    inputs = [data(m, [60, 10], seed=m)[0] for m in (1, 40, 257, 900)]
    dr.set_num_threads(1)
    expected = [net.predict(X) for X in inputs]
    dr.set_num_threads(3)
    wrong: list[Any] = []
    barrier = threading.Barrier(len(inputs))

    def predict(X: Array, A: Array) -> None:
        barrier.wait()
        try:
            for _ in range(20):
                if not np.array_equal(net.predict(X), A):
                    wrong.append(len(X))
        except Exception as error:
            wrong.append(error)

    threads = [
        threading.Thread(target=predict, args=pair) for pair in zip(inputs, expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_predict_and_fit_after_fork() -> None:
    script = """
import os, warnings
import numpy as np
import deltarule as dr
dr.set_num_threads(2)
warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of fork beside threads
X = np.random.default_rng(0).normal(size=(600, 50)).astype("float32")
def train():
    net = dr.Network([dr.Dense(200, "tanh"), dr.Dense(3)], input_size=50)
    net.fit(X, X[:, :3], epochs=2, batch_size=300)
    return net.predict(X).tobytes()
before = train()
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, b"same" if train() == before else b"other")
    os._exit(0)
os.waitpid(child, 0)
print(os.read(read, 9).decode(), train() == before)
"""
    assert output_of(script, timeout=30) == "same True"


# Copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_goes_on_alike(duplicate: Callable[[dr.Network], dr.Network], dtype: str) -> None:
    n = [6, 20, 3]
    net = network(n, ["relu", "softmax"], dtype)
    X, y = data(50, n, "categorical_cross_entropy", dtype)
    net.fit(X, y, epochs=2, batch_size=8)
    other = duplicate(net)
    assert other.history == net.history
    assert other.dtype == net.dtype
    assert not np.shares_memory(other.parameters, net.parameters)
    assert np.shares_memory(other.layers[0].W, other.parameters)
    assert_same_bits(other.predict(X), net.predict(X))
    for each in (net, other):
        each.fit(X, y, epochs=2, batch_size=8)  # the same shuffles, too
    assert_same_bits(other.parameters, net.parameters)
    assert other.history == net.history


def test_a_copy_is_another_network() -> None:
    net = network(N)
    other = copy.deepcopy(net)
    before = net.parameters.copy()
    step(other, dr.SGD(0.1), *data(5, N))
    assert_same_bits(net.parameters, before)
    assert (other.parameters != before).any()


# Making networks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: dr.Dense(0), ValueError, "Dense: units is 0: expected 1 or more"),
        (lambda: dr.Dense(-3), ValueError, "Dense: units is -3: expected 1 or more"),
        (lambda: dr.Dense(2.0), TypeError, r"Dense: units is 2\.0: expected an integer"),
        (lambda: dr.Dense(True), TypeError, "Dense: units is True: expected an integer"),
        (lambda: dr.Dense("3"), TypeError, "Dense: units is '3': expected an integer"),
        (lambda: dr.Dense(3, "rely"), ValueError, r"activation is 'rely': expected one of .*relu"),
        (lambda: dr.Dense(3, None), ValueError, r"activation is None: expected one of .*relu"),
        (lambda: dr.Network([], 3), ValueError, "no layers: expected 1 or more"),
        (lambda: dr.Network([3], 3), TypeError, r"layers\[0\] is 3: expected a layer"),
        (lambda: dr.Network([dr.Dense(2), "relu"], 3), TypeError, r"layers\[1\] is 'relu'"),
        (lambda: dr.Network([dr.Dense(2)], 0), ValueError, "input_size is 0: expected 1 or more"),
        (lambda: dr.Network([dr.Dense(2)], -1), ValueError, "input_size is -1: expected 1 or"),
        (lambda: dr.Network([dr.Dense(2)], 3.5), TypeError, r"input_size is 3\.5: expected an int"),
        (lambda: dr.Network([dr.Dense(2)], 3, dtype="float16"), TypeError, "expected float32 or"),
        (lambda: dr.Network([dr.Dense(2)], 3, dtype="int32"), TypeError, "expected float32 or"),
    ],
)
def test_refused_description(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("dtype", [np.float32, float, np.dtype("f8"), ">f4"])
def test_dtype_by_any_name(dtype: Any) -> None:
    net = dr.Network([dr.Dense(2)], input_size=3, dtype=dtype)
    assert net.dtype.isnative
    net.fit(np.ones((4, 3)), np.ones((4, 2)))
    assert net.predict(np.ones((4, 3))).dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's limits on memory")
@pytest.mark.parametrize(("units", "inputs"), [(2**31, 2**31), (2**62, 3), (2**63, 1), (1, 2**62)])
def test_a_network_beyond_all_memory(units: int, inputs: int) -> None:
    """An error, and one that comes before the memory is full."""
    script = f"""
import resource
import deltarule as dr
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
try:
    dr.Network([dr.Dense({units})], input_size={inputs})
except (ValueError, MemoryError) as error:
    print(peak_memory(), error)
"""
    kilobytes, message = output_of(PEAK_MEMORY + script, OMP_NUM_THREADS="1").split(maxsplit=1)
    assert int(kilobytes) < 500_000
    assert "reshape" not in message


def test_summary_and_repr() -> None:
    net = dr.Network([dr.Dense(256, "relu"), dr.Dense(10, "softmax")], input_size=784)
    text = net.summary()
    for part in (
        "784 inputs",
        "10 outputs",
        "float32",
        "relu",
        "softmax",
        "(256, 784)",
        "(10, 1)",
        "200,960",
        "2,570",
        "203,530 parameters",
        "795.0 KiB",
    ):
        assert part in text
    assert "name" not in text  # as no layer has one
    assert "rules" not in text
    assert repr(net) == "Network(784-256-10, float32, 203,530 parameters)"
    assert repr(net.layers[1]) == "Layer(10, 'softmax', W (10, 256), b (10, 1))"


def test_summary_counts_as_errors_do_and_says_what_training_goes_by() -> None:
    layers = [
        dr.Dense(4, "tanh", name="first", learning_rate=0.5, l1=0.25, max_norm=3.0),
        dr.Dropout(0.125),
        dr.Dense(2, frozen=True, l2=1e-3),
    ]
    net = dr.Network(layers, input_size=3)
    rows = net.summary().splitlines()[4:7]
    assert [row.split()[0] for row in rows] == ["0", "1", "2"]
    assert rows[0].startswith("0 dense")
    assert "first" in rows[0]
    assert rows[0].endswith("16  rate x0.5, l1 0.25, max_norm 3")
    assert rows[1].startswith("1 dropout 0.125")
    assert rows[2].endswith("10  frozen, l2 0.001")
    with pytest.raises(ValueError, match=r"layers\[2\]"):
        net.layers[int(rows[2].split()[0])].learning_rate = -1.0


class Page(HTMLParser):
    """Holds a piece of HTML to being whole, and takes down its text, cell by cell."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_says_what_the_summary_does_and_escapes_names() -> None:
    name = "<script>alert('&amp;')</script>"
    net = dr.Network([dr.Dense(3, "relu", name=name), dr.Dense(1)], input_size=2)
    page = Page(net._repr_html_())
    assert page.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td", "div"}
    assert name in page.texts
    words = " ".join(page.texts).split()
    assert words == [word for word in net.summary().split() if set(word) != {"-"}]


# Loops of one's own, and layers' rules ---------------------------------------------------------

RULES: dict[str, dict[str, Any]] = {
    "l1": {"l1": 0.1},
    "l2": {"l2": 0.5},
    "frozen": {"frozen": True, "l2": 0.5},
    "rate": {"learning_rate": 0.1},
    "norm": {"max_norm": 0.3},
}


@pytest.mark.parametrize("make", [lambda: dr.SGD(0.1), lambda: dr.AdamW(0.1, weight_decay=0.5)])
@pytest.mark.parametrize("name", RULES)
def test_explicit_steps_keep_to_layers_rules(name: str, make: Callable[[], dr.Optimizer]) -> None:
    """As fit does; but for the penalties, which backward cannot know to be wanted."""
    layers = [dr.Dense(5, "tanh", **RULES[name]), dr.Dense(3)]
    fitted, own, by_hand = (dr.Network(layers, 4, dtype="float64") for _ in range(3))
    X, y = data(7, N, dtype="float64")
    fitted.fit(X, y, batch_size=7, epochs=3, optimizer=make())
    optimizers = [make(), make()]
    for _ in range(3):
        _, gradients = own.loss_and_gradients(X, y, training=True)
        own.update(gradients, optimizers[0])
        A, caches = by_hand.forward(X, training=True)
        by_hand.update(by_hand.backward(2 * (A - y) / 3, caches), optimizers[1])
    assert_near(own.parameters, fitted.parameters, 1e-12)
    if name in ("l1", "l2"):
        assert np.abs(by_hand.parameters - fitted.parameters).max() > 1e-3
    else:
        assert_near(by_hand.parameters, fitted.parameters, 1e-12)


# The average of the parameters -----------------------------------------------------------------


def averaging(dtype: str = "float32") -> tuple[dr.Network, tuple[Array, Array]]:
    net, examples = network(N, dtype=dtype), data(20, N, dtype=dtype)
    net.fit(*examples, average=0.9, batch_size=5)
    return net, examples


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_average_stands_in_for_the_parameters(dtype: str) -> None:
    net, (X, _) = averaging(dtype)
    other = network(N, dtype=dtype)
    assert net.average is not None
    other.parameters = net.average
    own = net.parameters.copy()
    with net.averaged() as same:
        assert same is net
        assert_same_bits(net.predict(X), other.predict(X))
    assert_same_bits(net.parameters, own)
    assert (other.parameters != own).any()


def test_an_exception_brings_the_parameters_back() -> None:
    net, _ = averaging()
    with nothing_written(net), pytest.raises(KeyError), net.averaged():
        raise KeyError


def test_there_is_no_average_without_a_fit_that_kept_one() -> None:
    net = network(N)
    net.fit(*data(9, N))
    assert net.average is None
    with pytest.raises(RuntimeError, match=r"averaged: .* expected a fit with average=0.999"):
        net.averaged().__enter__()


def test_the_average_goes_on_from_fit_to_fit() -> None:
    nets, (X, y) = [network(N), network(N), network(N)], data(20, N)
    options: dict[str, Any] = {"batch_size": 5, "shuffle": False}
    optimizers = [dr.Adam(), dr.Adam(), dr.Adam()]
    nets[0].fit(X, y, epochs=4, average=0.9, optimizer=optimizers[0], **options)
    for epochs in (1, 3):
        nets[1].fit(X, y, epochs=epochs, average=0.9, optimizer=optimizers[1], **options)
    assert nets[0].average is not None
    assert nets[1].average is not None
    assert_same_bits(nets[1].average, nets[0].average)
    kept = nets[1].average.copy()
    nets[1].fit(X, y, optimizer=optimizers[1], **options)  # which keeps none, and leaves it
    assert_same_bits(nets[1].average, kept)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_the_average_by_its_equation(decay: float) -> None:
    X, y = data(20, N, dtype="float64")
    net, other, optimizer = network(N, dtype="float64"), network(N, dtype="float64"), dr.Adam()
    net.fit(X, y, average=decay, batch_size=5, shuffle=False)
    expected = other.parameters.copy()
    for batch in batches(20, 5):
        step(other, optimizer, X[batch], y[batch])
        expected = decay * expected + (1 - decay) * other.parameters
    assert net.average is not None
    assert_near(net.average, expected, 1e-14)


# Copies of all of it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_has_the_average_the_rules_and_the_statistics(
    duplicate: Callable[[dr.Network], dr.Network],
) -> None:
    X, y = data_of_every_kind(40)
    net = of_every_kind()
    net.layers["slow"].learning_rate, net.layers["first"].frozen = np.float32(0.125), True
    options: dict[str, Any] = {"average": 0.9, "clip_norm": 1.0, "batch_size": 8}
    net.fit(X, y, epochs=2, **options)
    other = duplicate(net)
    assert [layer.rule() for layer in other.layers] == [layer.rule() for layer in net.layers]
    for each in (net, other):
        each.fit(X, y, epochs=2, **options)
    assert net.average is not None
    assert other.average is not None
    assert not np.shares_memory(other.average, net.average)
    assert_same_bits(other.parameters, net.parameters)
    assert_same_bits(other.average, net.average)
    assert_same_bits(other.statistics, net.statistics)
