"""PyTorch's modules that become networks, and networks that become modules."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import (
    DTYPES,
    NUMBER_EMBEDDINGS,
    Array,
    assert_near,
    assert_same_bits,
    data_of_every_kind,
    of_every_kind,
    of_number_embeddings,
    output_of,
)

torch: Any = pytest.importorskip("torch")
nn = torch.nn

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
INPUTS, OUTPUTS, M = 4, 3, 32


def rows(dtype: str, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(M, INPUTS)).astype(dtype)


def predicted(module: Any, X: Array) -> Array:
    with torch.no_grad():
        A: Array = module.eval()(torch.from_numpy(X)).numpy()
    return A


def stack(*modules: Any, dtype: str = "float32") -> Any:
    """Modules between two linear ones, with numbers that are not what they start from."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(INPUTS, 6), *modules, nn.Linear(6, OUTPUTS))
    for each in module.modules():
        for name, tensor in [
            *each.named_parameters(recurse=False),
            *each.named_buffers(recurse=False),
        ]:
            if tensor.is_floating_point():
                above_0 = torch.rand(tensor.shape) + 0.5
                with torch.no_grad():
                    tensor.copy_(above_0 if "var" in name else torch.randn(tensor.shape) / 2)
    return module.to(getattr(torch, dtype))


def frozen(module: Any) -> Any:
    return module.requires_grad_(False)


ALIKE: dict[str, Callable[[], list[Any]]] = {
    "nothing": lambda: [nn.Identity(), nn.Flatten()],
    "relu": lambda: [nn.ReLU()],
    "leaky_relu": lambda: [nn.LeakyReLU()],
    "leaky_relu of 0.2": lambda: [nn.LeakyReLU(0.2)],
    "elu": lambda: [nn.ELU()],
    "celu": lambda: [nn.CELU()],
    "gelu": lambda: [nn.GELU()],
    "gelu_tanh": lambda: [nn.GELU("tanh")],
    "silu": lambda: [nn.SiLU()],
    "sigmoid": lambda: [nn.Sigmoid()],
    "tanh": lambda: [nn.Tanh()],
    "softplus": lambda: [nn.Softplus()],
    "softmax": lambda: [nn.Softmax(dim=1)],
    "two activations": lambda: [nn.ReLU(), nn.Tanh()],
    "prelu": lambda: [nn.PReLU(6)],
    "frozen prelu": lambda: [frozen(nn.PReLU())],
    "dropout of nothing": lambda: [nn.Dropout(0.0)],
    "batch norm": lambda: [nn.BatchNorm1d(6, eps=1e-3, momentum=0.3), nn.ReLU()],
    "batch norm alone": lambda: [nn.BatchNorm1d(6, affine=False)],
    "batch norm without gradients": lambda: [frozen(nn.BatchNorm1d(6))],
    "layer norm": lambda: [nn.LayerNorm(6, eps=1e-3)],
    "layer norm alone": lambda: [nn.LayerNorm(6, elementwise_affine=False)],
    "frozen linear": lambda: [frozen(nn.Linear(6, 6)), nn.ReLU()],
    "nested": lambda: [nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(6, 6))), nn.Tanh()],
    "no bias before a batch norm": lambda: [nn.Linear(6, 6, bias=False), nn.BatchNorm1d(6)],
}
DIFFERENT_IN_TRAINING: dict[str, Callable[[], list[Any]]] = {
    "no bias": lambda: [nn.Linear(6, 6, bias=False)],
    "layer norm without bias": lambda: [nn.LayerNorm(6, bias=False)],
    "one slope": lambda: [nn.PReLU()],
    "dropout": lambda: [nn.Dropout(0.3)],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [*ALIKE, *DIFFERENT_IN_TRAINING])
def test_predictions(case: str, dtype: str) -> None:
    module = stack(*(ALIKE | DIFFERENT_IN_TRAINING)[case](), dtype=dtype)
    net = dr.from_torch(module)
    assert net.dtype == dtype
    assert_near(net.predict(rows(dtype)), predicted(module, rows(dtype)), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ALIKE)
def test_training_carries_on_alike(case: str, dtype: str) -> None:
    module = stack(*ALIKE[case](), dtype=dtype)
    net = dr.from_torch(module)
    before = net.parameters.copy()
    X, Y = rows(dtype), rows(dtype, seed=1)[:, :OUTPUTS]
    train(module, X, Y)
    fit(net, X, Y)
    after = dr.from_torch(module)
    tolerance = 5 * TOLERANCE[dtype]  # three steps
    assert (before != after.parameters).any()
    assert_near(net.parameters, after.parameters, tolerance)
    if net.statistics.size:
        assert_near(net.statistics, after.statistics, tolerance)
    assert_near(net.predict(X), predicted(module, X), tolerance)


def train(module: Any, X: Array, Y: Array) -> None:
    """Three steps on everything."""
    module.train()
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.mse_loss(module(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
        optimizer.step()


def fit(net: dr.Network, X: Array, Y: Array) -> None:
    """The same three steps."""
    given: dict[str, Any] = {"loss": "mean_squared_error", "optimizer": dr.SGD(0.1)}
    net.fit(X, Y, batch_size=M, epochs=3, shuffle=False, **given)


def test_softplus_is_pytorchs_up_to_its_threshold() -> None:
    module = nn.Sequential(nn.Linear(1, 1), nn.Softplus()).double()
    with torch.no_grad():
        module[0].weight.fill_(1.0), module[0].bias.fill_(0.0)
    z = np.linspace(-30, 30, 1001)[:, np.newaxis]
    difference = np.abs(dr.from_torch(module).predict(z) - predicted(module, z))
    assert difference[z <= 20].max() < 1e-13
    assert difference[z > 20].max() < 2.1e-9


def test_one_layer() -> None:
    module = nn.Linear(INPUTS, 2)
    net = dr.from_torch(module)
    assert [layer.description.kind for layer in net.layers] == ["dense"]
    assert_near(net.predict(rows("float32")), predicted(module, rows("float32")), 1e-6)


def test_activations_join_their_layers_and_names_stay() -> None:
    encoder = nn.Sequential()
    encoder.add_module("fc1", nn.Linear(2, 3))
    encoder.add_module("act", nn.ReLU())
    module = nn.Sequential(encoder, nn.Tanh(), nn.Linear(3, 1))
    module.add_module("encoder", nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()))
    net = dr.from_torch(module)
    found = [(layer.name, layer.description.kind, layer.activation) for layer in net.layers]
    assert found == [
        ("0.fc1", "dense", "relu"),
        (None, "activation", "tanh"),
        (None, "dense", "identity"),
        ("encoder.0", "dense", "sigmoid"),
    ]
    np.testing.assert_array_equal(net.layers["0.fc1"].W, encoder.fc1.weight.detach().numpy())


def test_what_stays_frozen() -> None:
    net = dr.from_torch(stack(frozen(nn.Linear(6, 6)), nn.LeakyReLU(0.3), nn.LayerNorm(6)))
    assert [layer.frozen for layer in net.layers] == [False, True, True, False, False]


def test_a_module_is_not_changed() -> None:
    module = stack(nn.BatchNorm1d(6), nn.Dropout(0.5)).train()
    before = pickle.dumps(module.state_dict())
    net = dr.from_torch(module)
    net.parameters = np.zeros_like(net.parameters)
    assert pickle.dumps(module.state_dict()) == before
    assert module.training


def test_everything_that_cannot_be_expressed_is_named() -> None:
    inner = nn.Sequential(nn.ReLU(), nn.Conv1d(3, 3, 1), nn.ELU(2.0))
    module = nn.Sequential(
        nn.Linear(3, 4),
        nn.Linear(5, 4),
        inner,
        nn.Hardtanh(),
        nn.Softmax(),
        nn.Softplus(threshold=5),
        nn.BatchNorm1d(4, track_running_stats=False),
        nn.BatchNorm1d(4, momentum=None),
        nn.LayerNorm((4, 4)),
        nn.Flatten(0),
        nn.Dropout(1.0),
    )
    with pytest.raises(ValueError, match="no network can express") as caught:
        dr.from_torch(module)
    _, *problems, last = str(caught.value).splitlines()
    assert [line.strip() for line in problems] == [
        "module[1]: nn.Linear: it takes 5 inputs and is given 4",
        "module[2][1]: nn.Conv1d",
        "module[2][2]: nn.ELU: alpha=2.0; expected 1.0",
        "module[3]: nn.Hardtanh",
        "module[4]: nn.Softmax: dim=None; expected 1 or -1",
        "module[5]: nn.Softplus: threshold=5; expected 20 or more",
        "module[6]: nn.BatchNorm1d: track_running_stats=False; expected True",
        "module[7]: nn.BatchNorm1d: momentum=None; expected a number",
        "module[8]: nn.LayerNorm: normalized_shape=(4, 4); expected one dimension",
        "module[9]: nn.Flatten: start_dim=0; expected 1",
        "module[10]: nn.Dropout: Dropout: rate is 1.0: expected 0 or more and less than 1",
    ]
    assert "nn.Linear" in last
    assert "nn.Sequential" in last


class Own(nn.Sequential):
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


def with_a_hook() -> Any:
    module = nn.Linear(2, 2)
    module.register_forward_hook(lambda module, given, made: 2 * made)
    return module


def tied() -> Any:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module[1].weight = module[0].weight
    return module


def partly_frozen() -> Any:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    return module


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Own(nn.Linear(2, 2)), "module: Own"),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), "Parametrized"),
        (with_a_hook, "hooks"),
        (tied, r"module\[1\]: nn.Linear: it shares its numbers with module\[0\]"),
        (partly_frozen, "expected all or none"),
        (lambda: nn.Sequential(nn.ReLU()), "expected input_size="),
        (lambda: nn.Sequential(), "no layers"),
        (lambda: nn.Linear(2, 2, device="meta"), "meta"),
        (lambda: nn.LazyLinear(2), "nn.LazyLinear"),
    ],
)
def test_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dr.from_torch(make())


def test_numbers_that_are_not_finite_are_refused() -> None:
    module = stack(nn.BatchNorm1d(6))
    module[1].running_mean[2] = float("nan")
    with pytest.raises(ValueError, match=r"layers\[1\]\.mean\[2, 0\] is nan"):
        dr.from_torch(module)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "complex64"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(TypeError, match=rf"torch\.{dtype}.*module\.float\(\) converts"):
        dr.from_torch(nn.Linear(2, 2, dtype=getattr(torch, dtype)))


def test_mixed_dtypes_are_refused() -> None:
    with pytest.raises(TypeError, match=r"torch\.float32, torch\.float64"):
        dr.from_torch(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double()))


@pytest.mark.parametrize("given", [nn.Linear(2, 2).state_dict(), [nn.Linear(2, 2)], None])
def test_what_is_no_module(given: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module"):
        dr.from_torch(given)


def test_input_size() -> None:
    net = dr.from_torch(nn.Sequential(nn.ReLU(), nn.PReLU()), input_size=3)
    np.testing.assert_array_equal(net.predict([[-1.0, 0.0, 2.0]]), [[0.0, 0.0, 2.0]])
    with pytest.raises(ValueError, match="it takes 2 inputs and is given 3"):
        dr.from_torch(nn.Linear(2, 2), input_size=3)


# To PyTorch ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_kind_of_layer(dtype: str) -> None:
    net = of_every_kind(dtype)
    X, y = data_of_every_kind(60, dtype)
    net.fit(X, y, epochs=2)
    net.layers[0].mean = net.layers[0].mean  # of the network's dtype, as it is in the module
    module = net.to_torch()
    assert type(module) is nn.Sequential
    assert not module.training
    assert_near(predicted(module, X), net.predict(X), TOLERANCE[dtype])
    assert_same_bits(dr.from_torch(module).predict(X), net.predict(X))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_kind_of_layer_trains_on_alike(dtype: str) -> None:
    net = of_every_kind(dtype, dropout=False)
    X, _ = data_of_every_kind(M, dtype)
    Y = rows(dtype, seed=1)[:, :3]
    net.adapt(X)
    net.layers["inner"].frozen = True
    module = net.to_torch()
    for layer in net.layers:  # what modules have no place for
        layer.learning_rate = 1.0
        if layer.description.kind == "dense":
            layer.l1 = layer.l2 = 0.0
    train(module, X, Y)
    fit(net, X, Y)
    assert_near(predicted(module, X), net.predict(X), 10 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(5))
def test_round_trip_to_the_bit(seed: int, dtype: str) -> None:
    from deltarule import _core

    names = np.random.default_rng(seed).permutation(_core.activation_names())
    layers: list[Any] = []
    for index, name in enumerate(map(str, names)):
        layers += [
            dr.Dense(5 + index, name if index % 3 else "identity"),
            *([dr.Activation(name)] if index % 3 == 0 else []),
        ]
    inner = dr.Residual([dr.Dense(16), dr.Residual([dr.PReLU(0.1)]), dr.BatchNorm(0.2, 1e-4)])
    layers += [dr.Dense(16), dr.Residual([inner, dr.LayerNorm()]), dr.Dense(2)]
    net = dr.Network(layers, INPUTS, seed=seed, dtype=dtype)
    net.fit(rows(dtype), rows(dtype)[:, :2], epochs=1, optimizer=dr.SGD(1e-3))
    back = dr.from_torch(net.to_torch())
    assert_same_bits(back.predict(rows(dtype)), net.predict(rows(dtype)))
    assert_near(
        predicted(net.to_torch(), rows(dtype)), net.predict(rows(dtype)), 10 * TOLERANCE[dtype]
    )


def test_what_is_not_trained_has_no_gradient() -> None:
    net = dr.Network(
        [dr.Dense(3, frozen=True), dr.BatchNorm(learning_rate=0.0), dr.LayerNorm(), dr.Dense(1)],
        INPUTS,
    )
    module = net.to_torch()
    trained = [all(p.requires_grad for p in each.parameters()) for each in module]
    assert trained == [False, False, True, True]
    assert [layer.frozen for layer in dr.from_torch(module).layers] == [True, False, False, False]
    assert dr.from_torch(module).layers[1].learning_rate == 0.0


def test_a_frozen_batch_norm_goes_by_its_running_statistics() -> None:
    net = dr.Network([dr.BatchNorm(frozen=True), dr.Dense(1)], INPUTS, dtype="float64")
    net.layers[0].mean = np.arange(4.0)[:, np.newaxis]
    X = rows("float64")
    module = net.to_torch().train()
    with torch.no_grad():
        A = module(torch.from_numpy(X)).numpy()
    assert_near(A, net.forward(X, training=True)[0], 1e-12)
    np.testing.assert_array_equal(module[0].running_mean.numpy(), np.arange(4.0))
    assert dr.from_torch(module).layers[0].frozen


def test_numbers_are_copied_and_no_generator_moves() -> None:
    net = of_every_kind()
    net.adapt(data_of_every_kind(20)[0])
    before, state = net.parameters.copy(), torch.get_rng_state()
    module = net.to_torch()
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.fill_(7)
    assert_same_bits(net.parameters, before)
    assert not (net.statistics == 7).any()


def test_a_module_can_be_pickled() -> None:
    net = of_every_kind()
    X, _ = data_of_every_kind(20)
    net.adapt(X)
    module = pickle.loads(pickle.dumps(net.to_torch()))
    assert_near(predicted(module, X), net.predict(X), 1e-6)


def test_a_standardizing_layer_that_has_seen_nothing_is_refused() -> None:
    net = dr.Network([dr.Standardize(), dr.Dense(1)], INPUTS)
    with pytest.raises(ValueError, match="expected fit or adapt beforehand"):
        net.to_torch()


@pytest.mark.parametrize("call", ["dr.from_torch(None)", "dr.Network([dr.Dense(1)], 1).to_torch()"])
def test_without_pytorch(call: str) -> None:
    script = f"""
import sys
sys.modules["torch"] = None
import deltarule as dr
try:
    {call}
except ImportError as error:
    print(error)
"""
    message = "from_torch and to_torch need torch, which is not installed: pip install torch"
    assert output_of(script) == message


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NUMBER_EMBEDDINGS)
def test_embeddings_of_numbers(name: str, dtype: str) -> None:
    net, X = of_number_embeddings(name, dtype)
    module = net.to_torch()
    assert_near(module(torch.tensor(X)).detach().numpy(), net.predict(X), 10 * TOLERANCE[dtype])
    back = dr.from_torch(module)
    assert_same_bits(back.parameters, net.parameters)
    assert [layer.description.core() for layer in back.layers] == [
        layer.description.core() for layer in net.layers
    ]
    module(torch.tensor(X)).sum().backward()
    assert all(each.grad is not None for each in module.parameters())


def test_columns_that_come_in_elsewhere_are_refused() -> None:
    net = dr.Network([dr.Embedding({0: (3, 2)}), dr.Periodic(3, columns=[2])], 4)
    module = net.to_torch()
    module[1].places = [2]
    with pytest.raises(ValueError, match=r"columns \[2\] come in at \[2\]: expected them at \[1\]"):
        dr.from_torch(module)
