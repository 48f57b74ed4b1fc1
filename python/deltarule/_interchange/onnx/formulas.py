"""Activations as ONNX has them: one operator, or a formula of several.

A formula is an operator's name and its inputs, which are formulas again, numbers, ``X``, what goes
in, or the name of a constant that the formula takes, such as ``"slope"``; and then the attributes
that matter, if any. The exporter writes them, and the importer knows them again.
"""

from __future__ import annotations

import math
from typing import Any

X = "X"
Formula = Any

# One operator each, and its attributes.
OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "identity": ("Identity", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.01}),
    "elu": ("Elu", {"alpha": 1.0}),
    "gelu": ("Gelu", {"approximate": "none"}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
    "softplus": ("Softplus", {}),
    "exponential": ("Exp", {}),
    "softmax": ("Softmax", {"axis": -1}),
}


def _products(a: Formula, b: Formula, c: Formula) -> list[Formula]:
    """A product of three, however it is bracketed."""
    return [("Mul", ("Mul", p, q), r) for p, q, r in ((a, b, c), (a, c, b), (b, c, a))]


def _gelu_tanh(cube: Formula) -> list[Formula]:
    u = ("Mul", math.sqrt(2 / math.pi), ("Add", X, ("Mul", 0.044715, cube)))
    return _products(X, ("Add", ("Tanh", u), 1.0), 0.5)


# Several operators; the exporter writes the first of each, and only where it must.
FORMULAS: dict[str, list[Formula]] = {
    "silu": [("Mul", X, ("Sigmoid", X))],
    "leaky_relu": [("Max", X, ("Mul", X, 0.01))],
    "elu": [("Add", ("Relu", X), ("Sub", ("Exp", ("Min", X, 0.0)), 1.0))],
    "gelu": [
        *_products(X, ("Add", ("Erf", ("Div", X, math.sqrt(2))), 1.0), 0.5),
        *_products(X, ("Add", ("Erf", ("Mul", X, math.sqrt(0.5))), 1.0), 0.5),
    ],
    "gelu_tanh": [*_gelu_tanh(("Pow", X, 3.0)), *_gelu_tanh(("Mul", X, ("Mul", X, X)))],
    "softplus": [
        ("Add", ("Relu", X), ("Log", ("Add", ("Exp", ("Neg", ("Abs", X))), 1.0))),
        ("Log", ("Add", ("Exp", X), 1.0)),
        ("Where", ("Greater", X, 20.0), X, ("Softplus", X)),
    ],
}

# Of other layers; the strings in lower case are constants.
PRELU: Formula = ("Add", ("Relu", X), ("Mul", ("Min", X, 0.0), "slope"))
STANDARDIZE: Formula = ("Div", ("Sub", X, "mean"), ("Sqrt", "variance"))
_APART = ("Sub", X, ("ReduceMean", X))
# Ends before gamma and beta, as older exporters write it.
LAYER_NORM: list[Formula] = [
    ("Div", _APART, ("Sqrt", ("Add", ("ReduceMean", square), "epsilon")))
    for square in (("Pow", _APART, 2.0), ("Mul", _APART, _APART))
]
TWO_CLASSES: Formula = ("Concat", ("Sub", 1.0, X), X)

# What embeddings make of a column, by the name of the way.
_COLUMN: Formula = ("Gather", X, "column", {"axis": 1})  # (m, 1)
_THROUGH_BINS: Formula = (
    "Min",
    ("Max", ("Div", ("Sub", _COLUMN, "starts"), "widths"), "least"),
    "most",
)


def _mapped(features: Formula) -> Formula:
    return ("Gemm", features, "map", "bias", {"transB": 1, "alpha": 1.0, "beta": 1.0})


def _joined(first: Formula, second: Formula) -> Formula:
    return ("Concat", first, second, {"axis": 1})


def _angle(turns: Formula) -> Formula:
    """Of turns, less the whole ones."""
    return ("Mul", ("Sub", turns, ("Round", turns)), 2 * math.pi)


_TURNS: Formula = ("Mul", _COLUMN, "frequency")
_WAVES = _joined(("Cos", _angle(_TURNS)), ("Sin", _angle(_TURNS)))
_COSINES: Formula = ("Cos", _angle(("Add", _TURNS, "phase")))
OF_COLUMNS: dict[str, Formula] = {
    "vectors": (
        "Gather",
        "table",
        ("Cast", ("Gather", X, "column", {"axis": 1})),
        {"axis": 0},
    ),
    "bins": _THROUGH_BINS,
    "pieces": _mapped(_THROUGH_BINS),
    "sloped pieces": ("Add", _mapped(_THROUGH_BINS), ("Mul", _COLUMN, "slope")),
    "waves": _WAVES,
    "plr": ("Relu", _mapped(_WAVES)),
    "pbld": _joined(_COLUMN, _mapped(_COSINES)),
    "cosine": ("Add", ("Mul", _joined(_COLUMN, _COSINES), "scale"), "shift"),
}
PASSED: Formula = ("Gather", X, "passing", {"axis": 1})
