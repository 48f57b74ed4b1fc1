"""What is watched in training: its value in an epoch's record, and which values are good."""

from __future__ import annotations

from collections.abc import Mapping

from deltarule._checks import did_you_mean
from deltarule.metrics import recorded_name

# What the words of a name say about values; the last word that says something counts.
_GOOD = dict.fromkeys(
    ("loss", "error", "rmse", "mse", "mae", "mape", "deviance", "brier", "perplexity"), "min"
) | dict.fromkeys(("accuracy", "acc", "precision", "recall", "f1", "auc", "r2", "d2"), "max")


def monitored(record: Mapping[str, float], name: str, who: str, argument: str = "monitor") -> float:
    """The value that a callback or a schedule watches; ``"val_acc"`` means the accuracy, too.

    ``argument`` is what ``who`` calls the name, for the message.

    Raises
    ------
    ValueError
        For a name that the history does not have.
    """
    found = name if name in record else recorded_name(name)
    if found not in record:
        raise ValueError(
            f"{who}: {argument} is {name!r}, which is not in the history: expected one of "
            f"{list(record)}{did_you_mean(name, record)}"
        )
    return record[found]


def mode_of(name: str, mode: str | None, who: str, argument: str = "monitor") -> str:
    """Whether small or large values are good, "min" or "max": as asked for, or as the name says.

    Losses and errors are small where they are good, scores large: accuracy, r2, f1, auc, and
    whatever begins with ``neg_``, as scikit-learn calls the negative of an error. ``what`` is what
    messages call the name.

    Raises
    ------
    TypeError, ValueError
        For a mode that is none, or that the name does not tell.
    """
    if not isinstance(name, str):
        raise TypeError(f"{who}: {argument} is {name!r}: expected a name in the history")
    if mode is None:
        mode = mode_by_name(name)
    if mode is None:
        raise ValueError(
            f"{who}: {argument} is {name!r} and mode is None: expected mode='min' or 'max', as "
            "the name does not say whether small or large values are good"
        )
    if not isinstance(mode, str) or mode not in ("min", "max"):
        error = ValueError if isinstance(mode, str) else TypeError
        raise error(f"{who}: mode is {mode!r}: expected 'min' or 'max'")
    return mode


def mode_by_name(name: str) -> str | None:
    """What a name says; None where it says nothing."""
    words = name.removeprefix("val_").split("_")
    if words[0] in ("neg", "d2"):
        return "max"
    said = (_GOOD[word] for word in reversed(words) if word in _GOOD)
    return next(said, "max" if "score" in words else None)
