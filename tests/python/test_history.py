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
    history["own"] += [1.0, 2.0, 3.0]  # of a callback that takes down more than epochs
    history.pad()
    assert history["own"] == [7.0, 8.0, 1.0, 2.0, 3.0]
    assert {len(values) for values in history.filled().values()} == {3}


def test_a_repr_is_short() -> None:
    history = dr.History()
    assert repr(history) == "History(0 epochs)"
    for epoch in range(1000):
        accuracy = 0.75 if epoch == 499 else 0.5
        history.record({"loss": 1000.0 - epoch, "val_accuracy": accuracy, "size": epoch % 7})
    assert (
        repr(history) == "History(1000 epochs: loss 1, val_accuracy 0.5 (best 0.75 at 500), size 5)"
    )
    history.record({"loss": float("nan")})
    assert repr(history) == (
        "History(1001 epochs: loss nan (best 1 at 1000), val_accuracy nan (best 0.75 at 500), "
        "size nan)"
    )


def test_html_has_the_last_and_the_best() -> None:
    history = a_history()
    history.record({"loss": 0.25, "val_loss": 3.0, "<b>&": float("nan")})
    html = history._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;" in html
    cells = [cell.rpartition(">")[2] for cell in html.split("</td>")[:-1]]
    assert cells[:4] == ["loss", "0.25", "0.1235", "2"]
    assert cells[4:8] == ["val_loss", "3", "1e-09", "2"]
    assert cells[8:] == [
        "<b>&".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "nan",
        "",
        "",
    ]


def test_a_key_that_is_not_there() -> None:
    history = dr.History()
    history.record({"loss": 1.0})
    with pytest.raises(KeyError, match=r"no 'val_loss': expected one of \['loss'\]; .*_data"):
        history["val_loss"]
    with pytest.raises(KeyError, match=r"no 'accuracy': expected one of \['loss'\]\"?$"):
        history["accuracy"]
    assert history.get("val_loss") is None
    assert "val_loss" not in history
    with pytest.raises(KeyError, match=r"expected one of \['loss', 'val_loss'\]\"?$"):
        a_history()["val_accuracy"]


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
