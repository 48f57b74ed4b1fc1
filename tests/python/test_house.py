"""The house: imports run down only, lazy and type-only ones too, and rooms are small."""

import ast
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

from support import ROOT

SOURCE = ROOT / "python" / "deltarule"
# The root has the public modules as well.
MOST_MODULES, MOST_MODULES_AT_THE_ROOT = 15, 18


def modules() -> dict[str, Path]:
    """Every module by its name in the package; a room goes by its own."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        *room, stem = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(room if stem == "__init__" else [*room, stem])] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The package's modules that a module imports, wherever in it and whatever for."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: expected imports by the whole name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
            names.add(str(node.module))
    inside = {name.removeprefix("deltarule.") for name in names if name.startswith("deltarule.")}
    return inside & known.keys()


KNOWN = modules()
# The package's own face hands names on, by a table, and is imported by nobody.
GRAPH = {name: imports(path, KNOWN) - {name} for name, path in KNOWN.items() if name}


def floors() -> list[set[str]]:
    """The layers of the import contract, from the top down."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = config["tool"]["importlinter"]["contracts"]
    return [
        {name.strip("() ") for name in line.replace("|", ":").split(":")}
        for line in contract["layers"]
    ]


def test_no_module_imports_itself_by_way_of_others() -> None:
    imported_by_rooms = {
        name: {each for each in found if not name.startswith(f"{each}.")}
        for name, found in GRAPH.items()
    }
    TopologicalSorter(imported_by_rooms).prepare()  # raises a CycleError that names them


def test_imports_run_down_only() -> None:
    floor = {name: height for height, names in enumerate(floors()) for name in names}
    climbing = [
        f"{name} imports {other}"
        for name, found in GRAPH.items()
        for other in found
        if floor[other.split(".")[0]] < floor[name.split(".")[0]]
    ]
    assert not climbing, climbing


def test_rooms_side_by_side_do_not_know_each_other() -> None:
    for one, other in (
        ("_training", "_interchange"),
        ("callbacks", "estimators"),
        ("ensembles", "estimators"),
    ):
        for name, found in GRAPH.items():
            room = name.split(".")[0]
            if room in (one, other):
                elsewhere = other if room == one else one
                assert not any(each.split(".")[0] == elsewhere for each in found), name


def test_every_module_has_a_floor() -> None:
    rooms = {name.split(".")[0] for name in GRAPH}
    assert rooms | {"_core"} == set().union(*floors())


def test_rooms_are_small() -> None:
    folders: dict[Path, int] = {}
    for path in KNOWN.values():
        own = path.stem not in ("__init__", "__main__")
        folders[path.parent] = folders.get(path.parent, 0) + own
    for folder, count in folders.items():
        most = MOST_MODULES_AT_THE_ROOT if folder == SOURCE else MOST_MODULES
        assert count <= most, f"{folder.name} holds {count} modules: expected {most} or fewer"


def test_third_parties_stay_where_they_belong() -> None:
    """NumPy is everywhere; any other package has its rooms."""
    homes = {
        "sklearn": (
            "estimators",
            "tabular.encoder",
            "report.material.baselines",
            "tabular.models",
            "cli.bench",
            "cli.demo",
        ),
        "joblib": ("estimators",),
        "scipy": ("_training.lbfgs", "report.material.baselines"),
        "torch": ("_interchange.torch_layers", "callbacks.logs"),
        "onnx": ("_interchange.onnx",),
        "google": ("_interchange.onnx",),
        "h5py": ("_interchange",),
        "matplotlib": ("_plots",),
        "optuna": ("callbacks.optuna",),
        "pandas": ("tabular.raw.libraries",),
        "polars": ("tabular.raw.libraries", "_data.tables", "cli"),
        "click": ("cli",),
        "threadpoolctl": ("cli.bench", "report.facts.scores", "report.material.baselines"),
        "pyarrow": ("tabular.raw.libraries",),
        "tqdm": ("_training.progress",),
        "PyInstaller": ("_pyinstaller",),
        "mpi4py": ("distributed",),
        "distributed": ("distributed",),
        "dask": ("distributed",),
        "cloudpickle": ("distributed",),
    }
    for name, path in KNOWN.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found = [str(node.module)]
            for each in found:
                home = homes.get(each.split(".")[0])
                assert home is None or name.startswith(home), f"{name} imports {each}"
