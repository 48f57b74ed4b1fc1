"""``predict``: what a model says of each row, whatever the format and the size of a piece."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support_command import run

pl = pytest.importorskip("polars")


def test_predictions_are_the_model_s_and_pieces_do_not_matter(folder: Path) -> None:
    frame = pl.read_csv(folder / "people.csv")
    model: Any = dr.load(folder / "people.safetensors")
    P = model.predict_proba(frame.select(model.feature_names_in_.tolist()))
    for name, read in (("p.csv", pl.read_csv), ("p.parquet", pl.read_parquet),
                       ("p.jsonl", pl.read_ndjson)):  # fmt: skip
        run(
            folder, "predict", "people.safetensors", "people.csv", "-o", name, "--id", "person",
            "--rows", "100",
        )  # fmt: skip
        found = read(folder / name)
        assert found["person"].to_list() == frame["person"].to_list()
        np.testing.assert_allclose(found["probability yes"].to_numpy(), P[:, 1], atol=1e-6)
        assert set(found["prediction"]) <= {"yes", "no"}


def test_intervals_and_explanations_add_up(folder: Path) -> None:
    result = run(
        folder, "predict", "rent.safetensors", "-", "--interval", "0.8", "--explain",
        given=(folder / "people.csv").read_bytes(),
    )  # fmt: skip
    found = pl.read_csv(result.stdout)
    assert found.height == 160
    assert (found["lower"] <= found["prediction"]).all()
    assert (found["prediction"] <= found["upper"]).all()
    # What is left of a prediction is the same for all rows: the model's base.
    parts = found.select(pl.sum_horizontal(pl.col("^part of .*$"))).to_series()
    rest = found["prediction"].to_numpy() - parts.to_numpy()
    inside = (found["prediction"] > found["prediction"].min()).to_numpy()
    assert np.ptp(rest[inside]) < 0.2 * np.ptp(found["prediction"].to_numpy())


def test_what_is_written_beside_is_json(folder: Path) -> None:
    arguments = ("predict", "people.safetensors", "people.csv", "--json")
    values = run(folder, *arguments, "-o", "p.csv").values
    assert values == {"output": "p.csv", "rows": 160}
    run(folder, *arguments, code=2)
