"""Files of older versions of the format, as the newest has them.

Version 1 had checkpoints alone: the network's flat vectors, and layers as the core is told of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._files.architecture import by_layer, flat_size, layers_from
from deltarule._files.untrusted import brief
from deltarule._files.values import to_json
from deltarule.errors import ModelFileError

# What the core is told under another name than the field's, and what it is not told.
_FIELDS = {"from": "source"}
_NOT_TOLD = {"prelu": {"slope": 0.25}}
_RULES_OF_DENSE = ("l1", "l2", "max_norm")


def upgraded_from_1(
    tensors: dict[str, Array], content: dict[str, Any]
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Turn a file of version 1 into one of version 2."""
    try:
        network, optimizer = dict(content["network"]), dict(content["optimizer"])
        rules = network["rules"]
        network["layers"] = [
            _layer(each["name"], each["core"], rules[index])
            for index, each in enumerate(network["layers"])
        ]
        history = network.pop("history")
        new = {
            f"history.{name}": np.array(list(map(float, v)), np.float64)
            for name, v in history.items()
        }
        optimizer["schedule_state"] = _encoded(optimizer["schedule_state"])
        callbacks = [
            {"kind": each["kind"], "state": _encoded(each["state"])}
            for each in content["callbacks"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise ModelFileError(f"expected a deltarule checkpoint, version 1: {error!r}") from error
    layers, n = layers_from(network["layers"], network.get("input_size")), network["input_size"]
    for name, tensor in tensors.items():
        part = name.removeprefix("network.")
        if part == name:
            new[name] = tensor
            continue
        if part not in ("parameters", "statistics", "average"):
            raise ModelFileError(f"tensor {brief(name)} belongs to nothing")
        what = "statistics" if part == "statistics" else "parameters"
        expected = (flat_size(layers, n, what),)
        if tensor.shape != expected:
            raise ModelFileError(f"tensor {name!r} has shape {tensor.shape}: expected {expected}")
        cut = by_layer(layers, n, tensor, what)
        prefix = "average." if part == "average" else ""
        new |= {prefix + each: view for each, view in cut.items()}
    return new, {
        "kind": "checkpoint",
        "network": network,
        "optimizer": optimizer,
        "callbacks": callbacks,
    }


def _layer(name: Any, core: dict[str, Any], rule: dict[str, Any]) -> dict[str, Any]:
    """A layer by its fields; what may be changed of it was written as it was by then."""
    fields = {_FIELDS.get(each, each): value for each, value in core.items()}
    fields |= {"name": name, "frozen": rule["frozen"], "learning_rate": rule["learning_rate"]}
    fields |= _NOT_TOLD.get(core["kind"], {})
    if core["kind"] == "dense":
        fields |= {each: rule[each] for each in _RULES_OF_DENSE}
    return fields


def _encoded(state: dict[str, Any]) -> dict[str, Any]:
    return {name: to_json(value, name) for name, value in state.items()}
