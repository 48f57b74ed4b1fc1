"""How the estimators go down: scikit-learn's epochs and stopping rules, over the core's steps."""

import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from deltarule import _core
from deltarule.all_examples import Cost, infer
from deltarule.containers import Rows
from deltarule.estimator_losses import minimised
from deltarule.history import History
from deltarule.last_good import Run
from deltarule.live_weights import LiveWeights
from deltarule.losses import Loss
from deltarule.memory_map import let_go, mapped_file, rows_a_window, shuffled_in_windows
from deltarule.optimizers import (
    LBFGS,
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    _flag,
    _number,
)
from deltarule.progress import Progress
from deltarule.steps import (
    MakeSteps,
    batch_of,
    copy_into,
    every_step_of,
    expect_every_step,
    next_run,
    with_rates,
)
from deltarule.training_run import TrainingRun, as_callbacks

Array = NDArray[Any]

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


class Examples(NamedTuple):
    """What is trained on, or judged."""

    rows: Rows
    target: "_core.Target"
    constants: Array | None = None  # what each adds to the loss whatever is predicted

    def __len__(self) -> int:
        return len(self.rows)


class Validation(NamedTuple):
    """What each epoch is judged by: its loss, and its score where it is asked for."""

    examples: Examples
    score: Callable[[Array], float]  # of the outputs


# Optimizers as scikit-learn has them -------------------------------------------------------------


@dataclass(eq=False)
class _Momentum(SGD):
    """SGD whose momentum may be 1."""

    momentum: float = _number(0.9, below=np.nextafter(1.0, 2.0))


@dataclass(eq=False)
class _PaperAdam(Adam):
    """Adam in the form of the paper's section 2: epsilon is added before the bias is corrected."""

    epsilon_hat: bool = _flag()


def optimizer_of(estimator: Any) -> Optimizer:
    """A new optimizer as an estimator's parameters ask for it."""
    solver, rate = estimator.solver, estimator.learning_rate
    rate = rate if callable(rate) else float(estimator.learning_rate_init)
    if isinstance(solver, Optimizer):
        own: Any = deepcopy(solver)
        if callable(estimator.learning_rate):
            own.learning_rate = deepcopy(rate)
        return own  # type: ignore[no-any-return]
    rate = deepcopy(rate)
    moments: dict[str, Any] = {
        name: float(getattr(estimator, name)) for name in ("beta_1", "beta_2", "epsilon")
    }
    if solver == "sgd":
        momentum = float(estimator.momentum)
        nesterov = bool(estimator.nesterovs_momentum) and momentum > 0
        return _Momentum(rate, momentum, nesterov)
    if solver == "adam":
        return _PaperAdam(rate, epsilon_hat=True, **moments)
    kind: Any = OPTIMIZERS[solver]
    return kind(rate, **(moments if kind in (AdamW, NAdam, RAdam) else {}))  # type: ignore[no-any-return]


def _set_rate(optimizer: Any, rate: float) -> None:
    """Change the rate of SGD with momentum as scikit-learn does, whose velocity contains it."""
    rate = max(rate, float(np.finfo(np.float64).tiny))
    if optimizer.state is not None:
        optimizer.state *= optimizer.learning_rate / rate
    optimizer.learning_rate = rate


def _run_of(
    estimator: Any, network: Any, optimizer: Optimizer, epochs: int, *, validated: bool
) -> TrainingRun:
    """A fit about to begin, as the estimator's callbacks see it."""
    callbacks = as_callbacks(list(estimator.callbacks or ()), validated=validated)
    network.history = History()
    return TrainingRun(network, optimizer, callbacks, epochs)


def _end_epoch(
    run: TrainingRun, bar: Progress, record: dict[str, float], told: Callable[[], bool]
) -> None:
    """Tell all who want to know what an epoch came to, scikit-learn's callbacks last."""
    run.end_epoch(record)
    bar.end_epoch(run.epoch - 1, record)
    if told():
        run.stop()


# Epochs ------------------------------------------------------------------------------------------


class _Epochs:
    """The steps of epochs, a run of mini-batches a call to the core.

    The penalties are divided by the batch's own number of examples, or their weight, and a layer's
    penalty is the same throughout a run: so a smaller last batch is a run by itself, and where
    examples are weighted each batch is.
    """

    def __init__(
        self,
        weights: LiveWeights,
        loss: Loss,
        examples: Examples,
        run: TrainingRun,
        batch_size: int,
        alpha: float,
        l1: float,
        clip_value: float | None,
        clip_norm: float | None,
    ) -> None:
        self._weights, self._network, self._run = weights, weights.network, run
        self._examples, self._batch_size = examples, batch_size
        self._alpha, self._l1 = alpha, l1
        self._optimizer: Any = run.optimizer
        expect_every_step(self._optimizer, clip_value, clip_norm, None)
        every_step = every_step_of(self._network, clip_value, clip_norm, None)
        self._make = MakeSteps(run, loss, every_step)
        self._before: Array | None = None
        self._run_batches = 1
        rows = examples.rows
        self._mapped = mapped_file(rows) if isinstance(rows, np.ndarray) else None
        self._window = max(1, rows_a_window(rows) // batch_size) if self._mapped else 0
        self.diverged = False
        self.done = 0  # batches, in all epochs

    def epoch(self, order: Array | None, m: int) -> Iterator[float]:
        """Make the steps of an epoch; after each run tell the sum of the examples' losses."""
        order = None if order is None else np.ascontiguousarray(order, np.int64)
        weights = self._examples.target.weights
        if weights is not None and order is not None:
            weights = weights[order]
        if self.diverged:  # no step leads back
            yield np.nan
            return
        for first, count, weight in self._runs(m, weights):
            share = 1.0 / weight if weight > 0 else 0.0
            self._weights.penalise(self._l1 * share, self._alpha * share)
            total = self._make_steps(order, first, count)
            yield total + self._constants(order, weights, first, count)
            if self.diverged or self._run.stopping:
                return

    def _runs(self, m: int, weights: Array | None) -> Iterator[tuple[int, int, float]]:
        """The first example, how many, and what a batch of them weighs."""
        size, first = self._batch_size, 0
        apart = weights is not None and (self._alpha > 0 or self._l1 > 0)
        while first < m:
            batches = 1 if apart else self._run_batches
            if self._mapped is not None:  # a run reads one window, and lets it go
                batches = min(batches, self._window - first // size % self._window)
            unseen = self._run.steps_unseen(self._optimizer.step)
            if unseen is not None:
                batches = min(batches, max(1, unseen))
            count = min(batches * size, m - first)
            if count > size:
                count -= count % size
            weight = float(min(size, count))
            if apart:
                assert weights is not None
                weight = float(weights[first : first + count].sum())
            yield first, count, weight
            first += count

    def _make_steps(self, order: Array | None, first: int, count: int) -> float:
        """Make the steps of a run; the sum over its batches of cost times examples."""
        size, optimizer, network = self._batch_size, self._optimizer, self._network
        X, target = self._examples.rows, self._examples.target
        rule = optimizer._rule()
        run = with_rates(Run(X, target, order, first, count, size, rule, None), optimizer)
        batches = run.batches
        costs = np.empty((batches, 2))
        seen = self._run.steps_unseen(optimizer.step) == 0
        if seen:
            before = self._before = copy_into(self._before, network.parameters)
        started = perf_counter()
        steps, ended, exception = self._make(run, costs, keep_gradients=seen)
        if self._mapped is not None:
            let_go(self._mapped)
        self._run_batches = next_run(batches, perf_counter() - started)
        self.done += steps
        if exception is not None:
            raise exception
        if ended == "non_finite":
            self.diverged = True
            network.parameters[:] = np.nan
            return np.nan
        sums, weights = costs.T
        of_batches = np.divide(sums, weights, out=np.zeros(batches), where=weights != 0)
        if seen:
            cost, gradients = float(of_batches[0]), self._make.gradients
            self._run.show_step(cost, gradients, before, lambda: batch_of(run))
        sizes = np.full(batches, size)
        sizes[-1] = count - (batches - 1) * size
        return float(of_batches @ sizes)

    def _constants(
        self, order: Array | None, weights: Array | None, first: int, count: int
    ) -> float:
        """What those examples add to the losses whatever is predicted."""
        constants = self._examples.constants
        if constants is None:
            return 0.0
        span: Any = slice(first, first + count)
        constants = constants[span if order is None else order[span]]
        if weights is None:
            return float(constants.sum())
        starts = np.arange(0, count, self._batch_size)
        sums = np.add.reduceat(weights[span] * constants, starts)
        shares = np.add.reduceat(weights[span], starts)
        return float(sums / shares @ np.diff(np.append(starts, count)))


def judge(network: Any, loss: Loss, examples: Examples) -> tuple[float, Array]:
    """The mean loss, without penalties, and the outputs."""
    total, A = infer(network, examples.rows, examples.target, loss)
    weights = examples.target.weights
    constants = examples.constants
    if constants is not None:
        total += float(constants.sum() if weights is None else weights @ constants)
    return total / (len(examples) if weights is None else float(weights.sum())), A


def fit_epochs(
    estimator: Any,
    weights: LiveWeights,
    loss: Loss,
    examples: Examples,
    train: Array | None,
    validation: Validation | None,
    *,
    incremental: bool,
    end_epoch: Callable[[], bool],
) -> None:
    """Train by mini-batches, with scikit-learn's rules of when to stop.

    ``train`` are the rows to train on where they are not all; ``end_epoch`` is called after each
    epoch, and says whether it shall be the last.
    """
    network = weights.network
    optimizer: Any = getattr(estimator, "_optimizer", None)
    if incremental and optimizer is not None:
        # Its network may be another by now, made anew; the state goes on if it is as long.
        size = _core.state_vector_count(optimizer._rule()) * network.parameters.size
        optimizer._network = None
        optimizer = optimizer if optimizer._fits(network, size) else None
    if not incremental or optimizer is None:
        optimizer = estimator._optimizer = optimizer_of(estimator)
    scheduled = estimator.learning_rate if estimator.solver == "sgd" else "constant"
    n_samples = len(examples) if train is None else len(train)
    if estimator.batch_size == "auto":
        batch_size = min(200, n_samples)
    else:
        if estimator.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=4,
            )
        batch_size = int(np.clip(estimator.batch_size, 1, n_samples))

    epochs = 1 if incremental else estimator.max_iter
    run = _run_of(estimator, network, optimizer, epochs, validated=validation is not None)
    steps = _Epochs(
        weights,
        loss,
        examples,
        run,
        batch_size,
        float(estimator.alpha),
        float(estimator.l1),
        estimator.clip_value,
        estimator.clip_norm,
    )
    order = np.arange(n_samples)
    batches = -(-n_samples // batch_size)
    stops_early = estimator.early_stopping
    with run, Progress(epochs, batches, enabled=bool(estimator.progress)) as bar:
        try:
            estimator.n_iter_ = 0
            run.call("on_fit_begin")
            while run.begin_epoch():
                if estimator.shuffle:
                    order = _shuffled(order, examples.rows, batch_size, estimator._random_state)
                rows = order if train is None else train[order]
                total = 0.0
                in_turn = not estimator.shuffle and train is None
                for part in steps.epoch(None if in_turn else rows, n_samples):
                    total += part
                    bar.advance(steps.done, total / n_samples)
                    run.call("on_run_end")
                if run.stopping and steps.done < (estimator.n_iter_ + 1) * batches:
                    break  # within the epoch, which is then none
                if steps.diverged and not stops_early:
                    raise ValueError(NOT_FINITE)

                estimator.n_iter_ += 1
                estimator.loss_ = total / n_samples
                estimator.t_ += n_samples
                estimator.loss_curve_.append(estimator.loss_)
                record = {"loss": estimator.loss_}
                if estimator.verbose:
                    print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
                if validation is not None:
                    record |= _validate(estimator, network, loss, validation)
                _count_epochs_in_vain(estimator, network)
                if scheduled == "invscaling":
                    rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
                    _set_rate(optimizer, float(rate))
                _end_epoch(run, bar, record, end_epoch)
                if estimator._no_improvement_count > estimator.n_iter_no_change:
                    if _gives_up(estimator, optimizer, scheduled):
                        break
                    estimator._no_improvement_count = 0
                if not incremental and estimator.n_iter_ == estimator.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached "
                        "and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=4,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        finally:
            weights.penalise(0.0, 0.0)
    if stops_early:
        network.parameters[:] = estimator._best_parameters


def _shuffled(order: Array, rows: Rows, batch_size: int, random_state: Any) -> Array:
    """The next order, drawn as scikit-learn draws it; that of a large memory map in windows."""
    if isinstance(rows, np.ndarray) and mapped_file(rows) is not None:
        window = max(1, rows_a_window(rows) // batch_size) * batch_size
        if len(order) > window:
            return shuffled_in_windows(random_state, len(order), window)
    # As sklearn.utils.shuffle, whose checks would take longer than a small epoch's steps.
    places = np.arange(len(order))
    random_state.shuffle(places)
    return order[places]


def _validate(estimator: Any, network: Any, loss: Loss, validation: Validation) -> dict[str, float]:
    cost, A = judge(network, loss, validation.examples)
    score = -cost if estimator.scoring == "loss" else float(validation.score(A))
    estimator.validation_loss_curve_.append(cost)
    estimator.validation_scores_.append(score)
    if estimator.verbose:
        print(f"Validation score: {score:f}")
    return {"val_loss": cost, "val_score": score}


def _count_epochs_in_vain(estimator: Any, network: Any) -> None:
    """Count the epochs in a row that were not better by ``tol``, and keep what is best.

    A NaN is neither better nor worse, as in scikit-learn.
    """
    if not estimator.early_stopping:
        in_vain = estimator.loss_ > estimator.best_loss_ - estimator.tol
        estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
    if estimator.validation_scores_ is not None:
        score, best = estimator.validation_scores_[-1], estimator.best_validation_score_
        if estimator.early_stopping:
            in_vain = score < best + estimator.tol
        if score > best:
            estimator.best_validation_score_ = score
            if estimator.early_stopping:
                np.copyto(estimator._best_parameters, network.parameters)
    estimator._no_improvement_count = estimator._no_improvement_count + 1 if in_vain else 0


def _gives_up(estimator: Any, optimizer: Any, scheduled: Any) -> bool:
    """Whether too many epochs in vain are the end, or reason for a smaller learning rate."""
    what = "Validation score" if estimator.early_stopping else "Training loss"
    message = (
        f"{what} did not improve more than tol={estimator.tol:f} for "
        f"{estimator.n_iter_no_change} consecutive epochs."
    )
    end = True
    if scheduled != "adaptive":
        message += " Stopping."
    elif optimizer.learning_rate <= 1e-6:
        message += " Learning rate too small. Stopping."
    else:
        end = False
        _set_rate(optimizer, optimizer.learning_rate / 5.0)
        message += f" Setting learning rate to {optimizer.learning_rate:f}"
    if estimator.verbose:
        print(message)
    return end


# All examples at once ----------------------------------------------------------------------------


def fit_lbfgs(
    estimator: Any,
    weights: LiveWeights,
    loss: Loss,
    examples: Examples,
    *,
    end_epoch: Callable[[], bool],
) -> None:
    """Train by SciPy's L-BFGS-B on all examples; an iteration is an epoch to callbacks.

    The cost may be infinite where the line search looks: it then takes a shorter step.
    """
    from scipy.optimize import minimize
    from sklearn.utils.optimize import _check_optimize_result

    network = weights.network
    rows, target, constants = examples
    total = float(len(examples) if target.weights is None else target.weights.sum())
    constant = 0.0 if constants is None else float(np.average(constants, weights=target.weights))
    cost_of = Cost(network, minimised(loss), rows, target, constant)
    run = _run_of(estimator, network, LBFGS(), estimator.max_iter, validated=False)
    verbose = estimator.verbose is True or estimator.verbose >= 1

    def end(x: Array) -> None:
        network.parameters[:] = x
        run.optimizer.step += 1
        if verbose:
            print(f"Iteration {run.epoch}, loss = {cost_of.latest:.8f}")
        bar.advance(run.epoch, cost_of.latest)
        run.call("on_run_end")
        _end_epoch(run, bar, {"loss": cost_of.latest}, end_epoch)
        if run.history.epochs < run.epochs:
            run.begin_epoch()
        if run.stopping:
            raise StopIteration

    weights.penalise(float(estimator.l1) / total, float(estimator.alpha) / total)
    try:
        with run, Progress(run.epochs, 1, enabled=bool(estimator.progress)) as bar:
            run.call("on_fit_begin")
            if run.begin_epoch():
                result = minimize(
                    cost_of,
                    network.parameters.astype(np.float64),
                    jac=True,
                    method="L-BFGS-B",
                    callback=end,
                    options={
                        "maxfun": estimator.max_fun,
                        "maxiter": estimator.max_iter,
                        "gtol": estimator.tol,
                    },
                )
                network.parameters[:] = result.x
                estimator.n_iter_ = (
                    result.nit
                    if run.stopping
                    else _check_optimize_result("lbfgs", result, estimator.max_iter)
                )
        estimator.loss_ = Cost(network, loss, rows, target, constant)(network.parameters)[0]
    finally:
        weights.penalise(0.0, 0.0)
