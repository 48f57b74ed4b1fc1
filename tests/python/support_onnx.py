"""What the tests of ONNX files need: models made node by node, and what ONNX Runtime computes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import deltarule as dr
from support import Array

onnxruntime.set_default_logger_severity(3)  # errors alone

GOLDEN = Path(__file__).parent / "golden" / "onnx"
FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE

Node = tuple[Any, ...]


def model(
    nodes: Sequence[Node],
    numbers: Mapping[str, Any] | None = None,
    *,
    n: Any = 3,
    shape: Sequence[Any] | None = None,
    outputs: Sequence[str] = ("A",),
    opset: int = 20,
    element: int = FLOAT,
) -> Any:
    """A model of nodes (operator, inputs, result[, attributes]) from X (m, n) to A.

    Numbers are float32 where they are not arrays; the domain stands before an operator's name, as
    in "ai.onnx.ml.Scaler".
    """
    made = []
    for index, (kind, inputs, result, *rest) in enumerate(nodes):
        domain, _, name = kind.rpartition(".")
        outcome = result.split() if isinstance(result, str) else result
        attributes = rest[0] if rest else {}
        made.append(
            helper.make_node(
                name, inputs.split(), outcome, f"n{index}", domain=domain, **attributes
            )
        )
    arrays = {
        name: value if isinstance(value, np.ndarray) else np.array(value, np.float32)
        for name, value in (numbers or {}).items()
    }
    graph = helper.make_graph(
        made,
        "g",
        [helper.make_tensor_value_info("X", element, ["m", n] if shape is None else shape)],
        [helper.make_tensor_value_info(name, element, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def save(made: Any, folder: Path) -> Path:
    """A model's file; bytes are written as they are."""
    path = folder / "model.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


def read(made: Any, folder: Path, **arguments: Any) -> dr.Network:
    """The network of a model."""
    return dr.from_onnx(save(made, folder), **arguments)


def run(source: Any, X: Array, output: str | None = None) -> Any:
    """What ONNX Runtime computes, from a file or a model."""
    given = str(source) if isinstance(source, Path) else source.SerializeToString()
    session = onnxruntime.InferenceSession(given, providers=["CPUExecutionProvider"])
    names = [output] if output else None
    return session.run(names, {session.get_inputs()[0].name: X})[0]


def check(path: Path) -> Any:
    """The model in a file, held to ONNX's rules by its own checker, shapes and all."""
    loaded = onnx.load(path)
    onnx.checker.check_model(loaded, full_check=True)
    return loaded
