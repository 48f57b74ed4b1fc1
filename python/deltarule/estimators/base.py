"""What ``MLPClassifier`` and ``MLPRegressor`` share: checks, initial weights, split, and fit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from deltarule import _core
from deltarule._arrays import Array, own
from deltarule._data.door import rows_of, target_of
from deltarule._data.weights import expect_weights
from deltarule.estimators import door
from deltarule.estimators.contract import BaseEstimator, CallbackSupportMixin, callbacks_told
from deltarule.estimators.live_weights import (
    LiveWeights,
    Shape,
    fitted_attributes,
    initial_weights,
)
from deltarule.estimators.losses import loss_of, output_activation, takes_labels, without_model
from deltarule.estimators.optimizers import as_plain, from_plain, optimizer_of
from deltarule.estimators.parameters import ACTIVATIONS, CONSTRAINTS, expect_sound
from deltarule.estimators.plan import EpochsPlan, Examples, LBFGSPlan, Record, Validation
from deltarule.estimators.solver import NOT_FINITE, fit_epochs, fit_lbfgs
from deltarule.losses import Loss
from deltarule.network import Network
from deltarule.optimizers import LBFGS, Optimizer


class MLP(CallbackSupportMixin, BaseEstimator):
    """What the two estimators share."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS
    # Where scikit-learn's HTML leads, whose tooltips are of the docstrings' parameters.
    _doc_link_module = "deltarule"
    _doc_link_template = "https://deltarule.example/docs"

    hidden_layer_sizes: Any
    activation: Any
    solver: Any
    loss: Any
    alpha: float
    batch_size: Any
    learning_rate: Any
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: Any
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: Any
    max_fun: int
    dropout: Any
    l1: float
    clip_value: float | None
    clip_norm: float | None
    scoring: Any
    callbacks: Any
    progress: bool
    num_threads: int | None
    n_jobs: int | None
    # What fit leaves.
    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float]
    best_validation_score_: float | None
    coefs_: list[Array]
    intercepts_: list[Array]
    _best_parameters: Array | None
    _no_improvement_count: int
    _optimizer: Optimizer | None
    _live: LiveWeights | None
    _judged: Any
    _seeded: Any

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
        if not get_config()["skip_parameter_validation"]:
            expect_sound(self)
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
        sample_weight = door.weights(sample_weight, X, "sample_weight")
        weights = self._weights_of(y, sample_weight, incremental)
        Y, labels, n_outputs, y_type = self._targets(y)
        self.n_outputs_ = n_outputs
        self._random_state = self._new_random_state()
        if first_pass:
            self.out_activation_ = output_activation(self.loss, y_type)
            self._initialize([X.shape[1], *hidden, n_outputs], X.dtype)
        elif self._is_stochastic():
            self._go_on()
        live = self._live_weights(adopt=True)
        parameters = live.network.parameters
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
            best = self._best_parameters
            if self.early_stopping and (best is None or best.size != parameters.size):
                self._best_parameters = parameters.copy()
            train, validation = self._split(X, y, Y, examples, loss, held_out)
            with live.network._sole_training():
                optimizer = self._optimizer_for(live, incremental)
                plan = EpochsPlan.of(
                    self, live, loss, examples, train, validation, optimizer, incremental
                )
                self._fit_epochs(X, y, plan)
        else:
            if held_out[0] is not None:
                raise ValueError(
                    "fit: X_val is for solvers that go by epochs: expected None with solver='lbfgs'"
                )
            with (
                live.network._sole_training(),
                callbacks_told(self, X, y, self.max_iter, self._fitted_attributes) as told,
            ):
                iterations, self.loss_ = fit_lbfgs(LBFGSPlan.of(self, live, loss, examples), told)
                self.n_iter_ = self.n_iter_ if iterations is None else iterations
        if not np.isfinite(parameters).all():
            raise ValueError(NOT_FINITE)
        return self

    def _fit_epochs(self, X: Any, y: Any, plan: EpochsPlan) -> None:
        record = Record(
            examples_seen=self.t_,
            losses=self.loss_curve_,
            best_loss=self.best_loss_,
            scores=self.validation_scores_,
            validation_losses=getattr(self, "validation_loss_curve_", None),
            best_score=self.best_validation_score_,
            best_parameters=self._best_parameters,
            in_vain=self._no_improvement_count,
        )

        def take_down() -> None:
            self.n_iter_, self.t_ = record.epochs, record.examples_seen
            if record.loss is not None:
                self.loss_ = record.loss
            self.best_loss_, self.best_validation_score_ = record.best_loss, record.best_score
            self._no_improvement_count = record.in_vain

        with callbacks_told(self, X, y, plan.epochs, self._fitted_attributes) as told:

            def end_epoch() -> bool:
                take_down()
                return told()

            take_down()
            try:
                fit_epochs(plan, record, end_epoch)
            finally:
                take_down()

    def _new_random_state(self) -> Any:
        """What ``random_state`` asks for, as scikit-learn makes it.

        Its own generator is seeded anew where it is there already: a new one asks the system for
        entropy first, which takes longer than a small step.
        """
        seed, seeded = self.random_state, getattr(self, "_seeded", None)
        if not isinstance(seed, (int, np.integer)):
            return check_random_state(seed)
        if seeded is None:
            self._seeded = check_random_state(seed)
        else:
            seeded.seed(seed)
        return self._seeded

    def _optimizer_for(self, live: LiveWeights, incremental: bool) -> Optimizer:
        """A new optimizer, or for one more epoch the one that is there, if its state fits."""
        optimizer: Optimizer | None = getattr(self, "_optimizer", None)
        # Its network may be another by now, made anew; the state goes on if it is as long.
        if incremental and optimizer is not None and optimizer._rebind(live.network.parameters):
            return optimizer
        self._optimizer = new = optimizer_of(self)
        return new

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

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """X and y as the kind of estimator takes them."""
        raise NotImplementedError

    def _targets(self, y: Array) -> tuple[Array | None, Array | None, int, str | None]:
        """Y, or labels in its place; how many outputs there are, and what kind y is."""
        raise NotImplementedError

    def _prediction(self, A: Array) -> Array:
        """What outputs mean: classes, or numbers."""
        raise NotImplementedError

    def _weights_of(self, y: Any, sample_weight: Any, incremental: bool) -> Array | None:
        """What the examples weigh, by their classes too."""
        return sample_weight  # type: ignore[no-any-return]

    def _weights_of_held_out(self, y: Any, y_val: Any, sample_weight: Any) -> Array | None:
        """What examples beside the training set weigh; classes as they do there."""
        return sample_weight  # type: ignore[no-any-return]

    def _initialize(self, sizes: Sequence[int], dtype: Any) -> None:
        """Begin anew: the initial weights, drawn as scikit-learn draws them."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(sizes)
        hidden = self._activations(len(sizes) - 2)
        # The output layer goes by the last hidden activation.
        last = hidden[-1] if isinstance(self.activation, (list, tuple)) and hidden else None
        activations = [*hidden, last or self.activation]
        self._live = None
        self.coefs_, self.intercepts_ = initial_weights(
            self._random_state, sizes, activations, dtype
        )
        self._dropout_seed = (
            self._random_state.randint(2**31 - 1) if np.any(np.asarray(self.dropout) > 0) else 0
        )
        self._best_parameters = None
        if self._is_stochastic():
            self.loss_curve_ = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_ = None
            self.best_validation_score_ = None

    def _go_on(self) -> None:
        """Begin the records that are missing, where the weights were set by hand."""
        records: dict[str, Any] = {
            "t_": 0,
            "loss_curve_": [],
            "best_loss_": np.inf,
            "validation_scores_": None,
            "best_validation_score_": None,
            "_no_improvement_count": 0,
            "_best_parameters": None,
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
            if name not in ACTIVATIONS:
                raise ValueError(
                    f"fit: activation has {name!r}: expected some of {sorted(ACTIVATIONS)}"
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
        if labels is not None and not takes_labels(loss):
            Y, labels = np.eye(self.n_outputs_, dtype=np.uint8)[labels], None
        target = target_of(Y, labels, weights, loss)
        return Examples(rows_of(X, "fit"), target, without_model(self.loss, Y))

    def _split(
        self,
        X: Any,
        y: Array,
        Y: Array | None,
        examples: Examples,
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
            weights_val = door.weights(weights_val, X_val, "sample_weight_val")
            weights_val = self._weights_of_held_out(y, y_val, weights_val)
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
            if examples.rows.shuffled_in_windows:
                train = np.sort(train)  # what is read together lies together
            X_val, y_val = door.taken(X, rest), y[rest]
            weights_val = examples.target.weights
            weights_val = None if weights_val is None else weights_val[rest]
        else:
            return None, None
        if weights_val is not None:
            expect_weights(weights_val, "fit", "the validation examples' sample_weight")
        if not hasattr(self, "validation_loss_curve_") or not self.loss_curve_:
            self.validation_loss_curve_ = []
        if self.validation_scores_ is None:
            self.validation_scores_ = []
        if self.best_validation_score_ is None:
            self.best_validation_score_ = -np.inf
        Y_val, labels, _, _ = self._targets(y_val)
        judged = self._examples(X_val, Y_val, labels, weights_val, loss)
        if self.scoring not in (None, "loss"):
            scorer = get_scorer(self.scoring)
            weighted = {} if weights_val is None else {"sample_weight": weights_val}
            if getattr(self, "class_weight", None) is not None and not _takes_weights(scorer):
                weighted = {}

            def score(A: Array) -> float:
                self._judged = X_val  # has passed the door, where it may have had names
                try:
                    return scorer(self, X_val, y_val, **weighted)  # type: ignore[no-any-return]
                finally:
                    del self._judged

            return train, Validation(judged, score)
        if self.scoring == "loss":
            return train, Validation(judged, None)
        return train, Validation(judged, lambda A: self._score(A, y_val, weights_val))

    def _validate_held_out(self, X: Any, y: Any) -> tuple[Any, Any]:
        X, y = door.checked(self, X, "fit", y=y, reset=False)
        return X, door.dense(y)

    def _score(self, A: Array, y: Array, sample_weight: Any) -> float:
        """The score of outputs; NaN where they are not finite."""
        if not np.isfinite(A).all():
            return float("nan")
        predicted = self._prediction(A)
        if hasattr(predicted, "toarray"):  # as the labels were that were learned
            predicted = predicted.toarray()
        if not is_classifier(self):
            return float(r2_score(y, predicted, sample_weight=sample_weight))
        # The accuracy; the checks of sklearn.metrics would take longer than a small epoch's steps.
        right = predicted == y
        return float(np.average(right if y.ndim == 1 else right.all(axis=1), weights=sample_weight))

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
        if hasattr(self, "_judged") and X is self._judged:
            return X
        return door.checked(self, X, "predict", reset=False)

    def _outputs(self, X: Any) -> Array:
        X = self._read_fitted(X)
        with self._threads():
            network = self._live_weights().network
            unchecked = get_config()["assume_finite"]
            A: Array = door.outputs(network, X) if unchecked else network.predict(X)
        # As scikit-learn's: what is computed in float32 is float64 beside numbers of float64.
        return A.astype(np.result_type(A.dtype, X.dtype), copy=False)

    def predict(self, X: ArrayLike) -> Array:
        """Predict the class, or the targets, of each example.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        ValueError, TypeError
            For data that does not fit.
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

        Raises
        ------
        ValueError, TypeError
            For data that does not fit.
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
        from deltarule.estimators import file

        file.save(self, path)

    def report(
        self,
        path: str | os.PathLike[str],
        X: Any,
        y: Any,
        *,
        sample_weight: ArrayLike | None = None,
        train: tuple[Any, ...] | None = None,
        baselines: bool | Sequence[tuple[str, Any, float]] = True,
        command: str = "",
    ) -> None:
        """Write one HTML page: what the model comes to, what it goes by, what to distrust.

        Parameters
        ----------
        path : path-like
            Such as ``"report.html"``. A file that is there is replaced.
        X, y : array-like
            Examples that the model was not fitted to; of several targets or labels, twelve at most,
            each has sections of its own.
        sample_weight, train, baselines, command
            As in ``Network.report``.

        Raises
        ------
        OSError
            Where it cannot be written.
        ValueError, TypeError
            For data that does not fit, and for several quantiles of a target.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from deltarule import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(300, 2))
        >>> y = X[:, 0] + X[:, 1]
        >>> model = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0)
        >>> model = model.fit(X[:200], y[:200])
        >>> path = Path(tempfile.mkdtemp()) / "report.html"
        >>> model.report(path, X[200:], y[200:])
        """
        from deltarule._reporting.estimators import subjects
        from deltarule.report.write import write

        check_is_fitted(self)
        write(
            path,
            subjects(
                self,
                X,
                y,
                sample_weight=sample_weight,
                train=train,
                baselines=baselines,
                command=command,
                where=f"{type(self).__name__}.report",
            ),
        )

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
        from deltarule.estimators.to_sklearn import to_sklearn

        return to_sklearn(self)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write what predicts to an ONNX file, as ``Network.to_onnx`` does.

        A regressor's output is ``A`` (m, n_outputs); a classifier's are ``label`` and
        ``probabilities``, those of ``predict`` and ``predict_proba``.

        Parameters
        ----------
        path : path_like

        Raises
        ------
        ImportError
            Without the package ``onnx``.
        """
        check_is_fitted(self)
        self.network_.to_onnx(path)

    def _adopt(self, attributes: Mapping[str, Any]) -> None:
        """Take over what a fit has left elsewhere: in a file, in scikit-learn's estimator."""
        self.__dict__.update(attributes)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_live", None)  # the weights are in coefs_ and intercepts_
        state.pop("_judged", None)
        for name in ("_passed_parameters", "_seeded"):
            state.pop(name, None)
        if "_optimizer" in state:
            state["_optimizer"] = as_plain(state["_optimizer"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "_optimizer"):
            self._optimizer = from_plain(self._optimizer)
        best = getattr(self, "_best_parameters", None)
        if best is not None:
            self._best_parameters = own(best) if best.size else None  # empty in old pickles
        if hasattr(self, "coefs_"):
            self._live_weights(adopt=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _takes_weights(scorer: Any) -> bool:
    """Whether a scorer, which may be a function of one's own, takes the examples' weights."""
    parameters = signature(scorer).parameters.values()
    return any(each.name == "sample_weight" or each.kind is each.VAR_KEYWORD for each in parameters)
