"""Hostile names through every output: terminal, Markdown, CSV, JSON, trackers and the page. They come out as data."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.cli import main
from tests.hostile.mutations import MARKUP
from tests.hostile.seeds import a_run, document_of

ALL = " ".join(name for name in MARKUP if name != "\ud800")  # no JSON file can hold half a letter
NAMES = {"all": ALL, "formula": "=cmd|'/c calc'!A1", "line": "\n::error::x", "colour": "\x1b[31mred", "path": "../../x"}
FORMATS = ("table", "markdown", "json", "csv", "bencher", "github-action-benchmark")


def two_runs(folder: Path, text: str) -> tuple[str, str]:
    """Two result files in which every place of a name holds `text`."""
    for name in ("a.json", "b.json"):
        (folder / name).write_bytes(document_of(a_run(text=text)))
    return str(folder / "a.json"), str(folder / "b.json")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints on both streams; it ends as commands do."""
    status = main(words)
    seen = capsys.readouterr()
    assert status in (0, 1, 2, 4), seen.err
    assert (seen.out + seen.err).replace("\n", "").isprintable(), ascii(seen.out + seen.err)[:2000]
    return seen.out


@pytest.mark.parametrize("name", ["all", "formula", "line"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_comparison_shows_names_as_data(
    form: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No control character, no formula, no HTML and no line of its own in any format of `joules compare`."""
    out = printed(capsys, "compare", *two_runs(tmp_path, NAMES[name]), "--format", form)
    assert not any(line.startswith("::") for line in out.splitlines())
    if form == "csv":
        cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
        assert not any(cell[:1] in ("=", "@", "\t", "\r") for cell in cells)
    elif form == "markdown":
        assert "<script" not in out and "<img" not in out and "](javascript" not in out and "@all" not in out
    elif form != "table":
        json.loads(out)


class _Elements(HTMLParser):
    """How often each element of a page occurs, with the names of its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[str, ...]] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[(tag, *sorted(name for name, _ in attrs))] += 1


def elements(page: str) -> Counter[tuple[str, ...]]:
    """The elements of a page, counted."""
    parser = _Elements()
    parser.feed(page)
    return parser.seen


def test_the_page_has_the_same_elements_whatever_names_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Markup in names adds no element and no attribute to the page of `joules report`."""
    pages = []
    for text in ("plain", "<script>alert(1)</script><img src=x onerror=y>\"'><a href=javascript:x>"):
        first, _ = two_runs(tmp_path, text)
        printed(capsys, "report", first, "-o", str(tmp_path / "page.html"))
        pages.append(elements((tmp_path / "page.html").read_text()))
        (tmp_path / "page.html").unlink()
    assert pages[0] == pages[1]


def test_commands_that_read_results_show_names_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An estimate, a fit and a look at serving cases refuse or answer; what they print steers no terminal."""
    first, _ = two_runs(tmp_path, ALL)
    printed(capsys, "estimate", "--results", first)
    printed(capsys, "serving", first)
    printed(capsys, "predict", "fit", first, "-o", str(tmp_path / "fitted.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_typed_name_comes_back_as_data(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person or a script types is repeated in the sentence without what steers a terminal."""
    text = NAMES[name]
    for words in (["compare", text, text], ["ideal", "--model", text], ["workload", text], ["report", text], [text]):
        printed(capsys, *words)
