"""Pictures of a network: what it is made of, its weights, activations and gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array, spread_out
from deltarule._data.containers import Opened
from deltarule._plots import architecture, distributions
from deltarule.layers import Dense
from deltarule.layers.residual import Add
from deltarule.losses import AnyLoss

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

_MOST_ROWS = 2000  # that activations are looked at in


def plot(network: BareNetwork, ax: Any = None) -> Any:
    """Draw the layers, their shapes and their parameters; needs matplotlib.

    Units are circles, of many the first and the last. A line is a weight: red where it is positive,
    blue where it is negative, and the stronger the larger it is among its layer's.

    Parameters
    ----------
    network : Network
        The method ``network.plot`` is this function.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    """
    columns = [architecture.Column("inputs", [], network.input_size)]
    for layer, part in zip(network.layers, network.unflatten(network.parameters), strict=True):
        description, views = layer.description, part._asdict()
        kind = description.kind + (f" {layer.activation}" * (layer.activation != "identity"))
        numbers = sum(view.size for view in views.values())
        shapes = [f"{name} {view.shape}".replace(" (", "\u00a0(") for name, view in views.items()]
        shapes = [*shapes[:2], *["..."] * (len(shapes) > 2)]
        columns.append(
            architecture.Column(
                kind if layer.name is None else f"{layer.name}\n{kind}",
                [*shapes, f"{numbers:,} parameter{'s' * (numbers > 1)}"] if numbers else [],
                layer.units,
                views["W"] if isinstance(description, Dense) else None,
                layer.units == layer.inputs,
                description.source if isinstance(description, Add) else None,
            )
        )
    return architecture.architecture(columns, repr(network), ax)


def plot_weights(network: BareNetwork) -> Any:
    """Draw a histogram of each layer's parameters; needs matplotlib.

    Parameters
    ----------
    network : Network
        The method ``network.plot_weights`` is this function.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError
        For a network without parameters.
    """
    values = _named(network, network.parameters)
    if not values:
        raise ValueError("plot_weights: the network has no parameters: expected some")
    return distributions.histograms(values, {}, "value")


def plot_activations(network: BareNetwork, X: ArrayLike) -> Any:
    """Draw a histogram of what each layer's units are on data; needs matplotlib.

    Of a rectified layer, it tells how many units are 0 for all of them: such a unit is dead.

    Parameters
    ----------
    network : Network
        The method ``network.plot_activations`` is this function.
    X : array_like of shape (n_samples, n_features)
        Of many rows, some are taken.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError, TypeError
        For data that does not fit.
    """
    rows = network._rows(X, "plot_activations")
    if not len(rows):
        raise ValueError("plot_activations: X has no rows: expected 1 or more")
    some = rows.taken(spread_out(len(rows), _MOST_ROWS))
    encoded: Any = Opened(some)  # which is not encoded again
    A, caches = network.forward(encoded)
    outputs = [*(caches[k].A_prev for k in range(1, len(network.layers))), A]
    values: dict[str, Array] = {}
    remarks: dict[str, str] = {}
    for k, (layer, units) in enumerate(zip(network.layers, outputs, strict=True)):
        name = f"{k} {layer.name or layer.description.kind}"
        if layer.activation != "identity":
            name += f" {layer.activation}"
        values[name] = np.asarray(units)
        dead = int((values[name] == 0).all(axis=0).sum())
        remarks[name] = f"{dead} of {layer.units} units are 0 throughout" if dead else ""
    return distributions.histograms(values, remarks, "activation")


def plot_gradient_flow(
    network: BareNetwork,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: AnyLoss = None,
    ax: Any = None,
) -> Any:
    """Draw how large the gradients of each layer's weights are; needs matplotlib.

    Where they become smaller from layer to layer towards the inputs, the first layers hardly learn;
    where they become larger, training may blow up (Glorot & Bengio 2010).

    Parameters
    ----------
    network : Network
        The method ``network.plot_gradient_flow`` is this function.
    X, y, loss
        As in ``fit``.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError, TypeError
        For data that does not fit, and for a network without parameters.
    """
    _, gradients = network.loss_and_gradients(X, y, loss=loss, training=True)
    of_weights = {
        name: np.abs(values)
        for name, values in _named(network, gradients).items()
        if not name.endswith((" b", " beta"))
    }
    if not of_weights:
        raise ValueError("plot_gradient_flow: the network has no weights: expected some")
    return distributions.gradient_flow(
        list(of_weights),
        [float(values.mean()) for values in of_weights.values()],
        [float(values.max()) for values in of_weights.values()],
        ax,
    )


def _named(network: BareNetwork, flat: Array) -> dict[str, Array]:
    """A flat vector's parts, by the layers and the parameters that they are of."""
    return {
        f"{k} {layer.name or layer.description.kind} {name}": view
        for k, (layer, part) in enumerate(zip(network.layers, network.unflatten(flat), strict=True))
        for name, view in part._asdict().items()
        if view.size
    }
