"""What docstrings promise: whatever can raise says what, and when."""

import inspect
from typing import Any

import pytest

import deltarule as dr
from deltarule import initializers, schedules

# They take nothing that could be wrong.
RAISE_NOTHING = {
    *("History", "LearningRateRange", "SearchResult", "get_num_threads", "isa"),
    *("Loss", "LogCosh", "MeanAbsoluteError", "MeanSquaredError", "Poisson"),
    *(
        "DistributedError",
        "ModelFileError",
        "Optimizer",
        "TableWarning",
        "TrainingDivergedError",
        "TrainingWarning",
    ),
}
METHODS_THAT_RAISE_NOTHING = {"columns", "filled", "newest_file", "outputs_a_target", "pad"}
METHODS_THAT_RAISE_NOTHING |= {"get_params", "record", "summary", "table"}
# What layers are to the package, and what a fit calls: deltarule.callbacks says when.
OF_THE_PACKAGE = {"core", "initial", "parameters", "rates", "statistics", "units_after"}
OF_THE_PACKAGE |= {"end_epoch", "for_output", "observe", "restore", "state"}

NAMED: dict[str, Any] = {name: getattr(dr, name) for name in dr.__all__}
NAMED |= {
    f"{module.__name__}.{name}": kind
    for module in (initializers, schedules)
    for name, kind in vars(module).items()
    if inspect.isclass(kind) and kind.__module__ == module.__name__ and name[0] != "_"
}
NAMED = {name: value for name, value in NAMED.items() if not inspect.ismodule(value)}


@pytest.mark.parametrize("name", NAMED)
def test_what_can_raise_says_so(name: str) -> None:
    value = NAMED[name]
    short = name.rpartition(".")[2]
    assert value.__doc__
    assert "Raises\n" in value.__doc__ or short in RAISE_NOTHING
    for base in value.__mro__ if inspect.isclass(value) else ():
        if not base.__module__.startswith("deltarule"):
            continue
        for method, function in vars(base).items():
            known = METHODS_THAT_RAISE_NOTHING | OF_THE_PACKAGE
            if method.startswith(("_", "on_")) or method in known:
                continue
            function = getattr(function, "fn", getattr(function, "__wrapped__", function))
            if inspect.isfunction(function):
                assert "Raises\n" in (inspect.getdoc(function) or ""), f"{name}.{method}"
