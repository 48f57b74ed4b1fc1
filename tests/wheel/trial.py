"""Try a wheel where nothing else is: a new environment, a folder far from the sources.

Usage: ``python trial.py deltarule-....whl``. The wheel may want NumPy and nothing more; every
instruction set that it brings and the CPU runs must import, train, save, and load what it saved.
"""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

PROGRAM = """
import sys
import numpy as np
import deltarule as dr

level, site = sys.argv[1:]
assert dr.isa() == level, dr.isa()
assert dr.__file__.startswith(site), dr.__file__
X = np.random.default_rng(0).standard_normal((500, 2))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
net = dr.Network([dr.Dense(32, "relu"), dr.Dense(2, "softmax")], input_size=2, seed=0)
history = net.fit(X, y, optimizer=dr.Adam(1e-2), batch_size=50, epochs=20)
right = np.mean(net.predict(X).argmax(axis=1) == y)
assert right > 0.9, right
net.save("net.safetensors")
assert np.array_equal(dr.load("net.safetensors").predict(X), net.predict(X))
print(f"{level}: imported, trained ({right:.1%} right), saved and loaded")
"""


def levels_in(wheel):
    """The instruction sets that a wheel brings, after a look at where their files are."""
    with zipfile.ZipFile(wheel) as archive:
        files = [PurePosixPath(name) for name in archive.namelist()]
    (core,) = (file for file in files if file.match("_core.*.so"))
    kernels = [file for file in files if file.name.startswith("libkernels_")]
    assert {file.parent for file in kernels} == {core.parent}, [core, *kernels]
    assert not [file for file in files if file.suffix in {".cpp", ".hpp", ".a"}]
    return [file.stem.removeprefix("libkernels_") for file in kernels]


def main(wheel):
    """Install and try it; the first thing that is wrong ends the trial."""
    wheel = Path(wheel).resolve()
    brought = levels_in(wheel)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "DELTARULE_", "LD_", "DYLD_"))
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        venv.create(root / "bare", with_pip=True)
        python = root / "bare" / "bin" / "python"

        def run(*arguments, **more):
            done = subprocess.run(
                [python, *arguments],
                cwd=root,
                env=environment | more,
                check=True,
                text=True,
                stdout=subprocess.PIPE,
            )
            return done.stdout.strip()

        run("-m", "pip", "install", "--quiet", "--only-binary=:all:", wheel)
        installed = run("-m", "pip", "list", "--format=freeze").split()
        names = {line.partition("==")[0] for line in installed}
        assert names <= {"deltarule", "numpy", "pip", "setuptools"}, names
        supported = run("-c", "from deltarule import _core; print(*_core.supported_levels())")
        for level in brought:
            if level in supported.split():
                print(run("-c", PROGRAM, level, str(root), DELTARULE_ISA=level))
            else:
                print(f"{level}: this CPU does not run it")
    print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB, as it should be")


if __name__ == "__main__":
    main(*sys.argv[1:])
