"""A model of a table as one ONNX graph, from raw columns to answers."""

from __future__ import annotations

import numpy as np

from deltarule._files.atomic import PathLike
from deltarule._interchange.onnx.writer import Graph, add_label, add_mean, write
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.targets import ClassEncoder, TargetScaler


def to_onnx(fitted: Fitted, path: PathLike) -> None:
    """Write a fitted model to an ONNX file.

    Its inputs are the columns that the encoder uses, (m, 1) each, as ``Network.to_onnx`` says. A
    classifier's outputs are ``label`` (m,) and ``probabilities`` (m, classes), those after the
    temperature; a regressor's is ``prediction`` (m, targets), of float64.

    Raises
    ------
    ImportError, ValueError
        As in ``Network.to_onnx``.
    """
    networks, weights = fitted.ensemble._that_count()
    description = f"A model of a table, {len(networks)} dense networks behind an encoder"
    graph = Graph(fitted.ensemble.dtype, fitted.ensemble.input_size, None, description)
    graph.layer = "inputs"
    A = add_mean(graph, networks, weights, fitted.encoder.add_to(graph))
    graph.layer = "targets"
    A = graph.node("Cast", [A], "A_double", to=graph.onnx.TensorProto.DOUBLE)
    if isinstance(fitted.targets, TargetScaler):
        _add_prediction(graph, A, fitted.targets)
        write(path, graph, ["prediction"])
    else:
        _add_classes(graph, A, fitted.targets, fitted.temperature)
        write(path, graph, ["label", "probabilities"])


def _add_prediction(graph: Graph, A: str, targets: TargetScaler) -> None:
    """Add what makes numbers on the scale of the targets; in float64, as they may be large."""

    def numbers(name: str) -> str:
        return graph.number(name, getattr(targets, name), np.float64)

    Y = graph.node("Mul", [A, numbers("deviation")], "scaled")
    Y = graph.node("Add", [Y, numbers("mean")], "Y")
    if targets.clamp:
        Y = graph.node("Max", [Y, numbers("least")], "not_below")
        Y = graph.node("Min", [Y, numbers("most")], "not_above")
    graph.node("Identity", [Y], "prediction")
    graph.output("prediction", len(targets.mean), graph.onnx.TensorProto.DOUBLE)


def _add_classes(graph: Graph, A: str, targets: ClassEncoder, temperature: float) -> None:
    """Add what makes probabilities of all classes, and the likeliest one's name."""
    count = len(targets.classes)
    P = A
    if count == 2:
        rest = graph.node("Sub", [graph.number("one", 1.0, np.float64), A], "rest")
        P = graph.node("Concat", [rest, A], "both", axis=1)
    if temperature != 1:
        logarithms = graph.node("Log", [P], "logarithms")
        heat = graph.number("temperature", temperature, np.float64)
        P = graph.node("Softmax", [graph.node("Div", [logarithms, heat], "cooled")], "tempered",
                       axis=1)  # fmt: skip
    add_label(graph, targets.classes, P)
    graph.node("Cast", [P], "probabilities", to=graph.element)
    graph.output("probabilities", count)
