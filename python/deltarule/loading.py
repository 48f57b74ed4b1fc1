"""Models out of files, whatever they are: the one place that knows every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from deltarule._files.atomic import PathLike
from deltarule._files.models import Model, expect_no_more, network_from, read
from deltarule._files.untrusted import brief, naming
from deltarule.errors import ModelFileError, not_installed
from deltarule.network import Network

if TYPE_CHECKING:
    from deltarule.ensembles import Ensemble
    from deltarule.estimators import MLPClassifier, MLPRegressor
    from deltarule.tabular.models.classifier import TabularClassifier
    from deltarule.tabular.models.regressor import TabularRegressor

    Loaded: TypeAlias = (
        Network | Ensemble | MLPClassifier | MLPRegressor | TabularClassifier | TabularRegressor
    )


def load(path: PathLike) -> Loaded:
    """Read a network, an ensemble, an estimator or a model of tables from a file.

    Parameters
    ----------
    path : path-like
        What ``save`` or a `Checkpoint` has written, in this or an older version of the format; of a
        checkpoint the network is read. A symbolic link is refused.

    Returns
    -------
    Network, Ensemble, MLPClassifier, MLPRegressor, TabularClassifier or TabularRegressor

    Raises
    ------
    ModelFileError
        For a file that is damaged, or something else. Nothing in a file is ever executed.
    OSError
        For a file that cannot be read.
    ImportError
        For an estimator where scikit-learn is not installed.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> net.save("model.safetensors")
    >>> dr.load("model.safetensors").parameters.tobytes() == net.parameters.tobytes()
    True
    """
    model = read(path)
    with naming(path):
        if type(model.kind) is not str or model.kind not in _KINDS:
            raise ModelFileError(f"kind is {brief(model.kind)}: expected one of {tuple(_KINDS)}")
        return _KINDS[model.kind](model)  # type: ignore[no-any-return]


def _network(model: Model) -> Network:
    network = network_from(model, Network, _inputs)
    if model.kind == "checkpoint":
        model.leave_out("optimizer.", "callbacks.")
    expect_no_more(model)
    return network


def _ensemble(model: Model) -> Ensemble:
    from deltarule.ensembles import Ensemble
    from deltarule.ensembles.file import ensemble_from

    ensemble = ensemble_from(model, Ensemble)
    expect_no_more(model)
    return ensemble


def _inputs(state: dict[str, Any]) -> Any:
    from deltarule.tabular import TableEncoder  # few networks have one

    return TableEncoder.from_state(state)


def _estimator(model: Model) -> Any:
    try:
        from deltarule import estimators
        from deltarule.estimators.file import estimator_from
    except ModuleNotFoundError as missing:
        raise not_installed(model.kind, missing, "sklearn") from missing
    return estimator_from(model, getattr(estimators, model.kind))


def _of_tables(model: Model) -> Any:
    from deltarule.tabular.models import file

    fitted, parameters, states = file.read(model)
    try:
        from deltarule.tabular.models.classifier import TabularClassifier
        from deltarule.tabular.models.regressor import TabularRegressor
    except ModuleNotFoundError as missing:
        raise not_installed(model.kind, missing, "sklearn") from missing
    kind: Any = TabularClassifier if model.kind == "TabularClassifier" else TabularRegressor
    return kind._of_file(fitted, parameters, states)


_KINDS: dict[str, Callable[[Model], Any]] = {
    "network": _network,
    "checkpoint": _network,
    "ensemble": _ensemble,
    "MLPClassifier": _estimator,
    "MLPRegressor": _estimator,
    "TabularClassifier": _of_tables,
    "TabularRegressor": _of_tables,
}
