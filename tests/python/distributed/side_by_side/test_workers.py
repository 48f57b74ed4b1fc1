"""Many networks by the workers of Dask: the bits of one machine, and nobody left waiting."""

import json
import os
from typing import Any

import pytest

from support import HERE, run_python

pytest.importorskip("distributed.client")  # as `distributed` alone is this folder too


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a program tells that starts a cluster of its own, of two workers."""
    program = HERE / "distributed" / "side_by_side" / "on_workers.py"
    paths = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    folder = tmp_path_factory.mktemp("workers")
    ended = run_python(
        str(program), str(folder), timeout=180, PYTHONPATH=paths, OMP_NUM_THREADS="1"
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "what", ["callback", "rows", "search", "table", "grid search", "predicted"]
)
def test_workers_come_to_the_bits_of_one_machine(told: dict[str, Any], what: str) -> None:
    """The program holds networks and histories to being the same itself."""
    assert told[what] is True


def test_a_search_sends_X_and_y_once(told: dict[str, Any]) -> None:
    assert told["sent for all rungs"] == 2


def test_an_error_is_told_with_its_network_when_the_others_are_trained(
    told: dict[str, Any],
) -> None:
    words = "OSError: the disk is full: fit_many: this is of networks[2]; the others have been"
    assert told["raised"].startswith(words)
    assert told["the others"] is True
    assert told["seen"] == [1, 2, 3]


def test_a_collection_is_refused(told: dict[str, Any]) -> None:
    assert "X.compute() fetches it" in told["a collection"]


def test_an_interruption_ends_the_tasks(told: dict[str, Any]) -> None:
    assert told["interrupted"].startswith("KeyboardInterrupt")
    assert told["at work"] == 0


def test_another_worker_trains_what_one_that_was_killed_had(told: dict[str, Any]) -> None:
    assert told["a worker killed"] is True


def test_a_worker_that_is_stopped_ends_the_run(told: dict[str, Any]) -> None:
    assert told["a worker stopped"].startswith("DistributedError: fit_many: worker tcp://")
    assert "has given no sign of life for 3 s" in told["a worker stopped"]
