"""The history as a dictionary, a table and columns."""

import pytest

import deltarule as dr
from deltarule.history import as_table
from support import data, network


def a_history() -> dr.History:
    history = dr.History()
    history.record({"loss": 1.5, "val_loss": 2.0})
    history.record({"loss": 0.123456, "val_loss": 1e-9})
    return history


def test_record_and_columns() -> None:
    history = a_history()
    assert history == {"loss": [1.5, 0.123456], "val_loss": [2.0, 1e-9]}
    assert history.epochs == 2
    assert history.at(2) == {"loss": 0.123456, "val_loss": 1e-9}
    assert history.columns() == {"epoch": [1, 2], **history}
    assert dr.History().epochs == 0


def test_a_name_that_comes_later_or_goes() -> None:
    """An epoch that lacks a value has NaN; what a callback appends on its own stays where it is."""
    nan = pytest.approx(float("nan"), nan_ok=True)
    history = dr.History()
    history.record({"loss": 3.0, "old": 1.0})
    history.setdefault("own", []).append(7.0)
    history.record({"loss": 2.0, "new": 5.0})
    history["own"].append(8.0)
    assert history.at(1) == {"loss": 3.0, "old": 1.0, "own": 7.0, "new": nan}
    assert history.at(2) == {"loss": 2.0, "old": nan, "own": 8.0, "new": 5.0}
    assert history.columns() == {
        "epoch": [1, 2],
        "loss": [3.0, 2.0],
        "old": [1.0, nan],
        "own": [7.0, 8.0],
        "new": [nan, 5.0],
    }
    assert "nan" in history.table()
    history.record({"loss": 1.0, "old": 2.0, "new": 3.0})
    assert history["old"] == [1.0, nan, 2.0]
    history["own"] += [1.0, 2.0, 3.0]
    assert {len(values) for values in history.filled().values()} == {3}


@pytest.mark.parametrize("epoch", [0, 3, -1])
def test_an_epoch_that_was_not_finished(epoch: int) -> None:
    with pytest.raises(IndexError, match=f"there is no epoch {epoch}: expected 1 to 2"):
        a_history().at(epoch)


def test_table() -> None:
    assert a_history().table() == (
        "epoch    loss  val_loss\n"
        "    1     1.5         2\n"
        "    2  0.1235     1e-09"
    )  # fmt: skip
    assert dr.History().table() == "epoch"


def test_text_is_to_the_left() -> None:
    columns = {"n": [1, 22], "name": ["a", "long"], "x": [0.5, float("nan")]}
    assert as_table(columns) == " n  name    x\n 1  a     0.5\n22  long  nan"


def test_pandas_takes_it() -> None:
    pandas = pytest.importorskip("pandas")
    history = network([3, 2]).fit(*data(9, [3, 2]), epochs=3)
    frame = pandas.DataFrame(history.columns())
    assert list(frame.columns) == ["epoch", "loss"]
    assert frame["loss"].tolist() == history["loss"]
