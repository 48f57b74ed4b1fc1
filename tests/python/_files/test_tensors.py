"""Safetensors: what is written comes back, and what is wrong with a file is said."""

import json
import os
import socket
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import deltarule as dr
from deltarule._files.tensors import json_object, read_metadata, read_tensors, write_tensors
from support import Array, assert_same_bits

# What is written comes back -------------------------------------------------------------------

TENSORS: dict[str, Array] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "empty": np.zeros((0, 4), np.int32),
    "one": np.array(7, np.int64),
    "bytes": np.arange(3, dtype=np.uint8),
    "truth": np.array([True, False, True]),
    "big-endian": np.arange(3, dtype=">f4"),
}


def test_tensors_come_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"who": "wir \u00e4"})
    tensors, metadata = read_tensors(path)
    assert metadata.pop("sha256")
    assert metadata == {"who": "wir \u00e4"}
    assert list(tensors) == list(TENSORS)
    for name, tensor in TENSORS.items():
        assert_same_bits(tensors[name], tensor.astype(tensor.dtype.newbyteorder("=")))
        assert tensors[name].flags.writeable


def test_as_safetensors_reads_and_writes(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"who": "we"})
    for name, tensor in safetensors.numpy.load_file(path).items():
        np.testing.assert_array_equal(tensor, TENSORS[name])
    native = {
        name: tensor.astype(tensor.dtype.newbyteorder("="), order="C")
        for name, tensor in TENSORS.items()
    }
    safetensors.numpy.save_file(native, path, {"who": "they"})
    tensors, metadata = read_tensors(path)
    assert metadata == {"who": "they"}
    for name, tensor in native.items():
        np.testing.assert_array_equal(tensors[name], tensor)


def test_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "x"
    header = b'{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    numbers = np.array([1.5, -2.0], "<f4").tobytes()
    path.write_bytes(len(header).to_bytes(8, "little") + header + numbers)
    tensors, metadata = read_tensors(path)
    assert tensors["t"].tolist() == [1.5, -2.0]
    assert metadata == {}


def a_file(header: Any, data_bytes: int = 8, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    return size.to_bytes(8, "little") + text + bytes(data_bytes)


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> Any:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty: expected a safetensors file"),
        (b"\x01\x00", "the file has 2 bytes"),
        (
            a_file({}, 0, length=3),
            "header's length is 3 but the file has 10 bytes|overlap|not JSON",
        ),
        (a_file({}, 0, length=2**63), "header's length is 9223372036854775808 but"),
        (a_file(b"{\xff}"), "header is not JSON"),
        (a_file(b"[" * 100_000), "header is not JSON"),
        (a_file([]), "header is a list: expected an object"),
        (a_file(b'{"a":1,"a":1}'), "the name 'a' stands twice in the header"),
        (a_file({"__metadata__": {"a": 1}}), "__metadata__ is not an object of strings"),
        (a_file({"t": 3}), "tensor 't': expected dtype, shape and data_offsets"),
        (a_file({"t": entry(extra=1)}), "expected dtype, shape and data_offsets"),
        (a_file({"t": entry(dtype="O")}), "dtype is 'O': expected one of"),
        (a_file({"t": entry(dtype=["F32"])}), r"dtype is \['F32'\]: expected one of"),
        (a_file({"t": entry(shape=[-2])}), r"shape is \[-2\]: expected a list of whole numbers"),
        (a_file({"t": entry(shape=[2.0])}), r"shape is \[2.0\]: expected"),
        (a_file({"t": entry(shape=[True])}), r"shape is \[True\]: expected"),
        (a_file({"t": entry(shape=2)}), "shape is 2: expected"),
        (a_file({"t": entry(offsets=[0])}), r"data_offsets are \[0\]: expected two"),
        (a_file({"t": entry(offsets=[-8, 0])}), r"data_offsets are \[-8, 0\]: expected two"),
        (a_file({"t": entry(offsets=[8, 0])}), r"takes 8 bytes"),
        (a_file({"t": entry(shape=[3])}), r"shape \[3\] of F32 takes 12 bytes"),
        (a_file({"t": entry(shape=[2**62, 4])}), "takes 73786976294838206464 bytes"),
        (a_file({"t": entry()}, 7), "tensors take 8 bytes but the file holds 7"),
        (a_file({"t": entry()}, 9), "tensors take 8 bytes but the file holds 9"),
        (a_file({"t": entry(), "u": entry()}), "tensors overlap or leave a gap at byte 0"),
        (a_file({"t": entry(offsets=[8, 16])}, 16), "tensors overlap or leave a gap at byte 0"),
    ],
)
def test_what_is_wrong_with_a_file(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(dr.ModelFileError, match=message) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError)


# Damage ----------------------------------------------------------------------------------------


def test_every_bit_that_flips_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": np.arange(3.0), "b": np.ones(2, np.uint8)}, {"who": "we"})
    whole = path.read_bytes()
    assert read_tensors(path)[1]["who"] == "we"
    for place in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            try:
                metadata = read_tensors(path)[1]
            except dr.ModelFileError:
                continue
            assert "sha256" not in metadata, (place, bit)  # which model_file misses
    path.write_bytes(whole[:-1] + b"?")
    with pytest.raises(dr.ModelFileError, match=r"SHA-256 is .* but the file says"):
        read_tensors(path)


def test_every_length_but_the_right_one_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": np.arange(3.0)}, {})
    whole = path.read_bytes()
    for length in [*range(len(whole)), len(whole) + 1]:
        path.write_bytes(whole[:length].ljust(length, b"\0"))
        with pytest.raises(dr.ModelFileError):
            read_tensors(path)


@pytest.mark.parametrize("digits", ["", "0" * 63, "F" * 64, "\\ud800" * 64, "0" * 64])
def test_a_hash_that_is_none(digits: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(a_file(f'{{"__metadata__":{{"sha256":"{digits}"}}}}'.encode(), 0))
    with pytest.raises(dr.ModelFileError, match=r"sha256 in __metadata__ is|SHA-256 is"):
        read_tensors(path)


# Something else --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04\x95" + bytes(50), "seems to be a pickle, which is never opened here"),
        (b"PK\x03\x04" + bytes(50), "a zip archive, as torch.save, Keras.*never opened here"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "seems to be a PNG picture: expected a safetensors"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "seems to be an HDF5 file"),
        (b"\x93NUMPY\x01\x00" + bytes(50), "an array of numpy.save"),
        (b"\x08\x08\x12\x07pytorch" + bytes(50), "an ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1", "pointer of Git LFS"),
        (b"name,income\nAda,3\n", "this one seems to be text"),
        (b"\xfe" * 40, "expected a whole safetensors file$"),
        (b"", "the file is empty"),
    ],
)
def test_foreign_files(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(dr.ModelFileError, match=message):
        read_tensors(path)


def test_a_symbolic_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link = tmp_path / "x.safetensors", tmp_path / "link"
    write_tensors(path, TENSORS, {})
    link.symlink_to("x.safetensors")
    with pytest.raises(dr.ModelFileError, match=f"symbolic link, to '{path.resolve()}': expected"):
        read_tensors(link)
    link.unlink()
    link.symlink_to("link")
    with pytest.raises(dr.ModelFileError, match="symbolic link"):
        read_tensors(link)
    swapped = tmp_path / "swapped"  # for a link, between the look at it and its opening
    swapped.symlink_to(path)
    looks, lstat = [path.stat()], Path.lstat
    monkeypatch.setattr(Path, "lstat", lambda self: looks.pop() if looks else lstat(self))
    with pytest.raises(dr.ModelFileError, match="symbolic link"):
        read_tensors(swapped)
    monkeypatch.undo()
    folder = tmp_path / "folder"  # on the way there they are the system's business
    folder.symlink_to(tmp_path)
    read_tensors(folder / "x.safetensors")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, listener = tmp_path / "pipe", socket.socket(socket.AF_UNIX)
    os.mkfifo(pipe)
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    listener.bind("socket")
    for path, what in {
        tmp_path: "a folder",
        pipe: "a named pipe",
        tmp_path / "socket": "a socket",
        Path("/dev/zero"): "a device",
    }.items():
        with pytest.raises(dr.ModelFileError, match=f"{path}: it is {what}: expected a file"):
            read_tensors(path)
    listener.close()
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none")
    with pytest.raises(TypeError):
        read_tensors(None)  # type: ignore[arg-type]


# What reading costs ----------------------------------------------------------------------------

FULL = 2 * 2**20 - 200


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (a_file(b"[" * (FULL // 2) + b"]" * (FULL // 2)), "nested too deeply"),
        (a_file(nested(900)), "tensor 'a': expected dtype"),
        (a_file(b'{"a":[' + b"{}," * (FULL // 3) + b"{}]}"), "tensor 'a': expected dtype"),
        (a_file(b'{"a":[' + b'{"":0},' * (FULL // 7) + b"0]}"), "tensor 'a': expected dtype"),
        (
            a_file(b"{" + b",".join(b'"%d":0' % i for i in range(100_000)) + b',"99999":0}'),
            "the name '99999' stands twice in the header",
        ),
        (a_file(b'{"a":' + b"9" * 1000 + b"}"), "the header has an integer of 1000 digits"),
        (a_file(b'{"a":1e999,"b":NaN}'), "the header is not JSON: it has NaN"),
        (a_file(b" " * (FULL + 300)), "header takes 2097252 of the file's .* expected 2097152"),
        (a_file({"t": entry(shape=[0, 2**62, 2**62], offsets=[0, 0])}), "takes 0 bytes"),
        (a_file({"t": entry(shape=[1] * 33, dtype="U8", offsets=[0, 1])}, 1), "expected a list"),
        (a_file({"t": entry(dtype="F64", shape=[10**9], offsets=[0, 8 * 10**9])}, 64), "the file"),
    ],
)
def test_a_small_file_takes_little_memory(content: bytes, message: str, tmp_path: Path) -> None:
    """Thirty times the header, which is held to 2 MiB; and nothing for what it only claims."""
    path = tmp_path / "x"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(dr.ModelFileError, match=message) as caught:
            read_tensors(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20 + 45 * len(content)
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 2000


def test_reading_takes_the_file_s_own_room(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_tensors(path, {"a": np.zeros((1000, 2000), np.float32)}, {})
    tracemalloc.start()
    try:
        read_tensors(path)
        assert tracemalloc.get_traced_memory()[1] < 1.1 * path.stat().st_size
    finally:
        tracemalloc.stop()


def test_a_header_that_no_reader_takes_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(ValueError, match=r"header takes 2\d* bytes: expected 2097152 or fewer"):
        write_tensors(path, {}, {"a": "b" * 2**21})
    assert not path.exists()
    write_tensors(path, {"n": np.zeros(2**23, np.float32)}, {"a": "b" * 2**21})
    assert len(read_metadata(path)["a"]) == 2**21


def test_json_of_our_own_may_have_what_json_has_not() -> None:
    assert json_object('{"a": Infinity}', "it") == {"a": float("inf")}
    with pytest.raises(dr.ModelFileError, match="the name 'a' stands twice in it"):
        json_object('{"a": 1, "b": {"a": 1, "a": 2}}', "it")
