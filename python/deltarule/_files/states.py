"""A part's state in a model's file: its arrays among the tensors, the rest as JSON."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError


def put_apart(
    state: Mapping[str, Any], prefix: str, tensors: MutableMapping[str, Array]
) -> dict[str, Any]:
    """Put a state's arrays among a file's tensors, and hand back the rest."""
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    tensors.update({prefix + name: array for name, array in arrays.items()})
    return {name: value for name, value in state.items() if name not in arrays}


def put_together(content: Any, prefix: str, tensors: MutableMapping[str, Array]) -> dict[str, Any]:
    """A file's state again; its arrays are taken out of the tensors. Nothing in it is checked."""
    if not isinstance(content, dict):
        raise ModelFileError(f"{prefix.removesuffix('.')} is {brief(content)}: expected an object")
    names = [name for name in tensors if name.startswith(prefix)]
    return content | {name.removeprefix(prefix): tensors.pop(name) for name in names}
