"""Ensembles in files: what is saved is loaded, and what cannot be is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from hostile import closed, opened
from support import DTYPES, assert_same_bits, data_of_every_kind, of_every_kind


def ensemble(dtype: str = "float32") -> dr.Ensemble:
    """Of every kind of layer, trained, with weights that are no round numbers."""
    X, y = data_of_every_kind(24, dtype)
    nets = [of_every_kind(dtype, seed) for seed in range(2)]
    nets += [dr.Network([dr.Dense(3, "softmax")], input_size=6, dtype=dtype)]
    for net in nets:
        net.fit(X, y, epochs=2, average=0.9)
    nets[1].feature_names = list("abcdef")
    return dr.Ensemble(nets, [1, 2, 4])


def there_and_back(saved: dr.Ensemble, path: Path) -> dr.Ensemble:
    saved.save(path)
    loaded = dr.load(path)
    assert isinstance(loaded, dr.Ensemble)
    return loaded


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_ensemble_comes_back_whole(dtype: str, tmp_path: Path) -> None:
    saved = ensemble(dtype)
    loaded = there_and_back(saved, tmp_path / "x.safetensors")
    X, y = data_of_every_kind(20, dtype, seed=4)
    assert_same_bits(loaded.weights, saved.weights)
    assert_same_bits(loaded.predict(X), saved.predict(X))
    assert loaded.feature_names == saved.feature_names
    for one, other in zip(loaded, saved, strict=True):
        assert one.history == other.history
        assert one.feature_names == other.feature_names
        for net in (one, other):
            net.fit(X, y, epochs=1, batch_size=7)
        assert_same_bits(one.parameters, other.parameters)


def test_the_same_ensemble_is_the_same_bytes(tmp_path: Path) -> None:
    there_and_back(ensemble(), tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_many_members(tmp_path: Path) -> None:
    nets = [dr.Network([dr.Dense(2)], input_size=3, seed=k) for k in range(130)]
    saved = dr.Ensemble(nets, np.arange(130))
    loaded = there_and_back(saved, tmp_path / "x")
    assert_same_bits(loaded.weights, saved.weights)
    assert_same_bits(loaded.predict(np.eye(3)), saved.predict(np.eye(3)))


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, saved = tmp_path / "x", ensemble()
    saved.save(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    saved[0].parameters[:] = 0
    with pytest.raises(OSError, match="no space left"):
        saved.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_member_that_cannot_be_written(tmp_path: Path) -> None:
    saved = ensemble()
    saved[1].parameters[0] = np.nan
    with pytest.raises(ValueError, match=r"save: layers\.1\.E1\[0, 0\] is nan"):
        saved.save(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


# Hostile ones ------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any], dict[str, Any]], Any]


def within(**values: Any) -> Change:
    return lambda content, header: content["ensemble"].update(values)


def network(place: int, **values: Any) -> Change:
    return lambda content, header: content["ensemble"]["networks"][place].update(values)


def renamed(old: str, new: str) -> Change:
    def change(content: dict[str, Any], header: dict[str, Any]) -> None:
        header[new] = header.pop(old)

    return change


def one_member_less(content: dict[str, Any], header: dict[str, Any]) -> None:
    del content["ensemble"]["networks"][-1]
    content["ensemble"]["weights"] = [0.5, 0.5]


def other_inputs(content: dict[str, Any], header: dict[str, Any]) -> None:
    """A member of four inputs, whole in itself."""
    content["ensemble"]["networks"][2]["input_size"] = 3
    header["networks.2.layers.0.weight"]["shape"] = [3, 3]
    header["networks.2.average.layers.0.weight"]["shape"] = [3, 3]
    # The rest of the numbers have to be somebody's.
    for part in ("", "average."):
        begin, end = header[f"networks.2.{part}layers.0.weight"]["data_offsets"]
        middle = begin + (end - begin) // 2
        header[f"networks.2.{part}layers.0.weight"]["data_offsets"] = [begin, middle]
        header[f"networks.2.{part}rest"] = {
            "dtype": "F32",
            "shape": [9],
            "data_offsets": [middle, end],
        }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content, header: content.pop("ensemble"), "ensemble is None: expected an object"),
        (within(networks=None), "networks is None: expected one or more of them"),
        (within(networks=[]), r"networks is \[\]: expected one or more"),
        (within(networks={"0": 1}), "networks is .*: expected one or more"),
        (within(networks=[1, 2, 3]), r"networks\.0: network is 1: expected an object"),
        (within(weights=None), "weights is None: expected 3 numbers, 0 or more, that add up to 1"),
        (within(weights=[0.5, 0.5]), r"weights is \[0.5, 0.5\]: expected 3"),
        (within(weights=[0.5, 0.5, 0.5]), "weights is .*: expected 3 numbers"),
        (within(weights=[-0.5, 0.5, 1.0]), "weights is .*: expected 3 numbers"),
        (within(weights=[float("nan")] * 3), "weights is .*: expected 3 numbers"),
        (within(weights=[float("inf"), 0, 0]), "weights is .*: expected 3 numbers"),
        (within(weights=[True, 0, 0]), "weights is .*: expected 3 numbers"),
        (within(weights=["1", 0, 0]), "weights is .*: expected 3 numbers"),
        (within(weights=[0, 0, 0]), "weights is .*: expected 3 numbers"),
        (network(1, dtype="float64"), r"networks\.1: tensor 'layers.1.E1' is float32 .*: expected"),
        (network(2, input_size=2**40), r"networks\.2: input_size is 1099511627776: expected 1 to"),
        (network(2, rules=[]), r"networks\.2: rules is \[\]: expected 1, one for each layer"),
        (network(1, inputs={}), r"networks\.1: inputs: expected none, as this takes arrays"),
        (one_member_less, r"tensors that belong to nothing: .*'networks\.2\.average\.layers\.0"),
        (other_inputs, r"networks\.2: tensors that belong to nothing: .*rest"),
        (
            renamed("networks.2.layers.0.bias", "networks.02.layers.0.bias"),
            r"networks\.2: tensor 'layers.0.bias' is missing",
        ),
        (
            renamed("networks.2.layers.0.bias", "networks.2"),
            r"networks\.2: tensor 'layers.0.bias' is missing",
        ),
        (
            renamed("networks.2.history.loss", "networks.3.history.loss"),
            r"tensors that belong to nothing: \['networks.3.history.loss'\]",
        ),
        (
            renamed("networks.2.history.loss", "history.loss"),
            r"tensors that belong to nothing: \['history.loss'\]",
        ),
        (
            network(0, feature_names=["a", "b", "c", "d", "f", "e"]),
            r"networks\[1\].feature_names\[4\] is 'e': expected 'f'",
        ),
        (
            network(0, feature_names=["a" * 10_000, "b", "c", "d", "e", "f"]),
            r"networks\[1\].feature_names\[0\] is 'a': expected 'aaa",
        ),
    ],
)
def test_files_that_cannot_be(change: Change, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    ensemble().save(path)
    header, content, numbers = opened(path.read_bytes())
    change(content, header)
    path.write_bytes(closed(header, content, numbers))
    with pytest.raises(dr.ModelFileError, match=message) as caught:
        dr.load(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 2000


def test_members_that_do_not_go_together(tmp_path: Path) -> None:
    """Each whole in itself: a file of another ensemble's member in the place of the second."""
    path = tmp_path / "x"
    nets = [dr.Network([dr.Dense(2)], input_size=3, seed=k) for k in range(2)]
    dr.Ensemble(nets).save(path)
    header, content, numbers = opened(path.read_bytes())
    content["ensemble"]["networks"][1]["layers"][0]["activation"] = "softmax"
    path.write_bytes(closed(header, content, numbers))
    with pytest.raises(dr.ModelFileError, match=r"networks\[1\] has an output activation softmax"):
        dr.load(path)
