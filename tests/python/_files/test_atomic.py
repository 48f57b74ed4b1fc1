"""Files that are whole at any moment, whatever happens to who writes them."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from deltarule._files import atomic
from support import output_of


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x"
    atomic.replace(path, [b"ab", memoryview(b"c")])
    assert path.read_bytes() == b"abc"
    atomic.replace(str(path), [b"d"])
    assert path.read_bytes() == b"d"
    assert list(tmp_path.iterdir()) == [path]


def test_who_holds_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    atomic.replace(path, [b"old"])
    with path.open("rb") as file:
        atomic.replace(path, [b"new"])
        assert file.read() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o444, 0o640])
def test_permissions_are_kept(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(mode)
    atomic.replace(path, [b"new"])
    assert mode_of(path) == mode
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_what_the_umask_leaves(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        atomic.replace(tmp_path / "x", [b"new"])
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "x") == 0o666 & ~umask


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    atomic.replace(link, [b"new"])
    assert (target.read_bytes(), link.read_bytes()) == (b"old", b"new")
    assert not link.is_symlink()
    assert mode_of(link) != 0o600


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    atomic.replace(path, [b"new"])
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, MemoryError])
def test_an_error_leaves_the_old_file_alone(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def parts() -> object:
        yield b"half"
        raise error

    with pytest.raises(error):
        atomic.replace(path, parts())  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_says_of_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        atomic.replace(tmp_path / "x", [b"abc"])
    assert caught.value.filename == str(tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_signal_as_soon_as_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ = os.open

    def interrupted(*arguments: Any) -> int:
        os.close(open_(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic.replace(tmp_path / "x", [b"abc"])
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.replace(tmp_path / "none" / "x", [b"new"])
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic.replace(tmp_path / "folder", [b"new"])
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


# A disk that fills up, and a process that is killed --------------------------------------------

FULL = """
import resource, signal
import numpy as np
import deltarule as dr
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
small = dr.Network([dr.Dense(3)], 2)
large = dr.Network([dr.Dense(300)], 300)
small.save({path!r})
before = open({path!r}, "rb").read()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    large.save({path!r})
except OSError as error:
    print(error.errno, open({path!r}, "rb").read() == before)
"""


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A disk that takes no more than so many bytes of a file, by the system's own limit."""
    path = tmp_path / "x.safetensors"
    assert output_of(FULL.format(path=str(path))) == "27 True"  # EFBIG
    assert list(tmp_path.iterdir()) == [path]


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
import deltarule as dr

path = Path({path!r})
def network(value):
    net = dr.Network([dr.Dense(400)], 400)
    net.parameters[:] = value
    return net
networks = [network(value) for value in (1.0, 2.0)]
began = time.perf_counter()
networks[0].save(path)
dr.load(path)
seconds = time.perf_counter() - began
seen, unfinished, rng = set(), 0, random.Random(0)
for kill in range(100):
    child = os.fork()
    if not child:
        while True:
            for net in networks:
                net.save(path)
    time.sleep(rng.uniform(0, 2 * seconds))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    parameters = dr.load(path).parameters
    assert len(set(parameters.tolist())) == 1, kill
    seen.add(float(parameters[0]))
    for left in path.parent.glob(".*.part"):
        unfinished += 1
        left.unlink()
print(sorted(seen), unfinished > 0)
"""


def test_a_hundred_kills_find_a_whole_file_each(tmp_path: Path) -> None:
    """The old one or the new one; some kills come while the other is half written."""
    script = KILLED.format(path=str(tmp_path / "x.safetensors"))
    assert output_of(script, timeout=120) == "[1.0, 2.0] True"
