"""The benchmark's own logic: who is refused a time, and what counts as a regression."""

import copy
import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import deltarule

BENCH = Path(__file__).resolve().parents[2] / "bench"


def load(name):
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


agreement, compare = load("agreement"), load("compare")


def test_forward_by_hand():
    weights = [(np.array([[1.0, -1.0]]), np.array([0.5])), (np.array([[2.0]]), np.array([1.0]))]
    X = np.array([[3.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(agreement.forward(weights, X, "relu"), [[6.0], [1.0]])


@pytest.mark.parametrize(
    ("name", "Z", "y", "expected"),
    [
        ("mean_squared_error", [[1.0, 2.0]], [[0.0, 0.0]], 2.5),
        ("binary_cross_entropy", [[0.0], [0.0]], [0.0, 1.0], np.log(2)),
        ("binary_cross_entropy", [[1000.0]], [0.0], 1000.0),
        ("categorical_cross_entropy", [[0.0, 0.0, 0.0, 0.0]], [2], np.log(4)),
        ("categorical_cross_entropy", [[1000.0, 0.0]], [1], 1000.0),
    ],
)
def test_losses_by_hand(name, Z, y, expected):
    assert agreement.loss(name, np.array(Z), np.array(y)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("reached", "refused"),
    [(1.0, False), (1.04, False), (0.96, False), (1.06, True), (0.9, True), (np.nan, True)],
)
def test_a_loss_that_differs_is_refused(reached, refused):
    assert bool(agreement.loss_refusal(reached, 1.0, tolerance=0.05)) is refused


@pytest.mark.parametrize("wrong", [0.1, np.nan, np.inf])
def test_an_output_that_differs_is_refused(wrong):
    expected = np.zeros((3, 2))
    outputs = expected.copy()
    assert agreement.output_refusal(outputs, expected, 1e-5) is None
    outputs[1, 1] = wrong
    assert "off by" in agreement.output_refusal(outputs, expected, 1e-5)
    assert "shape" in agreement.output_refusal(outputs[:2], expected, 1e-5)


def run(deltarule, torch, peak=100.0):
    """A run of one workload on one thread."""
    results = [
        {"contestant": name, "threads": 1, "median": median}
        for name, median in (("deltarule", deltarule), ("torch", torch))
        if median is not None
    ]
    entry = {"results": results, "peak": {"avx2": {"1": peak}}}
    return {"quick": False, "workloads": {"S1": entry}}


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (run(1.0, 10.0), run(1.05, 10.0), "same"),
        (run(1.0, 10.0), run(1.2, 10.0), "SLOWER"),
        (run(1.0, 10.0), run(0.8, 10.0), "faster"),
        (run(1.0, 10.0), run(2.0, 20.0), "same"),  # the machine was slower, for all
        (run(1.0, 10.0), run(1.0, 5.0), "SLOWER"),  # the machine was faster, but not deltarule
        (run(1.0, None, peak=100.0), run(2.0, None, peak=50.0), "same"),
        (run(1.0, 10.0), run(None, 10.0), "NO TIME"),
    ],
)
def test_verdicts(old, new, verdict):
    (row,) = compare.compare(old, new, tolerance=0.1)
    assert row[-1] == verdict


def test_startup_and_streaming_are_compared():
    old = run(1.0, 10.0)
    old["S9"] = {"deltarule": {"median": 0.03, "first_median": 0.06}, "torch": {"median": 1.0}}
    old["S10"] = {"ratio": 1.0, "growth_mb": {"VmRSS": 5.0}}
    new = copy.deepcopy(old)
    new["S9"]["deltarule"] |= {"median": 0.05, "first_median": 0.05}
    new["S10"] = {"ratio": 1.5, "growth_mb": {"VmRSS": 9.0}}
    verdicts = {row[0]: row[-1] for row in compare.compare(old, new, tolerance=0.1)}
    assert verdicts == {
        "S1 on 1": "same",
        "S9 import": "SLOWER",
        "S14 first": "faster",
        "S10 ratio": "SLOWER",
        "S10 growth, MB": "same",
    }


def test_a_quick_run_is_not_comparable():
    quick = run(1.0, 10.0) | {"quick": True}
    with pytest.raises(ValueError, match="quick"):
        compare.compare(run(1.0, 10.0), quick, tolerance=0.1)


@pytest.mark.parametrize(("median", "code"), [(1.0, 0), (1.5, 1)])
def test_exit_code(tmp_path, capsys, median, code):
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    for path, content in zip(paths, (run(1.0, 10.0), run(median, 10.0)), strict=True):
        path.write_text(json.dumps(content))
    assert compare.main([str(path) for path in paths]) == code
    assert "S1 on 1" in capsys.readouterr().out


def test_features_are_timed_beside_the_plain_network(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCH))
    features = load("features")
    times = features.measure(inputs=3, hidden=(4, 4), rows=30, batch_size=10, rounds=3)
    assert set(times) == set(features.variants(3, (4, 4)))
    assert all(len(each) == 3 and min(each) > 0 for each in times.values())
    features.report("S0", 1, times | {"dropout": [2 * t for t in times["plain"]]})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(times)
    assert "+100%" in lines[1]
    assert "dropout" in lines[1]


@pytest.fixture
def bench(monkeypatch):
    """The bench's modules, imported as its commands import them."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def tiny_ensemble(bench, **changes):
    """Three networks' work, on rows that are all alike: the order of the batches means nothing."""
    workloads = bench("workloads")
    told = {"sizes": (3, 8, 8, 2), "rows": 40, "batch": 20, "members": 3} | changes
    work = dataclasses.replace(workloads.MANY["M1"], **told)
    problem = workloads.make_problem(work)
    problem.X[:], problem.y[:] = problem.X[0], problem.y[0]
    return work, problem


@pytest.mark.parametrize(
    ("contestant", "library"),
    [
        ("deltarule", "deltarule"),
        ("deltarule_each", "deltarule"),
        ("torch_vmap", "torch"),
        ("torch_threads", "torch"),
        ("jax", "jax"),
    ],
)
def test_ensembles_are_trained_to_the_yardsticks_loss(bench, contestant, library):
    pytest.importorskip(library)
    work, problem = tiny_ensemble(bench)
    trainer = bench(bench("contestants").MANY[contestant]).Trainer(work, problem, 1)
    expected = bench("measure").expected_result(work, problem)
    assert expected < agreement.training_loss(work, problem, problem.members) - 0.01
    for _ in range(2):  # the second from the same weights again
        trainer.reset()
        trainer.train(work.per_repetition)
        reached = agreement.training_loss(work, problem, trainer.weights())
        assert reached == pytest.approx(expected, rel=1e-4)


def test_scikit_learns_members_are_what_it_predicts_with(bench):
    pytest.importorskip("sklearn")
    workloads = bench("workloads")
    work = dataclasses.replace(workloads.MANY["M1"], rows=60, batch=20, members=3)
    problem = workloads.make_problem(work)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "")  # which the module sets for its processes
        trainer = bench("contestants.many.sklearn").Trainer(work, problem, 1)
        trainer.reset()
        trainer.train(2)
    A = agreement.mean_of_members(trainer.weights(), problem.X, "relu")
    np.testing.assert_allclose(A, trainer.model.predict_proba(problem.X), atol=1e-5)


@pytest.mark.parametrize("contestant", ["deltarule", "deltarule_each", "onnxruntime"])
def test_ensembles_predict_the_mean_of_their_members(bench, contestant):
    if contestant == "onnxruntime":
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    workloads = bench("workloads")
    work = dataclasses.replace(workloads.MANY["M3"], rows=50, batch=50, members=3)
    problem = workloads.make_problem(work)
    predictor = bench(bench("contestants").MANY[contestant]).Predictor(work, problem, 1)
    A = predictor.array(predictor.predict(predictor.native(problem.X)))
    expected = bench("measure").expected_result(work, problem)
    assert agreement.output_refusal(A, expected, work.tolerance) is None


def test_members_of_unequal_length_are_timed_if_they_end_at_the_same_bits(bench, monkeypatch):
    sharing = bench("sharing")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 16)).astype(np.float32), rng.integers(0, 2, 50)
    threads = deltarule.get_num_threads()
    try:
        assert min(sharing.turn(X, y, 1, count=3)) > 0
        monkeypatch.setattr(deltarule, "fit_many", lambda networks, *_, **__: None)
        with pytest.raises(ValueError, match="member 0 is not what it is alone"):
            sharing.turn(X, y, 1, count=3)
    finally:
        deltarule.set_num_threads(threads)


def test_growth_of_memory_is_counted_from_the_first_tenth(bench):
    endurance = bench("endurance")
    endurance.train(2, np.zeros((8, 4), np.float32), np.arange(8) % 2)
    grown = endurance.grown([10.0, 30.0, *[30.0] * 16, 34.0, 33.0])
    assert (grown["early_mb"], grown["end_mb"], grown["growth_mb"]) == (30.0, 33.0, 4.0)
    assert grown["members"] == 20 * endurance.GROUP
    assert endurance.resident_mb() > 1


def ensembles_run(peer, share, growth, *, quick=False):
    """A run of M1, M2 and M4 in which deltarule took a second."""
    results = [
        {"contestant": name, "threads": 2, "median": median}
        for name, median in (("deltarule", 1.0), ("sklearn", peer))
    ]
    return {
        "quick": quick,
        "workloads": {"M1": {"results": results, "threads": [2]}},
        "M2": {"shares": [share]},
        "M4": {"growth_mb": growth},
    }


@pytest.mark.parametrize(
    ("run", "missed"),
    [
        (ensembles_run(12.0, 0.95, 5.0), []),
        (ensembles_run(11.0, 0.95, 5.0), ["M1"]),
        (ensembles_run(12.0, 0.9, 6.0), ["M2", "M4"]),
    ],
)
def test_goals_of_many_networks(bench, run, missed):
    many = bench("many")
    run["goals"] = many.goals(run)
    assert [row["key"] for row in run["goals"] if not row["met"]] == missed
    assert many.status(run) == bool(missed)
    assert many.status(run | {"quick": True}) == 0
    del run["workloads"]["M1"]["results"][0]["median"]
    assert many.status(run | {"quick": True}) == 1
