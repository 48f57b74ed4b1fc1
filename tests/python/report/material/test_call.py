"""Calls that make models again, as text that is Python."""

from __future__ import annotations

import pytest

import deltarule as dr
from deltarule.report.material.call import call_of, layers_of


def test_layers_are_made_again() -> None:
    inner = dr.Residual([dr.Dense(8)])
    block = dr.Residual([dr.Dense(8, "relu"), inner, dr.Dropout(0.2), dr.Dense(8)])
    made = dr.Network(
        [dr.Standardize(), dr.Dense(8, "relu", l2=1e-3, name="first"), block, dr.Dense(1)],
        input_size=3,
    )
    told = layers_of(made._descriptions)
    assert told[1] == "dr.Dense(name='first', units=8, activation='relu', l2=0.001)"
    again = dr.Network([eval(each, {"dr": dr}) for each in told], input_size=3)
    assert again._descriptions == made._descriptions


def test_estimators_are_told_by_what_is_not_the_default() -> None:
    pytest.importorskip("sklearn")
    encoder = dr.TableEncoder(kinds={"age": "drop"})
    model = dr.TabularClassifier(preset="fast", encoder=encoder, verbose=True)
    expected = "dr.TabularClassifier(encoder=dr.TableEncoder(kinds={'age': 'drop'}), preset='fast')"
    assert call_of(model, ("verbose",)) == expected
    again = eval(expected, {"dr": dr})
    assert again.encoder.get_params() == encoder.get_params()


def test_long_values_are_cut() -> None:
    pytest.importorskip("sklearn")
    told = call_of(dr.MLPRegressor(tuple(range(1000)), random_state=0))
    assert len(told) < 400
