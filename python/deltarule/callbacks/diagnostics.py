"""What goes on inside a network in training."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_count
from deltarule._network.bare import BareNetwork
from deltarule._training.run import TrainingRun
from deltarule.callbacks.described import Described
from deltarule.errors import TrainingWarning
from deltarule.history import as_table

# From where on there is a warning: units that are 0 for the whole batch; a layer's gradients beside
# the last layer's, root mean squares; the norm of its gradients beside that of its parameters.
_DEAD, _VANISHING, _EXPLODING = 0.5, 1e-4, 100.0
_SATURATED = 0.99


class Diagnostics(Described):
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

    Raises
    ------
    TypeError, ValueError
        For an ``every`` that is no integer of 1 or more.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> look = dr.Diagnostics(every=1)
    >>> _ = net.fit(X, y, epochs=3, callbacks=[look])
    >>> look.columns()["layer"], look.columns()["step"]
    ([0, 1, 0, 1, 0, 1], [1, 1, 2, 2, 3, 3])
    """

    speaks = True

    def __init__(self, every: int = 100) -> None:
        self.every = self.every_steps = expect_count(every, "Diagnostics: every", least=1)
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
        network: BareNetwork,
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
