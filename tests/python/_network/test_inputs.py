"""A network that takes raw tables: everywhere it takes X, in its files, and in copies."""

import copy
import json
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from hostile import change_meaning, closed, opened
from support import Array, assert_same_bits, nothing_written
from support_tables import LIBRARIES, M, columns

Y = np.random.default_rng(1).integers(0, 2, M)


def encoder(**arguments: Any) -> dr.TableEncoder:
    return dr.TableEncoder(**arguments).fit(columns())


def layers(made: dr.TableEncoder) -> list[Any]:
    return [*made.layers(), dr.Dense(8, "relu"), dr.Dropout(0.1), dr.Dense(1, "sigmoid")]


def net(**arguments: Any) -> dr.Network:
    made = encoder()
    return dr.Network(layers(made), inputs=made, seed=3, **arguments)


def plain(**arguments: Any) -> tuple[dr.Network, Array]:
    """The same network without its inputs, and what they make."""
    made = encoder()
    network = dr.Network(layers(made), made.output_size, seed=3, **arguments)
    return network, made.transform(columns())


def some_rows(rows: slice) -> dict[str, list[Any]]:
    return {name: values[rows] for name, values in columns().items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whatever_takes_X_takes_tables(dtype: str) -> None:
    made, table = net(dtype=dtype), columns()
    other, X = plain(dtype=dtype)
    outcomes = []
    for network, given in ((made, table), (other, X)):
        results: list[Any] = [network.fit(given, Y, validation_split=0.2, epochs=2)]
        results += [network.fit(given, Y, validation_data=(given, Y))]
        results += [network.fit(iter([(given, Y)]))]
        results += [network.train_on_batch(given, Y, optimizer=dr.Adam())]
        results += [network.evaluate(given, Y, metrics=["accuracy"]), network.predict(given)]
        results += [network.forward(given)[0], network.loss_and_gradients(given, Y)[1]]
        results += [network.gradient_check(given, Y, entries=1)] * (dtype == "float64")
        outcomes.append([*results, network.parameters])
    for one, expected in zip(*outcomes, strict=True):
        if isinstance(expected, np.ndarray):
            assert_same_bits(one, expected)
        else:
            assert one == expected


def test_a_standardize_is_adapted_to_what_is_encoded() -> None:
    made = encoder(one_hot=20)
    network = dr.Network([dr.Standardize(), dr.Dense(1)], inputs=made)
    network.adapt(columns())
    expected = made.transform(columns()).astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(network.layers[0].mean[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("library", LIBRARIES)
def test_tables_of_any_library(library: str) -> None:
    made = net()
    assert_same_bits(made.predict(LIBRARIES[library]()), made.predict(columns()))


def test_one_example() -> None:
    made, pandas = net(), pytest.importorskip("pandas")
    A = made.predict(columns())
    one = {name: values[7] for name, values in columns().items()}
    assert_same_bits(made.predict(one), A[7])
    assert_same_bits(made.predict(pandas.DataFrame(columns()).iloc[7]), A[7])
    out = np.empty(1, np.float32)
    assert made.predict(one, out) is out
    assert_same_bits(out, A[7])
    assert made.predict(some_rows(slice(7, 8))).shape == (1, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_prediction_encodes_once(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, table, times = net(dtype=dtype), columns(), 0
    one = {name: values[7] for name, values in table.items()}
    expected = made.without_inputs().predict(encoder().transform(table))
    encode = dr.TableEncoder.encoded

    def counted(*arguments: Any) -> Any:
        nonlocal times
        times += 1
        return encode(*arguments)

    monkeypatch.setattr(dr.TableEncoder, "encoded", counted)
    for given, A in ((table, expected), (one, expected[7])):
        times, out = 0, np.empty_like(A)
        assert_same_bits(made.predict(given), A)
        assert made.predict(given, out) is out
        assert_same_bits(out, A)
        assert times == 2


def test_no_rows_and_what_cannot_be_written_to() -> None:
    made = net()
    assert made.predict({name: [] for name in columns()}).shape == (0, 1)
    for wrong in (np.empty((M, 2), np.float32), np.empty((M, 1))):
        with pytest.raises((TypeError, ValueError), match=r"^predict: out "):
            made.predict(columns(), wrong)
    standardized = encoder(one_hot=20)
    unseen = dr.Network([dr.Standardize(), dr.Dense(1)], inputs=standardized)
    with pytest.raises(ValueError, match=r"^predict: the Standardize layer has no means"):
        unseen.predict(columns())


def test_what_is_encoded_already_is_refused() -> None:
    made = net()
    X = encoder().transform(columns())
    uses: list[Callable[[], Any]] = [
        lambda: made.predict(X), lambda: made.predict(X[0]), lambda: made.evaluate(X, Y),
        lambda: made.fit(X, Y), lambda: made.train_on_batch(X, Y, optimizer=dr.Adam()),
    ]  # fmt: skip
    for use in uses:
        with nothing_written(made), pytest.raises(ValueError, match="is an array without names: e"):
            use()
    other = made.without_inputs()
    assert other.inputs is None
    assert_same_bits(other.predict(X), made.predict(columns()))
    with pytest.raises(ValueError, match="without_inputs: the network has no inputs"):
        other.without_inputs()


def test_errors_name_the_caller() -> None:
    made = net()
    table = columns() | {"age": ["old"] * M}
    with pytest.raises(ValueError, match=r"^predict: X column 'age'\[0\] is 'old'"):
        made.predict(table)
    with pytest.raises(ValueError, match=r"^fit: validation X column 'age'\[0\]"):
        made.fit(columns(), Y, validation_data=(table, Y))


def test_names_are_those_of_the_table() -> None:
    made = net()
    made.fit(columns(), Y)
    assert made.feature_names == encoder().columns
    with pytest.raises(ValueError, match=r"feature_names: expected None, as they are those of net"):
        made.feature_names = ["a"]


def test_the_summary_tells_of_the_table() -> None:
    made = net()
    assert f"{made.input_size} inputs of 9 columns of a table, 1 outputs" in made.summary()
    assert "table" not in made.without_inputs().summary()


def test_a_fit_of_the_encoder_elsewhere_changes_nothing() -> None:
    made = encoder()
    network = dr.Network(layers(made), inputs=made)
    A = network.predict(columns())
    made.fit({"a": [1, 2]})
    network.inputs.fit({"a": [1, 2]})  # type: ignore[union-attr]
    assert_same_bits(network.predict(columns()), A)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda e: dr.Network(layers(e), 3, inputs=e), ValueError, "input_size is 3 but inputs m"),
        (lambda e: dr.Network(layers(e), inputs="e"), TypeError, "inputs is a str: expected a del"),
        (lambda e: dr.Network(layers(e), inputs=dr.TableEncoder()), ValueError, "no columns yet"),
        (lambda e: dr.Network([dr.Dense(1)], inputs=e), ValueError,
         r"inputs makes codes in the columns \d+ \(14 codes\) but the layers embed none"),
        (lambda e: dr.Network([dr.Embedding({0: (3, 2)}), dr.Dense(1)], inputs=e), ValueError,
         r"the layers embed 0 \(3 codes\)"),
        (lambda e: dr.Network(layers(e)), TypeError, "input_size is None: expected an integer"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit(
    make: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(encoder())


def test_pytorch_has_no_tables() -> None:
    pytest.importorskip("torch")
    with pytest.raises(
        TypeError, match=r"^to_torch: .*expected network\.without_inputs\(\)\.to_to"
    ):
        net().to_torch()


# Files and copies --------------------------------------------------------------------------------


def test_files_have_the_encoder(tmp_path: Path) -> None:
    made = net()
    made.fit(columns(), Y)
    made.save(tmp_path / "a.safetensors")
    again = dr.load(tmp_path / "a.safetensors")
    assert isinstance(again, dr.Network)
    assert isinstance(again.inputs, dr.TableEncoder)
    assert isinstance(made.inputs, dr.TableEncoder)
    assert again.inputs.describe() == made.inputs.describe()
    assert_same_bits(again.predict(columns()), made.predict(columns()))
    again.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))]
)
def test_copies(copied: Callable[[dr.Network], dr.Network]) -> None:
    made = net()
    assert_same_bits(copied(made).predict(columns()), made.predict(columns()))


def test_ten_thousand_columns_go_into_a_file(tmp_path: Path) -> None:
    names = [f"a column with the number {i}" for i in range(10_000)]
    table = dict(zip(names, np.random.default_rng(0).normal(size=(10_000, 3)), strict=True))
    made = dr.Network([dr.Dense(1)], inputs=dr.TableEncoder().fit(table))
    made.save(tmp_path / "x.safetensors")
    again = dr.load(tmp_path / "x.safetensors")
    assert_same_bits(again.predict(table), made.predict(table))


def test_a_training_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    path, whole, part = tmp_path / "x.safetensors", net(), net()
    whole.fit(columns(), Y, epochs=4)
    part.fit(columns(), Y, epochs=2, callbacks=[dr.Checkpoint(path)])
    again = net()
    again.fit(columns(), Y, epochs=4, resume=path)
    assert_same_bits(again.parameters, whole.parameters)
    assert_same_bits(dr.load(path).predict(columns()), part.predict(columns()))
    scaled = encoder(scaling="standard")
    for other in (dr.Network(layers(scaled), inputs=scaled), plain()[0]):
        X = columns() if other.inputs is not None else plain()[1]
        with pytest.raises(ValueError, match=r"other inputs: exp|inputs: expected none"):
            other.fit(X, Y, epochs=4, resume=path)


def whole_file(tmp_path: Path) -> bytes:
    path = tmp_path / "x.safetensors"
    net().save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": 3}, "inputs is 3: expected an object"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": None}, "belong to nothing"),
        ({"input_size": 5}, "tensor"),
        ({"feature_names": ["a"]}, "feature_names"),
    ],
)
def test_a_file_that_does_not_fit(change: Any, message: str, tmp_path: Path) -> None:
    header, inner, numbers = opened(whole_file(tmp_path))
    inner["network"] |= change
    (tmp_path / "x").write_bytes(closed(header, inner, numbers))
    with pytest.raises(dr.ModelFileError, match=message):
        dr.load(tmp_path / "x")


def test_an_encoder_of_other_columns_than_the_network_s(tmp_path: Path) -> None:
    """What the file says twice must be the same: the encoder's columns, and the layers' inputs."""
    path = tmp_path / "x.safetensors"
    table = {"a": [1.5, 2.5], "b": [1.5, 0.5]}
    dr.Network([dr.Dense(1)], inputs=dr.TableEncoder().fit(table)).save(path)
    header, inner, numbers = opened(path.read_bytes())
    place = header["inputs.kind"]["data_offsets"][0]
    numbers[place] = 3  # the first column is left out now, and its numbers are one column's
    path.write_bytes(closed(header, inner, numbers))
    with pytest.raises(dr.ModelFileError, match="inputs"):
        dr.load(path)


def test_an_estimator_has_no_encoder(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    path = tmp_path / "x.safetensors"
    dr.MLPRegressor(hidden_layer_sizes=(2,)).partial_fit(np.eye(3), [0, 1, 2]).save(path)
    header, inner, numbers = opened(path.read_bytes())
    inner["network"]["inputs"] = {}
    path.write_bytes(closed(header, inner, numbers))
    with pytest.raises(dr.ModelFileError, match="inputs: expected none, as this takes arrays"):
        dr.load(path)


def seeds() -> Iterator[int]:
    yield from range(200)


def test_files_that_mean_harm(tmp_path: Path) -> None:
    content, path, taken = whole_file(tmp_path), tmp_path / "x", 0
    for seed in seeds():
        path.write_bytes(change_meaning(content, random.Random(seed)))
        try:
            made = dr.load(path)
        except dr.ModelFileError:
            continue
        assert isinstance(made, dr.Network)
        made.save(path)
        json.dumps(made.feature_names)
        taken += 1
    assert 0 < taken < 200
