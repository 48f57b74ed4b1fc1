"""Networks as C headers: compiled with the machine's compiler, and compared with `predict`."""

import ctypes
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltarule as dr
import reference
from deltarule._interchange import c_header
from support import (
    DTYPES,
    ROOT,
    Array,
    assert_near,
    assert_same_bits,
    data_of_every_kind,
    of_every_kind,
)
from support_c import C99, CXX11, compile_c

PAGE = ROOT / "docs" / "interchange.md"
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_language = pytest.mark.parametrize("language", [C99, CXX11], ids=["C99", "C++11"])


def run(program: Path) -> str:
    result = subprocess.run([program], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


class Library:
    """A network's header, compiled: called from Python, a row at a time."""

    _count = 0

    def __init__(
        self, net: dr.Network | dr.Ensemble, folder: Path, *flags: str, language: Any = C99
    ) -> None:
        self._net = net
        self._real = ctypes.c_float if net.dtype == np.float32 else ctypes.c_double
        net.to_c(folder / "model.h")
        self.header = (folder / "model.h").read_text(encoding="ascii")
        real = "float" if net.dtype == np.float32 else "double"
        source = '#include "model.h"\n'
        if language is CXX11:
            source += 'extern "C" {\n'
        source += f"void predict(const {real} *X, {real} *A);\n"
        source += f"void predict(const {real} *X, {real} *A) {{ model_predict(X, A); }}\n"
        source += f"const {real} *constants(int number);\n"
        self.arrays = re.findall(r"static const \w+ (model_\w+)\[(\d+)\]", self.header)
        source += f"const {real} *constants(int number) {{\n"
        for number, (name, _) in enumerate(self.arrays):
            source += f"  if (number == {number}) return {name};\n"
        source += "  (void)number;\n  return NULL;\n}\n"
        if language is CXX11:
            source += "}\n"
        Library._count += 1  # a library of the same name would be the one that is already loaded
        output = f"{folder.name}{Library._count}.so"
        path = compile_c(
            folder, source, output, "-O2", "-shared", "-fPIC", *flags, language=language
        )
        self._loaded = ctypes.CDLL(str(path))

    def predict(self, X: Array) -> Array:
        X = np.ascontiguousarray(X, self._net.dtype)
        A = np.empty((len(X), self._net.output_size), X.dtype)
        pointer = ctypes.POINTER(self._real)
        for row, out in zip(X, A, strict=True):
            self._loaded.predict(row.ctypes.data_as(pointer), out.ctypes.data_as(pointer))
        return A

    def constants(self) -> dict[str, Array]:
        self._loaded.constants.restype = ctypes.POINTER(self._real)
        return {
            name.removeprefix("model_"): np.ctypeslib.as_array(
                self._loaded.constants(number), (int(size),)
            )
            for number, (name, size) in enumerate(self.arrays)
        }


def in_python(net: dr.Network, X: Array) -> Array:
    """What the core makes of X; `predict` would refuse NaN and Inf."""
    X = np.ascontiguousarray(X, net.dtype)
    A = np.empty((len(X), net.output_size), net.dtype)
    net._core.infer(net.parameters, X, A)
    return A


def spread(net: dr.Network, seed: int = 3) -> dr.Network:
    """Give every parameter and statistic a value that is not what it starts from."""
    rng = np.random.default_rng(seed)
    for layer in net.layers:
        for name in layer._views:
            numbers = getattr(layer, name)
            if name == "variance":
                numbers[:] = rng.uniform(0.5, 4, size=numbers.shape)
            elif name == "gamma":
                numbers[:] = rng.uniform(0.5, 2, size=numbers.shape)
            elif name != "W":
                numbers[:] = rng.normal(size=numbers.shape)
    return net


def rows(net: dr.Network, m: int = 20, scale: float = 1.0, seed: int = 4) -> Array:
    """X for a network; codes where it takes codes."""
    rng = np.random.default_rng(seed)
    X = scale * rng.normal(size=(m, net.input_size))
    for column, categories in net._embedded.items():
        X[:, column] = rng.integers(categories, size=m)
    return X.astype(net.dtype)


# Every layer -----------------------------------------------------------------------------------

Dense = dr.Dense


def of_columns() -> list[Any]:
    """Of all that may be done to a column, something, of seven columns."""
    return [
        dr.Embedding({0: (3, 2)}),
        dr.PiecewiseLinear(BINS[:1], d=2, columns=[1]),
        dr.PiecewiseLinear(BINS[:1], columns=[2]),
        dr.Periodic(2, d=2, columns=[3]),
        dr.Periodic(2, columns=[4]),
        dr.Periodic(2, d=2, form="pbld", columns=[5]),
        dr.Periodic(2, form="cosine", columns=[6]),
    ]


BINS = [[-1, 1], [-2, -0.5, 0, 0.25, 3], [0, 0.5, 1], [-3, 0, 3], [-0.1, 0, 0.1, 0.2], [-1, 0, 2]]
LAYERS: dict[str, Callable[[], list[Any]]] = {
    "dense": lambda: [Dense(3)],
    "dense, several": lambda: [Dense(9, "tanh"), Dense(17, "relu"), Dense(4, "silu"), Dense(3)],
    "activation": lambda: [Dense(7), dr.Activation("gelu"), Dense(3), dr.Activation("softmax")],
    "activation first": lambda: [dr.Activation("tanh"), dr.Activation("sigmoid"), Dense(3)],
    "activation alone": lambda: [dr.Activation("softmax")],
    "nothing": lambda: [dr.Activation("identity"), dr.Dropout(0.5)],
    "dropout": lambda: [dr.Dropout(0.2), Dense(9), dr.Dropout(0.5), Dense(3), dr.Dropout(0.1)],
    "dropout alone": lambda: [dr.Dropout(0.2), dr.Dropout(0.2)],
    "batch norm": lambda: [Dense(7), dr.BatchNorm(epsilon=0.01), dr.Activation("silu"), Dense(3)],
    "batch norm alone": lambda: [dr.BatchNorm()],
    "layer norm": lambda: [dr.LayerNorm(), Dense(9, "tanh"), dr.LayerNorm(1e-3)],
    "prelu": lambda: [dr.PReLU(), Dense(8), dr.PReLU(), Dense(3)],
    "standardize": lambda: [dr.Standardize(), Dense(8, "tanh"), Dense(3)],
    "embedding": lambda: [dr.Embedding({1: (4, 3), 4: (3, 2)}), Dense(8, "tanh"), Dense(3)],
    "embedding alone": lambda: [dr.Embedding({0: (2, 1), 5: (3, 4)})],
    "embedding of all": lambda: [dr.Embedding({i: (i + 2, i + 1) for i in range(6)}), Dense(3)],
    "piecewise linear": lambda: [
        dr.PiecewiseLinear(BINS[:2], d=4, columns=[0, 3]),
        dr.PiecewiseLinear(BINS[2:], d=3, linear=False),
        Dense(3),
    ],
    "through bins": lambda: [dr.PiecewiseLinear(BINS[:3], columns=[1, 2, 5])],
    "periodic": lambda: [
        dr.Periodic(5, d=4, columns=[0]),
        dr.Periodic(3, d=2, shared=True, columns=[1, 5]),
        dr.Periodic(4, columns=[3]),
        dr.Periodic(1, d=2, form="pbld"),
        Dense(3),
    ],
    "cosine": lambda: [dr.Periodic(7, form="cosine", columns=[1, 4]), Dense(3)],
    "pbld, shared": lambda: [dr.Periodic(7, d=5, form="pbld", shared=True)],
    "numbers behind codes": lambda: [
        dr.Embedding({1: (4, 3)}),
        dr.Periodic(2, d=3, columns=[3]),
        dr.PiecewiseLinear(BINS[:4], d=2),
    ],
    "residual": lambda: [
        dr.Residual([Dense(8, "tanh"), Dense(6)]),
        dr.Activation("tanh"),
        dr.Residual([Dense(6, "tanh"), dr.Residual([Dense(6, "gelu")])]),
        Dense(3),
    ],
    "residual of little": lambda: [
        Dense(5),
        dr.Residual([dr.Dropout(0.5)]),
        dr.Residual([dr.PReLU(), dr.Residual([dr.Activation("tanh"), dr.LayerNorm()])]),
        dr.Residual([dr.Residual([dr.BatchNorm()])]),
    ],
    "residual alone": lambda: [dr.Residual([dr.Residual([dr.Dropout(0.5)])])],
}


@every_dtype
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_predicts_as_in_python(name: str, dtype: str, tmp_path: Path) -> None:
    net = spread(dr.Network(LAYERS[name](), input_size=6, dtype=dtype))
    X = rows(net)
    # A wave shows how its turns were rounded: in one step or two.
    waves = any(isinstance(layer.description, dr.Periodic) for layer in net.layers)
    tolerance = TOLERANCE[dtype] * (4 if waves else 1)
    assert_near(Library(net, tmp_path).predict(X), net.predict(X), tolerance)


@every_dtype
def test_numbers_at_and_beyond_the_edges_and_far_out(dtype: str, tmp_path: Path) -> None:
    layers = [
        dr.PiecewiseLinear(BINS[1:3], d=2, columns=[0, 1]),
        dr.PiecewiseLinear(BINS[3:4], columns=[2]),
        dr.Periodic(3, form="cosine"),
    ]
    net = spread(dr.Network(layers, input_size=4, dtype=dtype))
    # Wholes and quarters of turns, which the cosine of a rounded angle comes near to.
    net.layers[2].frequency = [[1.0], [0.25], [-2.0]]
    net.layers[2].phase = [[0.0], [0.5], [0.25]]
    edges = [-1e9, -3, -2, -0.5, 0, 0.25, 0.5, 1, 3, 1e9, float(np.finfo(dtype).max)]
    X = np.repeat(np.array(edges, dtype)[:, np.newaxis], 4, axis=1)
    actual = Library(net, tmp_path).predict(X)
    np.testing.assert_allclose(actual, in_python(net, X), rtol=1e-5, atol=1e-5)
    X = np.full((3, 4), np.array([[np.nan], [np.inf], [-np.inf]]), dtype)
    np.testing.assert_array_equal(
        np.isnan(Library(net, tmp_path).predict(X)), np.isnan(in_python(net, X))
    )


@every_language
@every_dtype
def test_all_layers_together_in_both_languages(
    dtype: str, language: list[str], tmp_path: Path
) -> None:
    net = spread(of_every_kind(dtype))
    X, _ = data_of_every_kind(50, dtype)
    library = Library(net, tmp_path, language=language)
    assert_near(library.predict(X), net.predict(X), TOLERANCE[dtype])


@every_dtype
@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_every_activation_predicts_as_in_python(
    activation: str, dtype: str, tmp_path: Path
) -> None:
    net = spread(dr.Network([Dense(7, activation), Dense(3, activation)], 5, dtype=dtype))
    net.parameters *= 0.3  # little, as e^e^z makes much of every error
    X = rows(net)
    assert_near(Library(net, tmp_path).predict(X), net.predict(X), TOLERANCE[dtype])

    alone = dr.Network([dr.Activation(activation)], 9, dtype=dtype)
    X = np.concatenate([rows(alone, scale=scale) for scale in (1e-3, 1.0, 30.0)])
    # Each number to its own digits; those of 1 + tanh u, where they cancel, are few in both.
    epsilon, tiny = np.finfo(dtype).eps, np.finfo(dtype).tiny
    np.testing.assert_allclose(
        Library(alone, tmp_path).predict(X),
        alone.predict(X),
        rtol=64 * epsilon,
        atol=8 * epsilon if activation == "gelu_tanh" else tiny,
    )


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
@every_dtype
def test_what_is_not_finite_comes_out_as_in_python(
    activation: str, dtype: str, tmp_path: Path
) -> None:
    largest = float(np.finfo(dtype).max)
    special = [np.nan, np.inf, -np.inf, largest, -largest, 1e20, -1e20, 1e4, -1e4, 0.0, -0.0]
    alone = dr.Network([dr.Activation(activation)], input_size=4, dtype=dtype)
    X = np.full((len(special), 4), 0.5, dtype)
    X[np.arange(len(special)), np.arange(len(special)) % 4] = special
    actual, expected = Library(alone, tmp_path).predict(X), in_python(alone, X)
    assert np.isnan(actual[0]).any()
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], equal_nan=True)


def test_nan_passes_every_layer(tmp_path: Path) -> None:
    net = spread(of_every_kind())
    X, _ = data_of_every_kind(6)
    X[[0, 1, 2, 3], [0, 2, 3, 5]] = np.nan
    library = Library(net, tmp_path)
    assert np.isnan(library.predict(X)).all(axis=1).tolist() == [True] * 4 + [False] * 2
    np.testing.assert_array_equal(np.isnan(library.predict(X)), np.isnan(in_python(net, X)))


def test_codes_at_and_beyond_the_limits_are_the_nearest_category(tmp_path: Path) -> None:
    net = spread(dr.Network([dr.Embedding({0: (5, 2)})], input_size=2))
    X = np.zeros((10, 2), "float32")
    X[:, 0] = [0, 4, 3.9, 4.5, 5, 1e30, np.inf, -1, -np.inf, np.nan]
    actual = Library(net, tmp_path).predict(X)
    assert_same_bits(actual, in_python(net, X))
    table = net.layers[0].E0.T[[0, 4, 3, 4, 4, 4, 4, 0, 0, 0]]
    assert_same_bits(actual[:, 1:], np.ascontiguousarray(table))


# Any network -----------------------------------------------------------------------------------

ACTIVATIONS = st.sampled_from([g for g in reference.ACTIVATIONS if g != "exponential"])
DENSE = st.builds(Dense, st.integers(1, 9), ACTIVATIONS)
OF_ANY_SIZE = st.one_of(
    st.builds(dr.Activation, ACTIVATIONS),
    st.builds(dr.Dropout, st.just(0.5)),
    st.builds(dr.BatchNorm),
    st.builds(dr.LayerNorm, st.just(0.5)),  # far from dividing by nothing
    st.builds(dr.PReLU),
)
BLOCK = st.recursive(
    OF_ANY_SIZE, lambda inner: st.builds(dr.Residual, st.lists(inner, min_size=1, max_size=3))
)


def seen(net: dr.Network) -> dr.Network:
    """As if it had seen data: what is assigned counts, moments of 0 and 1, too."""
    net.statistics = net.statistics
    return net


@st.composite
def networks(draw: st.DrawFn) -> dr.Network:
    layers = draw(st.lists(st.one_of(DENSE, BLOCK), min_size=1, max_size=8))
    if draw(st.booleans()):
        units = draw(st.integers(1, 9))  # of a block that has a dense layer at its end
        inner = draw(st.lists(st.one_of(DENSE, OF_ANY_SIZE), max_size=3))
        layers += [Dense(units), dr.Residual([*inner, Dense(units, draw(ACTIVATIONS))])]
    inputs = draw(st.integers(1, 9))
    if draw(st.booleans()):
        layers.insert(0, dr.Embedding({draw(st.integers(0, inputs - 1)): (3, 2)}))
    if draw(st.booleans()):
        layers.insert(0, dr.Standardize())
    net = spread(dr.Network(layers, inputs, dtype="float64"))
    for column in net._embedded if isinstance(layers[0], dr.Standardize) else ():
        net.layers[0].mean[column], net.layers[0].variance[column] = 0.0, 1.0
    return seen(net)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(net=networks())
def test_any_network_predicts_as_in_python(net: dr.Network, tmp_path: Path) -> None:
    X = rows(net)
    actual = Library(net, tmp_path, "-O0").predict(X)
    np.testing.assert_allclose(actual, net.predict(X), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("inputs", [1, 3, 4, 5, 130])
def test_sizes_that_are_no_multiple_of_four(inputs: int, tmp_path: Path) -> None:
    net = spread(dr.Network([Dense(inputs + 1, "tanh"), Dense(inputs)], inputs))
    X = rows(net)
    assert_near(Library(net, tmp_path).predict(X), net.predict(X), TOLERANCE["float32"])


# Numbers and memory ----------------------------------------------------------------------------


@every_dtype
def test_weights_read_back_to_the_same_bits(dtype: str, tmp_path: Path) -> None:
    info = np.finfo(dtype)
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 256, size=1000 * info.dtype.itemsize, dtype=np.uint8).view(dtype)
    edges = [0.0, -0.0, 1.0, -1e5, 0.1, info.max, -info.max, info.tiny, info.smallest_subnormal]
    numbers = np.concatenate([edges, bits[np.isfinite(bits)]]).astype(dtype)
    net = dr.Network([Dense(1)], input_size=len(numbers), dtype=dtype)
    net.layers[0].W = numbers[np.newaxis]
    assert_same_bits(Library(net, tmp_path).constants()["W1"], numbers)


def test_every_parameter_is_in_the_header(tmp_path: Path) -> None:
    net = spread(of_every_kind())
    constants = Library(net, tmp_path).constants()
    for l, layer in enumerate(net.layers, 1):  # noqa: E741 -- the layer, as on paper
        for name, view in layer._views.items():
            if name in ("gamma", "variance") and f"factor{l}" in constants:
                continue
            stored = constants[name if name.startswith("E") else f"{name}{l}"]
            assert_same_bits(stored, view.ravel(order="F"))
    norm = net.layers[3]
    factor = norm.gamma / np.sqrt(norm.variance + np.float32(1e-5))
    np.testing.assert_allclose(constants["factor4"], factor[:, 0], rtol=1e-6)


def test_a_large_mean_costs_no_digits(tmp_path: Path) -> None:
    net = dr.Network([dr.Standardize(), dr.BatchNorm()], input_size=1)
    net.layers[0].mean, net.layers[0].variance = [[1e6]], [[0.25]]
    net.layers[1].mean, net.layers[1].variance = [[100.0]], [[1e-4]]
    X = 1e6 + np.arange(-8, 8, dtype="float32").reshape(-1, 1) / 2
    assert_near(Library(net, tmp_path).predict(X), net.predict(X), 1e-6)


@pytest.mark.parametrize(
    ("layers", "numbers"),
    [
        ([Dense(3)], 0),
        ([Dense(3), dr.PReLU(), dr.Activation("softmax")], 0),
        ([Dense(64, "tanh"), Dense(3)], 64),
        ([Dense(64), dr.PReLU(), dr.Dropout(0.5), dr.Activation("tanh"), Dense(3)], 64),
        ([Dense(64), Dense(32), Dense(3)], 96),
        ([Dense(8), Dense(64), Dense(8), Dense(64), Dense(8), Dense(3)], 72),
        ([Dense(16), dr.Residual([Dense(16), Dense(16)]), Dense(3)], 48),
        ([Dense(16), *[dr.Residual([Dense(16), Dense(16)]) for _ in range(9)], Dense(3)], 48),
        ([dr.Standardize(), dr.Dropout(0.5), Dense(3)], 5),
    ],
    ids=str,
)
def test_layers_share_as_little_memory_as_they_can(
    layers: Sequence[Any], numbers: int, tmp_path: Path
) -> None:
    seen(dr.Network(layers, input_size=5)).to_c(tmp_path / "model.h")
    header = (tmp_path / "model.h").read_text(encoding="ascii")
    assert f" {4 * numbers:,} bytes of buffers" in header
    assert re.findall(r"MODEL_STORAGE float memory\[(\d+)\]", header) == [str(numbers)] * bool(
        numbers
    )


def test_the_comment_tells_how_many_bytes_there_are(tmp_path: Path) -> None:
    net = seen(of_every_kind("float64"))
    library = Library(net, tmp_path)
    stored = sum(array.nbytes for array in library.constants().values())
    assert f" * {stored:,} bytes of constants" in library.header
    assert f"written by deltarule {dr.__version__}\n" in library.header
    for line in ("  6 -> 9  Embedding", "  8 -> 3  Dense softmax", "  8 -> 8  Add"):
        assert line in library.header


def test_the_comment_tells_what_the_features_are(tmp_path: Path) -> None:
    net = dr.Network([dr.Dense(2)], input_size=4)
    net.feature_names = ["age", "*/ #error /*", 'a "b"\n$name ??/', "é\U0001f600"]
    library = Library(net, tmp_path)
    for line in (
        ' *   X[0]  "age"\n',
        ' *   X[1]  "*\\u002f #error \\u002f*"\n',
        ' *   X[2]  "a \\"b\\"\\n$name ??\\u002f"\n',
        ' *   X[3]  "\\u00e9\\ud83d\\ude00"\n',
    ):
        assert line in library.header


@pytest.mark.parametrize("storage", ["", "static _Thread_local", "static __thread"])
def test_the_buffers_may_lie_elsewhere(storage: str, tmp_path: Path) -> None:
    """On the stack, or each thread's own: then calls of several threads do not meet."""
    net = dr.Network([Dense(64, "tanh"), Dense(64, "tanh"), Dense(2)], input_size=2)
    net.to_c(tmp_path / "model.h")
    source = f"""
#define MODEL_STORAGE {storage}
#include "model.h"
#include <pthread.h>
static void *worker(void *argument) {{
  float *failures = (float *)argument;
  const float X[2] = {{failures[0], 1}};
  float first[2], A[2];
  model_predict(X, first);
  failures[0] = 0;
  for (int i = 0; i < 3000; ++i) {{
    model_predict(X, A);
    if (A[0] != first[0] || A[1] != first[1]) failures[0] += 1;
  }}
  return NULL;
}}
int main(void) {{
  pthread_t threads[4];
  float numbers[4] = {{1, 2, 3, 4}};
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, worker, &numbers[i]);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  return numbers[0] + numbers[1] + numbers[2] + numbers[3] > 0;
}}
"""
    flags = ["-std=c11", "-Wno-pedantic", "-O1", "-pthread"]
    run(compile_c(tmp_path, source, "program", *flags))


# In a program ----------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [False, True], ids=["network", "ensemble"])
def test_sanitizers_find_nothing(together: bool, tmp_path: Path) -> None:
    net = spread(of_every_kind())
    small = dr.Network([dr.PReLU(), Dense(3, "softmax")], input_size=6)
    model = dr.Ensemble([small, net, small]) if together else net
    model.to_c(tmp_path / "model.h")
    numbers = ["NAN", "INFINITY", "-INFINITY", "3.4e38f", "-3.4e38f", "0.0f", "-1.0f", "2.5f"]
    source = f"""
#include "model.h"
#include <stdlib.h>
int main(void) {{
  const float numbers[] = {{{", ".join(numbers)}}};
  for (size_t first = 0; first < {len(numbers)}; ++first) {{
    /* on the heap, at its exact size, where the address sanitizer sees the end */
    float *X = (float *)malloc(sizeof(float) * MODEL_INPUTS);
    float *A = (float *)malloc(sizeof(float) * MODEL_OUTPUTS);
    for (size_t i = 0; i < MODEL_INPUTS; ++i) X[i] = numbers[(first + i) % {len(numbers)}];
    model_predict(X, A);
    free(X);
    free(A);
  }}
  return 0;
}}
"""
    flags = [
        "-O1",
        "-g",
        "-fsanitize=address,undefined,float-cast-overflow",
        "-fno-sanitize-recover=all",
    ]
    run(compile_c(tmp_path, source, "program", *flags))


@every_dtype
def test_nothing_but_mathematical_functions_is_needed(dtype: str, tmp_path: Path) -> None:
    layers = [dr.Activation(g) for g in reference.ACTIVATIONS]
    layers = [*of_columns(), *layers, dr.LayerNorm(), Dense(2)]
    dr.Network(layers, 7, dtype=dtype).to_c(tmp_path / "model.h")
    real, f = ("float", "f") if dtype == "float32" else ("double", "")
    source = f"""
#include "model.h"
void f(const {real} *X, {real} *A);
void f(const {real} *X, {real} *A) {{ model_predict(X, A); }}
"""
    output = compile_c(tmp_path, source, "object.o", "-c", "-O0")
    nm = subprocess.run(["nm", "-u", output], capture_output=True, text=True, check=True)
    needed = {line.split()[-1].lstrip("_") for line in nm.stdout.splitlines()}
    names = ("cos", "erfc", "exp", "expm1", "log1p", "rint", "sin", "sqrt", "tanh")
    expected = {name + f for name in names}
    assert needed - {"GLOBAL_OFFSET_TABLE_"} == expected


def test_the_header_writes_nothing_but_its_buffers(tmp_path: Path) -> None:
    spread(of_every_kind()).to_c(tmp_path / "model.h")
    header = (tmp_path / "model.h").read_text(encoding="ascii")
    outside = [
        line for line in header.splitlines() if re.match("(static|extern|float|double)", line)
    ]
    assert all(re.match("static (const|inline) ", line) for line in outside)
    assert "#include" in header
    assert set(re.findall("#include (.*)", header)) == {"<math.h>", "<stddef.h>"}


@every_language
def test_two_networks_in_one_program(language: list[str], tmp_path: Path) -> None:
    """Of different types, beside macros such as boards and keywords such as languages have."""
    left, right = spread(of_every_kind()), spread(of_every_kind("float64"), seed=9)
    left.to_c(tmp_path / "left.h", name="class")
    right.to_c(tmp_path / "right.h", name="Right_2")
    X, _ = data_of_every_kind(1)
    numbers = ", ".join(map(str, X[0].tolist()))
    source = f"""
#define A1 PIN_A1
#define A2 PIN_A2
#define B1 1
#define E1 PIN_E1
#define E4 PIN_E4
#define PI 3.14
#define F(text) text
#define W1 PIN_W1
#include "left.h"
#include "right.h"
#include "left.h"
#include <stdio.h>
int main(void) {{
  const double X[RIGHT_2_INPUTS] = {{{numbers}}};
  float XL[CLASS_INPUTS], AL[CLASS_OUTPUTS];
  double AR[RIGHT_2_OUTPUTS];
  for (int i = 0; i < CLASS_INPUTS; ++i) XL[i] = (float)X[i];
  class_predict(XL, AL);
  Right_2_predict(X, AR);
  for (int i = 0; i < CLASS_OUTPUTS; ++i) printf("%.17g ", (double)AL[i]);
  for (int i = 0; i < RIGHT_2_OUTPUTS; ++i) printf("%.17g ", AR[i]);
  return 0;
}}
"""
    printed = np.array(run(compile_c(tmp_path, source, "program", language=language)).split())
    A = printed.astype("float64")
    assert_near(A[:3], left.predict(X)[0], 1e-6)
    assert_near(A[3:], right.predict(X)[0], 1e-12)


@every_language
def test_a_file_that_includes_it_and_calls_nothing(language: list[str], tmp_path: Path) -> None:
    seen(of_every_kind()).to_c(tmp_path / "model.h")
    source = '#include "model.h"\nint main(void) { return MODEL_INPUTS - 6; }\n'
    run(compile_c(tmp_path, source, "program", "-O2", language=language))


def test_digits_are_told_apart_as_in_python(tmp_path: Path) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_digits(return_X_y=True)
    layers = [dr.Standardize(), Dense(32, "relu"), dr.BatchNorm(), Dense(10, "softmax")]
    net = dr.Network(layers, input_size=64)
    net.fit(X, y, epochs=10)
    A, expected = Library(net, tmp_path).predict(X), net.predict(X)
    assert_near(A, expected, 1e-5)
    assert (A.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert (A.argmax(axis=1) == y).mean() > 0.95


def test_an_estimators_network_gives_its_probabilities(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    for classes in (2, 3):
        y = np.array(["a", "b", "c"])[np.arange(60) % classes]
        classifier = dr.MLPClassifier((5,), max_iter=500, tol=1e-2, random_state=0).fit(X, y)
        expected = classifier.predict_proba(X)
        A = Library(classifier.network_, tmp_path).predict(X)
        assert_near(A, expected[:, 1:] if classes == 2 else expected, 1e-12)


def test_the_example_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _, page = PAGE.read_text(encoding="utf-8").split("\n## A network as a C header")
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL))
    exec(compile(blocks["python"], PAGE.name, "exec"), {})
    expected = float(capsys.readouterr().out.strip().strip("[]"))
    printed = float(run(compile_c(tmp_path, blocks["c"], "program", "-O2")))
    assert abs(printed - expected) < 1e-4


# At the door -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "2nd", "_model", "my model", "a-b", "a__b", "model_", "größe", "a;b", "a\n"]
)
def test_a_name_that_no_identifier_begins_with_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h"
    with pytest.raises(ValueError, match=r"to_c: name is .*: expected what a C identifier may"):
        dr.Network([Dense(1)], 1).to_c(path, name)
    assert not path.exists()


def test_a_name_is_a_string(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="to_c: name is 3: expected a string"):
        dr.Network([Dense(1)], 1).to_c(tmp_path / "model.h", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layer", "name", "value", "message"),
    [
        (2, "W", np.nan, r"to_c: layers\[2\].W\[0, 0\] is nan"),
        (0, "mean", np.inf, r"to_c: layers\[0\].mean\[0, 0\] is inf"),
        (0, "variance", 0.0, r"to_c: layers\[0\].factor\[0, 0\] is inf"),
        (3, "gamma", 3e38, r"to_c: layers\[3\].factor\[0, 0\] is inf"),
    ],
)
def test_what_is_not_finite_is_refused(
    layer: int, name: str, value: float, message: str, tmp_path: Path
) -> None:
    net = seen(of_every_kind())
    net.layers[3].variance[:] = 1e-4
    getattr(net.layers[layer], name)[0, 0] = value
    with pytest.raises(ValueError, match=message):
        net.to_c(tmp_path / "model.h")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.h"
    dr.Network([Dense(1)], 1).to_c(path)
    before = path.read_bytes()

    def full(*_: Any) -> Any:
        raise OSError("No space left on device")

    monkeypatch.setattr(c_header.Header, "_definition", full)
    with pytest.raises(OSError, match="No space left"):
        dr.Network([Dense(2)], 1).to_c(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.h", "b.h"):
        seen(of_every_kind(seed=5)).to_c(tmp_path / name)
    assert (tmp_path / "a.h").read_bytes() == (tmp_path / "b.h").read_bytes()
    assert (tmp_path / "a.h").read_bytes().isascii()


def test_the_average_is_what_is_written_while_it_is_in_place(tmp_path: Path) -> None:
    net = dr.Network([Dense(2)], input_size=2)
    net.fit(np.eye(2), np.eye(2), epochs=3, average=0.5)
    net.to_c(tmp_path / "own.h")
    with net.averaged():
        X = np.eye(2, dtype="float32")
        assert_near(Library(net, tmp_path).predict(X), net.predict(X), 1e-6)
    assert (tmp_path / "own.h").read_bytes() != (tmp_path / "model.h").read_bytes()


@every_language
def test_the_files_of_c_functions_compile_as_they_stand(tmp_path: Path, language: Any) -> None:
    """Each function is used: compilers say little of a static inline that is not."""
    text = "".join(path.read_text(encoding="ascii") for path in c_header._FUNCTIONS)
    (tmp_path / "c_functions.h").write_text(text, encoding="ascii")
    names = list(c_header._functions())
    assert len(names) == text.count("static inline") > 10
    uses = "".join(f"  total += sizeof(&model_{name});\n" for name in names)
    source = f'#include "c_functions.h"\nint main(void) {{\n  size_t total = 0;\n{uses}'
    compile_c(tmp_path, source + "  return total == 0;\n}\n", "program", language=language)


def test_every_function_of_the_file_is_in_a_header_of_either_type(tmp_path: Path) -> None:
    activations = [name for name in dr._core.activation_names() if name != "identity"]
    layers = [*of_columns(), *map(dr.Activation, activations), dr.LayerNorm(), Dense(2)]
    for dtype in DTYPES:
        dr.Network(layers, 7, dtype=dtype).to_c(tmp_path / "all.h", "all")
        text = (tmp_path / "all.h").read_text(encoding="ascii")
        functions = c_header._FUNCTIONS[0].read_text(encoding="ascii")
        names = [name for name in c_header._functions() if f"model_{name}(" in functions]
        assert all(f" all_{name}(" in text for name in names)
        assert "model" not in text
        assert ("float" in text) == (dtype == "float32")
        assert not re.search(r"\d\.\d+f", text) or dtype == "float32"


# Several networks ------------------------------------------------------------------------------


@every_language
@every_dtype
def test_an_ensemble_predicts_as_in_python(dtype: str, language: list[str], tmp_path: Path) -> None:
    X, _ = data_of_every_kind(50, dtype)
    small = dr.Network([dr.PReLU(), Dense(3, "softmax")], input_size=6, dtype=dtype)
    nets = [spread(of_every_kind(dtype, seed), seed) for seed in range(3)] + [spread(small)]
    for weights in ([1, 2, 0, 4], [0, 0, 0, 1], [1, 0, 0, 0]):
        ensemble = dr.Ensemble(nets, weights)
        library = Library(ensemble, tmp_path, language=language)
        assert_near(library.predict(X), ensemble.predict(X), TOLERANCE[dtype])
        assert f"the mean of {np.count_nonzero(weights)} network" in library.header


def test_an_ensemble_s_members_share_their_buffers(tmp_path: Path) -> None:
    nets = [dr.Network([Dense(40, "relu"), Dense(2)], input_size=3, seed=k) for k in range(9)]
    dr.Ensemble(nets[:3]).to_c(tmp_path / "few.h")
    dr.Ensemble(nets).to_c(tmp_path / "many.h")
    few, many = ((tmp_path / name).read_text() for name in ("few.h", "many.h"))
    (buffers,) = re.findall(r"of constants, (\d+ bytes of buffers)", few)
    assert buffers in many
    assert len(many) > 2 * len(few)


def test_an_ensemble_that_needs_no_buffers(tmp_path: Path) -> None:
    ensemble = dr.Ensemble([dr.Network([Dense(2)], input_size=3)])
    library = Library(ensemble, tmp_path)
    assert "memory" not in library.header
    X = rows(ensemble[0])
    assert_near(library.predict(X), ensemble.predict(X), 1e-6)


def test_the_names_of_an_ensemble_s_inputs(tmp_path: Path) -> None:
    nets = [dr.Network([Dense(2)], input_size=2, seed=k) for k in range(2)]
    nets[1].feature_names = ["age", "*/"]
    dr.Ensemble(nets).to_c(tmp_path / "model.h")
    text = (tmp_path / "model.h").read_text()
    assert ' *   X[0]  "age"\n' in text
    assert text.index("*/") > text.index("X[1]")
