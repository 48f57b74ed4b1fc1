"""`Ensemble`: several networks that predict together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike

from deltarule import _core
from deltarule._arrays import Array
from deltarule._checks import as_array, expect_count, refuse
from deltarule._data.containers import Opened, opened
from deltarule._data.door import expect_codes, one_or_more
from deltarule._data.rows import Rows
from deltarule._network.prediction import infer_windows, predict_anything, rows_at_the_door
from deltarule._reporting.report import report
from deltarule._training.arguments import says_which_arguments
from deltarule._training.evaluate import metrics_of
from deltarule.ensembles.members import as_weights, expect_networks, names_of_inputs
from deltarule.ensembles.scoring import OutputJudge
from deltarule.ensembles.selection import Criterion, chosen_greedily, score_of
from deltarule.ensembles.spread import quantiles, standard_deviation
from deltarule.history import Right, as_html, as_table
from deltarule.losses import AnyLoss, Loss
from deltarule.metrics import Metrics
from deltarule.network import Network

_CORES: dict[str, type[_core.Ensemble]] = {
    "float32": _core.Ensemble32,
    "float64": _core.Ensemble64,
}
# Outputs of all members that a spread is made of at a time.
_OUTPUTS_AT_ONCE = 1 << 20


class Ensemble:
    """Several networks that predict together: the weighted mean of their outputs.

    ``A = sum_k w_k A_k``. All members predict in one call, rows in the cache once.

    Parameters
    ----------
    networks : sequence of Network
        Of any layers, with as many inputs, as many outputs, the same output activation and the same
        dtype. Those that know the names of their inputs know the same ones. They are held, not
        copied: what becomes of them becomes of the ensemble.
    weights : array_like of shape (n_members,), optional
        0 or more each; only their ratios count. By default all members weigh the same. One that
        weighs 0 has no part in what the ensemble predicts.

    Attributes
    ----------
    networks : tuple of Network
        Also by index, ``ensemble[0]``, and in a loop.
    weights : ndarray of shape (n_members,)
        As fractions of 1; read-only.
    input_size, output_size : int
    dtype : dtype
    feature_names : list of str or None
        What the members call their inputs.

    Raises
    ------
    ValueError, TypeError
        For networks that do not go together, and for weights that are none.

    Examples
    --------
    >>> nets = [Network([Dense(8, "relu"), Dense(1)], input_size=3, seed=k) for k in range(5)]
    >>> ensemble = Ensemble(nets)
    >>> ensemble.predict([[0.1, 0.2, 0.3]]).shape
    (1, 1)
    >>> ensemble.predict_all([[0.1, 0.2, 0.3]]).shape
    (5, 1, 1)
    """

    networks: tuple[Network, ...]
    weights: Array

    def __init__(self, networks: Iterable[Network], weights: ArrayLike | None = None) -> None:
        members = expect_networks(networks, "Ensemble")
        self._build(members, as_weights(weights, len(members), "Ensemble"))

    @classmethod
    @says_which_arguments
    def select(
        cls,
        networks: Iterable[Network],
        X_val: ArrayLike,
        y_val: ArrayLike,
        *,
        metric: Criterion = None,
        mode: str | None = None,
        size: int = 50,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Choose networks and weights, greedily and with replacement (Caruana et al. 2004).

        Each round adds the network with which the mean of the outputs is best on the validation
        data; a network that is added again weighs more. Of the mixes after each round the best is
        taken, the smallest of several.

        Parameters
        ----------
        networks : sequence of Network
            To choose from.
        X_val : array_like of shape (n_samples, n_features)
            Rows that no network was trained on. Those that have seen the rows would be chosen for
            what they remember.
        y_val : array_like of shape (n_samples,) or (n_samples, n_outputs)
        metric : str, function or Loss, optional
            A metric as ``evaluate`` takes them, or a loss; by default the loss that goes with the
            output.
        mode : {"min", "max"}, optional
            Whether small or large values of the metric are good; by default what its name says, if
            it does: small losses and errors, large accuracies.
        size : int
            The most rounds, each of which adds one network to the mix.
        sample_weight : array_like of shape (n_samples,), optional

        Returns
        -------
        Ensemble
            Of the networks that were chosen, in the order that they came in.

        Raises
        ------
        ValueError, TypeError
            For networks that do not go together, for data that does not fit, and for a metric whose
            name says nothing about the mode, or that is a number for none of the networks.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
        >>> nets = [Network([Dense(8, "relu"), Dense(1)], input_size=3, seed=k) for k in range(5)]
        >>> ensemble = Ensemble.select(nets, X, y, metric="mean_absolute_error")
        >>> len(ensemble) <= 5
        True
        """
        where = "Ensemble.select"
        size = expect_count(size, f"{where}: size", least=1)
        everyone = cls.__new__(cls)
        members = expect_networks(networks, where)
        everyone._build(members, as_weights(None, len(members), where))
        loss = metric if isinstance(metric, Loss) else None
        loss, rows, target = everyone._at_the_door(X_val, y_val, loss, sample_weight, where)
        output = members[0]._output
        score = score_of(metric, mode, loss, output, target, everyone.dtype, where)
        counts = chosen_greedily(everyone._outputs(rows), score, size, where)
        chosen = np.flatnonzero(counts)
        return cls([members[k] for k in chosen], counts[chosen])

    def _build(self, networks: tuple[Network, ...], weights: Array) -> None:
        """The core's ensemble, over the networks' own numbers."""
        self.networks, self.weights = networks, weights
        weights.flags.writeable = False
        first = networks[0]
        self.input_size, self.dtype = first.input_size, first.dtype
        self._core = _CORES[first.dtype.name](
            [network._core for network in networks],
            [network._parameters for network in networks],
            weights.tolist(),
        )
        # The fewest categories that any member knows of a column.
        self._embedded: dict[int, int] = {}
        for network in networks:
            for column, categories in network._embedded.items():
                known = self._embedded.get(column, categories)
                self._embedded[column] = min(known, categories)

    @property
    def output_size(self) -> int:
        """The outputs of every member, and of the ensemble."""
        return self.networks[0].output_size

    @property
    def feature_names(self) -> list[str] | None:
        """The names of the inputs, which data with named columns are held to, or None."""
        names = names_of_inputs(self.networks, "Ensemble")
        return None if names is None else list(names)

    def __len__(self) -> int:
        return len(self.networks)

    def __iter__(self) -> Iterator[Network]:
        return iter(self.networks)

    @overload
    def __getitem__(self, index: int) -> Network: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Network, ...]: ...
    def __getitem__(self, index: int | slice) -> Network | tuple[Network, ...]:
        return self.networks[index]

    # The door -----------------------------------------------------------------------------------

    def _expect_adapted(self, where: str) -> None:
        for network in self.networks:
            network._expect_adapted(where)

    def _rows(self, X: ArrayLike | Opened, where: str) -> Rows:
        """Rows of X that have passed the door of every member."""
        rows = self.networks[0]._rows(self._opened(X, where), where)
        expect_codes(rows, self._embedded, where)
        return rows

    def _at_the_door(
        self,
        X: ArrayLike,
        y: ArrayLike,
        loss: AnyLoss,
        sample_weight: ArrayLike | None,
        where: str,
    ) -> tuple[Loss, Rows, _core.Target]:
        """A loss, and rows and targets that suit it and the members."""
        self._expect_adapted(where)
        given = self._opened(X, where)
        loss, rows, target = self.networks[0]._at_the_door(given, y, loss, sample_weight, where)
        expect_codes(rows, self._embedded, where)
        return loss, rows, target

    def _one_or_more(self, X: ArrayLike, where: str) -> tuple[Opened, bool]:
        """X as a table, and whether it was one example."""
        return one_or_more(X, where, self.feature_names)

    def _opened(self, X: ArrayLike | Opened, where: str) -> Opened:
        """X with its columns in the order of their names, whichever member knows these."""
        return opened(X, where, "X", names_of_inputs(self.networks, "Ensemble"))

    # Predicting ---------------------------------------------------------------------------------

    def predict(self, X: ArrayLike, out: Array | None = None) -> Array:
        """Compute the weighted mean of the members' outputs for each example.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Or one example of shape (n_features,).
        out : ndarray of shape (n_samples, n_outputs), optional
            C-contiguous and of the members' dtype: where to write the result.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Or (n_outputs,) for one example.

        Raises
        ------
        ValueError, TypeError
            For data that does not fit, or an ``out`` that cannot be written to, and where a
            member's ``Standardize`` has not seen data.
        """
        A = self._core.predict(X, out)
        return A if A is not None else predict_anything(self, X, out, self._core.infer)

    def predict_all(self, X: ArrayLike) -> Array:
        """Compute every member's own outputs for each example.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Or one example of shape (n_features,).

        Returns
        -------
        ndarray of shape (n_members, n_samples, n_outputs)
            To the bits of ``network.predict(X)``; (n_members, n_outputs) for one example.

        Raises
        ------
        ValueError, TypeError
            As in ``predict``.
        """
        rows, one = rows_at_the_door(self, X, "predict_all")
        outputs = self._outputs(rows)
        return outputs[:, 0] if one else outputs

    def std(self, X: ArrayLike) -> Array:
        """Compute how far the members' outputs are apart: their standard deviation.

        ``sqrt(sum_k w_k (A_k - A)^2)`` with ``A`` the ensemble's own output. It tells where the
        members disagree, as they do far from what they were trained on; it knows nothing of the
        noise in the targets.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Or one example of shape (n_features,).

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Or (n_outputs,) for one example; 0 where all members say the same.

        Raises
        ------
        ValueError, TypeError
            As in ``predict``.
        """
        rows, one = rows_at_the_door(self, X, "std")
        result = np.empty((len(rows), self.output_size), self.dtype)
        for part, outputs, weights in self._spread(rows):
            result[part] = standard_deviation(outputs, weights)
        return result[0] if one else result

    def quantile(self, X: ArrayLike, q: float | Sequence[float] | Array) -> Array:
        """Compute quantiles of the members' outputs: between which values they lie.

        The quantile q is the least output of a member's such that members with this output or less
        weigh q or more: always what some member says, and not a value between two
        (``numpy.quantile(..., method="inverted_cdf")``). So 0 is the least output and 1 the
        greatest.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Or one example of shape (n_features,).
        q : float or sequence of floats
            From 0 to 1.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Or (n_outputs,) for one example; for several q one such array each, in their order.

        Raises
        ------
        ValueError, TypeError
            As in ``predict``, and for a q that is no fraction.
        """
        wanted = as_array(q, "quantile", "q")
        if wanted.dtype.kind not in "iuf" or wanted.ndim > 1:
            raise TypeError(f"quantile: q is {q!r}: expected a number, or a list of numbers")
        each = np.atleast_1d(wanted).astype(np.float64)
        refuse(each, ~((each >= 0) & (each <= 1)), "quantile: q", "expected a number from 0 to 1")
        rows, one = rows_at_the_door(self, X, "quantile")
        result = np.empty((len(each), len(rows), self.output_size), self.dtype)
        for part, outputs, weights in self._spread(rows):
            result[:, part] = quantiles(outputs, weights, each)
        result = result[:, 0] if one else result
        return result if wanted.ndim else result[0]

    def _spread(self, rows: Rows) -> Iterator[tuple[slice, Array, Array]]:
        """The outputs of all that weigh something, some rows at a time, and what they weigh."""
        counts = self.weights > 0
        numbers_a_row = max(self.input_size, len(self) * self.output_size)
        at_once = max(1, _OUTPUTS_AT_ONCE // numbers_a_row)
        for first in range(0, len(rows), at_once):
            part = slice(first, min(first + at_once, len(rows)))
            outputs = self._outputs(Rows(rows.part(part)))
            rows.let_go()
            yield part, outputs[counts], self.weights[counts]

    def _outputs(self, rows: Rows) -> Array:
        """Every member's outputs, (n_members, n_samples, n_outputs)."""
        A = np.empty((len(self), len(rows), self.output_size), self.dtype)
        infer_windows(rows, A, self._core.infer_all)
        return A

    @says_which_arguments
    def evaluate(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: AnyLoss = None,
        metrics: Metrics | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        """Compute the cost and metrics of the ensemble's output, the mean, on data.

        Parameters
        ----------
        X, y, loss, metrics, sample_weight
            As in ``Network.evaluate``.

        Returns
        -------
        dict of str to float
            ``loss`` and each metric.

        Raises
        ------
        ValueError, TypeError
            For data that does not fit, and where a member's ``Standardize`` has not seen data.
        """
        loss, rows, target = self._at_the_door(X, y, loss, sample_weight, "evaluate")
        judged = metrics_of(metrics, loss, self.networks[0]._output, "evaluate")
        A = np.empty((len(rows), self.output_size), self.dtype)
        infer_windows(rows, A, self._core.infer)
        return OutputJudge(self.output_size, self.dtype, target, loss, judged)(A)

    report = report

    # Elsewhere ----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the ensemble to one file, in one move; ``deltarule.load(path)`` reads it.

        Parameters
        ----------
        path : path-like
            Such as ``"ensemble.safetensors"``. A file that is there is replaced, and keeps its
            permissions.

        Raises
        ------
        OSError
            Where it cannot be written. The file that was there is then what it was.
        TypeError, ValueError
            As in ``Network.save``.
        """
        from deltarule.ensembles import file  # most ensembles are never written

        file.save(self.networks, self.weights, path)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the ensemble to an ONNX file, as one graph.

        Parameters
        ----------
        path : path-like
            An old file is replaced in one move.

        Raises
        ------
        ImportError, ValueError
            As in ``Network.to_onnx``.

        Notes
        -----
        Input, output and metadata are those of ``Network.to_onnx``. Members that weigh nothing are
        left out.
        """
        from deltarule._interchange.onnx.writer import ensemble_to_onnx

        ensemble_to_onnx(*self._that_count(), self.feature_names, path)

    def to_c(self, path: str | os.PathLike[str], name: str = "model") -> None:
        """Write the ensemble as one C header, which predicts as that of a network does.

        Parameters
        ----------
        path : path-like
            The file, which appears whole or not at all.
        name : str
            What every name in the header begins with, as in ``Network.to_c``.

        Raises
        ------
        TypeError, ValueError
            As in ``Network.to_c``.

        Notes
        -----
        Members run one after another in the same buffers, so more of them take more constants and
        no more memory. Those that weigh nothing are left out.
        """
        from deltarule._interchange.c_header import ensemble_to_c

        ensemble_to_c(*self._that_count(), self.feature_names, path, name)

    def _that_count(self) -> tuple[list[Network], list[float]]:
        """The members that weigh something, and what they weigh."""
        counts = np.flatnonzero(self.weights)
        return [self.networks[k] for k in counts], self.weights[counts].tolist()

    def __getstate__(self) -> dict[str, Any]:
        return {"networks": self.networks, "weights": np.array(self.weights)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._build(expect_networks(state["networks"], "Ensemble"), state["weights"])

    def summary(self) -> str:
        """Describe the members: what they weigh, their sizes and parameters.

        Returns
        -------
        str
            A table as plain text, members counted from 0.
        """
        head, *rows = as_table(self._columns()).split("\n")
        rule = "-" * max(map(len, (head, *rows)))
        return "\n".join([repr(self), rule, head, rule, *rows, rule])

    def _repr_html_(self) -> str:
        return as_html(self._columns(), repr(self))

    def _columns(self) -> dict[str, list[Any]]:
        return {
            "member": list(range(len(self))),
            "weight": self.weights.tolist(),
            "network": [network._sizes() for network in self.networks],
            "parameters": [Right(f"{network.parameters.size:,}") for network in self.networks],
        }

    def __repr__(self) -> str:
        members = "1 network" if len(self) == 1 else f"{len(self)} networks"
        n = sum(network.parameters.size for network in self.networks)
        sizes = f"{self.input_size} inputs, {self.output_size} outputs"
        return f"Ensemble({members}, {sizes}, {self.dtype}, {n:,} parameters)"
