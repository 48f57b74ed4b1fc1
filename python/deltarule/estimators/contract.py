"""scikit-learn's side of the contract: its base classes, with types, callbacks and warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from numpy.typing import ArrayLike

__all__ = [
    "BaseEstimator",
    "CallbackSupportMixin",
    "ClassifierMixin",
    "RegressorMixin",
    "available_if",
    "callbacks_told",
    "warn",
    "with_callbacks",
]

Method = TypeVar("Method", bound=Callable[..., Any])

if TYPE_CHECKING:

    class CallbackSupportMixin:
        """scikit-learn's own callbacks, since 1.9."""

        def set_callbacks(self, *callbacks: Any) -> Self: ...  # noqa: D102

    class BaseEstimator:
        """What every estimator has."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...  # noqa: D102
        def set_params(self, **params: Any) -> Self: ...  # noqa: D102
        def get_metadata_routing(self) -> Any: ...  # noqa: D102
        def _validate_params(self) -> None: ...
        def __getstate__(self) -> dict[str, Any]: ...
        def __setstate__(self, state: dict[str, Any]) -> None: ...
        def __sklearn_tags__(self) -> Any: ...
        def _repr_mimebundle_(self, **kwargs: Any) -> Any: ...
        @property
        def _repr_html_(self) -> Any: ...

    class ClassifierMixin:
        """What every classifier has."""

        def score(  # noqa: D102
            self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
        ) -> float: ...

    class RegressorMixin:
        """What every regressor has."""

        def score(  # noqa: D102
            self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
        ) -> float: ...

    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
        """Have a method only where the check says so."""

    def with_callbacks(method: Method) -> Method:
        """Look after scikit-learn's callbacks around a method."""

else:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.metaestimators import available_if

    try:  # since scikit-learn 1.9
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:

        class CallbackSupportMixin:
            """No callbacks of scikit-learn's."""

        def with_callbacks(method):
            """Leave the method as it is: there are no callbacks to look after."""
            return method


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


# Whose frames lie between a user's line and a warning.
_BETWEEN = {"deltarule", "sklearn", "joblib"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the user's own line, in the name of scikit-learn's module.

    So what was written to silence scikit-learn's estimator, by its module, silences ours.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _package_of(frame) in _BETWEEN:
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module="sklearn.neural_network._multilayer_perceptron",
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _package_of(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
