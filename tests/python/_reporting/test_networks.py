"""Reports on networks and ensembles: what each output tells, and what is refused in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._reporting.networks import subjects
from deltarule.metrics import accuracy, roc_auc
from deltarule.report.facts.gathered import gathered
from deltarule.report.subject import Levels, Subject

M = 120
RNG = np.random.default_rng(0)
X = RNG.normal(size=(M, 3)).astype(np.float32)


def network(units: int, activation: str = "identity", **options: Any) -> dr.Network:
    return dr.Network([dr.Dense(6, "tanh"), dr.Dense(units, activation)], input_size=3, **options)


def reported(model: Any, y: Any, rows: Any = X, **options: Any) -> list[Subject]:
    given = {"classes": None, "sample_weight": None, "train": None, "baselines": False}
    return subjects(model, rows, y, **(given | options), command="", where="report")


def test_one_sigmoid_output_tells_two_classes() -> None:
    net, y = network(1, "sigmoid"), X[:, 0] > 0
    weights = np.linspace(0, 3, M)
    (found,) = reported(net, y, classes=["no", "yes"], sample_weight=weights)
    facts, A = gathered(found), net.predict(X)
    assert found.classes == ("no", "yes")
    assert facts.model.scores["accuracy"].value == pytest.approx(accuracy(y, A, weights))
    assert facts.model.scores["roc_auc"].value == pytest.approx(roc_auc(y, A, weights))
    assert [each.name for each in found.columns] == ["x0", "x1", "x2"]
    assert facts.weighted


@pytest.mark.parametrize("one_hot", [False, True])
def test_a_softmax_output_tells_classes(one_hot: bool) -> None:
    net, y = network(3, "softmax"), np.digitize(X[:, 0], (-0.5, 0.5))
    (found,) = reported(net, np.eye(3)[y] if one_hot else y)
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_allclose(found.model.outputs, net.predict(X), rtol=1e-6)
    assert found.classes == ("0", "1", "2")


def test_several_sigmoid_outputs_tell_labels() -> None:
    net, y = network(2, "sigmoid"), X[:, :2] > 0
    found = reported(net, y, classes=["warm", "wet"])
    A = net.predict(X)
    for place, each in enumerate(found):
        assert (each.target, each.classes, each.place) == (
            ("warm", "wet")[place],
            ("no", "yes"),
            place,
        )
        np.testing.assert_array_equal(each.y, y[:, place])
        np.testing.assert_allclose(each.model.outputs[:, 1], A[:, place], rtol=1e-6)


def test_a_sigmoid_output_held_to_numbers_tells_numbers() -> None:
    (found,) = reported(network(1, "sigmoid"), np.linspace(0, 1, M))
    assert not found.classes
    assert found.model.outputs.shape == (M,)


def test_several_numbers_go_by_the_names_of_y() -> None:
    pandas = pytest.importorskip("pandas")
    net = network(2)
    y = pandas.DataFrame({"height": X[:, 0], "age": X[:, 1]})
    rows = pandas.DataFrame(X, columns=["a", "b", "c"])
    found = reported(net, y, rows, train=(rows, y, np.ones(M)))
    assert [each.target for each in found] == ["height", "age"]
    assert [each.name for each in found[0].columns] == ["a", "b", "c"]
    assert found[0].trained is not None
    assert found[0].trained.seen.all()
    # A column that is a target gives it away, and says which one.
    assert found[0].columns[0].leak.endswith("(height)")
    assert not found[0].columns[2].leak


def test_codes_of_categories_are_levels_and_copies_are_told() -> None:
    net = dr.Network([dr.Embedding({0: (3, 2)}), dr.Dense(1)], input_size=3)
    codes = RNG.integers(3, size=M)
    (found,) = reported(net, X[:, 1], np.column_stack([codes, X[:, 1], X[:, 1]]))
    first, _, copy = found.columns
    assert isinstance(first.test, Levels)
    assert first.kind == "category"
    assert copy.copied == "it is the same as 'x1' in every row"


def test_an_ensemble_tells_its_members() -> None:
    nets = [network(1, seed=k) for k in range(2)]
    nets[0].fit(X, X[:, 0], epochs=3, validation_split=0.2)
    ensemble = dr.Ensemble(nets, weights=[3, 1])
    (found,) = reported(ensemble, X[:, 0])
    np.testing.assert_allclose(found.model.outputs, ensemble.predict(X)[:, 0], rtol=1e-5)
    assert [each.weight for each in found.members] == [0.75, 0.25]
    assert found.members[0].losses == nets[0].history["val_loss"]
    assert found.members[0].of_fit == nets[0].history["loss"]


def test_the_page_has_curves_layers_and_the_call(tmp_path: Path) -> None:
    net = dr.Network(
        [dr.Residual([dr.Dense(3, "relu", l2=0.5)], name="block"), dr.Dense(1)], input_size=3
    )
    net.fit(X, X[:, 0], epochs=70)
    net.report(tmp_path / "r.html", X, X[:, 0], command="make it so")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "dr.Residual([dr.Dense(units=3, activation=&#x27;relu&#x27;, l2=0.5)])" in text
    assert "rows of the fit" in text
    assert "at the end" in text
    assert "make it so" in text
    (last,) = (facts.of_fit.x[-1] for facts in gathered(reported(net, X[:, 0])[0]).members)
    assert 65 < last <= 70  # an epoch, though fewer points are drawn


def test_raw_tables_before_a_network() -> None:
    pytest.importorskip("sklearn")
    table = {"age": X[:, 0], "city": np.where(X[:, 1] > 0, "Rome", "Oslo")}
    encoder = dr.TableEncoder().fit(table)
    net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], inputs=encoder)
    (found,) = reported(net, X[:, 0], table)
    assert {each.name: each.kind for each in found.columns} == encoder.found
    np.testing.assert_allclose(found.model.outputs, net.predict(table)[:, 0], rtol=1e-6)


@pytest.mark.parametrize("m", [2, 7])
@pytest.mark.parametrize(
    ("units", "activation", "y"),
    [
        (1, "identity", np.zeros(7)),
        (1, "identity", np.arange(7) * 1e200),
        (1, "sigmoid", np.zeros(7, int)),
        (1, "sigmoid", np.arange(7) % 2),
        (3, "softmax", np.arange(7) % 3),
        (2, "sigmoid", np.column_stack([np.zeros(7), np.arange(7) % 2])),
    ],
)
def test_what_says_little_has_a_page(
    units: int, activation: str, y: Any, m: int, tmp_path: Path
) -> None:
    weights = np.linspace(0, 1, m)
    net = network(units, activation, dtype="float64")
    options: dict[str, Any] = {"train": (X[:m], y[:m], weights), "baselines": False}
    net.report(tmp_path / "r.html", X[:m], y[:m], sample_weight=weights, **options)
    assert "nan" not in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_without_scikit_learn_there_are_no_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    net, y = network(1), X[:, 0]
    assert reported(net, y, train=(X, y))
    with pytest.raises(ImportError, match=r"scikit-learn is not there: .* or baselines=False"):
        reported(net, y, train=(X, y), baselines=True)


def test_rows_of_the_fit_are_told_by_all_of_their_numbers_and_their_target() -> None:
    rows = np.zeros((5000, 3), np.float32)
    rows[:, 1] = np.arange(5000)
    y = np.zeros(5000)
    here, y_here = rows.copy(), y.copy()
    here[::2, 2] = 1e-30  # another number
    y_here[1::4] = 1  # another target
    here[:, 0] = -0.0  # the same number
    (found,) = reported(network(1), y_here, here, train=(rows, y))
    assert found.trained is not None
    np.testing.assert_array_equal(np.flatnonzero(found.trained.seen), np.arange(3, 5000, 4))


@pytest.mark.parametrize(
    ("units", "activation", "y", "options", "words"),
    [
        (3, "identity", X[:, 0], {}, "network 3 outputs: .*several quantiles"),
        (3, "softmax", np.full((M, 3), 1 / 3), {}, "probabilities of classes"),
        (13, "identity", np.zeros((M, 13)), {}, "13 targets: expected 12 or fewer"),
        (2, "softmax", np.zeros(M, int), {"classes": ["a"]}, "expected 2 names"),
        (1, "identity", X[:, 0], {"train": X}, "train is a ndarray"),
        (1, "identity", X[:, 0], {"baselines": [3]}, "baselines has 3"),
        (1, "identity", X[:3, 0], {}, r"y has shape \(3,\)"),
    ],
)
def test_what_does_not_fit_is_said(
    units: int, activation: str, y: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        reported(network(units, activation), y, **options)
