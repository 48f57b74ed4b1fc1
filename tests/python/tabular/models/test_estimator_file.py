"""Files of the estimators of tables, read with suspicion."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltarule as dr
from hostile import change_bytes, change_meaning, closed, opened
from record_golden import HERE as GOLDEN
from record_golden import table

WHOLE = {
    name: (GOLDEN / f"v2-{name}.safetensors").read_bytes()
    for name in ("TabularClassifier", "TabularRegressor")
}


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(WHOLE)))
def test_random_changes_are_refused_or_harmless(seed: int, name: str, tmp_path: Path) -> None:
    rng = random.Random(seed)
    change = change_bytes if rng.random() < 0.2 else change_meaning
    (tmp_path / "x").write_bytes(change(WHOLE[name], rng))
    try:
        model: Any = dr.load(tmp_path / "x")
    except dr.ModelFileError:
        return
    if not isinstance(model, (dr.TabularClassifier, dr.TabularRegressor)):
        return
    X = table()
    assert model.summary()
    try:
        with np.errstate(all="ignore"):
            model.predict(X)
            model.explain(X, max_rows=5, repeats=1)
    except (TypeError, ValueError):  # the encoder is of other columns, by name
        return


def _rename(states: dict[str, Any], name: str) -> None:
    states["other"] = states.pop(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["parameters"].update(preset="slow"), "preset is 'slow'"),
        (lambda content: content["parameters"].update(more=1), "unexpected keyword"),
        (lambda content: content["record"].pop("scores"), "record.scores is None"),
        (lambda content: content["record"].update(members=[]), r"record.members is \[\]"),
        (lambda content: _rename(content["states"], "table"), "expected 'table' among them"),
        (lambda content: content["states"]["table"].update(width=0), "columns: expected as many"),
    ],
)
@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_no_model_has_is_refused(name: str, change: Any, message: str, tmp_path: Path) -> None:
    header, content, numbers = opened(WHOLE[name])
    change(content)
    if "table" not in content["states"]:  # and its tensors
        header = {key.replace("states.table.", "states.other."): header[key] for key in header}
    (tmp_path / "x").write_bytes(closed(header, content, numbers))
    with pytest.raises(dr.ModelFileError, match=message):
        dr.load(tmp_path / "x")
