"""Updates beside the same in plain NumPy; what they are handed is left as it is."""

from typing import Any

import numpy as np
import pytest

from deltarule import _core, blocks
from support import assert_same_bits

PARAMETERS = {
    name: np.random.default_rng(i).normal(size=shape)
    for i, (name, shape) in enumerate(
        {"W1": (3, 2), "b1": (3, 1), "W2": (1, 3), "b2": (1, 1)}.items()
    )
}
GRADS = {f"d{name}": array**2 - 0.3 for name, array in PARAMETERS.items()}
LEAVES: Any = {"rtol": 1e-14}


def test_three_steps_of_momentum() -> None:
    parameters, v = PARAMETERS, blocks.initialize_velocity(PARAMETERS)
    W, velocity = PARAMETERS["W1"], 0.0
    for _ in range(3):
        parameters, v = blocks.update_parameters_with_momentum(parameters, GRADS, v, 0.9, 0.1)
        velocity = 0.9 * velocity + (1 - 0.9) * GRADS["dW1"]
        W = W - 0.1 * velocity
    np.testing.assert_allclose(parameters["W1"], W, **LEAVES)
    np.testing.assert_allclose(v["dW1"], velocity, **LEAVES)


def test_three_steps_of_adam() -> None:
    parameters, (v, s) = PARAMETERS, blocks.initialize_adam(PARAMETERS)
    b, first, second, d = PARAMETERS["b1"], 0.0, 0.0, GRADS["db1"]
    for t in (1, 2, 3):
        parameters, v, s = blocks.update_parameters_with_adam(
            parameters, GRADS, v, s, t, 0.02, 0.8, 0.9, 1e-3
        )
        first, second = 0.8 * first + 0.2 * d, 0.9 * second + 0.1 * d**2
        b = b - 0.02 * (first / (1 - 0.8**t)) / (np.sqrt(second / (1 - 0.9**t)) + 1e-3)
    np.testing.assert_allclose(parameters["b1"], b, rtol=1e-12)
    np.testing.assert_allclose(v["db1"], first, rtol=1e-12)
    np.testing.assert_allclose(s["db1"], second, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("arrange", [np.ascontiguousarray, np.asfortranarray])
def test_what_goes_in_stays_as_it_is(arrange: Any, dtype: type) -> None:
    p, d = (
        {name: arrange(array.astype(dtype)) for name, array in arrays.items()}
        for arrays in (PARAMETERS, GRADS)
    )
    v, s = blocks.initialize_adam(p)
    given = [array for each in (p, d, v, s) for array in each.values()]
    before = [array.copy() for array in given]
    for array in given:
        array.flags.writeable = False
    made = [
        blocks.update_parameters(p, d),
        blocks.update_parameters_with_gd(p, d, 0.1),
        *blocks.update_parameters_with_momentum(p, d, v, 0.9, 0.1),
        *blocks.update_parameters_with_adam(p, d, v, s, 1),
    ]
    results = [array for each in made for array in each.values()]
    assert {array.dtype for array in results} == {np.dtype(dtype)}
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert not any(np.shares_memory(one, other) for one in results for other in given)
    np.testing.assert_allclose(made[0]["W1"], p["W1"] - 1.2 * d["dW1"], rtol=1e-6)


def test_one_float64_array_makes_all_of_them_float64() -> None:
    mixed = PARAMETERS | {"W1": PARAMETERS["W1"].astype(np.float32)}
    grads = GRADS | {"dW1": GRADS["dW1"].astype(np.float32)}
    updated = blocks.update_parameters(mixed, grads, 0.1)
    assert {array.dtype for array in updated.values()} == {np.dtype(float)}


@pytest.mark.parametrize(
    ("error", "message", "function", "arguments"),
    [
        (ValueError, "v has no keys: expected dW1 too", "update_parameters_with_momentum",
         (PARAMETERS, GRADS, {}, 0.9, 0.1)),
        (ValueError, "beta is 1: expected 0 or more and less than 1",
         "update_parameters_with_momentum", (PARAMETERS, GRADS, GRADS, 1, 0.1)),
        (ValueError, "t is 0: expected an integer of at least 1", "update_parameters_with_adam",
         (PARAMETERS, GRADS, GRADS, GRADS, 0)),
        (ValueError, "epsilon is -1.0: expected 0 or more", "update_parameters_with_adam",
         (PARAMETERS, GRADS, GRADS, GRADS, 1, 0.1, 0.9, 0.9, -1.0)),
        (ValueError, r"s is|dW1 is \(2, 3\) but W1 is \(3, 2\)", "update_parameters_with_adam",
         (PARAMETERS, GRADS, GRADS, GRADS | {"dW1": np.ones((2, 3))}, 1)),
        (TypeError, "learning_rate is str: expected a number", "update_parameters_with_gd",
         (PARAMETERS, GRADS, "0.1")),
        (TypeError, "parameters is list of 0", "initialize_velocity", ([],)),
        (ValueError, "decay_rate is -1: expected 0 or more", "update_lr", (0.1, 1, -1)),
        (ValueError, "time_interval is 0: expected a number above 0", "schedule_lr_decay",
         (0.1, 1, 1, 0)),
    ],
)  # fmt: skip
def test_what_is_refused(
    error: type[Exception], message: str, function: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(error, match=message):
        getattr(blocks, function)(*arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_short_way_makes_numpy_s_step(dtype: Any, order: Any) -> None:
    rng = np.random.default_rng(0)
    shapes = {"W1": (3, 2), "b1": (3, 1), "W2": (1, 3), "b2": (1, 1)}
    p = {key: np.array(rng.normal(size=shape), dtype, order=order) for key, shape in shapes.items()}
    d = {f"d{key}": np.array(rng.normal(size=s), dtype, order=order) for key, s in shapes.items()}
    p["b1"][0, 0], d["dW1"][0, 0] = np.nan, np.inf
    at_once = _core.gradient_step(p, d | {"dZ1": "anything"}, 0.3)
    assert at_once is not None
    assert list(at_once) == list(shapes)
    for key in shapes:
        assert at_once[key].dtype == dtype
        assert_same_bits(at_once[key], -0.3 * d[f"d{key}"] + p[key])
        assert not np.may_share_memory(at_once[key], p[key])


@pytest.mark.parametrize(
    "change",
    [
        {"W1": None},
        {"dW1": None},
        {"dW1": np.ones((2, 3))},
        {"W1": np.ones((3, 2), int)},
        {"dW1": np.ones((3, 2), np.float32)},
        {"W1": np.ones((3, 2), ">f8")},
        {"W1": np.ma.ones((3, 2))},
        {"W1": np.ones((3, 4))[:, ::2]},
        {"dW1": np.ones((3, 2), order="F")},
        {"b1": np.ones((2, 1)), "db1": np.ones((2, 1))},
        {"b1": np.ones(3), "db1": np.ones(3)},
        {"W3": np.ones((1, 3))},
        {"W1": np.frombuffer(bytes(49), np.uint8)[1:].view(float).reshape(3, 2)},
    ],
)
def test_what_is_not_plain_goes_the_long_way(change: dict[str, Any]) -> None:
    p = {"W1": np.ones((3, 2)), "b1": np.ones((3, 1))}
    d = {"dW1": np.ones((3, 2)), "db1": np.ones((3, 1))}
    assert _core.gradient_step(p, d, 0.1) is not None
    for key, value in change.items():
        (d if key.startswith("d") else p)[key] = value
    assert _core.gradient_step(p, d, 0.1) is None
