"""The state of a training in a file, and going on from it: a model file with all that is beside.

That is the optimizer's vectors and counts, the schedule's memory, the callbacks' own state, and
what tells its examples from others.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from deltarule._arrays import Array
from deltarule._data.names import arrangement
from deltarule._files import values
from deltarule._files.architecture import core_of
from deltarule._files.atomic import PathLike
from deltarule._files.inputs import same_inputs
from deltarule._files.models import (
    Model,
    expect_no_more,
    network_from,
    network_state,
    read,
    read_content,
    write,
)
from deltarule._files.optimizers import (
    decoded,
    hyperparameters_of,
    name_of_schedule,
    optimizer_state,
    restore,
)
from deltarule._files.untrusted import brief, naming
from deltarule._network.bare import BareNetwork
from deltarule.errors import ModelFileError, TrainingWarning
from deltarule.history import History
from deltarule.optimizers import Optimizer
from deltarule.schedules import Schedule


class Training(Protocol):
    """What a checkpoint holds of a training, and what going on from it changes."""

    network: BareNetwork
    optimizer: Optimizer
    callbacks: Any  # a sequence
    history: History
    resumed: bool
    data: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Content:
    """All that a training needs to go on, as it goes to a file."""

    tensors: Mapping[str, Array]
    content: Mapping[str, Any]
    history: Mapping[str, Any]

    def write(self, path: PathLike) -> None:
        """Write it to a file, in one move."""
        write(path, "checkpoint", self.tensors, self.content, self.history)

    def kept(self) -> Content:
        """The same with numbers of its own, which training no longer changes."""
        tensors = {name: tensor.copy() for name, tensor in self.tensors.items()}
        history = {name: list(values) for name, values in self.history.items()}
        return Content(tensors, self.content, history)


def checkpoint_of(run: Training) -> Content:
    """Take down where a training is; its numbers are the training's own."""
    tensors, network = network_state(run.network)
    optimizer = optimizer_state(run.optimizer, tensors, whole=False)
    callbacks = []
    for index, each in enumerate(_with_state(run.callbacks)):
        state, kind = each.state(), type(each).__name__
        arrays = {name: v for name, v in state.items() if isinstance(v, np.ndarray)}
        tensors |= {f"callbacks.{index}.{name}": array for name, array in arrays.items()}
        rest = {
            name: values.to_json(v, f"the state of {kind}, {name},")
            for name, v in state.items()
            if name not in arrays
        }
        callbacks.append({"kind": kind, "state": rest})
    content = {
        "network": network,
        "optimizer": optimizer,
        "callbacks": callbacks,
        "data": run.data(),
    }
    return Content(tensors, content, run.history)


def states_of_callbacks(path: PathLike) -> list[dict[str, Any]]:
    """What the callbacks remember in a file; none where it is no checkpoint."""
    try:
        callbacks = read_content(path).get("callbacks")
    except ModelFileError:
        return []
    found = callbacks if isinstance(callbacks, list) else []
    states = [each.get("state") for each in found if isinstance(each, dict)]
    return [state for state in states if isinstance(state, dict)]


def epochs_in(path: PathLike) -> int:
    """How many epochs a checkpoint has, as it says of itself."""
    summary = read_content(path).get("summary")
    epochs = summary.get("epochs") if isinstance(summary, dict) else None
    return epochs if type(epochs) is int else 0


def newest_of(callbacks: Sequence[Any]) -> str | None:
    """The file that has most epochs, of those that a fit's own checkpoints have written."""
    writers = [each for each in callbacks if hasattr(each, "newest_file")]
    if not writers:
        raise ValueError(
            "fit: resume is 'auto' but there is no Checkpoint: expected one in callbacks, whose "
            "file is gone on from; or a path"
        )
    files = [path for each in writers if (path := each.newest_file()) is not None]
    return max(files, key=epochs_in, default=None)


def _with_state(callbacks: Sequence[Any]) -> list[Any]:
    """Those callbacks that have something to remember."""
    return [each for each in callbacks if hasattr(each, "state") and each.state()]


# Going on ------------------------------------------------------------------------------------


def _restored(optimizer: Optimizer, parameters: Array, model: Model) -> Optimizer:
    """A copy of an optimizer, in the state that a file has."""
    new: Any = optimizer._anew()
    given = hyperparameters_of(model)
    known = {each.name for each in fields(optimizer) if each.init}
    if not set(given) <= known:
        raise ModelFileError(
            f"optimizer.hyperparameters: {type(new).__name__} has no {sorted(set(given) - known)}"
        )
    for name, value in given.items():
        setattr(new, name, value)
    restore(new, parameters, model)
    return new  # type: ignore[no-any-return]


def _take_over(optimizer: Any, parameters: Array, new: Any) -> None:
    """Make an optimizer what its restored copy is."""
    if new.state is not None:  # first, as an optimizer that belongs to another network is refused
        optimizer._state_for(parameters)[:] = new.state
    for each in fields(optimizer):
        if each.init and not callable(getattr(new, each.name)):
            setattr(optimizer, each.name, getattr(new, each.name))
    rate = getattr(optimizer, "learning_rate", None)
    if isinstance(rate, Schedule):
        rate.restore(new.learning_rate.state())
    optimizer.step, optimizer.epochs = new.step, new.epochs


def _overruled(given: Optimizer, saved: Optimizer) -> list[str]:
    """The hyper-parameters that are handed over otherwise than they were saved, in words."""
    names = [each.name for each in fields(given) if each.init]
    pairs = [(name, getattr(saved, name), getattr(given, name)) for name in names]
    return [
        f"{name}={was!r}, not {now!r}"
        for name, was, now in pairs
        if not (callable(was) or callable(now)) and was != now
    ]


class Saved:
    """A checkpoint that was read and found to fit a network, an optimizer and callbacks."""

    def __init__(
        self,
        path: PathLike,
        network: BareNetwork,
        optimizer: Optimizer,
        callbacks: Sequence[Any],
    ) -> None:
        self._path = path
        try:
            model = read(path)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"fit: resume: there is no file {os.fspath(path)!r}: expected one of "
                "deltarule.Checkpoint; resume='auto' begins anew where there is none yet"
            ) from error
        data = model.content.get("data")
        self._data: dict[str, Any] = data if isinstance(data, dict) else {}
        with naming(path):
            if model.kind != "checkpoint":
                raise ModelFileError(
                    f"kind is {model.kind!r}: expected a deltarule checkpoint, as "
                    "deltarule.Checkpoint writes it"
                )
            read_inputs = None if network.inputs is None else type(network.inputs).from_state
            self._network = network_from(model, BareNetwork, read_inputs)
            self._states = self._states_of(model)
            self._expect_optimizer(model, optimizer)
        self._compare_network(network)
        kinds = [type(each).__name__ for each in _with_state(callbacks)]
        saved = [kind for kind, _ in self._states]
        if kinds != saved:
            raise ValueError(
                f"fit: resume: {path} holds the state of callbacks {saved}: expected the same, not "
                f"{kinds}"
            )
        with naming(path):
            self._optimizer = _restored(optimizer, network.parameters, model)
            self._overruled = _overruled(optimizer, self._optimizer)
            expect_no_more(model)

    def _states_of(self, model: Model) -> list[tuple[str, dict[str, Any]]]:
        """What each callback remembers; its vectors are its own from here on."""
        found, states = model.content.get("callbacks"), []
        for index, each in enumerate(found if isinstance(found, list) else [None]):
            what, prefix = f"callbacks[{index}]", f"callbacks.{index}."
            if not isinstance(each, dict) or type(each.get("kind")) is not str:
                raise ModelFileError(f"{what} is {brief(each)}: expected a kind and a state")
            state = decoded(each.get("state"), what)
            names = [name for name in model.tensors if name.startswith(prefix)]
            state |= {name.removeprefix(prefix): model.tensors.pop(name).copy() for name in names}
            states.append((each["kind"], state))
        return states

    def _compare_network(self, network: BareNetwork) -> None:
        for name, saved, here in (
            ("layers", core_of(self._network._descriptions), core_of(network._descriptions)),
            ("input_size", self._network.input_size, network.input_size),
            ("dtype", self._network.dtype.name, network.dtype.name),
        ):
            if saved != here:
                raise ValueError(
                    f"fit: resume: {self._path} holds a network whose {name} is {saved!r}: "
                    f"expected {here!r}, as this one has"
                )
        if not same_inputs(self._network.inputs, network.inputs):
            raise ValueError(
                f"fit: resume: {self._path} holds a network with other inputs: expected "
                "Network(..., inputs=deltarule.load(path).inputs)"
            )

    def expect_names(self, names: list[str] | None) -> None:
        """Hold a fit's columns to the order of the saved network's, in which its weights are."""
        saved = self._network.feature_names
        if arrangement(names, saved, f"fit: resume: {self._path}", "X") is not None:
            raise ValueError(
                f"fit: resume: {self._path} holds a network that knows X's columns in another "
                "order: expected network.feature_names = deltarule.load(path).feature_names "
                "beforehand"
            )

    def _expect_optimizer(self, model: Model, optimizer: Optimizer) -> None:
        found, kind = model.part("optimizer"), type(optimizer).__name__
        if type(found.get("kind")) is not str:
            raise ModelFileError(f"optimizer.kind is {brief(found.get('kind'))}: expected a name")
        if found["kind"] != kind:
            raise ValueError(
                f"fit: resume: {self._path} holds the state of {found['kind']}: expected {kind}, "
                "as optimizer is"
            )
        schedule = name_of_schedule(getattr(optimizer, "learning_rate", None))
        if found.get("schedule") not in (None, schedule):
            raise ValueError(
                f"fit: resume: {self._path} was written with learning_rate={found['schedule']}: "
                f"expected the same, not {schedule or 'a number'}"
            )

    def say_what_differs(self, epochs: int, data: Mapping[str, Any]) -> None:
        """Warn where the training that goes on is not the one that was saved."""
        done = self._network.history.epochs
        differences = []
        if done > epochs:
            differences.append(
                f"it has {done} epochs, more than epochs={epochs}: nothing is trained"
            )
        for name, what in (("examples", "examples"), ("batch_size", "examples a batch")):
            if name in self._data.keys() & data.keys() and self._data[name] != data[name]:
                differences.append(
                    f"it was trained with {self._data[name]} {what}, not {data[name]}"
                )
        shards = [found.get("shards", 1) for found in (self._data, data)]
        if self._data and shards[0] != shards[1]:
            differences.append(f"its batches were cut into {shards[0]} shards, not {shards[1]}")
        hashes = self._data.get("sha256_of_some"), data.get("sha256_of_some")
        if None not in hashes and hashes[0] != hashes[1] and not differences:
            differences.append("it was trained with other examples")
        if differences:
            self._warn(
                f"{'; '.join(differences)}. The weights will not be those of a training that was "
                "never interrupted"
            )
        if self._overruled:
            self._warn(
                f"its optimizer goes on with {', '.join(self._overruled)}. For another rate, set "
                "run.learning_rate in a callback's on_fit_begin"
            )

    def _warn(self, what: str) -> None:
        message = f"fit: resume: {os.fspath(self._path)}: {what}"
        warnings.warn(message, TrainingWarning, stacklevel=7)

    def restore(self, run: Training) -> None:
        """Put a training where the saved one was."""
        for each, (kind, state) in zip(_with_state(run.callbacks), self._states, strict=True):
            try:
                each.restore(state)
            except (KeyError, TypeError, ValueError) as error:
                raise ModelFileError(
                    f"{self._path}: the state of {kind} is not what it takes: {error!r}"
                ) from error
        _take_over(run.optimizer, run.network.parameters, self._optimizer)
        run.network._become(self._network)
        run.history, run.resumed = run.network.history, True
