"""PyTorch's numbers: recorded ones always, and live ones where it is installed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
import reference
from record_torch import (
    CASES,
    FOLDER,
    LOSSES,
    OPTIMIZERS,
    STEPS,
    Case,
    draw,
    torch_activations,
    train_torch,
)
from support import (
    DTYPES,
    OUTPUTS_OF_LOSSES,
    Array,
    assert_near,
    centre_outputs,
    data,
    network,
    step,
)

# Relative to the largest weight there is, as a small one may be a difference of large ones.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def train_deltarule(case: Case, given: dict[str, Array]) -> dict[str, Array]:
    """Each step's loss, and the weights after the last: as ``train_torch``."""
    net = network(case.n, case.activations, case.dtype)
    for l, layer in enumerate(net.layers, start=1):  # noqa: E741
        layer.W, layer.b = given[f"W{l}"], given[f"b{l}"]
    kind = dr.Adam if case.optimizer == "Adam" else dr.SGD
    optimizer = kind(**case.hyper_parameters)
    loss = LOSSES[case.loss][1]
    losses = [
        step(net, optimizer, X, y, loss=loss) for X, y in zip(given["X"], given["y"], strict=True)
    ]
    made = {"losses": np.array(losses)}
    for l, layer in enumerate(net.layers, start=1):  # noqa: E741
        made |= {f"W{l}_after": layer.W, f"b{l}_after": layer.b}
    return made


def fit_deltarule(case: Case, given: dict[str, Array]) -> dict[str, Array]:
    """The same by one call of fit, whose loss is the mean over the steps."""
    net = network(case.n, case.activations, case.dtype)
    for l, layer in enumerate(net.layers, start=1):  # noqa: E741
        layer.W, layer.b = given[f"W{l}"], given[f"b{l}"]
    kind = dr.Adam if case.optimizer == "Adam" else dr.SGD
    history = net.fit(
        np.concatenate(given["X"]),
        np.concatenate(given["y"]),
        loss=LOSSES[case.loss][1],
        optimizer=kind(**case.hyper_parameters),
        batch_size=case.m,
        shuffle=False,
    )
    made = {"losses": np.array(history["loss"])}
    for l, layer in enumerate(net.layers, start=1):  # noqa: E741
        made |= {f"W{l}_after": layer.W, f"b{l}_after": layer.b}
    return made


def assert_alike(made: dict[str, Array], expected: dict[str, Array], dtype: str) -> None:
    assert_near(made["losses"], expected["losses"], TOLERANCE[dtype])
    names = [name for name in made if name != "losses"]
    weights, expected_weights = (
        np.concatenate([arrays[name].ravel() for name in names]) for arrays in (made, expected)
    )
    assert weights.dtype == expected_weights.dtype == dtype
    assert_near(weights, expected_weights, TOLERANCE[dtype])


# Ten steps -----------------------------------------------------------------------------------


def recorded() -> list[Path]:
    return sorted(FOLDER.glob("*.npz"))


def test_every_case_is_recorded() -> None:
    assert {file.stem for file in recorded()} == {case.name for case in CASES}
    assert {case.optimizer for case in CASES} == OPTIMIZERS.keys()
    assert {case.loss for case in CASES} == LOSSES.keys()
    assert sum(file.stat().st_size for file in recorded()) < 100_000


@pytest.mark.parametrize("file", recorded(), ids=lambda file: file.stem)
def test_ten_steps_as_recorded(file: Path) -> None:
    with np.load(file) as arrays:
        expected = dict(arrays)
    case = Case(**json.loads(str(expected["case"])))
    assert case in CASES
    assert expected["losses"].shape == (STEPS,)
    assert (expected["W1_after"] != expected["W1"]).any()
    assert_alike(train_deltarule(case, expected), expected, case.dtype)
    mean = {"losses": expected["losses"].mean(keepdims=True)}
    assert_alike(fit_deltarule(case, expected), expected | mean, case.dtype)


@st.composite
def cases(draw_from: st.DrawFn) -> Case:
    depth = draw_from(st.integers(1, 4))
    n = draw_from(st.lists(st.integers(1, 30), min_size=depth + 1, max_size=depth + 1))
    names = [name for name in reference.ACTIVATIONS if name not in ("exponential", "softmax")]
    loss = draw_from(st.sampled_from(sorted(LOSSES)))
    n[-1] += loss == "cross_entropy"  # one class of one is no question
    optimizer = draw_from(st.sampled_from(sorted(OPTIMIZERS)))
    dtype = draw_from(st.sampled_from(DTYPES))
    changes: dict[str, Any] = {"learning_rate": 0.01}  # at 0.1 some of them diverge
    if optimizer == "Adam":
        # Near a gradient of 0 Adam's step tells the sign of a rounding error; a larger epsilon
        # keeps it out of that.
        changes["epsilon"] = 1e-3 if dtype == "float32" else 1e-5
    return Case(
        n,
        [draw_from(st.sampled_from(names)) for _ in n[1:-1]],
        loss,
        optimizer,
        dtype,
        m=draw_from(st.integers(1, 20)),
        seed=draw_from(st.integers(0, 10_000)),
        changes=changes,
    )


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_ten_steps_live(case: Case) -> None:
    pytest.importorskip("torch")
    arrays = draw(case)
    assert_alike(train_deltarule(case, arrays), train_torch(case, arrays), case.dtype)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_recorded_steps_are_what_torch_makes(case: Case) -> None:
    pytest.importorskip("torch")
    with np.load(FOLDER / f"{case.name}.npz") as expected:
        made = draw(case)
        for name, array in made.items():
            np.testing.assert_array_equal(expected[name], array)
        for name, array in train_torch(case, made).items():
            assert_near(array, expected[name], TOLERANCE[case.dtype])


# Gradients -----------------------------------------------------------------------------------


def torch_loss(loss: str, A: Any, Y: Any) -> Any:
    """Of the outputs, fused with nothing."""
    if loss == "mean_squared_error":
        return ((A - Y) ** 2).mean()
    if loss == "binary_cross_entropy":
        return -(Y * A.log() + (1 - Y) * (1 - A).log()).mean()
    return -(Y * A.log()).sum(dim=1).mean()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("activation", "loss"), OUTPUTS_OF_LOSSES)
def test_gradients_as_autograd_has_them(activation: str, loss: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    g = torch_activations()[activation]
    net = centre_outputs(network([6, 9, 5], activation, dtype))
    X, y = data(13, [6, 5], loss, dtype)
    parameters = [
        torch.tensor(np.ascontiguousarray(p), requires_grad=True)
        for layer in net.layers
        for p in (layer.W, layer.b)
    ]
    A = torch.tensor(X)
    for W, b in zip(parameters[::2], parameters[1::2], strict=True):
        A = g(A @ W.T + b.T)
    expected = torch_loss(loss, A, torch.tensor(y))
    expected.backward()

    cost, gradients = net.loss_and_gradients(X, y, loss=loss)
    assert cost == pytest.approx(expected.item(), rel=TOLERANCE[dtype])
    flat = np.concatenate([p.grad.numpy().ravel(order="F") for p in parameters])
    assert_near(gradients, flat, TOLERANCE[dtype])
