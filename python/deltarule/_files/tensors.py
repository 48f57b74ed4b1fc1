"""Safetensors: a file's bytes, and the tensors and strings that they mean.

Such a file is 8 bytes, little-endian, that give the header's length; a JSON header with each
tensor's dtype, shape and place, and strings under ``__metadata__``; then the numbers,
little-endian, one tensor after another. Nothing in it is ever executed, and nothing in it is
believed before it has been checked.

Among the strings stands ``sha256``: the hash of all bytes of the file, the hash's own digits taken
as zeros. So a bit that has flipped anywhere is found.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule._files import atomic
from deltarule._files.atomic import PathLike
from deltarule._files.untrusted import brief, naming, opened
from deltarule.errors import ModelFileError

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "<u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
# NumPy has no bfloat16: the upper half of a float32, which it is read as.
_BFLOAT16 = "BF16"
_READABLE = {**_DTYPES, _BFLOAT16: "<u2"}

# Python takes some thirty times the room of JSON that is made for it. So a header may be this long,
# or a part of the file, and what it costs is bounded by that.
_HEADER_BYTES, _HEADER_PART = 2 * 2**20, 10
# NumPy's generators have integers of 128 bits; longer ones have no place in a header.
_MOST_DIGITS = 40

SEAL = "sha256"
_NO_DIGITS = "0" * 64

# What files begin with that are taken for models.
_FOREIGN = {
    b"PK\x03\x04": "a zip archive, as torch.save, Keras and numpy.savez write it",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"\x89HDF": "an HDF5 file, as Keras and h5py write it (network.load_weights reads Keras's)",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x93NUMPY": "an array of numpy.save",
    b"GGUF": "a GGUF model",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "a gzip archive",
    b"version https://git-lfs": "a pointer of Git LFS, whose file has not been fetched",
    b"\x08\x07\x12": "an ONNX model, which deltarule.from_onnx reads",
    b"\x08\x08\x12": "an ONNX model, which deltarule.from_onnx reads",
    b"\x08\x09\x12": "an ONNX model, which deltarule.from_onnx reads",
    b"\x08\x0a\x12": "an ONNX model, which deltarule.from_onnx reads",
}
_TEXT = bytes(range(32, 127)) + b"\t\r\n"
_NOT_OPENED = ("a pickle", "a zip archive, as torch.save, Keras and numpy.savez write it")


# Writing -------------------------------------------------------------------------------------


def write_tensors(
    path: PathLike, tensors: Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Write a file in one move, and seal it.

    Parameters
    ----------
    path : path-like
    tensors : mapping of str to ndarray
        Of any strides; each is written in C order.
    metadata : mapping of str to str

    Raises
    ------
    ValueError
        Where names and metadata are longer than `read` takes them.
    OSError
        Where it cannot be written. The old file is then what it was.
    """
    header: dict[str, Any] = {"__metadata__": {**metadata, SEAL: _NO_DIGITS}}
    parts, end = [], 0
    for name, tensor in tensors.items():
        array = np.ascontiguousarray(tensor)
        little = array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[little],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
        parts.append(array.astype(little, copy=False).reshape(-1).view(np.uint8).data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers are aligned
    most = _most_header_bytes(8 + len(text) + end)
    if len(text) > most:
        raise ValueError(
            f"{path}: the header takes {len(text)} bytes: expected {most} or fewer, as no reader "
            "would take a longer one; shorter names or fewer layers make a shorter one"
        )
    start = len(text).to_bytes(8, "little")
    digits = _hash(start, text, parts).encode()
    text = text.replace(_seal(_NO_DIGITS), _seal(digits.decode()), 1)
    atomic.replace(path, [start, text, *parts])


def _most_header_bytes(size: int) -> int:
    return max(_HEADER_BYTES, size // _HEADER_PART)


def _seal(digits: str) -> bytes:
    return f'"{SEAL}":"{digits}"'.encode()


def _hash(start: bytes, text: bytes, parts: list[Any]) -> str:
    digest = hashlib.sha256(start)
    for part in (text, *parts):
        digest.update(part)
    return digest.hexdigest()


# Reading -------------------------------------------------------------------------------------


class _Tensor(NamedTuple):
    """Where a tensor lies in the data."""

    kind: str
    shape: tuple[int, ...]
    begin: int

    def read(self, data: bytearray) -> Array:
        """Its numbers, in memory that may be written to."""
        dtype, count = np.dtype(_READABLE[self.kind]), math.prod(self.shape)
        flat: Array = np.frombuffer(data, dtype, count, self.begin) if count else np.empty(0, dtype)
        flat = flat.astype(dtype.newbyteorder("="), copy=False)
        if self.kind == _BFLOAT16:
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat.reshape(self.shape)


def read_tensors(path: PathLike) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a file: its tensors, which may be written to, and its metadata.

    Parameters
    ----------
    path : path-like
        No symbolic link, and nothing but a file; neither is waited for.

    Raises
    ------
    ModelFileError
        Where the header does not describe the file exactly, or where its hash is not the file's.
    OSError
        Where the file cannot be read.
    """
    with naming(path), opened(path) as file:
        size, text, tensors, metadata = _read_header(file)
        data = bytearray(size - 8 - len(text))
        if file.readinto(data) != len(data):  # type: ignore[attr-defined]
            raise ModelFileError("the file was cut short while it was read")
        _expect_seal(text, data, metadata)
    return {name: tensor.read(data) for name, tensor in tensors.items()}, metadata


def read_metadata(path: PathLike) -> dict[str, str]:
    """Read a file's strings alone; the numbers, and so the hash, are not looked at."""
    with naming(path), opened(path) as file:
        return _read_header(file)[3]


def _read_header(file: BinaryIO) -> tuple[int, bytes, dict[str, _Tensor], dict[str, str]]:
    """The file's size, the header as it stands, and what the header says."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(32)
    length = int.from_bytes(start[:8], "little")
    if size < 8 or length > min(size - 8, _most_header_bytes(size)):
        raise ModelFileError(_no_header(start, length, size))
    file.seek(8)
    text = file.read(length)
    if len(text) != length:
        raise ModelFileError("the file was cut short while it was read")
    header = json_object(text, "the header", strict=True)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(type(v) is str for v in metadata.values()):
        raise ModelFileError("__metadata__ is not an object of strings")
    return size, text, _places(header, size - 8 - length), metadata


def _no_header(start: bytes, length: int, size: int) -> str:
    if not size:
        return "the file is empty: expected a safetensors file"
    for beginning, what in _FOREIGN.items():
        if start.startswith(beginning):
            never = ", which is never opened here, as that may run code" * (what in _NOT_OPENED)
            return f"it seems to be {what}{never}: expected a safetensors file"
    if size < 8:
        return f"the file has {size} bytes: expected a safetensors file, of 8 or more"
    if length <= size - 8:
        return (
            f"the header takes {length} of the file's {size} bytes: expected "
            f"{_most_header_bytes(size)} or fewer"
        )
    text = not start.translate(None, _TEXT)
    return (
        f"the header's length is {length} but the file has {size} bytes: expected a whole "
        "safetensors file" + ", and this one seems to be text" * text
    )


def json_object(text: bytes | str, what: str, *, strict: bool = False) -> dict[str, Any]:
    """Parse an object of JSON, in which no name stands twice.

    Parameters
    ----------
    text : bytes or str
    what : str
        For the message.
    strict : bool
        Whether to refuse NaN and infinity, which JSON does not have.
    """

    def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            [(twice, _)] = counts.most_common(1)
            raise ModelFileError(f"the name {twice[:100]!r} stands twice in {what}")
        return found

    def integer(digits: str) -> int:
        if len(digits) > _MOST_DIGITS:
            raise ModelFileError(f"{what} has an integer of {len(digits)} digits")
        return int(digits)

    def constant(name: str) -> float:
        if strict:
            raise ModelFileError(f"{what} is not JSON: it has {name}")
        return float(name)

    try:
        parsed = json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text,
            object_pairs_hook=once_each,
            parse_int=integer,
            parse_constant=constant,
        )
    except ModelFileError:
        raise
    except RecursionError:
        raise ModelFileError(f"{what} is not JSON: it is nested too deeply") from None
    except ValueError as error:
        raise ModelFileError(f"{what} is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ModelFileError(f"{what} is a {type(parsed).__name__}: expected an object")
    return parsed


def _places(header: Mapping[str, Any], size: int) -> dict[str, _Tensor]:
    """Each tensor's dtype, shape and first byte; together they must fill the file exactly."""
    places, spans = {}, []
    for name, entry in header.items():
        what = f"tensor {name[:200]!r}"
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ModelFileError(f"{what}: expected dtype, shape and data_offsets")
        shape, offsets = entry["shape"], entry["data_offsets"]
        if type(entry["dtype"]) is not str or entry["dtype"] not in _READABLE:
            raise ModelFileError(
                f"{what}: dtype is {brief(entry['dtype'])}: expected one of {list(_READABLE)}"
            )
        if not _are_counts(shape) or len(shape) > 32:
            raise ModelFileError(
                f"{what}: shape is {brief(shape)}: expected a list of whole numbers"
            )
        if not _are_counts(offsets) or len(offsets) != 2:
            raise ModelFileError(
                f"{what}: data_offsets are {brief(offsets)}: expected two whole numbers"
            )
        itemsize = np.dtype(_READABLE[entry["dtype"]]).itemsize
        begin, end = offsets
        taken = math.prod(shape) * itemsize
        # Where one side is 0, NumPy still multiplies the others.
        most = math.prod(max(side, 1) for side in shape) * itemsize
        if end - begin != taken or most > np.iinfo(np.intp).max:
            raise ModelFileError(
                f"{what}: data_offsets are {offsets} but shape {brief(shape)} of {entry['dtype']} "
                f"takes {taken} bytes"
            )
        spans.append((begin, end))
        places[name] = _Tensor(entry["dtype"], tuple(shape), begin)
    reached = 0
    for begin, end in sorted(spans):
        if begin != reached:
            raise ModelFileError(
                f"tensors overlap or leave a gap at byte {min(begin, reached)} of the data"
            )
        reached = end
    if reached != size:
        raise ModelFileError(
            f"the tensors take {reached} bytes but the file holds {size}: expected a whole file"
        )
    return places


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _expect_seal(text: bytes, data: bytearray, metadata: Mapping[str, str]) -> None:
    """Hold the file to its own hash, where it has one."""
    digits = metadata.get(SEAL)
    if digits is None:
        return
    if not re.fullmatch("[0-9a-f]{64}", digits) or text.count(_seal(digits)) != 1:
        raise ModelFileError(
            f"{SEAL} in __metadata__ is {brief(digits)}: expected 64 digits from 0 to f, once"
        )
    unsealed = text.replace(_seal(digits), _seal(_NO_DIGITS))
    found = _hash(len(text).to_bytes(8, "little"), unsealed, [data])
    if found != digits:
        raise ModelFileError(
            f"the bytes' SHA-256 is {found} but the file says {digits}: expected a file as it was "
            "written; it has been damaged since"
        )
