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
    hidden_layer_sizes : int or array-like of int
        The units of each hidden layer.
    activation : str or list of str
        Of the hidden layers, or one for each: scikit-learn's identity, logistic, tanh and relu, and
        those of ``deltarule.Dense``.
    solver : str or Optimizer
        "adam" or "sgd" by mini-batches, "lbfgs" by SciPy on all examples; or another of the
        package's optimizers: adamw, nadam, radam, rmsprop, adagrad, adadelta, lion, with
        ``learning_rate_init`` and, where they have moments, the betas and epsilon; or an object
        such as ``deltarule.RMSprop(1e-3)``, of which a copy is used as it is.
    alpha : float
        The penalty on the weights: a batch's loss has ``alpha / 2 sum W^2 / n`` added, n its number
        of examples, or the sum of their weights.
    batch_size : int or "auto"
        "auto" is the smaller of 200 and the number of examples.
    learning_rate : {"constant", "invscaling", "adaptive"}, Schedule or callable
        For "sgd" alone, "invscaling" divides the rate by ``(t_ + 1)^power_t`` after each epoch, and
        "adaptive" by 5 when training would stop, as long as it is above 1e-6. A schedule or a
        function of the step (``deltarule.schedules``) goes with every solver that makes steps.
    learning_rate_init : float
        The rate, or where it begins.
    power_t : float
        The exponent of "invscaling".
    max_iter : int
        The most epochs, or iterations of "lbfgs".
    shuffle : bool
        Take the examples in a new order each epoch.
    random_state : int, RandomState or None
        Of the initial weights, the split and the order; the same as scikit-learn's.
    tol : float
        Better means by more than this.
    verbose : bool
        Print a line an epoch.
    warm_start : bool
        Go on from the weights that are there.
    momentum : float
        Of "sgd".
    nesterovs_momentum : bool
        Whether it is Nesterov's.
    early_stopping : bool
        Hold back ``validation_fraction`` of the examples, unless ``X_val`` is given, and stop when
        the score on them has not become better; the best weights are kept, those of earlier fits
        of a warm start judged again by the examples of this one.
    validation_fraction : float
        The share of the examples that is held back.
    beta_1 : float
        The decay of the first moment, of "adam" and its like.
    beta_2 : float
        The decay of the second moment.
    epsilon : float
        What is added to its root.
    n_iter_no_change : int
        Epochs in a row that need not be better.
    max_fun : int
        The most evaluations of "lbfgs".
    dropout : float or list of float
        The share of each hidden layer's activations that are dropped in training.
    l1 : float
        As alpha, for ``l1 sum |W| / n``.
    clip_value : float or None
        Hold each number of the gradients to -clip_value ... clip_value.
    clip_norm : float or None
        Shorten the gradients, as one vector, to this norm where they are longer.
    scoring : None, "loss", str or callable
        What the validation examples are judged by: R2, their loss (its negative is the
        score), or one of scikit-learn's scorers.
    callbacks : list or None
        As in ``Network.fit``; ``set_callbacks`` is for scikit-learn's own.
    progress : bool
        Show a progress bar.
    num_threads : int or None
        For fit and predict; by default the package's. Other threads of the process keep theirs.
    n_jobs : int or None
        The same in scikit-learn's way of counting: -1 is all cores, -2 all but one.

    Attributes
    ----------
    coefs_ : list of ndarray
        W of each layer, (n_prev, n): views of the network's parameters, so that what is written to
        them counts at once.
    intercepts_ : list of ndarray
        b of each layer, (n,), likewise.
    loss_ : float
        The loss of the last epoch, with its penalties.
    best_loss_ : float or None
        The least of all epochs; None with early stopping.
    loss_curve_ : list of float
        The loss of every epoch.
    validation_scores_ : list of float or None
        The score of every epoch; None without validation examples.
    best_validation_score_ : float or None
        The best of them; with early stopping, of the weights that were kept.
    validation_loss_curve_ : list of float
        The loss on the validation examples, where there are some.
    n_iter_ : int
        Epochs of the latest fit.
    t_ : int
        Examples seen in all.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape ``(n_features_in_,)``
        Their names, where X has such.
    n_layers_ : int
        Layers, that of the inputs among them.
    n_outputs_ : int
        Units of the last layer.
    out_activation_ : str
        Its activation.
    network_ : Network
        The network itself.

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
