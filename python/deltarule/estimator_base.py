"""What ``MLPClassifier`` and ``MLPRegressor`` share: checks, initial weights, split, and fit."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import get_scorer, get_scorer_names, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from deltarule import _core
from deltarule.containers import opened
from deltarule.data import _expect_finite, _repeated
from deltarule.estimator_losses import (
    loss_of,
    output_activation,
    takes_labels,
    without_model,
)
from deltarule.live_weights import LiveWeights, Shape
from deltarule.losses import Loss
from deltarule.memory_map import let_go, mapped_file, rows_a_window
from deltarule.network import Network
from deltarule.optimizers import LBFGS, OPTIMIZERS, Optimizer
from deltarule.sole_training import sole_training
from deltarule.solver import NOT_FINITE, Examples, Validation, fit_epochs, fit_lbfgs

try:  # since scikit-learn 1.9
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks of scikit-learn's."""

    def with_callbacks(method: Any) -> Any:
        """Leave the method as it is: there are no callbacks to look after."""
        return method


Array = NDArray[Any]

_ACTIVATIONS = {"logistic", *_core.activation_names()} - {"softmax"}
_STOCHASTIC = set(OPTIMIZERS) - {"lbfgs"}


class MLP(CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """What the two estimators share."""

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 -- scikit-learn's own way
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(_ACTIVATIONS), list, tuple],
        "solver": [StrOptions({"lbfgs", *_STOCHASTIC}), Optimizer],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), callable],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
        "l1": [Interval(Real, 0, None, closed="left")],
        "clip_value": [None, Interval(Real, 0, None, closed="neither")],
        "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
        "scoring": [None, StrOptions({"loss", *get_scorer_names()}), callable],
        "callbacks": [None, list, tuple],
        "progress": ["boolean"],
        "num_threads": [None, Interval(Integral, 1, None, closed="left")],
        "n_jobs": [None, Integral],
    }

    _best_parameters: Array

    def _keep(self, parameters: dict[str, Any]) -> None:
        """Keep a constructor's parameters as they are, which is scikit-learn's rule."""
        self.__dict__.update((name, value) for name, value in parameters.items() if name != "self")

    # Fitting -------------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        incremental: bool,
        held_out: tuple[Any, Any, Any] = (None, None, None),
    ) -> Self:
        self._validate_params()
        with self._threads():
            return self._fit_on_threads(X, y, sample_weight, incremental, held_out)

    def _fit_on_threads(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        incremental: bool,
        held_out: tuple[Any, Any, Any],
    ) -> Self:
        hidden = self._hidden_sizes()
        first_pass = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._validate_input(X, y, incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        weights = self._weights_of(y, sample_weight, incremental)
        Y, labels, n_outputs, y_type = self._targets(y)
        self.n_outputs_ = n_outputs
        self._random_state = check_random_state(self.random_state)
        if first_pass:
            self.out_activation_ = output_activation(self.loss, y_type)
            self._initialize([X.shape[1], *hidden, n_outputs], X.dtype)
        elif self._is_stochastic():
            self._go_on()
        live = self._live_weights(adopt=True)
        parameters = live.network.parameters
        if self.early_stopping and len(self._best_parameters) != parameters.size:
            self._best_parameters = parameters.copy()
        if live.network.output_size != n_outputs:
            raise ValueError(
                f"fit: y asks for {n_outputs} outputs: expected {live.network.output_size}, as the "
                "weights that are there have"
            )
        loss = loss_of(self.loss, self.out_activation_, n_outputs, "fit")
        examples = self._examples(X, Y, labels, weights, loss)

        if self._is_stochastic():
            if self.early_stopping and incremental:
                raise ValueError("partial_fit does not support early_stopping=True")
            train, validation = self._split(X, y, Y, examples, sample_weight, loss, held_out)
            epochs = 1 if incremental else self.max_iter
            with (
                sole_training(live.network),
                self._callbacks_told(X, y, epochs) as end_epoch,
            ):
                fit_epochs(
                    self,
                    live,
                    loss,
                    examples,
                    train,
                    validation,
                    incremental=incremental,
                    end_epoch=end_epoch,
                )
        else:
            if held_out[0] is not None:
                raise ValueError(
                    "fit: X_val is for solvers that go by epochs: expected None with solver='lbfgs'"
                )
            with (
                sole_training(live.network),
                self._callbacks_told(X, y, self.max_iter) as end_epoch,
            ):
                fit_lbfgs(self, live, loss, examples, end_epoch=end_epoch)
        if not np.isfinite(parameters).all():
            raise ValueError(NOT_FINITE)
        return self

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """Have the calling thread use as many threads as were asked for, for a while."""
        number, jobs = self.num_threads, self.n_jobs
        if number is not None and jobs is not None:
            raise ValueError(
                f"num_threads is {number} and n_jobs is {jobs}: expected one of them, as they mean "
                "the same"
            )
        if jobs is not None:
            number = effective_n_jobs(jobs)
        before = _core.limit_threads(0 if number is None else int(number))
        try:
            yield
        finally:
            _core.limit_threads(before)

    def _is_stochastic(self) -> bool:
        if isinstance(self.solver, LBFGS):
            raise ValueError(f"fit: solver is {self.solver!r}: expected solver='lbfgs'")
        return not isinstance(self.solver, str) or self.solver != "lbfgs"

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes

    def _read(self, X: Any, y: Any, reset: bool, **options: Any) -> tuple[Any, Any]:
        """X and y as scikit-learn checks them; a memory map stays where it is, and as it is."""
        mapped = isinstance(X, np.ndarray) and mapped_file(X) is not None
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=None if mapped else (np.float64, np.float32),
            ensure_all_finite=not mapped,
            reset=reset,
            **options,
        )
        if mapped:
            if X.dtype.kind not in "biuf":
                raise TypeError(f"fit: X is {X.dtype}: expected real numbers")
            _expect_finite(X, X.dtype if X.dtype.kind == "f" else np.dtype(float), "fit", "X")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _weights_of(self, y: Any, sample_weight: Any, incremental: bool) -> Any:
        return sample_weight

    def _initialize(self, sizes: Sequence[int], dtype: Any) -> None:
        """Begin anew: the initial weights, drawn as scikit-learn draws them."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(sizes)
        dtype = np.float32 if dtype == np.float32 else np.float64
        hidden = self._activations(len(sizes) - 2)
        # Uniform, after Glorot & Bengio 2010; the output layer goes by the last hidden activation.
        last = hidden[-1] if isinstance(self.activation, (list, tuple)) and hidden else None
        drawn = []
        for n_prev, n, activation in zip(
            sizes[:-1], sizes[1:], [*hidden, last or self.activation], strict=True
        ):
            factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
            bound = np.sqrt(factor / (n_prev + n))
            drawn.append(
                (
                    self._random_state.uniform(-bound, bound, (n_prev, n)).astype(dtype),
                    self._random_state.uniform(-bound, bound, n).astype(dtype),
                )
            )
        self._live: LiveWeights | None = None
        self.coefs_ = [coef for coef, _ in drawn]
        self.intercepts_ = [intercept for _, intercept in drawn]
        self._dropout_seed = (
            self._random_state.randint(2**31 - 1) if np.any(np.asarray(self.dropout) > 0) else 0
        )
        self._best_parameters = np.empty(0)
        if self._is_stochastic():
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_: list[float] | None = None
            self.best_validation_score_: float | None = None

    def _go_on(self) -> None:
        """Begin the records that are missing, where the weights were set by hand."""
        records: dict[str, Any] = {
            "t_": 0,
            "loss_curve_": [],
            "best_loss_": np.inf,
            "validation_scores_": None,
            "best_validation_score_": None,
            "_no_improvement_count": 0,
            "_best_parameters": np.empty(0),
        }
        for name, value in records.items():
            if not hasattr(self, name):
                setattr(self, name, value)
        if self.best_loss_ is None and not self.early_stopping:
            self.best_loss_ = np.inf

    def _activations(self, hidden: int) -> list[str]:
        """One for each hidden layer."""
        given = self.activation
        activations = [given] * hidden if isinstance(given, str) else list(given)
        if len(activations) != hidden:
            raise ValueError(
                f"fit: activation has {len(activations)} names: expected {hidden}, one for each "
                "hidden layer"
            )
        for name in activations:
            if name not in _ACTIVATIONS:
                raise ValueError(
                    f"fit: activation has {name!r}: expected some of {sorted(_ACTIVATIONS)}"
                )
        return activations

    def _dropouts(self, hidden: int) -> list[float]:
        """One for each hidden layer."""
        given = self.dropout
        rates = list(given) if isinstance(given, (list, tuple)) else [float(given)] * hidden
        if len(rates) != hidden:
            raise ValueError(
                f"fit: dropout has {len(rates)} rates: expected {hidden}, one for each hidden layer"
            )
        return rates

    def _live_weights(self, adopt: bool = False) -> LiveWeights:
        """The network with the weights of ``coefs_`` and ``intercepts_``.

        To ``adopt`` is to put the network's own views in their place, for training.
        """
        shapes = [np.shape(coef) for coef in self.coefs_]
        hidden = len(shapes) - 1
        shape = Shape(
            (shapes[0][0], *(n for _, n in shapes)),
            (*self._activations(hidden), self.out_activation_),
            tuple(self._dropouts(hidden)),
            np.result_type(*self.coefs_, np.float32),
        )
        live: LiveWeights | None = getattr(self, "_live", None)
        if live is None or live.shape != shape:
            live = self._live = LiveWeights(shape, getattr(self, "_dropout_seed", 0))
        if live.take(self.coefs_, self.intercepts_) and adopt:
            self.coefs_, self.intercepts_ = list(live.coefs), list(live.intercepts)
        return live

    def _examples(
        self, X: Any, Y: Array | None, labels: Array | None, weights: Any, loss: Loss
    ) -> Examples:
        rows = X if isinstance(X, np.ndarray) else opened(X, "fit", "X").rows
        if labels is not None and not takes_labels(loss):
            Y, labels = np.eye(self.n_outputs_, dtype=np.uint8)[labels], None
        elif Y is not None and loss.outputs_a_target() > 1:
            Y = _repeated(Y, loss.outputs_a_target())
        weights = None if weights is None else np.require(weights, np.float64, ["C", "A"])
        target = _core.Target(Y, labels, weights)
        return Examples(rows, target, without_model(self.loss, Y))

    def _split(
        self,
        X: Any,
        y: Array,
        Y: Array | None,
        examples: Examples,
        sample_weight: Any,
        loss: Loss,
        held_out: tuple[Any, Any, Any],
    ) -> tuple[Array | None, Validation | None]:
        """Which rows to train on, None for all of them; and what to judge each epoch by."""
        X_val, y_val, weights_val = held_out
        train = None
        if X_val is not None:
            if y_val is None:
                raise ValueError("fit: X_val is given but y_val is None: expected both")
            X_val, y_val = self._validate_held_out(X_val, y_val)
            if weights_val is not None:
                weights_val = _check_sample_weight(weights_val, X_val)
        elif y_val is not None or weights_val is not None:
            raise ValueError("fit: y_val or sample_weight_val without X_val: expected X_val too")
        elif self.early_stopping:
            # The rows' numbers are split and not the rows, which need not be copied.
            binary = is_classifier(self) and self.n_outputs_ == 1
            stratify = Y.astype(bool) if binary and Y is not None else None
            train, rest = train_test_split(
                np.arange(len(y)),
                random_state=self._random_state,
                test_size=self.validation_fraction,
                stratify=stratify,
            )
            if len(rest) < 2:
                raise ValueError(
                    "The validation set is too small. Increase 'validation_fraction' or the size "
                    "of your dataset."
                )
            if isinstance(X, np.ndarray) and mapped_file(X) is not None:
                train = np.sort(train)  # what is read together lies together
            X_val, y_val = _taken(X, rest), y[rest]
            weights_val = None if sample_weight is None else sample_weight[rest]
        else:
            return None, None
        if not hasattr(self, "validation_loss_curve_") or not self.loss_curve_:
            self.validation_loss_curve_: list[float] = []
        if self.validation_scores_ is None:
            self.validation_scores_ = []
        if self.best_validation_score_ is None:
            self.best_validation_score_ = -np.inf
        Y_val, labels, _, _ = self._targets(y_val)
        judged = self._examples(X_val, Y_val, labels, weights_val, loss)
        if self.scoring not in (None, "loss"):
            scorer = get_scorer(self.scoring)
            weighted = {} if weights_val is None else {"sample_weight": weights_val}
            return train, Validation(judged, lambda A: scorer(self, X_val, y_val, **weighted))
        return train, Validation(judged, lambda A: self._score(A, y_val, weights_val))

    def _validate_held_out(self, X: Any, y: Any) -> tuple[Any, Any]:
        return self._read(X, y, reset=False)

    def _score(self, A: Array, y: Array, sample_weight: Any) -> float:
        """The score of outputs; NaN where they are not finite."""
        if not np.isfinite(A).all():
            return float("nan")
        predicted = self._prediction(A)
        if not is_classifier(self):
            return float(r2_score(y, predicted, sample_weight=sample_weight))
        # The accuracy; the checks of sklearn.metrics would take longer than a small epoch's steps.
        right = predicted == y
        return float(np.average(right if y.ndim == 1 else right.all(axis=1), weights=sample_weight))

    # scikit-learn's callbacks --------------------------------------------------------------------

    @contextmanager
    def _callbacks_told(self, X: Any, y: Any, epochs: int) -> Iterator[Callable[[], bool]]:
        """Tell scikit-learn's callbacks of a fit, and of each epoch; one may end training."""
        if not (hasattr(self, "_skl_callbacks") or hasattr(self, "_parent_callback_ctx")):
            yield lambda: False
            return
        told = {"estimator": self, "X": X, "y": y}
        fitted = {"reconstruction_attributes": self._fitted_attributes}
        context = self._init_callback_context(max_subtasks=epochs)
        context.call_on_fit_task_begin(**told)

        def end_epoch() -> bool:
            epoch = context.subcontext(task_name="epoch")
            epoch.call_on_fit_task_begin(**told)
            return bool(epoch.call_on_fit_task_end(**told, **fitted))

        yield end_epoch
        context.call_on_fit_task_end(**told, **fitted)

    def _fitted_attributes(self) -> dict[str, Any]:
        return fitted_attributes(self, also=("_label_binarizer", "_dropout_seed"))

    # Using what has been fitted ------------------------------------------------------------------

    @property
    def network_(self) -> Network:
        """The network, whose parameters ``coefs_`` and ``intercepts_`` are views of."""
        if not hasattr(self, "coefs_"):
            raise AttributeError(f"{type(self).__name__} has no network_ before fit")
        return self._live_weights(adopt=True).network

    def _read_fitted(self, X: Any) -> Any:
        """X as scikit-learn checks it, for an estimator that has been fitted."""
        check_is_fitted(self)
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)

    def _outputs(self, X: Any) -> Array:
        X = self._read_fitted(X)
        with self._threads():
            A: Array = self._live_weights().network.predict(X)
        return A

    def predict(self, X: ArrayLike) -> Array:
        """Predict the class, or the targets, of each example.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        y: Array = self._prediction(self._outputs(X))
        return y

    def activations(self, X: ArrayLike) -> list[Array]:
        """Compute ``A[l]`` of every hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        list of ndarray of shape (n_samples, hidden_layer_sizes[i])
        """
        X = self._read_fitted(X)
        live = self._live_weights()
        with self._threads():
            _, caches = live.network.forward(X)
        # Nothing is dropped in prediction: what goes into the next layer is what comes out.
        return [np.array(caches[index + 1].A_prev) for index in live.dense[:-1]]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the estimator to a file, in one move; ``deltarule.load(path)`` reads it.

        All parameters and all that ``fit`` has left are written, and the solver's state, with which
        ``partial_fit`` goes on. No pickle is involved, and no code is written.

        Parameters
        ----------
        path : path-like
            Such as ``"model.safetensors"``. A file that is there is replaced, and keeps its
            permissions.

        Raises
        ------
        OSError
            Where it cannot be written. The file that was there is then what it was.
        TypeError
            Where a parameter is code: callbacks, or a function for a loss, a score or a rate.
        ValueError
            For parameters that ``fit`` would refuse, and for weights that are not finite.
        """
        from deltarule import estimator_file

        estimator_file.save(self, path)

    def to_sklearn(self) -> Any:
        """Convert to scikit-learn's estimator, fitted or not.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or MLPRegressor
            It predicts the same. What only training uses and scikit-learn does not have, such as
            dropout or another solver, is left at scikit-learn's default; "sgd" and "adam" go on
            with ``partial_fit`` from their state.

        Raises
        ------
        ValueError
            Where scikit-learn has no such activations.
        """
        from deltarule.conversion import to_sklearn

        return to_sklearn(self)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write what predicts to an ONNX file, as ``Network.to_onnx`` does.

        A regressor's output is ``A`` (m, n_outputs); a classifier's are ``label`` and
        ``probabilities``, those of ``predict`` and ``predict_proba``.

        Parameters
        ----------
        path : path_like
        """
        check_is_fitted(self)
        self.network_.to_onnx(path)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_live", None)  # the weights are in coefs_ and intercepts_
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "coefs_"):
            self._live_weights(adopt=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def fitted_attributes(estimator: Any, also: Collection[str]) -> dict[str, Any]:
    """Copies of what ``fit`` has left, by scikit-learn's rule of names; weights as plain arrays."""
    attributes = {
        name: deepcopy(value)
        for name, value in vars(estimator).items()
        if (name.endswith("_") and not name.startswith("_")) or name in also
    }
    for name in {"coefs_", "intercepts_"} & set(attributes):
        attributes[name] = [np.array(array, order="C") for array in getattr(estimator, name)]
    return attributes


def _taken(X: Any, rows: Array) -> Any:
    """Copy some rows; those of a memory map in the file's order, letting go of its pages."""
    mapped = mapped_file(X) if isinstance(X, np.ndarray) else None
    if mapped is None:
        return _safe_indexing(X, rows)
    taken = np.empty((len(rows), X.shape[1]), X.dtype)
    order = np.argsort(rows)
    windows = rows[order] // rows_a_window(X)
    for some in np.split(order, np.flatnonzero(np.diff(windows)) + 1):
        taken[some] = X[rows[some]]
        let_go(mapped)
    return taken
