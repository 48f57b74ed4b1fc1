"""scikit-learn's base classes and decorators, with the types that they lack."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from numpy.typing import ArrayLike

__all__ = [
    "BaseEstimator",
    "CallbackSupportMixin",
    "ClassifierMixin",
    "RegressorMixin",
    "available_if",
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
