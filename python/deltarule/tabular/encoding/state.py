"""An encoder's state as a few flat arrays, however many columns there are.

A file's header has room for some thousand names; so the columns' states lie one behind another, and
beside them stands where each ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError
from deltarule.tabular.encoding.parts import Parts

State = dict[str, Any]  # of arrays, and of values that JSON has


def packed_texts(name: str, texts: Sequence[str]) -> State:
    """Texts as their characters, and where each of them ends."""
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return {name: _bytes("".join(texts)), f"{name}.ends": ends}


def _bytes(text: str) -> Array:
    # Text from anywhere may have half a pair of surrogates.
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def packed_parts(parts: Sequence[Parts]) -> State:
    """The parts of many columns."""
    texts = [text for each in parts for text in each.texts]
    return {
        "whole": np.concatenate([np.empty(0, np.int64), *(each.whole for each in parts)]),
        "floats": np.concatenate([np.empty(0), *(each.floats for each in parts)]),
        "counts": np.array(
            [(len(each.whole), len(each.floats), len(each.texts)) for each in parts], np.int64
        ).reshape(-1, 3),
        **packed_texts("levels", texts),
    }


class Reader:
    """A state out of a file: every value is checked as it is taken out.

    Parameters
    ----------
    state : mapping
    what : str
        What it is the state of, for messages.
    """

    def __init__(self, state: Mapping[str, Any], what: str) -> None:
        self._left, self._what = dict(state), what

    def value(self, name: str, *kinds: type) -> Any:
        """A value of one of some types."""
        value = self._left.pop(name, None)
        if type(value) not in kinds:
            raise ModelFileError(f"{self._what}.{name} is {brief(value)}: expected another type")
        return value

    def array(self, name: str, dtype: str, ndim: int = 1) -> Array:
        """An array of finite numbers."""
        array = self._left.pop(name, None)
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != ndim:
            what = "missing"
            if isinstance(array, np.ndarray):
                what = f"{array.dtype} of {array.ndim} dimensions"
            raise ModelFileError(f"{self._what}.{name} is {what}: expected {dtype} of {ndim}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelFileError(f"{self._what}.{name} has NaN or Inf: expected finite numbers")
        return array

    def texts(self, name: str) -> list[str]:
        """Texts, each as long as the file says."""
        characters, ends = self.array(name, "uint8"), self.array(f"{name}.ends", "int64")
        try:
            text = characters.tobytes().decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise ModelFileError(f"{self._what}.{name} is no UTF-8: {error}") from None
        _expect_ends(ends, len(text), f"{self._what}.{name}.ends")
        return [text[begin:end] for begin, end in pairwise([0, *ends.tolist()])]

    def parts(self, columns: int) -> Iterator[Parts]:
        """The parts of so many columns."""
        whole, floats = self.array("whole", "int64"), self.array("floats", "float64")
        texts, counts = self.texts("levels"), self.array("counts", "int64", 2)
        if counts.shape != (columns, 3) or (counts < 0).any():
            raise ModelFileError(
                f"{self._what}.counts has shape {counts.shape}: expected ({columns}, 3)"
            )
        ends = np.cumsum(counts, axis=0)
        for place, length in enumerate((len(whole), len(floats), len(texts))):
            _expect_ends(ends[:, place], length, f"{self._what}.counts")
        for begin, end in zip((ends - counts).tolist(), ends.tolist(), strict=True):
            yield Parts(
                whole[begin[0] : end[0]], floats[begin[1] : end[1]], texts[begin[2] : end[2]]
            )

    def expect_no_more(self) -> None:
        """Hold the state to having nothing that belongs to nothing."""
        if self._left:
            raise ModelFileError(
                f"{self._what} has {brief(sorted(self._left))}, which belong to nothing"
            )


def _expect_ends(ends: Array, length: int, name: str) -> None:
    """Hold ends to going up to a length."""
    last = int(ends[-1]) if len(ends) else 0
    outside = (ends < 0) | (ends > length)  # first, as a difference of any two may overflow
    if last != length or outside.any() or (np.diff(ends) < 0).any():
        raise ModelFileError(f"{name} go to {last}: expected them to rise to {length}")
