"""Explanations of fitted models, from raw tables."""

from functools import cache
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.metrics import log_loss
from deltarule.tabular import Explanation
from deltarule.tabular.models.explaining.explained import explained
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.models.temperature import class_probabilities, tempered
from support import assert_same_bits
from support_explaining import fitted, numbers, table


def targets(kind: str) -> Any:
    y = numbers(table())
    if kind == "two targets":
        return np.column_stack([y, -100 * np.asarray(table()["noise"])])
    if kind == "two classes":
        return np.where(y > np.median(y), "much", "little").tolist()
    if kind == "three classes":
        return np.array(["a", "b", "c"])[np.digitize(y, np.quantile(y, [0.3, 0.6]))].tolist()
    return y


@cache
def model(kind: str) -> Fitted:
    temperature = 1.5 if "classes" in kind else 1.0
    return fitted(table(), targets(kind), temperature=temperature)


KINDS = ("a target", "two targets", "two classes", "three classes")


@pytest.mark.parametrize("kind", KINDS)
def test_what_matters_is_found(kind: str) -> None:
    for y in (targets(kind), None):
        found = explained(model(kind), table(), y)
        assert found.columns == ("age", "city", "income", "sex", "noise")
        matter = {"city", "income"} | ({"noise"} if kind == "two targets" else set())
        for values in (found.importance, np.abs(found.attributions).mean(axis=(0, 2))):
            order = [found.columns[at] for at in np.argsort(-values)]
            assert set(order[: len(matter)]) == matter
        assert (found.deviation > 0).any()


@pytest.mark.parametrize("kind", KINDS)
def test_parts_add_up_to_predictions(kind: str) -> None:
    found = explained(model(kind), table())
    outputs = found.base + found.attributions.sum(axis=1)
    if kind == "two classes":
        made = class_probabilities(1 / (1 + np.exp(-outputs)))
    elif kind == "three classes":
        made = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    else:
        made = outputs
        least, most = model(kind).targets.least, model(kind).targets.most  # type: ignore[union-attr]
        inside = (outputs > least) & (outputs < most)
        assert inside.mean() > 0.9
        made = np.where(inside, made, found.predictions)
    room = found.errors.max(axis=1, keepdims=True) + 1e-4
    assert (np.abs(made - found.predictions) <= room).all()
    assert found.attributions.shape == (300, 5, len(found.outputs))


def test_the_targets_of_a_target_are_what_it_is_in() -> None:
    """The second target is by the noise alone, and a hundred times as large."""
    found = explained(model("two targets"), table())
    sizes = np.abs(found.attributions).mean(axis=0)
    assert found.columns[int(sizes[:, 1].argmax())] == "noise"
    assert sizes[4, 1] > 10 * sizes[4, 0]


def test_importance_is_by_the_loss_of_the_model_s_answers() -> None:
    """By hand: the whole column of the raw table shuffled, in the same order."""
    made, X, y = model("three classes"), table(), targets("three classes")
    found = explained(made, X, y, repeats=1, seed=3)
    order = np.random.default_rng(3).permutation(300)
    shuffled = X | {"city": [X["city"][at] for at in order]}
    codes = made.targets.transform(y)

    def loss(rows: Any) -> float:
        P = class_probabilities(made.outputs(rows, "here"))
        return log_loss(codes, tempered(P, 1.5))

    assert found.importance[1] == pytest.approx(loss(shuffled) - loss(X), rel=1e-6)
    assert found.measure == "rise of the log loss"


def test_a_score_of_the_caller_s() -> None:
    seen = []

    def score(y: np.ndarray, A: np.ndarray) -> float:
        seen.append((y.shape, A.shape))
        return -float(np.abs(y - A).mean())

    found = explained(model("a target"), table(), targets("a target"), score=score, max_rows=100)
    assert set(seen) == {((100, 1), (100, 1))}
    assert len(seen) == 1 + 5 * 5
    assert found.columns[int(found.importance.argmax())] == "income"
    assert found.measure == "fall of the score"
    with pytest.raises(ValueError, match="there is a score and no y"):
        explained(model("a target"), table(), score=score)


def test_weights_say_which_rows_count() -> None:
    weights = np.r_[np.ones(150), np.zeros(150)]
    y = np.where(weights > 0, targets("a target"), 1e6)
    found = explained(model("a target"), table(), y, sample_weight=weights)
    assert 0 < found.importance[2] < 100


def test_one_row_by_a_background() -> None:
    made, X = model("a target"), table()
    one = {name: values[:1] for name, values in X.items()}
    with pytest.raises(ValueError, match="explain: X has 1 rows, and there is no background"):
        explained(made, one)
    found = explained(made, one, background=made.encoder.transform(X))
    whole = explained(made, X)
    np.testing.assert_allclose(found.base, whole.base, rtol=1e-6)
    np.testing.assert_allclose(found.attributions[0], whole.attributions[0], atol=0.1)
    assert np.isnan(found.importance).all()
    assert found.summary().count("\n") == 8


def test_the_order_of_columns_and_new_ones_change_nothing() -> None:
    made, X = model("a target"), table()
    turned = dict(reversed(X.items()))
    one, other = explained(made, X), explained(made, turned)
    assert_same_bits(one.attributions, other.attributions)
    assert_same_bits(one.importance, other.importance)


def test_members_without_weight_are_left_out() -> None:
    made = model("a target")
    nets = list(made.ensemble.networks)
    alone = Fitted(encoder=made.encoder, ensemble=dr.Ensemble(nets[:1]), targets=made.targets)
    beside = Fitted(
        encoder=made.encoder, ensemble=dr.Ensemble(nets, [1, 0, 0]), targets=made.targets
    )
    one, other = explained(alone, table(), repeats=1), explained(beside, table(), repeats=1)
    assert_same_bits(one.attributions, other.attributions)


def test_of_many_columns_the_largest_are_shuffled() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 120))
    made = fitted(X, X[:, 7] - 2 * X[:, 90], members=1, epochs=3)
    found = explained(made, X, repeats=1)
    assert np.isnan(found.importance).sum() == 20
    sizes = np.abs(found.attributions).mean(axis=(0, 2))
    assert sizes[np.isnan(found.importance)].max() <= sizes[np.isfinite(found.importance)].min()
    assert "and 100 more" in found.summary()


def test_targets_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="explain: y has 299 rows: expected 300, as X has"):
        explained(model("a target"), table(), targets("a target")[1:])
    with pytest.raises(ValueError, match=r"sample_weight has shape \(301,\): expected \(300,\)"):
        explained(model("a target"), table(), sample_weight=np.ones(301))
    for wrong in ({"repeats": 0}, {"max_rows": 0}):
        with pytest.raises(ValueError, match="expected 1 or more"):
            explained(model("a target"), table(), **wrong)


def test_it_is_told() -> None:
    found = explained(model("three classes"), table(), targets("three classes"))
    lines = found.summary(most=2).split("\n")
    assert lines[0] == "300 predictions by 5 columns"
    assert lines[2].split()[0] == found.columns[int(found.importance.argmax())]
    assert lines[2].endswith("#" * 20)
    assert lines[4] == "and 3 more"
    one = found.summary(row=4, output=2)
    assert "the column's part of the log-odds of 'c'" in one
    assert f"{found.base[2]:.4g}" in one
    assert "<td" in found._repr_html_()
    assert "300 predictions by 5 columns" in repr(found)
    for wrong in ({"row": 300}, {"row": -1}, {"output": 3}):
        with pytest.raises(ValueError, match=r"summary: .* expected 0 to"):
            found.summary(**wrong)


def test_as_a_frame() -> None:
    pytest.importorskip("pandas")
    found = explained(model("a target"), table(), repeats=1)
    frame = found.to_frame()
    assert frame["importance"].is_monotonic_decreasing
    assert set(frame["column"]) == set(found.columns)


def test_names_are_escaped() -> None:
    found = Explanation(
        columns=("<script>",),
        measure="rise of the RMSE",
        importance=np.array([-0.5]),
        deviation=np.array([np.nan]),
        outputs=("the prediction",),
        base=np.zeros(1),
        attributions=np.zeros((1, 1, 1)),
        errors=np.zeros((1, 1)),
        predictions=np.zeros((1, 1)),
    )
    assert "<script>" not in found._repr_html_()
    assert "#" not in found.summary()
