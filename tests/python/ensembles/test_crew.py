"""Trainings side by side: a signal may come between any two instructions, and all of them end."""

import signal
import sys
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.ensembles import crew

NETWORKS, SECONDS = 4, 30


class SignalError(BaseException):
    """Stands for Ctrl-C, which pytest has for itself."""


def interrupted(at: int, X: Any, y: Any) -> tuple[list[dr.Network], bool]:
    """Networks in whose training an exception came at an instruction of the crew's own module."""
    networks = [
        dr.Network([dr.Dense(3, "tanh"), dr.Dense(1)], input_size=2, seed=seed)
        for seed in range(NETWORKS)
    ]
    count = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != crew.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
            if count == at:
                raise SignalError
        return trace

    def late(number: int, frame: Any) -> None:
        pytest.fail(f"it goes on for ever, interrupted at instruction {at}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    sys.settrace(trace)
    try:
        dr.fit_many(networks, X, y, epochs=2)
    except SignalError:
        return networks, True
    finally:
        sys.settrace(None)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return networks, False


@pytest.mark.skipif(sys.platform == "win32", reason="alarms are POSIX's")
def test_a_signal_at_any_moment_ends_all() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    y = X[:, 0] * X[:, 1]
    at, heard = 1, True
    while heard:
        networks, heard = interrupted(at, X, y)
        assert all(np.isfinite(network.predict(X)).all() for network in networks)
        at += 1 if at < 40 else 7
    assert at > 500  # it has come in all that the module does
    dr.fit_many(networks, X, y, epochs=2)  # and nothing has been left behind
