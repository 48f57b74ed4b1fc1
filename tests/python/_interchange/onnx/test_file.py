"""Files that are damaged, lie or attack: one kind of error, and no memory beyond their size."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

import deltarule as dr
from deltarule._interchange.onnx.operators import SUPPORTED
from support import PEAK_MEMORY, output_of
from support_onnx import GOLDEN, model, read, save

# More for a long run: DELTARULE_FUZZ=100000 pytest test_file.py -k mutat
EXAMPLES = int(os.environ.get("DELTARULE_FUZZ", "150"))
SEEDS = [path.read_bytes() for path in sorted(GOLDEN.glob("*.onnx"))]
W = np.ones((3, 2), np.float32)


def dense() -> Any:
    return model([("Gemm", "X W b", "A")], {"W": W, "b": [1.0, 2.0]})


def assert_refused(made: Any, folder: Path, message: str) -> None:
    with pytest.raises(dr.ModelFileError) as error:
        read(made, folder)
    assert message in str(error.value)
    assert str(error.value).startswith(str(folder / "model.onnx"))


# What is no file of ONNX -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no graph"),
        (b"\x08", "not an ONNX file, or damaged"),
        (b"PK\x03\x04 a zip", "not an ONNX file, or damaged"),
        (b"{'a': 'text'}", "not an ONNX file, or damaged"),
        (b"\x00" * 100, "not an ONNX file, or damaged"),
        (bytes(range(256)), "not an ONNX file, or damaged"),
    ],
)
def test_foreign_files(tmp_path: Path, content: bytes, message: str) -> None:
    assert_refused(content, tmp_path, message)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = dense().SerializeToString()
    for length in range(len(whole) - 1):
        try:
            read(whole[:length], tmp_path)
        except dr.ModelFileError:
            continue
        # What is left may be whole without what is cut, such as the last opset.
        assert ModelProto.FromString(whole[:length]).HasField("graph")


def test_messages_within_messages(tmp_path: Path) -> None:
    inner = b""
    for _ in range(5000):  # an If in an If in an If: attribute g, graph, node, attribute
        for field in (6, 5, 1):
            inner = bytes([field << 3 | 2]) + helper_varint(len(inner)) + inner
    assert_refused(b"\x3a" + helper_varint(len(inner)) + inner, tmp_path, "damaged")


def helper_varint(number: int) -> bytes:
    made = b""
    while number > 127:
        made += bytes([number & 127 | 128])
        number >>= 7
    return made + bytes([number])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    path = save(dense(), tmp_path)
    link = tmp_path / "link.onnx"
    link.symlink_to(path)
    with pytest.raises(dr.ModelFileError, match=r"symbolic link.*: expected the file itself"):
        dr.from_onnx(link)
    with pytest.raises(dr.ModelFileError, match="expected a file"):
        dr.from_onnx(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(dr.ModelFileError, match="expected a file"):  # and does not wait
        dr.from_onnx(tmp_path / "pipe")


# What contradicts itself -----------------------------------------------------------------------


def test_cycles(tmp_path: Path) -> None:
    made = model([("Add", "X b", "a"), ("Relu", "c", "b"), ("Tanh", "b", "c"), ("Tanh", "a", "A")])
    assert_refused(made, tmp_path, "node 0 'n0': Add takes 'b', which nothing before it makes")
    itself = model([("Relu", "A", "A")])
    assert_refused(itself, tmp_path, "takes 'A', which nothing before it makes")


def test_names_twice(tmp_path: Path) -> None:
    made = model([("Relu", "X", "A"), ("Tanh", "X", "A")])
    assert_refused(made, tmp_path, "node 1 'n1': Tanh makes 'A' a second time")
    made = model([("Relu", "X", "X"), ("Tanh", "X", "A")])
    assert_refused(made, tmp_path, "makes 'X' a second time")
    made = dense()
    made.graph.initializer.append(made.graph.initializer[0])
    assert_refused(made, tmp_path, "initializers: the name 'W' stands twice")
    made = dense()
    made.opset_import.append(helper.make_opsetid("ai.onnx", 9))
    assert_refused(made, tmp_path, "opset_import: the name '' stands twice")


def test_an_output_that_nothing_makes(tmp_path: Path) -> None:
    assert_refused(model([("Relu", "X", "B")]), tmp_path, "nothing makes the output 'A'")


@pytest.mark.parametrize("end", ["input", "output"])
def test_an_end_of_the_graph_without_a_name(end: str, tmp_path: Path) -> None:
    made = dense()
    getattr(made.graph, end)[0].name = ""
    if end == "input":
        made.graph.node[0].input[0] = ""
    assert_refused(made, tmp_path, "an input or output of the graph has no name")


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([3, 3], "24 bytes, but shape [3, 3] of float32 takes 36"),
        ([2**62, 2**62], "24 bytes, but shape"),
        ([-3, -2], "expected sizes of 1 or more"),
        ([0, 2**40], "expected sizes of 1 or more"),
        ([1] * 9, "expected sizes of 1 or more"),
        ([6], "weights of shape (6,): expected (a, b)"),
        ([2, 3], "weights for 2 inputs: expected 3"),
    ],
)
def test_shapes_that_lie(tmp_path: Path, dims: list[int], message: str) -> None:
    made = dense()
    made.graph.initializer[0].dims[:] = dims
    assert_refused(made, tmp_path, message)


def test_numbers_in_their_own_fields(tmp_path: Path) -> None:
    made = dense()
    for data_type, numbers in (
        (TensorProto.FLOAT, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        (TensorProto.DOUBLE, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        (TensorProto.FLOAT16, np.arange(6, dtype=np.float16)),
    ):
        tensor = helper.make_tensor("W", data_type, [3, 2], numbers)
        assert not tensor.HasField("raw_data")
        made.graph.initializer[0].CopyFrom(tensor)
        expected = numpy_helper.to_array(tensor).T
        np.testing.assert_array_equal(read(made, tmp_path).layers[0].W, expected)
    made.graph.initializer[0].int32_data[0] = 70000
    assert_refused(made, tmp_path, "a float16 of more than 16 bits")
    made.graph.initializer[0].CopyFrom(helper.make_tensor("W", 1, [3, 2], [1.0] * 6))
    made.graph.initializer[0].float_data.append(1.0)
    assert_refused(made, tmp_path, "7 numbers, but shape [3, 2] of float32 takes 6")


@pytest.mark.parametrize("data_type", [0, 2, 8, 9, 14, 16, 17, 22, 1000])
def test_other_elements(tmp_path: Path, data_type: int) -> None:
    made = dense()
    made.graph.initializer[0].data_type = data_type
    assert_refused(made, tmp_path, f"elements of type {data_type}: expected float16, float, double")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(tmp_path: Path, value: float) -> None:
    made = model([("Gemm", "X W b", "A")], {"W": W, "b": [1.0, value]})
    assert_refused(made, tmp_path, f"layers[0].b[1, 0] is {value}: expected finite numbers")


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    for name, message in ((b"Gemm", "node 0"), (b"n0", "node 0"), (b"W", "initializers")):
        made = dense().SerializeToString().replace(name, b"\xff" * len(name))
        with pytest.raises(dr.ModelFileError, match=rf"{message}: .* is not UTF-8"):
            read(made, tmp_path)


def test_long_names_are_cut(tmp_path: Path) -> None:
    long = "x" * 1_000_000
    for made in (
        model([(long, "X", "A")]),
        model([("Relu", "X", "A", {long: 1})]),
        model([("Relu", long, "A")]),
    ):
        made.graph.node[0].name = long
        with pytest.raises(dr.ModelFileError) as error:
            read(made, tmp_path)
        assert len(str(error.value)) < 2000


# What is sound, but not read ---------------------------------------------------------------------


def with_opset(domain: str, version: int) -> Any:
    made = dense()
    for each in made.opset_import:
        if each.domain == domain:
            each.version = version
    return made


def with_input(made: Any, **changes: Any) -> Any:
    tensor = made.graph.input[0].type.tensor_type
    for name, value in changes.items():
        setattr(tensor, name, value)
    return made


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (with_opset("", 6), "opset 6: expected 7 to 28"),
        (with_opset("", 29), "opset 29: expected 7 to 28"),
        (with_opset("", -1), "opset -1: expected 7 to 28"),
        (with_opset("ai.onnx.ml", 99), "opset 99 of ai.onnx.ml: expected 1 to 5"),
        (with_input(dense(), elem_type=7), "input 'X': expected a tensor of float or double"),
        (model([("Relu", "X", "A")], shape=[]), "of shape []: expected (m, features)"),
        (model([("Relu", "X", "A")], shape=[3]), "of shape [3]: expected (m, features)"),
        (model([("Relu", "X", "A")], shape=["m", 0]), "expected (m, features)"),
        (model([("Relu", "X", "A")], shape=["m", -5]), "expected (m, features)"),
        (model([("Relu", "X", "A")], shape=["m", 2**31]), "expected a number of features"),
        (model([("Flatten", "X", "A")], shape=["m", 2**40, 2**40]), "a number of features"),
        (model([("Relu", "X", "A")], shape=["m", 2, 3]), "or a Flatten before all but arithmetic"),
    ],
)
def test_versions_and_inputs(tmp_path: Path, made: Any, message: str) -> None:
    assert_refused(made, tmp_path, message)


def test_several_inputs(tmp_path: Path) -> None:
    made = dense()
    made.graph.input.append(helper.make_tensor_value_info("other", 1, ["m", 3]))
    assert_refused(made, tmp_path, "inputs 'X', 'other': expected one")
    # Before version 4 of the format, initializers were inputs too.
    made.graph.input[1].name = "W"
    assert read(made, tmp_path).input_size == 3


def test_functions_and_sparse_numbers(tmp_path: Path) -> None:
    made = dense()
    made.functions.append(helper.make_function("", "Gemm", ["X"], ["A"], [], []))
    assert_refused(made, tmp_path, "1 functions of the model's own")
    made = dense()
    made.graph.sparse_initializer.add()
    assert_refused(made, tmp_path, "1 sparse initializers")


@pytest.mark.parametrize("location", ["weights.bin", "/etc/hostname", "../../secret", ""])
def test_no_other_file_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    made = dense()
    (tmp_path / "weights.bin").write_bytes(W.tobytes())
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    path, opened = save(made, tmp_path), []
    real = os.open
    monkeypatch.setattr(os, "open", lambda name, *more: opened.append(name) or real(name, *more))
    with pytest.raises(dr.ModelFileError, match="in another file, which is never opened"):
        dr.from_onnx(path)
    assert opened == [path]


# What takes more than it gives -------------------------------------------------------------------


def of_many(count: int, kind: str, constant: str, numbers: Any, n: int) -> Any:
    names = ["X", *(f"v{i}" for i in range(count - 1)), "A"]
    nodes = [(kind, f"{names[i]} {constant}", names[i + 1]) for i in range(count)]
    return model(nodes, {constant: numbers}, n=n)


@pytest.mark.parametrize(
    "made",
    [
        of_many(1, "PRelu", "s", 0.5, 2**31 - 1),
        of_many(1, "Add", "s", 0.5, 2**31 - 1),
        of_many(1, "Div", "s", 0.5, 2**31 - 1),
        of_many(3000, "PRelu", "s", 0.5, 100_000),
        of_many(3000, "Mul", "s", np.full(10_000, 0.5, np.float32), 10_000),
        of_many(3000, "MatMul", "W", np.eye(100, dtype=np.float32), 100),
    ],
)
def test_no_more_memory_than_the_file_warrants(tmp_path: Path, made: Any) -> None:
    path = save(made, tmp_path)
    script = f"""
import deltarule as dr, onnx
{PEAK_MEMORY}
try:
    dr.from_onnx({str(GOLDEN / "deltarule_float32.onnx")!r})
    before = peak_memory()
    dr.from_onnx({str(path)!r})
except dr.ModelFileError as error:
    assert "more than 8 times the file's size" in str(error), error
    print(peak_memory() - before)
"""
    assert int(output_of(script)) < 64 * 1024


def test_many_steps_behind_a_large_layer_take_no_long_time(tmp_path: Path) -> None:
    names = ["z", *(f"v{i}" for i in range(4999)), "A"]
    nodes = [("MatMul", "X W", "z")]
    nodes += [("Add", f"{names[i]} c", names[i + 1]) for i in range(5000)]
    net = read(model(nodes, {"W": np.ones((1500, 700), np.float32), "c": 1.0}, n=1500), tmp_path)
    assert (net.layers[0].b == 5000).all()


# Mutations ---------------------------------------------------------------------------------------


def assert_network_or_refusal(content: bytes, folder: Path) -> None:
    try:
        net = read(content, folder)
    except dr.ModelFileError:
        return
    assert np.isfinite(net.parameters).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations")


BYTE_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "insert", "delete", "repeat", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(SEEDS), BYTE_CHANGES)
def test_mutated_bytes(folder: Path, seed: bytes, changes: list[tuple[str, float, int]]) -> None:
    content = bytearray(seed)
    for kind, place, value in changes:
        at = int(place * len(content))
        match kind:
            case "flip" if content:
                content[at] ^= 1 << value % 8
            case "set" if content:
                content[at] = value
            case "insert":
                content[at:at] = bytes([value])
            case "delete":
                del content[at : at + value % 16]
            case "repeat":
                content[at:at] = content[at : at + value]
            case "cut" if value < 16:
                del content[at:]
    assert_network_or_refusal(bytes(content), folder)


OPERATORS = sorted({name for _, name in SUPPORTED} | {"Conv", "If", "Selu"})
INTEGERS = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 13, 28, 2**31, 2**40, 2**62]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("input", "operator", "drop", "repeat", "dims", "type", "raw", "rename"),
                *("attribute", "less", "more", "opset", "shape", "turn"),
            ]
        ),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=4,
)


def change(made: Any, kind: str, which: int, value: int) -> None:
    """One change of a model's structure, which leaves a message that can be written."""
    graph = made.graph
    if not graph.node or not graph.initializer:
        return
    node = graph.node[which % len(graph.node)]
    tensor = graph.initializer[which % len(graph.initializer)]
    integer = INTEGERS[value % len(INTEGERS)]
    names = ["", *(name for each in graph.node for name in each.output)]
    names += [each.name for each in (*graph.initializer, *graph.input)]
    match kind:
        case "input" if node.input:
            node.input[value % len(node.input)] = names[(which + value) % len(names)]
        case "turn":
            turned = node.input[::-1]
            node.input[:] = turned
        case "operator":
            node.op_type = OPERATORS[value % len(OPERATORS)]
        case "drop":
            graph.node.remove(node)
        case "repeat":
            graph.node.append(node)
        case "dims" if tensor.dims:
            tensor.dims[value % len(tensor.dims)] = integer
        case "type":
            tensor.data_type = value % 24
        case "raw" if tensor.raw_data:
            raw = bytearray(tensor.raw_data)
            raw[value % len(raw)] = value % 256
            tensor.raw_data = bytes(raw)
        case "rename":
            tensor.name = names[value % len(names)]
        case "attribute" if node.attribute:
            attribute = node.attribute[value % len(node.attribute)]
            attribute.i, attribute.f = integer, float(integer)
            attribute.type = [attribute.type, 0, 1, 2, 3, 4, 5, 7, 8, 14][value % 10]
        case "less" if node.attribute:
            del node.attribute[value % len(node.attribute)]
        case "more":
            name = ["alpha", "axis", "transA", "transB", "to", "epsilon", "x"][value % 7]
            node.attribute.append(helper.make_attribute(name, [integer, 0.5, "x"][which % 3]))
        case "opset":
            made.opset_import[which % len(made.opset_import)].version = integer
        case "shape" if graph.input[0].type.tensor_type.shape.dim:
            sizes = graph.input[0].type.tensor_type.shape.dim
            sizes[which % len(sizes)].dim_value = integer


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(SEEDS), CHANGES)
def test_mutated_structure(folder: Path, seed: bytes, changes: list[tuple[str, int, int]]) -> None:
    made = ModelProto.FromString(seed)
    for one in changes:
        change(made, *one)
    assert_network_or_refusal(made.SerializeToString(), folder)
