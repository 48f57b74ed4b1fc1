"""How the estimators go down: scikit-learn's epochs and stopping rules, over the core's steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from deltarule._arrays import Array
from deltarule._data.sampling import shuffled_in_windows, window_to_shuffle
from deltarule._network.all_examples import Cost
from deltarule._training.hooks import as_callbacks
from deltarule._training.lbfgs import minimize
from deltarule._training.progress import Progress
from deltarule._training.run import TrainingRun
from deltarule.estimators.contract import warn
from deltarule.estimators.epochs import Epochs, judge
from deltarule.estimators.losses import minimised
from deltarule.estimators.optimizers import set_rate
from deltarule.estimators.plan import EpochsPlan, LBFGSPlan, Plan, Record, Validation
from deltarule.history import History
from deltarule.optimizers import LBFGS, Optimizer

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


def _run_of(plan: Plan, optimizer: Optimizer, *, validated: bool) -> TrainingRun:
    """A fit about to begin, as the estimator's callbacks see it."""
    network = plan.weights.network
    callbacks = as_callbacks(plan.callbacks, validated=validated)
    network.history = History()
    return TrainingRun(network, optimizer, callbacks, plan.epochs)


def _end_epoch(
    run: TrainingRun, bar: Progress, record: dict[str, float], told: Callable[[], bool]
) -> None:
    """Tell all who want to know what an epoch came to, the estimator's own way last."""
    run.end_epoch(record)
    bar.end_epoch(run.epoch - 1, record)
    if told():
        run.stop()


# Epochs ------------------------------------------------------------------------------------------


def fit_epochs(plan: EpochsPlan, record: Record, told: Callable[[], bool]) -> None:
    """Train by mini-batches, with scikit-learn's rules of when to stop.

    ``told`` is called after each epoch, when the record has it, and says whether it is the last.
    """
    try:
        _go_through_epochs(plan, record, told)
    except KeyboardInterrupt:
        warn("Training interrupted by user.")
    if plan.early_stopping:
        plan.weights.network.parameters[:] = record.best_parameters


def _go_through_epochs(plan: EpochsPlan, record: Record, told: Callable[[], bool]) -> None:
    optimizer = plan.optimizer
    n_samples = len(plan.examples) if plan.train is None else len(plan.train)
    run = _run_of(plan, optimizer, validated=plan.validation is not None)
    steps = Epochs(plan, run)
    order = np.arange(n_samples)
    batches = -(-n_samples // plan.batch_size)
    with run, Progress(plan.epochs, batches, enabled=plan.progress) as bar:
        try:
            run.call("on_fit_begin")
            _judge_the_best_again(plan, record)
            while run.begin_epoch():
                if plan.shuffle:
                    order = _shuffled(order, plan)
                rows = order if plan.train is None else plan.train[order]
                total = 0.0
                in_turn = not plan.shuffle and plan.train is None
                for total in steps.epoch(None if in_turn else rows, n_samples):
                    bar.advance(steps.done, total / n_samples)
                    run.call("on_run_end")
                if run.stopping and steps.done < (record.epochs + 1) * batches:
                    break  # within the epoch, which is then none
                if steps.diverged and not plan.early_stopping:
                    raise ValueError(NOT_FINITE)

                loss = record.loss = total / n_samples
                record.epochs += 1
                record.examples_seen += n_samples
                record.losses.append(loss)
                values = {"loss": loss}
                if plan.verbose:
                    print(f"Iteration {record.epochs}, loss = {loss:.8f}")
                if plan.validation is not None:
                    values |= _validate(plan, record, plan.validation)
                _count_epochs_in_vain(plan, record, loss)
                if plan.schedule == "invscaling":
                    rate = plan.learning_rate_init / (record.examples_seen + 1) ** plan.power_t
                    set_rate(optimizer, float(rate))
                _end_epoch(run, bar, values, told)
                if record.in_vain > plan.n_iter_no_change:
                    if _gives_up(plan):
                        break
                    record.in_vain = 0
                if plan.warns_at_the_end and record.epochs == plan.epochs:
                    warn(
                        f"Stochastic Optimizer: Maximum iterations ({plan.epochs}) reached "
                        "and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                    )
        finally:
            plan.weights.penalise(0.0, 0.0)


def _shuffled(order: Array, plan: EpochsPlan) -> Array:
    """The next order, drawn as scikit-learn draws it; of very many examples in windows."""
    window = window_to_shuffle(plan.examples.rows, len(order), plan.batch_size)
    if window is not None:
        return shuffled_in_windows(plan.random_state, len(order), window)
    # As sklearn.utils.shuffle, whose checks would take longer than a small epoch's steps.
    places = np.arange(len(order))
    plan.random_state.shuffle(places)
    return order[places]


def _validate(plan: EpochsPlan, record: Record, validation: Validation) -> dict[str, float]:
    assert record.scores is not None
    assert record.validation_losses is not None
    cost, score = _judged(plan, validation)
    record.validation_losses.append(cost)
    record.scores.append(score)
    if plan.verbose:
        print(f"Validation score: {score:f}")
    return {"val_loss": cost, "val_score": score}


def _judged(plan: EpochsPlan, validation: Validation) -> tuple[float, float]:
    """The loss and the score of the weights as they are."""
    cost, A = judge(plan.weights.network, plan.loss, validation.examples)
    return cost, -cost if validation.score is None else float(validation.score(A))


def _judge_the_best_again(plan: EpochsPlan, record: Record) -> None:
    """Judge the best weights of earlier fits by what this fit's are judged by.

    Scores on other rows, or of another kind, say nothing about each other. The same loss to the
    last bit is that of the same rows, whose epochs in vain go on being counted.
    """
    if not plan.early_stopping or not record.scores:
        return
    assert plan.validation is not None
    assert record.validation_losses is not None
    parameters = plan.weights.network.parameters
    latest = parameters.copy()
    parameters[:] = record.best_parameters
    try:
        cost, score = _judged(plan, plan.validation)
    finally:
        parameters[:] = latest
    if score != record.best_score or cost not in record.validation_losses:
        record.in_vain = 0
    record.best_score = score if score == score else -np.inf


def _count_epochs_in_vain(plan: EpochsPlan, record: Record, loss: float) -> None:
    """Count the epochs in a row that were not better by ``tol``, and keep what is best.

    A NaN is neither better nor worse, as in scikit-learn.
    """
    in_vain = False
    if not plan.early_stopping:
        assert record.best_loss is not None
        in_vain = loss > record.best_loss - plan.tol
        record.best_loss = min(record.best_loss, loss)
    if record.scores is not None:
        assert record.best_score is not None
        score, best = record.scores[-1], record.best_score
        if plan.early_stopping:
            in_vain = score < best + plan.tol
        if score > best:
            record.best_score = score
            if plan.early_stopping:
                assert record.best_parameters is not None
                record.best_parameters[:] = plan.weights.network.parameters
    record.in_vain = record.in_vain + 1 if in_vain else 0


def _gives_up(plan: EpochsPlan) -> bool:
    """Whether too many epochs in vain are the end, or reason for a smaller learning rate."""
    optimizer: Any = plan.optimizer
    what = "Validation score" if plan.early_stopping else "Training loss"
    message = (
        f"{what} did not improve more than tol={plan.tol:f} for "
        f"{plan.n_iter_no_change} consecutive epochs."
    )
    end = True
    if plan.schedule != "adaptive":
        message += " Stopping."
    elif optimizer.learning_rate <= 1e-6:
        message += " Learning rate too small. Stopping."
    else:
        end = False
        set_rate(optimizer, optimizer.learning_rate / 5.0)
        message += f" Setting learning rate to {optimizer.learning_rate:f}"
    if plan.verbose:
        print(message)
    return end


# All examples at once ----------------------------------------------------------------------------


def fit_lbfgs(plan: LBFGSPlan, told: Callable[[], bool]) -> tuple[int | None, float]:
    """Train by SciPy's L-BFGS-B on all examples; an iteration is an epoch to callbacks.

    The cost may be infinite where the line search looks: it then takes a shorter step.

    Returns
    -------
    iterations : int or None
        None where a callback stopped training before the first.
    loss : float
    """
    network = plan.weights.network
    rows, target, constants = plan.examples
    total = float(len(rows) if target.weights is None else target.weights.sum())
    constant = 0.0 if constants is None else float(np.average(constants, weights=target.weights))
    cost_of = Cost(network, minimised(plan.loss), rows, target, constant)
    run = _run_of(plan, LBFGS(), validated=False)
    verbose = plan.verbose is True or plan.verbose >= 1
    options = {"maxfun": plan.max_fun, "maxiter": plan.epochs, "gtol": plan.tol}

    def end_epoch(cost: float) -> None:
        if verbose:
            print(f"Iteration {run.epoch}, loss = {cost:.8f}")
        _end_epoch(run, bar, {"loss": cost}, told)

    iterations = None
    plan.weights.penalise(plan.l1 / total, plan.alpha / total)
    try:
        with run, Progress(run.epochs, 1, enabled=plan.progress) as bar:
            run.call("on_fit_begin")
            result = minimize(run, cost_of, options, bar, end_epoch)
            if result is not None:
                network.parameters[:] = result.x
                iterations = min(result.nit, plan.epochs)
                if result.status != 0 and not run.stopping:
                    _warn_of_no_convergence(result, iterations, plan.epochs)
        loss, _ = Cost(network, plan.loss, rows, target, constant)(network.parameters)
    finally:
        plan.weights.penalise(0.0, 0.0)
    return iterations, loss


def _warn_of_no_convergence(result: Any, iterations: int, most: int) -> None:
    """Say why L-BFGS ended early, in scikit-learn's words."""
    more = f"\nIncrease the number of iterations to improve the convergence (max_iter={most})."
    warn(
        f"lbfgs failed to converge after {iterations} iteration(s) (status={result.status}):\n"
        f"{result.message}\n{more if iterations == most else ''}"
        "\nYou might also want to scale the data as shown in:\n"
        "    https://scikit-learn.org/stable/modules/preprocessing.html",
        ConvergenceWarning,
    )
