"""Whether gradients are right, a network's or your own, beside central differences of its cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from deltarule import blocks
from deltarule._arrays import Array
from deltarule._checks import as_array, expect_count, expect_in_range
from deltarule._network.bare import BareNetwork
from deltarule.losses import AnyLoss


@dataclass(frozen=True)
class NetworkGradientCheck(blocks.GradientCheck):
    """What `gradient_check` found about a network; parameters are named as ``"layers[1].W"``.

    Attributes
    ----------
    differences : dict of str to float
        The relative difference within each parameter.
    """

    differences: dict[str, float]


def gradient_check(
    network: BareNetwork,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: AnyLoss = None,
    sample_weight: ArrayLike | None = None,
    training: bool = False,
    epsilon: float = 1e-6,
    entries: int | None = None,
    gradients: ArrayLike | None = None,
) -> NetworkGradientCheck:
    """Compare gradients with central differences of a network's cost, entry by entry.

    ``approx_i = (J(p + epsilon e_i) - J(p - epsilon e_i)) / (2 epsilon)``, on a copy in float64.
    Two passes an entry: for small networks and few examples, or some of the entries.

    Parameters
    ----------
    network : Network
        The method ``network.gradient_check`` is this function.
    X, y, loss, sample_weight, training
        As for ``network.loss_and_gradients``. Frozen layers are left out.
    epsilon : float
        The step, a finite number above 0. A larger one suits smooth activations (rounding weighs
        less), a smaller one those with a kink (fewer units cross it).
    entries : int, optional
        Check only so many entries of each parameter, spread over it.
    gradients : array_like of shape (n_parameters,), optional
        Your own, such as ``network.backward`` has made, to be checked in the place of those of
        ``network.loss_and_gradients``. Those made in float32 are right to some 1e-6 alone.

    Returns
    -------
    NetworkGradientCheck
        With ``relative_difference``: below 1e-7 the gradients are right; above 1e-3 they are surely
        wrong, unless a kink lies within epsilon.

    Raises
    ------
    ValueError, TypeError
        For data or gradients that do not fit, an `epsilon` out of range, and where ``Standardize``
        has not seen data.

    References
    ----------
    ``docs/notation``, Checking a gradient.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "tanh"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> dr.gradient_check(net, X, y).relative_difference < 1e-6
    True
    """
    where = "gradient_check"
    expected = "a finite number above 0"
    expect_in_range(epsilon, f"{where}: epsilon", above=0, expected=expected)
    if entries is not None:
        entries = expect_count(entries, f"{where}: entries", least=1)
    network._expect_adapted(where)
    network = _in_float64(network)
    p = network.parameters

    def cost_and_gradients() -> tuple[float, Array]:
        return network.loss_and_gradients(
            X, y, loss=loss, sample_weight=sample_weight, training=training
        )

    def central_difference(place: int) -> float:
        here = p[place]
        p[place] = ahead = here + epsilon
        J_ahead, _ = cost_and_gradients()
        p[place] = behind = here - epsilon
        J_behind, _ = cost_and_gradients()
        p[place] = here
        # Not 2 epsilon: beside a large parameter the step taken is a rounded one.
        return float((J_ahead - J_behind) / (ahead - behind))

    checked = _places(network)
    if not checked:
        raise ValueError(
            f"{where}: every layer with parameters is frozen: expected one that is not, as what is "
            "frozen has no gradient"
        )
    _, own = cost_and_gradients()
    all_d = own if gradients is None else _given(gradients, own.shape, where)
    differences: dict[str, float] = {}
    everywhere: list[tuple[float, float, float, str, tuple[int, int]]] = []
    for name, places in checked:
        chosen = places.ravel()
        if entries is not None and entries < chosen.size:
            chosen = chosen[np.linspace(0, chosen.size - 1, entries).astype(int)]
        d = all_d[chosen]
        approx = np.array([central_difference(place) for place in chosen])
        differences[name] = _relative_difference(d, approx)
        for place, of_d, of_approx in zip(chosen, d.tolist(), approx.tolist(), strict=True):
            row, column = np.argwhere(places == place)[0].tolist()
            everywhere.append((abs(of_d - of_approx), of_d, of_approx, name, (row, column)))
    _, worst_d, worst_approx, worst_name, worst_index = max(everywhere)
    checked_d, approximations = (np.array([e[which] for e in everywhere]) for which in (1, 2))
    return NetworkGradientCheck(
        relative_difference=_relative_difference(checked_d, approximations),
        worst_parameter=worst_name,
        worst_index=worst_index,
        gradient=worst_d,
        numerical_gradient=worst_approx,
        differences=differences,
    )


def _given(gradients: ArrayLike, shape: tuple[int, ...], where: str) -> Array:
    flat = as_array(gradients, where, "gradients")
    if flat.dtype.kind not in "biuf":
        raise TypeError(f"{where}: gradients are {flat.dtype}: expected real numbers")
    if flat.shape != shape:
        raise ValueError(f"{where}: gradients have shape {flat.shape}: expected {shape}")
    return flat.astype(np.float64)


def _in_float64(network: BareNetwork) -> BareNetwork:
    """A copy that shares nothing, in float64 whatever the network's own dtype."""
    state = network.__getstate__() | {"dtype": "float64"}
    copied = type(network).__new__(type(network))
    copied.__setstate__(state)
    return copied


def _places(network: BareNetwork) -> list[tuple[str, Array]]:
    """Each parameter's name, and where its entries lie in the flat vector."""
    flat = np.arange(network.parameters.size)
    return [
        (f"layers[{index}].{name}", places)
        for index, view in enumerate(network.unflatten(flat))
        if not network.layers[index].frozen
        for name, places in view._asdict().items()
        if places is not None and places.size
    ]


def _relative_difference(d: Array, approx: Array) -> float:
    size = np.linalg.norm(d) + np.linalg.norm(approx)
    return float(np.linalg.norm(d - approx) / size) if size != 0 else 0.0


# Where users find them.
gradient_check.__module__ = "deltarule"
NetworkGradientCheck.__module__ = "deltarule.network"
