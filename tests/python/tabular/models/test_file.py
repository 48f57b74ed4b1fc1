"""Models of tables in files: what is saved comes back, and what does not fit is refused."""

import random
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule._files import models
from deltarule.tabular import ClassEncoder, TargetScaler
from deltarule.tabular.models import file
from deltarule.tabular.models.fitted import Fitted
from hostile import change_bytes, change_meaning, closed, opened
from support import assert_same_bits
from support_models import CLASSES, classifier, encoder, regressor
from support_tables import columns

PARAMETERS: dict[str, Any] = {
    "preset": "fast",
    "kinds": {"age": "category", "x": "drop"},
    "time_limit": None,
    "widths": [64, 128],
    "share": (0.25, float("inf")),
}
STATES = {
    "intervals": {"edges": np.linspace(0, 1, 5), "coverage": 0.9, "names": ["a"]},
    "background": {"rows": np.arange(6, dtype=np.float32).reshape(2, 3)},
}
Read = tuple[Fitted, dict[str, Any], dict[str, Any]]


def read(path: Path) -> Read:
    return file.read(models.read(path))


def there_and_back(kind: str, model: Fitted, path: Path) -> Read:
    file.save(kind, model, PARAMETERS, path, **STATES)
    return read(path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", CLASSES)
def test_a_classifier_comes_back(classes: str, dtype: str, tmp_path: Path) -> None:
    saved = classifier(classes, dtype=dtype)
    loaded, parameters, states = there_and_back("TabularClassifier", saved, tmp_path / "x")
    assert_same_bits(loaded.outputs(columns(), "test"), saved.outputs(columns(), "test"))
    assert isinstance(loaded.targets, ClassEncoder)
    assert loaded.targets.classes.tolist() == CLASSES[classes]
    assert loaded.temperature == saved.temperature
    assert str(loaded.record) == str(saved.record)  # as NaN is not itself
    assert parameters == PARAMETERS
    assert states.keys() == STATES.keys()
    for name, state in STATES.items():
        assert states[name].keys() == state.keys()
        for each, value in state.items():
            np.testing.assert_array_equal(states[name][each], value, strict=True)


@pytest.mark.parametrize("clamp", [True, False])
def test_a_regressor_comes_back(clamp: bool, tmp_path: Path) -> None:
    saved = regressor(np.random.default_rng(0).normal(1e7, 3, (400, 2)), clamp=clamp)
    loaded, _, _ = there_and_back("TabularRegressor", saved, tmp_path / "x")
    A = saved.outputs(columns(), "test")
    assert_same_bits(loaded.outputs(columns(), "test"), A)
    assert isinstance(loaded.targets, TargetScaler)
    assert isinstance(saved.targets, TargetScaler)
    assert_same_bits(loaded.targets.inverse(A), saved.targets.inverse(A))


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    loaded, parameters, states = there_and_back("TabularClassifier", classifier(), tmp_path / "a")
    file.save("TabularClassifier", loaded, parameters, tmp_path / "b", **states)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_was_learned_goes_on_from_a_file(tmp_path: Path) -> None:
    """The networks' averages and curves, too."""
    saved = classifier("three texts")
    rows = saved.encoder.transform(columns())
    for net in saved.ensemble:
        net.fit(rows, np.arange(len(rows)) % 3, epochs=2, average=0.9)
    loaded, _, _ = there_and_back("TabularClassifier", saved, tmp_path / "x")
    for one, other in zip(loaded.ensemble, saved.ensemble, strict=True):
        assert one.history == other.history
        assert one.average is not None
        assert other.average is not None
        assert_same_bits(one.average, other.average)


@pytest.mark.parametrize(
    ("kind", "module"), [("TabularClassifier", "classifier"), ("TabularRegressor", "regressor")]
)
def test_load_hands_it_to_the_estimator(
    kind: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifier() if kind == "TabularClassifier" else regressor()
    file.save(kind, model, PARAMETERS, tmp_path / "x")
    taken: list[Any] = []

    class Estimator:
        @classmethod
        def _of_file(cls, *given: Any) -> type:
            taken.extend(given)
            return cls

    name = f"deltarule.tabular.models.{module}"
    stub = types.ModuleType(name)
    setattr(stub, kind, Estimator)
    monkeypatch.setitem(sys.modules, name, stub)
    assert dr.load(tmp_path / "x") is Estimator
    assert isinstance(taken[0], Fitted)
    assert taken[1:] == [PARAMETERS, {}]


# What is no model --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "change", "error", "message"),
    [
        ("TabularRegressor", {}, TypeError, "targets is a ClassEncoder: expected a TargetScaler"),
        ("TabularClassifier", {"temperature": 0.0}, ValueError, "temperature is 0.0: expected 0.0"),
        ("TabularClassifier", {"temperature": np.nan}, ValueError, "temperature is nan"),
        (
            "TabularClassifier",
            {"targets": ClassEncoder().fit(["a", "b", "c"])},
            ValueError,
            "the networks have 1 outputs, sigmoid: expected 3, softmax, as the targets are",
        ),
        (
            "TabularClassifier",
            {"encoder": encoder({"a": [1.5, 2.5]})},
            ValueError,
            r"the networks take \d+ numbers a row: expected 1, as many as the encoder makes",
        ),
        ("TabularClassifier", {"record": {"model": object()}}, TypeError, "save: model is <object"),
    ],
)
def test_parts_that_do_not_go_together(
    kind: str, change: Any, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        file.save(kind, replace(classifier(), **change), {}, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_networks_that_take_codes_for_numbers(tmp_path: Path) -> None:
    model = classifier()
    plain = dr.Network([dr.Dense(1, "sigmoid")], model.encoder.output_size)
    wrong = replace(model, ensemble=dr.Ensemble([plain]))
    with pytest.raises(ValueError, match=r"networks\[0\] embeds the columns {}: expected {\d+: "):
        file.save("TabularClassifier", wrong, {}, tmp_path / "x")


def test_parameters_that_are_code(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="save: metric is <built-in function len>: expected numb"):
        file.save("TabularClassifier", classifier(), {"metric": len}, tmp_path / "x")


Change = Callable[[dict[str, Any], dict[str, Any]], Any]


def top(**values: Any) -> Change:
    return lambda content, header: content.update(values)


def within(part: str, **values: Any) -> Change:
    return lambda content, header: content[part].update(values)


def renamed(old: str, new: str) -> Change:
    def change(content: dict[str, Any], header: dict[str, Any]) -> None:
        header[new] = header.pop(old)

    return change


def outputs(count: int, activation: str) -> Change:
    def change(content: dict[str, Any], header: dict[str, Any]) -> None:
        for network in content["ensemble"]["networks"]:
            network["layers"][-1]["activation"] = activation

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (top(parameters=None), "parameters is None: expected an object"),
        (top(parameters={"a": {"b": 1}}), r"parameters\.a is {'b': 1}: expected a value"),
        (top(record=[]), r"record is \[\]: expected an object"),
        (top(record={"a": {"float": "x"}}), r"record\.a is .*: expected a value"),
        (top(temperature=None), "temperature is None: expected a number"),
        (top(temperature=2), "temperature is 2: expected a number"),
        (top(temperature=-1.0), "temperature is -1.0: expected 0.001 to 1000"),
        (top(temperature=float("inf")), "temperature is inf: expected 0.001 to 1000"),
        (top(inputs=None), "inputs is None: expected an object"),
        (top(targets=3), "targets is 3: expected an object"),
        (top(ensemble=None), "ensemble is None: expected an object"),
        (top(states=None), "states is None: expected an object"),
        (top(states={"intervals": 3, "background": {}}), r"states\.intervals is 3: expected an o"),
        (top(states={}), "tensors that belong to nothing: .*states.background.rows"),
        (top(states={"": {}}), "states has '': expected names such as 'intervals'"),
        (top(states={"a.b": {}}), r"states has 'a\.b': expected names"),
        (within("inputs", scaling="median"), "scaling is 'median'"),
        (within("inputs", by_place=2), "inputs.by_place is 2"),
        (within("targets", more=1), "belong to nothing"),
        (within("ensemble", weights=[1.0, 0.0]), r"weights is .*: expected 3 numbers"),
        (within("ensemble", networks=[]), r"networks is \[\]: expected one or more"),
        (outputs(1, "identity"), "the networks have 1 outputs, identity: expected 1, sigmoid, as"),
        (renamed("inputs.floats", "inputs.real"), "inputs.floats is missing"),
        (renamed("targets.classes", "targets.labels"), "classes.classes is missing"),
        (renamed("targets.classes", "labels"), "classes.classes is missing"),
        (renamed("states.background.rows", "rows"), r"belong to nothing: \['rows'\]"),
    ],
)
def test_files_that_cannot_be(change: Change, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    file.save("TabularClassifier", classifier(), PARAMETERS, path, **STATES)
    header, content, tensors = opened(path.read_bytes())
    change(content, header)
    path.write_bytes(closed(header, content, tensors))
    with pytest.raises(dr.ModelFileError, match=message):
        read(path)


def test_a_file_of_the_other_kind(tmp_path: Path) -> None:
    """Each part whole in itself."""
    for kind, model in (("TabularClassifier", classifier()), ("TabularRegressor", regressor())):
        file.save(kind, model, {}, tmp_path / "x")
        header, content, tensors = opened((tmp_path / "x").read_bytes())
        [other] = set(file.KINDS) - {kind}
        (tmp_path / "x").write_bytes(closed(header, content | {"kind": other}, tensors))
        with pytest.raises(dr.ModelFileError, match=r"classes|targets"):
            read(tmp_path / "x")


def test_parts_of_two_models(tmp_path: Path) -> None:
    """An encoder of other columns beside networks that are whole."""
    parts = []
    for table in (columns(), {"a": [1.5, 2.5, 3.5], "b": [4.5, 0.5, 9.5]}):
        file.save("TabularRegressor", regressor(table=table), {}, tmp_path / "x")
        parts.append(opened((tmp_path / "x").read_bytes()))
    (header, content, numbers), (others, other_content, other_numbers) = parts
    content["inputs"] = other_content["inputs"]
    for name in [name for name in header if name.startswith("inputs.")]:
        begin, end = others[name]["data_offsets"]
        first = len(numbers)
        numbers += other_numbers[begin:end]
        header[name] = {**others[name], "data_offsets": [first, len(numbers)]}
    # What no tensor has any more has to be somebody's.
    packed, data = {"__metadata__": header.pop("__metadata__")}, bytearray()
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        packed[name] = {**entry, "data_offsets": [len(data), len(data) + end - begin]}
        data += numbers[begin:end]
    (tmp_path / "x").write_bytes(closed(packed, content, data))
    with pytest.raises(dr.ModelFileError, match=r"the networks take \d+ numbers a row: expected 2"):
        read(tmp_path / "x")


@cache
def whole_files(folder: Path) -> tuple[bytes, ...]:
    made = {
        "TabularClassifier": [classifier("three texts", one_hot=3), classifier("truths")],
        "TabularRegressor": [regressor(np.random.default_rng(0).normal(size=(400, 2)))],
    }
    contents = []
    for kind, fitted in made.items():
        for each in fitted:
            file.save(kind, each, PARAMETERS, folder / "whole", **STATES)
            contents.append((folder / "whole").read_bytes())
    return tuple(contents)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_random_changes_are_refused_or_harmless(
    seed: int, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    content = rng.choice(whole_files(tmp_path_factory.getbasetemp()))
    change = change_bytes if rng.random() < 0.2 else change_meaning
    (tmp_path / "x").write_bytes(change(content, rng))
    try:
        made = models.read(tmp_path / "x")
        if made.kind not in file.KINDS:
            return
        fitted, parameters, states = file.read(made)
    except dr.ModelFileError:
        return
    A = fitted.outputs(dict.fromkeys(fitted.encoder.columns, (None, None)), "test")
    with np.errstate(over="ignore"):  # as targets may be of any size
        if isinstance(fitted.targets, TargetScaler):
            fitted.targets.inverse(A)
    assert isinstance(parameters, Mapping)
    file.save(str(made.kind), fitted, parameters, tmp_path / "x", **states)
    read(tmp_path / "x")
