"""How an answer looks: in the terminal, as a page, as a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.answer import Answer
from reports.estimate.estimate import Question, estimate
from reports.estimate.page import page
from reports.estimate.plot import picture
from reports.estimate.scenario import Reference, Row, Scenario, Served
from reports.estimate.terminal import terminal
from reports.render.text import to_lines

NASTY = "<script>alert(1)</script>\x1b[31m & \"x'"


@pytest.fixture(scope="module")
def whole(answered: Callable[..., Answer]) -> Answer:
    """Everything that can be asked of queries."""
    return answered(
        Question(levers=("model", "serving"), fleet=True, sensitivity=True, beside=True), "fleet.years=1", draws=2_000
    )


@pytest.fixture(scope="module")
def nasty() -> Answer:
    """Names that try to be markup."""
    rows = tuple(Row(input_tokens=i, output_tokens=10, tokens_per_s=9.0, source=NASTY) for i in (10, 500))
    reference = Reference(name=NASTY, wh=0.1, boundary="facility", source=NASTY)
    scenario = Scenario(
        title=NASTY,
        draws=50,
        served=(Served(name=NASTY, rows=rows),),
        models=(NASTY, "DeepSeek-R1"),
        references=(reference,),
    )
    return estimate(scenario, Question(sensitivity=True))


class _Page(HTMLParser):
    """Checks that tags close in order, and keeps what is in them."""

    VOID = ("meta", "rect", "line")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> _Page:
    """A page whose tags all close."""
    reader = _Page()
    reader.feed(text)
    assert reader.open == []
    return reader


def test_the_terminal_says_what_it_is(whole: Answer) -> None:
    """First that it is estimated and how, then a table per question, then what it rests on; no line is cut."""
    lines = to_lines(terminal(whole), width=100, colour=False)
    assert lines[0].startswith("estimated bottom-up, not measured: released method")
    text = "\n".join(lines)
    for words in (
        "blend of the 3 dearest",
        "refined method",
        "model × serving",
        "10 % test-time",
        "in 1 y",
        "PUE: lognormal",
    ):
        assert words in text
    assert "…" not in text


def test_the_base_case_is_called_so(answered: Callable[..., Answer]) -> None:
    """Without changes it is the base case; with one, the change is named in the first lines."""
    base, other = (
        " ".join(to_lines(terminal(answer), width=200, colour=False)[:2])
        for answer in (answered(), answered(None, "node.power_kw=5"))
    )
    assert "the base case, v2 parameters" in base
    assert "but node.power_kw 5.0" in other
    assert "base case" not in other


def test_the_page_is_whole_and_self_contained(whole: Answer) -> None:
    """Every tag closes, nothing is loaded or run, tables have headings for rows and columns, and both colour schemes are met."""
    text = page(whole)
    tags = parsed(text).seen
    names = {tag for tag, _ in tags}
    assert names.isdisjoint({"script", "link", "img", "iframe"})
    assert not any(name in ("src", "href") or name.startswith("on") for _, attributes in tags for name in attributes)
    assert {attributes["scope"] for tag, attributes in tags if tag == "th"} == {"col", "row"}
    assert ("html", {"lang": "en"}) in tags
    assert "prefers-color-scheme: dark" in text
    assert text.count("<rect") == len(whole.sensitivity)


def test_names_are_data(nasty: Answer) -> None:
    """A name of markup and control characters is shown as letters, on the page and in the terminal."""
    text = page(nasty)
    assert "script" not in {tag for tag, _ in parsed(text).seen}
    assert "&lt;script&gt;" in text
    assert "\x1b" not in text + "".join(to_lines(terminal(nasty), width=200, colour=False))


@pytest.mark.parametrize(
    ("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<svg"), ("a.json", b"{"), ("a.html", b"<!DOCTYPE html>")]
)
def test_pictures_by_the_name_of_the_file(name: str, begins: bytes, whole: Answer) -> None:
    """A tornado is drawn as the file's name asks; the page holds everything that it needs."""
    content = picture(whole, Path(name))
    assert content.lstrip().startswith(begins)
    if name.endswith(".html"):
        assert b"https://cdn" not in content


def test_without_sensitivity_the_models_are_drawn(answered: Callable[..., Answer]) -> None:
    """Each model and the blend is one row of the picture."""
    drawing = json.loads(picture(answered(), Path("a.json")))
    (rows,) = drawing["datasets"].values()
    assert [row["model"] for row in rows][-1] == "blend of the 3 dearest"
    assert len(rows) == 6


def test_other_kinds_of_pictures_are_refused(whole: Answer) -> None:
    """A name that ends otherwise says which ends there are."""
    with pytest.raises(ConfigurationError, match=r"--plot a\.gif has to end in one of \.html"):
        picture(whole, Path("a.gif"))
