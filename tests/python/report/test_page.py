"""The page: whole, escaped, in order, small, and silent towards the network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from deltarule.report.checks.every import checked
from deltarule.report.drawing.axes import Axis, number, ticks
from deltarule.report.drawing.lines import Line, lines
from deltarule.report.facts.gathered import gathered
from deltarule.report.page.page import page, page_of_several
from deltarule.report.page.style import STYLE
from deltarule.report.subject import Column, Importance, Levels, Numbers
from support_report import M, subject

_EMPTY = {"meta", "br"}
_LOADING = {"src", "srcset", "data", "poster", "action", "xlink:href", "background"}
HOSTILE = "<script>alert('&\"')</script>"


class Page(HTMLParser):
    """A page's elements; it fails where one is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(*arguments: Any, **changes: Any) -> str:
    facts = gathered(subject(*arguments, **changes))
    return page(facts, checked(facts))


@pytest.mark.parametrize("classes", [0, 2, 3, 30])
def test_it_is_whole_and_asks_for_nothing(classes: int) -> None:
    text = written(classes)
    found = Page(text)
    for name, attributes in found.elements:
        assert name not in ("script", "link", "iframe", "img", "object", "embed", "base", "form")
        assert not _LOADING & attributes.keys()
        assert attributes.get("href", "#").startswith("#")
        assert not any(key.startswith("on") for key in attributes)
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = [each for each in found.named("meta") if "http-equiv" in each]
    assert "default-src 'none'" in policy["content"]


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_headings_are_in_order_and_links_lead_somewhere(classes: int) -> None:
    found = Page(written(classes))
    levels = [int(name[1]) for name, _ in found.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [each["id"] for _, each in found.elements if "id" in each]
    assert len(ids) == len(set(ids))
    for each in found.named("a"):
        assert each["href"][1:] in ids


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_drawings_have_words_and_tables_have_heads(classes: int) -> None:
    found = Page(written(classes))
    for each in found.named("svg"):
        assert each.get("aria-hidden") == "true" or len(each["aria-label"]) > 10
    assert all(each["scope"] in ("row", "col") for each in found.named("th"))
    assert len(found.named("caption")) == len(found.named("table"))


def test_several_targets_share_a_page() -> None:
    made = [subject(0, target=f"target {k}", place=k) for k in range(3)]
    facts = [gathered(each) for each in made]
    found = Page(text := page_of_several(facts, [checked(each) for each in facts]))
    ids = [each["id"] for _, each in found.elements if "id" in each]
    assert len(ids) == len(set(ids))
    assert all(each["href"][1:] in ids for each in found.named("a"))
    for k in range(3):
        assert {f"scores-{k}", f"errors-{k}", f"importance-{k}"} <= set(ids)
    assert text.count("<h2") == 3 + 3 * 3 + 3
    # What a check says of all of them alike is said once.
    assert text.count("The report is on 400 rows.") == 1


def test_names_of_any_kind_are_text() -> None:
    rng = np.random.default_rng(0)
    names = (HOSTILE, "b\x00\ud800")
    codes = rng.integers(2, size=M)
    columns = [
        Column(names[0], HOSTILE, HOSTILE, "", Numbers(rng.normal(size=M)), None),
        Column(names[1], "category", "", HOSTILE, Levels(codes, [HOSTILE, "]]>"]), None),
    ]
    text = written(
        names=names,
        columns=columns,
        target=HOSTILE,
        call=HOSTILE,
        command=HOSTILE,
        left_out={HOSTILE: HOSTILE},
        settings={HOSTILE: HOSTILE},
        importance=Importance(HOSTILE, names, np.array([1.0, 2.0]), np.zeros(2)),
    )
    text.encode("utf-8")
    assert "<script" not in text.lower()
    assert "\x00" not in text
    assert HOSTILE in "".join(Page(text).texts)


def test_classes_are_escaped_in_every_section() -> None:
    for count in (2, 3, 20):
        text = written(count, classes=(HOSTILE,) * count)
        assert "<script" not in text.lower()
        assert HOSTILE in "".join(Page(text).texts)


def test_it_is_small_however_much_there_is() -> None:
    m, n, classes = 60, 3000, 500
    rng = np.random.default_rng(0)
    names = tuple(f"{k} " + "long" * 100 for k in range(n))
    columns = [
        Column(name, "category", "leaks " * 50, "", Levels(rng.integers(9, size=m),
               [f"{k}" + "level" * 100 for k in range(9)]), None)
        if k % 2
        else Column(name, "number", "", "", Numbers(rng.normal(size=m)), None)
        for k, name in enumerate(names)
    ]  # fmt: skip
    outputs = np.full((m, classes), 1 / classes)
    made = subject(2, m=m)
    text = written(
        2,
        m=m,
        columns=columns,
        classes=classes_of(classes),
        y=rng.integers(classes, size=m),
        model=made.model._replace(outputs=outputs),
        answer=lambda rows: np.full((len(rows), classes), 1 / classes),
        rows=np.zeros((m, n), np.float32),
        spans={name: (k, k + 1) for k, name in enumerate(names)},
        importance=Importance("rise", names, rng.random(n), np.zeros(n)),
        left_out={f"{name}!": "why " * 100 for name in names},
        members=[made.members[0]._replace(losses=rng.random(400))] * 64,
        trained=None,
    )
    assert len(text.encode()) < 3_000_000
    Page(text)


def classes_of(count: int) -> tuple[str, ...]:
    return tuple(f"{k} " + "class" * 100 for k in range(count))


def test_no_row_is_on_the_page() -> None:
    """But of the worst mistakes, the numbers of the rows and their targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=M) * 1000
    made = subject(0)
    column = Column("age", "number", "", "", Numbers(x), Numbers(x))
    text = written(0, columns=[column], importance=made.importance)
    for value in x:
        assert f"{value:.6g}" not in text


def test_colours_have_contrast() -> None:
    def luminance(colour: str) -> float:
        colour = "".join(2 * each for each in colour) if len(colour) == 3 else colour
        parts = [int(colour[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for block in re.findall(r":root\{(.*?)\}", STYLE, re.DOTALL):
        colours = dict(re.findall(r"--([\w-]+):#(\w+)", block))
        for ground in ("ground", "raised", "look-ground"):
            for ink in ("ink", "soft", "look", "fine", "s1", "s2", "s3", "s0"):
                one, other = sorted(luminance(colours[each]) for each in (ground, ink))
                least = 3.0 if ink == "s0" else 4.5
                assert (other + 0.05) / (one + 0.05) >= least, (ground, ink)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(20, "20"), (0, "0"), (1234567.0, "1,235,000"), (0.05, "0.05"), (-1e-9, "-1e-09"),
     (float("nan"), "n/a"), (99999.0, "100,000"), (1e12, "1e+12")],
)  # fmt: skip
def test_numbers_are_short(value: float, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-3.7, 12.1), (1e6, 1.00001e6), (1e-9, 4e-9)])
def test_ticks_are_within_the_ends(ends: tuple[float, float]) -> None:
    found = ticks(Axis(*ends, 0, 100))
    span = ends[1] - ends[0]
    assert 2 <= len(found) <= 7
    assert all(ends[0] - 1e-6 * span <= each <= ends[1] + 1e-6 * span for each in found)


@pytest.mark.parametrize(("whole", "told"), [(True, ["1", "2"]), (False, ["1", "1.2", "1.4"])])
def test_epochs_are_told_by_whole_numbers(whole: bool, told: list[str]) -> None:
    drawn = lines("", "", [Line([1, 2], [0, 1])], ("epoch", "loss"), whole=whole)
    found = re.findall(r'text-anchor="middle">([^<]*)<', drawn)
    assert found[: len(told)] == told
