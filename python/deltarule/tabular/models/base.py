"""What ``TabularClassifier`` and ``TabularRegressor`` share: what is given, and the fit."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from deltarule._arrays import Array, spread_out
from deltarule._checks import did_you_mean, expect_flag, expect_in_range
from deltarule._version import __version__
from deltarule.ensembles import Ensemble
from deltarule.errors import ModelFileError
from deltarule.estimators.contract import BaseEstimator
from deltarule.history import Right, as_html, as_table
from deltarule.tabular.encoder import TableEncoder
from deltarule.tabular.encoding.state import Reader, State, packed_texts
from deltarule.tabular.models import file
from deltarule.tabular.models.door import checked_table, expect_width
from deltarule.tabular.models.explaining.explanation import Explanation
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.models.record import expect_record
from deltarule.tabular.models.training.course import Course
from deltarule.tabular.models.training.given import Given, given_examples
from deltarule.tabular.models.training.pack import Examples, Mix
from deltarule.tabular.models.training.recipe import PRESETS, Preset
from deltarule.tabular.raw.tables import table_of
from deltarule.tabular.targets import ClassEncoder, TargetScaler

SPLITS = ("random", "time")
# What training may take of a time limit; the rest is for choosing, when networks are trained.
_SHARE_OF_TRAINING = 0.9
# Rows that explanations begin from.
_MOST_BACKGROUND = 256


class TabularModel(BaseEstimator):
    """What the two share."""

    # Where scikit-learn's HTML leads, whose tooltips are of the docstrings' parameters.
    _doc_link_module = "deltarule"
    _doc_link_template = "https://deltarule.example/docs"

    preset: str
    time_limit: float | None
    encoder: TableEncoder | None
    split: str
    random_state: Any
    verbose: bool

    fitted_: Fitted
    _course = Course()

    # Fitting -------------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        targets: ClassEncoder | TargetScaler,
        sample_weight: ArrayLike | None,
        groups: Any,
        validation_data: tuple[Any, ...] | None,
    ) -> None:
        """Encode, train a pack, and keep what came of it."""
        began = perf_counter()
        where = f"{type(self).__name__}.fit"
        preset = self._expect_parameters()
        seed = int(check_random_state(self.random_state).randint(2**31))
        X = checked_table(X, self)
        table = table_of(X, where, "X")
        if (m := table.rows(where, "X")) < 2:
            raise ValueError(f"{where}: X has {m} row (n_samples={m}): expected 2 or more")
        targets.fit(y)
        encoder = TableEncoder() if self.encoder is None else copy.deepcopy(self.encoder)
        encoder._learn(X, y, None, where, stacklevel=4)
        self._course.found(encoder)
        given = given_examples(
            encoder,
            targets,
            X,
            y,
            sample_weight=sample_weight,
            groups=groups,
            validation_data=validation_data,
            split=self.split,
            few_rows=self._course.few_rows,
            seed=seed,
            where=where,
        )
        given = given._replace(weights=self._weights(given, targets))
        left = None
        if self.time_limit is not None:
            left = max(1e-3, _SHARE_OF_TRAINING * self.time_limit - (perf_counter() - began))
        mix = self._course.train(
            encoder,
            self._examples(given, targets),
            given.parts,
            preset,
            seed=seed,
            time_limit=left,
            progress=self.verbose,
        )
        record = {
            "version": __version__,
            "rows": len(given.X),
            "held_out": len(mix.rows),
            "parts": len(given.parts),
            "seed": seed,
            "split": _held_out_by(self.split, groups, validation_data),
            "members": mix.members,
        }
        if mix.tried:
            record["tried"] = mix.tried
        self._keep(encoder, targets, mix, given, record)
        self._background = given.X[spread_out(len(given.X), _MOST_BACKGROUND)]
        record["seconds"] = round(perf_counter() - began, 3)
        self.n_features_in_ = len(table.raw)
        if table.named:
            self.feature_names_in_ = np.array(list(table.raw), object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _weights(self, given: Given, targets: Any) -> Array | None:
        """What rows count for."""
        return given.weights

    def _examples(self, given: Given, targets: Any) -> Examples:
        """What networks are held to."""
        raise NotImplementedError

    def _keep(
        self, encoder: TableEncoder, targets: Any, mix: Mix, given: Given, record: dict[str, Any]
    ) -> None:
        """Keep what came of a fit, and what is learned on the rows held out."""
        raise NotImplementedError

    def _expect_parameters(self) -> Preset:
        where = type(self).__name__
        for name, choices in (("preset", tuple(PRESETS)), ("split", SPLITS)):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in choices:
                raise ValueError(
                    f"{where}: {name} is {value!r}: expected one of {', '.join(choices)}"
                    + (did_you_mean(value, choices) if isinstance(value, str) else "")
                )
        if self.time_limit is not None:
            expect_in_range(self.time_limit, f"{where}: time_limit", above=0)
        if self.encoder is not None and not isinstance(self.encoder, TableEncoder):
            raise TypeError(
                f"{where}: encoder is a {type(self.encoder).__name__}: expected a "
                "deltarule.TableEncoder, or None"
            )
        expect_flag(self.verbose, f"{where}: verbose")
        return PRESETS[self.preset]

    # What is left of a fit -----------------------------------------------------------------------

    @property
    def encoder_(self) -> TableEncoder:
        """What makes numbers of the table's columns."""
        return self._fitted.encoder

    @property
    def ensemble_(self) -> Ensemble:
        """The networks, which take the encoder's numbers."""
        return self._fitted.ensemble

    @property
    def record_(self) -> dict[str, Any]:
        """How it was trained: rows, seconds, every member's draw and losses, and the scores."""
        return self._fitted.record

    @property
    def scores_(self) -> dict[str, float]:
        """What it came to on rows that its networks were not trained on."""
        scores: dict[str, float] = self._fitted.record["scores"]
        return scores

    @property
    def _fitted(self) -> Fitted:
        check_is_fitted(self, "fitted_")
        return self.fitted_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    # Predicting ----------------------------------------------------------------------------------

    def _outputs(self, X: Any, method: str) -> tuple[Array, Array]:
        """The encoder's rows of a table, and the mean of what the networks say of them."""
        fitted, X = self._fitted, checked_table(X, self)
        expect_width(X, self)
        rows, _ = fitted.encoder.encoded(X, f"{type(self).__name__}.{method}")
        return rows, np.asarray(fitted.ensemble.predict(rows))

    def explain(self, X: Any, y: Any = None, **options: Any) -> Explanation:
        """Tell which columns predictions go by, on the whole and one by one.

        Parameters
        ----------
        X : table
            Rows whose predictions are explained: best such as it was not trained on.
        y : array_like, optional
            Their targets. With them a column's importance is how much worse predictions become
            when it is shuffled, else how far they move.
        **options
            ``sample_weight``, what rows count for; ``score(y, predictions)`` in place of the loss,
            of codes and probabilities or of numbers; ``repeats`` and ``max_rows``, how often
            columns are shuffled and in how many rows at most; ``seed``; and ``background``, encoded
            rows whose mean attributions start from, by default some of ``fit``.

        Returns
        -------
        Explanation

        Raises
        ------
        ValueError, TypeError
            As in ``predict``.
        """
        from deltarule.tabular.models.explaining.explained import explained

        fitted, X = self._fitted, checked_table(X, self)
        expect_width(X, self)
        options.setdefault("background", self._background)
        return explained(fitted, X, y, where=f"{type(self).__name__}.explain", **options)

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
        """Write one HTML page on the model: what it comes to, what it goes by, what to distrust.

        The page asks for nothing from a network. It holds counts and scores of the tables, not
        their rows: of the worst mistakes the numbers of the rows and their targets.

        Parameters
        ----------
        path : path-like
            Such as ``"report.html"``. A file that is there is replaced.
        X : table
            Rows that the model was not fitted to.
        y : array_like of shape (n_samples,) or (n_samples, n_targets)
            Their targets; of several, twelve at most, each has sections of its own.
        sample_weight : array_like of shape (n_samples,), optional
            What rows count for: scores, shares, curves and importances go by it.
        train : (X, y) or (X, y, sample_weight), optional
            The rows of ``fit``. With them the page has baselines, drift, overfitting, and rows that
            are in both.
        baselines : bool or sequence of (str, array_like, float)
            Whether simple models and gradient-boosted trees are fitted to ``train`` to compare
            with, which takes time. Or what others say of X: each one's name, its probabilities or
            numbers, and how many seconds its training took.
        command : str
            The command that repeats the run, if it was one; the page has the call in Python anyway.

        Raises
        ------
        OSError
            Where it cannot be written.
        TypeError, ValueError
            As in ``predict``, and for classes that were not there in ``fit``.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from deltarule import TabularRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 2))
        >>> y = X[:, 0] * X[:, 1]
        >>> model = TabularRegressor(preset="fast", random_state=0).fit(X[:200], y[:200])
        >>> path = Path(tempfile.mkdtemp()) / "report.html"
        >>> model.report(path, X[200:], y[200:])
        >>> path.read_text(encoding="utf-8")[:15]
        '<!DOCTYPE html>'
        """
        from deltarule.report.write import write
        from deltarule.tabular.reporting.subject import subjects

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

    # In notebooks --------------------------------------------------------------------------------

    @property
    def _repr_html_(self) -> Any:
        """scikit-learn's HTML of the parameters, and what came of a fit below it."""
        parameters = super()._repr_html_
        return lambda: parameters() + self._told_as_html()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**options)
        if "text/html" in bundle:
            bundle["text/html"] += self._told_as_html()
        return bundle

    def _told_as_html(self) -> str:
        if not hasattr(self, "fitted_"):
            return ""
        record = self.record_
        title = (
            f"{len(self.ensemble_)} networks, of {record['rows']:,} rows in "
            f"{record['seconds']:.3g} s; scores on {record['held_out']:,} rows held out"
        )
        names = [name.replace("_", " ") for name in self.scores_]
        scores = as_html({"score": names, "value": list(self.scores_.values())}, title)
        return scores + self.encoder_._repr_html_()

    # Elsewhere -----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file, in one move; ``deltarule.load(path)`` reads it.

        Parameters
        ----------
        path : path-like
            Such as ``"model.safetensors"``. A file that is there is replaced.

        Raises
        ------
        OSError
            Where it cannot be written. The file that was there is then what it was.
        TypeError, ValueError
            For a model that is not fitted, a class of one's own, and a ``random_state`` that is a
            generator.
        """
        kind = type(self).__name__
        if type(self).__module__ != "deltarule":
            raise TypeError(
                f"save: the model is a {kind}: expected deltarule's TabularClassifier or "
                "TabularRegressor itself, as a class of one's own is code"
            )
        parameters = self.get_params(deep=False)
        if parameters["random_state"] is not None and not isinstance(
            parameters["random_state"], (int, np.integer)
        ):
            raise TypeError(
                f"save: random_state is {parameters['random_state']!r}: expected a number or None; "
                "set_params(random_state=None) lets go of it"
            )
        if self.encoder is not None:
            parameters["encoder"] = settings = self.encoder.get_params()
            settings["missing"] = sorted(settings["missing"])
        file.save(kind, self._fitted, parameters, path, **self._states())

    def _states(self) -> dict[str, State]:
        """What belongs to the model beside what is fitted."""
        return {
            "table": {
                "width": self.n_features_in_,
                "background": self._background,
                **packed_texts("names", list(getattr(self, "feature_names_in_", ()))),
            }
        }

    @classmethod
    def _of_file(cls, fitted: Fitted, parameters: dict[str, Any], states: dict[str, State]) -> Self:
        """A model of what a file held.

        Raises
        ------
        ModelFileError
            For parameters and states that no model has.
        """
        encoder = parameters.pop("encoder", None)
        try:
            if encoder is not None:
                parameters["encoder"] = TableEncoder(**encoder)
            made = cls(**parameters)
            made._expect_parameters()
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"parameters: {error}") from error
        expect_record(fitted.record)
        made.fitted_ = fitted
        readers = {name: Reader(state, name) for name, state in states.items()}
        made._adopt(readers)
        if readers:
            raise ModelFileError(f"states has {sorted(readers)}: expected nothing of the kind")
        return made

    def _adopt(self, states: dict[str, Reader]) -> None:
        """Take what belongs to the model beside what is fitted."""
        if "table" not in states:
            raise ModelFileError(f"states has {sorted(states)}: expected 'table' among them")
        read = states.pop("table")
        self.n_features_in_ = read.value("width", int)
        self._background = read.array("background", "float32", 2)
        names = read.texts("names")
        read.expect_no_more()
        encoder = self.fitted_.encoder
        if self._background.shape[1] != encoder.output_size or not len(self._background):
            raise ModelFileError(
                f"table.background has shape {self._background.shape}: expected rows of "
                f"{encoder.output_size} numbers"
            )
        if names:
            self.feature_names_in_ = np.array(names, object)
        width = self.n_features_in_
        if width < len(encoder.columns) or len(names) not in (0, width):
            raise ModelFileError(
                f"table has {len(names)} names for {width} columns: expected as many, or none"
            )

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the model to an ONNX file: one graph from raw columns to answers.

        Parameters
        ----------
        path : path-like
            An old file is replaced in one move.

        Raises
        ------
        ImportError, ValueError
            As in ``Network.to_onnx``.
        """
        from deltarule.tabular.models.graph import to_onnx

        to_onnx(self._fitted, path)

    def to_c(self, path: str | os.PathLike[str], name: str = "model") -> None:
        """Write the model as one C header, for numbers and coded categories.

        Parameters
        ----------
        path : path-like
            The file, which appears whole or not at all.
        name : str
            What every name in the header begins with: there is
            ``name_probabilities(const double *columns, double *P)`` of a classifier, and
            ``name_prediction(const double *columns, double *Y)`` of a regressor.

        Raises
        ------
        TypeError, ValueError
            As in ``Network.to_c``, and for a column of dates.
        """
        from deltarule.tabular.models.c_answers import to_c

        to_c(self._fitted, path, name)

    def summary(self) -> str:
        """Describe the model: its columns, its members, and what it came to.

        Returns
        -------
        str
            Tables as plain text.
        """
        fitted = self._fitted
        members = fitted.record["members"]
        chosen = [each for each in members if each["weight"]]
        told = as_table(
            {
                "member": [place for place, each in enumerate(members) if each["weight"]],
                "layers": [each["layers"] for each in chosen],
                "dropout": [each["dropout"] for each in chosen],
                "waves": [each["waves"] for each in chosen],
                "sigma": [each["sigma"] for each in chosen],
                "rate": [each["learning_rate"] for each in chosen],
                "epochs": [max(map(len, each["losses"])) for each in chosen],
                "weight": [Right(f"{each['weight']:.3f}") for each in chosen],
            }
        )
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.scores_.items())
        return "\n\n".join(
            [
                f"{type(self).__name__}: {len(fitted.ensemble)} networks, {scores} on "
                f"{fitted.record['held_out']:,} rows held out",
                fitted.encoder.describe(),
                told,
            ]
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = self.time_limit is not None
        return tags


def _held_out_by(split: str, groups: Any, validation_data: Any) -> str:
    """How rows were held out, in a word."""
    if validation_data is not None:
        return "given"
    return "groups" if groups is not None and split == "random" else split
