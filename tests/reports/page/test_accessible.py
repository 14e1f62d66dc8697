"""The page for everybody: what axe finds in it, its contrasts, its keyboard."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from reports.page.draw import ON_WHITE

CSS = Path(__file__).parents[3] / "reports" / "page" / "page.css"


def test_axe_finds_nothing(browser, source, suite, written, axe):
    """No rule of axe is broken with every table unfolded, and none of its rules on contrast in the dark theme."""
    tab = browser.open(written(source(*suite)))
    tab.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    tab.until("[...document.querySelectorAll('.table details')].every(one => one.querySelector('table'))")
    tab.ask(f"{axe};0")
    told = ".then(seen => seen.violations.map(one => `${one.id}: ${one.nodes[0].html}`))"

    assert tab.ask(f"axe.run(document){told}") == []
    tab.ask("document.documentElement.dataset.theme = 'dark'")
    assert tab.ask(f"axe.run(document, {{runOnly: ['color-contrast']}}){told}") == []
    tab.close()


def test_what_is_read_aloud(browser, source, suite, written):
    """The page has a language, one title, headings without gaps, a name for every control, and a sentence for each picture."""
    tab = browser.open(written(source(*suite)))
    levels = tab.ask("[...document.querySelectorAll('h1, h2, h3')].map(one => Number(one.tagName[1]))")
    unnamed = tab.ask(
        "[...document.querySelectorAll('select, input, button')]"
        ".filter(one => !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())).length"
    )
    spoken = tab.ask("[...document.querySelectorAll('.picture')].map(one => one.getAttribute('aria-label'))")

    assert tab.ask("document.documentElement.lang") == "en"
    assert levels[0] == 1 and levels.count(1) == 1
    assert max(after - before for before, after in itertools.pairwise(levels)) == 1
    assert unnamed == 0
    assert all(sentence.endswith("The table below holds the same figures.") for sentence in spoken)
    tab.close()


def test_the_keyboard_reaches_the_content_first(browser, source, suite, written):
    """The first stop of the tab key leads past the head of the page."""
    tab = browser.open(written(source(*suite)))
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)

    assert tab.ask("document.activeElement.getAttribute('href')") == "#main"
    tab.close()


def colours() -> dict[str, tuple[str, str]]:
    """Every colour of the page by name: in the light theme and in the dark one."""
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS.read_text())
    return {name: (light, dark) for name, light, dark in found}


def contrast(one: str, other: str) -> float:
    """Contrast of two colours as WCAG 2 defines it, from 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_contrast_of_known_colours():
    """Black on white is 21, a colour on itself 1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#123456", "#123456") == 1


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_can_be_told_from_the_ground(theme):
    """Text has a contrast of 4.5 at least, also on raised ground; lines and marks of pictures 3 at least."""
    known = {name: pair[theme] for name, pair in colours().items()}
    text = {
        f"{name} on {ground}": contrast(known[name], known[ground])
        for name in ("ink", "faint", "link", "bad")
        for ground in ("ground", "raised")
    }
    marks = {name: contrast(colour, known["ground"]) for name, colour in known.items() if re.fullmatch(r"c\d", name)}

    assert {name: ratio for name, ratio in text.items() if ratio < 4.5} == {}
    assert len(marks) == 8 and {name: ratio for name, ratio in marks.items() if ratio < 3} == {}


def test_pictures_alone_have_the_light_theme():
    """The colours of PNG and SVG are those of the page's light theme."""
    assert {
        f"var(--{name})": light for name, (light, _) in colours().items() if f"var(--{name})" in ON_WHITE
    } == ON_WHITE
