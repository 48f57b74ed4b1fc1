"""What is watched in training: its value, and whether small or large values are good."""

import pytest

from deltarule import metrics
from deltarule._monitor import mode_of, monitored

SMALL_IS_GOOD = {
    *("loss", "val_loss", "log_loss", "val_mae", "mean_poisson_deviance", "max_error"),
    *("val_root_mean_squared_error", "brier_score", "val_mape"),
}
LARGE_IS_GOOD = {
    *("accuracy", "val_accuracy", "val_top_3_accuracy", "val_binary_accuracy", "r2", "f1_macro"),
    *("val_roc_auc_ovr", "precision_weighted", "val_score", "d2_absolute_error_score"),
    *("neg_log_loss", "val_neg_mean_squared_error", "neg_root_mean_squared_error"),
}


def test_a_name_that_is_not_there() -> None:
    assert monitored({"loss": 1.0}, "loss", "EarlyStopping") == 1.0
    with pytest.raises(ValueError, match=r"EarlyStopping: monitor is 'f1'.*one of \['loss'\]"):
        monitored({"loss": 1.0}, "f1", "EarlyStopping")
    with pytest.raises(ValueError, match=r"did you mean 'val_loss'\?$"):
        monitored({"loss": 1.0, "val_loss": 1.0}, "val_los", "EarlyStopping")


@pytest.mark.parametrize("name", sorted(SMALL_IS_GOOD))
def test_losses_and_errors_are_small_where_they_are_good(name: str) -> None:
    assert mode_of(name, None, "") == "min"
    assert mode_of(name, "max", "") == "max"


@pytest.mark.parametrize("name", sorted(LARGE_IS_GOOD))
def test_scores_are_large_where_they_are_good(name: str) -> None:
    assert mode_of(name, None, "") == "max"
    assert mode_of(name, "min", "") == "min"


@pytest.mark.parametrize("name", metrics.METRICS)
def test_every_metric_has_its_mode(name: str) -> None:
    small = name.endswith(("loss", "error"))
    assert mode_of(f"val_{name}", None, "") == ("min" if small else "max")


@pytest.mark.parametrize("name", ["quantity", "learning_rate", "", "lossless", "val_"])
def test_a_name_that_says_nothing(name: str) -> None:
    with pytest.raises(ValueError, match=r"X: monitor is .* and mode is None: expected mode="):
        mode_of(name, None, "X")


def test_refused() -> None:
    with pytest.raises(ValueError, match="X: mode is 'up': expected 'min' or 'max'"):
        mode_of("loss", "up", "X")
    with pytest.raises(TypeError, match="X: metric is 3: expected a name in the history"):
        mode_of(3, None, "X", "metric")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="X: monitor is 3: expected a name in the history"):
        mode_of(3, None, "X")  # type: ignore[arg-type]
