"""How many threads the core has, and which build of it runs."""

from __future__ import annotations

from deltarule import _core
from deltarule._checks import expect_integer


def get_num_threads() -> int:
    """Tell how many threads the core may use.

    Returns
    -------
    int
        What ``set_num_threads`` or ``OMP_NUM_THREADS`` has set, else as many as there are
        processors for this process: the least of the machine's, of those that it may run on
        (``taskset``), and of the quota of its container, rounded up. A nonsense ``OMP_NUM_THREADS``
        is warned of when the core is imported.

    Examples
    --------
    >>> import deltarule as dr
    >>> dr.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()


def set_num_threads(n: int) -> None:
    """Set how many threads the core may use, in all of the process; it changes no bit.

    Parameters
    ----------
    n : int
        1 or more. Short calls take fewer, as more would not pay.

    Raises
    ------
    TypeError
        For what is no integer.
    ValueError
        For less than 1, and for more than the core manages.

    Examples
    --------
    >>> import deltarule as dr
    >>> before = dr.get_num_threads()
    >>> dr.set_num_threads(1)
    >>> dr.get_num_threads()
    1
    >>> dr.set_num_threads(before)
    """
    number = expect_integer(n, "set_num_threads: n")
    if abs(number) >= 2**31:  # which the core would not even be asked
        raise ValueError(f"set_num_threads: got {n}: expected 1 or more, and less than 2^31")
    _core.set_num_threads(number)


def isa() -> str:
    """Tell which build of the core runs.

    Returns
    -------
    str
        portable, avx2 or avx512; ``DELTARULE_ISA`` forces one.

    Examples
    --------
    >>> import deltarule as dr
    >>> dr.isa() in ("portable", "avx2", "avx512")
    True
    """
    return _core.isa


# Where users find them.
for _each in (get_num_threads, set_num_threads, isa):
    _each.__module__ = "deltarule"
