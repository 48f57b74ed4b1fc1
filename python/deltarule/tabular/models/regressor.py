"""``TabularRegressor``: raw rows in, numbers and intervals out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule.errors import ModelFileError
from deltarule.estimators.contract import RegressorMixin
from deltarule.losses import MeanSquaredError
from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.encoding.state import Reader, State
from deltarule.tabular.models.base import TabularModel
from deltarule.tabular.models.door import as_targets
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.models.intervals import Intervals
from deltarule.tabular.models.training.given import Given
from deltarule.tabular.models.training.pack import Examples, Mix
from deltarule.tabular.targets import TargetScaler


class TabularRegressor(RegressorMixin, TabularModel):
    """Numbers for the rows of a table, as it comes: an ensemble of networks of many kinds.

    It finds what each column is, trains networks whose sizes, rates and ways to see numbers are
    drawn, each until it becomes no better on rows held out, and puts together those that do best
    together there. Nothing needs to be set.

    Parameters
    ----------
    preset, time_limit, encoder, split, random_state, verbose
        As for ``TabularClassifier``.
    clamp : bool
        Whether predictions go no further than the targets of ``fit`` went.

    Attributes
    ----------
    n_features_in_, feature_names_in_, encoder_, ensemble_, record_
        As for ``TabularClassifier``.
    scores_ : dict of str to float
        ``rmse``, ``mae`` and ``r2`` on the rows held out; of several targets, the mean over them.
    intervals_ : Intervals
        What was learned of errors there.

    Raises
    ------
    TypeError, ValueError
        In ``fit``, for parameters and data that cannot be.

    Notes
    -----
    As for ``TabularClassifier``. Networks minimise the squared error of targets scaled to mean 0
    and deviation 1 each, so that several targets count alike.

    References
    ----------
    As for ``TabularClassifier``; and as `Intervals` says.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import TabularRegressor
    >>> rng = np.random.default_rng(0)
    >>> table = {"area": rng.uniform(20, 200, 300), "city": rng.choice(["Rome", "Oslo"], 300)}
    >>> price = table["area"] * np.where(table["city"] == "Rome", 4.0, 6.0)
    >>> model = TabularRegressor(preset="fast", random_state=0).fit(table, price)
    >>> bool(300 < model.predict({"area": [100], "city": ["Rome"]})[0] < 500)
    True
    """

    def __init__(
        self,
        *,
        preset: str = "default",
        time_limit: float | None = None,
        encoder: TableEncoder | None = None,
        split: str = "random",
        clamp: bool = True,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.preset = preset
        self.time_limit = time_limit
        self.encoder = encoder
        self.split = split
        self.clamp = clamp
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
            As for ``TabularClassifier``.
        y : array_like of shape (n_samples,) or (n_samples, n_targets)
            Finite numbers.
        sample_weight, groups, validation_data
            As for ``TabularClassifier``.

        Returns
        -------
        TabularRegressor
            Itself.

        Raises
        ------
        TypeError, ValueError
            For what is no table or no numbers, and what does not go together.

        Warns
        -----
        TableWarning
            Of columns that give the target away, and of copies of other columns.
        """
        y = as_targets(y, self)
        targets = TargetScaler(clamp=self.clamp)
        self._fit(X, y, targets, sample_weight, groups, validation_data)
        return self

    def _examples(self, given: Given, targets: TargetScaler) -> Examples:
        count = len(targets.mean)
        start = np.zeros(count)
        y = given.y.astype(np.float32)
        return Examples(given.X, y, given.weights, MeanSquaredError(), count, "identity", start)

    def _keep(
        self,
        encoder: TableEncoder,
        targets: TargetScaler,
        mix: Mix,
        given: Given,
        record: dict[str, Any],
    ) -> None:
        weights = None if given.weights is None else given.weights[mix.rows]
        scaled = given.y[mix.rows].reshape(len(mix.rows), -1)
        A = targets.inverse(mix.outputs)
        # In the networks' scale, as the square of a large number is not finite.
        errors = (A - targets.mean) / targets.deviation - scaled
        mean = np.average(scaled, axis=0, weights=weights)
        mse = np.average(errors**2, axis=0, weights=weights)
        mae = np.average(np.abs(errors), axis=0, weights=weights)
        variance = np.average((scaled - mean) ** 2, axis=0, weights=weights)
        record["scores"] = {
            "rmse": float((np.sqrt(mse) * targets.deviation).mean()),
            "mae": float((mae * targets.deviation).mean()),
            "r2": float((1 - mse / np.where(variance > 0, variance, 1.0)).mean()),
        }
        y = scaled * targets.deviation + targets.mean
        self.intervals_ = Intervals.fit(y, A, mix.spread * targets.deviation, weights)
        self._flat = given.y.ndim == 1
        self.fitted_ = Fitted(
            encoder=encoder, ensemble=mix.ensemble, targets=targets, record=record
        )

    def predict(self, X: Any) -> Array:
        """Predict the targets.

        Parameters
        ----------
        X : table
            With the columns of ``fit``, in any order if they have names.

        Returns
        -------
        ndarray of float64, shape (n_samples,) or (n_samples, n_targets)
            As y was.

        Raises
        ------
        TypeError, ValueError
            Where a column is missing, or a value is not of the kind that was found in ``fit``.
        """
        _, A = self._outputs(X, "predict")
        return self._shaped(self._fitted.answers(A))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> tuple[Array, Array]:
        """Compute between which numbers the targets lie, with a probability.

        Parameters
        ----------
        X : table
            As in ``predict``.
        coverage : float
            The probability, above 0 and below 1: so many of rows that are like those of ``fit``
            have their target in the interval, whatever the errors are like; half of the others lie
            on each side.

        Returns
        -------
        lower, upper : ndarray of float64
            Of the shape that ``predict`` returns. Wide where errors were large on rows held out.

        Raises
        ------
        TypeError, ValueError
            As in ``predict``, and for a coverage that takes more rows than were held out.
        """
        rows, A = self._outputs(X, "predict_interval")
        targets = self._targets
        spread = self._fitted.ensemble.std(rows) * targets.deviation
        lower, upper = self.intervals_.around(targets.inverse(A), spread, coverage)
        return self._shaped(lower), self._shaped(upper)

    @property
    def _targets(self) -> TargetScaler:
        targets = self._fitted.targets
        assert isinstance(targets, TargetScaler)
        return targets

    def _shaped(self, Y: Array) -> Array:
        return Y[:, 0] if self._flat else Y

    def _states(self) -> dict[str, State]:
        of_targets = {"flat": self._flat}
        return super()._states() | {
            "intervals": self.intervals_.to_state(),
            "of_targets": of_targets,
        }

    @classmethod
    def _of_file(cls, fitted: Fitted, parameters: dict[str, Any], states: dict[str, State]) -> Self:
        if "intervals" not in states or "of_targets" not in states:
            raise ModelFileError(f"states has {sorted(states)}: expected intervals and of_targets")
        intervals = Intervals.from_state(states.pop("intervals"))
        made = super()._of_file(fitted, parameters, states)
        if len(intervals.scales) != len(made._targets.mean):
            raise ModelFileError(
                f"intervals are of {len(intervals.scales)} targets: expected "
                f"{len(made._targets.mean)}"
            )
        made.intervals_ = intervals
        return made

    def _adopt(self, states: dict[str, Reader]) -> None:
        super()._adopt(states)
        read = states.pop("of_targets")
        self._flat = read.value("flat", bool)
        read.expect_no_more()
        if self._flat and len(self._targets.mean) != 1:
            raise ModelFileError("of_targets.flat is true: expected one target")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


# Where users find it, and where pickles look for it.
TabularRegressor.__module__ = "deltarule"
