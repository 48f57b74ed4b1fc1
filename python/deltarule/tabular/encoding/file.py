"""All that an encoder is, as its state in a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError
from deltarule.tabular.encoding.categories import Category
from deltarule.tabular.encoding.dates import Date
from deltarule.tabular.encoding.learned import Encoding, Learned
from deltarule.tabular.encoding.numbers import Number
from deltarule.tabular.encoding.settings import Settings
from deltarule.tabular.encoding.state import Reader, State, packed_parts, packed_texts

_ENCODINGS: dict[str, type[Number] | type[Category] | type[Date]] = {
    kind.kind: kind for kind in (Number, Category, Date)
}
_LEFT_OUT = "left out"
_CODES = [*_ENCODINGS, _LEFT_OUT]  # a file has a kind's place here


def state_of(learned: Learned) -> State:
    """What was learned as arrays, and values that JSON has."""
    settings, encodings = learned.settings, learned.encodings
    kinds = [
        _CODES.index(encodings[name].kind if name in encodings else _LEFT_OUT)
        for name in learned.names
    ]
    said = [learned.left_out.get(name, learned.remarks.get(name, "")) for name in learned.names]
    return {
        "scaling": settings.scaling,
        "one_hot": settings.one_hot,
        "min_count": settings.min_count,
        "by_place": learned.by_place,
        "kind": np.array(kinds, np.uint8),
        **packed_texts("missing", sorted(settings.missing)),
        **packed_texts("kinds", [text for pair in settings.kinds.items() for text in pair]),
        **packed_texts("names", learned.names),
        **packed_texts("said", said),
        **packed_parts([encoding.parts() for encoding in encodings.values()]),
    }


def learned_in(state: Mapping[str, Any]) -> Learned:
    """What a state says was learned, checked.

    Raises
    ------
    ModelFileError
        For a state that is none.
    """
    read = Reader(state, "inputs")
    settings = _settings(read)
    names, said, codes = read.texts("names"), read.texts("said"), read.array("kind", "uint8")
    if not len(names) == len(said) == len(codes) or len(set(names)) != len(names):
        raise ModelFileError(f"inputs.names are {brief(names)}: expected as many as there are")
    if (codes >= len(_CODES)).any():
        raise ModelFileError(f"inputs.kind goes to {codes.max()}: expected {len(_CODES) - 1}")
    kinds = dict(zip(names, (_CODES[code] for code in codes.tolist()), strict=True))
    used = {name: kind for name, kind in kinds.items() if kind != _LEFT_OUT}
    if not used:
        raise ModelFileError("inputs.names has no column that is used: expected one")
    encodings: dict[str, Encoding] = {
        name: _ENCODINGS[kind].of_parts(name, parts, settings.scaling)
        for (name, kind), parts in zip(used.items(), read.parts(len(used)), strict=True)
    }
    words = dict(zip(names, said, strict=True))
    left_out = {name: word for name, word in words.items() if name not in encodings}
    remarks = {name: words[name] for name in used if words[name]}
    by_place = read.value("by_place", bool)
    read.expect_no_more()
    return Learned(settings, names, by_place, encodings, left_out, remarks)


def _settings(read: Reader) -> Settings:
    given = read.texts("kinds")
    if len(given) % 2:
        raise ModelFileError("inputs.kinds are a column without a kind: expected pairs")
    told = {
        "scaling": read.value("scaling", str),
        "one_hot": read.value("one_hot", int),
        "min_count": read.value("min_count", int, type(None)),
        "missing": read.texts("missing"),
    }
    try:
        return Settings.of(kinds=dict(zip(given[::2], given[1::2], strict=True)), **told)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"inputs: {error}") from error
