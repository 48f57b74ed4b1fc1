"""`Network`: the verbs on top of the bare network. It trains, judges, saves and converts."""

from __future__ import annotations

import os
from typing import Any

from deltarule._arrays import Array
from deltarule._network.bare import BareNetwork
from deltarule._network.caches import Caches, LayerCache, LayerParameters
from deltarule._network.gradient_check import gradient_check
from deltarule._network.layer_views import Layer, Layers
from deltarule._network.pictures import plot, plot_activations, plot_gradient_flow, plot_weights
from deltarule._reporting.report import report
from deltarule._training.evaluate import evaluate
from deltarule._training.fit import fit
from deltarule._training.train_on_batch import train_on_batch
from deltarule.history import Right, as_html, as_table
from deltarule.layers import Dropout

__all__ = ["Caches", "Layer", "LayerCache", "LayerParameters", "Layers", "Network"]


class Network(BareNetwork):
    """A dense network: layers in order over one flat vector of parameters.

    A dense layer l computes ``Z[l] = W[l] A[l-1] + b[l]`` and ``A[l] = g[l](Z[l])``, with
    ``A[0] = X``. An example is a row of X here (docs/notation has the equations, where it is a
    column).

    Parameters
    ----------
    layers : sequence of layers
        Dense, Activation, Dropout, BatchNorm, LayerNorm, PReLU, Standardize, Embedding,
        PiecewiseLinear, Periodic, Residual.
    input_size : int, optional
        n[0], the features of an example; only to be left out where there are inputs.
    seed : int or None
        Of the initial weights, of the order of examples and of dropout. None draws a seed from the
        system.
    dtype : {"float32", "float64"}
    inputs : TableEncoder, optional
        Fitted on a table. X is raw tables then, wherever the network takes X, and never arrays that
        are encoded already; n[0] is how many numbers a row becomes. The encoder is part of the
        network's file. Fitting it again elsewhere changes nothing of the network.

    Attributes
    ----------
    layers : tuple of Layer
        By index or by name, with live views such as ``W`` (n, n_prev) and ``b`` (n, 1). The layers
        of a residual block stand one by one, and behind them the one that adds.
    parameters : ndarray of shape (n_parameters,)
        The flat vector: ``W[1]`` column by column, ``b[1]``, ``W[2]``, ... Assigning copies into
        it.
    statistics : ndarray
        What layers keep that no gradient reaches, flat as well: running and given means and
        variances.
    average : ndarray or None
        The moving average of the parameters, where a ``fit`` has kept one.
    inputs : TableEncoder or None
        As it was handed in.
    feature_names : list of str or None
        What the inputs are called, from the first data with named columns that ``fit`` or ``adapt``
        has seen; it may be set. Later data with names are put in this order, and refused by name
        where they have other columns. Arrays, and frames whose names are not all strings, are taken
        by position. With ``inputs``, the columns of the table.
    history : History
        Of the latest ``fit``, also when it was interrupted.

    Raises
    ------
    ValueError, TypeError
        For layers that do not go together, and for sizes out of their range.

    Examples
    --------
    >>> net = Network([Dense(8, "relu"), Dense(1)], input_size=3, seed=0)
    >>> net.predict([[0.1, 0.2, 0.3]]).shape
    (1, 1)
    """

    fit = fit
    train_on_batch = train_on_batch
    evaluate = evaluate
    gradient_check = gradient_check
    report = report
    plot = plot
    plot_weights = plot_weights
    plot_activations = plot_activations
    plot_gradient_flow = plot_gradient_flow

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a file, in one move; ``deltarule.load(path)`` reads it.

        Parameters
        ----------
        path : path-like
            Such as ``"model.safetensors"``. A file that is there is replaced, and keeps its
            permissions.

        Raises
        ------
        OSError
            Where it cannot be written. The file that was there is then what it was.
        TypeError, ValueError
            For a layer that is not the package's, for numbers that are not finite, and where
            ``Standardize`` has not seen data.
        """
        from deltarule._files import models  # most networks are never written

        models.save(self, path)

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Read weights that PyTorch (safetensors) or Keras 3 has written, for layers like its own.

        Parameters
        ----------
        path : path
            A PyTorch ``state_dict`` in a safetensors file, as ``safetensors.torch.save_file``
            writes it; or a ``.keras`` or ``.weights.h5`` file of Keras 3, for which h5py is needed.
            The file's beginning tells which, not its name.

        Raises
        ------
        ModelFileError
            For a damaged file, and for numbers that are not finite, do not fit the network's
            layers, or cannot be told apart. The network is then what it was.
        ImportError
            For a file of Keras's without h5py.

        Notes
        -----
        Layers with numbers are matched by name, where the network's layers all have the names in
        the file; else in their order. Kinds and shapes are compared. Numbers in names tell the
        order, ``model.0``, ``model.2``, ``model.10`` or ``fc1``, ``fc2``, and a ``.keras`` file's
        own description does. Names such as ``hidden`` and ``output`` do not; there the kinds and
        shapes must. A prefix of all names is of no account.

        A layer without a bias gives biases of 0, a norm without a scale a gamma of 1. A frozen
        PReLU for which there are no numbers is a LeakyReLU, and keeps its slopes. What is no number
        of a layer's, such as epsilon and activations, is the network's own.

        Examples
        --------
        >>> net = Network([Dense(8, "relu"), Dense(1)], input_size=3)
        >>> net.load_weights("weights.safetensors")  # doctest: +SKIP
        """
        from deltarule._interchange.weights import load_weights

        load_weights(self, path)

    def to_torch(self) -> Any:
        """Convert to a ``torch.nn.Sequential`` that predicts the same, in evaluation mode.

        Returns
        -------
        torch.nn.Sequential
            On the CPU, of the network's dtype, with a copy of its numbers, in evaluation mode:
            ``module.train()`` before training it. A ``Dense`` becomes a ``Linear`` and the
            activation behind it; ``Standardize``, embeddings, ``Residual``, the exponential
            activation and a frozen ``BatchNorm`` become modules of ``deltarule.torch_modules``, as
            PyTorch has none. What training leaves alone has no ``requires_grad``.

        Raises
        ------
        ImportError
            Without PyTorch.
        ValueError
            Where ``Standardize`` has not seen data.

        Notes
        -----
        Penalties, greatest norms and rates of layers belong to PyTorch's optimizers, not to
        modules; they stay behind. So do names.

        Examples
        --------
        >>> net = Network([Dense(8, "relu"), Dense(1)], input_size=3)  # doctest: +SKIP
        >>> module = net.to_torch()  # doctest: +SKIP
        """
        from deltarule._interchange.pytorch import to_torch

        self._expect_no_inputs("to_torch", "of which PyTorch has none")
        return to_torch(self)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network to an ONNX file.

        Parameters
        ----------
        path : path_like
            An old file is replaced in one move.

        Notes
        -----
        The file has opset 20, one input ``X`` (m, n_features) and one output ``A`` (m, n_outputs),
        both of the network's dtype, for any m. It predicts: dropout is left out. The metadata have
        ``feature_names``, a list in JSON, where the network knows them. Codes of
        categories are not checked there as ``predict`` checks them. docs/interchange.md has the
        operators of each layer.

        A network with ``inputs`` has an input (m, 1) for each column of the table, by its name:

        - numbers, and True and False as 1 and 0: float64, NaN where one is missing;
        - text: strings, the empty one where it is missing, or another of its spellings;
        - dates: int64, microseconds since 1970, in UTC where there was a zone, and the least
          int64 where one is missing, as ``array.astype("datetime64[us]").astype("int64")`` has it.

        Where a column is called ``A``, the output is ``A_``.

        Raises
        ------
        ImportError
            Without the package ``onnx``.
        ValueError
            For parameters that are not finite, or of 2 GiB and more, which the format does not
            hold, and where ``Standardize`` has not seen data.

        References
        ----------
        ONNX, "Open Neural Network Exchange Intermediate Representation Specification".
        """
        from deltarule._interchange.onnx.writer import to_onnx

        to_onnx(self, path)

    def to_c(self, path: str | os.PathLike[str], name: str = "model") -> None:
        """Write the network as a C header: its weights, and a function that predicts.

        Parameters
        ----------
        path : str or os.PathLike
            The file, which appears whole or not at all.
        name : str
            What every name in the header begins with: ``name_predict(const float *X, float *A)``,
            ``NAME_INPUTS``, ``NAME_OUTPUTS``. (``double`` for a network of float64.)

        Raises
        ------
        TypeError, ValueError
            For a name that no C identifier begins with, where a weight is not finite, and where
            ``Standardize`` has not seen data.

        Notes
        -----
        The header is C99 and C++11, allocates nothing and needs only the C library's mathematical
        functions. It predicts one example; a comment has the features' names, where the network
        knows them. Its numbers are the network's but for rounding: weights
        read back to the same bits, sums are made in another order, and exp, tanh and the like are
        the device's. A batch norm's ``gamma / sqrt(variance + epsilon)`` becomes one factor; its
        mean is still subtracted first, as folding it into beta would lose digits where it is large.

        Of a network with ``inputs``, there is ``name_encode(const double *columns, float *X)`` as
        well. It makes ``X`` of ``NAME_COLUMNS`` numbers, a column each: numbers as they are, 1
        and 0 for True and False, and for text the level's code, which a comment lists; NaN where
        one is missing. Columns of dates are refused.

        What passes from layer to layer is in static memory, of which those share a part that are
        not needed at the same time; ``#define NAME_STORAGE`` before the ``#include`` puts it
        elsewhere.
        """
        from deltarule._interchange.c_header import to_c

        to_c(self, path, name)

    def summary(self) -> str:
        """Describe the layers, their shapes and parameters, and the memory that they take.

        Returns
        -------
        str
            A table as plain text, layers counted from 0, and the totals.
        """
        table = as_table(self._columns())
        head, *rows = table.split("\n")
        rule = "-" * max(map(len, (head, *rows)))
        return "\n".join([self._title(), rule, head, rule, *rows, rule, *self._totals()])

    def _repr_html_(self) -> str:
        return as_html(self._columns(), self._title(), self._totals())

    def _columns(self) -> dict[str, list[Any]]:
        """What there is to say of each layer; a column of which nothing is to say is left out."""
        parts = self.unflatten(self.parameters)
        columns: dict[str, list[Any]] = {
            "layer": [f"{i} {_kind(layer)}" for i, layer in enumerate(self.layers)],
            "name": [layer.name or "" for layer in self.layers],
            "activation": [layer.activation for layer in self.layers],
            "outputs": [layer.units for layer in self.layers],
            "shapes": [_shapes(part._asdict()) for part in parts],
            "parameters": [Right(f"{sum(view.size for view in part):,}") for part in parts],
            "rules": [_rules(layer) for layer in self.layers],
        }
        return {name: cells for name, cells in columns.items() if any(cells)}

    def _title(self) -> str:
        columns = (
            "" if self.inputs is None else f" of {len(self.inputs.columns)} columns of a table"
        )
        return (
            f"Network: {self.input_size} inputs{columns}, {self.output_size} outputs, {self.dtype}"
        )

    def _totals(self) -> list[str]:
        n, size = self.parameters.size, self.dtype.itemsize
        return [
            f"{n:,} parameters: {_bytes(n * size)}",
            "training keeps as much again for gradients and for the last good weights,",
            f"and {_bytes(2 * n * size)} for Adam's moments and for their copy",
        ]


def _kind(layer: Layer) -> str:
    """A layer's kind, and the rate of one that drops."""
    description = layer.description
    rate = f" {description.rate:g}" if isinstance(description, Dropout) else ""
    return f"{description.kind}{rate}"


def _shapes(views: dict[str, Array]) -> str:
    """Each parameter's shape; of one for each of many columns, that of the first and the last."""
    texts = [f"{name} {view.shape}" for name, view in views.items()]
    numbered = [i for i, name in enumerate(views) if name[-1].isdigit()]
    if len(numbered) > 3:
        texts[numbered[0] + 1 : numbered[-1]] = ["..."]
    return "  ".join(texts)


def _rules(layer: Layer) -> str:
    """What is said of a layer's training beside the optimizer's own rules."""
    texts = ["frozen"] * layer.frozen
    rules = {"learning_rate": ("rate x", 1.0), "l1": ("l1 ", 0.0), "l2": ("l2 ", 0.0)}
    for name, (text, default) in (rules | {"max_norm": ("max_norm ", 0.0)}).items():
        value = layer.rule()[name]
        texts += [f"{text}{value:g}"] * (value != default)
    return ", ".join(texts)


def _bytes(n: int) -> str:
    size = float(n)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
