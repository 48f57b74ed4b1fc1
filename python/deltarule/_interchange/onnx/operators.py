"""The ONNX operators that are read, with their attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Below 7, operators broadcast in another way; above, nobody knows yet what they will mean.
OPSETS = range(7, 29)
ML = "ai.onnx.ml"
ML_OPSETS = range(1, 6)


@dataclass(frozen=True)
class Operator:
    """What is supported of an operator: its number of inputs, and its attributes."""

    inputs: tuple[int, int]
    # By name: the default, and the values that are supported (None: any of its type).
    attributes: Mapping[str, tuple[Any, tuple[Any, ...] | None]] = field(default_factory=dict)


_ANY: None = None
REQUIRED: Any = ...
_AXIS = {"axis": (-1, (1, -1))}
_EPSILON = {"epsilon": (1e-5, _ANY)}

SUPPORTED: dict[tuple[str, str], Operator] = {
    ("", name): operator
    for name, operator in {
        "Abs": Operator((1, 1)),
        "Add": Operator((2, 2)),
        "BatchNormalization": Operator(
            (5, 5),
            _EPSILON | {"momentum": (0.9, _ANY), "training_mode": (0, (0,)), "spatial": (1, (1,))},
        ),
        "Cast": Operator((1, 1), {"to": (REQUIRED, (1, 7, 11)), "saturate": (1, _ANY)}),
        "Concat": Operator((1, 2**31 - 1), {"axis": (REQUIRED, (1, -1))}),
        "Constant": Operator(
            (0, 0),
            {
                "value": (_ANY, _ANY),
                "value_float": (_ANY, _ANY),
                "value_floats": (_ANY, _ANY),
                "value_int": (_ANY, _ANY),
                "value_ints": (_ANY, _ANY),
            },
        ),
        "Cos": Operator((1, 1)),
        "Div": Operator((2, 2)),
        "Dropout": Operator((1, 3), {"ratio": (0.5, _ANY), "seed": (0, _ANY)}),
        "Elu": Operator((1, 1), {"alpha": (1.0, (1.0,))}),
        "Erf": Operator((1, 1)),
        "Exp": Operator((1, 1)),
        "Flatten": Operator((1, 1), {"axis": (1, (1,))}),
        "Gather": Operator((2, 2), {"axis": (0, (0, 1))}),
        "Gelu": Operator((1, 1), {"approximate": ("none", ("none", "tanh"))}),
        "Gemm": Operator(
            (2, 3),
            {
                "alpha": (1.0, _ANY),
                "beta": (1.0, _ANY),
                "transA": (0, (0,)),
                "transB": (0, (0, 1)),
            },
        ),
        "Greater": Operator((2, 2)),
        "Identity": Operator((1, 1)),
        "LayerNormalization": Operator((2, 3), _AXIS | _EPSILON | {"stash_type": (1, _ANY)}),
        "LeakyRelu": Operator((1, 1), {"alpha": (0.01, _ANY)}),
        "Log": Operator((1, 1)),
        "MatMul": Operator((2, 2)),
        "Max": Operator((2, 2)),
        "Min": Operator((2, 2)),
        "Mul": Operator((2, 2)),
        "Neg": Operator((1, 1)),
        "PRelu": Operator((2, 2)),
        "Pow": Operator((2, 2)),
        "ReduceMean": Operator(
            (1, 2),
            {
                "axes": (_ANY, ([1], [-1])),
                "keepdims": (1, (1,)),
                "noop_with_empty_axes": (0, (0,)),
            },
        ),
        "Relu": Operator((1, 1)),
        "Reshape": Operator((2, 2), {"allowzero": (0, _ANY)}),
        "Round": Operator((1, 1)),
        "Sigmoid": Operator((1, 1)),
        "Sin": Operator((1, 1)),
        "Softmax": Operator((1, 1), _AXIS),
        "Softplus": Operator((1, 1)),
        "Sqrt": Operator((1, 1)),
        "Sub": Operator((2, 2)),
        "Swish": Operator((1, 1), {"alpha": (1.0, (1.0,))}),
        "Tanh": Operator((1, 1)),
        "Transpose": Operator((1, 1), {"perm": ([1, 0], ([1, 0],))}),
        "Where": Operator((3, 3)),
    }.items()
} | {
    # skl2onnx's probabilities by the classes' names: they are the same.
    (ML, "ZipMap"): Operator(
        (1, 1), {"classlabels_strings": (_ANY, _ANY), "classlabels_int64s": (_ANY, _ANY)}
    ),
    (ML, "Scaler"): Operator((1, 1), {"offset": (_ANY, _ANY), "scale": (_ANY, _ANY)}),
}
