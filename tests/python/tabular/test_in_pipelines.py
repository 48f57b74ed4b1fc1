"""`TableEncoder` among scikit-learn's transformers: cloned, searched over, and in pipelines."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.tabular import MISSING, TableEncoder
from support import assert_same_bits, run_python
from support_tables import LIBRARIES, M, columns

pytest.importorskip("sklearn")

from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

# The networks are trained as little as will do.
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

GIVEN: dict[str, Any] = {
    "kinds": {"age": "category", "row": "number"},
    "scaling": "robust",
    "one_hot": 3,
    "min_count": 2,
    "missing": ["gone"],
}


def target() -> Any:
    """What the rooms tell, but for one row in ten."""
    large = np.array(columns()["rooms"]) > 3
    return np.where(large ^ (np.random.default_rng(1).uniform(size=M) < 0.1), "large", "small")


def pipeline(**parameters: Any) -> Any:
    network = dr.MLPClassifier((8,), max_iter=60, random_state=0, learning_rate_init=0.01)
    return make_pipeline(TableEncoder(one_hot=99, **parameters), network)


def test_parameters_are_kept_as_they_are_given() -> None:
    made = TableEncoder(**GIVEN)
    assert made.get_params() == GIVEN
    for name, value in GIVEN.items():
        assert made.get_params(deep=False)[name] is value
    assert TableEncoder().get_params() == {
        "kinds": None, "scaling": "quantile", "one_hot": 8, "min_count": None, "missing": MISSING,
    }  # fmt: skip


def test_a_clone_is_told_the_same_and_knows_nothing() -> None:
    made = TableEncoder(**GIVEN).fit(columns())
    other = clone(made)
    assert other.get_params() == GIVEN
    with pytest.raises(ValueError, match="knows no columns yet"):
        other.transform(columns())
    assert_same_bits(other.fit_transform(columns()), made.transform(columns()))


def test_an_encoder_from_a_file_can_be_cloned() -> None:
    made = TableEncoder(**GIVEN).fit(columns())
    read = TableEncoder.from_state(made.to_state())
    assert read.get_params() == GIVEN
    assert_same_bits(clone(read).fit_transform(columns()), made.transform(columns()))
    plain = TableEncoder.from_state(TableEncoder().fit(columns()).to_state())
    assert plain.kinds is None
    assert clone(plain).fit(columns()).describe() == TableEncoder().fit(columns()).describe()


def test_parameters_that_are_set_hold_from_the_next_fit_on() -> None:
    made = TableEncoder().fit(columns())
    before = made.transform(columns())
    assert made.set_params(**GIVEN) is made
    assert_same_bits(made.transform(columns()), before)
    again = TableEncoder.from_state(made.to_state())
    assert_same_bits(again.transform(columns()), before)
    assert again.get_params()["scaling"] == "quantile"
    expected = TableEncoder(**GIVEN).fit_transform(columns())
    assert_same_bits(made.fit_transform(columns()), expected)


def test_parameters_that_cannot_be_are_refused_by_fit() -> None:
    made = TableEncoder().set_params(scaling="median")
    with pytest.raises(ValueError, match="TableEncoder: scaling is 'median': expected one of"):
        made.fit(columns())
    made.scaling = "robust"
    made.missing = iter(["NA"])  # type: ignore[assignment]
    with pytest.raises(
        TypeError, match=r"missing is <list_iterator .*: expected a list of strings"
    ):
        made.fit(columns())
    with pytest.raises(ValueError, match=r"no parameter 'scalling': .*did you mean 'scaling'"):
        made.set_params(one_hot=3, scalling="robust")
    assert made.one_hot == 8


def test_what_it_is_by_its_tags() -> None:
    made = TableEncoder()
    tags = get_tags(made)
    assert tags.transformer_tags is not None
    assert tags.input_tags.allow_nan
    assert tags.input_tags.categorical
    assert not is_classifier(made)
    with pytest.raises(NotFittedError):
        check_is_fitted(made)
    check_is_fitted(made.fit(columns()))


def test_names_of_the_result() -> None:
    made = TableEncoder().fit(columns())
    names = made.get_feature_names_out()
    assert names.dtype == object
    assert names.tolist() == made.feature_names_out
    assert made.get_feature_names_out(list(columns())).tolist() == made.feature_names_out
    with pytest.raises(
        ValueError, match="input_features are 'a', 'b': expected the columns of fit"
    ):
        made.get_feature_names_out(["a", "b"])
    scaled = make_pipeline(TableEncoder(), MinMaxScaler()).fit(columns())
    assert scaled.get_feature_names_out().tolist() == made.feature_names_out


@pytest.mark.parametrize("library", ["lists", "pandas", "polars"])
def test_in_a_pipeline(library: str) -> None:
    table = LIBRARIES[library]()
    model = pipeline().fit(table, target())
    assert model.score(table, target()) > 0.85
    encoder, network = model[0], model[1]
    rows = encoder.transform(columns())
    np.testing.assert_array_equal(model.predict(table), network.predict(rows))
    assert network.n_features_in_ == encoder.output_size
    assert "TableEncoder" in repr(model)
    assert "TableEncoder" in model._repr_html_()


def test_each_fold_learns_of_its_own_rows() -> None:
    """A level that only some folds have seen is as those that are rare."""
    frame = pytest.importorskip("pandas").DataFrame(columns())
    scores = cross_val_score(pipeline(), frame, target(), cv=4)
    assert len(scores) == 4
    assert scores.min() > 0.7


def test_a_search_over_its_parameters() -> None:
    frame = pytest.importorskip("pandas").DataFrame(columns())
    grid = {
        "tableencoder__scaling": ["quantile", "standard"],
        "tableencoder__kinds": [None, {"rooms": "drop"}],
    }
    found = GridSearchCV(pipeline(), grid, cv=2).fit(frame, target())
    assert found.best_params_["tableencoder__kinds"] is None  # as rooms tell the class
    assert found.score(frame, target()) > 0.85


def test_side_by_side_with_others() -> None:
    both = FeatureUnion([("one", TableEncoder()), ("other", TableEncoder(scaling="robust"))])
    X = both.fit_transform(columns())
    assert X.shape == (M, 2 * TableEncoder().fit(columns()).output_size)
    assert both.get_feature_names_out()[0].startswith("one__")


def test_scikit_learn_is_not_imported_for_it() -> None:
    code = (
        "import sys, deltarule as dr\n"
        "made = dr.TableEncoder().fit({'a': [1.5, 2.5]}).set_params(one_hot=3)\n"
        "made.transform({'a': [1]}), made.get_feature_names_out()\n"
        "assert 'sklearn' not in sys.modules"
    )
    result = run_python("-c", code)
    assert result.returncode == 0, result.stderr
