"""One door for many networks: X and y are opened, checked and converted once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from numpy.typing import ArrayLike

from deltarule import _core
from deltarule._arrays import Array
from deltarule._data.containers import Opened
from deltarule._data.door import Door, DType, Encodes, as_weights
from deltarule._data.rows import Rows
from deltarule.losses import Loss

T = TypeVar("T")


class SharedDoor(Door):
    """Keeps what came in, as long as it lives, for those who bring the same object again."""

    def __init__(self) -> None:
        # With what it was made from, whose address no other object can have meanwhile.
        self._kept: dict[Hashable, tuple[object, Any]] = {}

    def _once(self, given: object, how: tuple[Hashable, ...], make: Callable[[], T]) -> T:
        key = (id(given), *how)
        if key not in self._kept:
            self._kept[key] = given, make()
        made: T = self._kept[key][1]
        return made

    def encoded(self, X: Any, inputs: Encodes, where: str, what: str) -> Array:  # noqa: D102
        make = super().encoded
        how = ("encoded", id(inputs.learned))  # which the networks hold
        return self._once(X, how, lambda: make(X, inputs, where, what))

    def as_rows(  # noqa: D102 -- `Door` says it
        self,
        X: Any,
        n: int,
        dtype: DType,
        where: str,
        what: str = "X",
        side: str = "inputs",
        wanted: Sequence[str] | None = None,
    ) -> Rows:
        names = None if wanted is None else tuple(wanted)
        make = super().as_rows
        how = ("rows", n, dtype, names)
        given = X.rows if isinstance(X, Opened) else X
        return self._once(given, how, lambda: make(X, n, dtype, where, what, side, wanted))

    def expect_codes(  # noqa: D102
        self, rows: Rows, embedded: dict[int, int], where: str, what: str = "X"
    ) -> None:
        expect = super().expect_codes
        how = ("codes", *embedded.items())
        self._once(rows, how, lambda: expect(rows, embedded, where, what))

    def as_target(  # noqa: D102
        self,
        y: ArrayLike,
        loss: Loss,
        m: int,
        n_outputs: int,
        dtype: DType,
        where: str,
        sample_weight: ArrayLike | None = None,
    ) -> _core.Target:
        make = super().as_target
        how = ("target", loss, m, n_outputs, dtype)
        target = self._once(y, how, lambda: make(y, loss, m, n_outputs, dtype, where))
        if sample_weight is None:
            return target
        weights = as_weights(sample_weight, m, where)
        return _core.Target(target.Y, target.labels, weights)
