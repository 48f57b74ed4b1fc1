"""What holds X and y: each is taken as the plain array of its numbers, or refused by name."""

import array
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule._data.containers import opened
from support import DTYPES, Array, assert_same_bits, data, network, nothing_written, output_of
from support_data import assert_taken_as, everything_of

sparse = pytest.importorskip("scipy.sparse")
N, M = [8, 5, 3], 12
LABELS = np.arange(M) % 3
SPARSE_DTYPES = ["f4", "f8", "u1", "i1", "i4", "i8", "u8", "?"]


def mostly_zeros(shape: tuple[int, ...], dtype: str = "f4", seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    X = rng.integers(1, 100, size=shape) * (rng.uniform(size=shape) < 0.3)
    X = X / 7 if np.dtype(dtype).kind == "f" else X
    return X.astype(dtype)


def copied(matrix: Any) -> list[Array]:
    return [matrix.data.copy(), matrix.indices.copy(), matrix.indptr.copy()]


# Tensors and buffers ----------------------------------------------------------------------------


class OnlyDLPack:
    """What has the protocol, and nothing else."""

    def __init__(self, numbers: Array) -> None:
        self.numbers = numbers

    def __dlpack__(self, **arguments: Any) -> Any:
        return self.numbers.__dlpack__(**arguments)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.numbers.__dlpack_device__()


class OnAnotherDevice(OnlyDLPack):
    def __dlpack__(self, **arguments: Any) -> Any:
        raise BufferError("the numbers are on a GPU")

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        raise TypeError("implicit conversion is not allowed")


def test_dlpack_is_read_in_place() -> None:
    X = data(M, N)[0]
    assert_taken_as((OnlyDLPack(X), LABELS, None), (X, LABELS, None), "float32")
    assert np.shares_memory(opened(OnlyDLPack(X), "", "X").rows, X)
    turned = OnlyDLPack(np.asfortranarray(X))
    assert_taken_as((turned, OnlyDLPack(LABELS), None), (X, LABELS, None), "float32")


def test_a_device_that_is_not_the_cpu_is_named() -> None:
    net = network(N)
    message = r"^predict: X is a OnAnotherDevice that NumPy cannot take over \(.*\): expected .*CPU"
    with nothing_written(net), pytest.raises(TypeError, match=message):
        net.predict(OnAnotherDevice(data(M, N)[0]))


def test_tensors_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    X = data(M, N)[0]
    tensor = torch.from_numpy(X.copy())
    weights = torch.linspace(0, 1, M, dtype=torch.float64)
    labels = torch.from_numpy(LABELS)
    assert opened(tensor, "", "X").rows.ctypes.data == tensor.data_ptr()
    plain = (X, LABELS, weights.numpy())
    assert_taken_as((tensor, labels, weights), plain, "float32")
    assert_taken_as((tensor.t().contiguous().t(), labels, weights), plain, "float32")
    assert_taken_as((tensor.double(), labels.int(), weights), plain, "float32")
    net = network(N, "softmax")
    for refused in (
        tensor.clone().requires_grad_(),
        tensor.bfloat16(),
        tensor.to("meta"),
        tensor.to_sparse(),
    ):
        with nothing_written(net), pytest.raises(TypeError, match=r"fit: X is a Tensor.*detach"):
            net.fit(refused, labels)
        with nothing_written(net), pytest.raises(TypeError, match=r"fit: X is a Tensor.*detach"):
            net.fit(refused, LABELS)


def test_tensors_that_stand_for_other_numbers_than_lie_there() -> None:
    """PyTorch's negatives, conjugates and zeros are made when they are read."""
    torch = pytest.importorskip("torch")
    X = data(M, N)[0]
    tensor = torch.from_numpy(X.copy())
    negative = torch.complex(tensor, -tensor).conj().imag
    assert negative.is_neg()
    assert_taken_as((negative, LABELS, None), (X, LABELS, None), "float32")
    assert_taken_as((torch._neg_view(-tensor), LABELS, None), (X, LABELS, None), "float32")
    nothing = torch._efficientzerotensor((M, N[0]))
    assert_taken_as((nothing, LABELS, None), (np.zeros_like(X), LABELS, None), "float32")
    weights = torch._neg_view(-torch.ones(M))
    assert_taken_as((X, LABELS, weights), (X, LABELS, np.ones(M)), "float32")
    conjugate = torch.complex(tensor, tensor).conj()
    with pytest.raises(TypeError, match="predict: X is complex64: expected real numbers"):
        network(N).predict(conjugate)


@pytest.mark.filterwarnings("ignore:The PyTorch API of MaskedTensors")
def test_the_mask_of_a_tensor_is_not_lost() -> None:
    torch = pytest.importorskip("torch")
    X = torch.from_numpy(data(M, N)[0])
    masked = torch.masked.masked_tensor(X, X > 0)
    net = network(N)
    message = r"^predict: X is a MaskedTensor: expected a tensor without a mask, .*to_tensor\(0.0\)"
    with nothing_written(net), pytest.raises(TypeError, match=message):
        net.predict(masked)
    assert_same_bits(net.predict(masked.to_tensor(0.0)), net.predict(X.clamp(min=0)))


def test_a_ragged_list_is_blamed() -> None:
    net = network([2, 1])
    with nothing_written(net), pytest.raises(ValueError, match=r"fit: X\[1\] has 1 numbers but"):
        net.fit([[1.0, 2.0], [3.0]], [0.0, 1.0])


def test_buffers() -> None:
    X = data(M, N)[0]
    y = array.array("q", LABELS.tolist())
    weights = array.array("d", (np.arange(M) / 4).tolist())
    flat = array.array("f", X.ravel().tolist())
    view = memoryview(flat).cast("B").cast("f", (M, N[0]))
    assert_taken_as((view, y, weights), (X, LABELS, np.arange(M) / 4), "float32")
    assert np.shares_memory(opened(view, "", "X").rows, np.asarray(flat))
    one = array.array("f", X[3].tolist())
    assert_same_bits(network(N).predict(one), network(N).predict(X)[3])


def test_masked_arrays() -> None:
    X = data(M, N)[0]
    net = network(N)
    whole = np.ma.masked_array(X, np.zeros(X.shape, bool))
    assert_same_bits(net.predict(whole), net.predict(X))
    assert_same_bits(net.predict(np.ma.masked_array(X)), net.predict(X))
    missing = np.ma.masked_array(X, np.isin(X, X[3, 7]))
    with pytest.raises(ValueError, match=r"X\[3, 7\] is nan: expected finite numbers"):
        net.predict(missing)


# Sparse matrices --------------------------------------------------------------------------------

FORMATS = ["csr", "csc", "coo", "bsr", "lil", "dok", "dia"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("x_dtype", SPARSE_DTYPES)
def test_sparse_rows_of_any_number_type(x_dtype: str, dtype: str) -> None:
    X = mostly_zeros((M, N[0]), x_dtype)
    plain = (X.astype(dtype), LABELS, np.arange(M) / 4)
    for make in (sparse.csr_matrix, sparse.csr_array):
        assert_taken_as((make(X), LABELS, np.arange(M) / 4), plain, dtype)


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("form", FORMATS)
def test_sparse_matrices_of_any_format(form: str, kind: str) -> None:
    X = mostly_zeros((M, N[0]))
    matrix = getattr(sparse, f"{form}_{kind}")(X)
    assert_taken_as((matrix, LABELS, None), (X, LABELS, None), "float32")


@pytest.mark.parametrize("n", [[8, 5, 3], [300, 400, 10], [2000, 4, 2]])
@pytest.mark.parametrize("threads", [1, 3])
def test_sparse_is_dense_to_the_bit_in_every_way_through_a_batch(
    n: list[int], threads: int
) -> None:
    """Small batches, groups of slices, and layer by layer in halves of the features."""
    m = 700
    X, y = mostly_zeros((m, n[0])), np.arange(m) % n[-1]
    dr.set_num_threads(threads)
    for batch_size in (50, m):
        dense, rows = network(n, ["relu", "softmax"]), network(n, ["relu", "softmax"])
        expected = everything_of(dense, X, y, None, batch_size=batch_size)
        actual = everything_of(rows, sparse.csr_array(X), y, None, batch_size=batch_size)
        for one, other in zip(actual, expected, strict=True):
            assert_same_bits(one, other)


@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(1, 12),
    n=st.integers(1, 12),
    wide=st.booleans(),
    dtype=st.sampled_from(["f4", "f8", "i8"]),
    choose=st.data(),
)
def test_sparse_structures(m: int, n: int, wide: bool, dtype: str, choose: st.DataObject) -> None:
    """Indices in any order, twice or not at all; zeros that are stored; rows without any."""
    lengths = choose.draw(st.lists(st.integers(0, 5), min_size=m, max_size=m))
    stored = sum(lengths)
    indices = choose.draw(st.lists(st.integers(0, n - 1), min_size=stored, max_size=stored))
    values = choose.draw(st.lists(st.integers(-3, 3), min_size=stored, max_size=stored))
    matrix = sparse.csr_array((m, n), dtype=dtype)
    integer = np.int64 if wide else np.int32
    matrix.data = np.array(values, dtype)
    matrix.indices = np.array(indices, integer)
    matrix.indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(integer)
    before = copied(matrix)
    net = network([n, 2])
    A = net.predict(matrix)
    for now, then in zip(copied(matrix), before, strict=True):
        assert_same_bits(now, then)
    assert_same_bits(A, net.predict(matrix.toarray()))


def test_duplicates_are_added_up_and_the_callers_own_stays() -> None:
    matrix = sparse.csr_matrix(
        ([1.0, 2.0, 4.0, 8.0], ([0, 0, 0, 2], [5, 1, 5, 7])), shape=(3, 8), dtype="f4"
    )
    matrix.data = np.array([1, 4, 2, 8], "f4")
    matrix.indices = np.array([5, 5, 1, 7], "i4")
    matrix.indptr = np.array([0, 3, 3, 4], "i4")
    matrix.has_canonical_format = True  # what it says of itself is not to be relied on
    before = copied(matrix)
    net = network(N)
    expected = np.zeros((3, 8), "f4")
    expected[0, [1, 5]], expected[2, 7] = [2, 5], 8
    assert_same_bits(net.predict(matrix), net.predict(expected))
    for now, then in zip(copied(matrix), before, strict=True):
        assert_same_bits(now, then)
    matrix.data = np.array([200, 100, 2, 8], "u1")  # which add up beyond their type
    assert_same_bits(net.predict(matrix), net.predict(matrix.toarray()))
    duplicated = sparse.coo_array(([1e38, 3e38], ([2, 2], [6, 6])), shape=(3, 8), dtype="f4")
    with pytest.raises(ValueError, match=r"X\[2, 6\] is inf: expected finite"):
        net.predict(duplicated)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", FORMATS)
def test_stored_numbers_that_are_not_finite(form: str, value: float) -> None:
    X = mostly_zeros((M, N[0]), "f8")
    X[7, 2], X[9, 0] = value, np.nan
    net = network(N)
    message = rf"^predict: X\[7, 2\] is {value}: expected finite numbers"
    with pytest.raises(ValueError, match=message):
        net.predict(getattr(sparse, f"{form}_array")(X))
    X[[7, 9], [2, 0]] = [1e300, 0]
    with pytest.raises(ValueError, match=r"X\[7, 2\] is 1e\+300: .*finite as float32"):
        net.predict(getattr(sparse, f"{form}_array")(X))


def spoilt(form: str, **parts: tuple[int, int]) -> Any:
    """A matrix, one number of one of whose index arrays is another."""
    matrix = getattr(sparse, f"{form}_matrix")(mostly_zeros((M, N[0])))
    for name, (at, value) in parts.items():
        getattr(matrix, name)[at] = value
    return matrix


def without_a_start(form: str) -> Any:
    matrix = spoilt(form)
    matrix.indptr = matrix.indptr[:-1].copy()
    return matrix


def without_data(form: str) -> Any:
    matrix = spoilt(form)
    matrix.data = matrix.data[:-1].copy()
    return matrix


BROKEN: list[tuple[str, Callable[[], Any], str]] = [
    ("a column that is not there", lambda: spoilt("csr", indices=(5, 8)),
     r"X\.indices\[5\] is 8: expected 0 to 7"),
    ("a column far away", lambda: spoilt("csr", indices=(0, 2**31 - 1)), r"indices\[0\] is 2147"),
    ("a negative column", lambda: spoilt("csr", indices=(5, -1)), r"X\.indices\[5\] is -1"),
    ("a start behind the next", lambda: spoilt("csr", indptr=(3, 10**6)), r"indptr\[3\] is 1000"),
    ("a start before the last", lambda: spoilt("csr", indptr=(3, 0)), r"indptr\[3\] is 0: "),
    ("a first start of 1", lambda: spoilt("csr", indptr=(0, 1)), r"indptr\[0\] is 1: expec"),
    ("a negative start", lambda: spoilt("csr", indptr=(0, -5)), r"indptr\[0\] is -5"),
    ("an end too far", lambda: spoilt("csr", indptr=(M, 10**6)), r"X\.indptr\[12\] is 1000000"),
    ("a start too few", lambda: without_a_start("csr"), r"X\.indptr has shape \(12,\): expected"),
    ("data too short", lambda: without_data("csr"), r"X\.indptr\[12\] is \d+: expected"),
    ("CSC: a row that is not there", lambda: spoilt("csc", indices=(5, 12)),
     r"X\.indices\[5\] is 12: expected 0 to 11"),
    ("CSC: a start behind the next", lambda: spoilt("csc", indptr=(3, 10**6)), r"X\.indptr\[3\]"),
    ("CSC: a start too few", lambda: without_a_start("csc"), r"X\.indptr has shape \(8,\)"),
    ("BSR: a block that is not there", lambda: spoilt("bsr", indices=(0, 99)), r"X\.indices\[0\]"),
    ("COO: a row that is not there", lambda: spoilt("coo", row=(4, 12)), r"X\.row\[4\] is 12"),
    ("COO: a negative column", lambda: spoilt("coo", col=(4, -1)), r"X\.col\[4\] is -1: expected"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), [case[1:] for case in BROKEN],
                         ids=[case[0] for case in BROKEN])  # fmt: skip
def test_broken_sparse_matrices(make: Callable[[], Any], message: str) -> None:
    net = network(N, "softmax")
    uses: dict[str, Callable[[], Any]] = {
        "predict": lambda: net.predict(make()),
        "forward": lambda: net.forward(make()),
        "fit": lambda: net.fit(make(), LABELS),
        "evaluate": lambda: net.evaluate(make(), LABELS),
        "loss_and_gradients": lambda: net.loss_and_gradients(make(), LABELS),
    }
    for where, use in uses.items():
        expected = rf"^{where}: .*{message}.*broken"
        with nothing_written(net), pytest.raises(ValueError, match=expected):
            use()


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (sparse.csr_array((M, 7)), ValueError, r"X has shape \(12, 7\): expected \(n_samples, 8\)"),
        (sparse.csr_array((0, 8)), ValueError, "X has no rows: expected 1 or more"),
        (sparse.coo_array(np.ones(8)), ValueError, r"X has shape \(8,\): expected two dimensions"),
        (sparse.csr_array(1j * np.ones((M, 8))), TypeError, "X is complex128: expected real num"),
        (sparse.csr_array((M + 1, 8)), ValueError, r"y has shape \(12,\) but X has 13 rows"),
    ],
)
def test_sparse_matrices_that_do_not_fit(X: Any, error: type[Exception], message: str) -> None:
    net = network(N, "softmax")
    with nothing_written(net), pytest.raises(error, match=f"^fit: {message}"):
        net.fit(X, LABELS)


def test_predict_with_sparse_rows_and_out() -> None:
    X = mostly_zeros((M, N[0]))
    net, out = network(N), np.empty((M, 3), np.float32)
    assert net.predict(sparse.csr_array(X), out=out) is out
    assert_same_bits(out, net.predict(X))
    assert net.predict(sparse.csr_array((0, 8))).shape == (0, 3)


def test_the_cache_of_sparse_rows() -> None:
    X = mostly_zeros((M, N[0]))
    _, caches = network(N).forward(sparse.csr_array(X))
    assert_same_bits(caches[0].A_prev, X)
    assert not caches[0].A_prev.flags.writeable


def test_sparse_targets() -> None:
    X, rows = data(M, N)[0], np.eye(3)[LABELS]
    for make in (sparse.csr_matrix, sparse.coo_array, sparse.csc_array):
        assert_taken_as((X, make(rows), None), (X, rows, None), "float32")
    with pytest.raises(ValueError, match=r"y has shape \(12, 4\): expected \(12, 3\)"):
        network(N, "softmax").fit(X, sparse.csr_array(np.ones((M, 4))))


def test_sparse_labels() -> None:
    X = data(M, N)[0]
    for make in (sparse.csr_matrix, sparse.coo_array, sparse.csc_array):
        assert_taken_as((X, make(LABELS[:, None]), None), (X, LABELS, None), "float32")
    given = (X, sparse.coo_array(LABELS), sparse.coo_array(np.arange(M) / 4))
    assert_taken_as(given, (X, LABELS, np.arange(M) / 4), "float32")


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")
def test_sparse_rows_are_never_made_dense() -> None:
    """Dense, these rows would take 8 GB."""
    script = """
import numpy as np
import scipy.sparse as sparse
import deltarule as dr

m, n = 20_000, 100_000
rng = np.random.default_rng(0)
columns = np.sort(rng.integers(n // 5, size=(m, 5)) * 5 + np.arange(5), axis=1)
X = sparse.csr_array((np.ones(5 * m, "f4"), columns.ravel(), np.arange(0, 5 * m + 1, 5)), (m, n))
y = np.zeros(m, np.float32)
net = dr.Network([dr.Dense(2, "relu"), dr.Dense(1)], input_size=n)
net.fit(X[:64], y[:64])
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])
before = peak()
net.fit(X, y, batch_size=64)
net.predict(X)
net.evaluate(X.tocsc(), y)
print(peak() - before)
"""
    kilobytes = int(output_of(script, timeout=120))
    print(f"the peak rose by {kilobytes / 1024:.0f} MB")
    assert kilobytes < 400 * 1024


# Data frames ------------------------------------------------------------------------------------


def libraries() -> list[Any]:
    return [pytest.importorskip("pandas"), pytest.importorskip("polars")]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("x_dtype", ["f4", "f8", "i8", "u1", "?"])
def test_frames_of_one_type(library: str, x_dtype: str) -> None:
    module = pytest.importorskip(library)
    X = mostly_zeros((M, N[0]), x_dtype)
    frame = module.DataFrame({f"x{i}": X[:, i] for i in range(N[0])})
    weights = np.arange(M) / 4
    given = (frame, module.Series(LABELS), module.Series(weights))
    assert_taken_as(given, (X.astype("f4"), LABELS, weights), "float32")


def test_a_pandas_frame_over_an_array_is_not_copied() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(mostly_zeros((M, N[0])))
    assert np.shares_memory(opened(frame, "", "X").rows, frame.to_numpy())


MIXED = {
    "age": [31, 45, 27, 60],
    "height": [1.5, 1.75, 1.625, 2.0],
    "member": [True, False, True, True],
}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_several_types(library: str) -> None:
    module = pytest.importorskip(library)
    frame = module.DataFrame(MIXED)
    X = np.column_stack([np.array(column, float) for column in MIXED.values()])
    net = network([3, 2], dtype="float64")
    assert_same_bits(net.predict(frame), net.predict(X))
    Y = module.DataFrame({"a": [0.5, 1, 2, 3], "b": [1, 2, 3, 4]})
    expected = np.column_stack([[0.5, 1, 2, 3], [1, 2, 3, 4]])
    assert net.evaluate(frame, Y) == net.evaluate(X, expected)


def test_types_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    X = np.column_stack([np.array(column, float) for column in MIXED.values()])
    net = network([3, 2], dtype="float64")
    A = net.predict(X)
    frame = pandas.DataFrame(MIXED)
    narrow = frame.astype({"age": "UInt8", "height": "Float32", "member": "boolean"})
    for same in (
        frame.convert_dtypes(),
        narrow,
        frame.set_axis(["a", "a", 7], axis=1),
        frame.set_index("height", drop=False),
        frame.astype("Sparse[float]"),
        frame.astype(pandas.SparseDtype(float, 0.0)),
    ):
        assert_same_bits(net.predict(same), A)
    one = pandas.Series(X[1], index=list(MIXED))
    assert_same_bits(net.predict(one), A[1])
    labels = pandas.Series([0, 1, 1, 0], dtype="Int64")
    softmax = network([3, 2], "softmax")
    assert softmax.evaluate(X, labels) == softmax.evaluate(X, [0, 1, 1, 0])


def test_types_of_polars() -> None:
    polars = pytest.importorskip("polars")
    X = np.column_stack([np.array(column, float) for column in MIXED.values()])
    net = network([3, 2], dtype="float64")
    A = net.predict(X)
    frame = polars.DataFrame(MIXED)
    for same in (
        frame.cast({"age": polars.UInt8, "height": polars.Float32}),
        frame.cast({"height": polars.Decimal(10, 3)}),
        polars.concat([frame[:1], frame[1:]], rechunk=False),
    ):
        assert_same_bits(net.predict(same), A)
    assert_same_bits(net.predict(polars.Series(X[1])), A[1])


@pytest.mark.parametrize("library", ["pandas", "polars", "pandas nullable", "pandas sparse"])
@pytest.mark.parametrize("column", list(MIXED))
def test_missing_values_are_named_by_their_column(library: str, column: str) -> None:
    module = pytest.importorskip(library.split()[0])
    holed: dict[str, list[Any]] = {name: list(values) for name, values in MIXED.items()}
    holed[column][2] = None
    frame = module.DataFrame(holed)
    if library == "pandas nullable":
        frame = frame.convert_dtypes()
    elif library == "pandas sparse":
        frame = frame.astype(float).astype(module.SparseDtype(float, 0.0))
    elif library == "pandas":
        frame = frame.astype(float)
    j = list(MIXED).index(column)
    message = rf"^predict: X\[2, {j}\] in column '{column}' is nan: expected finite numbers"
    with pytest.raises(ValueError, match=message):
        network([3, 2]).predict(frame)


def test_missing_labels() -> None:
    pandas, polars = libraries()
    net = network([3, 2], "softmax")
    X = np.ones((4, 3))
    for y in (
        pandas.Series([0, 1, None, 1], dtype="Int64"),
        pandas.Series([0, 1, None, 1]),
        polars.Series([0, 1, None, 1]),
    ):
        with nothing_written(net), pytest.raises(ValueError, match=r"fit: y\[2\] is nan: expected"):
            net.fit(X, y)


NOT_NUMBERS_OF_PANDAS = [
    ("category", ["a", "b", "a", "b"]),
    ("str", ["a", "b", "a", "b"]),
    ("object", [1, 2, 3, 4]),
    ("datetime64[ns]", [1, 2, 3, 4]),
    ("timedelta64[ns]", [1, 2, 3, 4]),
    ("complex128", [1, 2, 3, 4]),
]


@pytest.mark.parametrize(("dtype", "values"), NOT_NUMBERS_OF_PANDAS)
def test_columns_of_pandas_that_are_no_numbers(dtype: str, values: list[Any]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(MIXED | {"city": pandas.Series(values, dtype=dtype)})
    net = network([4, 2], "softmax")
    message = r"^fit: X column 'city' is .*: expected real numbers; .*pandas\.get_dummies"
    with nothing_written(net), pytest.raises(TypeError, match=message):
        net.fit(frame, [0, 1, 0, 1])
    message = r"^fit: y is .*: expected real numbers; .*pandas\.factorize"
    with nothing_written(net), pytest.raises(TypeError, match=message):
        net.fit(np.ones((4, 4)), frame["city"])
    only = frame[["city", "city", "city", "city"]]
    with nothing_written(net), pytest.raises(TypeError, match=r"^predict: X column 'city' is"):
        net.predict(only)


def test_columns_of_polars_that_are_no_numbers() -> None:
    polars = pytest.importorskip("polars")
    net = network([4, 2], "softmax")
    text = polars.Series("city", ["a", "b", "a", "b"])
    for city in (
        text,
        text.cast(polars.Categorical),
        text.cast(polars.Enum(["a", "b"])),
        polars.Series("city", [1, 2, 3, 4]).cast(polars.Date),
        polars.Series("city", [[1], [2], [3], [4]]),
    ):
        frame = polars.DataFrame(MIXED).with_columns(city)
        message = r"^fit: X column 'city' is .*: expected real numbers; .*to_dummies"
        with nothing_written(net), pytest.raises(TypeError, match=message):
            net.fit(frame, [0, 1, 0, 1])
        with nothing_written(net), pytest.raises(TypeError, match=r"^fit: y is .*: expected real"):
            net.fit(np.ones((4, 4)), city)


def test_frames_that_do_not_fit() -> None:
    net = network([3, 2], "softmax")
    for library in libraries():
        frame = library.DataFrame(MIXED)
        with pytest.raises(ValueError, match=r"X has shape \(4, 2\): expected \(n_samples, 3\)"):
            net.predict(frame[["age", "height"]])
        with pytest.raises(ValueError, match=r"X has shape \(\d, 0\)"):
            net.predict(library.DataFrame())
        with pytest.raises(ValueError, match=r"y has shape \(3,\) but X has 4 rows"):
            net.fit(frame, library.Series([0, 1, 0]))


# Tables that are no data frames ------------------------------------------------------------------


def test_dictionaries_of_columns() -> None:
    X = np.column_stack([np.array(column, float) for column in MIXED.values()])
    net = network([3, 2], dtype="float64")
    A = net.predict(X)
    arrays = {name: np.array(column) for name, column in MIXED.items()}
    for module in libraries():
        arrays |= {"age": module.Series(MIXED["age"])}
        assert_same_bits(net.predict(arrays), A)
    assert_same_bits(net.predict(MIXED), A)
    assert_same_bits(net.predict({name: column[1] for name, column in MIXED.items()}), A[1])
    Y = {"a": [0.5, 1, 2, 3], "b": [1, 2, 3, 4]}
    assert net.evaluate(X, Y) == net.evaluate(X, np.column_stack([*Y.values()]))


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"a": [1.0, 2.0], "b": [1.0]}, ValueError,
         r"X column 'b' has shape \(1,\): expected \(2,\), as column 'a' has"),
        ({"a": [[1.0], [2.0]]}, ValueError, r"X column 'a' has shape \(2, 1\): expected one dim"),
        ({"a": ["x", "y"]}, TypeError, "X column 'a' is <U1: expected real numbers"),
        ({"a": [1.0, np.nan]}, ValueError, r"X\[1, 0\] in column 'a' is nan"),
        ({}, ValueError, r"X has shape \(0, 0\)"),
    ],
)  # fmt: skip
def test_dictionaries_that_do_not_fit(
    columns: dict[str, Any], error: type[Exception], message: str
) -> None:
    net = network([1, 2])
    with nothing_written(net), pytest.raises(error, match=f"^predict: {message}"):
        net.predict(columns)


def records(dtype: Any) -> Array:
    made = np.zeros(4, dtype)
    for name, column in MIXED.items():
        made[name] = column
    return made


@pytest.mark.parametrize("types", [("f4", "f4", "f4"), ("f8", "f8", "f8"), ("u1", "f2", "?")])
@pytest.mark.parametrize("align", [False, True])
def test_records(types: tuple[str, ...], align: bool) -> None:
    table = records(np.dtype([*zip(MIXED, types, strict=True)], align=align))
    X = np.column_stack([table[name].astype(float) for name in MIXED])
    net = network([3, 2], dtype="float64")
    assert_same_bits(net.predict(table), net.predict(X))
    assert_same_bits(net.predict(table[1]), net.predict(X[1]))
    assert_same_bits(net.predict(table[::-1].view(np.recarray)), net.predict(X[::-1]))
    assert np.shares_memory(opened(table, "", "X").rows, table) is (types[0] == types[1])


def test_records_that_do_not_fit() -> None:
    net = network([2, 2])
    for dtype, message in (
        ([("a", "f4"), ("b", "U3")], "X column 'b' is <U3: expected real numbers"),
        ([("a", "f4"), ("b", "f4", (2,))], r"X column 'b' has shape \(4, 2\): expected one dim"),
    ):
        table: Array = np.zeros(4, dtype)
        with nothing_written(net), pytest.raises((TypeError, ValueError), match=message):
            net.predict(table)
    square = np.zeros((2, 2), [("a", "f4"), ("b", "f4")])
    with pytest.raises(TypeError, match=r"X is \[\('a', .*: expected real numbers"):
        net.predict(square)


class ArrowTable:
    """What tables and batches of records of Arrow have in common."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.column_names = list(columns)
        self.columns = [np.array(column) for column in columns.values()]

    def itercolumns(self) -> Any:
        return iter(self.columns)


def test_tables_of_arrow() -> None:
    X = np.column_stack([np.array(column, float) for column in MIXED.values()])
    net = network([3, 2], dtype="float64")
    assert_same_bits(net.predict(ArrowTable(MIXED)), net.predict(X))


def test_what_is_not_there_yet_is_called_for() -> None:
    polars = pytest.importorskip("polars")
    net, lazy = network([3, 2]), polars.LazyFrame(MIXED)
    message = r"^fit: X is a LazyFrame, whose numbers are not there yet: expected X\.collect\(\)"
    with nothing_written(net), pytest.raises(TypeError, match=message):
        net.fit(lazy, np.ones((4, 2)))
    assert_same_bits(net.predict(lazy.collect()), net.predict(polars.DataFrame(MIXED)))

    class Distributed:
        columns = ("age",)

        def compute(self) -> None: ...

    with pytest.raises(TypeError, match=r"is a Distributed, .*expected X\.compute\(\)"):
        net.predict(Distributed())  # type: ignore[arg-type]


def test_other_tables_are_refused() -> None:
    class Table:
        columns = ("age",)

    with pytest.raises(TypeError, match=r"X is a Table: expected a data frame of pandas or pol"):
        network([1, 2]).predict(Table())  # type: ignore[arg-type]


def test_nothing_is_imported_for_it() -> None:
    script = """
import sys
import numpy as np
import deltarule as dr

net = dr.Network([dr.Dense(2, "softmax")], input_size=3)
net.fit(np.ones((4, 3)), [0, 1, 0, 1], metrics=["f1", "roc_auc"])
print(sorted({"scipy", "pandas", "polars", "torch", "sklearn"} & set(sys.modules)))
"""
    assert output_of(script) == "[]"
