"""Losses: against PyTorch and the formulas, in training, and what each takes and refuses."""

import dataclasses
import gc
import re
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import deltarule as dr
import reference
from deltarule import _core
from deltarule._data.door import as_target
from deltarule.losses import LOSS_ALIASES, LOSSES, CustomLoss, Loss, Output, as_loss
from deltarule.metrics import default_metrics
from support import DTYPES, Array, assert_near, assert_same_bits, network, nothing_written

TOLERANCE = {"float32": 2e-5, "float64": 1e-11}


@dataclasses.dataclass(frozen=True)
class Case:
    """A loss and an output activation that it is used with."""

    loss: Loss
    output: str

    def __str__(self) -> str:
        return f"{self.loss} of {self.output}"

    def n_targets(self, n_outputs: int) -> int:
        return n_outputs // self.loss.outputs_a_target()

    def targets(self, rng: np.random.Generator, m: int, n_outputs: int) -> Array:
        """Rows that the loss takes, soft ones where it takes probabilities."""
        n = self.n_targets(n_outputs)
        if self.loss.takes_labels:
            return rng.dirichlet(np.ones(n), size=m)
        if self.loss.targets.name == "probabilities":
            return rng.uniform(size=(m, n))
        if self.loss.targets.name == "counts or rates":
            return rng.poisson(1.5, size=(m, n))
        return 2 * rng.normal(size=(m, n))


LEVELS = (0.1, 0.5, 0.8)
CASES = [
    Case(dr.MeanSquaredError(), "identity"),
    Case(dr.MeanAbsoluteError(), "identity"),
    Case(dr.Huber(), "identity"),
    Case(dr.Huber(delta=0.3), "tanh"),
    Case(dr.LogCosh(), "identity"),
    Case(dr.Quantile(LEVELS), "identity"),
    Case(dr.Quantile(0.9), "softplus"),
    Case(dr.Poisson(), "exponential"),
    Case(dr.Poisson(), "softplus"),
    Case(dr.BinaryCrossEntropy(), "sigmoid"),
    Case(dr.BinaryCrossEntropy(label_smoothing=0.2), "sigmoid"),
    Case(dr.BinaryCrossEntropy(label_smoothing=0.2), "softmax"),
    Case(dr.CategoricalCrossEntropy(), "softmax"),
    Case(dr.CategoricalCrossEntropy(label_smoothing=0.1), "softmax"),
    Case(dr.Focal(), "sigmoid"),
    Case(dr.Focal(gamma=0.5, alpha=0.25), "sigmoid"),
    Case(dr.Focal(), "softmax"),
    Case(dr.Focal(gamma=4.0), "softmax"),
]


def cases(seen: Callable[[Case], bool] = lambda _: True) -> Any:
    return pytest.mark.parametrize("case", list(filter(seen, CASES)), ids=str)


def problem(
    case: Case, m: int = 9, n_outputs: int = 6, dtype: str = "float64", seed: int = 0
) -> tuple[dr.Network, Array, Array]:
    rng = np.random.default_rng(seed)
    net = network([4, 5, n_outputs], ["tanh", case.output], dtype, seed)
    return net, rng.normal(size=(m, 4)).astype(dtype), case.targets(rng, m, n_outputs)


# Against PyTorch and the formulas ------------------------------------------------------------


def torch_losses(torch: Any, case: Case, Z: Any, y: Any) -> Any:
    """The loss of each example, of PyTorch's own making where PyTorch has the loss."""
    F = torch.nn.functional
    loss, output = case.loss, case.output
    a = {
        "identity": lambda: Z,
        "tanh": lambda: torch.tanh(Z),
        "softplus": lambda: F.softplus(Z),
        "exponential": lambda: torch.exp(Z),
        "sigmoid": lambda: torch.sigmoid(Z),
        "softmax": lambda: torch.softmax(Z, dim=1),
    }[output]()
    match loss:
        case dr.MeanSquaredError():
            return F.mse_loss(a, y, reduction="none").mean(dim=1)
        case dr.MeanAbsoluteError():
            return F.l1_loss(a, y, reduction="none").mean(dim=1)
        case dr.Huber(delta):
            return F.huber_loss(a, y, reduction="none", delta=delta).mean(dim=1)
        case dr.LogCosh():
            return torch.log(torch.cosh(a - y)).mean(dim=1)
        case dr.Quantile(levels):
            error = y.repeat_interleave(len(levels), dim=1) - a
            q = torch.tensor(levels, dtype=Z.dtype).repeat(y.shape[1])
            return torch.maximum(q * error, (q - 1) * error).mean(dim=1)
        case dr.Poisson():
            fused = output == "exponential"
            return F.poisson_nll_loss(
                Z if fused else a, y, log_input=fused, eps=0, reduction="none"
            ).mean(dim=1)
        case dr.BinaryCrossEntropy(s):
            smoothed = y * (1 - s) + s / 2
            return F.binary_cross_entropy(a, smoothed, reduction="none").mean(dim=1)
        case dr.CategoricalCrossEntropy(s):
            return F.cross_entropy(Z, y, label_smoothing=s, reduction="none")
        case dr.Focal(gamma) if output == "softmax":
            return -(y * (1 - a) ** gamma * torch.log(a)).sum(dim=1)
        case dr.Focal(gamma, alpha):
            one, zero = (1, 1) if alpha is None else (alpha, 1 - alpha)
            right = one * y * (1 - a) ** gamma * torch.log(a)
            return -(right + zero * (1 - y) * a**gamma * torch.log(1 - a)).mean(dim=1)
    raise AssertionError(case)


@settings(max_examples=150, deadline=None)
@given(
    case=st.sampled_from(CASES),
    m=st.integers(1, 40),
    n=st.integers(1, 12),
    dtype=st.sampled_from(DTYPES),
    weighted=st.booleans(),
    as_labels=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_cost_and_gradients_as_pytorch_has_them(
    case: Case, m: int, n: int, dtype: str, weighted: bool, as_labels: bool, seed: int
) -> None:
    torch = pytest.importorskip("torch")
    assume(n > 1 or case.output != "softmax")  # one class of one is certain
    rng = np.random.default_rng(seed)
    n_outputs = n * case.loss.outputs_a_target()
    net = network([3, n_outputs], case.output, dtype, seed)
    X, y = rng.normal(size=(m, 3)).astype(dtype), case.targets(rng, m, n_outputs).astype(dtype)
    labels = y.argmax(axis=1)
    if as_labels and case.loss.for_output(case.output, "").takes_labels:
        y = np.eye(n, dtype=dtype)[labels]
    else:
        as_labels = False
    w = rng.uniform(0.1, 2, size=m) if weighted else np.ones(m)

    W, b = (torch.tensor(p.copy(), requires_grad=True) for p in (net.layers[0].W, net.layers[0].b))
    losses = torch_losses(torch, case, torch.tensor(X) @ W.T + b.T, torch.tensor(y))
    weights = torch.tensor(w.astype(dtype))
    cost = (weights * losses).sum() / weights.sum()
    cost.backward()

    found, gradients = net.loss_and_gradients(
        X, labels if as_labels else y, loss=case.loss, sample_weight=w if weighted else None
    )
    assert found == pytest.approx(cost.item(), rel=TOLERANCE[dtype], abs=TOLERANCE[dtype])
    of_layer = net.unflatten(gradients)[0]
    for gradient, expected in ((of_layer.W, W.grad), (of_layer.b, b.grad)):
        atol = 5 * TOLERANCE[dtype] * max(1.0, float(expected.abs().max()))
        np.testing.assert_allclose(gradient, expected.numpy(), rtol=0, atol=atol)


@cases()
def test_gradients_as_a_central_difference_has_them(case: Case) -> None:
    net, X, y = problem(case)
    weights = np.arange(1.0, len(X) + 1)

    def cost(parameters: Array) -> float:
        net.parameters = parameters
        return net.loss_and_gradients(X, y, loss=case.loss, sample_weight=weights)[0]

    _, gradients = net.loss_and_gradients(X, y, loss=case.loss, sample_weight=weights)
    difference = reference.central_difference(cost, net.parameters.copy())
    assert_near(gradients, difference, 1e-7)


@cases()
@pytest.mark.parametrize("dtype", DTYPES)
def test_evaluate_has_the_cost_of_the_gradients(case: Case, dtype: str) -> None:
    net, X, y = problem(case, m=300, dtype=dtype)
    cost, _ = net.loss_and_gradients(X, y, loss=case.loss)
    assert net.evaluate(X, y, loss=case.loss)["loss"] == pytest.approx(cost, rel=TOLERANCE[dtype])


@cases()
def test_training_makes_it_less(case: Case) -> None:
    net, X, y = problem(case, m=40, dtype="float32")
    before = net.evaluate(X, y, loss=case.loss)["loss"]
    history = net.fit(X, y, loss=case.loss, optimizer=dr.Adam(0.01), epochs=40, batch_size=10)
    after = net.evaluate(X, y, loss=case.loss)["loss"]
    assert after < history["loss"][0]
    assert after < before - 0.02 * abs(before)


def test_by_hand() -> None:
    net = dr.Network([dr.Dense(2)], input_size=1, dtype="float64")
    net.layers[0].b = [[0.5], [3.0]]
    X, y = [[0.0]], [[1.0, 0.0]]
    costs: dict[Loss, float] = {
        dr.MeanAbsoluteError(): (0.5 + 3) / 2,
        dr.Huber(): (0.125 + 2.5) / 2,
        dr.Huber(4): (0.125 + 4.5) / 2,
        dr.LogCosh(): (np.log(np.cosh(0.5)) + np.log(np.cosh(3))) / 2,
        dr.Quantile(0.25): (0.25 * 0.5 + 0.75 * 3) / 2,
    }
    for loss, cost in costs.items():
        assert net.loss_and_gradients(X, y, loss=loss)[0] == pytest.approx(cost, rel=1e-14)
    net = dr.Network([dr.Dense(2, "exponential")], input_size=1, dtype="float64")
    net.layers[0].b = np.log([[0.5], [3.0]])
    found, _ = net.loss_and_gradients(X, y, loss="poisson")
    assert found == pytest.approx((0.5 + np.log(2) + 3) / 2, rel=1e-14)


# Quantiles -----------------------------------------------------------------------------------


def test_quantiles_lie_target_by_target() -> None:
    rng = np.random.default_rng(0)
    net = network([3, 6], "identity", "float64")
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    error = y[:, :, np.newaxis] - net.predict(X).reshape(8, 2, 3)
    q = np.array(LEVELS)
    expected = np.maximum(q * error, (q - 1) * error).mean()
    assert net.loss_and_gradients(X, y, loss=dr.Quantile(LEVELS))[0] == pytest.approx(expected)


def test_quantiles_are_learned() -> None:
    y = np.random.default_rng(1).gamma(2.0, size=400)
    net = dr.Network([dr.Dense(3)], input_size=1, dtype="float64")
    X = np.zeros((400, 1))
    net.fit(X, y, loss=dr.Quantile(LEVELS), optimizer=dr.Adam(0.02), epochs=600, batch_size=400)
    below = (y[:, np.newaxis] < net.predict(X)).mean(axis=0)
    np.testing.assert_allclose(below, LEVELS, atol=0.02)


def test_targets_of_quantiles_are_not_copied() -> None:
    y = np.ones((1000, 1))
    target = as_target(y, dr.Quantile(LEVELS), 1000, 3, np.dtype("f8"), "fit")
    assert target.Y is not None
    assert target.Y.shape == (1000, 3)
    assert np.shares_memory(target.Y, y)


# Labels --------------------------------------------------------------------------------------


@cases(lambda case: case.loss.for_output(case.output, "").takes_labels)
@pytest.mark.parametrize("dtype", DTYPES)
def test_labels_are_one_hot_rows(case: Case, dtype: str) -> None:
    net, X, _ = problem(case, dtype=dtype)
    labels = np.arange(len(X)) % 6
    cost, gradients = net.loss_and_gradients(X, labels, loss=case.loss)
    of_rows = net.loss_and_gradients(X, np.eye(6)[labels], loss=case.loss)
    assert cost == pytest.approx(of_rows[0], rel=TOLERANCE[dtype])
    assert_near(gradients, of_rows[1], TOLERANCE[dtype])


# Names and objects ---------------------------------------------------------------------------


def test_a_name_is_the_loss_with_its_defaults() -> None:
    for name, kind in LOSSES.items():
        if name != "quantile":
            output = Output((*kind.outputs, "identity")[0], 2, "layers[0]")
            assert as_loss(name, output, "fit") == kind()
    assert {kind.name for kind in LOSSES.values()} <= {*_core.loss_names()}


def test_the_loss_that_goes_with_the_output() -> None:
    for activation, loss in (
        ("softmax", dr.CategoricalCrossEntropy()),
        ("sigmoid", dr.BinaryCrossEntropy()),
        ("exponential", dr.MeanSquaredError()),
    ):
        assert as_loss(None, Output(activation, 2, "layers[0]"), "fit") == loss


@pytest.mark.parametrize("alias", LOSS_ALIASES)
def test_other_names_of_a_loss(alias: str) -> None:
    kind = LOSSES[LOSS_ALIASES[alias]]
    output = Output((*kind.outputs, "identity")[0], 2, "layers[0]")
    assert as_loss(alias, output, "fit") == as_loss(alias.upper(), output, "fit") == kind()


def test_every_hyper_parameter_is_the_cores() -> None:
    """The core's loss is made of the fields of the dataclass, whose defaults are the core's."""
    A, Y = np.array([[0.3, 0.6], [0.9, 0.2]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    for name, kind in LOSSES.items():
        if name == "quantile":
            continue
        default, plain = kind()._formula(), _core.Loss(kind.name)
        assert _core.loss_backward(default, A, Y)[0] == _core.loss_backward(plain, A, Y)[0]


def test_losses_are_values() -> None:
    assert dr.Huber(2) == dr.Huber(2.0) != dr.Huber(3.0)
    assert hash(dr.Quantile([0.1, 0.9])) == hash(dr.Quantile(np.array([0.1, 0.9])))
    with pytest.raises(dataclasses.FrozenInstanceError):
        dr.Huber().delta = 2.0  # type: ignore[misc]


def test_one_trainer_for_equal_losses() -> None:
    net, X, y = problem(Case(dr.Huber(), "identity"))
    for delta in (2, 2.0, 3):
        net.fit(X, y, loss=dr.Huber(delta))
    assert len(net._trainers) == 2


@cases()
def test_what_a_loss_is_judged_by(case: Case) -> None:
    loss = case.loss.for_output(case.output, "fit")
    expected: tuple[str, ...] = ()
    if loss.targets.name == "probabilities":
        expected = ("accuracy",) if loss.takes_labels else ("binary_accuracy",)
    assert default_metrics(loss, 6) == expected


# A loss of one's own -------------------------------------------------------------------------


def squares(A: Array, Y: Array) -> tuple[Array, Array]:
    d = A - Y
    return (d**2).mean(axis=1), 2 * d / d.shape[1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 50, 3000])
@pytest.mark.parametrize("loss", [squares, CustomLoss(squares)], ids=["function", "CustomLoss"])
def test_a_function_is_a_loss(loss: Any, m: int, dtype: str) -> None:
    """With several threads, and batches of several parts, it is what the core's is."""
    net, X, y = problem(Case(dr.MeanSquaredError(), "tanh"), m=m, dtype=dtype)
    weights = np.random.default_rng(3).uniform(size=m)
    cost, gradients = net.loss_and_gradients(X, y, loss=loss, sample_weight=weights)
    expected = net.loss_and_gradients(X, y, loss="mean_squared_error", sample_weight=weights)
    assert cost == pytest.approx(expected[0], rel=TOLERANCE[dtype])
    assert_near(gradients, expected[1], TOLERANCE[dtype])
    judged = net.evaluate(X, y, loss=loss, sample_weight=weights)
    assert judged == {"loss": pytest.approx(cost, rel=TOLERANCE[dtype])}


def test_a_function_trains() -> None:
    case = Case(dr.MeanSquaredError(), "tanh")
    (net, X, y), (other, _, _) = problem(case, m=50), problem(case, m=50)
    history = net.fit(X, y, loss=squares, epochs=5, validation_data=(X, y))
    expected = other.fit(X, y, loss="mean_squared_error", epochs=5)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-12)
    assert_near(net.parameters, other.parameters, 1e-12)
    assert history["val_loss"][-1] < history["val_loss"][0]


def test_what_a_function_is_given() -> None:
    seen: list[tuple[Array, Array]] = []

    def look(A: Array, Y: Array) -> tuple[Array, Array]:
        seen.append((A, Y))
        return squares(A, Y)

    net, X, y = problem(Case(dr.MeanSquaredError(), "identity"), dtype="float32")
    net.loss_and_gradients(X, y, loss=look)
    ((A, Y),) = seen
    assert_same_bits(A, net.predict(X))
    assert_same_bits(Y, y.astype("float32"))


def test_a_function_of_few_targets_leaves_columns_unused() -> None:
    """A mean and a log of a deviation, by the density of the normal distribution."""

    def normal(A: Array, Y: Array) -> tuple[Array, Array]:
        mean, log_sd, y = A[:, 0], A[:, 1], Y[:, 0]
        z = (y - mean) * np.exp(-log_sd)
        return z**2 / 2 + log_sd, np.stack([-z * np.exp(-log_sd), 1 - z**2], axis=1)

    y = 3 + 0.5 * np.random.default_rng(0).normal(size=200)
    net = dr.Network([dr.Dense(2)], input_size=1, dtype="float64")
    Y = np.stack([y, np.zeros(200)], axis=1)
    X = np.zeros((200, 1))
    net.fit(X, Y, loss=normal, optimizer=dr.Adam(0.05), epochs=400, batch_size=200)
    mean, log_sd = net.predict(X)[0]
    assert mean == pytest.approx(y.mean(), abs=1e-3)
    assert np.exp(log_sd) == pytest.approx(y.std(), abs=1e-3)


@pytest.mark.parametrize("m", [9, 3000])
@pytest.mark.parametrize("use", ["fit", "evaluate", "loss_and_gradients"])
def test_what_a_function_raises_comes_through(use: str, m: int) -> None:
    def fail(A: Array, Y: Array) -> tuple[Array, Array]:
        raise RuntimeError("not today")

    net, X, y = problem(Case(dr.MeanSquaredError(), "identity"), m=m)
    before = net.parameters.copy()
    with pytest.raises(RuntimeError, match="not today"):
        getattr(net, use)(X, y, loss=fail)
    assert_same_bits(net.parameters, before)
    net.fit(X, y)


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (lambda A: A.sum(), TypeError, r"returned float64: expected \(losses, dA\)"),
        (lambda A: (A.sum(),), TypeError, r"returned tuple: expected \(losses, dA\)"),
        (lambda A: (A.sum(), A), ValueError, r"losses has shape \(\): expected \(9,\), one an exa"),
        (lambda A: (A.sum(axis=1), A.T), ValueError, r"dA has shape \(6, 9\): expected \(9, 6\)"),
        (
            lambda A: (A.sum(axis=1), "dA"),
            TypeError,
            r"dA is str: expected numbers of shape \(9, 6",
        ),
    ],
)
def test_what_a_function_must_return(
    returned: Callable[[Array], Any], error: type[Exception], message: str
) -> None:
    net, X, y = problem(Case(dr.MeanSquaredError(), "identity"))
    with pytest.raises(error, match=f"custom loss: .*{message}"):
        net.loss_and_gradients(X, y, loss=lambda A, Y: returned(A))


def trained_with_a_function_that_holds_it() -> "weakref.ref[dr.Network]":
    net, X, y = problem(Case(dr.MeanSquaredError(), "identity"))

    def loss(A: Array, Y: Array) -> tuple[Array, Array]:
        assert net.input_size == 4
        return squares(A, Y)

    net.fit(X, y, loss=loss)
    return weakref.ref(net)


def test_a_network_goes_with_the_function_that_holds_it() -> None:
    net = trained_with_a_function_that_holds_it()
    gc.collect()
    assert net() is None


# What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: dr.Huber(0), ValueError, "Huber: delta is 0: expected a finite number above 0"),
        (lambda: dr.Huber(np.inf), ValueError, "Huber: delta is inf"),
        (lambda: dr.Huber("1"), TypeError, "Huber: delta is '1': expected a finite number"),
        (lambda: dr.Huber(True), TypeError, "Huber: delta is True"),
        (lambda: dr.Quantile([]), ValueError, "Quantile: levels is empty: expected one or more"),
        (lambda: dr.Quantile([0.5, 1]), ValueError, r"levels is 1: expected numbers in \(0, 1\)"),
        (lambda: dr.Quantile("0.5"), TypeError, r"levels is '0\.5': expected numbers in \(0, 1\)"),
        (lambda: dr.BinaryCrossEntropy(1), ValueError, r"label_smoothing is 1: .* in \[0, 1\)"),
        (lambda: dr.CategoricalCrossEntropy(-0.1), ValueError, r"label_smoothing is -0\.1"),
        (lambda: dr.CategoricalCrossEntropy(np.nan), ValueError, "label_smoothing is nan"),
        (lambda: dr.Focal(-1), ValueError, "Focal: gamma is -1: expected a finite number, 0 or mo"),
        (lambda: dr.Focal(alpha=2), ValueError, "Focal: alpha is 2: expected None or a number in"),
        (lambda: CustomLoss(1), TypeError, "CustomLoss: function is 1: expected a callable"),
    ],
)
def test_hyper_parameters_out_of_range(
    make: Callable[[], Loss], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


M = 12
REAL = np.ones((M, 6))


@pytest.mark.parametrize("use", ["fit", "evaluate", "loss_and_gradients"])
@pytest.mark.parametrize(
    ("loss", "output", "y", "error", "message"),
    [
        ("rmse", "identity", REAL, ValueError, "loss is 'rmse': expected one of mean_squared_err"),
        (
            "binary_crossentropi",
            "sigmoid",
            REAL,
            ValueError,
            "loss is .*; did you mean 'binary_cross_entropy'",
        ),
        ("quantile", "identity", REAL, ValueError, "loss is 'quantile': expected its levels too"),
        (dr.Huber, "identity", REAL, TypeError, r"loss is the class Huber: .* such as Huber\(\)"),
        (3, "identity", REAL, TypeError, "loss is 3: expected a name, a loss such as"),
        (dr.Focal(alpha=0.5), "softmax", REAL, ValueError, r"alpha is 0\.5 but the output is soft"),
        (
            "poisson",
            "exponential",
            -REAL,
            ValueError,
            r"y\[0, 0\] is -1\.0: expected 0 or more, as",
        ),
        ("focal", "sigmoid", 2 * REAL, ValueError, "expected 0 to 1, as binary_focal takes prob"),
        (
            "focal",
            "sigmoid",
            np.ones(M, int),
            ValueError,
            "class labels need a softmax output with loss='categorical_cross_entropy', or for two "
            "classes one sigmoid output with loss='binary_cross_entropy'",
        ),
        ("focal", "softmax", np.full(M, 6), ValueError, r"y\[0\] is 6: expected 0 to 5"),
        (
            dr.Quantile([0.1, 0.3, 0.5, 0.9]),
            "identity",
            REAL,
            ValueError,
            "the network has 6 outputs: expected a multiple of 4",
        ),
        (
            dr.Quantile(LEVELS),
            "identity",
            REAL,
            ValueError,
            r"y has shape \(12, 6\): expected \(12, 2\), as the network has 6 outputs, 3 a target",
        ),
        (squares, "identity", np.ones((M, 2)), ValueError, r"\(12, 2\): expected \(12, 6\)"),
    ],
)
def test_refused(
    loss: Any, output: str, y: Array, error: type[Exception], message: str, use: str
) -> None:
    net = network([4, 6], output)
    with nothing_written(net), pytest.raises(error, match=f"^{use}: .*{message}"):
        getattr(net, use)(np.ones((M, 4)), y, loss=loss)


# A loss and an output that do not go together -------------------------------------------------

OF_CLASSES = "a loss over classes such as 'categorical_cross_entropy'"
OF_PROBABILITIES = "a loss of probabilities such as 'binary_cross_entropy'"
OF_NUMBERS = "a loss of numbers such as 'mean_squared_error'"
OF_COUNTS = "a loss of counts or numbers such as 'poisson' or 'mean_squared_error'"
ONE_UNIT = (
    "layers[0] (Dense) is a softmax over 1 unit, which is 1 whatever goes in: expected a "
    "'sigmoid' with loss='binary_cross_entropy' for two classes, or a unit for each class"
)


@pytest.mark.parametrize("use", ["fit", "evaluate", "loss_and_gradients", "gradient_check"])
@pytest.mark.parametrize(
    ("layers", "loss", "message"),
    [
        (
            [dr.Dense(2, "sigmoid")],
            "categorical_cross_entropy",
            "the loss is 'categorical_cross_entropy' but layers[0] (Dense) has an output of "
            "'sigmoid': expected an output of 'softmax', as by Dense(2, 'softmax'); or, for "
            f"'sigmoid', {OF_PROBABILITIES}",
        ),
        (
            [dr.Dense(3, "relu"), dr.Dense(2, "softplus", name="out")],
            dr.CategoricalCrossEntropy(0.1),
            "the loss is 'categorical_cross_entropy' but layers[1] (Dense 'out') has an output of "
            "'softplus': expected an output of 'softmax', as by Dense(2, 'softmax'); or, for "
            f"'softplus', {OF_COUNTS}",
        ),
        (
            [dr.Dense(2)],
            "categorical_cross_entropy",
            "the loss is 'categorical_cross_entropy' but layers[0] (Dense) has an output of "
            "'identity': expected an output of 'softmax', as by Dense(2, 'softmax'); or, for "
            f"'identity', {OF_NUMBERS}",
        ),
        (
            [dr.Dense(1)],
            "binary_cross_entropy",
            "the loss is 'binary_cross_entropy' but layers[0] (Dense) has an output of 'identity': "
            "expected an output of 'sigmoid', as by Dense(1, 'sigmoid'); or, for 'identity', "
            f"{OF_NUMBERS}",
        ),
        (
            [dr.Dense(1, "relu")],
            "focal",
            "the loss is 'focal' but layers[0] (Dense) has an output of 'relu': expected an "
            f"output of 'sigmoid', as by Dense(1, 'sigmoid'); or, for 'relu', {OF_NUMBERS}",
        ),
        (
            [dr.Dense(2, "softmax"), dr.BatchNorm()],
            "binary_cross_entropy",
            "the loss is 'binary_cross_entropy' but layers[1] (BatchNorm) has an output of "
            "'identity': expected an output of 'sigmoid' or 'softmax', as by an "
            f"Activation('sigmoid') behind it; or, for 'identity', {OF_NUMBERS}",
        ),
        (
            [dr.Residual([dr.Dense(4, "softmax")])],
            "categorical_cross_entropy",
            "the loss is 'categorical_cross_entropy' but layers[1] (Add) has an output of "
            "'identity': expected an output of 'softmax', as by an Activation('softmax') behind "
            f"it; or, for 'identity', {OF_NUMBERS}",
        ),
        (
            [dr.Dense(2, "relu")],
            "poisson",
            "the loss is 'poisson' but layers[0] (Dense) has an output of 'relu': expected an "
            "output of 'exponential' or 'softplus' or 'sigmoid' or 'softmax', as by Dense(2, "
            f"'exponential'); or, for 'relu', {OF_NUMBERS}",
        ),
        (
            [dr.Dense(1, "sigmoid")],
            "categorical_cross_entropy",
            "the loss is 'categorical_cross_entropy' but layers[0] (Dense) has an output of "
            "'sigmoid': expected a 'softmax' with a unit for each class; or, for 'sigmoid', "
            f"{OF_PROBABILITIES}",
        ),
        ([dr.Dense(1, "softmax")], None, ONE_UNIT),
        ([dr.Dense(1, "softmax")], squares, ONE_UNIT),
        ([dr.Dense(1, "softmax")], "mean_squared_error", ONE_UNIT),
    ],
)
def test_a_loss_and_an_output_that_do_not_go_together(
    layers: Any, loss: Any, message: str, use: str
) -> None:
    net = dr.Network(layers, input_size=4)
    X, y = np.ones((M, 4)), np.eye(4)[np.arange(M) % 4, : net.output_size]
    where = "loss_and_gradients" if use == "gradient_check" else use
    with nothing_written(net), pytest.raises(ValueError, match=f"^{where}: {re.escape(message)}$"):
        getattr(net, use)(X, y, loss=loss)


def test_batches_are_held_to_the_output_too() -> None:
    net = network([4, 2], "sigmoid")
    batches = [(np.ones((M, 4)), np.zeros((M, 2)))]
    with nothing_written(net), pytest.raises(ValueError, match=r"^fit: the loss is 'categorical"):
        net.fit(batches, loss="categorical_cross_entropy")
    with pytest.raises(ValueError, match=r"^fit: the loss is 'categorical"):
        dr.learning_rate_range(net, batches, loss="categorical_cross_entropy")


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ([dr.Dense(2), dr.Activation("softmax")], "categorical_cross_entropy"),
        ([dr.Dense(3, "sigmoid")], "binary_cross_entropy"),
        ([dr.Dense(2), dr.BatchNorm(), dr.Activation("sigmoid")], "focal"),
        ([dr.Dense(2, "softmax")], "poisson"),
        ([dr.Dense(2, "relu"), dr.Dropout(0.1)], "huber"),
        ([dr.Residual([dr.Dense(4)])], "mean_squared_error"),
        ([dr.Dense(2, "softmax")], "mean_squared_error"),
        ([dr.Dense(2, "tanh")], squares),
    ],
)
def test_a_loss_and_an_output_that_go_together(layers: Any, loss: Any) -> None:
    net = dr.Network(layers, input_size=4)
    X, y = np.random.default_rng(0).normal(size=(M, 4)), np.zeros((M, net.output_size))
    y[:, 0] = 1
    before = net.evaluate(X, y, loss=loss)["loss"]
    net.fit(X, y, loss=loss, epochs=40)
    assert net.evaluate(X, y, loss=loss)["loss"] < before


@pytest.mark.parametrize("loss", [dr.BinaryCrossEntropy(), dr.CategoricalCrossEntropy()])
def test_a_loss_of_classes_of_a_regression(loss: Loss) -> None:
    model = pytest.importorskip("sklearn") and dr.MLPRegressor(loss=loss)
    with pytest.raises(ValueError, match=f"^fit: the loss is '{loss.name}' but the estimator has"):
        model.fit(np.ones((M, 4)), np.arange(M) % 2)
