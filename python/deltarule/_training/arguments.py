"""Arguments that a function does not have, under the names that other libraries give them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from deltarule._checks import did_you_mean

P = ParamSpec("P")
R = TypeVar("R")

_OTHER_NAMES = dict.fromkeys(("max_iter", "n_epochs", "num_epochs", "nb_epoch"), "epochs")
_OTHER_NAMES |= dict.fromkeys(("criterion", "loss_fn", "objective"), "loss")
_OTHER_NAMES |= dict.fromkeys(("eval_set", "val_data", "x_val", "y_val"), "validation_data")
_OTHER_NAMES |= {
    "validation_fraction": "validation_split",
    "val_split": "validation_split",
    "weights": "sample_weight",
    "class_weights": "class_weight",
    "ema_decay": "average",
    "grad_clip": "clip_norm",
    "max_norm": "clip_norm",
    "checkpoint": "resume",
    "verbosity": "progress",
}
# What is said elsewhere.
_ELSEWHERE = dict.fromkeys(
    ("lr", "learning_rate", "momentum", "weight_decay", "scheduler", "lr_scheduler"),
    "it belongs to the optimizer: expected such as optimizer=deltarule.Adam(learning_rate=0.001)",
)
_ELSEWHERE |= dict.fromkeys(
    ("seed", "random_state"), "it belongs to the network: expected Network(..., seed=0)"
)
_ELSEWHERE |= dict.fromkeys(
    ("early_stopping", "patience"),
    "it is a callback: expected callbacks=[deltarule.EarlyStopping()]",
)


def says_which_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function answer an argument that it does not have with the one that is meant.

    ``verbose``, which is ``progress`` elsewhere, is taken for it.
    """
    code = function.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs.keys() - set(known):
            if name != "verbose" or "progress" not in known:
                raise TypeError(answer(function.__name__, name, known))
            _take_verbose(kwargs, function.__name__)
        return function(*args, **kwargs)

    return called


def _take_verbose(arguments: dict[str, object], where: str) -> None:
    value = arguments.pop("verbose")
    if "progress" in arguments:
        raise TypeError(f"{where}: verbose and progress are given: expected one of them")
    if value not in (0, 1, 2, "auto"):
        raise TypeError(f"{where}: verbose is {value!r}: expected 0, 1 or 2, or progress=True")
    arguments["progress"] = bool(value)


def answer(where: str, name: str, known: tuple[str, ...]) -> str:
    """What to say of an argument that a function does not have."""
    start = f"{where}: there is no argument {name!r}"
    if name in _ELSEWHERE:
        return f"{start}: {_ELSEWHERE[name]}"
    others = {other: ours for other, ours in _OTHER_NAMES.items() if ours in known}
    near = did_you_mean(name, known, others)
    return start + (near or f": expected some of {list(known[2:])}")
