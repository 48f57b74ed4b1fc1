"""``export``: the format by the file's ending, or as it is said."""

from pathlib import Path

import pytest

import deltarule as dr
from support_command import run


def test_onnx_and_c(folder: Path) -> None:
    pytest.importorskip("onnx")
    run(folder, "export", "people.safetensors", "-o", "people.onnx")
    assert (folder / "people.onnx").stat().st_size > 1000
    run(folder, "export", "rent.safetensors", "--to", "c", "-o", "rent.h")
    assert b"rent_prediction" in (folder / "rent.h").read_bytes()
    run(folder, "export", "rent.safetensors", "-o", "rent.zip", code=2)


def test_a_network_for_pytorch(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    network = dr.Network([dr.Dense(4, "tanh"), dr.Dense(2, "softmax")], input_size=3, seed=0)
    network.save(folder / "net.safetensors")
    run(folder, "export", "net.safetensors", "-o", "net.pt2")
    X = torch.arange(15.0).reshape(5, 3)
    program = torch.export.load(folder / "net.pt2").module()
    assert abs(program(X).numpy() - network.predict(X.numpy())).max() < 1e-6
