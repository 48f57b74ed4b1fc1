"""Steps as layers: what is done to units becomes part of the layer beside it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import (
    DTYPES,
    NUMBER_EMBEDDINGS,
    assert_near,
    assert_same_bits,
    of_number_embeddings,
)
from support_onnx import DOUBLE, model, read, run

RNG = np.random.default_rng(0)
W = RNG.normal(size=(3, 3)).astype(np.float32)
X = RNG.normal(size=(6, 3)).astype(np.float32)
NUMBERS: dict[str, Any] = {
    "W": W,
    "v": [0.5, 2.0, 4.0],
    "negative": [0.5, -2.0, 4.0],
    "row": [[1.0, 2.0, 3.0]],
    "c": -3.0,
    "g": [1.0, 2.0, 3.0],
    "var": [0.1, 0.2, 0.3],
}


def assert_the_same(
    made: Any, folder: Path, kinds: str, x: Any = X, tolerance: float = 1e-5
) -> dr.Network:
    net = read(made, folder)
    assert " ".join(layer.description.kind for layer in net.layers) == kinds
    assert_near(net.predict(x), run(made, x), tolerance)
    return net


SCALES = [
    [("Add", "{} v", "{}")],
    [("Add", "row {}", "{}")],
    [("Sub", "{} v", "{}")],
    [("Sub", "v {}", "{}")],
    [("Mul", "{} v", "{}")],
    [("Mul", "negative {}", "{}")],
    [("Div", "{} negative", "{}")],
    [("Div", "{} c", "{}")],
    [("Neg", "{}", "{}")],
    [("ai.onnx.ml.Scaler", "{}", "{}", {"offset": [1.0, 2.0, 3.0], "scale": [2.0, 3.0, -1.0]})],
    [("ai.onnx.ml.Scaler", "{}", "{}", {"offset": [1.0], "scale": [2.0]})],
    [("Sub", "{} v", "{}"), ("Mul", "{} c", "{}"), ("Add", "{} row", "{}")],
]


def chain(*parts: Any) -> Any:
    """A model of nodes one behind another."""
    nodes = [node for part in parts for node in part]
    names = ["X", *(f"t{i}" for i in range(len(nodes) - 1)), "A"]
    return model(
        [
            (node[0], node[1].format(names[i]), names[i + 1], *node[3:])
            for i, node in enumerate(nodes)
        ],
        NUMBERS,
    )


DENSE = [("MatMul", "{} W", "{}")]


@pytest.mark.parametrize("scale", SCALES)
def test_what_follows_a_dense_layer_is_part_of_it(tmp_path: Path, scale: Any) -> None:
    assert_the_same(chain(DENSE, scale), tmp_path, "dense")
    assert_the_same(chain(DENSE, scale, [("Relu", "{}", "{}")]), tmp_path, "dense")


@pytest.mark.parametrize("scale", SCALES)
def test_what_precedes_one_is_part_of_it(tmp_path: Path, scale: Any) -> None:
    tanh = [("Tanh", "{}", "{}")]
    assert_the_same(chain(tanh, scale, DENSE), tmp_path, "activation dense")


@pytest.mark.parametrize("scale", SCALES)
def test_at_the_input_it_is_a_standardisation_if_it_can_be(tmp_path: Path, scale: Any) -> None:
    ones = np.ones((1, 3), np.float32)
    rises = (run(chain(scale), ones) > run(chain(scale), 0 * ones)).all()
    assert_the_same(chain(scale, DENSE), tmp_path, "standardize dense" if rises else "dense")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("norm", "kind"),
    [
        (("LayerNormalization", "{} g v", "{}"), "layer_norm"),
        (("BatchNormalization", "{} g v v var", "{}"), "batch_norm"),
    ],
)
def test_what_follows_a_normalisation_is_part_of_it(
    tmp_path: Path, norm: Any, kind: str, scale: Any
) -> None:
    assert_the_same(chain([norm], scale), tmp_path, kind, tolerance=1e-4)


def test_a_standardisation_that_would_overflow_is_folded(tmp_path: Path) -> None:
    made = model(
        [("Mul", "X s", "a"), ("MatMul", "a W", "A")], {"s": np.float32(1e-25), "W": W * 1e25}
    )
    assert_the_same(made, tmp_path, "dense")


@pytest.mark.parametrize("scale", [[("Mul", "{} v", "{}")], [("Add", "{} c", "{}")]])
def test_elsewhere_it_is_refused(tmp_path: Path, scale: Any) -> None:
    relu = [("Relu", "{}", "{}")]
    for made in (chain(relu, scale), chain(relu, scale, relu), chain(scale[:0], relu, scale)):
        with pytest.raises(dr.ModelFileError, match="expected it beside a dense layer"):
            read(made, tmp_path)


def test_within_a_block(tmp_path: Path) -> None:
    nodes = [
        ("MatMul", "X W", "a"),
        ("Mul", "a v", "b"),
        ("MatMul", "b W", "h"),
        ("Relu", "h", "r"),
        ("Sub", "r row", "d"),
        ("MatMul", "d W", "e"),
        ("Div", "e c", "f"),
        ("Add", "f a", "A"),
    ]
    # What goes into the block is left as it is, since it is also added.
    net = assert_the_same(model(nodes, NUMBERS), tmp_path, "dense dense dense add")
    np.testing.assert_array_equal(net.layers[0].W, W.T)


def test_float64_where_a_weight_is(tmp_path: Path) -> None:
    wide = W.astype(np.float64)
    assert read(model([("MatMul", "X W", "A")], {"W": wide}, element=DOUBLE), tmp_path).dtype == (
        np.float64
    )
    mixed = model([("Cast", "X", "a", {"to": 1}), ("MatMul", "a W", "A")], {"W": W}, element=DOUBLE)
    assert read(mixed, tmp_path).dtype == np.float32
    assert read(model([("Relu", "X", "A")], element=DOUBLE), tmp_path).dtype == np.float64


def test_float16_weights_are_widened(tmp_path: Path) -> None:
    half = W.astype(np.float16)
    net = read(model([("MatMul", "X W", "A")], {"W": half}), tmp_path)
    np.testing.assert_array_equal(net.layers[0].W, half.T.astype(np.float32))


def test_two_classes_of_a_sigmoid(tmp_path: Path) -> None:
    nodes = [
        ("Gemm", "X w b", "z"),
        ("Sigmoid", "z", "s"),
        ("Sub", "one s", "r"),
        ("Concat", "r s", "A", {"axis": 1}),
    ]
    numbers = {"w": W[:, :1].copy(), "b": [0.3], "one": 1.0}
    net = assert_the_same(model(nodes, numbers), tmp_path, "dense")
    assert net.layers[0].activation == "softmax"


def test_aircraft_collision_avoidance(tmp_path: Path) -> None:
    """As the 45 files of ACAS Xu are: an image's shape, from which its mean is taken first."""
    rng = np.random.default_rng(0)
    numbers: dict[str, Any] = {"mean": rng.normal(size=(1, 1, 1, 5)).astype(np.float32)}
    nodes, x, n = [("Sub", "X mean", "s"), ("Flatten", "s", "a0", {"axis": 1})], "a0", 5
    for i, units in enumerate([50] * 6 + [5], 1):
        numbers[f"W{i}"] = rng.normal(0, n**-0.5, size=(n, units)).astype(np.float32)
        numbers[f"b{i}"] = rng.normal(size=units).astype(np.float32)
        nodes += [("MatMul", f"{x} W{i}", f"p{i}"), ("Add", f"p{i} b{i}", f"z{i}")]
        x, n = f"a{i}", units
        nodes.append(("Relu", f"z{i}", x))
    nodes[-1] = ("Identity", "z7", "A")
    made = model(nodes, numbers, shape=[1, 1, 1, 5], opset=8)
    net = read(made, tmp_path)
    assert [layer.units for layer in net.layers] == [5, 50, 50, 50, 50, 50, 50, 5]
    rows = rng.normal(size=(9, 5)).astype(np.float32)
    expected = np.concatenate([run(made, row.reshape(1, 1, 1, 5)) for row in rows])
    assert_near(net.predict(rows), expected, 1e-5)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("signs", [1, -1])
@pytest.mark.parametrize(
    "shape", [(), (1,), (4,), (3, 1), (3, 4), (2, 1, 1), (2, 3, 4), (1, 2, 3, 4), (1, 1, 1, 1)]
)
def test_arithmetic_before_all_is_made_flat(
    shape: tuple[int, ...], signs: int, first: bool, operator: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    c = np.array(signs * rng.uniform(1, 2, size=shape), np.float32)
    weights = rng.normal(size=(24, 2)).astype(np.float32)
    nodes = [
        (operator, "c X" if first else "X c", "s"),
        ("Mul", "s two", "t"),
        ("Flatten", "t", "f"),
        ("MatMul", "f W", "A"),
    ]
    made = model(nodes, {"c": c, "W": weights, "two": 2.0}, shape=["m", 2, 3, 4])
    images = rng.normal(size=(5, 2, 3, 4)).astype(np.float32)
    if operator == "Div" and first:
        with pytest.raises(dr.ModelFileError, match="expected the constant as the second input"):
            read(made, tmp_path)
        return
    assert_near(read(made, tmp_path).predict(images.reshape(5, 24)), run(made, images), 1e-5)


@pytest.mark.parametrize(
    ("shape", "numbers", "nodes", "message"),
    [
        (["m", 2, 3, 4], {"c": np.ones(24, np.float32)}, [("Sub", "X c", "s")],
         "and shape (24,): expected floats of shape (24,)"),
        (["m", 2, 3, 4], {"c": np.ones((5, 1, 1, 4), np.float32)}, [("Sub", "X c", "s")],
         "and shape (5, 1, 1, 4): expected floats"),
        (["m", 2, 3, 4], {"c": np.ones((1, 1, 1, 1, 4), np.float32)}, [("Sub", "X c", "s")],
         "and shape (1, 1, 1, 1, 4): expected floats"),
        (["m", 2, 3, 4], {"c": np.ones((1, 1, 1, 1, 1), np.float32)}, [("Sub", "X c", "s")],
         "and shape (1, 1, 1, 1, 1): expected floats"),
        (["m", 2, "h", 4], {"c": np.ones((3, 4), np.float32)}, [("Sub", "X c", "s")],
         "and shape (3, 4): expected floats"),
        (["m", 2, "h", 4], {"c": np.ones((1, 4), np.float32)}, [("Sub", "X c", "s")],
         "and shape (1, 4): expected floats"),
        (["m", 2, 3, 4], {}, [("ai.onnx.ml.Scaler", "X", "s", {"offset": [1.0] * 4})],
         "Scaler: expected it behind a Flatten"),
        (["m", 2, 3, 4], {}, [("Relu", "X", "s")], "or a Flatten before all but arithmetic"),
        (["m", 2**16, 2**14, 4], {"c": np.ones(4, np.float32)}, [("Sub", "X c", "s")],
         "input 'X' of shape"),
        (["m", 2**14, 2**12, 4], {"c": np.ones(4, np.float32)}, [("Sub", "X c", "s")],
         "takes the whole to more than 8 times the file's size"),
        (["m"] + [1] * 99 + [4], {"c": np.ones(5, np.float32)}, [("Sub", "X c", "s")],
         "and shape (5,): expected floats"),
    ],
)  # fmt: skip
def test_arithmetic_that_does_not_fit_the_image(
    shape: list[Any], numbers: dict[str, Any], nodes: list[Any], message: str, tmp_path: Path
) -> None:
    sizes = [size for size in shape[1:] if isinstance(size, int)]
    n = min(int(np.prod(sizes)), 24)
    weights = {"W": np.ones((n, 1), np.float32)}
    made = model(
        [*nodes, ("Flatten", "s", "f"), ("MatMul", "f W", "A")], numbers | weights, shape=shape
    )
    with pytest.raises(dr.ModelFileError) as error:
        read(made, tmp_path)
    assert message in str(error.value)


def test_an_image_of_many_dimensions(tmp_path: Path) -> None:
    nodes = [("Sub", "X c", "s"), ("Flatten", "s", "f"), ("MatMul", "f W", "A")]
    numbers = {"c": np.arange(4, dtype=np.float32), "W": np.ones((4, 1), np.float32)}
    net = read(model(nodes, numbers, shape=["m"] + [1] * 99 + [4]), tmp_path)
    assert net.predict(np.ones((1, 4))) == pytest.approx(-2)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([("MatMul", "X wide", "A")], "weights for 5 inputs: expected 3"),
        ([("Add", "X five", "a"), ("MatMul", "a W", "A")], "a constant of float32 and shape (5,)"),
        ([("PRelu", "X five", "A")], "expected floats of shape (3,)"),
        ([("BatchNormalization", "X five g g g", "A")], "expected floats of shape (3,)"),
        ([("MatMul", "X W", "a"), ("Add", "a columns", "A")], "and shape (3, 1)"),
        ([("MatMul", "X W", "a"), ("Reshape", "a flat", "A")], "to [-1, 4]: expected (-1, 3)"),
        ([("MatMul", "X W", "a"), ("Reshape", "a all", "A")], "to [-1]: expected (-1, 3)"),
        ([("MatMul", "X thin", "a"), ("Add", "a g", "A")], "expected floats of shape (1,)"),
        ([("MatMul", "X thin", "a"), ("Add", "a X", "A")], "expected as many"),
        ([("BatchNormalization", "X g g g g", "A", {"epsilon": 0.0})], "epsilon is 0.0"),
        ([("BatchNormalization", "X g g g g", "A", {"momentum": 2.0})], "momentum is -1.0"),
        (
            [("BatchNormalization", "X g g g negative", "A")],
            "variance[1, 0] is -2.0: expected 0 or",
        ),
        ([("MatMul", "X nan", "A")], "layers[0].W[1, 0] is nan: expected finite numbers"),
        ([("MatMul", "X huge", "a"), ("Mul", "a huge0", "A")], "layers[0].W[0, 0] is inf"),
        ([("Concat", "r s", "A", {"axis": 1})], "takes 'r', which nothing before it makes"),
    ],
)
def test_numbers_that_do_not_fit(tmp_path: Path, nodes: list[Any], message: str) -> None:
    numbers = NUMBERS | {
        "wide": np.ones((5, 3), np.float32),
        "five": np.ones(5, np.float32),
        "columns": np.ones((3, 1), np.float32),
        "thin": np.ones((3, 1), np.float32),
        "flat": np.array([-1, 4]),
        "all": np.array([-1]),
        "nan": np.where(np.arange(9).reshape(3, 3) == 1, np.nan, W).astype(np.float32),
        "huge": np.full((3, 3), 1e30, np.float32),
        "huge0": 1e30,
    }
    with pytest.raises(dr.ModelFileError) as error:
        read(model(nodes, numbers), tmp_path)
    assert message in str(error.value)


EMBEDDED: list[Any] = [
    ("Gather", "X passing", "p", {"axis": 1}),
    ("Gather", "X one", "c", {"axis": 1}),
    ("Cast", "c", "w", {"to": 7}),
    ("Gather", "table w", "v", {"axis": 0}),
    ("Concat", "p v", "A", {"axis": 1}),
]
TABLE = {
    "passing": np.array([0, 2]),
    "one": np.array(1),
    "table": np.arange(8, dtype=np.float32).reshape(4, 2),
}


def test_an_embedding(tmp_path: Path) -> None:
    x = X.copy()
    x[:, 1] = [0, 1, 2, 3, 2, 1]
    net = assert_the_same(model(EMBEDDED, TABLE), tmp_path, "embedding", x)
    np.testing.assert_array_equal(net.layers[0].E1, TABLE["table"].T)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"passing": np.array([2, 0])}, "all columns that are not embedded, in their order"),
        ({"passing": np.array([0])}, "all columns that are not embedded"),
        ({"one": np.array(7)}, "all columns that are not embedded"),
        ({"one": np.array(-2)}, "all columns that are not embedded"),
        ({"one": np.array([1])}, "expected an embedding"),
        ({"table": np.ones(4, np.float32)}, "expected a table"),
    ],
)
def test_what_is_no_embedding(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(dr.ModelFileError, match=message):
        read(model(EMBEDDED, TABLE | change), tmp_path)


def test_codes_are_not_computed(tmp_path: Path) -> None:
    moved = [("Sub", "X mean", "s"), *((k, i.replace("X", "s"), *r) for k, i, *r in EMBEDDED)]
    means = np.float32([1, 0, 1])
    read(model(moved, TABLE | {"mean": means}), tmp_path)
    with pytest.raises(dr.ModelFileError, match="its codes are standardised before"):
        read(model(moved, TABLE | {"mean": means[::-1] + 1}), tmp_path)
    behind = [("Relu", "X", "s"), *moved[1:]]
    with pytest.raises(dr.ModelFileError, match="an embedding of the input's columns"):
        read(model(behind, TABLE), tmp_path)


# Embeddings of numbers -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NUMBER_EMBEDDINGS)
def test_embeddings_of_numbers_are_known_again(tmp_path: Path, name: str, dtype: str) -> None:
    net, x = of_number_embeddings(name, dtype)
    net.to_onnx(tmp_path / "model.onnx")
    back = dr.from_onnx(tmp_path / "model.onnx")
    kinds = [layer.description.kind for layer in net.layers]
    assert [layer.description.kind for layer in back.layers] == kinds
    assert_same_bits(back.parameters, net.parameters)
    tolerance = 1e-5 if dtype == "float32" else 1e-13  # the last edge is a start and a width
    np.testing.assert_allclose(back.predict(x), net.predict(x), rtol=tolerance, atol=tolerance)


THROUGH_BINS: list[Any] = [
    ("Gather", "X passing", "p", {"axis": 1}),
    ("Gather", "X one", "c", {"axis": 1}),
    ("Sub", "c starts", "s"),
    ("Div", "s widths", "f"),
    ("Max", "f least", "g"),
    ("Min", "g most", "h"),
    ("Gemm", "h map bias", "v", {"transB": 1}),
    ("Concat", "p v", "A", {"axis": 1}),
]
OF_BINS = {
    "passing": np.array([0, 2]),
    "one": np.array([1]),
    "starts": np.float32([-1, 0]),
    "widths": np.float32([1, 3]),
    "least": np.float32([-np.inf, 0]),
    "most": np.float32([1, np.inf]),
    "map": np.float32([[1, 2], [3, 4], [5, 6]]),
    "bias": np.float32([7, 8, 9]),
}


def test_pieces(tmp_path: Path) -> None:
    net = assert_the_same(model(THROUGH_BINS, OF_BINS), tmp_path, "piecewise_linear")
    assert net.layers[0].description.bins == ((-1, 0, 3),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"one": np.array(1)}, "expected an embedding: the columns of the input that pass"),
        ({"one": np.array([0])}, "expected all columns that are not embedded"),
        ({"starts": np.float32([-1, 1])}, "expected bins side by side"),
        ({"starts": np.float32([-1, 0, 3])}, r"has shape \(.*\): expected"),
        ({"widths": np.float32([1, -3])}, "0.0 before -3.0: expected edges in ascending order"),
        ({"widths": np.float32([1, np.nan])}, "expected finite numbers"),
        ({"least": np.float32([0, 0])}, "the first open below"),
        ({"most": np.float32([1, 1])}, "the last above"),
        ({"most": np.float32([2, np.inf])}, "expected bins side by side"),
        ({"map": np.float32([[1], [3], [5]])}, r"map has shape \(3, 1\): expected \(3, 2\)"),
        ({"map": np.float32([1, 2])}, "map of float32 and shape"),
        ({"bias": np.float32([7, 8])}, r"bias has shape \(2,\): expected \(3,\)"),
    ],
)
def test_what_are_no_pieces(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(dr.ModelFileError, match=message):
        read(model(THROUGH_BINS, OF_BINS | change), tmp_path)


def test_pieces_of_standardised_numbers_are_refused(tmp_path: Path) -> None:
    behind = [
        ("Sub", "X mean", "s0"),
        *((k, i.replace("X", "s0"), *r) for k, i, *r in THROUGH_BINS),
    ]
    with pytest.raises(dr.ModelFileError, match="behind a standardisation"):
        read(model(behind, OF_BINS | {"mean": np.float32([1, 2, 3])}), tmp_path)
