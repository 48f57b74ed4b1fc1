"""L-BFGS on the cost of all examples: SciPy's minimiser, and the core's cost and gradients.

The network's own weights are written where an iteration ends, and nowhere else: what the line
search tries lies in a vector of its own. So whatever stops the fit, the network has the weights of
the last iteration that was finished.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deltarule.all_examples import Cost
from deltarule.last_good import TrainingDivergedError
from deltarule.optimizers import LBFGS

if TYPE_CHECKING:
    from deltarule.network import Network
    from deltarule.progress import Progress
    from deltarule.steps import Examples
    from deltarule.training_run import TrainingRun

Array = NDArray[Any]


class _NotFiniteError(ArithmeticError):
    """Out of the minimiser, to the message."""


def expect_one_cost(network: "Network", examples: "Examples") -> None:
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


def minimize(
    run: "TrainingRun", examples: "Examples", bar: "Progress", end_epoch: Callable[[float], None]
) -> None:
    """Lower the cost over all examples, an iteration an epoch, as long as ``fit`` would go on.

    After each, ``end_epoch`` is told its cost.
    """
    try:
        from scipy.optimize import minimize as scipy_minimize
    except ModuleNotFoundError as missing:
        message = "fit: LBFGS needs SciPy, which is not installed: pip install scipy"
        raise ImportError(message) from missing
    network, optimizer = run.network, run.optimizer
    assert isinstance(optimizer, LBFGS)
    assert examples.rows is not None
    if not run.begin_epoch():
        return
    options = optimizer._values()
    cost_of = Cost(network, examples.loss, examples.rows, examples.target)
    iterations = run.epochs - run.history.epochs

    def finite_cost(x: Array) -> tuple[float, Array]:
        cost, gradients = cost_of(x)
        if not all(np.isfinite(each).all() for each in (cost, gradients, cost_of.parameters)):
            raise _NotFiniteError(f"the cost is {cost}")
        return cost, gradients

    def end(x: Array) -> None:
        network.parameters[:] = x
        optimizer.step += 1
        bar.advance(run.epoch, cost_of.latest)
        run.call("on_run_end")
        end_epoch(cost_of.latest)  # the line search ends where it computed the cost last
        if run.stopping or not run.begin_epoch():
            raise StopIteration

    try:
        result = scipy_minimize(
            finite_cost,
            network.parameters.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=end,
            options={
                "maxiter": iterations,
                "maxcor": int(options["history_size"]),
                "maxfun": int(options["max_evaluations"]),
                "maxls": int(options["max_line_search"]),
                "ftol": options["tolerance"],
                "gtol": options["gradient_tolerance"],
            },
        )
    except _NotFiniteError as error:
        made = run.history.epochs
        kept = f"iteration {made}" if made else "the beginning"
        raise TrainingDivergedError(
            f"fit: the cost or its gradient is not finite in iteration {made + 1}: the network "
            f"keeps the weights of {kept}, the last whose cost was finite; expected data and "
            "targets scaled to about 1"
        ) from error
    optimizer.message = str(result.message)
