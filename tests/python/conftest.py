"""Fixtures for every test file."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import deltarule as dr
from what_is_left import *  # noqa: F403 (pytest finds its hooks here)

# What a shell starts in the background ignores Ctrl-C: the tests of it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, so that what fails is what was changed; a search for new ones,
# with DELTARULE_FUZZ=<how many>, draws its own.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("search" if "DELTARULE_FUZZ" in os.environ else "same")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Where the real data lie that are not the project's to give away."""
    value = os.environ.get("DELTARULE_DATA")
    if not value:
        pytest.skip("DELTARULE_DATA does not name the folder of the real data")
    folder = Path(value)
    if not folder.is_dir():
        pytest.skip(f"DELTARULE_DATA={value}: there is no such folder")
    return folder


@pytest.fixture(autouse=True)
def _same_number_of_threads() -> Iterator[None]:
    before = dr.get_num_threads()
    yield
    dr.set_num_threads(before)
