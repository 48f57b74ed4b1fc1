"""Layers of every kind: against PyTorch, by name, frozen, standardised, copied, refused."""

import copy
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
import published
import reference
from deltarule.layers.base import ACTIVATION_ALIASES
from record_torch import torch_activations
from support import DTYPES, Array, assert_near, assert_same_bits, nothing_written

# Relative to the largest number there is. A normalisation divides by a spread, which may be small.
TOLERANCE = {"float32": 1e-4, "float64": 1e-11}
INPUTS = 6
CODES = {1: (4, 3), 4: (3, 2)}
BINS = [[-1, 1], [-2, -0.5, 0, 0.25, 3], [0, 0.5, 1]]
Layers = list[Any]

STACKS: dict[str, Callable[[], Layers]] = {
    "activation": lambda: [dr.Dense(7), dr.Activation("gelu"), dr.Dense(3)],
    "dropout": lambda: [dr.Dropout(0.2), dr.Dense(9, "tanh"), dr.Dropout(0.5), dr.Dense(3)],
    "dropout last": lambda: [dr.Dense(9, "tanh"), dr.Dense(3), dr.Dropout(0.3)],
    "batch norm": lambda: [dr.Dense(7), dr.BatchNorm(), dr.Activation("silu"), dr.Dense(3)],
    "batch norm first": lambda: [dr.BatchNorm(0.3, 1e-3), dr.Dense(5, "tanh"), dr.Dense(3)],
    "batch norm twice": lambda: [dr.BatchNorm(), dr.BatchNorm(), dr.Dense(3), dr.BatchNorm()],
    "frozen batch norm": lambda: [dr.BatchNorm(frozen=True), dr.Dense(5, "tanh"), dr.Dense(3)],
    "layer norm": lambda: [dr.LayerNorm(), dr.Dense(9, "tanh"), dr.LayerNorm(1e-3), dr.Dense(3)],
    "prelu": lambda: [dr.PReLU(), dr.Dense(8), dr.PReLU(0.1), dr.Dense(3)],
    "standardize": lambda: [dr.Standardize(), dr.Dense(8, "tanh"), dr.Dense(3)],
    "embedding": lambda: [dr.Embedding(CODES), dr.Dense(8, "tanh"), dr.Dense(3)],
    "pieces": lambda: [dr.PiecewiseLinear(BINS, 4, columns=[0, 2, 5]), dr.Dense(8, "tanh")],
    "bins and pieces": lambda: [
        dr.PiecewiseLinear(BINS[:2], columns=[1, 3]),
        dr.PiecewiseLinear(BINS[:1], 3, linear=False, columns=[4]),
        dr.Dense(8, "tanh"),
        dr.Dense(3),
    ],
    "waves": lambda: [
        dr.Standardize(),
        dr.Embedding(CODES),
        dr.Periodic(4, columns=[5]),
        dr.Periodic(7, d=4, sigma=0.3),
        dr.Dense(8, "tanh"),
        dr.Dense(3),
    ],
    "waves, shared": lambda: [dr.Periodic(5, d=6, shared=True, sigma=0.3), dr.Dense(3)],
    "waves beside x": lambda: [
        dr.Periodic(4, d=3, form="pbld", columns=[0, 2]),
        dr.Periodic(9, form="cosine", columns=[1, 5]),
        dr.Dropout(0.2),
        dr.Dense(3),
    ],
    "residual": lambda: [
        dr.Residual([dr.Dense(8, "tanh"), dr.Dense(INPUTS)]),
        dr.Activation("tanh"),
        dr.Residual([dr.Dense(INPUTS, "tanh"), dr.Residual([dr.Dense(INPUTS, "gelu")])]),
        dr.Dense(3),
    ],
    "everything": lambda: [
        dr.Standardize(),
        dr.Embedding(CODES),
        dr.Dense(8),
        dr.BatchNorm(),
        dr.Activation("silu"),
        dr.Dropout(0.25),
        dr.Residual([dr.Dense(8), dr.LayerNorm(), dr.PReLU(), dr.Dropout(0.1), dr.Dense(8)]),
        dr.BatchNorm(),
        dr.Dense(3),
        dr.Activation("softmax"),
    ],
}
every_stack = pytest.mark.parametrize("name", STACKS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def kept_factor(rate: float) -> float:
    """What a number that is kept is multiplied by: the rate is one of 2^16."""
    return 2**16 / (2**16 - round(rate * 2**16))


def stack(
    layers: Layers, dtype: str = "float32", seed: int = 0, inputs: int = INPUTS
) -> dr.Network:
    """A network whose parameters and statistics are none that would go unnoticed."""
    net = dr.Network(layers, input_size=inputs, seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed + 1)
    for layer in net.layers:
        for name in layer._views:
            if name not in ("W", "frequency") and not name.startswith("E"):
                view = getattr(layer, name)
                centre = 1.0 if name in ("gamma", "variance") else 0.0
                setattr(layer, name, centre + 0.3 * rng.uniform(-1, 1, view.shape))
    if isinstance(net.layers[0].description, dr.Standardize):
        net.adapt(examples(net, 50))
    return net


def embedded(net: dr.Network) -> dict[int, tuple[int, int]]:
    return {
        column: sizes
        for layer in net.layers
        if isinstance(layer.description, dr.Embedding)
        for column, sizes in layer.description.columns.items()
    }


def examples(net: dr.Network, m: int, seed: int = 2) -> Array:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(m, net.input_size)).astype(net.dtype)
    for column, (categories, _) in embedded(net).items():
        X[:, column] = rng.integers(categories, size=m)
    return X


def problem(net: dr.Network, m: int, seed: int = 2) -> tuple[Array, Array]:
    """X, and targets for the loss that goes with the network's output."""
    X, rng = examples(net, m, seed), np.random.default_rng(seed + 1)
    if net.layers[-1].activation == "softmax":
        return X, rng.integers(net.output_size, size=m)
    return X, rng.normal(size=(m, net.output_size)).astype(net.dtype)


def masks(net: dr.Network, batches: Sequence[Array]) -> list[dict[int, Array]]:
    """What the next training passes would drop: ours, as PyTorch draws other numbers."""
    probe, drawn = copy.deepcopy(net), []
    for X in batches:
        _, caches = probe.forward(X, training=True)
        drawn.append(
            {
                i: np.where(cache.Z != 0, kept_factor(layer.description.rate), 0).astype(net.dtype)
                for i, (layer, cache) in enumerate(zip(net.layers, caches, strict=True))
                if isinstance(layer.description, dr.Dropout)
            }
        )
    return drawn


def assert_close(actual: Array, expected: Array, tolerance: float) -> None:
    """Close, in terms of 1 or more: what a normalisation leaves of a gradient may be nothing."""
    largest = np.abs(expected).max(initial=1.0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * largest)


class Torch:
    """The same network in PyTorch, from the same numbers."""

    def __init__(self, net: dr.Network) -> None:
        torch = pytest.importorskip("torch")
        torch.set_num_threads(1)
        self.layers = net.layers
        self.modules = [self._module(layer) for layer in net.layers]

    @staticmethod
    def _module(layer: Any) -> Any:
        import torch

        d, made = layer.description, None
        dtype = getattr(torch, layer._core.statistics.dtype.name)
        tensor = lambda array: torch.tensor(np.array(array, order="C"))  # noqa: E731
        if isinstance(d, dr.Dense):
            made = torch.nn.Linear(layer.W.shape[1], layer.units, dtype=dtype)
            numbers = {"weight": layer.W, "bias": layer.b[:, 0]}
        elif isinstance(d, dr.BatchNorm):
            made = torch.nn.BatchNorm1d(layer.units, d.epsilon, d.momentum, dtype=dtype)
            numbers = {"weight": layer.gamma[:, 0], "bias": layer.beta[:, 0]}
            numbers |= {"running_mean": layer.mean[:, 0], "running_var": layer.variance[:, 0]}
        elif isinstance(d, dr.LayerNorm):
            made = torch.nn.LayerNorm(layer.units, d.epsilon, dtype=dtype)
            numbers = {"weight": layer.gamma[:, 0], "bias": layer.beta[:, 0]}
        elif isinstance(d, dr.PReLU):
            made = torch.nn.PReLU(layer.units, dtype=dtype)
            numbers = {"weight": layer.slope[:, 0]}
        elif isinstance(d, dr.Embedding):
            made = torch.nn.ModuleDict(
                {str(c): torch.nn.Embedding(*sizes, dtype=dtype) for c, sizes in d.columns.items()}
            )
            numbers = {f"{c}.weight": getattr(layer, f"E{c}").T for c in d.columns}
        elif isinstance(d, (dr.PiecewiseLinear, dr.Periodic)):
            made = published.module_of(layer, dtype)
            numbers = {}
        if made is not None:
            made.load_state_dict({name: tensor(a) for name, a in numbers.items()}, strict=False)
            for parameter in made.parameters():
                parameter.requires_grad_(not layer.frozen)
        return made

    def parameters(self) -> list[Any]:
        """In the order of the flat vector; each transposed where that goes column by column."""
        return [p for module in self.modules if module is not None for p in module.parameters()]

    def flat(self, of: Callable[[Any], Any]) -> Array:
        """One flat vector of what ``of`` gives for each parameter, in our order."""
        parts = []
        for layer, module in zip(self.layers, self.modules, strict=True):
            for parameter in () if module is None else module.parameters():
                numbers = of(parameter)
                numbers = np.zeros(parameter.shape) if numbers is None else numbers.detach().numpy()
                # An embedding's rows are our table's columns, one after another already.
                by_rows = isinstance(layer.description, dr.Embedding)
                order = "C" if by_rows else "F"
                parts.append(numbers.ravel(order=order))
        return np.concatenate(parts)

    def statistics(self) -> Array:
        parts = []
        for layer, module in zip(self.layers, self.modules, strict=True):
            if isinstance(layer.description, dr.BatchNorm):
                parts += [module.running_mean.numpy(), module.running_var.numpy()]
            elif isinstance(layer.description, dr.Standardize):
                parts += [layer.mean[:, 0], layer.variance[:, 0]]
        return np.concatenate(parts) if parts else np.empty(0)

    def logits(self, X: Any, dropped: dict[int, Array] | None) -> Any:
        """What goes into the last activation; with masks it is a training pass."""
        import torch

        outputs = [X]
        for i, (layer, module) in enumerate(zip(self.layers, self.modules, strict=True)):
            d, A = layer.description, outputs[-1]
            if isinstance(d, dr.BatchNorm):
                module.train(dropped is not None and not layer.frozen)
            if isinstance(d, dr.Dropout):
                A = A if dropped is None else A * torch.tensor(dropped[i])
            elif isinstance(d, dr.Standardize):
                A = (A - torch.tensor(layer.mean.T)) / torch.tensor(layer.variance.T).sqrt()
            elif isinstance(d, dr.Embedding):
                passing = [c for c in range(A.shape[1]) if c not in d.columns]
                vectors = [module[str(c)](A[:, c].long()) for c in d.columns]
                A = torch.cat([A[:, passing], *vectors], dim=1)
            elif module is not None:
                A = module(A)
            elif d.kind == "add":
                A = A + outputs[d.source]
            if i + 1 < len(self.layers):
                A = torch_activations()[layer.activation](A)
            outputs.append(A)
        return outputs[-1]

    def output(self, X: Any, dropped: dict[int, Array] | None) -> Any:
        return torch_activations()[self.layers[-1].activation](self.logits(X, dropped))

    def loss(self, X: Array, y: Array, dropped: dict[int, Array] | None) -> Any:
        import torch

        Z, target = self.logits(torch.tensor(X), dropped), torch.tensor(y)
        if self.layers[-1].activation == "softmax":
            return torch.nn.functional.cross_entropy(Z, target)
        return torch.nn.functional.mse_loss(
            torch_activations()[self.layers[-1].activation](Z), target
        )


# PyTorch's numbers ---------------------------------------------------------------------------


def check_passes(net: dr.Network, m: int, seed: int = 2, slack: float = 1.0) -> None:
    """Outputs, costs and gradients, in the parameters and in X, of both kinds of pass."""
    import torch

    X, y = problem(net, m, seed)
    tolerance = slack * TOLERANCE[net.dtype.name]
    for training in (False, True):
        dropped = masks(net, [X])[0] if training else None
        peer = Torch(net)
        loss = peer.loss(X, y, dropped)
        loss.backward()
        cost, gradients = net.loss_and_gradients(X, y, training=training)
        assert cost == pytest.approx(loss.item(), rel=tolerance)
        assert_close(gradients, peer.flat(lambda p: p.grad), tolerance)

        # dA @ A[L] summed, whose derivatives the explicit steps give, times m
        dA = np.random.default_rng(seed).normal(size=(m, net.output_size)).astype(net.dtype)
        peer, inputs = Torch(net), torch.tensor(X, requires_grad=True)
        expected = peer.output(inputs, dropped)
        (expected * torch.tensor(dA)).sum().backward()
        twin = copy.deepcopy(net)
        A, caches = twin.forward(X, training=training)
        gradients, dX = twin.backward(dA, caches, input_gradient=True)
        assert_close(A, expected.detach().numpy(), tolerance)
        assert_close(m * gradients, peer.flat(lambda p: p.grad), tolerance)
        assert_close(dX, inputs.grad.numpy(), tolerance)
        assert_close(twin.statistics, peer.statistics(), tolerance)
        if not training:
            assert_close(net.predict(X), A, tolerance)


@every_dtype
@every_stack
def test_passes_as_torch_makes_them(name: str, dtype: str) -> None:
    pytest.importorskip("torch")
    net = stack(STACKS[name](), dtype)
    for m in (2, 13, 210):  # the last in groups of slices
        check_passes(net, m)


@pytest.mark.parametrize("name", ["residual", "everything"])
def test_passes_of_large_networks_as_torch_makes_them(name: str) -> None:
    pytest.importorskip("torch")
    net = stack(
        [dr.BatchNorm(), dr.Dense(300, "tanh"), dr.Dense(INPUTS), *STACKS["residual"]()], inputs=300
    )
    assert net.parameters.nbytes > 256 * 1024  # they go layer by layer
    check_passes(net, 40)


KINDS: dict[str, Callable[[int, int, float], Any]] = {
    "dense": lambda n, k, r: dr.Dense(k, "tanh"),
    "activation": lambda n, k, r: dr.Activation("gelu"),
    "dropout": lambda n, k, r: dr.Dropout(r),
    "batch_norm": lambda n, k, r: dr.BatchNorm(r, 1e-2),
    "layer_norm": lambda n, k, r: dr.LayerNorm(1e-2),
    "prelu": lambda n, k, r: dr.PReLU(r),
}


@st.composite
def blocks(draw: st.DrawFn, n: int, depth: int) -> tuple[Layers, int]:
    """Some layers behind n units, and how many units come out."""
    layers: Layers = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([*KINDS, "residual"]))
        if kind != "residual":
            layer = KINDS[kind](n, draw(st.integers(3, 12)), draw(st.sampled_from([0.1, 0.5])))
            n = layer.units_after(n)
            layers.append(layer)
        elif depth:
            inner, units = draw(blocks(n, depth - 1))
            if inner:
                layers.append(dr.Residual([*inner, *([] if units == n else [dr.Dense(n)])]))
    return layers, n


@st.composite
def random_stacks(draw: st.DrawFn) -> Layers:
    layers: Layers = [dr.Standardize()] if draw(st.booleans()) else []
    n = INPUTS
    if draw(st.booleans()):
        layers.append(dr.Embedding(CODES))
        n = layers[-1].units_after(n)
    inner, _ = draw(blocks(n, 2))
    output = draw(st.sampled_from(["softmax", "identity"]))
    if draw(st.booleans()):
        return [*layers, *inner, dr.Dense(3, output)]
    return [*layers, *inner, dr.Dense(3), dr.BatchNorm(epsilon=1e-2), dr.Activation(output)]


@settings(max_examples=60, deadline=None)
@given(
    layers=random_stacks(),
    m=st.integers(4, 40),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 1000),
)
def test_any_stack_as_torch_makes_it(layers: Layers, m: int, dtype: str, seed: int) -> None:
    pytest.importorskip("torch")
    check_passes(stack(layers, dtype, seed), m, seed, slack=10)


def check_steps(net: dr.Network, kind: str, m: int = 8, steps: int = 20, seed: int = 5) -> None:
    import torch

    X, y = problem(net, m * steps, seed)
    # A large epsilon, since near a gradient of 0 Adam's step tells the sign of a rounding error.
    rate, epsilon = 0.02, 1e-2
    peer = Torch(net)
    trained = [p for p in peer.parameters() if p.requires_grad]
    if kind == "SGD":
        optimizer: dr.Optimizer = dr.SGD(rate, momentum=0.9)
        other: Any = torch.optim.SGD(trained, rate, momentum=0.9)
    else:
        optimizer = dr.Adam(rate, epsilon=epsilon)
        other = torch.optim.Adam(trained, rate, eps=epsilon)
    batches = [slice(first, first + m) for first in range(0, len(X), m)]
    losses = []
    for part, dropped in zip(batches, masks(net, [X[part] for part in batches]), strict=True):
        loss = peer.loss(X[part], y[part], dropped)
        other.zero_grad()
        loss.backward()
        other.step()
        losses.append(loss.item())
    before = net.parameters.copy()
    history = net.fit(X, y, optimizer=optimizer, batch_size=m, shuffle=False)
    tolerance = 10 * TOLERANCE[net.dtype.name]
    assert optimizer.step == steps
    assert np.abs(net.parameters - before).max() > 1e-3
    assert history["loss"][0] == pytest.approx(np.mean(losses), rel=tolerance)
    assert_close(net.parameters, peer.flat(lambda p: p), tolerance)
    assert_close(net.statistics, peer.statistics(), tolerance)
    assert_close(
        net.predict(X[:9]), peer.output(torch.tensor(X[:9]), None).detach().numpy(), tolerance
    )


@every_dtype
@every_stack
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_twenty_steps_as_torch_makes_them(kind: str, name: str, dtype: str) -> None:
    pytest.importorskip("torch")
    check_steps(stack(STACKS[name](), dtype), kind)


@settings(max_examples=25, deadline=None)
@given(layers=random_stacks(), kind=st.sampled_from(["SGD", "Adam"]), seed=st.integers(0, 1000))
def test_steps_of_any_stack_as_torch_makes_them(layers: Layers, kind: str, seed: int) -> None:
    pytest.importorskip("torch")
    check_steps(stack(layers, "float64", seed), kind, m=12, steps=10, seed=seed)


# By hand -------------------------------------------------------------------------------------


def test_a_batch_norm_by_hand() -> None:
    net = dr.Network([dr.BatchNorm(momentum=0.5, epsilon=1.0)], 1, dtype="float64")
    layer, X = net.layers[0], [[1.0], [3.0], [5.0], [7.0]]  # mean 4, variance 5, unbiased 20/3
    layer.gamma, layer.beta = [[3.0]], [[10.0]]
    A, _ = net.forward(X, training=True)
    np.testing.assert_allclose(A, 10 + 3 * (np.array(X) - 4) / np.sqrt(6), rtol=1e-15)
    np.testing.assert_allclose([layer.mean, layer.variance], [[[2]], [[(1 + 20 / 3) / 2]]])
    expected = 10 + 3 * (np.array(X) - 2) / np.sqrt((1 + 20 / 3) / 2 + 1)
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-15)
    assert net.evaluate(X, expected)["loss"] < 1e-25  # by the running ones, too


def test_layers_without_a_batch_by_hand() -> None:
    net = dr.Network([dr.LayerNorm(epsilon=1.0), dr.PReLU(slope=0.5)], 2, dtype="float64")
    root = np.sqrt(2)  # of variance 1, and 1
    np.testing.assert_allclose(
        net.predict([[1, 3], [4, 2]]), [[-0.5 / root, 1 / root], [1 / root, -0.5 / root]]
    )
    net = dr.Network([dr.Residual([dr.Residual([dr.Activation("relu")])])], 2, dtype="float64")
    np.testing.assert_array_equal(net.predict([[-1, 3]]), [[-2, 9]])  # a + (a + relu(a))
    net = dr.Network([dr.Embedding({0: (2, 3)})], 2, dtype="float64")
    net.layers[0].E0 = [[1, 4], [2, 5], [3, 6]]
    np.testing.assert_array_equal(net.predict([[1, 9], [0, 8]]), [[9, 4, 5, 6], [8, 1, 2, 3]])


# Dropout -------------------------------------------------------------------------------------


def dropped_by(net: dr.Network, X: Array) -> Array:
    return np.asarray(net.forward(X, training=True)[0] == 0)


def test_dropout_differs_from_step_to_step_and_from_seed_to_seed() -> None:
    X = np.ones((50, 20), "float32")
    net, twin, other = (dr.Network([dr.Dropout(0.5)], 20, seed=seed) for seed in (0, 0, 1))
    first = dropped_by(net, X)
    assert 400 < first.sum() < 600
    assert_same_bits(dropped_by(twin, X), first)
    seen = [first, dropped_by(net, X), dropped_by(net, X), dropped_by(other, X)]
    for i, mask in enumerate(seen):
        for before in seen[:i]:
            assert 300 < (mask == before).sum() < 700
    assert_same_bits(net.forward(X)[0], X)
    assert_same_bits(net.predict(X), X)
    # What neither trains nor counts: the mask of the next step is the same afterwards.
    again = copy.deepcopy(net)
    net.loss_and_gradients(X, X, training=True)
    net.evaluate(X, X)
    assert_same_bits(dropped_by(again, X), dropped_by(net, X))


def test_the_seed_draws_the_same_weights_with_dropout_and_without() -> None:
    with_dropout = dr.Network([dr.Dense(5), dr.Dropout(0.5), dr.Dense(2)], 3, seed=4)
    without = dr.Network([dr.Dense(5), dr.Dense(2)], 3, seed=4)
    assert_same_bits(with_dropout.parameters, without.parameters)
    X, y = np.ones((9, 3)), np.ones((9, 2))
    with_dropout.fit(X, y)
    without.fit(X, y)
    assert_same_bits(with_dropout._generator.permutation(9), without._generator.permutation(9))


def test_masks_differ_between_fits() -> None:
    net = stack(STACKS["dropout"]())
    X, y = problem(net, 20)
    start = net.parameters.copy()
    ends = []
    for _ in range(2):
        net.parameters = start
        net.fit(X, y, optimizer=dr.SGD(0.1), batch_size=20)
        ends.append(net.parameters.copy())
    assert (ends[0] != ends[1]).any()


@every_stack
def test_same_bits_for_any_number_of_threads(name: str) -> None:
    made = []
    for threads in (1, 2, 4):
        dr.set_num_threads(threads)
        layers = STACKS[name]()
        of_X = (dr.Standardize, dr.Embedding, dr.PiecewiseLinear, dr.Periodic)
        before = [] if isinstance(layers[0], of_X) else [dr.Dense(INPUTS, "tanh")]
        net = stack([*before, *layers])
        X, y = problem(net, 600)
        net.fit(X, y, epochs=2, batch_size=256)
        made.append((net.parameters.copy(), net.statistics.copy(), net.predict(X)))
    for several in made[1:]:
        for one, other in zip(made[0], several, strict=True):
            assert_same_bits(other, one)


# Names, views, freezing ----------------------------------------------------------------------


def named() -> dr.Network:
    return dr.Network(
        [
            dr.Standardize(name="scale"),
            dr.Embedding({1: (3, 2)}, name="codes"),
            dr.Dense(4, "relu", name="hidden"),
            dr.Residual([dr.BatchNorm(), dr.Dense(4), dr.PReLU(name="bend")], name="block"),
            dr.LayerNorm(),
            dr.Dropout(0.5),
            dr.Dense(2, name="output"),
        ],
        3,
    )


def test_layers_by_index_and_by_name() -> None:
    net = named()
    assert [layer.description.kind for layer in net.layers] == [
        "standardize", "embedding", "dense", "batch_norm", "dense", "prelu", "add", "layer_norm",
        "dropout", "dense",
    ]  # fmt: skip
    assert [layer.units for layer in net.layers] == [3, 4, 4, 4, 4, 4, 4, 4, 4, 2]
    assert [layer.activation for layer in net.layers].count("relu") == 1
    for index, name in {
        0: "scale",
        1: "codes",
        2: "hidden",
        5: "bend",
        6: "block",
        -1: "output",
    }.items():
        assert net.layers[name] is net.layers[index]
        assert net.layers[index].name == name
    assert net.layers[3].name is None
    assert net.layers[1:3] == (net.layers[1], net.layers[2])
    with pytest.raises(
        KeyError,
        match=r"no layer has the name 'hiden': expected one of \['scale'.*; did you mean 'hidden'",
    ):
        net.layers["hiden"]


def test_views_are_live_and_assignment_copies() -> None:
    net = named()
    shapes = {
        "scale": {"mean": (3, 1), "variance": (3, 1)},
        "codes": {"E1": (2, 3)},
        "hidden": {"W": (4, 4), "b": (4, 1)},
        3: {"gamma": (4, 1), "beta": (4, 1), "mean": (4, 1), "variance": (4, 1)},
        "bend": {"slope": (4, 1)},
        7: {"gamma": (4, 1), "beta": (4, 1)},
    }
    for layer, views in shapes.items():
        for name, shape in views.items():
            view = getattr(net.layers[layer], name)
            assert view.shape == shape
            flat = net.statistics if name in ("mean", "variance") else net.parameters
            assert np.shares_memory(view, flat)
            numbers = np.arange(1.0, view.size + 1).reshape(shape)
            setattr(net.layers[layer], name, numbers)
            np.testing.assert_array_equal(view, numbers)
            numbers[:] = 0
            assert view.all()
            view[0, 0] = 42
            assert 42 in flat
            view[0, 0] = 1
    # The core reads what was written.
    net.layers["codes"].E1 = np.zeros((2, 3))
    before = net.predict([[1, 2, 3]])
    net.layers["scale"].mean = [[100], [0], [0]]
    assert (net.predict([[1, 2, 3]]) != before).any()
    net.statistics = np.ones(net.statistics.size)
    assert net.layers["scale"].mean.tolist() == [[1], [1], [1]]


def test_initial_numbers() -> None:
    net = named()
    for index in (3, 7):
        assert (net.layers[index].gamma == 1).all()
        assert not net.layers[index].beta.any()
    assert (net.layers["bend"].slope == 0.25).all()
    for layer in ("scale", 3):
        assert not net.layers[layer].mean.any()
        assert (net.layers[layer].variance == 1).all()
    table = dr.Network([dr.Embedding({0: (1000, 10)})], 1).layers[0].E0
    assert abs(table.mean()) < 0.002
    assert table.std() == pytest.approx(0.05, rel=0.05)
    assert (dr.Network([dr.PReLU(0.5)], 2).layers[0].slope == 0.5).all()


def test_unflatten_names_each_part() -> None:
    net = named()
    parts = net.unflatten(net.parameters)
    assert [part._fields for part in parts] == [
        (), ("E1",), ("W", "b"), ("gamma", "beta"), ("W", "b"), ("slope",), (), ("gamma", "beta"),
        (), ("W", "b"),
    ]  # fmt: skip
    for layer, part in zip(net.layers, parts, strict=True):
        for name, view in part._asdict().items():
            assert np.shares_memory(view, getattr(layer, name))
            assert_same_bits(view, getattr(layer, name))
    assert sum(view.size for part in parts for view in part) == net.parameters.size


def test_caches_of_other_layers() -> None:
    net = named()
    X = np.array([[0.5, 2, 1], [1, 0, 3]], "float32")
    net.adapt(X)
    A, caches = net.forward(X)
    assert len(caches) == len(net.layers)
    for cache, layer in zip(caches, net.layers, strict=True):
        dense = isinstance(layer.description, dr.Dense)
        assert (cache.W is None, cache.b is None) == (not dense, not dense)
        assert cache.Z.shape == (2, layer.units)
    assert_same_bits(caches[0].A_prev, X)
    assert_same_bits(caches[6].Z, caches[5].Z + caches[3].A_prev)
    assert_same_bits(caches[-1].Z, A)


def test_freezing_and_thawing() -> None:
    net = stack(STACKS["everything"]())
    X, y = problem(net, 64)
    for index in (1, 3, 6):
        net.layers[index].frozen = True
        assert net.layers[index].frozen is True

    def numbers() -> list[Array]:
        return [
            np.concatenate([np.ravel(v) for v in layer._views.values()] or [np.empty(0)])
            for layer in net.layers
        ]

    before = numbers()
    net.fit(X, y, epochs=3, batch_size=16)
    for index, (old, new) in enumerate(zip(before, numbers(), strict=True)):
        assert (old == new).all() == (index in (0, 1, 3, 6) or not old.size), index
    _, gradients = net.loss_and_gradients(X, y, training=True)
    for index, part in enumerate(net.unflatten(gradients)):
        assert all(not view.any() for view in part) == (index in (1, 3, 6) or not part)
    for layer in net.layers:
        layer.frozen = False
    before = numbers()
    net.fit(X, y)
    for index in (1, 3, 6):
        assert (numbers()[index] != before[index]).any()


def test_layers_have_rules_of_their_own() -> None:
    net = dr.Network(
        [
            dr.Dense(4, "tanh", l1=0.1, l2=0.2, max_norm=0.5, learning_rate=0.0, name="first"),
            dr.Dense(2, frozen=True),
        ],
        3,
        dtype="float64",
    )
    X, y = np.ones((5, 3)), np.ones((5, 2))
    W = net.layers[0].W
    cost, gradients = net.loss_and_gradients(X, y)
    plain = net.evaluate(X, y)["loss"]
    assert cost == pytest.approx(plain + 0.1 * np.abs(W).sum() + 0.1 * (W**2).sum())
    net.layers["first"].l1 = net.layers["first"].l2 = 0.0
    cost, without = net.loss_and_gradients(X, y)
    assert cost == pytest.approx(plain)
    added = net.unflatten(gradients - without)
    np.testing.assert_allclose(added[0].W, 0.2 * W + 0.1 * np.sign(W), rtol=1e-12)
    assert not added[0].b.any()
    assert [net.layers[1].frozen, net.layers[0].max_norm, net.layers[0].learning_rate] == [
        True,
        0.5,
        0,
    ]

    b = net.layers[0].b.copy()
    norms = np.linalg.norm(W, axis=1)
    net.fit(X, y)
    assert_same_bits(net.layers[0].b, b)  # at a rate of 0
    np.testing.assert_allclose(np.linalg.norm(W, axis=1), np.minimum(norms, 0.5))
    net.layers[0].learning_rate, net.layers[0].max_norm = 1, 0
    net.fit(X, y)
    assert (net.layers[0].b != b).all()


# What a description refuses ------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: dr.Dropout(1.0),
            ValueError,
            "Dropout: rate is 1.0: expected 0 or more and less than 1",
        ),
        (lambda: dr.Dropout(-0.1), ValueError, r"Dropout: rate is -0\.1: expected 0 or more"),
        (lambda: dr.Dropout(NAN), ValueError, "Dropout: rate is nan: expected 0 or more"),
        (lambda: dr.Dropout("half"), TypeError, "Dropout: rate is 'half': expected a number"),
        (lambda: dr.Dropout(True), TypeError, "Dropout: rate is True: expected a number"),
        (
            lambda: dr.BatchNorm(momentum=1.5),
            ValueError,
            r"BatchNorm: momentum is 1\.5: expected 0",
        ),
        (lambda: dr.BatchNorm(momentum=-1), ValueError, "BatchNorm: momentum is -1: expected 0"),
        (lambda: dr.BatchNorm(epsilon=0), ValueError, "BatchNorm: epsilon is 0: expected"),
        (
            lambda: dr.BatchNorm(epsilon=None),
            TypeError,
            "BatchNorm: epsilon is None: expected a num",
        ),
        (lambda: dr.LayerNorm(-1e-5), ValueError, "LayerNorm: epsilon is -1e-05: expected"),
        (lambda: dr.LayerNorm(INF), ValueError, "LayerNorm: epsilon is inf: expected .* finite"),
        (lambda: dr.PReLU(NAN), ValueError, "PReLU: slope is nan: expected"),
        (lambda: dr.PReLU([0.1]), TypeError, r"PReLU: slope is \[0\.1\]: expected a number"),
        (
            lambda: dr.Activation("rely"),
            ValueError,
            "Activation: activation is 'rely': expected one of identity, .*; did you mean 'relu'",
        ),
        (lambda: dr.Dense(3, "Sigmoyd"), ValueError, "is 'Sigmoyd': .*; did you mean 'sigmoid'"),
        (lambda: dr.Dense(3, l1=-1), ValueError, "Dense: l1 is -1: expected 0 or more and finite"),
        (
            lambda: dr.Dense(3, l2=INF),
            ValueError,
            "Dense: l2 is inf: expected 0 or more and finite",
        ),
        (lambda: dr.Dense(3, max_norm="1"), TypeError, "Dense: max_norm is '1': expected a number"),
        (
            lambda: dr.Dense(3, learning_rate=-1),
            ValueError,
            "Dense: learning_rate is -1: expected 0",
        ),
        (lambda: dr.Dense(3, frozen="yes"), TypeError, "Dense: frozen is 'yes': expected a bool"),
        (lambda: dr.Dense(3, name=5), TypeError, "Dense: name is 5: expected a string"),
        (lambda: dr.Embedding({}), TypeError, r"Embedding: columns is {}: expected {column: \(cat"),
        (lambda: dr.Embedding([1]), TypeError, r"Embedding: columns is \[1\]: expected {column"),
        (
            lambda: dr.Embedding({"a": (3, 2)}),
            TypeError,
            "Embedding: column 'a': expected an integer",
        ),
        (
            lambda: dr.Embedding({-1: (3, 2)}),
            ValueError,
            "Embedding: column -1: expected 0 or more",
        ),
        (lambda: dr.Embedding({1: 3}), TypeError, r"columns\[1\] is 3: expected \(categories, dim"),
        (lambda: dr.Embedding({1: (3,)}), TypeError, r"columns\[1\] is \(3,\): expected \(categ"),
        (lambda: dr.Embedding({1: (0, 2)}), ValueError, "categories of column 1 is 0: expected 1"),
        (lambda: dr.Embedding({1: (3, 0)}), ValueError, "dimension of column 1 is 0: expected 1"),
        (
            lambda: dr.Embedding({1: (3.0, 2)}),
            TypeError,
            "categories of column 1 is 3.0: expected an",
        ),
        (lambda: dr.Residual([]), ValueError, "Residual: no layers: expected 1 or more"),
        (
            lambda: dr.Residual(dr.Dense(3)),
            TypeError,
            r"Residual: layers is Dense\(.*: expected a li",
        ),
        (
            lambda: dr.Residual("ab"),
            TypeError,
            "Residual: layers is 'ab': expected a list of layers",
        ),
    ],
)
def test_refused_description(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        (
            [dr.Dense(3), dr.Standardize()],
            ValueError,
            r"layers\[1\] is a Standardize: expected it to",
        ),
        ([dr.Standardize(), dr.Standardize()], ValueError, r"layers\[1\] is a Standardize"),
        (
            [dr.Dense(3), dr.Embedding({0: (3, 2)})],
            ValueError,
            r"layers\[1\] is an Embedding: expec",
        ),
        ([dr.Dropout(0.5), dr.Embedding({0: (3, 2)})], ValueError, r"layers\[1\] is an Embedding"),
        (
            [dr.Embedding({4: (3, 2)})],
            ValueError,
            "embeds column 4 of 4: expected columns that there",
        ),
        (
            [dr.Embedding({1: (2**24 + 1, 1)})],
            ValueError,
            r"16777217 categories in column 1: expected 16777216 or fewer, as float32 tells",
        ),
        (
            [dr.Residual([dr.Dense(3)])],
            ValueError,
            r"layers\[0\] is a Residual with 4 inputs and 3 ou",
        ),
        (
            [dr.Dense(5), dr.Residual([dr.Dense(5), dr.Residual([dr.Dense(4)])])],
            ValueError,
            r"layers\[1\]\.layers\[1\] is a Residual with 5 inputs and 4 outputs: expected as many",
        ),
        (
            [dr.Residual([dr.Dense(4), "relu"])],
            TypeError,
            r"layers\[0\]\.layers\[1\] is 'relu': expect",
        ),
        ([dr.Dense(3), None], TypeError, r"layers\[1\] is None: expected a layer"),
        ([dr.Dense(3, name="a"), dr.PReLU(name="a")], ValueError, "two layers have the name 'a'"),
        ([dr.Residual([dr.PReLU(name="a")], name="a")], ValueError, "two layers have the name 'a'"),
        ([dr.Residual([dr.PReLU()], name=3)], TypeError, "name is 3: expected a string"),
    ],
)
def test_refused_placement(layers: Layers, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dr.Network(layers, 4)


@pytest.mark.parametrize(
    ("layer", "name", "value", "error", "message"),
    [
        (2, "frozen", 1, TypeError, r"layers\[2\]\.frozen is 1: expected a bool"),
        (
            2,
            "learning_rate",
            "fast",
            TypeError,
            r"layers\[2\]\.learning_rate is 'fast': expected a",
        ),
        (
            2,
            "learning_rate",
            True,
            TypeError,
            r"layers\[2\]\.learning_rate is True: expected a numb",
        ),
        (
            2,
            "learning_rate",
            -1,
            ValueError,
            r"layers\[2\]\.learning_rate is -1: expected 0 or more",
        ),
        (2, "l2", NAN, ValueError, r"layers\[2\]\.l2 is nan: expected 0 or more and finite"),
        (3, "l2", 0.1, AttributeError, r"layers\[3\] is a BatchNorm: expected l2 of a Dense layer"),
        (
            8,
            "max_norm",
            1,
            AttributeError,
            r"layers\[8\] is a Dropout: expected max_norm of a Dense",
        ),
        (
            8,
            "rate",
            0.1,
            AttributeError,
            r"layers\[8\]\.rate cannot be set: expected one of \['fro",
        ),
        (
            3,
            "W",
            1,
            AttributeError,
            r"layers\[3\]\.W cannot be set: expected one of \['gamma', 'be",
        ),
        (
            3,
            "gamma",
            [1, 2, 3, 4],
            ValueError,
            r"layers\[3\]\.gamma: got shape \(4,\): expected \(4, 1",
        ),
        (
            3,
            "variance",
            [[NAN]] * 4,
            ValueError,
            r"layers\[3\]\.variance\[0, 0\] is nan: expected fin",
        ),
        (
            3,
            "variance",
            [[1], [1], [-1], [1]],
            ValueError,
            r"layers\[3\]\.variance\[2, 0\] is -1: expected 0 or more",
        ),
        (
            0,
            "variance",
            [[1.0], [0.0], [1.0]],
            ValueError,
            r"layers\[0\]\.variance\[1, 0\] is 0\.0: expected above 0",
        ),
        (
            1,
            "E1",
            np.zeros((3, 2)),
            ValueError,
            r"layers\[1\]\.E1: got shape \(3, 2\): expected \(2, 3",
        ),
        (5, "slope", "steep", TypeError, r"layers\[5\]\.slope: got <U5: expected real numbers"),
    ],
)
def test_a_layer_refuses(
    layer: int, name: str, value: Any, error: type[Exception], message: str
) -> None:
    net = named()
    with nothing_written(net), pytest.raises(error, match=message):
        setattr(net.layers[layer], name, value)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (3, 0.0, r"statistics: layers\[0\]\.variance\[0, 0\] is 0\.0: expected above 0"),
        (7 + 4, -1.0, r"statistics: layers\[3\]\.variance\[1, 0\] is -1\.0: expected 0 or more"),
        (0, NAN, r"statistics\[0\] is nan: expected finite"),
    ],
)
def test_all_statistics_at_once(place: int, value: float, message: str) -> None:
    net = named()
    given = np.arange(1.0, 1.0 + len(net.statistics))
    net.statistics = given
    assert (net.statistics == given).all()
    given[place] = value
    with nothing_written(net), pytest.raises(ValueError, match=message):
        net.statistics = given
    assert (net.statistics > 0).all()


def test_a_batch_norm_s_variance_may_be_0() -> None:
    net = dr.Network([dr.BatchNorm(epsilon=1.0)], 1)
    net.layers[0].variance = [[0]]
    assert net.predict([[3]]) == 3


def test_a_layer_has_not_what_it_has_not() -> None:
    net = named()
    with pytest.raises(AttributeError, match=r"BatchNorm layer has no 'W': expected one of \['gam"):
        _ = net.layers[3].W
    assert not hasattr(net.layers[1], "E0")


@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_parameters_that_are_not_finite_are_named(name: str) -> None:
    net = stack(STACKS["batch norm"]())
    X, y = problem(net, 4)
    getattr(net.layers[1], name)[2, 0] = NAN
    for use in (net.fit, net.loss_and_gradients, lambda X, y: net.forward(X)):
        with pytest.raises(ValueError, match=rf"layers\[1\]\.{name}\[2, 0\] is nan"):
            use(X, y)


# Codes ---------------------------------------------------------------------------------------

DOORS: dict[str, Callable[[dr.Network, Array, Array], Any]] = {
    "fit": lambda net, X, y: net.fit(X, y),
    "fit: validation": lambda net, X, y: net.fit(0 * X, y, validation_data=(X, y)),
    "predict": lambda net, X, y: net.predict(X),
    "predict one": lambda net, X, y: net.predict(X[2]),
    "evaluate": lambda net, X, y: net.evaluate(X, y),
    "forward": lambda net, X, y: net.forward(X),
    "loss_and_gradients": lambda net, X, y: net.loss_and_gradients(X, y),
    "adapt": lambda net, X, y: net.adapt(X),
}


@pytest.mark.parametrize("code", [-1.0, 3.0, 0.5, 1e9])
@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_code_is_refused_at_every_door(door: str, code: float) -> None:
    net = dr.Network([dr.Standardize(), dr.Embedding({1: (3, 2)}), dr.Dense(1)], 2)
    X, y = np.zeros((5, 2), "float32"), np.zeros(5)
    net.adapt(X)
    X[2, 1] = code
    row = 0 if door == "predict one" else 2
    what = "validation X" if door == "fit: validation" else "X"
    message = rf"{what}\[{row}, 1\] is .*: expected a category code, 0 to 2, as an Embedding"
    with nothing_written(net), pytest.raises(ValueError, match=message):
        DOORS[door](net, X, y)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "uint8", "int32", "int64", "bool", "int16"]
)
def test_codes_of_any_number_type(dtype: str) -> None:
    net = dr.Network([dr.Embedding({0: (2, 3)}), dr.Dense(1)], 1)
    X = np.array([[0], [1], [1], [0]])
    expected = net.predict(X.astype("float32"))
    assert_same_bits(net.predict(X.astype(dtype)), expected)
    assert_same_bits(net.predict(np.asfortranarray(X.astype(dtype))), expected)
    assert expected[0] != expected[1]


def test_only_the_codes_that_come_are_trained() -> None:
    net = dr.Network([dr.Embedding({0: (4, 3)}), dr.Dense(1)], 1)
    before = net.layers[0].E0.copy()
    net.fit([[1], [3], [1]], [1.0, 2.0, 3.0], optimizer=dr.SGD(0.1))
    after = net.layers[0].E0
    changed = (after != before).any(axis=0)
    assert changed.tolist() == [False, True, False, True]


# Standardize ---------------------------------------------------------------------------------


@every_dtype
def test_standardize_takes_the_data_s_moments(dtype: str) -> None:
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(1000, 3)) * [1, 100, 0] + [0, 1e4, 5]).astype(dtype)
    net = dr.Network([dr.Standardize()], 3, dtype=dtype)
    net.adapt(X)
    exact = X.astype(float)
    assert_near(net.layers[0].mean[:, 0], exact.mean(axis=0), 1e-6)
    assert_near(net.layers[0].variance[:, 0], [*exact.var(axis=0)[:2], 1], 1e-6)  # one is constant
    Z = net.predict(X).astype(float)
    assert_near(Z.mean(axis=0) + 1, np.ones(3), 1e-4)
    assert_near(Z[:, :2].std(axis=0), np.ones(2), 1e-4)
    assert (Z[:, 2] == 0).all()


def test_the_first_fit_standardizes_and_no_other() -> None:
    net = dr.Network([dr.Standardize(), dr.Embedding({1: (3, 2)}), dr.Dense(1)], 2)
    X = np.array([[10.0, 0], [30, 1], [50, 2]])
    net.fit(X, [1.0, 2, 3], epochs=0)
    assert net.layers[0].mean.tolist() == [[30], [0]]  # codes pass as they are
    assert net.layers[0].variance[1] == 1
    kept = net.statistics.copy()
    net.fit(X * [2, 1], [1.0, 2, 3], epochs=2)
    assert_same_bits(net.statistics, kept)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert_same_bits(twin.statistics, kept)
        twin.fit(X * [2, 1], [1.0, 2, 3])
        assert_same_bits(twin.statistics, kept)
    fresh = copy.deepcopy(dr.Network([dr.Standardize(), dr.Dense(1)], 2))
    fresh.fit(X, [1.0, 2, 3], epochs=0)
    assert fresh.layers[0].mean[0] == 30
    net.adapt(X * [2, 1])
    assert net.layers[0].mean[0] == 60

    adapted = dr.Network([dr.Standardize(), dr.Dense(1)], 2)
    adapted.adapt(X)
    adapted.fit(X + 5, [1.0, 2, 3])
    assert adapted.layers[0].mean[0] == 30


def test_a_refused_fit_does_not_standardize() -> None:
    net = dr.Network([dr.Standardize(), dr.Dense(1)], 1)
    X, y = [[1.0], [3.0]], [1.0, 2.0]
    other = dr.Adam()
    dr.Network([dr.Dense(2)], 5).fit(np.ones((2, 5)), np.ones((2, 2)), optimizer=other)
    refusals: list[dict[str, Any]] = [{"optimizer": "nope"}, {"epochs": -1}, {"optimizer": other}]
    for arguments in refusals:
        with nothing_written(net), pytest.raises((ValueError, TypeError)):
            net.fit(X, y, **arguments)
    net.fit(X, y, epochs=0)
    assert net.layers[0].mean == 2


def test_adapt_refuses() -> None:
    for layers in ([dr.Dense(1)], [dr.BatchNorm()]):
        with pytest.raises(
            ValueError, match="adapt: the network's first layer is not a Standardize"
        ):
            dr.Network(layers, 2).adapt([[1, 2]])
    net = dr.Network([dr.Standardize()], 2)
    for X, message in (
        (np.empty((0, 2)), "adapt: X has no rows: expected 1 or more"),
        ([[1, NAN]], r"adapt: X\[0, 1\] is nan"),
        ([[1, 2, 3]], r"adapt: X has shape \(1, 3\): expected \(n_samples, 2\)"),
        (
            [[0, 1e30], [0, 0]],
            r"adapt: the variance of X\[1\] is 2.5.*e[+]59: too large for float32",
        ),
    ):
        with nothing_written(net), pytest.raises(ValueError, match=message):
            net.adapt(X)
    net = dr.Network([dr.Standardize()], 1, dtype="float64")
    with nothing_written(net), pytest.raises(ValueError, match="adapt: the variance of X"):
        net.adapt([[1e300], [-1e300]])


def test_an_input_whose_variance_is_0_as_float32_counts_as_the_same_everywhere() -> None:
    net = dr.Network([dr.Standardize()], 1)
    net.adapt([[0.0], [1e-25]])
    assert net.layers[0].variance == 1
    assert np.isfinite(net.predict([[0.0], [1e-25]])).all()


@every_dtype
@pytest.mark.parametrize("value", [0.1, -1 / 3, 1e9 / 7, 0.0])
@pytest.mark.parametrize("kind", ["dense", "columns", "integers", "sparse", "map", "fit"])
def test_an_input_that_is_the_same_everywhere_has_a_variance_of_1(
    kind: str, value: float, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the sum of its numbers rounds to."""
    monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", 16 * 7)  # of 16 bytes: seven rows
    rng = np.random.default_rng(0)
    X = np.column_stack([np.full(23, value), rng.normal(size=23)])
    handed: Any = X
    if kind == "columns":
        handed = np.asfortranarray(X)
    elif kind == "integers":
        X = X.astype(np.int64)
        handed = X
    elif kind == "sparse":
        handed = pytest.importorskip("scipy.sparse").csr_array(X)
    elif kind == "map":
        np.save(tmp_path / "X.npy", X)
        handed = np.load(tmp_path / "X.npy", mmap_mode="r")
    net = dr.Network([dr.Standardize(), dr.Dense(1)], 2, dtype=dtype)
    if kind == "fit":
        net.fit(handed, np.zeros(23), epochs=0)
    else:
        net.adapt(handed)
    assert net.layers[0].mean[0] == net.dtype.type(X[0, 0])
    assert net.layers[0].variance[0] == 1
    assert_near(net.layers[0].variance[1], X[:, 1].var(keepdims=True), 1e-6)


def test_a_prediction_beside_an_input_that_was_the_same_everywhere() -> None:
    net = dr.Network([dr.Standardize()], 1)
    net.adapt([[0.1], [0.1], [0.1]])
    assert net.predict([[0.101]])[0, 0] == pytest.approx(0.001, rel=1e-4)


@every_dtype
def test_a_standardize_that_has_not_seen_data_refuses(dtype: str, tmp_path: Path) -> None:
    """To do what it would do otherwise: let the numbers through as they are."""
    pytest.importorskip("onnx")
    fresh = dr.Network([dr.Standardize(), dr.Dense(1)], 2, dtype=dtype)
    X, y = np.ones((3, 2), dtype), np.ones(3)
    for net in (fresh, copy.deepcopy(fresh), pickle.loads(pickle.dumps(fresh))):
        refused: dict[str, Callable[[], Any]] = {
            "predict": lambda net=net: net.predict(X),
            "predict ": lambda net=net: net.predict(X[0], np.empty(1, dtype)),
            "predict: ": lambda net=net: net.predict(X.tolist()),
            "evaluate": lambda net=net: net.evaluate(X, y),
            "forward": lambda net=net: net.forward(X),
            "loss_and_gradients": lambda net=net: net.loss_and_gradients(X, y),
            "gradient_check": lambda net=net: net.gradient_check(X, y),
            "save": lambda net=net: net.save(tmp_path / "net.safetensors"),
            "to_onnx": lambda net=net: net.to_onnx(tmp_path / "net.onnx"),
            "to_c": lambda net=net: net.to_c(tmp_path / "net.h"),
        }
        for name, act in refused.items():
            where = name.strip(": ")
            with (
                nothing_written(net),
                pytest.raises(ValueError, match=f"{where}: the Standardize layer has no means and"),
            ):
                act()
        assert not list(tmp_path.iterdir())
        net.fit(X, y, epochs=0)
        for act in refused.values():
            act()
        for written in tmp_path.iterdir():
            written.unlink()


@every_dtype
@pytest.mark.parametrize("way", ["mean", "variance", "statistics", "view", "flat view"])
def test_moments_that_a_caller_assigns_count_as_seen(way: str, dtype: str) -> None:
    """A fit leaves them as they are, too."""
    net = dr.Network([dr.Standardize(), dr.Dense(1)], 2, dtype=dtype)
    if way in ("mean", "variance"):
        setattr(net.layers[0], way, np.full((2, 1), 3.0))
    elif way == "statistics":
        net.statistics = np.where(np.arange(net.statistics.size) < 2, 3.0, 1.0)
    elif way == "view":
        net.layers[0].mean[:] = 3
    else:
        net.statistics[0] = 3
    kept = net.statistics.copy()
    X = np.array([[5.0, 6], [7, 9]], dtype)
    for twin in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.isfinite(twin.predict(X)).all()
        twin.fit(X, [1.0, 2.0])
        assert_same_bits(twin.statistics, kept)


def test_moments_of_0_and_1_count_as_seen_where_they_are_assigned() -> None:
    net = dr.Network([dr.Standardize()], 1)
    net.layers[0].mean = [[0.0]]
    assert net.predict([[5.0]]) == 5


SECONDS = 1_600_000_000 + np.arange(200)


def standardized_seconds() -> Array:
    return ((SECONDS - SECONDS.mean()) / SECONDS.std())[:, np.newaxis]


@pytest.mark.parametrize("x_dtype", ["float64", "int64", "int32", "sparse", "map"])
def test_what_float32_cannot_tell_apart_is_told_apart_once_it_is_standardised(
    x_dtype: str, tmp_path: Path
) -> None:
    """The mean is taken off before a number is rounded; of one row and of all, in every pass."""
    X: Any = SECONDS[:, np.newaxis].astype(x_dtype if x_dtype.startswith("int") else "float64")
    if x_dtype == "sparse":
        X = pytest.importorskip("scipy.sparse").csr_array(X)
    elif x_dtype == "map":
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")
    net = dr.Network([dr.Standardize()], 1)
    net.adapt(X)
    expected = standardized_seconds()
    Z = net.predict(X)
    assert_near(Z, expected, 1e-6)
    assert len(np.unique(Z)) == 200
    assert_same_bits(net.predict(X[7:8]), Z[7:8])
    if x_dtype != "sparse":
        assert_same_bits(net.predict(X[7]), Z[7])
    for training in (True, False):
        A, caches = net.forward(X, training=training)
        assert_same_bits(A, Z)
        assert (caches[0].A_prev[:, 0] == SECONDS).all()
    assert net.evaluate(X, expected)["loss"] < 1e-12


@every_dtype
def test_seconds_are_learned_as_their_standardised_numbers_are(dtype: str) -> None:
    """In batches, full batches, by slices and layer by layer."""
    Z = standardized_seconds().astype(dtype)
    y = np.sin(3 * Z)
    for units, batch_size in ((8, 16), (8, 200), (600, 16)):
        layers = [dr.Dense(units, "tanh"), dr.Dense(1)]
        net = dr.Network([dr.Standardize(), *layers], 1, dtype=dtype)
        other = dr.Network(layers, 1, dtype=dtype)
        other.parameters = net.parameters
        for each, X in ((net, SECONDS[:, np.newaxis]), (other, Z)):
            each.fit(X, y, optimizer=dr.SGD(0.01), epochs=2, batch_size=batch_size)
        assert_near(net.parameters, other.parameters, 2e-5 if dtype == "float32" else 1e-8)


def test_standardised_seconds_travel(tmp_path: Path) -> None:
    net = dr.Network([dr.Standardize(), dr.Dense(1)], 1)
    X = SECONDS[:, np.newaxis]
    net.fit(X, SECONDS - SECONDS[0], epochs=1)
    A = net.predict(X)
    net.save(tmp_path / "net.safetensors")
    checkpoint = dr.Checkpoint(tmp_path / "checkpoint.safetensors")
    dr.Network([dr.Standardize(), dr.Dense(1)], 1).fit(X, X, epochs=1, callbacks=[checkpoint])
    resumed = dr.Network([dr.Standardize(), dr.Dense(1)], 1)
    resumed.fit(X, X, epochs=1, resume=tmp_path / "checkpoint.safetensors")
    assert len(np.unique(resumed.predict(X))) == 200
    loaded = dr.load(tmp_path / "net.safetensors")
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), loaded):
        assert_same_bits(twin.predict(X), A)


def test_numbers_of_any_dtype_are_standardised_to_the_same_bits() -> None:
    """And those of another memory, where they can be read in place and where they cannot."""
    X = np.random.default_rng(0).normal(1e4, 1, size=(50, 3)).astype("float32")
    net = dr.Network([dr.Standardize(), dr.Dense(4, "tanh")], 3)
    net.adapt(X + 0.3)
    expected = net.predict(X)
    for same in (X.astype("float64"), np.asfortranarray(X), X[::-1].copy()[::-1]):
        assert_same_bits(net.predict(same), expected)
        assert_same_bits(net.forward(same)[0], expected)


@every_dtype
def test_a_residual_block_adds_what_is_not_standardised(dtype: str) -> None:
    net = dr.Network([dr.Residual([dr.Standardize(), dr.Dense(2)])], 2, dtype=dtype)
    X = np.random.default_rng(0).normal(5, 3, size=(40, 2)).astype(dtype)
    net.adapt(X)
    W, b = net.layers[1].W, net.layers[1].b
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = X + Z @ W.T + b.T
    assert_near(net.predict(X), expected, 1e-5)
    assert_near(net.forward(X)[0], expected, 1e-5)


@pytest.mark.parametrize("way", ["assigned", "view", "statistics", "flat view"])
def test_a_mean_that_is_changed_is_the_one_that_counts(way: str) -> None:
    """All of it where it is assigned; and no rest of the last one where it is written to."""
    net = dr.Network([dr.Standardize()], 1)
    net.adapt(SECONDS[:, np.newaxis])
    variance = net.layers[0].variance[0, 0]
    mean = 1_600_000_001.0
    if way == "assigned":
        net.layers[0].mean = [[mean]]
    elif way == "view":
        net.layers[0].mean[:] = mean = 5.0
    elif way == "statistics":
        net.statistics = [mean := 5.0, variance]
    else:
        net.statistics[0] = mean = 5.0
    X = np.array([[mean - 1], [mean], [mean + 2]])
    assert_near(net.predict(X), (X - mean) / np.sqrt(variance), 1e-6)


# Copies, predictions, and what a fit leaves --------------------------------------------------


@every_dtype
@every_stack
def test_a_copy_predicts_and_trains_alike(name: str, dtype: str) -> None:
    net = stack(STACKS[name](), dtype)
    X, y = problem(net, 30)
    net.fit(X, y, batch_size=8)
    net.layers[1].learning_rate = 0.5
    net.layers[1].frozen = True
    twins = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    net_optimizer = dr.Adam()
    net.fit(X, y, optimizer=net_optimizer, batch_size=8)
    for twin in twins:
        assert twin.layers[1].learning_rate == 0.5
        assert twin.layers[1].frozen
        twin.fit(X, y, optimizer=dr.Adam(), batch_size=8)
        assert_same_bits(twin.parameters, net.parameters)
        assert_same_bits(twin.statistics, net.statistics)
        assert_same_bits(twin.predict(X), net.predict(X))


@every_dtype
@every_stack
def test_predict_of_one_row_and_into_out(name: str, dtype: str) -> None:
    net = stack(STACKS[name](), dtype)
    X = examples(net, 70)
    A = net.predict(X)
    assert_near(net.forward(X)[0], A, TOLERANCE[dtype] / 10)
    out = np.full_like(A, NAN)
    assert net.predict(X, out=out) is out
    assert_same_bits(out, A)
    one = net.predict(X[5])
    assert one.shape == (net.output_size,)
    assert_near(one, A[5], TOLERANCE[dtype] / 10)
    out = np.empty_like(one)
    net.predict(X[5], out=out)
    assert_same_bits(out, one)
    assert_same_bits(net.predict(X[::-1]), A[::-1].copy())
    assert net.predict(X[:0]).shape == (0, net.output_size)


def test_prediction_and_evaluation_take_the_running_moments_and_leave_them() -> None:
    net = stack([dr.BatchNorm(), dr.Dropout(0.5), dr.Dense(3)])
    X, y = problem(net, 40)
    with nothing_written(net):
        A = net.predict(X)
        net.evaluate(X, y)
        net.forward(X)
        net.loss_and_gradients(X, y)
        net.loss_and_gradients(X, y, training=True)
    assert_near(net.predict(X[:1]), A[:1], 1e-6)  # of one row, which has no variance
    net.fit(X, y, epochs=0)
    assert_same_bits(net.predict(X), A)
    history = net.fit(X, y, optimizer=dr.SGD(0.0), validation_data=(X, y))
    assert history["val_loss"][0] == pytest.approx(net.evaluate(X, y)["loss"])
    assert (net.predict(X) != A).any()  # by other moments


def test_an_empty_batch_says_nothing_of_moments() -> None:
    net = stack([dr.BatchNorm(), dr.Dense(3)])
    before = net.statistics.copy()
    net.forward(np.empty((0, INPUTS)), training=True)
    assert_same_bits(net.statistics, before)


@every_dtype
def test_a_batch_of_one_goes_by_the_running_moments(dtype: str) -> None:
    """It has no variance: theirs is not halved, and the step is no step from beta alone."""
    for name in ("batch norm", "batch norm first", "batch norm twice"):
        net = stack(STACKS[name](), dtype)
        X, y = problem(net, 33)
        kept = net.statistics.copy()
        A, caches = net.forward(X[:1], training=True)
        assert_same_bits(net.statistics, kept)
        assert_same_bits(A, net.forward(X[:1])[0])
        gradients = net.backward(A, caches)
        assert_same_bits(gradients, net.backward(A, net.forward(X[:1])[1]))
        both = [net.loss_and_gradients(X[:1], y[:1], training=on)[1] for on in (True, False)]
        assert_same_bits(*both)

        twin = copy.deepcopy(net)
        twin.fit(X[:32], y[:32], optimizer=dr.SGD(0.1), batch_size=32, shuffle=False)
        net.fit(X, y, optimizer=dr.SGD(0.1), batch_size=32, shuffle=False)
        assert (net.statistics != kept).any()
        assert_same_bits(net.statistics, twin.statistics)
        _, gradients = twin.loss_and_gradients(X[32:], y[32:])
        twin.update(gradients, dr.SGD(0.1))
        assert_near(net.parameters, twin.parameters, TOLERANCE[dtype])


def test_33_rows_in_batches_of_32_through_a_batch_norm_are_predicted() -> None:
    X = np.random.default_rng(0).normal(size=(33, 3))
    y = X @ [1.0, 2.0, 3.0] + 5
    net = dr.Network([dr.BatchNorm(), dr.Dense(16, "relu"), dr.BatchNorm(), dr.Dense(1)], 3)
    net.fit(X, y, optimizer=dr.Adam(0.01), epochs=200)
    assert net.evaluate(X, y)["loss"] < 0.05 * y.var()
    _, caches = net.forward(X)
    for index in (0, 2):
        assert (net.layers[index].variance[:, 0] > 0.8 * caches[index].A_prev.var(axis=0)).all()


def test_thawing_between_forward_and_backward() -> None:
    net = stack([dr.BatchNorm(frozen=True), dr.Dense(3)])
    X = examples(net, 9)
    _, caches = net.forward(X, training=True)
    _, expected = net.backward(np.ones((9, 3)), caches, input_gradient=True)
    net.layers[0].frozen = False
    _, dX = net.backward(np.ones((9, 3)), caches, input_gradient=True)
    assert_same_bits(dX, expected)


def test_a_network_without_parameters() -> None:
    net = dr.Network([dr.Standardize(), dr.Activation("tanh")], 2)
    X = np.random.default_rng(0).normal(size=(300, 2))
    assert net.parameters.size == 0
    history = net.fit(X, np.tanh(X), batch_size=300)
    net.adapt(X)
    assert history["loss"][0] == pytest.approx(net.evaluate(X, np.tanh(X))["loss"], rel=1e-5)
    assert net.loss_and_gradients(X, X)[1].size == 0


@pytest.mark.parametrize("good_steps", [0, 1, 7])
def test_divergence_restores_weights_moments_and_the_count_of_passes(good_steps: int) -> None:
    def fresh() -> dr.Network:
        return stack([dr.Dense(5), dr.BatchNorm(), dr.Dropout(0.3), dr.Dense(3)])

    net, expected = fresh(), fresh()
    X, y = problem(net, 60)
    y[good_steps * 5 :] = np.finfo("float32").max / 4  # whose squares are not finite
    with pytest.raises(dr.TrainingDivergedError, match=f"batch {good_steps + 1} of 12"):
        net.fit(X, y, optimizer=dr.SGD(0.01), batch_size=5, shuffle=False)
    # The last weights whose cost was finite are those that the last step began with.
    made = max(good_steps - 1, 0)
    if made:
        expected.fit(
            X[: 5 * made], y[: 5 * made], optimizer=dr.SGD(0.01), batch_size=5, shuffle=False
        )
    assert_same_bits(net.parameters, expected.parameters)
    assert_same_bits(net.statistics, expected.statistics)
    assert_same_bits(net.forward(X, training=True)[0], expected.forward(X, training=True)[0])


def test_a_batch_whose_variance_overflows_diverges() -> None:
    net = dr.Network([dr.BatchNorm(), dr.Dense(1)], 1)
    before = net.statistics.copy()
    with pytest.raises(dr.TrainingDivergedError):
        net.fit([[1e30], [-1e30]], [1.0, 2.0])
    assert_same_bits(net.statistics, before)


def test_a_copy_of_a_layer() -> None:
    """It is a view, and so is its copy; one by itself is not there to be had, which is said."""
    net = named()
    layer = copy.copy(net.layers["hidden"])
    layer.b = 7.0 + np.zeros(layer.b.shape)
    assert (net.layers["hidden"].b == 7).all()
    assert copy.copy(net.layers)["hidden"].W is net.layers["hidden"].W
    for fails in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"layers\[2\] is a view of its network.*deepcopy\(n"):
            fails(net.layers["hidden"])
    other = copy.deepcopy(net).layers["hidden"]
    other.b = np.zeros(layer.b.shape)
    assert (net.layers["hidden"].b == 7).all()
    empty = object.__new__(type(layer))
    with pytest.raises(AttributeError, match="layer has no 'W'"):
        _ = empty.W


def test_summary() -> None:
    net = named()
    net.layers["hidden"].frozen = True
    lines = net.summary().splitlines()
    assert lines[0] == "Network: 3 inputs, 2 outputs, float32"
    for index, words in {
        4: "0 standardize scale identity 3 0",
        5: "1 embedding codes identity 4 E1 (2, 3) 6",
        6: "2 dense hidden relu 4 W (4, 4) b (4, 1) 20 frozen",
        7: "3 batch_norm identity 4 gamma (4, 1) beta (4, 1) 8",
        9: "5 prelu bend identity 4 slope (4, 1) 4",
        10: "6 add block identity 4 0",
    }.items():
        assert lines[index].split() == words.split()
    assert lines[-3].startswith(f"{net.parameters.size} parameters: ")
    assert repr(net.layers[5]) == "Layer(4, 'identity', slope (4, 1))"
    assert repr(net) == f"Network(3-3-4-4-4-4-4-4-4-4-2, float32, {net.parameters.size} parameters)"


def test_every_activation_alone_is_the_dense_layer_s() -> None:
    X, y = np.random.default_rng(0).normal(size=(7, 3)), np.full((7, 4), 0.25)
    for name in reference.ACTIVATIONS:
        together = dr.Network([dr.Dense(4, name, "lecun_normal")], 3, dtype="float64")
        apart = dr.Network(
            [dr.Dense(4, initializer="lecun_normal"), dr.Activation(name)], 3, dtype="float64"
        )
        assert_same_bits(apart.predict(X), together.predict(X))
        for one, other in zip(
            apart.loss_and_gradients(X, y), together.loss_and_gradients(X, y), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("alias", [*ACTIVATION_ALIASES, "ReLU", "GELU"])
def test_other_names_of_an_activation(alias: str) -> None:
    name = ACTIVATION_ALIASES.get(alias, alias.lower())
    for written in (alias, alias.upper()):
        for layer in (dr.Dense(3, written), dr.Activation(written)):
            assert layer.activation == name
            assert dr.Network([layer], 3).layers[0].activation == name
    assert dr.Dense(3, alias) == dr.Dense(3, name)
