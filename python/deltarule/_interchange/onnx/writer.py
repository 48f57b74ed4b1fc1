"""A network as an ONNX file, which other runtimes run.

A layer becomes one operator or a few. What is in the file is what predicts: dropout, penalties and
learning rates belong to training and are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._files import atomic
from deltarule._files.atomic import PathLike
from deltarule._interchange.onnx.file import import_onnx
from deltarule._interchange.onnx.formulas import (
    FORMULAS,
    OF_COLUMNS,
    OPERATORS,
    PASSED,
    PRELU,
    STANDARDIZE,
    Formula,
    X,
)
from deltarule._network.bare import BareNetwork
from deltarule._network.layer_views import Layer
from deltarule._version import __version__
from deltarule.layers import (
    Activation,
    Add,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    Periodic,
    PiecewiseLinear,
    PReLU,
    Standardize,
)
from deltarule.layers.columns import NumberEmbedding

# The first opset with Gelu, and the version of the format that came with it. ONNX Runtime reads
# them from 1.17 on.
OPSET, IR_VERSION = 20, 9
# Of the operators that tell text apart.
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 3
# Protobuf's own limit on a message, less room for all that is no weight.
_MOST_BYTES = 2**31 - 2**20

# What ONNX Runtime has no kernel for in float64 is written as a formula.
_FORMULAS_ALWAYS = {"silu"}
_FORMULAS_FLOAT64 = {"leaky_relu", "elu", "gelu", "softplus"}


def to_onnx(network: BareNetwork, path: PathLike) -> None:
    """Write the network to an ONNX file, as ``Network.to_onnx`` says."""
    write(path, model_of(network), ["A"])


def write(path: PathLike, graph: Graph, outputs: list[str]) -> None:
    """Write a graph, all of it or nothing."""
    atomic.replace(path, [graph.model(outputs).SerializeToString()])


class Graph:
    """The nodes and numbers of a model in the making.

    Attributes
    ----------
    dtype : dtype
        The networks'.
    element : int
        What ONNX calls it.
    layer : str
        What the names of nodes begin with.
    prefix : str
        What the names of numbers and results begin with: several networks in one graph have one
        each.
    """

    def __init__(
        self,
        dtype: np.dtype[Any],
        input_size: int,
        feature_names: list[str] | None,
        description: str,
    ) -> None:
        self.onnx = import_onnx("to_onnx")
        self._helper = self.onnx.helper
        self.dtype, self._input_size = dtype, input_size
        self._feature_names, self._description = feature_names, description
        self.element = self._helper.np_dtype_to_tensor_dtype(dtype)
        self._nodes: list[Any] = []
        self._numbers: dict[str, Array] = {}
        self._outputs: dict[str, Any] = {}
        self._columns: dict[str, tuple[str, int]] = {}  # by what nodes call them
        self.layer, self.prefix = "layers", ""

    def number(self, name: str, value: Any, dtype: Any = None) -> str:
        """A constant of the graph, by its name there."""
        name = self.prefix + name
        self._numbers[name] = np.asarray(value, dtype or self.dtype, order="C")
        return name

    def node(self, kind: str, inputs: list[str], result: str, **attributes: Any) -> str:
        """A node, by its result's name in the graph."""
        name, result = f"{self.layer}.{kind}.{result}", self.prefix + result
        self._nodes.append(self._helper.make_node(kind, inputs, [result], name, **attributes))
        return result

    def column(self, name: str, element: int) -> str:
        """Declare a table's column as an input (m, 1); what nodes call it."""
        if not name:
            raise ValueError("to_onnx: a column's name is '': expected one, as inputs go by names")
        inner = f"column {len(self._columns)}"
        self._columns[inner] = name, element
        return inner

    def formula(
        self,
        formula: Formula,
        x: str,
        result: str,
        constants: Mapping[str, Array] | None = None,
        made: dict[str, str] | None = None,
    ) -> str:
        """The nodes of a formula of ``x``; what it has twice is made once."""
        if formula == X:
            return x
        if isinstance(formula, float):
            return self.number(f"constant_{formula!r}", formula)
        if isinstance(formula, str):
            array = (constants or {})[formula]
            dtype = array.dtype if array.dtype.kind == "i" else None
            return self.number(f"{formula}_{result.split('_')[0]}", array, dtype)
        made = {} if made is None else made
        if (known := made.get(repr(formula))) is not None:
            return known
        kind, *parts = formula
        attributes = parts.pop() if isinstance(parts[-1], dict) else {}
        inputs = [
            self.formula(part, x, f"{result}_{place}", constants, made)
            for place, part in enumerate(parts, 1)
        ]
        if kind == "Erf" and self.dtype == np.float64:  # ONNX Runtime has it in float32 alone
            single = self.onnx.TensorProto.FLOAT
            inputs = [self.node("Cast", inputs, f"{result}_single", to=single)]
            inputs = [self.node("Erf", inputs, f"{result}_erf")]
            kind, attributes = "Cast", {"to": self.element}
        elif kind == "Cast":  # codes alone
            attributes = {"to": self.onnx.TensorProto.INT64}
        made[repr(formula)] = name = self.node(kind, inputs, result, **attributes)
        return name

    def activation(self, name: str, x: str, result: str) -> str:
        """The nodes of an activation."""
        if name in _FORMULAS_ALWAYS or (self.dtype == np.float64 and name in _FORMULAS_FLOAT64):
            return self.formula(FORMULAS[name][0], x, result)
        kind, attributes = OPERATORS[name]
        return self.node(kind, [x], result, **attributes)

    def output(self, name: str, columns: int | None, element: int | None = None) -> None:
        """Declare an output, (m, columns) or (m,)."""
        shape = ["m"] if columns is None else ["m", columns]
        self._outputs[name] = self._helper.make_tensor_value_info(
            name, self.element if element is None else element, shape
        )

    def model(self, outputs: list[str]) -> Any:
        """The whole as ONNX's own message."""
        helper = self._helper
        inputs = {"X": (self.element, self._input_size)}
        if self._columns:
            inputs = {name: (element, 1) for name, element in self._columns.values()}
        graph = helper.make_graph(
            self._nodes,
            "network",
            [
                helper.make_tensor_value_info(name, element, ["m", size])
                for name, (element, size) in inputs.items()
            ],
            [self._outputs[name] for name in outputs],
            [self.onnx.numpy_helper.from_array(array, n) for n, array in self._numbers.items()],
        )
        if self._columns:
            self._give_way(graph)
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain for node in self._nodes):
            opsets.append(helper.make_opsetid(ML_DOMAIN, ML_OPSET))
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="deltarule",
            producer_version=__version__,
            doc_string=(
                f"{self._description}, for predicting: "
                + (
                    "each input is a column of a table, an example a row."
                    if self._columns
                    else f"X holds an example a row, {self._input_size} features each."
                )
            ),
        )
        if self._feature_names is not None:
            names = json.dumps(self._feature_names)
            helper.set_model_props(model, {"feature_names": names})
        return model

    def _give_way(self, graph: Any) -> None:
        """Have columns their own names, and whatever else has one of these another."""
        columns = {inner: name for inner, (name, _) in self._columns.items()}
        names = set(columns.values())

        def renamed(name: str) -> str:
            if name in columns:
                return columns[name]
            while name in names:
                name += "_"
            return name

        for node in graph.node:
            for ends in (node.input, node.output):
                ends[:] = [renamed(name) for name in ends]
        for each in (*graph.initializer, *graph.output):
            each.name = renamed(each.name)


def classifier_to_onnx(
    network: BareNetwork, path: PathLike, classes: Array, *, of_labels: bool
) -> None:
    """Write a classifier, with the classes' names.

    Parameters
    ----------
    network : Network
        Its outputs are the classes' probabilities, or that of the second of two.
    path : path_like
    classes : ndarray of shape (n_classes,)
    of_labels : bool
        Whether the outputs are labels of which each may hold, and not classes.
    """
    two = network.output_size == 1 and not of_labels
    graph = model_of(network, "A" if two else "probabilities")
    graph.layer = "classes"
    if two:
        rest = graph.node("Sub", [graph.number("one", 1.0), "A"], "rest")
        graph.node("Concat", [rest, "A"], "probabilities", axis=1)
    graph.output("probabilities", 2 if two else network.output_size)
    types = graph.onnx.TensorProto
    if of_labels:
        held = graph.node("Greater", ["probabilities", graph.number("half", 0.5)], "held")
        graph.node("Cast", [held], "label", to=types.INT64)
        graph.output("label", network.output_size, types.INT64)
    else:
        if len(classes) != max(2, network.output_size):
            raise ValueError(f"to_onnx: classes are {classes.tolist()}: expected 2 or more")
        add_label(graph, classes, "probabilities")
    write(path, graph, ["label", "probabilities"])


def add_label(graph: Graph, classes: Array, probabilities: str) -> None:
    """Add an output with the likeliest class of each example, by its own name."""
    kind = _kind_of(classes)
    if kind is np.object_ and not all(isinstance(each, str) for each in classes):
        raise TypeError(
            f"to_onnx: classes are {classes.tolist()}: expected numbers or strings, as ONNX has no "
            "others"
        )
    named = graph.number("classes", classes, kind)
    best = graph.node("ArgMax", [probabilities], "best", axis=1, keepdims=0)
    graph.node("Gather", [named, best], "label", axis=0)
    graph.output("label", None, graph.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind)))


def _kind_of(classes: Array) -> Any:
    """The type of classes' names; the largest whole numbers alone are unsigned."""
    if classes.dtype.kind == "u" and classes.max() > np.iinfo(np.int64).max:
        return np.uint64
    kinds = {"b": np.bool_, "f": np.float64, "i": np.int64, "u": np.int64}
    return kinds.get(classes.dtype.kind, np.object_)


def ensemble_to_onnx(
    networks: Sequence[BareNetwork],
    weights: Sequence[float],
    feature_names: list[str] | None,
    path: PathLike,
) -> None:
    """Write networks that share X and what each weighs, as ``Ensemble.to_onnx`` says."""
    first = networks[0]
    description = f"An ensemble of {len(networks)} dense networks"
    graph = Graph(first.dtype, first.input_size, feature_names, description)
    add_mean(graph, networks, weights, "X")
    graph.output("A", first.output_size)
    write(path, graph, ["A"])


def add_mean(
    graph: Graph, networks: Sequence[BareNetwork], weights: Sequence[float], rows: str
) -> str:
    """Add networks that share their rows, and the mean of what they make; what that is called."""
    _expect_room_for(networks)
    parts = []
    for place, (network, weight) in enumerate(zip(networks, weights, strict=True)):
        graph.prefix = f"networks.{place}."
        A = _add_network(graph, network, "A", rows)
        graph.layer = f"{graph.prefix}mean"
        parts.append(graph.node("Mul", [A, graph.number("weight", weight)], "share"))
    graph.layer, graph.prefix = "mean", ""
    return graph.node("Sum", parts, "A")


def model_of(network: BareNetwork, result: str = "A") -> Graph:
    """A network's graph from X to its result."""
    _expect_room_for([network])
    description = f"A dense network of {len(network.layers)} layers"
    graph = Graph(network.dtype, network.input_size, network.feature_names, description)
    _add_network(graph, network, result)
    graph.output(result, network.output_size)
    return graph


def _expect_room_for(networks: Sequence[BareNetwork]) -> None:
    size = sum(
        (network.parameters.size + network.statistics.size) * network.dtype.itemsize
        for network in networks
    )
    if size > _MOST_BYTES:
        raise ValueError(
            f"to_onnx: the parameters take {size} bytes: expected {_MOST_BYTES} or fewer, as an "
            "ONNX file holds no more"
        )


def _add_network(graph: Graph, network: BareNetwork, result: str, rows: str = "X") -> str:
    """The nodes of a network from its rows to its result, and what that is called."""
    network._expect_adapted("to_onnx")
    network._expect_finite_parameters("to_onnx")
    values = [rows]  # A[0], A[1], ...
    if network.inputs is not None:
        graph.layer = "inputs"
        values = [network.inputs.add_to(graph)]
    for l, layer in enumerate(network.layers, start=1):  # noqa: E741 -- the layer, as on paper
        graph.layer = f"{graph.prefix}layers.{l - 1}"
        last = l == len(network.layers)
        values.append(_add_layer(graph, layer, l, values, result if last else f"A{l}"))
    if values[-1] != graph.prefix + result:  # a dropout at the end leaves no node
        return graph.node("Identity", [values[-1]], result)
    return values[-1]


def _add_layer(graph: Graph, layer: Layer, l: int, values: list[str], result: str) -> str:  # noqa: E741
    """The nodes of layer l; what its result is called."""
    description, x = layer.description, values[-1]

    def vectors(*names: str) -> list[str]:
        return [graph.number(f"{name}{l}", getattr(layer, name)[:, 0]) for name in names]

    match description:
        case Dense():
            W = graph.number(f"W{l}", layer.W)
            alone = layer.activation == "identity"
            z = graph.node("Gemm", [x, W, *vectors("b")], result if alone else f"Z{l}", transB=1)
            return z if alone else graph.activation(layer.activation, z, result)
        case Activation():
            return graph.activation(layer.activation, x, result)
        case Dropout():
            return x
        case BatchNorm():
            return graph.node(
                "BatchNormalization",
                [x, *vectors("gamma", "beta", "mean", "variance")],
                result,
                epsilon=description.epsilon,
                momentum=1.0 - description.momentum,
            )
        case LayerNorm():
            return graph.node(
                "LayerNormalization",
                [x, *vectors("gamma", "beta")],
                result,
                epsilon=description.epsilon,
            )
        case PReLU() if graph.dtype == np.float64:
            return graph.formula(PRELU, x, result, {"slope": layer.slope[:, 0]})
        case PReLU():
            return graph.node("PRelu", [x, *vectors("slope")], result)
        case Standardize():
            moments = {name: getattr(layer, name)[:, 0] for name in ("mean", "variance")}
            return graph.formula(STANDARDIZE, x, result, moments)
        case Embedding() | NumberEmbedding():
            return _add_embedding(graph, layer, x, result)
        case Add():
            return graph.node("Add", [values[description.source], x], result)
        case _:
            raise AssertionError(f"no operators for {description.kind}")


def _add_embedding(graph: Graph, layer: Layer, x: str, result: str) -> str:
    """The columns that pass, and behind them what each of the others becomes."""
    way, columns = _of_columns(layer, graph.dtype)
    l = layer._index + 1  # noqa: E741 -- the layer, as on paper
    passing = [place for place in range(layer.inputs) if place not in columns]
    parts = []
    if passing:
        which = {"passing": np.array(passing, np.int64)}
        parts.append(graph.formula(PASSED, x, f"passed{l}", which))
    for place, numbers in columns.items():
        index = np.array(place if way == "vectors" else [place], np.int64)
        constants = numbers | {"column": index}
        parts.append(graph.formula(OF_COLUMNS[way], x, f"column{l}of{place}", constants))
    return graph.node("Concat", parts, result, axis=1)


def _of_columns(layer: Layer, dtype: np.dtype[Any]) -> tuple[str, dict[int, dict[str, Array]]]:
    """What an embedding makes of its columns, and the numbers for each by where it comes in."""
    description = layer.description
    if isinstance(description, Embedding):
        tables = {c: {"table": getattr(layer, f"E{c}").T} for c in description.columns}
        return "vectors", tables
    assert isinstance(description, (PiecewiseLinear, Periodic))
    columns, places = description._columns(), description._places()
    own: dict[int, dict[str, Array]] = {}
    for c, (column, place) in enumerate(zip(columns, places, strict=True)):
        own[place] = {}
        for name, array in layer._views.items():
            if name in ("map", f"map{column}"):
                own[place]["map"] = array
            elif not name.startswith("map"):
                own[place][name] = array[:, min(c, array.shape[1] - 1)]  # one may serve all
    if isinstance(description, PiecewiseLinear):
        for place, bins in zip(places, description._edges(), strict=True):
            own[place] |= _bins(np.asarray(bins, dtype))
        if description.d is None:
            return "bins", own
        return "sloped pieces" if description.linear else "pieces", own
    return "waves" if description._is_plain else description.form, own


def _bins(edges: Array) -> dict[str, Array]:
    least, most = np.zeros_like(edges[1:]), np.ones_like(edges[1:])
    least[0], most[-1] = -np.inf, np.inf  # the first bin goes on below, the last above
    return {"starts": edges[:-1], "widths": np.diff(edges), "least": least, "most": most}
