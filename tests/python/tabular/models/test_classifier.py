"""`TabularClassifier`: labels and probabilities of raw rows."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

import deltarule as dr
from support import Array

FAST: dict[str, Any] = {"preset": "fast", "random_state": 0}


def table(m: int = 300, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "age": np.where(rng.random(m) < 0.1, np.nan, rng.integers(18, 90, m)),
        "city": rng.choice(np.array(["Rome", "Oslo", None], object), m),
        "noise": rng.normal(size=m),
    }


def classes(X: dict[str, Any]) -> Array:
    return np.where((np.nan_to_num(X["age"]) > 45) & (X["city"] == "Rome"), "yes", "no")


@pytest.fixture(scope="module")
def model() -> dr.TabularClassifier:
    X = table()
    return dr.TabularClassifier(**FAST).fit(X, classes(X))


def test_raw_rows_become_labels(model: dr.TabularClassifier) -> None:
    new = table(seed=1)
    assert model.score(new, classes(new)) > 0.93
    assert model.classes_.tolist() == ["no", "yes"]
    P = model.predict_proba(new)
    assert P.dtype == np.float64
    assert np.allclose(P.sum(axis=1), 1)
    assert (model.predict(new) == model.classes_[P.argmax(axis=1)]).all()
    assert set(model.scores_) == {"log_loss", "accuracy"}


def test_the_order_of_columns_does_not_matter(model: dr.TabularClassifier) -> None:
    new = table(seed=1)
    turned = dict(reversed(new.items()))
    assert (model.predict_proba(turned) == model.predict_proba(new)).all()
    assert model.feature_names_in_.tolist() == ["age", "city", "noise"]


def test_what_is_missing_or_new_is_named(model: dr.TabularClassifier) -> None:
    new = table(seed=1)
    del new["city"]
    with pytest.raises(ValueError, match="has no column 'city'"):
        model.predict(new)
    with pytest.warns(dr.TableWarning, match="left out: 'more'"):
        model.predict(table(seed=1) | {"more": np.zeros(300)})


def test_one_row_is_as_it_is_among_others(model: dr.TabularClassifier) -> None:
    new = table(seed=1)
    one = {name: column[:1] for name, column in new.items()}
    np.testing.assert_allclose(
        model.predict_proba(one), model.predict_proba(new)[:1], rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_a_seed_gives_the_same_bits_on_any_number_of_threads(
    model: dr.TabularClassifier, threads: int
) -> None:
    X, before = table(), dr.get_num_threads()
    dr.set_num_threads(threads)
    try:
        again = clone(model).fit(X, classes(X))
    finally:
        dr.set_num_threads(before)
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    other = clone(model).set_params(random_state=1).fit(X, classes(X))
    assert (other.predict_proba(X) != model.predict_proba(X)).any()


@pytest.mark.parametrize(
    ("load", "least"), [(load_iris, 0.9), (load_breast_cancer, 0.93)], ids=["iris", "cancer"]
)
def test_real_data(load: Any, least: float) -> None:
    X, y = load(return_X_y=True, as_frame=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    model = dr.TabularClassifier(**FAST).fit(X, y)
    assert model.score(X_test, y_test) >= least
    # What rows held out came to is near to what others come to.
    assert abs(model.scores_["log_loss"] - log_loss(y_test, model.predict_proba(X_test))) < 0.15


def test_validation_data_take_the_place_of_rows_held_out() -> None:
    X, held = table(), table(seed=2)
    model = dr.TabularClassifier(**FAST).fit(X, classes(X), validation_data=(held, classes(held)))
    assert (model.record_["rows"], model.record_["held_out"]) == (600, 300)
    P = model.predict_proba(held)
    codes = (classes(held) == "yes").astype(int)
    assert model.scores_["log_loss"] == pytest.approx(log_loss(codes, P), rel=1e-3)
    with pytest.raises(ValueError, match="expected neither, as validation_data is given"):
        model.fit(X, classes(X), groups=np.zeros(300), validation_data=(held, classes(held)))
    with pytest.raises(ValueError, match="expected one of the classes of fit"):
        model.fit(X, classes(X), validation_data=(held, np.full(300, "maybe")))


def test_rows_of_a_group_are_held_out_together() -> None:
    """Where rows of a group are copies, what they come to held out is not what others come to."""
    rng = np.random.default_rng(0)
    X = {"x": rng.normal(size=40).repeat(6), "z": rng.normal(size=40).repeat(6)}
    y = rng.choice(["a", "b"], 40).repeat(6)  # by chance alone
    together = dr.TabularClassifier(**FAST).fit(X, y, groups=np.arange(40).repeat(6).astype(str))
    apart = dr.TabularClassifier(**FAST).fit(X, y)
    assert apart.scores_["log_loss"] < together.scores_["log_loss"] - 0.2


def test_what_weighs_more_is_right_more_often() -> None:
    rng = np.random.default_rng(0)
    X = {"x": rng.normal(size=600), "z": rng.normal(size=600)}
    rare = X["x"] + rng.normal(size=600) > 1.7
    y = np.where(rare, "rare", "often")
    plain = dr.TabularClassifier(**FAST).fit(X, y)
    for weighed in (
        dr.TabularClassifier(**FAST, class_weight="balanced").fit(X, y),
        dr.TabularClassifier(**FAST, class_weight={"rare": 8.0}).fit(X, y),
        dr.TabularClassifier(**FAST).fit(X, y, np.where(rare, 8.0, 1.0)),
    ):
        shares = [(each.predict(X) == "rare").mean() for each in (plain, weighed)]
        assert shares[0] < shares[1]
    by_class, by_row = (
        dr.TabularClassifier(**FAST, class_weight={"rare": 8.0}).fit(X, y),
        dr.TabularClassifier(**FAST).fit(X, y, np.where(rare, 8.0, 1.0)),
    )
    assert (by_class.predict_proba(X) == by_row.predict_proba(X)).all()


def test_a_leak_is_told_of() -> None:
    X = table()
    y = classes(X)
    with pytest.warns(dr.TableWarning, match="TabularClassifier.fit: 'code': alone it") as said:
        dr.TabularClassifier(**FAST).fit(X | {"code": (y == "yes") * 7.5}, y)
    assert said[0].filename == __file__


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"preset": "fsat"}, "preset is 'fsat': expected one of fast, default, best; did you mean"),
        ({"split": "sorted"}, "split is 'sorted': expected one of random, time"),
        ({"time_limit": 0}, "time_limit is 0: expected"),
        ({"encoder": 3}, "encoder is a int: expected a deltarule.TableEncoder, or None"),
        ({"class_weight": {"maybe": 2}}, "class_weight names 'maybe': expected classes of y"),
        ({"class_weight": "equal"}, "class_weight is 'equal': expected 'balanced' or"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters: dict[str, Any], message: str) -> None:
    X = table(60)
    with pytest.raises((TypeError, ValueError), match=message):
        dr.TabularClassifier(**FAST | parameters).fit(X, classes(X))


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="'a' alone: expected 2 classes or more"):
        dr.TabularClassifier(**FAST).fit({"x": [1.0, 2.0, 3.0]}, ["a", "a", "a"])


@pytest.mark.parametrize("m", [2, 3, 9])
def test_few_rows(m: int) -> None:
    X = {"x": np.arange(m) ** 1.5}
    y = np.where(np.arange(m) < (m + 1) // 2, "low", "high")
    model = dr.TabularClassifier(**FAST).fit(X, y)
    assert set(model.predict(X)) <= {"low", "high"}


def test_an_encoder_of_ones_own_is_used_and_left_as_it_is() -> None:
    X = table()
    encoder = dr.TableEncoder(kinds={"noise": "drop"}, scaling="standard")
    model = dr.TabularClassifier(**FAST, encoder=encoder).fit(X, classes(X))
    assert model.encoder_.columns == ["age", "city"]
    with pytest.raises(ValueError, match="expected fit"):
        _ = encoder.columns


def test_files_pickles_and_copies_answer_the_same(
    model: dr.TabularClassifier, tmp_path: Path
) -> None:
    new, path = table(seed=1), tmp_path / "model.safetensors"
    model.save(path)
    loaded = dr.load(path)
    assert isinstance(loaded, dr.TabularClassifier)
    for other in (loaded, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (other.predict_proba(new) == model.predict_proba(new)).all()
        assert other.get_params() == model.get_params()
        assert other.scores_ == model.scores_
        assert other.feature_names_in_.tolist() == model.feature_names_in_.tolist()
        assert other.n_features_in_ == 3


def test_what_no_file_holds_is_refused(tmp_path: Path) -> None:
    X = table(60)
    model = dr.TabularClassifier(preset="fast", random_state=np.random.RandomState(0))
    model.fit(X, classes(X))
    with pytest.raises(TypeError, match=r"random_state is .*: expected a number or None"):
        model.save(tmp_path / "m")

    class Own(dr.TabularClassifier):
        pass

    with pytest.raises(TypeError, match="a class of one's own is code"):
        Own(**FAST).fit(X, classes(X)).save(tmp_path / "m")


def test_onnx_answers_the_same_from_raw_columns(
    model: dr.TabularClassifier, tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    path, new = tmp_path / "model.onnx", table(seed=1)
    model.to_onnx(path)
    session = runtime.InferenceSession(str(path))
    feed = {}
    for each in session.get_inputs():
        column = new[each.name]
        if "string" in each.type:
            column = np.array(["" if value is None else value for value in column], object)
        else:
            column = np.asarray(column, np.float32 if "float" in each.type else np.float64)
        feed[each.name] = column[:, np.newaxis]
    label, P = session.run(None, feed)
    assert (label == model.predict(new)).all()
    np.testing.assert_allclose(P, model.predict_proba(new), atol=1e-5)


def test_the_model_tells_what_it_is(model: dr.TabularClassifier) -> None:
    told = model.summary()
    for word in ("TabularClassifier", "accuracy", "age", "category", "weight"):
        assert word in told
    assert len(model.record_["members"]) == 4  # fewer where every row is held out in turn
