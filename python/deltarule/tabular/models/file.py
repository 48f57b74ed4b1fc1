"""Models of tables in files: encoder, networks, targets and parameters in one.

The encoder's arrays are tensors ``inputs.*``, the targets' ``targets.*``, the members'
``networks.k.*``, and those of whatever state goes with them ``states.<name>.*``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from deltarule._arrays import Array
from deltarule._files import values
from deltarule._files.atomic import PathLike
from deltarule._files.inputs import inputs_from, inputs_state
from deltarule._files.models import Model, expect_no_more, write
from deltarule._files.states import put_apart, put_together
from deltarule._files.untrusted import brief
from deltarule.ensembles import Ensemble
from deltarule.ensembles.file import KIND, ensemble_from, ensemble_state
from deltarule.errors import ModelFileError
from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.encoding.state import State
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.targets import ClassEncoder, TargetScaler

# What each kind of model predicts.
_TARGETS: dict[str, type[ClassEncoder] | type[TargetScaler]] = {
    "TabularClassifier": ClassEncoder,
    "TabularRegressor": TargetScaler,
}
KINDS = tuple(_TARGETS)
# Temperatures that leave probabilities apart from each other, and from 0 and 1.
_LEAST_TEMPERATURE, _MOST_TEMPERATURE = 1e-3, 1e3


def save(
    kind: str, fitted: Fitted, parameters: Mapping[str, Any], path: PathLike, **states: State
) -> None:
    """Write a fitted model to a file, in one move.

    Parameters
    ----------
    kind : {"TabularClassifier", "TabularRegressor"}
    fitted : Fitted
    parameters : mapping of str
        The estimator's: numbers, strings, and lists and dictionaries of such.
    path : path-like
    **states : dict of str
        What else belongs to it, by name: arrays, and values that JSON has.

    Raises
    ------
    TypeError, ValueError
        For parts that do not go together, and for parameters that no file holds. The file that was
        there is then what it was.
    OSError
        Where it cannot be written.
    """
    _expect_together(kind, fitted, "save")
    tensors: dict[str, Array] = {}
    content = {
        "parameters": {name: values.to_json(value, name) for name, value in parameters.items()},
        "inputs": inputs_state(fitted.encoder, tensors),
        "targets": put_apart(fitted.targets.to_state(), "targets.", tensors),
        KIND: ensemble_state(fitted.ensemble.networks, fitted.ensemble.weights, tensors),
        "temperature": float(fitted.temperature),
        "record": {name: values.to_json(value, name) for name, value in fitted.record.items()},
        "states": {
            name: put_apart(state, _prefix(name), tensors) for name, state in states.items()
        },
    }
    write(path, kind, tensors, content, {})


def read(model: Model) -> tuple[Fitted, dict[str, Any], dict[str, State]]:
    """Make a file's model again, once all that belongs to it has been found to fit.

    Returns
    -------
    fitted : Fitted
    parameters : dict of str
        Any values: the estimator holds them to what it takes.
    states : dict of str to dict
        As any file may have them: who makes something of one checks it.

    Raises
    ------
    ModelFileError
        For what is wrong in a file.
    """
    encoder = inputs_from(model.part("inputs"), model.tensors, TableEncoder.from_state)
    assert isinstance(encoder, TableEncoder)
    targets = put_together(model.part("targets"), "targets.", model.tensors)
    fitted = Fitted(
        encoder=encoder,
        targets=_TARGETS[model.kind].from_state(targets),
        ensemble=ensemble_from(model, Ensemble),
        temperature=_temperature(model.content.get("temperature")),
        record=_values(model, "record"),
    )
    try:
        _expect_together(model.kind, fitted, model.kind)
    except (TypeError, ValueError) as error:
        raise ModelFileError(str(error)) from error
    parameters = _values(model, "parameters")
    states = {
        name: put_together(state, _prefix(name), model.tensors)
        for name, state in model.part("states").items()
    }
    expect_no_more(model)
    return fitted, parameters, states


def _prefix(name: str) -> str:
    """What the names of a state's tensors begin with."""
    if not name.isidentifier():
        raise ModelFileError(f"states has {brief(name)}: expected names such as 'intervals'")
    return f"states.{name}."


def _values(model: Model, name: str) -> dict[str, Any]:
    return {
        each: values.from_json(value, f"{name}.{each}") for each, value in model.part(name).items()
    }


def _temperature(value: Any) -> float:
    if type(value) is not float:
        raise ModelFileError(f"temperature is {brief(value)}: expected a number")
    return value


def _expect_together(kind: str, fitted: Fitted, where: str) -> None:
    """Hold the parts to answering what the kind of model answers."""
    encoder, ensemble, targets = fitted.encoder, fitted.ensemble, fitted.targets
    if not isinstance(targets, _TARGETS[kind]):
        raise TypeError(
            f"{where}: targets is a {type(targets).__name__}: expected a "
            f"{_TARGETS[kind].__name__}, as of a {kind}"
        )
    if ensemble.input_size != encoder.output_size:
        raise ValueError(
            f"{where}: the networks take {ensemble.input_size} numbers a row: expected "
            f"{encoder.output_size}, as many as the encoder makes"
        )
    for place, network in enumerate(ensemble):
        if network._embedded != encoder.embedded:
            raise ValueError(
                f"{where}: networks[{place}] embeds the columns {brief(network._embedded)}: "
                f"expected {brief(encoder.embedded)}, those that the encoder has codes in"
            )
    output = ensemble[0]._output
    units, activation = _output_for(targets)
    if (output.units, output.activation) != (units, activation):
        raise ValueError(
            f"{where}: the networks have {output.units} outputs, {output.activation}: expected "
            f"{units}, {activation}, as the targets are"
        )
    most = _MOST_TEMPERATURE if isinstance(targets, ClassEncoder) else 1.0
    least = _LEAST_TEMPERATURE if isinstance(targets, ClassEncoder) else 1.0
    if not isfinite(fitted.temperature) or not least <= fitted.temperature <= most:
        expected = "1, as numbers have none" if most == 1 else f"{least:g} to {most:g}"
        raise ValueError(f"{where}: temperature is {fitted.temperature}: expected {expected}")


def _output_for(targets: ClassEncoder | TargetScaler) -> tuple[int, str]:
    """How many outputs there have to be, and of which activation."""
    if isinstance(targets, TargetScaler):
        return len(targets.mean), "identity"
    count = len(targets.classes)
    return (1, "sigmoid") if count == 2 else (count, "softmax")
