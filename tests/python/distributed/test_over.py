"""What `over` and `fit_many` take; what comes of them on ranks and workers is in side_by_side/."""

import sys

import pytest

import deltarule as dr
from support import data, network

N = [3, 4, 2]


def test_one_process_is_this_machine_alone() -> None:
    X, y = data(30, N)
    trained = []
    for train in (dr.fit_many, dr.distributed.fit_many):
        nets = [network(N, seed=k) for k in range(2)]
        train(nets, X, y, epochs=2)
        trained.append([net.parameters.tobytes() for net in nets])
    with dr.distributed.over():
        nets = [network(N, seed=k) for k in range(2)]
        dr.fit_many(nets, X, y, epochs=2)
        trained.append([net.parameters.tobytes() for net in nets])
    assert trained[0] == trained[1] == trained[2]


def test_both_are_refused() -> None:
    words = "over: comm is 1 and client is 2: expected one of them"
    with pytest.raises(TypeError, match=words), dr.distributed.over(comm=1, client=2):
        pass


def test_a_timeout_out_of_its_range() -> None:
    with pytest.raises(ValueError, match="fit_many: timeout is 0"):
        dr.distributed.fit_many([network(N)], *data(9, N), timeout=0)


def test_what_is_no_client() -> None:
    pytest.importorskip("distributed.client")
    with pytest.raises(TypeError, match="fit_many: client is 3: expected a dask"):
        dr.distributed.fit_many([network(N)], *data(9, N), client=3)


@pytest.mark.parametrize(
    ("options", "absent", "extra"),
    [({"comm": 1}, "mpi4py", "mpi"), ({"client": 1}, "distributed", "dask")],
)
def test_without_the_package(
    options: dict[str, int], absent: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(ImportError, match=f"needs {absent}.*deltarule.{extra}"):
        dr.distributed.fit_many([network(N)], *data(9, N), **options)
