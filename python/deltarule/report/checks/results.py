"""Checks of what the model came to: learned by heart, no better than less, not as it says."""

from __future__ import annotations

from deltarule.report.checks.finding import Finding
from deltarule.report.facts.gathered import Facts
from deltarule.report.facts.scores import ERRORS

_GAP = 0.1  # of accuracy or of explained variance
_CALIBRATION = 0.05
_COVERAGE = 0.03
_SLOWER = 10.0
_TIMES_NOISE = 2.5


def learned_by_heart(facts: Facts) -> Finding:
    """Far better on the rows of the fit."""
    code, title = "M1", "Overfitting"
    if facts.of_fit is None:
        return Finding(code, title, "not checked", "The rows of the fit were not given.")
    name = "accuracy" if facts.classes else "r2"
    if name not in facts.of_fit or name not in facts.model.scores:
        return Finding(code, title, "not checked", "The target does not vary.")
    there, here = facts.of_fit[name], facts.model.scores[name]
    words = (
        f"The {_words(name)} is {there.value:.3f} on the rows of the fit, {here.value:.3f} here."
    )
    if there.value - here.value < _GAP or there.low < here.high:
        return Finding(code, title, "ok", words)
    return Finding(
        code,
        title,
        "look",
        words,
        "Much was learned by heart. The scores of this report are the ones to go by; more rows, or "
        "fewer columns, help most.",
    )


def not_as_held_out(facts: Facts) -> Finding:
    """Worse than what the rows held out promised."""
    code, title = "M2", "As good as promised"
    worse = []
    for name, value in facts.held_out.items():
        here = facts.model.scores.get(name)
        if here is not None and (here.low > value if name in ERRORS else here.high < value):
            worse.append(f"{_words(name)} {here.value:.4g} here, {value:.4g} there")
    if not facts.held_out:
        return Finding(code, title, "not checked", "There are no scores of rows held out.")
    if not worse:
        return Finding(code, title, "ok", "Scores are those of the rows held out, or better.")
    return Finding(
        code,
        title,
        "look",
        f"Worse than on the rows held out, beyond chance: {'; '.join(worse)}.",
        "These rows are of another kind than those of the fit, or rows that belong together were "
        "on both sides of the split: see C5, R4 and R5.",
    )


def no_better(facts: Facts) -> Finding:
    """No better than a simple model, or far slower than one as good."""
    code, title = "M3", "Better than the baselines"
    if not facts.baselines:
        return Finding(code, title, "not checked", "No baselines were fitted.")
    better, alike = [], []
    for each in facts.baselines:
        assert each.behind is not None
        if each.behind.high < 0:
            better.append(each)
        elif each.behind.low <= 0:
            alike.append(each)
    names = ", ".join(each.name for each in better or alike)
    if better:
        advice = "Use the better one, or find out why: too short a time, too few rows, a column "
        return Finding(
            code,
            title,
            "look",
            f"Better than this model, beyond chance: {names}.",
            advice + "that is read as another kind than it is.",
        )
    if not alike:
        return Finding(code, title, "ok", "Better than each baseline, beyond chance.")
    words = f"No better than this, beyond chance: {names}."
    fast = [each for each in alike if each.seconds * _SLOWER < facts.model.seconds]
    if fast:
        words += (
            f" {fast[0].name} took {fast[0].seconds:.2g} s, this model {facts.model.seconds:.2g} s."
        )
    return Finding(
        code, title, "look", words, "The simplest model that is as good is the one to use."
    )


def calibrated(facts: Facts) -> Finding:
    """Probabilities or intervals that do not mean what they say."""
    code, title = "M4", "Probabilities and intervals mean what they say"
    if facts.calibration is not None:
        error, noise = facts.calibration.error, facts.calibration.noise
        words = f"Probabilities miss what came true by {error:.3f} on average."
        if error <= max(_CALIBRATION, _TIMES_NOISE * noise):
            return Finding(code, title, "ok", words)
        advice = "Go by the order of the probabilities, not by their size; see C5 and R3."
        return Finding(code, title, "look", words, advice)
    if facts.coverage is None:
        return Finding(code, title, "not checked", "There are no intervals.")
    wanted, came = facts.coverage
    words = f"Of intervals for {wanted:.0%} of the targets, {came:.1%} hold theirs."
    chance = 2.5 * (wanted * (1 - wanted) / facts.rows) ** 0.5
    if came >= wanted - max(_COVERAGE, chance):
        return Finding(code, title, "ok", words)
    advice = "These rows are of another kind than those of the fit: see C5, R4 and R5."
    return Finding(code, title, "look", words, advice)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("r2", "R²").replace("rmse", "RMSE")
