"""What mypy makes of a user's script: mistakes are found, and nothing right is taken for one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import deltarule as dr
from support import ROOT

pytest.importorskip("mypy", reason="mypy is a contributor's tool: pip install --group lint")

# Each line with a comment is a mistake, and the comment what mypy calls it.
SCRIPT = """
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import deltarule as dr
from deltarule import Nonsense  # attr-defined
from deltarule import callbacks, layers, losses, schedules

X, y = np.zeros((8, 3)), np.zeros(8)


class Watch:
    def on_epoch_end(self, run: callbacks.TrainingRun) -> None:
        print(run.epoch, run.history["loss"], run.network.parameters.sum())
        run.network.save("x.safetensors")


class NoCallback:
    def on_epoch_over(self, run: callbacks.TrainingRun) -> None: ...


watching: Sequence[callbacks.Callback] = [Watch(), dr.EarlyStopping("loss")]
dr.Dens(3)  # attr-defined
dr.Dense("3")  # arg-type
net = dr.Network([dr.Dense(3, "relu"), dr.Residual([dr.Dense(3)]), dr.Dense(1)], input_size=3)
net.fit(X, y, sample_wieght=y)  # call-arg
net.fit(X, y, callbacks=[NoCallback()])  # list-item
history: dr.History = net.fit(
    X, y, loss=dr.Huber(), optimizer=dr.Adam(schedules.Cosine(1e-3, 10)), callbacks=watching
)
net.fitt(X, y)  # attr-defined
layer: int = net.layers[0]  # assignment
weights: NDArray[np.float64] = net.layers["first"].W
A, caches = net.forward(X)
cache: str = caches[0]  # assignment
cost: str = net.evaluate(X, y)["loss"]  # assignment
ensemble = dr.Ensemble([net, net], weights=[1, 2])
spread: str = ensemble.quantile(X, [0.1, 0.9])  # assignment
chosen: dr.Ensemble = dr.Ensemble.select([net], X, y, metric="mae", size=3)
dr.Ensemble.select([net], X, y, sizes=3)  # call-arg
member: dr.Network = chosen[0]
dr.Ensemble(["net"])  # list-item
with net.averaged() as same:
    same.save("x.safetensors")
classifier = dr.MLPClassifier((3,), alhpa=0.1)  # call-arg
classifier = dr.MLPClassifier((3,), alpha=0.1).fit(X, y, X_val=X, y_val=y)
classifier.predict_probability(X)  # attr-defined
classifier.fit(X, y, sample_wieght=y)  # call-arg
score: float = classifier.score(X, y)
dr.set_num_threads("2")  # arg-type
found = dr.load("x.safetensors")
if isinstance(found, dr.Network):
    found.summary().upper()
dr.from_keras("x.keras", sede=1)  # call-arg
"""


def test_mistakes_in_a_script_are_found_and_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    package = Path(dr.__file__).parents[1]
    # mypy finds what is installed by itself, and takes offence at being told.
    paths = {} if package.name == "site-packages" else {"MYPYPATH": str(package)}
    result = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"),
            *("--ignore-missing-imports", "--cache-dir", str(ROOT / ".mypy_cache"), str(script)),
        ],
        cwd=tmp_path,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = dict(re.findall(r":(\d+): error: .*\[([a-z-]+)\]", result.stdout))
    expected = {
        str(number): line.partition("  # ")[2]
        for number, line in enumerate(SCRIPT.splitlines(), 1)
        if "  # " in line
    }
    assert found == expected, result.stdout + result.stderr
