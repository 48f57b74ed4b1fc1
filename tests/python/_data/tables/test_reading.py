"""Tables of every format are read as what was written, in whole and in pieces."""

import gzip
import json
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deltarule._data.tables.options import Options
from deltarule._data.tables.reading import OpenTable
from deltarule.errors import TableFileError

pl = pytest.importorskip("polars")

TABLE = {"a": [1, 2, 3], "b": [0.5, None, -2.25], "c": ["Rome", "Zürich, Ost", 'say "x"']}
CSV = 'a,b,c\n1,0.5,Rome\n2,,"Zürich, Ost"\n3,-2.25,"say ""x"""\n'


def _parquet(path: Path) -> None:
    pl.DataFrame(TABLE).write_parquet(path)


def _arrow(path: Path) -> None:
    pl.DataFrame(TABLE).write_ipc(path)


def _lines(path: Path) -> None:
    rows = [dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def _database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE cities (a INTEGER, b REAL, c TEXT)")
        rows = zip(*TABLE.values(), strict=True)
        database.executemany("INSERT INTO cities VALUES (?, ?, ?)", rows)
    database.close()


def _bytes(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


FILES: dict[str, Callable[[Path], None]] = {
    "a.csv": _bytes(CSV.encode()),
    "bom.csv": _bytes(CSV.encode("utf-8-sig")),
    "wide.csv": _bytes(CSV.encode("utf-16")),
    "latin.csv": _bytes(CSV.encode("cp1252")),
    "lines.csv": _bytes(CSV.replace("\n", "\r\n").encode()),
    "blank.csv": _bytes(CSV.replace("\n", "\n\n").encode()),
    "spaces.csv": _bytes(CSV.replace(",", ", ").replace("Zürich, ", "Zürich,").encode()),
    "semicolons.csv": _bytes(b'a;b;c\n1;0.5;Rome\n2;;Z\xc3\xbcrich, Ost\n3;-2.25;"say ""x"""\n'),
    "tabs.tsv": _bytes(b'a\tb\tc\n1\t0.5\tRome\n2\t\tZ\xc3\xbcrich, Ost\n3\t-2.25\t"say ""x"""\n'),
    "bars.txt": _bytes(b'a|b|c\n1|0.5|Rome\n2||Z\xc3\xbcrich, Ost\n3|-2.25|"say ""x"""\n'),
    "packed.csv.gz": _bytes(gzip.compress(CSV.encode())),
    "no-suffix": _bytes(CSV.encode()),
    "a.parquet": _parquet,
    "a.arrow": _arrow,
    "a.jsonl": _lines,
    "a.db": _database,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("rows", [2, 65_536])
def test_every_format_is_the_same_table(name: str, rows: int, tmp_path: Path) -> None:
    path = tmp_path / name
    FILES[name](path)
    options = Options(rows=rows)
    found = OpenTable([str(path)], options).whole().to_dict(as_series=False)
    assert found == TABLE
    pieces = list(OpenTable([str(path)], options))
    assert [piece.height for piece in pieces] == ([2, 1] if rows == 2 else [3])


def test_a_guessed_encoding_is_said(tmp_path: Path) -> None:
    FILES["latin.csv"](tmp_path / "latin.csv")
    [note] = OpenTable([str(tmp_path / "latin.csv")], Options()).notes
    assert "cp1252" in note


def test_codes_stay_text_and_numerals_become_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("zip,n,x,missing\n01234,+1,1e3,?\n99999,-2,.5,7\n", encoding="utf-8")
    frame = OpenTable([str(path)], Options(blanks=("", "?"))).whole()
    assert frame.rows() == [("01234", 1, 1000.0, None), ("99999", -2, 0.5, 7)]


def test_a_column_that_is_text_in_a_later_piece_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n2,3\nthree,4\n", encoding="utf-8")
    frame = OpenTable([str(path)], Options(rows=2)).whole()
    assert frame["x"].to_list() == ["1", "2", "three"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,b\n1,2\n", True),
        ("1,2\n3,4\n", False),
        ("39, State-gov\n50, Private\n", False),
        ("name,city\nAnn,Rome\nBob,Oslo\n", True),
        ("Ann,Rome\nBob,Rome\n", False),
        ("day,n\n2024-01-02,3\n", True),
    ],
)
def test_whether_there_is_a_header_is_told(text: str, named: bool, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    table = OpenTable([str(tmp_path / "a.csv")], Options())
    assert (table.columns == ["1", "2"]) is not named
    assert bool(table.notes) is not named
    for header in (True, False):
        forced = OpenTable([str(tmp_path / "a.csv")], Options(header=header))
        assert (forced.columns == ["1", "2"]) is (not header or text.startswith("1,2"))


def test_names_that_are_known_make_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1990,2000\n5,6\n", encoding="utf-8")
    assert OpenTable([str(tmp_path / "a.csv")], Options()).columns == ["1", "2"]
    assert OpenTable([str(tmp_path / "a.csv")], Options(known=["2000"])).columns == ["1990", "2000"]


def test_arrays(tmp_path: Path) -> None:
    X, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 1])
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", X=X, y=y)
    assert OpenTable([str(tmp_path / "a.npy")], Options()).whole().rows() == list(map(tuple, X))
    frame = OpenTable([str(tmp_path / "a.npz")], Options()).whole()
    assert frame.columns == ["1", "2", "y"]
    assert frame["y"].to_list() == [0, 1, 1]


def test_images_come_with_the_labels_beside_them(tmp_path: Path) -> None:
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    head = struct.pack(">4B3I", 0, 0, 8, 3, 3, 2, 2)
    name = tmp_path / "t-images-idx3-ubyte.gz"
    name.write_bytes(gzip.compress(head + images.tobytes()))
    labels = struct.pack(">4BI", 0, 0, 8, 1, 3) + bytes([7, 8, 9])
    (tmp_path / "t-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    frame = OpenTable([str(name)], Options()).whole()
    assert frame.columns == ["1", "2", "3", "4", "label"]
    assert frame.rows()[1] == (4, 5, 6, 7, 8)


def test_libsvm(tmp_path: Path) -> None:
    (tmp_path / "a.svm").write_text("1 1:2.5 3:1 # one\n-1 2:4\n", encoding="utf-8")
    frame = OpenTable([str(tmp_path / "a.svm")], Options()).whole()
    assert frame.columns == ["target", "1", "2", "3"]
    assert frame.rows() == [(1, 2.5, 0.0, 1.0), (-1, 0.0, 4.0, 0.0)]


def test_several_files_are_one_table_whatever_the_order_of_their_columns(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,x\n", encoding="utf-8")
    (tmp_path / "2.csv").write_text("b,a\ny,2\n", encoding="utf-8")
    frame = OpenTable([str(tmp_path / "*.csv")], Options()).whole()
    assert frame.rows() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"a,b\n1,2\n3\n", "line 3 has 1 field: expected 2"),
        ("a.csv", b'a,b\n1,"x\ny"\n3,4,5\n', "line 4 has 3 fields: expected 2"),
        ("a.csv", b"a,b,a\n1,2,3\n", "'a' 2 times, as columns 1 and 3"),
        ("a.csv", b'a,b\n1,"2\n3,4\n', "line 2: a quote is opened"),
        ("a.csv", b'a,b\n1,"2"x\n', "line 2: there is something behind a closing quote"),
        ("a.csv", b"\x00\x01\x02\xff", "no text"),
        ("a.csv.gz", gzip.compress(b"a,b\n" + bytes(range(48, 58)) * 9999)[:-9], "unpacked"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "line 2 is no JSON"),
        ("a.jsonl", b'{"a": 1}\n[2]\n', "line 2 is [2]"),
        ("a.parquet", b"PAR1junk", "parquet"),
        ("a.arrow", b"ARROW1junk", "arrow"),
        ("a.npy", b"\x93NUMPYjunk", "npy"),
        ("a.npz", b"PK\x03\x04junk", "npz"),
        ("a-idx3-ubyte", b"\0\0\x08\x03\0\0", "cut off"),
        ("a-idx1-ubyte", b"\0\0\x08\x01\0\0\0\x05ab", "expected 5"),
        ("a.svm", b"1 1:2\nx 1:2\n", "line 2"),
        ("a.db", b"SQLite format 3\0junk", "SQLite"),
        ("a.xlsx", b"PK\x03\x04", "spreadsheet"),
        ("a.pkl", b"\x80\x04", "pickle"),
    ],
)
def test_what_is_wrong_is_said_and_where(
    name: str, data: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(TableFileError) as caught:
        OpenTable([str(path)], Options()).whole()
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_a_database_has_not(tmp_path: Path) -> None:
    _database(tmp_path / "a.db")
    with pytest.raises(TableFileError, match="did you mean 'cities'"):
        OpenTable([f"sqlite:{tmp_path}/a.db#citys"], Options())


def test_names_of_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("a\n1\n", encoding="utf-8")
    for name, words in {
        "dat.csv": "did you mean 'data.csv'",
        "*.parquet": "no file matches",
        ".": "folder",
        "sqlite:x.db#t": "no such file",
    }.items():
        with pytest.raises(TableFileError, match=words):
            OpenTable([name], Options())
