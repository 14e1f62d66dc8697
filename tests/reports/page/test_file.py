"""The file itself: it loads nothing, runs its own scripts alone, and is small; its pictures stand alone too."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from reports.page.bundle import vega_bundle
from reports.page.content import page_of
from reports.page.document import html_of, json_text, text
from reports.page.plots import check_folder, write_plots
from tests.reports.page.conftest import HOSTILE

LARGEST = 3 * 2**20


class _Parts(HTMLParser):
    """The elements of a page with their attributes, and what its scripts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            kind, before = self.scripts[-1]
            self.scripts[-1] = (kind, before + data)


def test_it_is_self_contained(source, suite):
    """No element names an address outside, the policy lets nothing load, and both scripts that run are named by their hash."""
    page = html_of(page_of([source(*suite)], [], 0.95))
    parts = _Parts()
    parts.feed(page)
    addresses = [value for _, known in parts.elements for name, value in known.items() if name in ("src", "href")]
    (policy,) = [
        known["content"] for _, known in parts.elements if known.get("http-equiv") == "Content-Security-Policy"
    ]
    run = [words for kind, words in parts.scripts if kind != "application/json"]
    hashes = [base64.b64encode(hashlib.sha256(words.encode()).digest()).decode() for words in run]

    assert all(address is not None and address.startswith(("#", "data:,")) for address in addresses)
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy and "'unsafe-inline'" not in policy.split("style-src")[0]
    assert len(run) == 2 and all(f"'sha256-{one}'" in policy for one in hashes)


def test_it_is_small(case, source):
    """Before its data the page with the drawing library takes at most 3 MB."""
    results = [case(f"b{batch}", (1.0, 1.1), batch_size=batch) for batch in (1, 2)]
    page = html_of(page_of([source(*results)], [], 0.95))

    assert 500_000 < len(page.encode()) < LARGEST


def test_a_page_without_pictures_leaves_the_library_out(case, source):
    """One case alone has nothing to draw, and its page takes no more than its words."""
    assert len(html_of(page_of([source(case("only", (1.0, 1.1)))], [], 0.95))) < 60_000


def test_the_library_can_stand_in_a_page():
    """The drawing library cannot end its own element."""
    assert "</script" not in vega_bundle().lower()
    assert "<!--" not in vega_bundle()


@given(st.text(max_size=60))
def test_json_in_a_script_is_read_back_and_ends_nothing(words):
    """Any text comes back from the page's JSON, in which no sign of markup stands."""
    said = json_text({"name": words})

    assert json.loads(said) == {"name": words}
    assert not re.search(r"[<>&\u2028\u2029]", said)


@given(st.text(max_size=60))
def test_text_is_never_markup(words):
    """Any text is escaped so that a parser reads one piece of text and no element."""
    parts = _Parts()
    parts.feed(f"<p>{text(words)}</p>")

    assert [tag for tag, _ in parts.elements] == ["p"]
    assert not set("<>\"'").intersection(text(words))


def test_numbers_of_the_page_are_those_of_the_figure(case, source):
    """The data of the page hold the means to seven digits."""
    page = html_of(page_of([source(case("a", (1 / 3, 1 / 3)))], [], 0.95))
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    table = json.loads(found[1])["cases"]["table"]

    assert table["count"] == 1
    assert table["columns"]["mean"] == [0.3333333]
    assert table["columns"]["case"] == {"words": ["a"], "places": [0]}


def test_pictures_are_written_alone(source, suite, tmp_path):
    """Each picture is an SVG and a PNG in plain colours on white, with its section's title."""
    page = page_of([source(*suite)], [], 0.95)
    files = write_plots(page, tmp_path / "pictures")
    svg = (tmp_path / "pictures" / "pareto.svg").read_text()

    assert {file.suffix for file in files} == {".svg", ".png"}
    assert {file.name for file in files} == {file.name for file in (tmp_path / "pictures").iterdir()}
    assert "Energy against latency" in svg and "var(--" not in svg
    assert (tmp_path / "pictures" / "pareto.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_of_hostile_names_stay_in_their_folder(case, source, tmp_path):
    """Names become neither markup of an SVG nor parts of a path."""
    names = [*HOSTILE[:3], "../../outside"]
    results = [
        case(f"b{batch}", (1.0, 1.1), batch_size=batch, question=name, model=name) for name in names for batch in (1, 2)
    ]
    files = write_plots(page_of([source(*results)], [], 0.95), tmp_path / "in")

    assert {file.parent for file in files} == {tmp_path / "in"}
    assert [file.name for file in tmp_path.iterdir()] == ["in"]
    assert all(
        "<script" not in html.unescape(file.read_text()).split("<text")[0] for file in files if file.suffix == ".svg"
    )
    assert all("<script" not in file.read_text() for file in files if file.suffix == ".svg")


def test_a_folder_that_cannot_be_is_told_at_once(tmp_path):
    """A file in the way, or a folder in nowhere, is one sentence before anything is drawn."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "nowhere" / "in"):
        with pytest.raises(ConfigurationError, match="name a folder, or a new one in a folder that exists"):
            check_folder(folder)
