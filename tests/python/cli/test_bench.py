"""What a network does here: ``bench``, ``gradcheck`` and ``demo``."""

from pathlib import Path

import pytest

import deltarule as dr
from support_command import run

QUICK = ("--seconds", "0.01", "--rows", "300", "--json")


def test_rates_of_a_network_of_its_own_and_of_a_model(folder: Path) -> None:
    found = run(folder, "bench", *QUICK).values
    assert found["sizes"] == [64, 128, 64, 10]
    assert found["processor"]
    assert found["threads"] == dr.get_num_threads()
    for rates in found["rows_a_second"].values():
        assert rates["trained"] > 0
        assert rates["predicted"] > 0
    found = run(folder, "bench", "rent.safetensors", *QUICK).values
    [*_, whole] = found["rows_a_second"]
    model: object = dr.load(folder / "rent.safetensors")
    assert whole == f"all {len(model.ensemble_)} networks"  # type: ignore[attr-defined]


@pytest.mark.parametrize("output", ["softmax", "sigmoid", "exponential", "identity"])
def test_any_output_and_codes(output: str, folder: Path) -> None:
    layers = [dr.Embedding({1: (5, 2)}), dr.Dense(4, "gelu"), dr.Dense(2, output)]
    dr.Network(layers, input_size=3, seed=0).save(folder / "net.safetensors")
    found = run(folder, "bench", "net.safetensors", *QUICK)
    assert "embedding" in found.stderr
    assert b"right" in run(folder, "gradcheck", "net.safetensors").stdout


def test_gradients_and_digits(folder: Path) -> None:
    assert b"right" in run(folder, "gradcheck").stdout
    result = run(folder, "demo", "--json")
    assert result.values["accuracy"] > 0.9
    assert "deltarule train" in result.stderr
