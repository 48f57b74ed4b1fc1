"""Memory that vector instructions like."""

import numpy as np
import pytest

from deltarule._arrays import aligned_zeros
from support import DTYPES


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 7, 1000])
def test_aligned_zeros(size: int, dtype: str) -> None:
    zeros = aligned_zeros(size, np.dtype(dtype))
    assert zeros.shape == (size,)
    assert zeros.dtype == dtype
    assert not zeros.any()
    assert size == 0 or zeros.ctypes.data % 64 == 0
