"""Pages as a browser shows them: on a desk and on a phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deltarule.report.subject import Subject
from deltarule.report.write import write
from support_browser import CHROMIUM, Browser, browser
from support_report import subject

# A browser is the platform's, as no environment of Python's brings one.
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the path")

LONG = "a_name_without_any_place_to_break_it_" * 4

# What is wrong on the page, by kind.
FAULTS = """
(() => {
  const wide = [], faint = [], unnamed = [], skipped = [], small = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) wide.push("the page");
  const parts = /[\\d.]+(e-?\\d+)?/g;
  const colour = text => {
    const found = text.match(parts).map(Number);
    const scale = text.startsWith("color(") ? 1 : 255;
    return [...found.slice(0, 3).map(each => each / scale), found.length > 3 ? found[3] : 1];
  };
  const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const found = colour(getComputedStyle(each).backgroundColor);
      if (found[3] > 0) return found;
    }
    return [1, 1, 1, 1];
  };
  const inside = element => {
    for (let each = element; each; each = each.parentElement)
      if (each.classList.contains("wide")) return true;
    return false;
  };
  document.querySelectorAll("details").forEach(each => each.open = true);
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    const named = element.tagName + " " + element.textContent.slice(0, 40);
    if (box.right > width + 1 && !inside(element)) wide.push(named);
    const own = [...element.childNodes].some(each => each.nodeType == 3 && each.data.trim());
    if (!own || !box.width) continue;
    const style = getComputedStyle(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    const both = [light(colour(ink)), light(ground(element))].sort((a, b) => a - b);
    if ((both[1] + 0.05) / (both[0] + 0.05) < 4.5) faint.push(named + " " + ink);
    const svg = element.closest("svg");
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    if (parseFloat(style.fontSize) * scale < 9.5) small.push(named + " " + scale);
  }
  let level = 0;
  for (const each of document.querySelectorAll("h1,h2,h3,h4,h5,h6")) {
    const now = Number(each.tagName[1]);
    if (now > level + 1 || !each.textContent.trim()) skipped.push(each.textContent);
    level = now;
  }
  const images = document.querySelectorAll("svg:not([aria-hidden=true]), img");
  for (const each of images) if (!each.getAttribute("aria-label")) unnamed.push(each.outerHTML);
  for (const each of document.querySelectorAll("[tabindex]"))
    if (!each.textContent.trim() && !each.getAttribute("aria-label")) unnamed.push(each.outerHTML);
  for (const each of document.querySelectorAll("th, caption, summary, figcaption"))
    if (!each.textContent.trim()) unnamed.push(each.outerHTML);
  const landmarks = [...document.querySelectorAll("section, nav, [role=region]")].map(each =>
    each.getAttribute("aria-label") || each.getAttribute("aria-labelledby"));
  if (new Set(landmarks).size < landmarks.length || landmarks.includes(null))
    unnamed.push("landmarks " + landmarks);
  return {wide, faint, small, skipped, unnamed};
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def several() -> list[Subject]:
    return [subject(0, target=name, place=place) for place, name in enumerate(["height", LONG])]


SUBJECTS: dict[str, Any] = {
    "two classes": lambda: [subject(2, classes=("no", LONG), target=LONG, settings={LONG: LONG})],
    "twelve classes": lambda: [subject(12, weights=np.linspace(0, 2, 400))],
    "numbers": lambda: [subject(0, names=(LONG, "city"), columns=[], left_out={LONG: LONG})],
    "several": several,
}


@pytest.mark.parametrize("kind", SUBJECTS)
def test_pages_are_readable_everywhere(kind: str, page: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write(path, SUBJECTS[kind]())
    for width in (1280, 390):
        for dark in (False, True):
            page.open(path, width, dark=dark)
            faults = page.evaluate(FAULTS)
            assert not any(faults.values()), (width, dark, faults)
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(255, 255, 255)") is not dark
            asked = [each["request"]["url"] for each in page.said("Network.requestWillBeSent")]
            assert asked == [path.as_uri()]
            for event in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                assert not page.said(event)


def test_what_is_wrong_is_seen(page: Browser, tmp_path: Path) -> None:
    """The faults that the test above looks for, on a page that has each of them."""
    path = tmp_path / "wrong.html"
    path.write_text(
        "<!DOCTYPE html><body><h1>One</h1><h3>Three</h3><svg width=9 height=9></svg>"
        '<p style="color:#ccc;width:200vw">faint and wide</p><p style="font-size:5px">small</p>'
        '<img src="https://example.invalid/x.png" aria-label="x"><script>nothing()</script>',
        encoding="utf-8",
    )
    page.open(path, 390, dark=False)
    assert all(page.evaluate(FAULTS).values())
    assert len(page.said("Network.requestWillBeSent")) > 1
    assert page.said("Runtime.exceptionThrown")
