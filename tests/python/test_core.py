"""Which build of the core runs, its threads, and an import that cannot find it."""

import os
import shutil
import sys
from pathlib import Path

import pytest

import deltarule as dr
from deltarule import _core
from support import output_of, run_python

LEVELS = _core.LEVELS
SUPPORTED = _core.supported_levels()
PACKAGE = Path(dr.__file__).parent


# Instruction sets ----------------------------------------------------------------------------


def test_levels() -> None:
    assert dr.isa() in SUPPORTED
    assert set(SUPPORTED) <= set(LEVELS)
    assert SUPPORTED[0] == LEVELS[0] == "portable"


@pytest.mark.parametrize("level", SUPPORTED)
def test_a_level_can_be_forced(level: str) -> None:
    assert output_of("import deltarule; print(deltarule.isa())", DELTARULE_ISA=level) == level


def test_the_fastest_is_the_default() -> None:
    for unset in (None, ""):
        printed = output_of("import deltarule; print(deltarule.isa())", DELTARULE_ISA=unset)
        assert printed == _core.fastest_level()


@pytest.mark.parametrize("level", ["sse9", "AVX2", " avx2"])
def test_an_unknown_level_is_an_import_error(level: str) -> None:
    result = run_python("-c", "import deltarule", DELTARULE_ISA=level)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last == (
        f"ImportError: DELTARULE_ISA={level!r} is not the name of an instruction set: "
        f"expected one of {SUPPORTED}"
    )


@pytest.mark.parametrize(
    ("built", "supported", "reason"),
    [
        (LEVELS, ["portable"], "does not run on this CPU: expected one of ['portable']"),
        (["portable"], LEVELS, "was not built: expected one of ['portable']"),
    ],
)
def test_a_level_that_is_not_there_is_refused(
    built: list[str], supported: list[str], reason: str
) -> None:
    """On a CPU, and in a wheel, that lack the wide ones."""
    with pytest.raises(RuntimeError) as caught:
        _core.choose_level(built, supported, "portable", "avx512")
    assert str(caught.value) == f"DELTARULE_ISA='avx512' {reason}"
    assert _core.choose_level(built, supported, "portable", "") == "portable"


@pytest.mark.parametrize(
    ("built", "fastest", "chosen"),
    [(LEVELS, "avx2", "avx2"), (LEVELS, "avx512", "avx512"), (["portable"], "avx2", "portable")],
)
def test_the_fastest_level_that_was_built_is_chosen(
    built: list[str], fastest: str, chosen: str
) -> None:
    assert _core.choose_level(built, LEVELS, fastest, "") == chosen


def test_a_core_without_kernels_says_what_is_missing() -> None:
    with pytest.raises(
        RuntimeError, match=r"no library of kernels .* expected libkernels_portable"
    ):
        _core.choose_level([], LEVELS, "avx2", "")


def test_kernels_of_another_build_are_refused(tmp_path: Path) -> None:
    """A library that is left over beside a newer core, and one that is broken."""
    package = tmp_path / "deltarule"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in Path(_core.__file__).parent.glob("*.so"):
        shutil.copy(file, package)
    foreign = Path(sys.modules["_socket"].__file__ or "")
    for content, message in ((foreign.read_bytes(), "is of another build"), (b"", "too short")):
        (package / "libkernels_portable.so").write_bytes(content)
        result = run_python(
            "-c", "import deltarule", PYTHONPATH=str(tmp_path), DELTARULE_ISA="portable"
        )
        assert result.returncode == 1
        last = result.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError: deltarule: ")
        assert message in last


# What every build of the core must get right. None of these files runs this one.
CORE_PART = [
    "blocks/test_blocks.py",
    "test_network.py",
    "_training/test_fit.py::test_batches_run_in_the_order_of_the_rows",
    "_training/test_fit.py::test_a_big_network_s_steps_are_the_explicit_ones",
    "_training/test_fit.py::test_the_memory_that_X_lies_in_does_not_matter",
    "_training/test_fit.py::test_same_bits_for_any_number_of_threads",
]


@pytest.mark.parametrize("level", [level for level in SUPPORTED if level != dr.isa()])
def test_core_part_of_the_suite_at_another_level(level: str) -> None:
    without_the_long_trainings = {"DELTARULE_DATA": None}
    result = run_python(
        *("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *CORE_PART),
        timeout=300,
        DELTARULE_ISA=level,
        **without_the_long_trainings,
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-5000:]
    print(level, result.stdout.strip().splitlines()[-1])


# An import without a built core --------------------------------------------------------------


def test_import_without_a_built_core_says_how_to_build(tmp_path: Path) -> None:
    (tmp_path / "deltarule").mkdir()
    for file in PACKAGE.glob("*.py*"):
        shutil.copy(file, tmp_path / "deltarule")
    # Without the site's packages, so that an installed core is not found.
    result = run_python("-S", "-c", "import deltarule", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: deltarule's compiled core is not there.")
    assert "pip install ." in last
    assert "pip install -e . --no-build-isolation" in last


# Threads -------------------------------------------------------------------------------------

COUNT = "import deltarule; print(deltarule.get_num_threads())"


@pytest.mark.parametrize(("value", "threads"), [("1", 1), ("3", 3), ("2,1", 2), ("07", 7)])
def test_omp_num_threads_is_honoured(value: str, threads: int) -> None:
    assert output_of(COUNT, OMP_NUM_THREADS=value) == str(threads)


# A container's quota may leave fewer than the machine has.
MOST = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize("value", [None, "", " "])
def test_without_a_number_there_are_as_many_as_processors(value: str | None) -> None:
    result = run_python("-W", "error", "-c", COUNT, OMP_NUM_THREADS=value)
    assert 1 <= int(result.stdout) <= MOST
    assert not result.stderr


@pytest.mark.parametrize("value", ["0", "-2", "many", "2x", "1.5", "99999999999999999999"])
def test_a_nonsense_number_of_threads_is_warned_of_once(value: str) -> None:
    result = run_python("-c", COUNT + "; deltarule.get_num_threads()", OMP_NUM_THREADS=value)
    assert result.returncode == 0
    assert 1 <= int(result.stdout) <= MOST
    assert result.stderr.count("Warning") == 1
    assert f"RuntimeWarning: OMP_NUM_THREADS is '{value}': expected 1 to 4095" in result.stderr


def test_a_warning_that_is_an_error_leaves_nothing_half_imported() -> None:
    script = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
        import deltarule
    except ImportError as error:
        print(error.__cause__)
warnings.simplefilter("ignore")
import deltarule
print(deltarule.Network([deltarule.Dense(1)], 1).predict([[0.0]]))
"""
    said, predicted = output_of(script, OMP_NUM_THREADS="abc").splitlines()
    assert said.startswith("OMP_NUM_THREADS is 'abc'")
    assert predicted == "[[0.]]"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform has no affinity")
def test_a_process_that_may_run_on_one_processor_has_one_thread() -> None:
    script = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); " + COUNT
    assert output_of(script, OMP_NUM_THREADS=None) == "1"
    assert output_of(script, OMP_NUM_THREADS="3") == "3"  # who asks for more gets them


def test_set_num_threads() -> None:
    for n in (1, 3, 2):
        dr.set_num_threads(n)
        assert dr.get_num_threads() == n


@pytest.mark.parametrize("n", [0, -1, 10**6, 2**40])
def test_set_num_threads_refuses(n: int) -> None:
    before = dr.get_num_threads()
    with pytest.raises(ValueError, match=rf"set_num_threads: got {n}: expected 1 (to|or more)"):
        dr.set_num_threads(n)
    assert dr.get_num_threads() == before


@pytest.mark.parametrize("n", [1.5, "2", None])
def test_set_num_threads_takes_integers(n: object) -> None:
    with pytest.raises(TypeError, match="set_num_threads"):
        dr.set_num_threads(n)  # type: ignore[arg-type]


def test_the_process_ends_while_threads_are_parked() -> None:
    script = """
import numpy as np
import deltarule as dr
dr.set_num_threads(4)
net = dr.Network([dr.Dense(300, "relu"), dr.Dense(3)], input_size=100)
net.fit(np.ones((600, 100)), np.ones((600, 3)), batch_size=300)
print("over")
"""
    assert output_of(script, timeout=30) == "over"


def test_an_import_waits_for_nothing_that_is_not_used() -> None:
    script = """
import sys, numpy
before = set(sys.modules)
import deltarule as dr
print(sorted(name for name in sys.modules if name.startswith("deltarule.")))
dr.Network([dr.Dense(2)], 3).fit([[1, 2, 3]], [[1, 2]])
later = {"deltarule._files", "deltarule._interchange", "deltarule.estimators", "numpy.ma", "scipy"}
print(sorted(later & set(sys.modules) - before))
"""
    at_once, later = output_of(script).splitlines()
    assert at_once == "['deltarule._core']"
    assert later == "[]"
