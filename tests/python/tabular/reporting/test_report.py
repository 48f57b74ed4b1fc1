"""Reports on models of tables: what is counted, compared and told of a fit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import deltarule as dr
from deltarule.report.facts.gathered import gathered
from deltarule.report.subject import Subject
from deltarule.tabular.reporting.subject import subjects

M, N = 260, 150


def subjects_of(
    model: Any, X: Any, y: Any, train: Any, baselines: Any, sample_weight: Any = None
) -> list[Subject]:
    return subjects(
        model,
        X,
        y,
        sample_weight=sample_weight,
        train=train,
        baselines=baselines,
        command="",
        where="report",
    )


def subject_of(*arguments: Any, **options: Any) -> Subject:
    (found,) = subjects_of(*arguments, **options)
    return found


def table(m: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    age = rng.uniform(20, 80, m)
    return {
        "age": np.where(rng.random(m) < 0.1, np.nan, age).tolist(),
        "city": rng.choice(np.array(["Rome", "Oslo", None], object), m),
        "since": np.datetime64("2020-01-01") + rng.integers(0, 900, m).astype("timedelta64[D]"),
        "<script>x</script>": [f"{value:.3f}" for value in rng.normal(size=m)],
        "same": ["x"] * m,
    }


def target(X: dict[str, Any]) -> Any:
    rome = np.array([each == "Rome" for each in X["city"]])
    return np.nan_to_num(np.array(X["age"]), nan=50.0) / 20 + rome


TRAIN, TEST = table(M, 0), table(N, 1)
Y, Y_TEST = target(TRAIN), target(TEST)


@pytest.fixture(scope="module")
def classifier() -> dr.TabularClassifier:
    model = dr.TabularClassifier(preset="fast", time_limit=3, random_state=0)
    return model.fit(TRAIN, np.where(Y > 3, "old", "young"))


@pytest.fixture(scope="module")
def regressor() -> dr.TabularRegressor:
    return dr.TabularRegressor(preset="fast", time_limit=3, random_state=0).fit(TRAIN, Y)


def test_it_writes_one_file(classifier: dr.TabularClassifier, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    labels = np.where(Y > 3, "old", "young")
    classifier.report(path, TEST, np.where(Y_TEST > 3, "old", "young"), train=(TRAIN, labels))
    text = path.read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert "logistic regression" in text
    assert "same never vary" in text
    assert "<script" not in text
    assert len(text) < 300_000


def test_scores_are_those_of_the_model(regressor: dr.TabularRegressor) -> None:
    facts = gathered(subject_of(regressor, TEST, Y_TEST, (TRAIN, Y), True))
    expected = float(np.sqrt(np.mean((regressor.predict(TEST) - Y_TEST) ** 2)))
    assert facts.model.scores["rmse"].value == pytest.approx(expected, rel=1e-5)
    assert facts.baselines[0].name == "always the mean"
    assert facts.baselines[0].scores["rmse"].value == pytest.approx(
        float(np.sqrt(np.mean((Y.mean() - Y_TEST) ** 2)))
    )
    missing = {each.name: each.test.missing for each in facts.columns}
    assert missing["age"] == int(np.isnan(np.array(TEST["age"])).sum())
    assert missing["city"] == sum(each is None for each in TEST["city"])
    assert {each.name: each.kind for each in facts.columns} == regressor.encoder_.found
    assert facts.coverage is not None
    assert facts.split == "random"
    assert facts.importance.columns[int(np.argmax(facts.importance.mean))] == "age"


def test_rows_of_the_fit_are_told_apart_from_others(regressor: dr.TabularRegressor) -> None:
    both = {name: [*TRAIN[name][:40], *TEST[name]] for name in TRAIN}
    y = np.append(Y[:40], Y_TEST)
    facts = gathered(subject_of(regressor, both, y, (TRAIN, Y), False))
    assert facts.seen == 40
    assert not facts.baselines


def test_without_the_rows_of_the_fit(classifier: dr.TabularClassifier) -> None:
    labels = np.where(Y_TEST > 3, "old", "young")
    facts = gathered(subject_of(classifier, TEST, labels, None, True))
    assert facts.of_fit is None
    assert not facts.baselines
    assert facts.classes == ("old", "young")


def test_a_model_from_a_file_has_the_same_report(
    classifier: dr.TabularClassifier, tmp_path: Path
) -> None:
    labels = np.where(Y_TEST > 3, "old", "young")
    classifier.save(tmp_path / "m.safetensors")
    again = dr.load(tmp_path / "m.safetensors")
    for model, name in ((classifier, "a.html"), (again, "b.html")):
        model.report(tmp_path / name, TEST, labels)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_leaks_and_how_rows_were_held_out() -> None:
    X = {"told": Y.tolist(), "other": TRAIN["age"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dr.TableWarning)
        model = dr.TabularRegressor(preset="fast", time_limit=2, random_state=0)
        model.fit(X, Y, groups=np.arange(M) // 2)
    subject = subject_of(model, X, Y, None, False)
    assert subject.split == "groups"
    assert [bool(each.leak) for each in subject.columns] == [True, False]


@pytest.mark.parametrize(
    ("X", "y", "train", "words"),
    [
        (TEST, Y_TEST[1:], None, "150 rows, and its y 149"),
        (TEST, Y_TEST, 3, "train is a int"),
        ({"age": [1.0, 2.0]}, [1.0, 2.0], None, "has no column"),
    ],
)
def test_what_does_not_fit_is_said(
    regressor: dr.TabularRegressor, tmp_path: Path, X: Any, y: Any, train: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        regressor.report(tmp_path / "r.html", X, y, train=train)
    assert not list(tmp_path.iterdir())


def test_several_targets_have_sections_each(tmp_path: Path) -> None:
    model = dr.TabularRegressor(preset="fast", time_limit=1, random_state=0)
    model.fit(TRAIN, {"first": Y, "second": -Y})
    y = {"first": Y_TEST, "second": -Y_TEST}
    found = subjects_of(model, TEST, y, None, False)
    assert [(each.target, each.place) for each in found] == [("first", 0), ("second", 1)]
    predictions = model.predict(TEST)
    for place, each in enumerate(found):
        np.testing.assert_allclose(each.model.outputs, predictions[:, place], rtol=1e-5)
        assert each.coverage is not None
    model.report(tmp_path / "r.html", TEST, y)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    for place, name in enumerate(y):
        assert f"{name}: Errors" in text
        assert text.count(f'id="scores-{place}"') == 1


def test_a_fitted_model_tells_of_itself_in_notebooks(regressor: dr.TabularRegressor) -> None:
    html = regressor._repr_mimebundle_()["text/html"]
    assert f"{len(regressor.ensemble_)} networks, of {M} rows" in html
    assert f"{regressor.scores_['rmse']:.4g}" in html
    assert "quantiles" in html  # as the encoder tells of its columns
    assert html.endswith(regressor._repr_html_()[-500:])
    assert "networks, of" not in dr.TabularRegressor()._repr_html_()


def test_scores_go_by_weights(regressor: dr.TabularRegressor) -> None:
    weights = np.linspace(0, 2, N)
    facts = gathered(subject_of(regressor, TEST, Y_TEST, None, False, sample_weight=weights))
    squares = (regressor.predict(TEST) - Y_TEST) ** 2
    expected = float(np.sqrt(np.average(squares, weights=weights)))
    assert facts.model.scores["rmse"].value == pytest.approx(expected, rel=1e-5)


def test_what_others_answered_is_compared_with(regressor: dr.TabularRegressor) -> None:
    facts = gathered(subject_of(regressor, TEST, Y_TEST, None, [("truth", Y_TEST, 0.5)]))
    (other,) = facts.baselines
    assert (other.name, other.seconds, other.scores["rmse"].value) == ("truth", 0.5, 0)
    with pytest.raises(ValueError, match=r"'bad' have shape \(3, 1\): expected \(150, 1\)"):
        subject_of(regressor, TEST, Y_TEST, None, [("bad", [1, 2, 3], 0.0)])
