"""Files that mean harm, for the loader's tests: whole ones, and what random changes make of them.

A change is made to the bytes, or to what the header means, where the hash is made anew so that the
checks behind it are reached. _files/test_models_fuzz.py takes a few of them, tests/fuzz/load.py as
many as it is told.
"""

import copy
import json
import random
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

import deltarule as dr
from deltarule import schedules
from deltarule._files.checkpoints import Saved
from support import data_of_every_kind, of_every_kind

GOLDEN = Path(__file__).parent / "golden"

WEIRD = [
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    625,
    2**31,
    2**63,
    2**64,
    10**9,
    10**39,
    -(10**39),
    0.5,
    -0.0,
    1e300,
    "",
    "dense",
    "relu",
    "MT19937",
    "\ud800",
    "a" * 300,
    [],
    [[]],
    [0, 1],
    [1] * 700,
    {},
    {"float": "nan"},
    {"float": "inf"},
    {"tuple": []},
    {"dict": [[1, 2], [1, 3]]},
    {"dict": [[[], 2]]},
    {"array": ["a", "b"], "dtype": "<U999999"},
    {"array": [1], "dtype": "<f8"},
    {"array": [1, 2], "dtype": "<i8"},
    {"array": [None], "dtype": "|O"},
    {"RandomState": {"bit_generator": "MT19937"}},
    {"Adam": {"learning_rate": {"Cosine": {"initial": 0.1, "duration": 3}}}},
    {"CosineRestarts": {"initial": 0.1, "duration": 1, "growth": 10**9}},
    {"WarmUp": {"then": {"WarmUp": {"then": 1.0, "duration": 2}}, "duration": 10**30}},
    {"Focal": {"gamma": -1}},
    {"Function": {"function": "eval"}},
]
NUMBERS = [np.nan, np.inf, -np.inf, -1.0, 0.0, 1e38]


# Whole files ---------------------------------------------------------------------------------


@cache
def whole_files() -> tuple[bytes, ...]:
    """One of each kind and version."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "x.safetensors"
        files = []
        net = dr.Network([dr.Dense(3, "relu"), dr.Dense(2, "softmax")], input_size=2)
        net.save(path)
        files.append(path.read_bytes())
        net, (X, y) = of_every_kind(), data_of_every_kind(16)
        net.feature_names = ["a", "b", "c", "d", "e", "f"]
        rate = schedules.ReduceOnPlateau(0.01, "loss")
        keep = [dr.EarlyStopping("loss"), dr.Checkpoint(path)]
        net.fit(X, y, optimizer=dr.Adam(rate), average=0.9, callbacks=keep, epochs=2)
        files.append(path.read_bytes())
        names = np.array(["ab", "cde", "f"])
        classifier = dr.MLPClassifier((4,), max_iter=2, random_state=np.random.RandomState(3))
        classifier.fit(X, names[y]).save(path)
        files.append(path.read_bytes())
        adam = dr.Adam(schedules.WarmUp(schedules.Cosine(0.01, 9), 2))
        regressor = dr.MLPRegressor(dr.Huber(0.5), (3,), max_iter=2, solver=adam, dropout=[0.1])
        regressor.fit(X, y).save(path)
        files.append(path.read_bytes())
        nets = [dr.Network([dr.Dense(n, "relu"), dr.Dense(1)], input_size=2) for n in (1, 3)]
        nets[1].feature_names = ["a", "b"]
        dr.Ensemble(nets, [1, 3]).save(path)
        files.append(path.read_bytes())
        encoder = dr.TableEncoder(min_count=1, one_hot=3).fit(raw_table())
        layers = [*encoder.layers(2), dr.Dense(2, "softmax")]
        dr.Network(layers, inputs=encoder).save(path)
        files.append(path.read_bytes())
    files += [path.read_bytes() for path in sorted(GOLDEN.glob("v1-*.safetensors"))]
    return tuple(files)


def raw_table() -> dict[str, Any]:
    """Columns of every kind."""
    return {
        "a": [1.5, None, 2.5, 9.0],
        "b": ["x", "y", "z", "w"],
        "c": ["p", "q", None, "q"],
        "d": ["1960-01-01", "2001-02-03 04:05", None, "1990-09-09"],
        "e": [True, False, True, True],
        "f": ["the same"] * 4,
    }


def opened(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytearray]:
    """The header, what stands in its metadata, and the numbers."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    inner = json.loads(header["__metadata__"].pop("deltarule"))
    return header, inner, bytearray(content[8 + length :])


def closed(header: dict[str, Any], inner: Any, numbers: bytes) -> bytes:
    """A file again, with the hash that it ought to have."""
    header = copy.deepcopy(header)
    metadata = header.setdefault("__metadata__", {})
    if isinstance(metadata, dict):
        metadata["deltarule"] = json.dumps(inner)
        if "sha256" in metadata:
            metadata["sha256"] = "0" * 64
    return sealed(json.dumps(header, separators=(",", ":")).encode(), numbers)


def sealed(text: bytes, numbers: bytes) -> bytes:
    text += b" " * (-len(text) % 8)
    start, pattern = len(text).to_bytes(8, "little"), b'"sha256":"%s"'
    zeros = pattern % (b"0" * 64)
    digits = sha256(start + text + numbers).hexdigest().encode()
    return start + text.replace(zeros, pattern % digits) + bytes(numbers)


# Random changes ------------------------------------------------------------------------------


def changed(rng: random.Random) -> bytes:
    """A whole file with some changes."""
    content = rng.choice(whole_files())
    return change_bytes(content, rng) if rng.random() < 0.3 else change_meaning(content, rng)


def change_bytes(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 40])):
        at = rng.randrange(len(data) + 1) if rng.random() < 0.5 else rng.randrange(64)
        at = min(at, max(len(data) - 1, 0))
        how = rng.randrange(6)
        if how == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1 and data:
            data[at] = rng.choice(b'\x00\xff{}[]",:09\\')
        elif how == 2:
            del data[at:]
        elif how == 3:
            del data[at : at + rng.randrange(1, 20)]
        elif how == 4:
            data[at:at] = rng.randbytes(rng.randrange(1, 20))
        else:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
    return bytes(data)


def change_meaning(content: bytes, rng: random.Random) -> bytes:
    header, inner, numbers = opened(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        how = rng.randrange(10)
        if how < 6:
            change_node(inner, rng)
        elif how < 8:
            change_node(header, rng)
        elif numbers:
            tensor = rng.choice([v for k, v in header.items() if k != "__metadata__"] or [None])
            with suppress(KeyError, TypeError, ValueError):  # the header may be changed by now
                begin, _ = tensor["data_offsets"]
                kind = "<f4" if tensor["dtype"] == "F32" else "<f8"
                number = np.array(rng.choice(NUMBERS), kind).tobytes()
                numbers[begin : begin + len(number)] = number
    if not isinstance(header, dict):
        return sealed(json.dumps(header).encode(), numbers)
    made = closed(header, inner, numbers)
    return made if rng.random() < 0.9 else change_bytes(made, rng)


def change_node(tree: Any, rng: random.Random) -> None:
    """Change something somewhere in an object of JSON."""
    node = tree
    while True:
        inside = list(node.values() if isinstance(node, dict) else node)
        inside = [each for each in inside if isinstance(each, (dict, list)) and each]
        if not inside or rng.random() < 0.25:
            break
        node = rng.choice(inside)
    keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key, how = rng.choice(keys), rng.randrange(6)
    if how < 3:
        node[key] = copy.deepcopy(rng.choice(WEIRD))
    elif how == 3:
        del node[key]
    elif how == 4:
        node[key] = copy.deepcopy(node[rng.choice(keys)])
    elif isinstance(node, dict):
        node[rng.choice(["", "kind", "frozen", "_rule", "t", "average.x"])] = node[key]
    else:
        node.append(copy.deepcopy(node[key]))


# What the loader makes of them ---------------------------------------------------------------


def look_into(path: Path, thoroughly: bool = True) -> str:
    """Load a file, and tell how that went; thoroughly, use what comes of it and resume from it.

    Anything but a `ModelFileError` comes out.
    """
    if thoroughly:
        resume_from(path)
    try:
        model = dr.load(path)
    except dr.ModelFileError:
        return "refused"
    if not thoroughly:
        return "taken"
    if isinstance(model, dr.Network):  # a file may say that it has seen no data, as older ones did
        model.statistics = model.statistics
    for member in model if isinstance(model, dr.Ensemble) else ():
        member.statistics = member.statistics
    inputs = getattr(model, "n_features_in_", None) or getattr(model, "input_size", 0)
    network = isinstance(model, (dr.Network, dr.Ensemble))
    if isinstance(model, dr.Network) and model.inputs is not None:
        model.predict({name: [None, None] for name in model.inputs.columns})
    elif 0 < inputs < 1000 and (network or hasattr(model, "coefs_")):
        model.predict(np.zeros((2, inputs)))
    model.save(path)
    dr.load(path)
    return "taken"


def resume_from(path: Path) -> None:
    optimizer = dr.Adam(schedules.ReduceOnPlateau(0.01, "loss"))
    callbacks = [dr.EarlyStopping("loss")]
    with suppress(ValueError):
        Saved(path, every_kind(), optimizer, callbacks)


@cache
def every_kind() -> dr.Network:
    return of_every_kind()
