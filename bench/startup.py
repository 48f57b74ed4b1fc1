"""S9 and S14: an import beyond NumPy's own, what then lies on the disk, and a first prediction."""

import importlib.metadata
import json
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

# What is imported, and the distributions that come with it (NumPy apart).
PACKAGES = {
    "deltarule": ("deltarule", ["deltarule"]),
    "torch": ("torch", ["torch"]),
    "jax": ("jax, jax.numpy", ["jax", "jaxlib", "scipy", "ml_dtypes", "opt_einsum"]),
    "sklearn": ("sklearn.neural_network", ["scikit-learn", "scipy", "joblib", "threadpoolctl"]),
    "onnxruntime": ("onnxruntime", ["onnxruntime", "flatbuffers", "protobuf"]),
}

# S14: 16-64-64-1 with Adam, one step of a batch of 32, and a prediction of it.
FIRST = {
    "deltarule": """
import deltarule as dr
net = dr.Network([dr.Dense(64, "relu"), dr.Dense(64, "relu"), dr.Dense(1)], input_size=16)
net.fit(X, y, batch_size=32)
net.predict(X)
""",
    "torch": """
import torch
from torch import nn
X, y = torch.from_numpy(X), torch.from_numpy(y)
net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(net.parameters())
nn.functional.mse_loss(net(X), y).backward()
optimizer.step()
with torch.inference_mode():
    net(X)
""",
    "sklearn": """
from sklearn.neural_network import MLPRegressor
model = MLPRegressor(hidden_layer_sizes=(64, 64), batch_size=32)
model.partial_fit(X, y[:, 0])
model.predict(X)
""",
}

# -S keeps .pth files out, whose hooks would be timed with the first import.
_CODE = """
import sys; sys.path[:0] = {path!r}
import numpy, time
X = numpy.random.default_rng(0).standard_normal((32, 16), numpy.float32); y = X[:, :1].copy()
start = time.perf_counter()
{program}
print(time.perf_counter() - start)
"""


def measure(contestants, *, repetitions, scratch, build_wheel):
    """Times and sizes of each package that is there; deltarule's wheel if asked for.

    ``seconds`` and their ``median`` are of the import, ``first_seconds`` and ``first_median`` of a
    process to its first prediction.
    """
    result = {}
    path = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    paths = {}
    for name in (n for n in contestants if n in PACKAGES):
        _, distributions = PACKAGES[name]
        try:
            sizes = [_installed_bytes(d) for d in distributions]
        except importlib.metadata.PackageNotFoundError:
            continue
        result[name] = {"installed_mb": sum(sizes) / 1e6, "distributions": distributions}
        paths[name] = path
    if "deltarule" in result and build_wheel:
        wheel = _build_wheel(scratch)
        result["deltarule"]["wheel_mb"] = wheel.stat().st_size / 1e6
        paths["deltarule"] = [str(_unpacked(wheel, result["deltarule"])), *path]
    elif "deltarule" in result and _is_editable():
        result["deltarule"]["note"] = "editable install: give --wheel to measure what users get"
        del result["deltarule"]["installed_mb"]
        paths["deltarule"] = None
    imports = {name: f"import {PACKAGES[name][0]}" for name in result}
    programs = [(name, "", program) for name, program in imports.items()]
    programs += [(name, "first_", FIRST[name]) for name in result if name in FIRST]
    times = {(name, kind): [] for name, kind, _ in programs}
    for round_number in range(repetitions + 1):
        for name, kind, program in programs:
            seconds = _seconds(program, paths[name])
            if round_number:  # the first warms the disk cache and writes the byte code
                times[name, kind].append(seconds)
    for (name, kind), seconds in times.items():
        result[name] |= {f"{kind}seconds": seconds, f"{kind}median": statistics.median(seconds)}
    return result


def _seconds(program, path):
    options = [] if path is None else ["-S"]
    code = _CODE.format(path=path or [], program=program)
    done = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1])


def _installed_bytes(distribution):
    files = importlib.metadata.files(distribution) or []
    paths = (Path(file.locate()) for file in files if "__pycache__" not in file.parts)
    return sum(path.stat().st_size for path in paths if path.exists())


def _is_editable():
    text = importlib.metadata.distribution("deltarule").read_text("direct_url.json") or "{}"
    return json.loads(text).get("dir_info", {}).get("editable", False)


def _build_wheel(scratch):
    root = Path(__file__).resolve().parents[1]
    build = f"--config-settings=build-dir={Path(scratch) / 'wheel-build'}"
    command = [sys.executable, "-m", "pip", "wheel", str(root), "--no-deps", build,
               "--wheel-dir", str(scratch)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return next(Path(scratch).glob("deltarule-*.whl"))


def _unpacked(wheel, result):
    """The wheel's files in a directory, as an installer would lay them."""
    directory = wheel.parent / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
        result["installed_mb"] = sum(file.file_size for file in archive.infolist()) / 1e6
    return directory
