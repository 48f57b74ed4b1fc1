"""``MLPClassifier``: what y means to it, and what its outputs do."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted

from deltarule._arrays import Array
from deltarule._data.weights import expect_weights
from deltarule.estimators import door
from deltarule.estimators.base import MLP
from deltarule.estimators.contract import ClassifierMixin, available_if, with_callbacks
from deltarule.estimators.losses import OF_CLASSES
from deltarule.estimators.parameters import CONSTRAINTS
from deltarule.losses import Loss


def _has_partial_fit(estimator: Any) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


class MLPClassifier(ClassifierMixin, MLP):
    """A dense network that tells classes apart, in place of scikit-learn's ``MLPClassifier``.

    Parameters
    ----------
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
    loss : str, Loss or callable
        "log_loss" or "focal"; ``deltarule.Focal(gamma=1.0)``, a cross-entropy with
        ``label_smoothing``, or a function of (A, Y) as in ``deltarule.CustomLoss``.
    class_weight : dict, "balanced" or None
        What the examples of a class weigh, in training and in validation; "balanced" is in inverse
        proportion to their number in the training set.
    dropout : float or list of float
        The share of each hidden layer's activations that are dropped in training.
    l1 : float
        As alpha, for ``l1 sum |W| / n``.
    clip_value : float or None
        Hold each number of the gradients to -clip_value ... clip_value.
    clip_norm : float or None
        Shorten the gradients, as one vector, to this norm where they are longer.
    scoring : None, "loss", str or callable
        What the validation examples are judged by: accuracy, their loss (its negative is the
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
    classes_ : ndarray of shape (n_classes,)
        In the order of the outputs.
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

    References
    ----------
    Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks" (the initial weights).
    Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization".

    Examples
    --------
    >>> from deltarule import MLPClassifier
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["a", "b", "b", "a"]
    >>> MLPClassifier((8,), solver="lbfgs", random_state=0).fit(X, y).predict(X).tolist()
    ['a', 'b', 'b', 'a']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions(OF_CLASSES), Loss, callable],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    class_weight: Any

    def __init__(
        self,
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
        loss: Any = "log_loss",
        class_weight: Any = None,
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
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 and float64 are kept. A memory map is read batch by batch, in the order that an
            array would be. More than 2^28 numbers are shuffled in windows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or 0 and 1 for each of several labels.
        sample_weight : array-like of shape (n_samples,), optional
        X_val, y_val, sample_weight_val : optional
            Judge each epoch by these, with ``scoring``.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For data or parameters that do not fit, and where the weights stop being finite.
        """
        return self._fit(X, y, sample_weight, False, (X_val, y_val, sample_weight_val))

    @available_if(_has_partial_fit)
    @with_callbacks
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch, from the weights and the optimizer's state that are there.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.
        classes : array-like of shape (n_classes,)
            All classes that there will be; needed at the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As ``fit``; and for classes that were not named at the first call.
        """
        if _check_partial_fit_first_call(self, classes):
            labels = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(labels)
        return self._fit(X, y, sample_weight, True)

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = door.checked(self, X, "fit", y=y, reset=reset)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            y = y if hasattr(y, "toarray") else door.dense(y)
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
            return X, self._labels(y)
        y = self._labels(y)
        if incremental:  # a batch may lack some classes
            self._expect_known(y, "y")
        elif set(classes := unique_labels(y)) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        return X, y

    def _labels(self, y: Any) -> Array:
        """Class labels; of several labels an example, 1 where y is not zero."""
        y = door.dense(y)
        of_several = self._label_binarizer.y_type_ == "multilabel-indicator"
        if of_several != (y.ndim == 2):
            raise ValueError(
                f"fit: y has shape {y.shape}: expected "
                + (
                    f"({len(y)}, {len(self.classes_)}), a column for each of the labels"
                    if of_several
                    else f"({len(y)},), a class an example"
                )
                + ", as at the first fit"
            )
        return (y != 0).astype(np.int64) if of_several else y  # type: ignore[no-any-return]

    def _expect_known(self, y: Array, what: str) -> None:
        """Hold labels to the classes that there are."""
        if y.dtype.kind in "biu" and y.ndim == 1 and self.classes_.dtype.kind in "biu":
            # As unique_labels, whose checks would take longer than a small epoch's steps.
            nearest = self.classes_.take(np.searchsorted(self.classes_, y), mode="clip")
            if np.array_equal(nearest, y):
                return
        classes = unique_labels(y)
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`{what}` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes_}. '{what}' has {classes}."
            )

    def _validate_held_out(self, X: Any, y: Any) -> tuple[Any, Any]:
        X, y = door.checked(self, X, "fit", y=y, reset=False)
        y = self._labels(y)
        self._expect_known(y, "y_val")
        return X, y

    def _targets(self, y: Array) -> tuple[Array | None, Array | None, int, str]:
        """Y, or labels in its place; how many outputs there are, and what kind y is."""
        kind = self._label_binarizer.y_type_
        if kind == "multiclass":
            return None, np.searchsorted(self.classes_, y), len(self.classes_), kind
        if y.ndim == 1 and len(self.classes_) == 2:
            return (y == self.classes_[1])[:, np.newaxis].view(np.uint8), None, 1, kind
        Y = self._label_binarizer.transform(y)
        Y = np.ascontiguousarray(Y.toarray() if hasattr(Y, "toarray") else Y, np.uint8)
        return Y, None, Y.shape[1], kind

    def _weights_of(self, y: Array, sample_weight: Any, incremental: bool) -> Array | None:
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                f"partial_fit: class_weight is {self.class_weight!r}: expected a dictionary, as "
                "the classes' shares are not known before the last of the data"
            )
        return self._weighted(y, None, sample_weight)

    def _weights_of_held_out(self, y: Array, y_val: Array, sample_weight: Any) -> Array | None:
        return self._weighted(y, y_val, sample_weight)

    def _weighted(self, y: Array, y_val: Array | None, sample_weight: Any) -> Array | None:
        """The examples' weights times those of their classes, whose shares are those in y."""
        if self.class_weight is None:
            return sample_weight  # type: ignore[no-any-return]
        if y_val is None:
            weights = compute_sample_weight(self.class_weight, y)
        else:
            balanced = isinstance(self.class_weight, str)
            both = np.concatenate([y, y_val])
            indices = np.arange(len(y)) if balanced else None
            weights = compute_sample_weight(self.class_weight, both, indices=indices)[len(y) :]
        weights = weights if sample_weight is None else weights * sample_weight
        expect_weights(weights, "fit", "class_weight by example")
        return weights  # type: ignore[no-any-return]

    def _prediction(self, A: Array) -> Array:
        kind, classes = self._label_binarizer.y_type_, self._label_binarizer.classes_
        predicted: Array
        if kind == "multiclass":
            predicted = classes.take(A.argmax(axis=1))
        elif kind == "binary" and len(classes) == 2:
            predicted = classes.take(A[:, 0] > 0.5)
        else:
            predicted = self._label_binarizer.inverse_transform(
                A.ravel() if self.n_outputs_ == 1 else A
            )
        return predicted

    def predict_proba(self, X: ArrayLike) -> Array:
        """Compute the probability of each class, or of each label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.

        Raises
        ------
        ValueError, TypeError
            For data that does not fit.
        """
        A = self._outputs(X)
        P: Array = np.hstack([1 - A, A]) if self.n_outputs_ == 1 else A
        return P

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Compute the logarithm of ``predict_proba``.

        Raises
        ------
        ValueError, TypeError
            For data that does not fit.
        """
        P = self.predict_proba(X)
        logs: Array = np.log(P, out=P)
        return logs

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write what predicts to an ONNX file: ``label`` and ``probabilities``.

        Parameters
        ----------
        path : path_like

        Raises
        ------
        ImportError
            Without the package ``onnx``.
        TypeError, ValueError
            For classes that ONNX does not have, and for weights that are not finite.
        """
        from deltarule._interchange.onnx.writer import classifier_to_onnx

        check_is_fitted(self)
        binarizer = self._label_binarizer
        of_labels = binarizer.y_type_ == "multilabel-indicator"
        classifier_to_onnx(self.network_, path, binarizer.classes_, of_labels=of_labels)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
