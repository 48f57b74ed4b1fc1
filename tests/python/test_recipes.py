"""An activation, a loss and a layer, added in a copy as CONTRIBUTING says, built and checked."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import run_python

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

# "`path`, a new file:" or "`path`, above `line`:", and a block; or "`path`, `this` becomes `that`."
STEP = re.compile(
    r"^`(?P<path>\S+)`, (?:(?:a new file|above `(?P<above>[^\n]+)`):\n\n```\w+\n(?P<block>.*?)```$"
    r"|`(?P<this>[^`\n]+)` becomes `(?P<that>[^`\n]+)`\.$)",
    re.MULTILINE | re.DOTALL,
)

CHECK = """
import numpy as np
import deltarule as dr
from deltarule import _core, blocks
from deltarule.layers.scale import Scale

rng = np.random.default_rng(0)
Z = rng.normal(size=(5, 7))
np.testing.assert_allclose(_core.activation_forward("softsign", Z), Z / (1 + np.abs(Z)))
np.testing.assert_allclose(
    _core.activation_backward("softsign", np.ones_like(Z), Z), 1 / (1 + np.abs(Z)) ** 2
)
Y = rng.normal(size=(5, 7))
total, dA = _core.loss_backward(_core.Loss("cauchy"), Z, Y)
np.testing.assert_allclose(total, np.log1p((Z - Y) ** 2).mean(axis=0).sum())
np.testing.assert_allclose(dA, 2 * (Z - Y) / (1 + (Z - Y) ** 2) / 5)

layers = [dr.Dense(6, "softsign"), Scale(), dr.Dense(4), Scale(), dr.Activation("softsign")]
net = dr.Network(layers, input_size=3, seed=0, dtype="float64")
net.parameters = rng.normal(size=net.parameters.size)
X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 4))
check = net.gradient_check(X, y, loss="mean_squared_error")
assert check.relative_difference < 1e-7, check
net.fit(X, y, epochs=3, batch_size=7)
print(_core.isa, "checked")
"""


def steps() -> list[re.Match[str]]:
    return list(STEP.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


def follow(step: re.Match[str], copy: Path) -> None:
    path = copy / step["path"]
    if step["block"] and not step["above"]:
        assert not path.exists()
        path.write_text(step["block"], encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    this = step["this"] or step["above"]
    assert text.count(this) == 1, (step["path"], this)
    path.write_text(text.replace(this, step["that"] or step["block"] + this), encoding="utf-8")


def test_every_step_is_read() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text[text.index("## Add an activation") : text.index("## Commits")]
    assert len(steps()) == section.count("```cpp") + section.count("```python") + 1 == 12


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, with the recipes followed."""
    root = tmp_path_factory.mktemp("recipes")
    for name in ("cpp", "python"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.so", "*.pyc"))
    shutil.copy(ROOT / "CMakeLists.txt", root)
    for step in steps():
        follow(step, root)
    return root


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed: it builds the copy")
    return found


@pytest.mark.parametrize("member", ["forward", "backward", "gradient", "sizes", "traits", "name"])
def test_a_kind_that_forgot_a_member_does_not_compile(member: str, copy: Path) -> None:
    file = copy / "cpp" / "layers" / "scale.hpp"
    whole = file.read_text(encoding="utf-8")
    compiler = [os.environ.get("CXX") or tool("c++"), "-std=c++20", "-fsyntax-only"]
    compiler += [f"-I{copy / 'cpp'}", "-x", "c++", "-"]
    source = '#include "layers/layer.hpp"'
    try:
        file.write_text(re.sub(rf"\b{member}\b(?=[ ({{])", "another", whole), encoding="utf-8")
        result = subprocess.run(compiler, input=source, capture_output=True, text=True)
    finally:
        file.write_text(whole, encoding="utf-8")
    assert result.returncode != 0
    assert "Scale" in result.stderr
    assert member in result.stderr
    if member == "name":  # and with nothing forgotten it does
        subprocess.run(compiler, input=source, text=True, check=True)


def test_the_recipes_build_and_their_gradients_are_right(copy: Path) -> None:
    pybind11 = pytest.importorskip("pybind11", reason="pybind11, which binds it, is not installed")
    build = copy / "build"
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    # Not optimised: it is compiled in a fraction of the time.
    configure = [
        *(tool("cmake"), "-S", str(copy), "-B", str(build), "-G", "Ninja"),
        *("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0", "-DDELTARULE_LEVELS=portable"),
        *("-DDELTARULE_TESTS=OFF", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"),
        *(f"-DPython_EXECUTABLE={sys.executable}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}"),
    ]
    for command in (configure, [tool("cmake"), "--build", str(build)]):
        result = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-3000:]
    for library in (build / "deltarule").glob("*.so"):
        shutil.copy(library, copy / "python" / "deltarule")
    result = run_python("-c", CHECK, PYTHONPATH=str(copy / "python"), DELTARULE_ISA=None)
    assert result.returncode == 0, result.stderr[-5000:]
    assert result.stdout.strip() == "portable checked"
