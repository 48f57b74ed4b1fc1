"""Callbacks that are shown as the call that makes them."""

from __future__ import annotations

import inspect
import os

_NONE = object()


class Described:
    """Shown as a call of the constructor, with what is not its default."""

    def __repr__(self) -> str:
        texts = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = getattr(self, name, _NONE)
            if value is _NONE or value is parameter.default or value == parameter.default:
                continue
            text = repr(os.fspath(value) if isinstance(value, os.PathLike) else value)
            texts.append(text if parameter.default is parameter.empty else f"{name}={text}")
        return f"{type(self).__name__}({', '.join(texts)})"
