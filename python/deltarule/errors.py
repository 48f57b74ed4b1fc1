"""What the package raises and warns of, beside Python's own."""

from __future__ import annotations


class ModelFileError(ValueError):
    """A file that is not what it should be; the message says what is wrong with it, and where.

    Examples
    --------
    >>> from pathlib import Path
    >>> import deltarule as dr
    >>> _ = Path("broken.safetensors").write_bytes(b"nothing of the kind")
    >>> try:
    ...     dr.load("broken.safetensors")
    ... except dr.ModelFileError as error:
    ...     print("refused:", str(error)[:17])
    refused: broken.safetensor
    """


class TableFileError(ValueError):
    """A table that cannot be read; the message names the file, and the row and column if it can."""


class TrainingDivergedError(ArithmeticError):
    """The cost stopped being finite; the network has its last good weights.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(1)], input_size=1, seed=0)
    >>> try:
    ...     net.fit([[1e3], [2e3]], [0.0, 1.0], optimizer=dr.SGD(1e3), epochs=100)
    ... except dr.TrainingDivergedError as error:
    ...     print(bool(abs(net.parameters).max() < float("inf")))
    True
    """


class DistributedError(RuntimeError):
    """Another rank or worker has failed or does not come; the message says which, and why.

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = np.ones((8, 2)), np.ones(8)
    >>> try:
    ...     history = dr.distributed.fit(net, X, y, shards=2, batch_size=4)
    ... except dr.DistributedError as error:  # such as "fit: rank 3 has failed: ValueError: ..."
    ...     print(error)
    """


class TrainingWarning(UserWarning):
    """Something in training that will probably come to nothing, and what may help.

    Examples
    --------
    >>> import warnings
    >>> import deltarule as dr
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", dr.TrainingWarning)  # a fit ends at the first
    ...     net = dr.Network([dr.Dense(1)], input_size=1, seed=0)
    ...     _ = net.fit([[0.0], [1.0]], [0.0, 1.0], callbacks=[dr.Diagnostics(every=1)])
    """


class TableWarning(UserWarning):
    """Something in a table that is probably not what it seems; the message names the columns.

    Examples
    --------
    >>> import warnings
    >>> import deltarule as dr
    >>> encoder = dr.TableEncoder().fit({"age": [31, 54, 45, 28]})
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always", dr.TableWarning)
    ...     _ = encoder.transform({"age": [40], "height": [1.8]})
    >>> "height" in str(told[-1].message)
    True
    """


def not_installed(name: str, missing: ModuleNotFoundError, extra: str) -> ImportError:
    """What to raise where a public name needs a package that is not there."""
    return ImportError(
        f"deltarule.{name} needs {missing.name}, which is not installed: "
        f'pip install "deltarule[{extra}]"'
    )
