"""The door: an array is used as it is, or refused by name, with the place and what was wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule._data.rows import Rows
from deltarule._data.rows import _moments as moments
from support import DTYPES, Array, assert_same_bits, data, network, nothing_written
from support_data import assert_taken_as

N = [8, 5, 3]
M = 12

NUMBERS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "longdouble",
           ">i2", ">i4", ">u8", ">f2", ">f4", ">f8"]  # fmt: skip


# The same numbers, lying otherwise. Each takes an array and a folder to put files into.


def memory_mapped(array: Array, folder: Path) -> Array:
    path = folder / "array"
    np.memmap(path, array.dtype, "w+", shape=array.shape)[...] = array
    return np.memmap(path, array.dtype, "r", shape=array.shape)


def read_only(array: Array, _: Path) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array: Array, _: Path) -> Array:
    room = np.empty(array.nbytes + 1, np.uint8)
    copy = room[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def every_other(array: Array, _: Path) -> Array:
    return np.repeat(array, 2, axis=-1)[..., ::2]


def with_gaps_between_rows(array: Array, _: Path) -> Array:
    wide = np.concatenate([array, np.full_like(array, 77)], axis=-1)
    return wide[..., : array.shape[-1]]


def backwards(array: Array, _: Path) -> Array:
    everything = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[everything])[everything]


def rows_backwards(array: Array, _: Path) -> Array:
    return np.ascontiguousarray(array[::-1])[::-1]


LAYOUTS: dict[str, Callable[[Array, Path], Any]] = {
    "column-major": lambda array, _: np.asfortranarray(array),
    "every other": every_other,
    "gaps between rows": with_gaps_between_rows,
    "backwards": backwards,
    "rows backwards": rows_backwards,
    "read-only": read_only,
    "memory-mapped": memory_mapped,
    "unaligned": unaligned,
    "list": lambda array, _: array.tolist(),
    "tuple of rows": lambda array, _: tuple(array),
}


def whole_numbers(shape: tuple[int, ...], largest: int) -> Array:
    return np.random.default_rng(0).integers(largest + 1, size=shape).astype(float)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("x_dtype", NUMBERS)
def test_X_of_any_number_type(x_dtype: str, dtype: str) -> None:
    X = whole_numbers((M, N[0]), 1 if x_dtype == "?" else 100)
    if np.dtype(x_dtype).kind == "f":
        X = (X - 50) / 30
    X, y = X.astype(x_dtype), np.arange(M) % 3
    assert_taken_as((X, y, None), (X.astype(dtype), y, None), dtype)


@pytest.mark.parametrize("x_dtype", ["f4", "f8", "u1", "i4", "?"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_X_of_any_layout(layout: str, x_dtype: str, tmp_path: Path) -> None:
    X = whole_numbers((M, N[0]), 1).astype(x_dtype)
    y = np.arange(M) % 3
    for dtype in DTYPES:
        given = LAYOUTS[layout](X, tmp_path)
        assert_taken_as((given, y, None), (X.astype(dtype), y, None), dtype)


def test_X_of_one_row_repeated() -> None:
    row = np.linspace(-1, 1, N[0], dtype=np.float32)
    X, y = np.broadcast_to(row, (M, N[0])), np.arange(M) % 3
    assert_taken_as((X, y, None), (X.copy(), y, None), "float32")


@pytest.mark.parametrize("x_dtype", ["f4", "f8"])
def test_X_of_one_feature(x_dtype: str) -> None:
    wide = np.linspace(-1, 1, 4 * M).reshape(M, 4).astype(x_dtype)
    plain = network([1, 3], dtype="float32").predict(wide[:, 1:2].astype("float32"))
    for X in (wide[:, 1:2], wide[::-1, 1:2][::-1], np.asfortranarray(wide)[:, 1:2]):
        assert_same_bits(network([1, 3], dtype="float32").predict(X), plain)


@pytest.mark.parametrize("y_dtype", NUMBERS)
def test_labels_of_any_integer_type(y_dtype: str) -> None:
    X, _ = data(M, N)
    labels = np.arange(M) % (2 if y_dtype == "?" else 3)
    given = labels.astype(y_dtype)
    if given.dtype.kind == "f":
        net = network(N, "softmax")
        message = r"y is .*float.*: expected integer class labels, 0 to 2 .*y\.astype\(int\)"
        with nothing_written(net), pytest.raises(TypeError, match=message):
            net.fit(X, given)
    else:
        assert_taken_as((X, given, None), (X, labels, None), "float32")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_y_and_weights_of_any_layout(layout: str, tmp_path: Path) -> None:
    X, _ = data(M, N)
    labels, weights = np.arange(M) % 3, np.arange(M) / 4
    rows = np.eye(3)[labels]

    def laid(array: Array, name: str) -> Any:
        if array.ndim == 1 and layout in ("gaps between rows", "tuple of rows"):
            return array
        (tmp_path / name).mkdir(exist_ok=True)
        return LAYOUTS[layout](array, tmp_path / name)

    for y in (labels, rows, rows.astype("f4"), rows.astype("u1"), rows.astype("?")):
        plain = (X, y.astype("i8" if y.ndim == 1 else "f4"), weights)
        assert_taken_as((X, laid(y, "y"), laid(weights, "w")), plain, "float32")


@pytest.mark.parametrize("w_dtype", NUMBERS)
def test_weights_of_any_number_type(w_dtype: str) -> None:
    X, y = data(M, N)[0], np.arange(M) % 3
    weights = whole_numbers((M,), 1 if w_dtype == "?" else 9)
    assert_taken_as((X, y, weights.astype(w_dtype)), (X, y, weights), "float32")


def test_a_column_of_labels_is_labels() -> None:
    X, labels = data(M, N)[0], np.arange(M) % 3
    for column in (labels[:, None], labels[:, None].astype("u1"), labels[:, None].tolist()):
        assert_taken_as((X, column, None), (X, labels, None), "float32")


def test_one_output_takes_a_flat_y() -> None:
    net = network([8, 1])
    X, y = data(M, [8, 1])
    assert net.loss_and_gradients(X, y[:, 0])[0] == net.loss_and_gradients(X, y)[0]
    assert net.evaluate(X, y[:, 0]) == net.evaluate(X, y)


# What is not finite --------------------------------------------------------------------------

NOT_FINITE = [np.nan, np.inf, -np.inf]
Place = tuple[int, ...]


def spoilt(array: Array, place: Place, value: float) -> Array:
    array = array.copy()
    array[place] = value
    return array


def named(what: str, place: Place, value: float) -> str:
    return rf"{what}\[{', '.join(map(str, place))}\] is {value}: expected finite numbers"


@settings(max_examples=100, deadline=None)
@given(
    m=st.integers(1, 40),
    n=st.integers(1, 40),
    dtype=st.sampled_from(["f2", "f4", "f8"]),
    value=st.sampled_from(NOT_FINITE),
    order=st.sampled_from("CF"),
    choose=st.data(),
)
def test_first_number_of_X_that_is_not_finite(
    m: int, n: int, dtype: str, value: float, order: Any, choose: st.DataObject
) -> None:
    places = choose.draw(
        st.lists(st.tuples(st.integers(0, m - 1), st.integers(0, n - 1)), min_size=1, max_size=3)
    )
    X = np.array(whole_numbers((m, n), 1000), dtype=dtype, order=order)
    for place in places:
        X[place] = value
    net = network([n, 2])
    with pytest.raises(ValueError, match=named("X", min(places), value)):
        net.predict(X)


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("threads", [1, 3])
def test_first_of_many_when_threads_share_the_search(threads: int, value: float) -> None:
    X = np.zeros((100_000, 8), np.float32)
    X[[99_999, 40_001, 70_000], [0, 7, 1]] = value
    dr.set_num_threads(threads)
    with pytest.raises(ValueError, match=named("X", (40_001, 7), value)):
        network([8, 1]).predict(X)


@pytest.mark.parametrize("value", NOT_FINITE)
def test_everything_refuses_what_is_not_finite(value: float) -> None:
    n = [8, 5, 2]
    net, optimizer = network(n), dr.Adam()
    X, y = data(M, n)
    weights = np.ones(M)
    net.fit(X, y, optimizer=optimizer)
    X_bad, in_X = spoilt(X, (3, 7), value), named("X", (3, 7), value)
    y_bad, in_y = spoilt(y, (4, 1), value), named("y", (4, 1), value)
    w_bad, in_w = spoilt(weights, (5,), value), named("sample_weight", (5,), value)
    out = np.full((M, 2), 7, np.float32)
    cases: list[tuple[str, Callable[[], Any]]] = [
        (f"predict: {in_X}", lambda: net.predict(X_bad, out=out)),
        (f"forward: {in_X}", lambda: net.forward(X_bad)),
        (f"evaluate: {in_X}", lambda: net.evaluate(X_bad, y)),
        (f"evaluate: {in_y}", lambda: net.evaluate(X, y_bad)),
        (f"evaluate: {in_w}", lambda: net.evaluate(X, y, sample_weight=w_bad)),
        (f"loss_and_gradients: {in_X}", lambda: net.loss_and_gradients(X_bad, y)),
        (f"loss_and_gradients: {in_y}", lambda: net.loss_and_gradients(X, y_bad)),
        (f"loss_and_gradients: {in_w}", lambda: net.loss_and_gradients(X, y, sample_weight=w_bad)),
        (f"fit: {in_X}", lambda: net.fit(X_bad, y, optimizer=optimizer)),
        (f"fit: {in_y}", lambda: net.fit(X, y_bad, optimizer=optimizer)),
        (f"fit: {in_w}", lambda: net.fit(X, y, sample_weight=w_bad, optimizer=optimizer)),
        (
            f"fit: validation {in_X}",
            lambda: net.fit(X, y, validation_data=(X_bad, y), optimizer=optimizer),
        ),
        (
            f"fit: validation.* {in_y}",
            lambda: net.fit(X, y, validation_data=(X, y_bad), optimizer=optimizer),
        ),
    ]
    for message, use in cases:
        with nothing_written(net, optimizer), pytest.raises(ValueError, match=message):
            use()
    assert (out == 7).all()


@pytest.mark.parametrize("use", ["predict", "forward", "fit", "loss_and_gradients", "evaluate"])
def test_numbers_too_large_for_the_network(use: str) -> None:
    """A float64 that is finite may be infinite as the float32 that the network computes with."""
    net = network(N, ["tanh", "identity"])
    X, y = data(M, N, dtype="float64")
    arguments = (spoilt(X, (3, 7), 1e300),) + ((y,) if use not in ("predict", "forward") else ())
    with nothing_written(net), pytest.raises(ValueError, match=rf"{use}: X\[3, 7\] is 1e\+300"):
        getattr(net, use)(*arguments)


@pytest.mark.parametrize("use", ["fit", "loss_and_gradients", "evaluate"])
@pytest.mark.parametrize("weight", [1e-60, 1e60, 1e308])
def test_weights_far_from_1(use: str, weight: float) -> None:
    """Only their ratios count; where float32 cannot hold them they may be refused by name."""
    net = network(N, "softmax")
    X, y = data(M, N, "categorical_cross_entropy")
    cost = net.evaluate(X, y)["loss"]
    arguments = {"epochs": 1, "batch_size": M} if use == "fit" else {}
    refusal, result = "", None
    try:
        result = getattr(net, use)(X, y, sample_weight=np.full(M, weight), **arguments)
    except ValueError as error:
        refusal = str(error)
    if not refusal:
        found = result[0] if isinstance(result, tuple) else result["loss"]  # type: ignore[index]
        assert found == pytest.approx([cost] if use == "fit" else cost, rel=1e-5)
    else:
        assert "sample_weight" in refusal


# What does not fit ---------------------------------------------------------------------------


class Case:
    """What is wrong, how it comes to be, and what the message says of it."""

    def __init__(
        self, name: str, message: str, error: type[Exception] = ValueError, **given: Any
    ) -> None:
        self.name, self.message, self.error, self.given = name, message, error, given


X_, Y_ = np.ones((M, 8)), np.eye(3)[np.arange(M) % 3]
LABELS = np.arange(M) % 3
REAL = "expected real numbers"
NOT_NUMBERS = [
    ("objects", np.array([[object()] * 8] * M)),
    ("objects that are numbers", X_.astype(object)),
    ("text", X_.astype(str)),
    ("bytes", X_.astype(bytes)),
    ("complex", X_ * 1j),
    ("dates", X_.astype("M8[s]")),
    ("durations", X_.astype("m8[s]")),
    ("records", np.zeros((M, 8), [("a", "f4")])),
    ("nothing", None),
    ("a function", len),
]
NEGATIVE = np.where(np.arange(M) == 3, -1.0, 1.0)
CASES = [
    *(Case(f"X of {name}", rf"X is .*: {REAL}", TypeError, X=X) for name, X in NOT_NUMBERS),
    *(Case(f"y of {name}", rf"y is .*: {REAL}", TypeError, y=y) for name, y in NOT_NUMBERS),
    Case("weights of text", rf"sample_weight is <U1: {REAL}", TypeError, sample_weight=["a"] * M),
    Case(
        "ragged X",
        r"X\[1\] has 1 numbers but (validation )?X\[0\] has 8: expected rows of one length",
        X=[[1.0] * 8, [1.0]],
    ),
    Case(
        "ragged y", r"y\[2\] has 2 numbers but y\[0\] has 3: ex", y=[[1, 0, 0]] * 2 + [[1, 0]] * 10
    ),
    Case(
        "X flat",
        r"X has shape \(8,\): expected \(n_samples, 8\).*; .*X\.reshape\(1, -1\) would fit as one",
        X=np.ones(8),
    ),
    Case("X of three dimensions", r"X has shape \(12, 8, 1\): expected", X=np.ones((M, 8, 1))),
    Case("X a number", r"X has shape \(\): expected", X=1.0),
    Case("X too narrow", r"X has shape \(12, 7\): expected \(n_samples, 8\)", X=X_[:, :7]),
    Case(
        "X turned",
        r"X has shape \(8, 12\): expected \(n_samples, 8\).*; .*X\.T would fit: an exam",
        X=X_.T,
    ),
    Case("X without rows", "X has no rows: expected 1 or more", X=X_[:0], y=LABELS[:0]),
    Case("X without columns", r"X has shape \(12, 0\)", X=X_[:, :0]),
    Case("X an empty list", r"X has shape \(0,\)", X=[], y=[]),
    Case("y too short", r"y has shape \(11,\) but X has 12 rows", y=LABELS[:-1]),
    Case("y a number", r"y has shape \(\) but X has 12 rows", y=1),
    Case("y empty", r"y has shape \(0,\) but X has 12 rows", y=[]),
    Case(
        "y a column of numbers", r"y has shape \(12, 1\): expected \(12, 3\)", y=LABELS[:, None] / 2
    ),
    Case("y too wide", r"y has shape \(12, 4\): expected \(12, 3\)", y=np.ones((M, 4))),
    Case("y turned", r"y has shape \(3, 12\) but X has 12 rows.*; y\.T would fit", y=Y_.T),
    Case("y of three dimensions", r"y has shape \(12, 3, 1\)", y=Y_[..., None]),
    Case(
        "label too large",
        r"y\[2\] is 3: expected 0 to 2, as .* 3 outputs",
        y=LABELS + (LABELS == 2),
    ),
    Case("label negative", r"y\[0\] is -1: expected 0 to 2", y=LABELS - 1),
    Case("label huge", r"y\[0\] is .*: expected 0 to 2", y=np.full(M, 2**64 - 1, np.uint64)),
    Case("probability above 1", r"y\[0, 0\] is 1\.5: expected 0 to 1", y=1.5 * Y_),
    Case("probability negative", r"y\[0, 1\] is -1\.0: expected 0 to 1", y=2 * Y_ - 1),
    Case(
        "labels without classes",
        r"y has shape \(12,\): expected \(12, 3\).* labels need a softmax output with loss='categ",
        y=LABELS,
        loss="mean_squared_error",
    ),
    Case("loss unknown", "loss is 'sme': expected one of .*did you mean 'mean_sq", loss="sme"),
    Case("weights of zeros", "sample_weight is 0 for every", sample_weight=np.zeros(M)),
    Case("weight negative", r"sample_weight\[3\] is -1\.0: expected 0 or", sample_weight=NEGATIVE),
    Case("weights too few", r"sample_weight has shape \(11,\)", sample_weight=np.ones(M - 1)),
    Case("weights a column", r"sample_weight has shape \(12, 1\)", sample_weight=np.ones((M, 1))),
    Case("weights a number", r"sample_weight has shape \(\)|\(1,\)", sample_weight=1.0),
]


@pytest.mark.parametrize("use", ["fit", "evaluate", "loss_and_gradients"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(case: Case, use: str) -> None:
    net = network(N, "softmax")
    arguments: dict[str, Any] = {"X": X_, "y": LABELS} | case.given
    message = f"^{use}: {case.message}"
    with nothing_written(net), pytest.raises(case.error, match=message):
        getattr(net, use)(**arguments)


OF_X_AND_Y = [case for case in CASES if case.given.keys() <= {"X", "y"}]


@pytest.mark.parametrize("case", OF_X_AND_Y, ids=lambda case: case.name)
def test_refused_for_validation(case: Case) -> None:
    net, optimizer = network(N, "softmax"), dr.Adam()
    given = {"X": X_, "y": LABELS} | case.given
    pair = (given["X"], given["y"])
    with nothing_written(net, optimizer), pytest.raises(case.error, match=case.message):
        net.fit(X_, LABELS, optimizer=optimizer, validation_data=pair)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "epochs is -1: expected 0 or more"),
        ({"epochs": 1.0}, TypeError, r"epochs is 1\.0: expected an integer"),
        ({"epochs": True}, TypeError, "epochs is True: expected an integer"),
        ({"batch_size": 0}, ValueError, "batch_size is 0: expected 1 or more"),
        ({"batch_size": "32"}, TypeError, "batch_size is '32': expected an integer"),
        ({"optimizer": "adamax"}, ValueError, "optimizer is 'adamax': expected"),
        ({"validation_data": (X_,)}, (TypeError, ValueError), "validation_data"),
        ({"validation_data": X_}, (TypeError, ValueError), "validation_data"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_fit_refuses(given: dict[str, Any], error: Any, message: str) -> None:
    net = network(N, "softmax")
    with nothing_written(net), pytest.raises(error, match=message):
        net.fit(X_, LABELS, **given)


# The moments of columns -----------------------------------------------------------------------


def test_moments_are_the_columns_own_in_windows_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3)) * [1, 1e-3, 1e6] + [0, 1e6, -1e3]
    exact = X.astype(np.longdouble)
    for rows_a_window in (1, 7, 499, 500):
        monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", 8 * 3 * rows_a_window)
        mean, variance = moments(Rows(X))
        error = np.abs(mean - exact.mean(axis=0))
        assert (error < 1e-14 * X.std(axis=0) + np.spacing(np.abs(mean))).all()
        np.testing.assert_allclose(variance, exact.var(axis=0).astype(float), rtol=1e-12)


def test_the_moments_of_integers_do_not_wrap() -> None:
    X = np.array([[0, 255], [255, 0], [10, 10]], np.uint8)
    mean, variance = moments(Rows(X))
    np.testing.assert_allclose(mean, X.mean(axis=0))
    np.testing.assert_allclose(variance, X.var(axis=0))


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 1e9 / 7, 1e-300, -1e100])
def test_numbers_that_differ_by_their_rounding_alone_have_a_variance_of_0(value: float) -> None:
    """Such as 0.1 + 0.2 and 0.3; ten times as far apart they have the variance that they have."""
    beside = np.nextafter(value, np.inf)
    for other in (value, beside, np.nextafter(beside, np.inf)):
        X = np.array([[value], [other], [value], [value]])
        assert moments(Rows(X))[1] == 0
    X[1] = value + 40 * (beside - value)
    assert X[1] != value
    with np.errstate(under="ignore"):
        assert (moments(Rows(X))[1] > 0) == (X.var(axis=0) > 0)


def test_a_column_that_changes_between_windows_is_not_the_same_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", 8 * 2)
    mean, variance = moments(Rows(np.array([[1.0], [1.0], [3.0], [3.0]])))
    assert (mean, variance) == (2, 1)
