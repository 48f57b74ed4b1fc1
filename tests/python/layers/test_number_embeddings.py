"""Embeddings of numbers: what they start from, bins from data, columns, and what is refused."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltarule as dr
import published
from support import DTYPES, Array, assert_near, assert_same_bits

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
BINS = [[-1, 1], [-2, -0.5, 0, 0.25, 3], [0, 0.5, 1]]
LAYERS: dict[str, Callable[[], Any]] = {
    "bins": lambda: dr.PiecewiseLinear(BINS),
    "pieces": lambda: dr.PiecewiseLinear(BINS, 4, linear=False),
    "sloped pieces": lambda: dr.PiecewiseLinear(BINS, 4),
    "waves": lambda: dr.Periodic(5),
    "plr": lambda: dr.Periodic(5, 4),
    "plr, shared": lambda: dr.Periodic(5, 4, shared=True),
    "pbld": lambda: dr.Periodic(5, 4, form="pbld"),
    "pbld, shared": lambda: dr.Periodic(5, 4, form="pbld", shared=True),
    "cosine": lambda: dr.Periodic(5, form="cosine"),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def rows(m: int = 40, n: int = 3, dtype: str = "float32", seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(m, n)).astype(dtype)


def spread(net: dr.Network) -> dr.Network:
    """Parameters that are none of those that a layer starts from."""
    net.parameters = 0.5 * np.random.default_rng(1).normal(size=net.parameters.shape)
    return net


# What they start from ------------------------------------------------------------------------


def test_frequencies_are_drawn_as_published() -> None:
    published_sigmas = {"plr": 0.01, "pbld": 0.1, "cosine": 0.1}
    for form, sigma in published_sigmas.items():
        for given in (None, 3.0):
            d = 2 if form == "pbld" else None
            layer = dr.Periodic(2000, d, form=form, sigma=given)
            frequency = dr.Network([layer], 20, dtype="float64").layers[0].frequency
            wanted = sigma if given is None else given
            assert frequency.std() == pytest.approx(wanted, rel=0.02)
            beyond = (np.abs(frequency) > 3 * wanted).any()
            assert beyond == (form == "pbld")  # the others' are drawn anew


def test_phases_maps_and_scales_start_as_published() -> None:
    pbld = dr.Network([dr.Periodic(100, 9, form="pbld")], 30, dtype="float64").layers[0]
    assert 0.49 < np.abs(pbld.phase).max() <= 0.5
    assert 0.099 < np.abs(pbld.map7).max() <= 0.1  # within 1 / root(100)
    assert np.abs(pbld.bias).max() <= 0.1
    plr = dr.Network([dr.Periodic(50, 9)], 30, dtype="float64").layers[0]
    assert 0.099 < np.abs(plr.map0).max() <= 0.1
    cosine = dr.Network([dr.Periodic(99, form="cosine")], 4, dtype="float64").layers[0]
    assert not cosine.phase.any()
    assert not cosine.scale.any()
    assert 0.049 < np.abs(cosine.shift).max() <= 0.05  # within 1 / root(4 (1 + 99))


def test_at_first_the_form_cosine_sees_nothing_of_x() -> None:
    net = dr.Network([dr.Periodic(5, form="cosine"), dr.Dense(8, "relu"), dr.Dense(1)], 3)
    made = net.predict(rows())
    assert made.any()
    np.testing.assert_array_equal(made, np.broadcast_to(made[0], made.shape))


def test_pieces_start_as_a_linear_layer() -> None:
    net = dr.Network([dr.PiecewiseLinear(BINS, 16)], 3, dtype="float64")
    layer, X = net.layers[0], rows(dtype="float64")
    for name in ("map0", "map1", "map2"):
        assert not getattr(layer, name).any()
    assert 0.2 < np.abs(layer.slope).max() <= 0.25
    linear = X[:, :, np.newaxis] * layer.slope.T + layer.bias.T
    assert_near(net.predict(X), linear.reshape(len(X), -1), 1e-14)


def test_maps_without_a_linear_term_start_by_the_number_of_bins() -> None:
    layer = dr.Network([dr.PiecewiseLinear(BINS, 400, linear=False)], 3).layers[0]
    for place, bins in enumerate([1, 4, 2]):
        bound = 1 / np.sqrt(bins)
        numbers = np.append(getattr(layer, f"map{place}"), layer.bias[:, place])
        assert 0.98 * bound < np.abs(numbers).max() <= bound * (1 + 1e-6)


# Bins from data ------------------------------------------------------------------------------


def test_bins_hold_as_many_numbers_as_one_another() -> None:
    X = np.random.default_rng(0).exponential(size=(4800, 2))
    layer = dr.PiecewiseLinear.from_data(X, 48, dtype="float64")
    for column, edges in enumerate(layer.bins):
        assert len(edges) == 49
        assert (edges[0], edges[-1]) == (X[:, column].min(), X[:, column].max())
        counts, _ = np.histogram(X[:, column], edges)
        assert set(counts) <= {99, 100, 101}


def test_bins_of_few_numbers_are_merged() -> None:
    X = np.zeros((21, 3))
    X[-1, 0], X[:, 1], X[0, 2], X[-1, 2] = 1, 7, -1e30, 1e30
    layer = dr.PiecewiseLinear.from_data(X, 10)
    assert layer.bins[0] == (0, 1)
    assert layer.bins[1] == (7, 14)  # the same everywhere
    assert layer.bins[2] == (np.float32(-1e30), 0, np.float32(1e30))
    net = dr.Network([layer], 3)
    np.testing.assert_array_equal(
        net.predict(X[[0, 5, 20]]), [[0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 1, 1]]
    )


def test_bins_are_of_the_columns_asked_for_and_of_the_network_s_dtype() -> None:
    X = rows(200, 4, "float64") * [1, 2, 3, 4] + 1e8 * np.array([0, 0, 0, 1])
    layer = dr.PiecewiseLinear.from_data(X, 20, 3, columns=[1, 3], linear=False, name="bins")
    assert (layer.columns, layer.d, layer.linear, layer.name) == ((1, 3), 3, False, "bins")
    assert all(np.float32(edge) == edge for edges in layer.bins for edge in edges)
    dr.Network([layer], 4)
    assert len(layer.bins[1]) < 21
    wide = dr.PiecewiseLinear.from_data(X, 20, columns=[3], dtype="float64")
    assert len(wide.bins[0]) == 21
    dr.Network([wide], 4, dtype="float64")
    with pytest.raises(ValueError, match="edges for column 3 that float32 does not tell apart"):
        dr.Network([wide], 4)


def test_data_of_many_kinds_have_bins() -> None:
    for X in ([[1], [2], [3]], np.array([[1], [2], [3]], "uint8"), np.array([[True], [False]])):
        assert dr.PiecewiseLinear.from_data(X, 2).bins[0][0] in (0.0, 1.0)
    frame = pytest.importorskip("pandas").DataFrame({"a": [1, 2, 3.5], "b": [1, 2, 3]})
    assert dr.PiecewiseLinear.from_data(frame, 1).bins == ((1, 3.5), (1, 3))


# Columns -------------------------------------------------------------------------------------


@every_dtype
@every_layer
def test_columns_are_those_of_x_whatever_stands_before(name: str, dtype: str) -> None:
    """Behind codes and another embedding, the same numbers as alone."""
    X = rows(dtype=dtype)
    alone = spread(dr.Network([LAYERS[name]()], 3, dtype=dtype))
    # Columns 0 and 3 hold codes, 2 passes and 5 has waves of its own.
    wide = np.zeros((len(X), 7), dtype)
    wide[:, [1, 4, 6]], wide[:, 2], wide[:, 5] = X, 3.0, X[:, 1]
    wide[:, 0] = np.arange(len(X)) % 3
    layer = LAYERS[name]()
    layer = type(layer)(**{**arguments_of(layer), "columns": [1, 4, 6]})
    before = [dr.Embedding({0: (3, 2), 3: (1, 1)}), dr.Periodic(2, columns=[5])]
    net = dr.Network([*before, layer], 7, dtype=dtype)
    own = net.layers[2]
    for view, numbers in alone.layers[0]._views.items():
        at = {"map0": "map1", "map1": "map4", "map2": "map6"}.get(view, view)
        setattr(own, at, numbers)
    assert own.description.places == (0, 2, 3)
    made, units = net.predict(wide), alone.output_size
    assert_same_bits(made[:, -units:].copy(), alone.predict(X))
    np.testing.assert_array_equal(made[:, 0], 3.0)
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert_same_bits(copied.predict(wide), made)


def arguments_of(layer: Any) -> dict[str, Any]:
    names = (
        ("bins", "d", "linear")
        if isinstance(layer, dr.PiecewiseLinear)
        else ("frequencies", "d", "form", "sigma", "shared")
    )
    return {name: getattr(layer, name) for name in names}


def test_without_columns_all_are_taken_that_are_left() -> None:
    net = dr.Network([dr.Embedding({1: (3, 2)}), dr.Periodic(2), dr.Dense(1)], 4)
    description = net.layers[1].description
    assert (description.columns, description.places) == ((0, 2, 3), (0, 1, 2))
    assert net.layers[1].units == 3 * 4 + 2  # the codes' vectors pass


# Training ------------------------------------------------------------------------------------


@every_layer
def test_gradients_are_right(name: str) -> None:
    X, y = rows(dtype="float64"), rows(n=1, seed=3, dtype="float64")
    net = dr.Network([LAYERS[name](), dr.Dense(4, "tanh"), dr.Dense(1)], 3, dtype="float64")
    check = spread(net).gradient_check(X, y)
    assert check.relative_difference < 1e-7


@every_layer
def test_a_frozen_layer_stays_as_it_is(name: str) -> None:
    layer = LAYERS[name]()
    frozen = type(layer)(**arguments_of(layer), frozen=True)
    net = dr.Network([frozen, dr.Dense(2)], 3)
    before = {k: v.copy() for k, v in net.layers[0]._views.items()}
    W = net.layers[1].W.copy()
    net.fit(rows(), rows(n=2, seed=1), epochs=2)
    for view, numbers in before.items():
        assert_same_bits(getattr(net.layers[0], view), numbers)
    assert not np.array_equal(net.layers[1].W, W)


def test_waves_learn_what_bends() -> None:
    X = np.linspace(-2, 2, 400)[:, np.newaxis]
    y = np.sin(9 * X)
    costs = {}
    for name, layers in {
        "linear": [],
        "pieces": [dr.PiecewiseLinear.from_data(X, 40, 8)],
        "waves": [dr.Periodic(16, form="cosine", sigma=1.0)],
    }.items():
        net = dr.Network([*layers, dr.Dense(1)], 1, seed=1)
        net.fit(X, y, optimizer=dr.Adam(0.02), epochs=150, batch_size=50)
        costs[name] = net.evaluate(X, y)["loss"]
    assert costs["linear"] > 0.4
    assert costs["pieces"] < 0.02
    assert costs["waves"] < 0.02


@every_dtype
@pytest.mark.parametrize("seed", range(5))
def test_rectifiers_behind_the_form_cosine_learn(seed: int, dtype: str) -> None:
    X = rows(400, dtype=dtype)
    y = np.sin(3 * X[:, 0]) + X[:, 1]
    layers = [dr.Periodic(8, form="cosine"), dr.Dense(16, "relu"), dr.Dense(1)]
    net = dr.Network(layers, 3, seed=seed, dtype=dtype)
    net.fit(X, y, optimizer=dr.Adam(0.01), epochs=60, batch_size=50)
    assert net.evaluate(X, y)["loss"] < 0.2 * y.var()
    # Of its columns, and not of the shift alone.
    assert (np.abs(net.layers[0].scale).max(axis=0) > 0.02).all()


def test_huge_numbers_do_not_make_nan_of_waves() -> None:
    most = float(np.finfo("float32").max)
    for name in ("waves", "plr", "plr, shared"):
        net = spread(dr.Network([LAYERS[name]()], 3))
        net.layers[0].frequency = np.full((5, 3), 50.0)
        assert np.isfinite(net.predict([[most, -most, 1e30]])).all()


# The published modules -----------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("lite", [False, True])
def test_plr_is_rtdl_s(lite: bool, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rtdl = pytest.importorskip("rtdl_num_embeddings")
    net = dr.Network([dr.Periodic(9, 6, sigma=1.0, shared=lite)], 3, dtype=dtype)
    layer = spread(net).layers[0]
    module = rtdl.PeriodicEmbeddings(3, 6, n_frequencies=9, lite=lite)
    maps = layer.map if lite else np.stack([getattr(layer, f"map{c}").T for c in range(3)])
    bias = layer.bias[:, 0] if lite else layer.bias.T
    numbers = {"periodic.weight": layer.frequency.T, "linear.weight": maps, "linear.bias": bias}
    _load(module, numbers, dtype)
    X = torch.tensor(rows(dtype=dtype))
    expected = module(X).flatten(1).detach().numpy()
    assert_near(net.predict(X.numpy()), expected, 1e-5 if dtype == "float32" else 1e-13)


@every_dtype
def test_pieces_are_rtdl_s(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rtdl = pytest.importorskip("rtdl_num_embeddings")
    own = dr.PiecewiseLinear.from_data(rows(400, dtype=dtype), 12, 5, dtype=dtype)
    net = spread(dr.Network([own], 3, dtype=dtype))
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:  # its bins are of the default dtype
        theirs = rtdl.compute_bins(torch.tensor(rows(400, dtype=dtype)), 12)
        module = rtdl.PiecewiseLinearEmbeddings(theirs, 5, activation=False, version="B")
    finally:
        torch.set_default_dtype(before)
    for edges, wanted in zip(own.bins, theirs, strict=True):
        assert_near(np.array(edges), wanted.numpy(), 1e-6 if dtype == "float32" else 1e-15)
    layer = net.layers[0]
    numbers = {
        "linear0.weight": layer.slope.T,
        "linear0.bias": layer.bias.T,
        "linear.weight": np.stack([getattr(layer, f"map{c}").T for c in range(3)]),
    }
    _load(module, numbers, dtype)
    X = torch.tensor(2 * rows(dtype=dtype, seed=5))
    expected = module(X).flatten(1).detach().numpy()
    assert_near(net.predict(X.numpy()), expected, 1e-5 if dtype == "float32" else 1e-13)


def _load(module: Any, numbers: dict[str, Array], dtype: str) -> None:
    import torch

    module.to(getattr(torch, dtype))
    tensors = {name: torch.tensor(np.array(a, dtype, order="C")) for name, a in numbers.items()}
    module.load_state_dict(tensors, strict=False)


@every_layer
def test_outputs_are_those_of_the_papers(name: str) -> None:
    torch = pytest.importorskip("torch")
    net = spread(dr.Network([LAYERS[name]()], 3, dtype="float64"))
    X = 2 * rows(dtype="float64")
    expected = published.module_of(net.layers[0], torch.float64)(torch.tensor(X))
    assert_near(net.predict(X), expected.detach().numpy(), 1e-12)


# What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: dr.Periodic(0), ValueError, "Periodic: frequencies is 0: expected 1 or more"),
        (lambda: dr.Periodic(2.5), TypeError, "Periodic: frequencies is 2.5: expected an integer"),
        (lambda: dr.Periodic(3, 0), ValueError, "Periodic: d is 0: expected 1 or more"),
        (lambda: dr.Periodic(3, form="plrs"), ValueError, "plr, pbld, cosine; did you mean 'plr'"),
        (lambda: dr.Periodic(3, form=None), ValueError, "Periodic: form is None: expected one of"),
        (lambda: dr.Periodic(3, sigma=0), ValueError, "sigma is 0: expected a number above 0"),
        (lambda: dr.Periodic(3, sigma=np.nan), ValueError, "sigma is nan"),
        (lambda: dr.Periodic(3, form="pbld"), ValueError, "d, of the form pbld, is 0: expected 2"),
        (lambda: dr.Periodic(3, 1, form="pbld"), ValueError, "pbld, is 1: expected 2 or more"),
        (lambda: dr.Periodic(3, 4, form="cosine"), ValueError, "d is 4 in the form cosine"),
        (lambda: dr.Periodic(3, shared=True), ValueError, "shared is True and there is no map"),
        (lambda: dr.Periodic(3, shared=1), TypeError, "shared is 1: expected True or False"),
        (lambda: dr.Periodic(3, columns=3), TypeError, "columns is 3: expected a list of columns"),
        (lambda: dr.Periodic(3, columns="ab"), TypeError, "columns is 'ab': expected a list"),
        (lambda: dr.Periodic(3, columns=[]), ValueError, r"columns are \[\]: expected 1 or more"),
        (lambda: dr.Periodic(3, columns=[1, 1]), ValueError, r"\[1, 1\]: expected 1 or more, in"),
        (lambda: dr.Periodic(3, columns=[1.0]), TypeError, "column 1.0: expected an integer"),
        (lambda: dr.Periodic(3, columns=[-1]), ValueError, "column -1: expected 0 or more"),
        (lambda: dr.PiecewiseLinear(3), TypeError, "bins is 3: expected the edges of each column"),
        (lambda: dr.PiecewiseLinear([]), ValueError, "bins of no column: expected those of 1"),
        (lambda: dr.PiecewiseLinear([[1]]), ValueError, r"bins\[0\] has shape \(1,\): expected 2"),
        (lambda: dr.PiecewiseLinear([["a"]]), TypeError, r"bins\[0\] is <U1: expected edges"),
        (lambda: dr.PiecewiseLinear([[0, 1], [1, 1]]), ValueError, r"bins\[1\] has 1.0 before 1.0"),
        (lambda: dr.PiecewiseLinear([[0, np.inf]]), ValueError, r"bins\[0\]\[1\] is inf"),
        (lambda: dr.PiecewiseLinear(BINS, 0), ValueError, "PiecewiseLinear: d is 0: expected 1"),
        (lambda: dr.PiecewiseLinear(BINS, columns=[1]), ValueError, "of 3 columns, and 1 columns"),
        (lambda: dr.PiecewiseLinear(BINS, linear=2), TypeError, "linear is 2: expected True or"),
        (lambda: dr.PiecewiseLinear.from_data([1.0]), ValueError, r"X has shape \(1,\): expected"),
        (lambda: dr.PiecewiseLinear.from_data([["a"]]), TypeError, "X is <U1: expected real"),
        (lambda: dr.PiecewiseLinear.from_data([[np.nan]]), ValueError, r"X\[0, 0\] is nan"),
        (lambda: dr.PiecewiseLinear.from_data([[1.0]], 0), ValueError, "bins is 0: expected 1"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([dr.Dense(3), dr.Periodic(3)], r"layers\[1\] is a Periodic: expected it before every"),
        ([dr.Periodic(3), dr.Embedding({0: (3, 2)})], r"layers\[1\] is an Embedding: expected it"),
        ([dr.Periodic(3, columns=[4])], r"layers\[0\] takes column 4: expected less than 4"),
        (
            [dr.Embedding({1: (3, 2)}), dr.Periodic(3, columns=[1])],
            r"layers\[1\] takes column 1, which another layer takes before",
        ),
        (
            [dr.Periodic(3), dr.Periodic(3)],
            r"layers\[1\] is a Periodic, and no column of X is left",
        ),
        ([dr.PiecewiseLinear(BINS)], "bins of 3 columns: expected 4, those of all columns"),
        (
            [dr.Standardize(), dr.PiecewiseLinear(BINS, columns=[0, 1, 2])],
            r"layers\[1\] is a PiecewiseLinear behind a Standardize: expected none",
        ),
        ([dr.PiecewiseLinear([[0, 1e-60]], columns=[0])], "float32 does not tell apart"),
        ([dr.PiecewiseLinear([[0, 1e60]], columns=[0])], "float32 does not tell apart"),
    ],
)
def test_places_where_they_cannot_stand(layers: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dr.Network([*layers, dr.Dense(1)], 4)
