"""Networks and estimators from other libraries' models: the door to what reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deltarule._files.atomic import PathLike
from deltarule._interchange.blueprint import Blueprint
from deltarule.errors import not_installed
from deltarule.network import Network

if TYPE_CHECKING:
    from deltarule.estimators import MLPClassifier, MLPRegressor


def from_onnx(path: PathLike, *, output: str | None = None, seed: int | None = 0) -> Network:
    """Read a dense network from an ONNX file.

    Parameters
    ----------
    path : path_like
        A regular file, whoever wrote it: PyTorch, skl2onnx, ``Network.to_onnx``, others.
    output : str, optional
        Which of the model's outputs, where it has several, such as "probabilities".
    seed : int or None
        Of what the network draws later, as in ``Network``.

    Returns
    -------
    Network
        With the layers that predict the same, float64 where a weight is, else float32. It can be
        trained further. Where ``to_onnx`` wrote the file, it has the features' names.

    Raises
    ------
    ModelFileError
        For a file that is damaged or none of ONNX, and for a model that is no dense network; the
        message lists all nodes that are not supported.
    ImportError
        Without the package ``onnx``.
    OSError
        Where there is no such file.

    Notes
    -----
    Nothing in the file is run, and no other file that it names is opened. docs/interchange.md has
    the operators that are read.

    References
    ----------
    ONNX, "Open Neural Network Exchange Intermediate Representation Specification".

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> net.to_onnx("model.onnx")
    >>> dr.from_onnx("model.onnx").predict([[1.0, 2.0]]).shape
    (1, 1)
    """
    from deltarule._interchange.onnx.file import OnnxFile, import_onnx
    from deltarule._interchange.onnx.layers import blueprint_of
    from deltarule._interchange.onnx.steps import steps_of

    file = OnnxFile(import_onnx("from_onnx"), path)
    blueprint = blueprint_of(file, steps_of(file, output))
    try:
        network = _built(blueprint, seed)
    except ValueError as error:
        file.damaged(str(error))
    network.feature_names = file.feature_names(network.input_size)
    return network


def from_keras(path: PathLike, *, seed: int | None = 0) -> Network:
    """Convert the model of a ``.keras`` file of Keras 3; Keras need not be installed, but h5py.

    Parameters
    ----------
    path : path
        What ``model.save("x.keras")`` wrote: a Sequential model, or a Functional one whose layers
        follow one another, of Dense, Activation, ReLU, LeakyReLU, ELU (alpha=1), PReLU, Softmax,
        Dropout, BatchNormalization, LayerNormalization, Normalization, Flatten (of rows) and
        InputLayer; and models of these in it.
    seed : int or None
        Of the order of examples and of dropout.

    Returns
    -------
    Network
        It predicts the same. float64 where all of the file's numbers are, else float32. Layers
        have the names that they have in Keras.

    Raises
    ------
    ModelFileError
        For a damaged file, and for layers that cannot be expressed: one error that names all.
    ImportError
        Without h5py.

    Notes
    -----
    What belongs to training differs: optimizer, loss, regularizers and constraints stay behind, a
    layer without a bias gets one, which starts from 0 and is trained, and Keras's running variance
    is that of the batch with its bias.

    Examples
    --------
    >>> net = from_keras("model.keras")  # doctest: +SKIP
    """
    from deltarule._interchange.keras_layers import blueprint_of

    return _built(blueprint_of(path), seed)


def from_torch(module: Any, *, input_size: int | None = None, seed: int | None = 0) -> Network:
    """Convert a PyTorch module to a network that predicts the same and trains on alike.

    ``Linear`` and the activation behind it become one ``Dense``.

    Parameters
    ----------
    module : torch.nn.Module
        A ``Sequential``, nested or not, or one layer: Linear, ReLU, LeakyReLU, ELU and CELU
        (alpha=1), GELU, SiLU, Sigmoid, Tanh, Softplus, Softmax, PReLU, Dropout, BatchNorm1d,
        LayerNorm, Identity, Flatten, and the modules that ``network.to_torch`` makes. In training
        or in evaluation mode; it is not changed.
    input_size : int, optional
        The features of an example, where no layer tells.
    seed : int or None
        Of the order of examples and of dropout.

    Returns
    -------
    Network
        Of the module's dtype. Layers under a name that is no number have it, with dots where
        modules are nested: ``network.layers["encoder.fc1"]``. Parameters without
        ``requires_grad`` are not trained.

    Raises
    ------
    ImportError
        Without PyTorch.
    TypeError
        For what is no module, and for other numbers than float32 or float64.
    ValueError
        For modules that cannot be expressed: one error that names all of them, and their places.

    Notes
    -----
    Three things have no counterpart, and training differs by them, prediction does not. A
    ``Linear`` or ``LayerNorm`` without a bias gets one, which starts from 0 and is trained. A
    ``PReLU`` with one slope for all units gets one for each. Dropout drops other numbers.

    A ``LeakyReLU`` whose slope is not 0.01 becomes a frozen ``PReLU``.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> net = from_torch(torch.nn.Sequential(torch.nn.Linear(3, 1)))  # doctest: +SKIP
    """
    from deltarule._interchange.pytorch import blueprint_of

    return _built(blueprint_of(module, input_size), seed)


def from_sklearn(estimator: Any) -> MLPClassifier | MLPRegressor:
    """Convert scikit-learn's ``MLPClassifier`` or ``MLPRegressor``.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted or not. It is not changed.

    Returns
    -------
    deltarule.MLPClassifier or deltarule.MLPRegressor
        With the same parameters, weights and records; ``partial_fit`` goes on from the solver's
        state.

    Raises
    ------
    TypeError
        For another estimator.
    ImportError
        Without scikit-learn.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> import deltarule as dr
    >>> theirs = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", random_state=0)
    >>> _ = theirs.fit([[0.0], [1.0]], [0.0, 2.0])
    >>> ours = dr.from_sklearn(theirs)
    >>> bool(abs(ours.predict([[0.5]]) - theirs.predict([[0.5]])).max() < 1e-9)
    True
    """
    try:
        from deltarule.estimators import from_sklearn as conversion
    except ModuleNotFoundError as missing:
        raise not_installed("from_sklearn", missing, "sklearn") from missing
    return conversion.from_sklearn(estimator)  # type: ignore[no-any-return]


def _built(blueprint: Blueprint, seed: int | None) -> Network:
    network = Network(blueprint.layers, blueprint.input_size, seed, blueprint.dtype)
    network._put(blueprint.numbers)
    return network
