"""scikit-learn's own callbacks, which it has since 1.9: told of a fit, and of each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def callbacks_told(
    estimator: Any, X: Any, y: Any, epochs: int, fitted_attributes: Callable[[], dict[str, Any]]
) -> Iterator[Callable[[], bool]]:
    """Tell scikit-learn's callbacks of a fit, and of each epoch; one may end training."""
    if not (hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")):
        yield lambda: False
        return
    told = {"estimator": estimator, "X": X, "y": y}
    fitted = {"reconstruction_attributes": fitted_attributes}
    context = estimator._init_callback_context(max_subtasks=epochs)
    context.call_on_fit_task_begin(**told)

    def end_epoch() -> bool:
        epoch = context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(**told)
        return bool(epoch.call_on_fit_task_end(**told, **fitted))

    yield end_epoch
    context.call_on_fit_task_end(**told, **fitted)
