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


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (20_640, (13_209, 3_303, 4_128)),  # of California and Diamond, as papers report them
        (53_940, (34_521, 8_631, 10_788)),
    ],
)
def test_rows_of_numbers_are_parted_as_published(bench, rows, sizes):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    parts = bench("datasets").positions(np.arange(rows), classes=False)
    assert tuple(map(len, parts)) == sizes
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))


def test_rows_of_classes_keep_their_shares_in_every_part(bench):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    y = np.repeat(["no", "yes"], [7_500, 2_500])
    parts = bench("datasets").positions(y, classes=True)
    assert tuple(map(len, parts)) == (6_400, 1_600, 2_000)
    assert [np.mean(y[rows] == "yes") for rows in parts] == [0.25, 0.25, 0.25]


@pytest.mark.parametrize(
    ("name", "sizes", "classes"),
    [
        ("california", (13_209, 3_303, 4_128), None),
        ("churn", (6_400, 1_600, 2_000), [0, 1]),
        ("adult", (26_048, 6_513, 16_281), ["<=50K", ">50K"]),
        ("diamond", (34_521, 8_631, 10_788), None),
    ],
)
def test_the_real_tables(bench, data_folder, name, sizes, classes):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    datasets = bench("datasets")
    table = datasets.load(name, data_folder / "tabular")
    assert (len(table.train), len(table.val), len(table.test)) == sizes
    assert set(table.train.X.select_dtypes(exclude="number")) <= set(table.categories)
    assert list(table.train.X) == list(table.val.X) == list(table.test.X)
    if classes:
        assert [np.unique(part.y).tolist() for part in (table.train, table.test)] == [classes] * 2
    few = datasets.quick(table)
    assert (len(few.train), len(few.val), len(few.test)) == (600, 200, 200)
    assert table.score(table.test.y) == (0.0 if classes is None else 1.0)


@pytest.mark.parametrize("classes", [False, True])
def test_the_score_of_answers_in_a_column(bench, classes):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    datasets = bench("datasets")
    y = np.array([1.0, 2.0, 4.0, 1.0])
    table = datasets.Table("t", classes, (), None, None, datasets.Rows(None, y))
    answers = np.array([[1.0], [2.0], [4.0], [4.0]])
    assert table.score(answers) == pytest.approx(0.75 if classes else 1.5)
    with pytest.raises(ValueError, match="3 answers for 4"):
        table.score(answers[:3])


def test_categories_as_other_libraries_take_them(bench):
    pd = pytest.importorskip("pandas")
    categories = bench("contestants.tables.categories")
    train = pd.DataFrame({"card": [1.0, np.nan, 0.0], "land": ["b", "a", "b"], "age": [3, 4, 5]})
    text = categories.as_text(train, ("card", "land"))
    assert text["card"].tolist() == ["1.0", "nan", "0.0"]
    assert text["age"].tolist() == [3, 4, 5]
    levels = categories.Levels(train, ("card", "land"))
    of_others = levels(train.assign(land=["a", "c", "b"]))
    assert of_others["land"].cat.categories.tolist() == ["a", "b"]
    assert of_others["land"].cat.codes.tolist() == [0, -1, 1]
    assert of_others["card"].cat.codes.tolist() == [1, 2, 0]


def test_classes_as_numbers_and_back(bench):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    datasets, codes = bench("datasets"), bench("contestants.tables.classes").Codes
    for classes, y, coded in ((True, ["no", "yes", "no"], [0, 1, 0]), (False, [0.5, 2.0], None)):
        rows = datasets.Rows(None, np.array(y))
        of_table = codes(datasets.Table("t", classes, (), rows, rows, rows))
        assert of_table.of(rows.y).tolist() == (coded or y)
        assert of_table.back(of_table.of(rows.y)).tolist() == y


def fitted(contestant, score, *, table="houses", seed=0, seconds=10.0, cpu=20.0, software="1"):
    return {
        "seed": seed, "table": table, "contestant": contestant, "software": software,
        "score": score, "fit_seconds": seconds, "cpu_seconds": cpu, "predict_us": 1.5,
        "file_mb": 2.0, "peak_mb": 300.0, "others": 0.5, "rows": {"train": 3, "val": 2, "test": 1},
    }  # fmt: skip


def tables_run(*fits):
    """A run over a table of numbers and one of classes, whose best default boosters have .5, .8."""
    scores = {
        "XGBoost, default": {"houses": 0.6, "clients": 0.79},
        "LightGBM, default": {"houses": 0.5, "clients": 0.78},
        "CatBoost, default": {"houses": 0.55, "clients": 0.8},
        "XGBoost, tuned": {"houses": 0.45, "clients": 0.82},
        "LightGBM, tuned": {"houses": 0.46, "clients": 0.81},
        "CatBoost, tuned": {"houses": 0.47, "clients": 0.8},
        "TabPack, one run, not tuned": {"houses": 0.4, "clients": 0.83},
    }
    data = {"houses": {"score": "rmse"}, "clients": {"score": "accuracy"}}
    return {
        "quick": False, "threads": 2, "fits": list(fits), "tables": list(data), "goals": [],
        "machine": {"cpu": "a CPU"}, "published": {"data": data, "scores": scores},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("houses", "clients", "seconds", "cpu", "missed"),
    [
        (0.45, 0.82, 120.0, 20.0, ["all"]),  # three of four, where there are but two
        (0.505, 0.795, 10.0, 20.0, ["all", "all"]),
        (0.506, 0.794, 10.0, 20.0, ["houses", "clients", "all", "all"]),
        (0.45, 0.82, 121.0, 20.5, ["houses", "houses", "all"]),
    ],
)
def test_goals_of_tables(bench, houses, clients, seconds, cpu, missed):
    standings = bench("standings")
    run = tables_run(
        fitted("deltarule", houses, seconds=seconds, cpu=cpu),
        fitted("realmlp", 0.46, cpu=60.0),
        fitted("deltarule", clients, table="clients"),
    )
    goals = standings.goals(run)
    assert [row["key"] for row in goals if not row["met"]] == missed
    run["fits"].pop()  # of one table alone, what holds for all is not judged
    assert {row["key"] for row in standings.goals(run)} == {"houses"}


def test_standings_are_of_all_seeds_and_the_best_first(bench):
    standings = bench("standings")
    run = tables_run(
        fitted("xgboost", 0.45),
        fitted("deltarule", 0.41, seconds=10.0),
        fitted("deltarule", 0.43, seed=1, seconds=20.0),
        {"seed": 0, "table": "houses", "contestant": "tabm", "software": "1", "error": "no room"},
        fitted("xgboost", 0.81, table="clients"),
        fitted("deltarule", 0.79, table="clients"),
    )
    first, second = standings.of_table(run, "houses")
    assert (first["contestant"], second["contestant"]) == ("deltarule", "xgboost")
    assert first["score"] == pytest.approx(0.42)
    assert first["deviation"] == pytest.approx(0.02 / np.sqrt(2))
    assert (first["fit_seconds"], first["slowest"], second["deviation"]) == (15.0, 20.0, None)
    assert standings.of_table(run, "clients")[0]["contestant"] == "xgboost"
    lines = standings.text(run, "houses").splitlines()
    assert "3 for train" in lines[0]
    assert lines[2].split() == (
        "deltarule 2 0.4200 +-0.0141 15.0 20.0 1.50 2.00 300".split()  # noqa: SIM905
    )
    assert "TabPack" in lines[4]  # the best of those published, after those measured
    assert "tabm, seed 0: no room" in lines[-1]
    page = standings.markdown(run)
    assert "| deltarule | 2 | 0.4200 | +-0.0141 |" in page
    assert "- tabm, seed 0: no room" in page
    assert "0.50 of a CPU; NOISY" in standings.load(run)


@pytest.fixture
def tables(bench, tmp_path, monkeypatch):
    """The command without its processes; it knows the fits that it asked for."""
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    tables = bench("tables")
    asked, failing = [], set()

    def fit(contestant, table, seed, **_):
        asked.append((seed, table, contestant))
        if contestant in failing:
            return {"error": "it failed"}
        score = 0.4 if table == "california" else 0.9
        made = fitted(contestant, score)
        return {name: made[name] for name in made if name not in ("seed", "table", "contestant")}

    data = {"california": {"score": "rmse"}, "churn": {"score": "accuracy"}}
    run = tables_run()["published"]["scores"]
    scores = {
        name: {"california": of["houses"], "churn": of["clients"]} for name, of in run.items()
    }
    (tmp_path / "published.json").write_text(json.dumps({"data": data, "scores": scores}))
    versions = {"deltarule": "1", "xgboost": "1"}
    monkeypatch.setattr(tables.fitting, "fit", fit)
    monkeypatch.setattr(tables, "present", lambda names, *_: {n: versions[n] for n in names})
    monkeypatch.setattr(tables.scatter, "draw", lambda *_: None)
    monkeypatch.setattr(tables.machine, "physical_cpus", lambda: [0, 1])

    def command(*more):
        del asked[:]
        paths = [f"--{kind}={tmp_path / kind}" for kind in ("json", "markdown", "picture")]
        given = ["--only=california,churn", "--contestants=deltarule,xgboost", "--seeds=2"]
        return tables.main([*given, f"--data={tmp_path}", *paths, *more]), asked

    command.failing, command.versions, command.module = failing, versions, tables
    return command


def test_a_run_goes_on_where_it_stopped(tables):
    _, asked = tables("--seeds=1", "--only=churn")
    assert sorted(asked) == [(0, "churn", "deltarule"), (0, "churn", "xgboost")]
    tables.failing.add("xgboost")
    _, asked = tables("--resume")
    assert len(asked) == 8 - 2
    tables.failing.clear()
    _, asked = tables("--resume")  # those that failed, again
    assert sorted(asked) == [(0, "california", "xgboost"), (1, "california", "xgboost"),
                             (1, "churn", "xgboost")]  # fmt: skip
    assert tables("--resume")[1] == []
    tables.versions["deltarule"] = "2"
    _, asked = tables("--resume", "--only=churn")
    assert sorted(asked) == [(0, "churn", "deltarule"), (1, "churn", "deltarule")]
    assert len(tables()[1]) == 8
    with pytest.raises(SystemExit, match=r"threads 2, and this run 1"):
        tables("--resume", "--threads=1")


def test_the_exit_code_of_tables(tables, capsys):
    assert tables()[0] == 1  # three of four, where there are but two
    assert "missed" in capsys.readouterr().out
    assert tables("--quick")[0] == 0
    tables.failing.add("deltarule")
    assert tables("--quick")[0] == 1
    assert tables("--quick", "--contestants=xgboost")[0] == 0
    with pytest.raises(SystemExit):
        tables("--only=nowhere")
    assert "nowhere: expected some of" in capsys.readouterr().err


def test_a_contestant_that_is_not_installed_is_named(bench):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    tables = bench("tables")
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tables.PACKAGES, "tabm", ["no-such-distribution"])
        described = {"deltarule_sha256": 64 * "a"}
        found = tables.present(["deltarule", "sklearn_mlp", "tabm"], described, said.append)
    assert list(found) == ["deltarule", "sklearn_mlp"]
    assert found["deltarule"] == "deltarule aaaaaaaaaaaa"
    assert said == ["tabm does not take part: no-such-distribution is not installed"]


class Learned:
    """What knows the answers, and writes them to a file."""

    def fit(self, train, val):
        self.answers = train.y

    def predict(self, X):
        return self.answers[: len(X)]

    def save(self, folder):
        (folder / "model").write_bytes(bytes(2_000_000))


def test_a_fit_is_measured(bench):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    datasets = bench("datasets")
    rows = datasets.Rows(np.zeros((4, 1)), np.arange(4))
    table = datasets.Table("t", True, (), rows, rows, rows)
    result = bench("fitting").measure(Learned(), table)
    assert (result["score"], result["file_mb"]) == (1.0, 2.0)
    assert result["rows"] == {"train": 4, "val": 4, "test": 4}
    assert min(result["fit_seconds"], result["predict_us"]) > 0
    assert result["peak_mb"] > 1


def test_the_error_of_a_process_is_told(bench, tmp_path):
    fit = bench("fitting").fit
    result = fit("sklearn_mlp", "churn", 0, cpus=[0], folder=tmp_path, quick=True, limit=120)
    assert list(result) == ["error"]
    assert result["error"]
    assert "0 s" in fit("sklearn_mlp", "churn", 0, cpus=[0], folder=tmp_path, quick=True, limit=0)[
        "error"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("heights", "spread"),
    [
        ([1.0, 5.0, 9.0], [1.0, 5.0, 9.0]),
        ([4.0, 5.0, 6.0], [3.0, 5.0, 7.0]),  # a block stays where it is, and grows
        ([0.0, 0.0, 9.0], [0.0, 2.0, 9.0]),  # within bounds
        ([10.0, 10.0], [8.0, 10.0]),
    ],
)
def test_labels_are_spread(bench, heights, spread):
    assert bench("scatter").spread(heights, 2.0, 0.0, 10.0) == pytest.approx(spread)


def test_the_picture_of_tables_is_drawn(bench, tmp_path):
    pytest.importorskip("matplotlib")
    run = tables_run(fitted("deltarule", 0.41), fitted("xgboost", 0.45, cpu=2.0))
    bench("scatter").draw(run, tmp_path / "tables.png")
    assert (tmp_path / "tables.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_measures_the_contestants_of_its_own_workloads(bench, tmp_path):
    """Networks that are trained alone, and many at once, have contestants of the same names."""
    results = tmp_path / "results.json"
    options = ["--quick", "--only", "S12", "--contestants", "deltarule,numpy", "--threads", "1"]
    options += ["--json", str(results), "--picture", str(tmp_path / "results.png")]
    bench("run").main(options)
    told = json.loads(results.read_text())["workloads"]["S12"]["results"]
    assert [each["contestant"] for each in told if each.get("seconds")] == ["deltarule", "numpy"]
