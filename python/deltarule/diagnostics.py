"""What goes on inside a network in training, and whether its gradients are right."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule import blocks
from deltarule.checks import expect_count
from deltarule.history import as_table
from deltarule.training_run import TrainingRun

if TYPE_CHECKING:
    from deltarule.network import Network

Array = NDArray[Any]

# From where on there is a warning: units that are 0 for the whole batch; a layer's gradients beside
# the last layer's, root mean squares; the norm of its gradients beside that of its parameters.
_DEAD, _VANISHING, _EXPLODING = 0.5, 1e-4, 100.0
_SATURATED = 0.99


class TrainingWarning(UserWarning):
    """Something in training that will probably come to nothing, and what may help."""


class Diagnostics:
    """A callback that looks at every layer every so many steps, and warns when something is wrong.

    A warning comes once for each layer and each kind of trouble: ReLUs that are 0 for every example
    of the batch (Lu et al. 2020), gradients that vanish or explode on their way back (Bengio,
    Simard & Frasconi 1994; Glorot & Bengio 2010).

    Parameters
    ----------
    every : int
        Steps from one look to the next.

    Attributes
    ----------
    rows : list of dict
        One for each look and layer:

        - ``step``, ``layer`` (its index), ``activation``
        - ``mean``, ``std``: of the layer's outputs over the batch
        - ``zero``: fraction of outputs that are 0
        - ``dead``: fraction of units whose output is 0 for the whole batch
        - ``saturated``: fraction of outputs of sigmoid and tanh within 1 % of their bounds
        - ``gradient_mean``, ``gradient_std``, ``gradient_norm``: of the layer's parameters
        - ``update_ratio``: norm of the step beside the norm of the parameters; about 1e-3 is usual
    """

    def __init__(self, every: int = 100) -> None:
        self.every_steps = expect_count(every, "Diagnostics: every", least=1)
        self.rows: list[dict[str, Any]] = []
        self._warned: set[tuple[str, int]] = set()

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102 -- deltarule.callbacks says it
        self.rows, self._warned = [], set()

    def on_step_end(self, run: TrainingRun) -> None:  # noqa: D102
        network = run.network
        flats = (run.gradients, run.update, network.parameters)
        parts = [[_flat(view) for view in network.unflatten(flat)] for flat in flats]
        look = [
            {"step": run.step, "layer": index, "activation": layer.activation}
            | _of_outputs(A, layer.activation)
            | _of_gradients(*vectors)
            for index, (layer, A, *vectors) in enumerate(
                zip(network.layers, run.activations(), *parts, strict=True)
            )
        ]
        self.rows += look
        self._judge(network, look, *parts)

    def columns(self) -> dict[str, list[Any]]:
        """A list for each quantity, as pandas and polars take it."""
        names = self.rows[0] if self.rows else {}
        return {name: [row[name] for row in self.rows] for name in names}

    def table(self) -> str:
        """Plain text: a line for each look and layer."""
        return as_table(self.columns())

    def _judge(
        self,
        network: "Network",
        look: list[dict[str, Any]],
        gradients: list[Array],
        _: Any,
        parameters: list[Array],
    ) -> None:
        trained = [
            np.zeros(0) if layer.frozen else g
            for layer, g in zip(network.layers, gradients, strict=True)
        ]
        last = next((_root_mean_square(g) for g in reversed(trained) if g.size), 0.0)
        for row, g, p in zip(look, trained, parameters, strict=True):
            if row["activation"] == "relu" and row["dead"] >= _DEAD:
                self._warn(
                    "dead",
                    row,
                    f"{row['dead']:.0%} of its ReLUs are 0 for every example of the batch",
                    "a smaller learning rate, initializer='he_normal', or leaky_relu",
                )
            if g.size and _root_mean_square(g) < _VANISHING * last:
                self._warn(
                    "vanishing",
                    row,
                    f"its gradients vanish: {_root_mean_square(g):.1e} beside {last:.1e} in the "
                    "last layer (root mean squares)",
                    "relu with he_normal in place of sigmoid or tanh, fewer layers, or "
                    "normalisation between them",
                )
            if not np.linalg.norm(g) <= _EXPLODING * max(float(np.linalg.norm(p)), 1e-3):
                self._warn(
                    "exploding",
                    row,
                    f"its gradients explode: norm {np.linalg.norm(g):.1e} beside "
                    f"{np.linalg.norm(p):.1e} of its parameters",
                    "inputs and targets scaled to about 1, a smaller learning rate, or clipped "
                    "gradients",
                )

    def _warn(self, kind: str, row: dict[str, Any], what: str, remedy: str) -> None:
        layer = row["layer"]
        if (kind, layer) in self._warned:
            return
        self._warned.add((kind, layer))
        warnings.warn(
            f"step {row['step']}, layers[{layer}] ({row['activation']}): {what}; what may help: "
            f"{remedy}",
            TrainingWarning,
            stacklevel=2,
        )


def _of_outputs(A: Array, activation: str) -> dict[str, float]:
    zero = A == 0
    bounds = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}.get(activation)
    saturated = 0.0
    if bounds is not None:
        middle, reach = sum(bounds) / 2, (bounds[1] - bounds[0]) / 2
        saturated = float((np.abs(A - middle) > _SATURATED * reach).mean())
    return {
        "mean": float(A.mean(dtype=np.float64)),
        "std": float(A.std(dtype=np.float64)),
        "zero": float(zero.mean()),
        "dead": float(zero.all(axis=0).mean()),
        "saturated": saturated,
    }


def _of_gradients(gradients: Array, update: Array, parameters: Array) -> dict[str, float]:
    if not gradients.size:
        return dict.fromkeys(
            ("gradient_mean", "gradient_std", "gradient_norm", "update_ratio"), 0.0
        )
    norm = float(np.linalg.norm(parameters))
    return {
        "gradient_mean": float(gradients.mean()),
        "gradient_std": float(gradients.std()),
        "gradient_norm": float(np.linalg.norm(gradients)),
        "update_ratio": float(np.linalg.norm(update)) / norm if norm else 0.0,
    }


def _flat(view: Any) -> Array:
    """All of a layer's numbers in one vector, in float64."""
    parts = [np.ravel(part) for part in view if part is not None]
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


# Checking the gradients ----------------------------------------------------------------------


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
    network: "Network",
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: Any = None,
    sample_weight: ArrayLike | None = None,
    training: bool = False,
    epsilon: float = 1e-6,
    entries: int | None = None,
) -> NetworkGradientCheck:
    """Compare a network's gradients with central differences of its cost, entry by entry.

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

    Returns
    -------
    NetworkGradientCheck
        With ``relative_difference``: below 1e-7 the gradients are right; above 1e-3 they are surely
        wrong, unless a kink lies within epsilon.

    Raises
    ------
    ValueError, TypeError
        For data that does not fit, or an `epsilon` out of range.

    References
    ----------
    ``docs/notation``, Checking a gradient.
    """
    where = "gradient_check"
    if not 0 < epsilon < np.inf:
        raise ValueError(f"{where}: epsilon is {epsilon!r}: expected a finite number above 0")
    if entries is not None:
        entries = expect_count(entries, f"{where}: entries", least=1)
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
    _, gradients = cost_and_gradients()
    differences: dict[str, float] = {}
    everywhere: list[tuple[float, float, float, str, tuple[int, int]]] = []
    for name, places in checked:
        chosen = places.ravel()
        if entries is not None and entries < chosen.size:
            chosen = chosen[np.linspace(0, chosen.size - 1, entries).astype(int)]
        d = gradients[chosen]
        approx = np.array([central_difference(place) for place in chosen])
        differences[name] = _relative_difference(d, approx)
        for place, of_d, of_approx in zip(chosen, d.tolist(), approx.tolist(), strict=True):
            row, column = np.argwhere(places == place)[0].tolist()
            everywhere.append((abs(of_d - of_approx), of_d, of_approx, name, (row, column)))
    _, worst_d, worst_approx, worst_name, worst_index = max(everywhere)
    all_d, all_approx = (np.array([entry[which] for entry in everywhere]) for which in (1, 2))
    return NetworkGradientCheck(
        relative_difference=_relative_difference(all_d, all_approx),
        worst_parameter=worst_name,
        worst_index=worst_index,
        gradient=worst_d,
        numerical_gradient=worst_approx,
        differences=differences,
    )


def _in_float64(network: "Network") -> "Network":
    """A copy that shares nothing, in float64 whatever the network's own dtype."""
    state = network.__getstate__() | {"dtype": "float64"}
    copied = type(network).__new__(type(network))
    copied.__setstate__(state)
    return copied


def _places(network: "Network") -> list[tuple[str, Array]]:
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
