"""Layers as a file describes them, and their numbers as tensors by layer."""

import json
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._files.architecture import by_layer, described, flat_size, layers_from, take, taken
from deltarule.errors import ModelFileError
from support import (
    BINS,
    DTYPES,
    NUMBER_EMBEDDINGS,
    assert_same_bits,
    of_every_kind,
    of_number_embeddings,
)


def test_descriptions_come_back() -> None:
    layers = of_every_kind()._descriptions
    assert layers_from(described(layers), 6) == layers


@pytest.mark.parametrize("name", NUMBER_EMBEDDINGS)
def test_embeddings_of_numbers_come_back(name: str) -> None:
    layers = of_number_embeddings(name)[0]._descriptions
    text = json.dumps(described(layers), allow_nan=False)
    back = layers_from(json.loads(text), 6)
    assert back == layers
    places = [getattr(layer, "places", None) for layer in layers]
    assert [getattr(layer, "places", None) for layer in back] == places


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": None}, "columns is None: expected a list of columns"),  # all of them
        ({"columns": [0, 1, 2**40]}, "column 1099511627776: expected 0 or more, and less than"),
        ({"columns": [0, 1, 2**31 - 1]}, "takes column 2147483647: expected less than"),
        ({"columns": [0, 1, 1]}, "in ascending order"),
        ({"columns": [0, 1, 2.0]}, r"columns is \[0, 1, 2.0\]: expected a list of columns"),
        ({"columns": [0, 1]}, "bins of 3 columns, and 2 columns"),
        ({"columns": {"0": 1}}, "expected a list of columns"),
        ({"bins": None}, "bins is None: expected a list of edges a column"),
        ({"bins": [[0.0, 1.0], 3, [0.0, 1.0]]}, r"bins\[1\] is 3: expected a list of edges"),
        ({"bins": [[0.0, 1.0]] * 2 + [[0.0, True]]}, r"bins\[2\] is .*: expected a list of edges"),
        ({"bins": [[0.0, 1.0]] * 2 + [[1.0, 0.0]]}, "1.0 before 0.0: expected edges in ascending"),
        ({"bins": [[0.0, 1.0]] * 2 + [[0.0]]}, r"has shape \(1,\): expected 2 edges or more"),
        ({"bins": [[0.0, 1.0]] * 2 + [[0.0, float("inf")]]}, "is inf"),
        ({"d": 2**31}, "d is 2147483648: expected 1 or more"),
        ({"d": True}, "d is True: expected an integer"),
        ({"linear": 1}, "linear is 1: expected True or False"),
        ({"places": [0, 1, 2]}, "places"),
    ],
)
def test_bins_are_hostile_until_checked(change: dict[str, Any], message: str) -> None:
    [layer] = described([dr.PiecewiseLinear(BINS, 2, columns=[0, 1, 2])])
    assert layers_from([layer], 5)
    with pytest.raises(ModelFileError, match=message):
        layers_from([layer | change], 2**31 - 1 if change.get("columns") is None else 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": None}, "columns is None: expected a list of columns"),
        ({"frequencies": 0}, "frequencies is 0: expected 1 or more"),
        ({"frequencies": 2**40}, "frequencies is 1099511627776: expected 1 or more, and less"),
        ({"form": "eval"}, "form is 'eval': expected one of plr, pbld, cosine"),
        ({"form": ["plr"]}, r"form is \['plr'\]: expected a plain value"),
        ({"form": 3}, "form is 3: expected one of"),
        ({"d": 1}, "of the form pbld, is 1: expected 2 or more"),
        ({"sigma": float("nan")}, "sigma is nan: expected a number above 0"),
        ({"shared": 0}, "shared is 0: expected True or False"),
    ],
)
def test_waves_are_hostile_until_checked(change: dict[str, Any], message: str) -> None:
    [layer] = described([dr.Periodic(3, 2, form="pbld", columns=[0, 2])])
    assert layers_from([layer], 5)
    with pytest.raises(ModelFileError, match=message):
        layers_from([layer | change], 5)


def test_numbers_of_numpy_s_become_python_s() -> None:
    [found] = described([dr.Dense(np.int32(3), l2=np.float32(0.5), frozen=np.bool_(True))])  # type: ignore[arg-type]
    assert [type(found[name]) for name in ("units", "l2", "frozen")] == [int, float, bool]


@pytest.mark.parametrize("what", ["parameters", "statistics"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_flat_vector_is_cut_and_joined(dtype: str, what: str) -> None:
    layers = of_every_kind(dtype)._descriptions
    size = flat_size(layers, 6, what)
    assert size == getattr(of_every_kind(dtype), what).size
    flat = np.arange(1, size + 1).astype(dtype)
    tensors = by_layer(layers, 6, flat, what)
    assert all(np.shares_memory(tensor, flat) for tensor in tensors.values())
    assert_same_bits(taken(tensors, layers, 6, flat.dtype, what), flat)
    assert not tensors


def test_by_hand() -> None:
    """W column by column, then b."""
    tensors = by_layer([dr.Dense(2)], 3, np.arange(8.0), "parameters")
    assert tensors["layers.0.weight"].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert tensors["layers.0.bias"].tolist() == [6, 7]
    assert by_layer([dr.Dense(1)], 1, np.arange(2.0), "parameters")["layers.0.weight"].shape == (
        1,
        1,
    )


@pytest.mark.parametrize(
    ("blocks", "fits"),
    [
        ([0], True),
        ([0, 0], True),
        ([0, 3], True),
        ([0, 2], False),
        ([0, 1], False),
        ([2, 0], True),
        ([1, 0, 6], True),
        ([0, 3, 0], True),
        ([0, 3, 1], False),
        ([1, 1, 0], True),
        ([0, 4, 2], False),
        ([0, 4, 3], True),
    ],
)
def test_blocks_stand_one_in_another_or_one_after_another(blocks: list[int], fits: bool) -> None:
    """Each an activation and the layer that adds, from the layer that is given on."""
    layers: list[dict[str, Any]] = []
    common = {"name": None, "frozen": False, "learning_rate": 1.0}
    for source in blocks:
        while len(layers) <= source:
            layers.append({"kind": "activation", "activation": "relu", **common})
        layers.append({"kind": "activation", "activation": "relu", **common})
        layers.append({"kind": "add", "source": source, **common})
    if fits:
        assert len(layers_from(layers, 3)) == len(layers)
    else:
        with pytest.raises(ModelFileError, match="first layer of a residual block"):
            layers_from(layers, 3)


def test_a_tensor_that_does_not_fit() -> None:
    tensors = {"a": np.array([[1.0, np.nan]])}
    with pytest.raises(ModelFileError, match=r"tensor 'a' has nan at \[0, 1\]: expected finite"):
        take(dict(tensors), "a", np.dtype(float), (1, 2))
    with pytest.raises(ModelFileError, match=r"'a' is float64 of shape \(1, 2\): expected float32"):
        take(dict(tensors), "a", np.dtype(np.float32), (1, 2))
    with pytest.raises(ModelFileError, match="tensor 'b' is missing: expected float64 of shape"):
        take(dict(tensors), "b", np.dtype(float), (2,))
