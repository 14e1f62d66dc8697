"""Tokens without a tokenizer: known counts, pieces that add up, and an error that is as large as is said."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tools.build_extension import SOURCES

WEIGHTS = json.loads((SOURCES / "data" / "tokens.json").read_text(encoding="utf-8"))
SCRIPT = (SOURCES / "content" / "tokens.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def counter(loaded):
    """A tab that has the counter."""
    tab = loaded.page("options")
    tab.call(
        "Runtime.evaluate", expression=f"{SCRIPT}\nwindow.T = {{ counts, tokensOf, COUNTS, PLACE, MOST_CHARACTERS }}; 0"
    )
    yield tab
    tab.close()


def found(counter, text):
    """Counts that are not zero, by name."""
    asked = f"(() => {{ const seen = T.counts({json.dumps(text)}); return Object.fromEntries(T.COUNTS.map((name, place) => [name, seen[place]]).filter(([, count]) => count)); }})()"
    return counter.ask(asked)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("Hello world", {"words": 2}),
        ("electricity", {"words": 1, "beyond": 6}),
        ("Straße, café!", {"words": 2, "beyond": 1, "accents": 2, "marks": 2, "markRuns": 2}),
        ("camelCase", {"words": 1, "beyond": 4, "humps": 1}),
        ("12345 6", {"digits": 3}),
        ("a\n\n\n  b", {"words": 2, "lines": 1, "indents": 1}),
        ("你好世界", {"han": 4}),
        ("ひらカナ 한국", {"kana": 4, "hangul": 2}),
        ("привет мир", {"cyrillicWords": 2, "cyrillic": 9}),
        ("γεια שלום سلام ไทย नमस्ते", {"greek": 4, "hebrew": 4, "arabic": 4, "thai": 3, "indic": 6}),
        ("👍🏽", {"other": 2}),
    ],
)
def test_known_counts(counter, text, wanted):
    """Characters fall under their script, words and runs are counted once, a pair of surrogates is one sign."""
    assert found(counter, text) == wanted


def test_pieces_add_up(counter):
    """Counts of paragraphs are the counts of the text, up to the line between."""
    one, other = "Some words here.", "Und hier andere, 42."
    both = found(counter, f"{one}\n{other}")
    parts = [found(counter, one), found(counter, other)]

    assert both == {
        **{name: parts[0].get(name, 0) + parts[1].get(name, 0) for name in {*parts[0], *parts[1]}},
        "lines": 1,
    }


def test_of_an_endless_text_a_part_is_read(counter):
    """A text beyond the limit is counted from its beginning, scaled by its length."""
    asked = "Array.from(T.counts('word '.repeat(T.MOST_CHARACTERS)))[T.PLACE.words]"
    assert counter.ask(asked) == counter.ask("T.MOST_CHARACTERS")


def test_the_half_width_is_that_of_the_scripts(counter):
    """Latin letters have the half width of Latin, Chinese that of East Asia, no text none."""
    half = f"(text) => T.tokensOf(T.counts(text), {json.dumps(WEIGHTS)}).half"
    asked = f"['plain words', '你好世界', ''].map({half})"
    widths = WEIGHTS["half_widths"]

    assert counter.ask(asked) == [pytest.approx(widths["latin"]), pytest.approx(widths["east_asian"]), 0]


PROSE = json.loads((Path(__file__).parent / "prose.json").read_text(encoding="utf-8"))["held"]
# Tokens of these texts by o200k_base (gpt-tokenizer 4.0.0) and by Tekken (mistral-common 1.13.1), counted on 2026-11-21.
REAL = {"English": (85, 85), "German": (69, 77), "Russian": (65, 84), "Chinese": (88, 103), "Japanese": (89, 90)}


@pytest.mark.parametrize("language", PROSE)
def test_real_tokenizers_agree(counter, language):
    """On a paragraph that nothing was fitted to, two real tokenizers lie within the half width, or little beyond."""
    told = counter.ask(f"T.tokensOf(T.counts({json.dumps(PROSE[language])}), {json.dumps(WEIGHTS)})")
    off = [abs(math.log(told["tokens"] / real)) for real in REAL[language]]

    assert max(off) <= 1.2 * told["half"]
