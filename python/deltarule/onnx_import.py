"""A network out of an ONNX file: the door.

``onnx_file`` reads the file, ``onnx_steps`` goes back from the output to the input, a layer at a
time, and ``onnx_layers`` goes forwards again and makes the network.
"""

from deltarule.atomic_file import PathLike
from deltarule.network import Network
from deltarule.onnx_export import import_onnx
from deltarule.onnx_file import OnnxFile
from deltarule.onnx_layers import network_of
from deltarule.onnx_steps import steps_of


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
        trained further.

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
    """
    file = OnnxFile(import_onnx("from_onnx"), path)
    return network_of(file, steps_of(file, output), seed)
