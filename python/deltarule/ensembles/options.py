"""What many networks are given: one for all, or a list of one each."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from deltarule._training.examples import Given
from deltarule.callbacks.described import Described
from deltarule.optimizers import Optimizer

_WHERE = "fit_many"


def _any(value: Any) -> bool:
    del value
    return True


def _is_array(value: Any) -> bool:
    """Whether it is an array of its own, or stands for none: not one number of an array."""
    return value is None or isinstance(value, str) or np.ndim(value) > 0


def _is_list(value: Any) -> bool:
    """Whether it is all of what one network is given: a pair is one metric."""
    return value is None or isinstance(value, (list, dict))


def _is_sequence(value: Any) -> bool:
    return value is None or isinstance(value, (list, tuple))


def _is_pair(value: Any) -> bool:
    return value is None or isinstance(value, tuple)


# By what the elements of a list are known for one network's each, and not for a part of all's.
_ONE_EACH: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("sampling", "sample_weight", "rows", "validation_rows"), _is_array),
    "metrics": _is_list,
    "callbacks": _is_sequence,
    "validation_data": _is_pair,
}


def each_given(count: int, options: dict[str, Any]) -> Iterator[Given]:
    """What every one of so many networks is given."""
    columns = {name: _each(name, value, count) for name, value in options.items()}
    columns["optimizer"] = _optimizers(columns["optimizer"], options["optimizer"])
    columns["callbacks"] = _callbacks(columns["callbacks"], options["callbacks"])
    for values in zip(*columns.values(), strict=True):
        yield Given(**dict(zip(columns, values, strict=True)))


def _each(name: str, value: Any, count: int) -> list[Any]:
    """The value of each network."""
    of_each = _ONE_EACH.get(name, _any)
    table = isinstance(value, np.ndarray) and value.ndim == 2 and of_each is _is_array
    whole = isinstance(value, tuple) and of_each is _is_pair
    if not table and (
        whole
        or not isinstance(value, (list, tuple))
        or not all(map(of_each, value))
        or (not value and name in ("metrics", "callbacks"))
    ):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{_WHERE}: {name} has {len(value)} elements: expected one for each of the {count} "
            "networks, or one for all"
        )
    return list(value)


def _optimizers(given: list[Any], one_for_all: Any) -> list[Any]:
    """An optimizer for each network, as each holds the state of one."""
    if len(given) == 1 or not isinstance(one_for_all, Optimizer):
        seen: dict[int, int] = {}
        for index, each in enumerate(given):
            before = seen.setdefault(id(each), index)
            if isinstance(each, Optimizer) and before != index:
                raise ValueError(
                    f"{_WHERE}: optimizer[{index}] is optimizer[{before}]: expected one for each "
                    "network, as each holds the state of one; or one for all, which is copied"
                )
        return given
    if one_for_all.state is not None:
        raise ValueError(
            f"{_WHERE}: optimizer has trained a network before: expected a new one for all, which "
            "is copied, or a list with each network's own"
        )
    return [copy.deepcopy(one_for_all) for _ in given]


def _callbacks(given: list[Any], all_of_them: Any) -> list[Any]:
    """The callbacks of each network: those for all are copied, if they can be without harm."""
    if len(given) == 1 or any(each is not all_of_them for each in given):
        return given
    for index, each in enumerate(all_of_them or ()):
        what = f"{_WHERE}: callbacks[{index}] is {each!r}"
        if any(hasattr(each, name) for name in ("path", "folder", "trial")):
            raise ValueError(
                f"{what}, whose file or trial is of one network: expected a list of lists, the "
                "callbacks of each network"
            )
        if not isinstance(each, Described):
            raise ValueError(
                f"{what}: expected a list of lists, the callbacks of each network, as this one may "
                "keep what it sees; the same object may stand in several"
            )
    return [copy.deepcopy(all_of_them) for _ in given]


def seeds_of(seeds: int | Sequence[int] | None, count: int) -> list[int | None]:
    """A seed for each network, drawn from one if one is given."""
    if seeds is None:
        return [None] * count
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        return [int(n) for n in np.random.SeedSequence(int(seeds)).generate_state(count, np.uint64)]
    if not isinstance(seeds, (list, tuple, range, np.ndarray)) or len(seeds) != count:
        raise ValueError(
            f"{_WHERE}: seeds is {seeds!r}: expected an integer, or one for each of the {count} "
            "networks"
        )
    return [int(each) for each in seeds]
