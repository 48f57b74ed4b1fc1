"""``TabularClassifier``: raw rows in, labels and their probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.class_weight import compute_class_weight

from deltarule._arrays import Array
from deltarule._data.door import as_weights
from deltarule.estimators.contract import ClassifierMixin
from deltarule.losses import BinaryCrossEntropy, CategoricalCrossEntropy
from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.encoding.state import Reader
from deltarule.tabular.models.base import TabularModel
from deltarule.tabular.models.door import as_classes
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.models.temperature import class_probabilities, fitted_temperature, tempered
from deltarule.tabular.models.training.given import Given
from deltarule.tabular.models.training.pack import Examples, Mix
from deltarule.tabular.targets import ClassEncoder


class TabularClassifier(ClassifierMixin, TabularModel):
    """Classes of the rows of a table, as it comes: an ensemble of networks of many kinds.

    It finds what each column is, trains networks whose sizes, rates and ways to see numbers are
    drawn, each until it becomes no better on rows held out, and puts together those that do best
    together there. Nothing needs to be set.

    Parameters
    ----------
    preset : {"default", "fast", "best"}
        How much is trained: "fast" takes about a tenth of the time, "best" ten times as much.
    time_limit : float, optional
        Seconds for ``fit``. What is trained then depends on the machine, and is not to the bit the
        same.
    encoder : TableEncoder, optional
        How columns become numbers, not fitted, where ``TableEncoder()`` is not right: other kinds
        of columns, scalings or spellings of missing values.
    split : {"random", "time"}
        Which rows are held out: drawn, or the last ones. "time" is for rows in the order of time
        whose future is to be predicted.
    class_weight : dict or "balanced", optional
        What a class counts for in training, in choosing and in calibrating: ``{class: weight}``,
        others 1; or such that all classes count for as much. Probabilities are then of such rows.
    random_state : int, RandomState or None
        Of all that is drawn. The same number gives the same bits, on any number of threads.
    verbose : bool
        Show one line of progress.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
        The table's columns.
    feature_names_in_ : ndarray of str
        Their names, where the table has some.
    encoder_ : TableEncoder
        What was found of each column: ``encoder_.describe()``.
    ensemble_ : Ensemble
    temperature_ : float
        What the logarithms of the networks' probabilities are divided by, as the rows held out want
        it; 1 is as they are.
    scores_ : dict of str to float
        ``log_loss`` and ``accuracy`` on the rows held out.
    record_ : dict
        How it was trained: ``rows``, ``held_out``, ``seconds``, ``seed`` and ``members``, each with
        what was drawn for it, its losses by epoch, and its weight.

    Raises
    ------
    TypeError, ValueError
        In ``fit``, for parameters and data that cannot be.

    Notes
    -----
    Below 4,000 rows every row is held out once, by networks that are trained without it, and all
    of these are in the ensemble. Above, a fifth is held out, or ``validation_data``.

    References
    ----------
    Gorishniy et al., "TabPack: Efficient Hyperparameter Ensembles for Tabular Deep Learning", 2026.
    Caruana et al., "Ensemble Selection from Libraries of Models", 2004. Guo et al., "On Calibration
    of Modern Neural Networks", 2017 (the temperature).

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import TabularClassifier
    >>> rng = np.random.default_rng(0)
    >>> table = {"age": rng.integers(18, 80, 300), "city": rng.choice(["Rome", "Oslo", None], 300)}
    >>> buys = np.where((table["age"] > 40) & (table["city"] == "Rome"), "yes", "no")
    >>> model = TabularClassifier(preset="fast", random_state=0).fit(table, buys)
    >>> model.predict({"age": [65, 20], "city": ["Rome", "Oslo"]})
    array(['yes', 'no'], dtype=object)
    """

    def __init__(
        self,
        *,
        preset: str = "default",
        time_limit: float | None = None,
        encoder: TableEncoder | None = None,
        split: str = "random",
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.preset = preset
        self.time_limit = time_limit
        self.encoder = encoder
        self.split = split
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        groups: Any = None,
        validation_data: tuple[Any, ...] | None = None,
    ) -> Self:
        """Learn from a table.

        Parameters
        ----------
        X : table
            A frame of pandas or polars, an Arrow table, a dictionary of columns, records, or an
            array; text, dates and missing values as they are.
        y : array_like of shape (n_samples,)
            Classes: text, whole numbers, or True and False.
        sample_weight : array_like of shape (n_samples,), optional
            What rows count for, not negative.
        groups : array_like of shape (n_samples,), optional
            Rows that belong together, such as those of one customer: they are held out together, or
            not at all.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Rows to stop, to choose and to calibrate by, in place of some of X.

        Returns
        -------
        TabularClassifier
            Itself.

        Raises
        ------
        TypeError, ValueError
            For what is no table or no classes, and what does not go together.

        Warns
        -----
        TableWarning
            Of columns that give the classes away, and of copies of other columns.
        """
        y = as_classes(y, self)
        self._fit(X, y, ClassEncoder(), sample_weight, groups, validation_data)
        return self

    def _examples(self, given: Given, targets: ClassEncoder) -> Examples:
        count = len(targets.classes)
        shares = np.bincount(given.y, given.weights, count)
        shares = np.maximum(shares, 1e-6 * shares.sum()) / shares.sum()
        if count == 2:
            return Examples(
                given.X,
                given.y.astype(np.float32),
                given.weights,
                BinaryCrossEntropy(),
                1,
                "sigmoid",
                np.log(shares[1:] / shares[:1]),
            )
        return Examples(
            given.X,
            given.y,
            given.weights,
            CategoricalCrossEntropy(),
            count,
            "softmax",
            np.log(shares),
        )

    def _weights(self, given: Given, targets: ClassEncoder) -> Array | None:
        """What rows count for, their classes' weights included."""
        if self.class_weight is None:
            return given.weights
        codes = np.arange(len(targets.classes))
        wanted: Any = self.class_weight
        if isinstance(wanted, Mapping):
            known = targets.classes.tolist()
            for name in wanted:
                if name not in known:
                    raise ValueError(
                        f"TabularClassifier: class_weight names {name!r}: expected classes of y, "
                        f"{known}"
                    )
            of_classes = np.array([float(wanted.get(name, 1.0)) for name in known])
        elif isinstance(wanted, str) and wanted == "balanced":
            of_classes = compute_class_weight("balanced", classes=codes, y=given.y)
        else:
            raise ValueError(
                f"TabularClassifier: class_weight is {wanted!r}: expected 'balanced' or "
                "{class: weight}"
            )
        weights = of_classes[given.y]
        if given.weights is not None:
            weights = weights * given.weights
        return as_weights(weights, len(weights), "TabularClassifier: class_weight")

    def _keep(
        self,
        encoder: TableEncoder,
        targets: ClassEncoder,
        mix: Mix,
        given: Given,
        record: dict[str, Any],
    ) -> None:
        of_rows = None if given.weights is None else given.weights[mix.rows]
        codes, probabilities = given.y[mix.rows], class_probabilities(mix.outputs)
        temperature = fitted_temperature(probabilities, codes, of_rows)
        P = tempered(probabilities, temperature)
        own = np.maximum(P[np.arange(len(codes)), codes], np.finfo(np.float32).tiny)
        record["scores"] = {
            "log_loss": float(np.average(-np.log(own), weights=of_rows)),
            "accuracy": float(np.average(P.argmax(axis=1) == codes, weights=of_rows)),
        }
        self.classes_ = targets.classes
        self.fitted_ = Fitted(
            encoder=encoder,
            ensemble=mix.ensemble,
            targets=targets,
            temperature=temperature,
            record=record,
        )

    def _adopt(self, states: dict[str, Reader]) -> None:
        super()._adopt(states)
        targets = self.fitted_.targets
        assert isinstance(targets, ClassEncoder)
        self.classes_ = targets.classes

    @property
    def temperature_(self) -> float:
        """What the logarithms of the networks' probabilities are divided by."""
        return self._fitted.temperature

    def predict_proba(self, X: Any) -> Array:
        """Compute the probability of each class.

        Parameters
        ----------
        X : table
            With the columns of ``fit``, in any order if they have names.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
            In the order of ``classes_``. They mean what they say as far as the rows held out tell.

        Raises
        ------
        TypeError, ValueError
            Where a column is missing, or a value is not of the kind that was found in ``fit``.
        """
        _, A = self._outputs(X, "predict_proba")
        return self._fitted.answers(A)

    def predict(self, X: Any) -> Array:
        """Compute the likeliest class of each row.

        Parameters
        ----------
        X : table
            As in ``predict_proba``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            As in ``predict_proba``.
        """
        targets = self._fitted.targets
        assert isinstance(targets, ClassEncoder)
        return targets.inverse(self.predict_proba(X).argmax(axis=1))


# Where users find it, and where pickles look for it.
TabularClassifier.__module__ = "deltarule"
