"""Arguments under the names that other libraries give them."""

import inspect
from typing import Any

import pytest

import deltarule as dr
from support import data, network

N = [3, 2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lr", "no argument 'lr': it belongs to the optimizer: expected such as optimizer=delta"),
        ("learning_rate", "it belongs to the optimizer"),
        ("seed", r"it belongs to the network: expected Network\(\.\.\., seed=0\)"),
        ("patience", r"it is a callback: expected callbacks=\[deltarule\.EarlyStopping\(\)\]"),
        ("epoch", "no argument 'epoch'; did you mean 'epochs'?"),
        ("max_iter", "did you mean 'epochs'?"),
        ("eval_set", "did you mean 'validation_data'?"),
        ("class_weights", "did you mean 'class_weight'?"),
        ("sample_weights", "did you mean 'sample_weight'?"),
        ("optimiser", "did you mean 'optimizer'?"),
        ("zzz", r"no argument 'zzz': expected some of \['y', 'loss', 'optimizer'"),
    ],
)
def test_fit_answers_with_the_right_name(name: str, message: str) -> None:
    given: dict[str, Any] = {name: 1}
    with pytest.raises(
        TypeError, match=f"fit: there is {message}" if message[0] == "n" else message
    ):
        network(N).fit(*data(9, N), **given)


def test_evaluate_answers_by_its_own_arguments() -> None:
    given: dict[str, Any] = {"metric": ["r2"]}
    with pytest.raises(TypeError, match="evaluate: there is no argument 'metric'; did you mean 'm"):
        network(N).evaluate(*data(9, N), **given)
    given = {"epoch": 1}
    with pytest.raises(TypeError, match=r"no argument 'epoch': expected some of \['y', 'loss', "):
        network(N).evaluate(*data(9, N), **given)


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (False, 0), (1, 2), (2, 2), (True, 2)])
def test_verbose_is_progress(verbose: Any, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    given: dict[str, Any] = {"verbose": verbose}
    network(N).fit(*data(9, N), epochs=2, **given)
    shown = capsys.readouterr()
    assert shown.err.count("epoch ") == lines
    assert shown.out == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"verbose": 1, "progress": True}, "verbose and progress are given: expected one of them"),
        ({"verbose": "loud"}, "verbose is 'loud': expected 0, 1 or 2, or progress=True"),
    ],
)
def test_verbose_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        network(N).fit(*data(9, N), **given)


def test_the_signature_is_the_function_s() -> None:
    parameters = inspect.signature(dr.Network.fit).parameters
    assert list(parameters)[:5] == ["network", "X", "y", "loss", "optimizer"]
    assert not any(each.kind is each.VAR_KEYWORD for each in parameters.values())
