"""Predictions by ranges of rows: in memory and to a file; on several ranks in test_ranks.py."""

from pathlib import Path

import numpy as np
import pytest

import deltarule as dr
from deltarule.distributed.predicting import ranges
from support import Array, network


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Array:
    monkeypatch.setattr(ranges, "_PIECE", 7)
    return np.random.default_rng(0).normal(size=(50, 3)).astype("float32")


def test_in_memory_and_from_a_file_to_a_file(rows: Array, tmp_path: Path) -> None:
    net = network([3, 4, 2])
    expected = net.predict(rows)
    assert dr.distributed.predict(net, rows).tobytes() == expected.tobytes()
    np.save(tmp_path / "rows.npy", rows)
    out = tmp_path / "out.npy"
    mapped = dr.distributed.predict(net, str(tmp_path / "rows.npy"), out=out)
    assert isinstance(mapped, np.memmap)
    assert np.load(out).tobytes() == expected.tobytes()


def test_rows_of_other_containers(rows: Array) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    pandas = pytest.importorskip("pandas")
    net = network([3, 4, 2])
    expected = net.predict(rows).tobytes()
    for same in (sparse.coo_matrix(rows), pandas.DataFrame(rows), rows.tolist()):
        assert dr.distributed.predict(net, same).tobytes() == expected
    columns = dict(zip("abc", rows.T, strict=True))
    assert dr.distributed.predict(net, columns).tobytes() == expected


def test_what_fails_leaves_the_file_that_was_there(rows: Array, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    out.write_bytes(b"old")
    rows[40, 1] = np.nan
    with pytest.raises(ValueError, match="is nan"):
        dr.distributed.predict(network([3, 2]), rows, out=out)
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("method", "words"),
    [("predict_proba", "a Network has no method 'predict_proba'"), ("summary", "argument")],
)
def test_methods_that_are_none(rows: Array, method: str, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        dr.distributed.predict(network([3, 2]), rows, method=method)


def test_answers_that_are_not_one_a_row(rows: Array) -> None:
    ensemble = dr.Ensemble([network([3, 2]), network([3, 2], seed=1)])
    with pytest.raises(ValueError, match="expected an answer to each row"):
        dr.distributed.predict(ensemble, rows, method="predict_all")


def test_no_rows(rows: Array) -> None:
    with pytest.raises(ValueError, match="X has no rows"):
        dr.distributed.predict(network([3, 2]), rows[:0])
