"""``MLPRegressor``: what y means to it, and what its outputs do."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions

from deltarule._arrays import Array
from deltarule.estimators import door
from deltarule.estimators.base import MLP
from deltarule.estimators.contract import RegressorMixin, with_callbacks
from deltarule.estimators.losses import OF_NUMBERS, output_activation
from deltarule.estimators.parameters import CONSTRAINTS
from deltarule.losses import Loss


class MLPRegressor(RegressorMixin, MLP):
    """A dense network that predicts numbers, in place of scikit-learn's ``MLPRegressor``.

    Parameters
    ----------
    loss : str, Loss or callable
        scikit-learn's "squared_error" (half of it) and "poisson" (half the deviance, with an
        exponential output, for y of 0 or more); "absolute_error", "huber", "log_cosh"; an object
        such as ``deltarule.Quantile([0.1, 0.5, 0.9])``; or a function of (A, Y) as in
        ``deltarule.CustomLoss``.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate
        As in ``MLPClassifier``, and so are the others.
    learning_rate_init, power_t, max_iter, shuffle, random_state, tol, verbose, warm_start
    momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon
    n_iter_no_change, max_fun, dropout, l1, clip_value, clip_norm
    scoring : None, "loss", str or callable
        What the validation examples are judged by: R2, their loss (its negative is the score), or
        one of scikit-learn's scorers.
    callbacks, progress, num_threads, n_jobs

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        As in ``MLPClassifier``, and so are the others, but for ``classes_``.

    Raises
    ------
    ValueError, TypeError
        In ``fit``, for parameters that cannot be, as scikit-learn's rule is.

    Examples
    --------
    >>> from deltarule import MLPRegressor
    >>> X = [[0.0], [0.5], [1.0], [1.5]]
    >>> regressor = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0)
    >>> regressor.fit(X, [0.0, 1.0, 2.0, 3.0]).predict([[0.75]]).round(1).tolist()
    [1.5]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions(OF_NUMBERS), Loss, callable],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        l1: float = 0.0,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        scoring: Any = None,
        callbacks: Any = None,
        progress: bool = False,
        num_threads: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self._keep(locals())

    @with_callbacks
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X, sample_weight, X_val, y_val, sample_weight_val
            As in ``MLPClassifier.fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For data or parameters that do not fit, and where the weights stop being finite.
        """
        return self._fit(X, y, sample_weight, False, (X_val, y_val, sample_weight_val))

    @with_callbacks
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch, from the weights and the optimizer's state that are there.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As ``fit``.
        """
        return self._fit(X, y, sample_weight, True)

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = door.checked(self, X, "fit", y=y, reset=reset, y_numeric=True)
        y = door.dense(y)
        if output_activation(self.loss, None) == "exp" and (y < 0).any():
            raise ValueError(
                f"fit: y has {y[y < 0][0]}: expected 0 or more, as the Poisson loss is for counts "
                "and rates"
            )
        return X, y

    def _targets(self, y: Array) -> tuple[Array, None, int, None]:
        """Y, how many outputs there are, and what stands for classes' own."""
        Y = y.reshape(-1, 1) if y.ndim == 1 else y
        Y = np.require(Y, None if Y.dtype == np.float32 else np.float64, ["C", "A"])
        each = self.loss.outputs_a_target() if isinstance(self.loss, Loss) else 1
        return Y, None, Y.shape[1] * each, None

    def _prediction(self, A: Array) -> Array:
        return A[:, 0] if A.shape[1] == 1 else A
