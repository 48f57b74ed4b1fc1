"""A short soak: nothing that a fit or a load takes is kept. `soak.py` is the long one."""

import sys

import pytest

from soak import soak


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_fits_and_loads_keep_nothing() -> None:
    states = list(soak(1500, 15))
    warm, last = states[4], states[-1]
    # The smallest object of the core that a round could leave behind is larger than this.
    assert last.bytes - warm.bytes < 400 * (last.rounds - warm.rounds)
    assert last.files == warm.files
    assert last.threads == warm.threads
