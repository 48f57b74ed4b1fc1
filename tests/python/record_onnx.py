"""ONNX files as PyTorch, skl2onnx and deltarule write them, recorded to be read for ever.

``python tests/python/record_onnx.py`` writes into ``golden/onnx`` a file ``<case>.onnx`` a case,
and ``<case>.npz`` with X and what the model made of it where it came from. It needs PyTorch,
onnxscript, scikit-learn and skl2onnx.
"""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from support import data_of_every_kind, of_every_kind
from support_onnx import GOLDEN

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 4)).astype(np.float32)


def torch_modules() -> dict[str, Any]:
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
            self.norm = nn.BatchNorm1d(6)

        def forward(self, x: Any) -> Any:
            return x + self.norm(self.inner(x))

    torch.manual_seed(0)
    modules = {
        "every_layer": nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.GELU()),
            *(nn.Linear(6, 6, bias=False), nn.SiLU(), nn.LayerNorm(6), nn.PReLU(), nn.Dropout(0.2)),
            *(nn.Linear(6, 5), nn.ELU(), nn.LeakyReLU(), nn.Softplus(), nn.GELU("tanh")),
            *(nn.Linear(5, 3), nn.Softmax(1)),
        ),
        "residual": nn.Sequential(
            nn.Linear(4, 6), Block(), nn.Sigmoid(), Block(), nn.Tanh(), nn.Linear(6, 2)
        ),
    }
    for module in modules.values():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.data += 0.2 * torch.rand(tensor.shape)
        module.eval()
    return modules


def export_torch(module: Any, X: Any, path: Path, **arguments: Any) -> None:
    """Both of PyTorch's exporters, with an open number of examples."""
    import torch

    if arguments.get("dynamo"):
        arguments |= {"external_data": False, "verbose": False}
        arguments["dynamic_shapes"] = ({0: "m"},)
    else:
        arguments |= {"input_names": ["x"], "dynamic_axes": {"x": {0: "m"}}}
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (torch.tensor(X),), str(path), **arguments)
    finally:
        logging.disable(logging.NOTSET)


TORCH = {
    "torchscript_9": {"dynamo": False, "opset_version": 9},
    "torchscript_14": {"dynamo": False, "opset_version": 14},
    "torchscript_20": {"dynamo": False, "opset_version": 20},
    "dynamo_18": {"dynamo": True, "opset_version": 18},
    "dynamo": {"dynamo": True},
}


def without_notes(path: Path) -> bytes:
    """A file without the notes on where its code stood, which name the machine's folders."""
    import onnx

    model = onnx.load(path)
    for each in (model.graph, *model.graph.node, *model.graph.value_info):
        each.ClearField("metadata_props")
    for each in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        each.ClearField("metadata_props")
    return bytes(model.SerializeToString())


def of_torch() -> Iterator[tuple[str, bytes, Any, Any]]:
    import torch

    for name, module in torch_modules().items():
        for exporter, arguments in TORCH.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.onnx"
                export_torch(module, X[:2], path, **arguments)
                A = module(torch.tensor(X)).detach().numpy()
                yield f"{name}_{exporter}", without_notes(path), X, A


def of_sklearn() -> Iterator[tuple[str, bytes, Any, Any]]:
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    rng = np.random.default_rng(1)
    X = rng.normal(2, 3, size=(60, 4)).astype(np.float32)
    some = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0}
    classes, names = rng.integers(3, size=60), np.where(X[:, 0] > 2, "yes", "no")
    cases = {
        "regressor": (MLPRegressor(**some), X[:, 0]),
        "pipeline": (
            make_pipeline(StandardScaler(), MinMaxScaler(), MLPRegressor(**some)),
            X[:, 1],
        ),
        "two_classes": (MLPClassifier(**some), names),
        "three_classes": (make_pipeline(StandardScaler(), MLPClassifier(**some)), classes),
    }
    for name, (estimator, y) in cases.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(X, y)
            written = to_onnx(estimator, X[:1]).SerializeToString()
        of_classes = hasattr(estimator, "predict_proba")
        A = estimator.predict_proba(X) if of_classes else estimator.predict(X)[:, np.newaxis]
        yield f"sklearn_{name}", written, X[:9], A[:9]


def of_deltarule() -> Iterator[tuple[str, bytes, Any, Any]]:
    for dtype in ("float32", "float64"):
        net = of_every_kind(dtype)
        X, y = data_of_every_kind(40, dtype)
        net.fit(X, y, epochs=3)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            net.to_onnx(path)
            yield f"deltarule_{dtype}", path.read_bytes(), X[:9], net.predict(X[:9])


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for source in (of_torch, of_sklearn, of_deltarule):
        for name, written, X_of_it, A in source():
            (GOLDEN / f"{name}.onnx").write_bytes(written)
            np.savez_compressed(GOLDEN / f"{name}.npz", X=X_of_it, A=A)
            print(name, len(written), "bytes")
