"""L-BFGS on the cost of all examples: SciPy's minimiser, and the core's cost and gradients.

The network's own weights are written where an iteration ends, and nowhere else: what the line
search tries lies in a vector of its own. So whatever stops the fit, the network has the weights of
the last iteration that was finished.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from deltarule._arrays import Array
from deltarule._network.all_examples import Cost
from deltarule.errors import TrainingDivergedError
from deltarule.optimizers import LBFGS

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork
    from deltarule._training.examples import Examples
    from deltarule._training.progress import Bar
    from deltarule._training.run import TrainingRun


_SCIPY = (1, 11)


class _NotFiniteError(ArithmeticError):
    """Out of the minimiser, to the message."""


def expect_one_cost(network: BareNetwork, examples: Examples) -> None:
    """Refuse what is no function of the weights alone, and what only a step of one's own can do."""
    if examples.rows is None:
        raise ValueError(
            "fit: LBFGS needs all examples at each iteration, but X comes in batches: expected X "
            "and y as arrays; or train with Adam"
        )
    for index, layer in enumerate(network.layers):
        kind = layer.description.kind
        if kind == "dropout" or (kind == "batch_norm" and not layer.frozen):
            raise ValueError(
                f"fit: LBFGS needs a cost that is the same each time, but the network has a "
                f"{type(layer.description).__name__} layer: expected one without, or a frozen one; "
                "or train with Adam"
            )
        for name, none in (("learning_rate", 1.0), ("max_norm", 0.0)):
            value = layer.rule()[name]
            if value != none and not layer.frozen:
                raise ValueError(
                    f"fit: LBFGS has no learning rate and holds no norms, but layers[{index}]."
                    f"{name} is {value:g}: expected {none:g}, or a frozen layer; or train with Adam"
                )


def fit_lbfgs(
    run: TrainingRun, examples: Examples, bar: Bar, end_epoch: Callable[[float], None]
) -> None:
    """Lower the cost over all examples, as long as ``fit`` would go on.

    After each iteration, ``end_epoch`` is told its cost.
    """
    optimizer = run.optimizer
    assert isinstance(optimizer, LBFGS)
    assert examples.held is not None
    rows, target, _ = examples.held
    declared = optimizer._values()
    cost_of = _FiniteCost(run.network, examples.loss, rows, target)
    options = {
        "maxiter": run.epochs - run.history.epochs,
        "maxcor": int(declared["history_size"]),
        "maxfun": int(declared["max_evaluations"]),
        "maxls": int(declared["max_line_search"]),
        "ftol": declared["tolerance"],
        "gtol": declared["gradient_tolerance"],
    }
    try:
        result = minimize(run, cost_of, options, bar, end_epoch)
    except _NotFiniteError as error:
        made = run.history.epochs
        kept = f"iteration {made}" if made else "the beginning"
        raise TrainingDivergedError(
            f"fit: the cost or its gradient is not finite in iteration {made + 1}: the network "
            f"keeps the weights of {kept}, the last whose cost was finite; expected data and "
            "targets scaled to about 1"
        ) from error
    if result is not None:
        optimizer.message = str(result.message)


class _FiniteCost(Cost):
    """A cost that ends the fit where it is not finite."""

    def __call__(self, x: Array) -> tuple[float, Array]:
        cost, gradients = super().__call__(x)
        if not all(np.isfinite(each).all() for each in (cost, gradients, self.parameters)):
            raise _NotFiniteError(f"the cost is {cost}")
        return cost, gradients


def _scipy_minimize() -> Any:
    """SciPy's function, of a version whose minimisers a callback can end by StopIteration."""
    try:
        import scipy
        from scipy.optimize import minimize
    except ModuleNotFoundError as missing:
        message = "fit: LBFGS needs SciPy, which is not installed: pip install scipy"
        raise ImportError(message) from missing
    version = tuple(int(part) for part in scipy.__version__.split(".")[:2])
    if version < _SCIPY:
        raise ImportError(
            f"fit: LBFGS needs SciPy {'.'.join(map(str, _SCIPY))} or later, but "
            f"{scipy.__version__} is installed: pip install --upgrade scipy"
        )
    return minimize


def minimize(
    run: TrainingRun,
    cost_of: Cost,
    options: dict[str, Any],
    bar: Bar,
    end_epoch: Callable[[float], None],
) -> Any:
    """Lower a cost by SciPy's L-BFGS-B, an iteration an epoch, as long as the run goes on.

    Returns
    -------
    OptimizeResult or None
        None where the run was over before it began.
    """
    scipy_minimize = _scipy_minimize()
    parameters = run.network.parameters
    if not run.begin_epoch():
        return None

    def end(x: Array) -> None:
        parameters[:] = x
        run.optimizer.step += 1
        bar.advance(run.epoch, cost_of.latest)
        run.call("on_run_end")
        end_epoch(cost_of.latest)  # the line search ends where it computed the cost last
        if run.history.epochs < run.epochs:  # else it is SciPy that ends, at its maxiter
            run.begin_epoch()
        if run.stopping:
            raise StopIteration

    return scipy_minimize(
        cost_of,
        parameters.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=end,
        options=options,
    )
