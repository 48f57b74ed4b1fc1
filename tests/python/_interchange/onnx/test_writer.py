"""Networks in ONNX's form: sound to ONNX's checker, and the same numbers in ONNX Runtime."""

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import AttributeProto

import deltarule as dr
from support import (
    DTYPES,
    NUMBER_EMBEDDINGS,
    assert_near,
    data,
    data_of_every_kind,
    network,
    of_every_kind,
    of_number_embeddings,
)
from support_onnx import check, run

ACTIVATIONS = dr._core.activation_names()


def assert_runs_the_same(net: dr.Network | dr.Ensemble, path: Path, m: int, X: Any = None) -> None:
    net.to_onnx(path)
    check(path)
    X = data(m, [net.input_size, 1], dtype=net.dtype.name)[0] if X is None else X
    expected = net.predict(X)
    actual = run(path, X)
    assert actual.dtype == net.dtype
    assert actual.shape == expected.shape
    if m:
        assert_near(actual, expected, 1e-5)


@pytest.mark.parametrize("m", [0, 1, 7])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_kind_of_layer_runs_the_same(tmp_path: Path, dtype: str, m: int) -> None:
    net = of_every_kind(dtype)
    X, y = data_of_every_kind(50, dtype)
    net.fit(X, y, epochs=2)
    assert_runs_the_same(net, tmp_path / "model.onnx", m, X[:m])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_runs_the_same(tmp_path: Path, activation: str, dtype: str) -> None:
    net = dr.Network(
        [dr.Dense(5), dr.Activation(activation), dr.Dense(5, activation)], input_size=3, dtype=dtype
    )
    if activation != "exponential":
        net.layers[0].W *= 4.0  # both ends
    assert_runs_the_same(net, tmp_path / "model.onnx", 50)


# ONNX keeps them in float32, of which seven digits are sure to come back.
EPSILONS = st.sampled_from([1e-5, 1e-3, 0.00123456, 1e-12])
LAYERS = st.one_of(
    st.builds(dr.Dense, st.integers(1, 9), st.sampled_from(ACTIVATIONS)),
    st.builds(dr.Activation, st.sampled_from([g for g in ACTIVATIONS if g != "exponential"])),
    st.builds(dr.Dropout, st.floats(0, 0.9)),
    st.builds(dr.BatchNorm, st.floats(0, 1), EPSILONS),
    st.builds(dr.LayerNorm, EPSILONS),
    st.just(dr.PReLU()),
    st.builds(
        lambda g: dr.Residual([dr.Activation(g), dr.Residual([dr.Dropout(0.5), dr.PReLU()])]),
        st.sampled_from(["relu", "tanh", "silu"]),
    ),
)


@settings(max_examples=100)
@given(
    st.booleans(),
    st.lists(LAYERS, min_size=1, max_size=6),
    st.sampled_from(DTYPES),
    st.sampled_from([1, 7]),
    st.integers(0, 2**32 - 1),
)
def test_any_architecture_runs_the_same_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    standardized: bool,
    layers: list[Any],
    dtype: str,
    m: int,
    seed: int,
) -> None:
    # Of e^z behind e^z nothing can be compared.
    layers = [
        dr.Dense(layer.units, "tanh")
        if getattr(layer, "activation", "") == "exponential"
        else layer
        for layer in layers[:-1]
    ] + layers[-1:]
    layers = [dr.Standardize()] * standardized + layers
    net = dr.Network(layers, input_size=4, seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    net.parameters[:] += 0.1 * rng.normal(size=net.parameters.shape)
    net.statistics[:] = rng.uniform(0.5, 2.0, size=net.statistics.shape)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    X = rng.normal(size=(m, 4)).astype(dtype)
    A = net.predict(X)
    net.to_onnx(path)
    check(path)
    # A normalisation of one unit, or of equal ones, makes rounding large.
    if not any(layer.description.kind == "layer_norm" for layer in net.layers):
        assert_near(run(path, X), A, 1e-5)
    back = dr.from_onnx(path)
    assert back.dtype == net.dtype
    np.testing.assert_array_equal(back.predict(X), A)


def test_names_and_versions(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    network([3, 4, 2], ["relu", "softmax"]).to_onnx(path)
    made = check(path)
    assert [(each.domain, each.version) for each in made.opset_import] == [("", 20)]
    assert made.ir_version == 9
    assert (made.producer_name, made.producer_version) == ("deltarule", dr.__version__)
    assert made.doc_string.startswith("A dense network of 2 layers")
    (given,), (result,) = made.graph.input, made.graph.output
    assert (given.name, result.name) == ("X", "A")
    for value, n in ((given, 3), (result, 2)):
        m, features = value.type.tensor_type.shape.dim
        assert (m.dim_param, features.dim_value) == ("m", n)
    assert {each.name for each in made.graph.initializer} == {"W1", "b1", "W2", "b2"}
    assert [node.name for node in made.graph.node] == [
        "layers.0.Gemm.Z1",
        "layers.0.Relu.A1",
        "layers.1.Gemm.Z2",
        "layers.1.Softmax.A",
    ]
    assert not any(a.type == AttributeProto.GRAPH for n in made.graph.node for a in n.attribute)


def test_the_features_names_are_in_the_metadata(tmp_path: Path) -> None:
    net = network([3, 2])
    net.to_onnx(tmp_path / "model.onnx")
    assert not check(tmp_path / "model.onnx").metadata_props
    net.feature_names = ["age", "é\n", ""]
    net.to_onnx(tmp_path / "model.onnx")
    (held,) = check(tmp_path / "model.onnx").metadata_props
    assert (held.key, json.loads(held.value)) == ("feature_names", net.feature_names)
    assert run(tmp_path / "model.onnx", np.ones((2, 3), np.float32)).shape == (2, 2)
    assert dr.from_onnx(tmp_path / "model.onnx").feature_names == net.feature_names


def test_only_dropout_is_the_identity(tmp_path: Path) -> None:
    net = dr.Network([dr.Dropout(0.5)], input_size=3)
    assert_runs_the_same(net, tmp_path / "model.onnx", 4)
    assert_near(dr.from_onnx(tmp_path / "model.onnx").predict(np.eye(3)), np.eye(3), 0)


def test_all_columns_embedded(tmp_path: Path) -> None:
    net = dr.Network([dr.Embedding({0: (3, 2), 1: (5, 4)}), dr.Dense(2)], input_size=2)
    X = np.array([[0, 4], [2, 0], [1, 3]], np.float32)
    path = tmp_path / "model.onnx"
    assert_runs_the_same(net, path, 3, X)
    np.testing.assert_array_equal(dr.from_onnx(path).predict(X), net.predict(X))


def test_the_average_is_written_within_averaged(tmp_path: Path) -> None:
    net = network([3, 2])
    X, y = data(20, [3, 2])
    net.fit(X, y, average=0.9)
    path = tmp_path / "model.onnx"
    with net.averaged():
        net.to_onnx(path)
        expected = net.predict(X)
    assert_near(run(path, X), expected, 1e-5)
    assert not np.allclose(net.predict(X), expected, rtol=1e-7)


def test_an_old_file_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    net = network([3, 2])
    net.to_onnx(path)
    before = path.read_bytes()
    net.parameters[0] = np.nan
    with pytest.raises(ValueError, match=r"to_onnx: layers\[0\]\.W\[0, 0\] is nan"):
        net.to_onnx(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]


def test_more_than_the_format_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from deltarule._interchange.onnx import writer

    monkeypatch.setattr(writer, "_MOST_BYTES", 31)
    with pytest.raises(ValueError, match="the parameters take 32 bytes: expected 31 or fewer"):
        network([3, 2]).to_onnx("never.onnx")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'to_onnx: onnx is not there.*"deltarule\[files\]"'):
        network([3, 2]).to_onnx("never.onnx")
    with pytest.raises(ImportError, match=r"from_onnx: onnx is not there"):
        dr.from_onnx("never.onnx")


# Estimators ----------------------------------------------------------------------------------

ROWS = np.random.default_rng(0).normal(size=(80, 4))
SCORES = ROWS @ np.random.default_rng(1).normal(size=(4, 3))
CLASSES = {
    "two": np.where(SCORES[:, 0] > 0, "yes", "no"),
    "objects": np.where(SCORES[:, 0] > 0, "yes", "no").astype(object),
    "bools": SCORES[:, 0] > 0,
    "numbers": SCORES.argmax(axis=1) * 10,
    "large numbers": SCORES.argmax(axis=1).astype(np.uint64) + np.uint64(2**63 - 2),
    "large numbers of two": (SCORES[:, 0] > 0).astype(np.uint64) * np.uint64(2**64 - 1),
    "numbers that are almost large": (SCORES[:, 0] > 0).astype(np.uint64) * np.uint64(2**63 - 1),
    "floats": SCORES.argmax(axis=1) / 1.0,
    "labels": (SCORES > 0).astype(int),
    "one label": (SCORES[:, :1] > 0).astype(int) @ np.array([[1, 0]]),
}


def fitted(kind: str, y: Any, dtype: str = "float32") -> Any:
    estimator = getattr(dr, kind)(hidden_layer_sizes=(6,), max_iter=5, random_state=0, tol=1e9)
    return estimator.fit(ROWS.astype(dtype), y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CLASSES)
def test_classifiers_give_labels_and_probabilities(tmp_path: Path, name: str, dtype: str) -> None:
    classifier = fitted("MLPClassifier", CLASSES[name], dtype)
    path, X = tmp_path / "model.onnx", ROWS.astype(dtype)
    classifier.to_onnx(path)
    check(path)
    label, probabilities = run(path, X, "label"), run(path, X, "probabilities")
    assert_near(probabilities, classifier.predict_proba(X), 1e-5)
    np.testing.assert_array_equal(label, classifier.predict(X))
    back = dr.from_onnx(path, output="probabilities")
    assert_near(back.predict(X), probabilities, 1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("targets", [1, 3])
def test_regressors(tmp_path: Path, targets: int) -> None:
    regressor = fitted("MLPRegressor", SCORES[:, :targets].squeeze())
    path, X = tmp_path / "model.onnx", ROWS.astype(np.float32)
    regressor.to_onnx(path)
    assert_near(run(path, X).squeeze(), regressor.predict(X), 1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classes_that_onnx_does_not_have(tmp_path: Path) -> None:
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        dr.MLPClassifier().to_onnx(tmp_path / "model.onnx")
    one = fitted("MLPClassifier", np.zeros(80))
    with pytest.raises(ValueError, match=r"classes are \[0\.0\]: expected 2 or more"):
        one.to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


# Several networks ------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [0, 1, 7])
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_ensemble_runs_the_same(tmp_path: Path, dtype: str, m: int) -> None:
    X, y = data_of_every_kind(50, dtype)
    nets = [of_every_kind(dtype, seed) for seed in range(3)]
    nets += [dr.Network([dr.Dense(3), dr.Activation("softmax")], 6, dtype=dtype)]
    for net in nets:
        net.fit(X, y, epochs=2)
    ensemble, path = dr.Ensemble(nets, [1, 2, 0, 4]), tmp_path / "model.onnx"
    assert_runs_the_same(ensemble, path, m, X[:m])
    made = onnx.load(path)
    for names in ([n.name for n in made.graph.node], [i.name for i in made.graph.initializer]):
        assert len(names) == len(set(names))
    assert not any("networks.3" in node.name for node in made.graph.node)  # one weighs nothing
    assert "An ensemble of 3 dense networks" in made.doc_string


def test_an_ensemble_whose_members_end_with_a_dropout(tmp_path: Path) -> None:
    nets = [dr.Network([dr.Dense(2), dr.Dropout(0.5)], input_size=3, seed=k) for k in range(2)]
    nets += [dr.Network([dr.Dense(2, "relu"), dr.Dense(2)], input_size=3)]
    assert_runs_the_same(dr.Ensemble(nets, [1, 2, 3]), tmp_path / "model.onnx", 5)
    alone = [dr.Network([dr.Dropout(0.5)], input_size=3)]  # nothing but the mean
    assert_runs_the_same(dr.Ensemble(alone * 2), tmp_path / "model.onnx", 5)


def test_an_ensemble_s_names_of_inputs(tmp_path: Path) -> None:
    nets = [dr.Network([dr.Dense(2)], input_size=2, seed=k) for k in range(2)]
    nets[1].feature_names = ["age", "height"]
    dr.Ensemble(nets).to_onnx(tmp_path / "model.onnx")
    (entry,) = onnx.load(tmp_path / "model.onnx").metadata_props
    assert (entry.key, json.loads(entry.value)) == ("feature_names", ["age", "height"])


def test_an_ensemble_whose_member_cannot_be_written(tmp_path: Path) -> None:
    nets = [dr.Network([dr.Dense(2)], input_size=2, seed=k) for k in range(2)]
    nets[1].layers[0].W[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"to_onnx: layers\[0\]\.W\[0, 0\] is nan"):
        dr.Ensemble(nets).to_onnx(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NUMBER_EMBEDDINGS)
def test_embeddings_of_numbers_run_the_same(tmp_path: Path, name: str, dtype: str) -> None:
    net, X = of_number_embeddings(name, dtype)
    for m in (0, 1, len(X)):
        assert_runs_the_same(net, tmp_path / "model.onnx", m, X[:m])
    # What lies far out, and at an edge, too; waves go round with it.
    if not any(isinstance(layer.description, dr.Periodic) for layer in net.layers):
        far = np.where(X > 0, 1e3, -0.5).astype(dtype)
        far[:, 1] = X[:, 1]
        assert_runs_the_same(net, tmp_path / "model.onnx", len(X), far)
