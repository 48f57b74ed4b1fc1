"""scikit-learn's side of the contract: warnings, and what its tools show of an estimator."""

import inspect
import re
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

import deltarule as dr

ROOT = Path(__file__).resolve().parents[3]
KINDS = [dr.MLPClassifier, dr.MLPRegressor]
X, Y = datasets.make_classification(n_samples=60, n_features=4, random_state=0)


class Interrupt:
    def on_epoch_end(self, run: Any) -> None:
        raise KeyboardInterrupt


CASES: list[tuple[type[Warning], dict[str, Any], Any]] = [
    (ConvergenceWarning, {}, Y),
    (ConvergenceWarning, {"solver": "lbfgs"}, Y),
    (UserWarning, {"batch_size": 1000, "tol": 1e9, "n_iter_no_change": 1, "max_iter": 9}, Y),
    (UserWarning, {"callbacks": [Interrupt()]}, Y),
    (DataConversionWarning, {"tol": 1e9, "n_iter_no_change": 1, "max_iter": 9}, Y[:, np.newaxis]),
]


@pytest.mark.parametrize(("category", "parameters", "y"), CASES)
def test_a_filter_for_scikit_learns_modules_is_one_for_ours(
    category: type[Warning], parameters: dict[str, Any], y: Any
) -> None:
    model = dr.MLPClassifier(**{"max_iter": 2, "random_state": 0} | parameters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    # Its place is the line of the call, from which it was not hidden.
    assert [(each.category, each.filename) for each in caught] == [(category, __file__)]
    for module in ("sklearn", r"sklearn\.neural_network", "sklearn.*"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=category, module=module)
            model.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="pandas")
        with pytest.raises(category):
            model.fit(X, y)


def test_a_column_of_targets_is_said_in_scikit_learns_words() -> None:
    said = []
    for module in (neural_network, dr):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DataConversionWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            module.MLPRegressor(max_iter=1).fit(X, Y[:, np.newaxis])
        said += [str(each.message) for each in caught]
    assert said[0] == said[1]


# What tools show, read and convert ----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_html_leads_to_the_documentation(kind: Any) -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    assert kind()._get_doc_link() == urls["Documentation"]
    assert f'href="{urls["Documentation"]}' in kind()._repr_html_()

    class Own(kind):  # type: ignore[misc]
        pass

    assert Own()._get_doc_link() == ""


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_words_of_its_own_for_a_tooltip(kind: Any) -> None:
    for name in [*kind().get_params(), "coefs_", "intercepts_", "loss_", "n_iter_"]:
        assert re.search(rf"^{name} : .+\n    \S", inspect.getdoc(kind) or "", re.MULTILINE), name
    shown = kind()._repr_html_()
    if "param-doc-description" in shown:  # since scikit-learn 1.8
        assert all(f"--doc-link-{name};" in shown for name in kind().get_params())


def types_in(value: Any) -> Iterator[type]:
    """The types of all that a state holds, as a tool for safe files goes through it."""
    yield type(value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    elif hasattr(value, "__dict__"):
        value = list(value.__getstate__().values())
    elif not isinstance(value, (list, tuple, set)):
        return
    for each in value:
        yield from types_in(each)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "sgd"},
        {"solver": "lbfgs"},
        {"solver": "rmsprop"},
        {"early_stopping": True},
        {"learning_rate": dr.schedules.Cosine(0.01, 100)},
    ],
)
def test_a_state_holds_nothing_that_is_private(kind: Any, parameters: dict[str, Any]) -> None:
    model = kind(**{"max_iter": 2, "random_state": 0} | parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, Y)
    found = {each for each in types_in(model) if each.__module__.startswith("deltarule")}
    assert kind in found
    assert found <= {kind, dr.schedules.Cosine}


def blocks_of(section: str) -> list[str]:
    page = (ROOT / "docs" / "interchange.md").read_text(encoding="utf-8")
    part = page.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```$", part, flags=re.MULTILINE | re.DOTALL)


def test_skl2onnx_converts_what_the_guide_registers() -> None:
    pytest.importorskip("skl2onnx")
    import onnxruntime
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (registration,) = blocks_of("Tools that look for scikit-learn's own classes")
    names: dict[str, Any] = {}
    exec(compile(registration, "docs/interchange.md", "exec"), names)
    rows = X.astype(np.float32)
    several = np.column_stack([Y, 1 - Y, Y])
    for kind, y in ((dr.MLPClassifier, Y), (dr.MLPClassifier, several), (dr.MLPRegressor, X[:, 0])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make_pipeline(StandardScaler(), kind(max_iter=5, random_state=0)).fit(rows, y)
            options = {"zipmap": False} if kind is dr.MLPClassifier else None
            converted = names["to_onnx"](model, rows[:1], options=options)
        session = onnxruntime.InferenceSession(converted.SerializeToString())
        found = session.run(None, {"X": rows})
        assert np.ravel(found[0]) == pytest.approx(np.ravel(model.predict(rows)), abs=1e-5)
        if kind is dr.MLPClassifier:
            np.testing.assert_allclose(found[1], model.predict_proba(rows), atol=1e-5)
