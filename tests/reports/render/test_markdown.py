"""A comparison as Markdown: found again by its marker, the same for equal input, and safe whatever names hold."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from reports.compare.rows import Asked, rows_of
from reports.compare.summary import summary
from reports.comparison import Around, Pair, State, hold
from reports.gate import Verdict, parse_limit
from reports.render.explanation import moved, told_of
from reports.render.markdown import LONGEST_NAME, MOST_NOTED, MOST_ROWS, escaped, markdown, marker, why_lines
from tests.reports.sides import STEADY, side

LEVEL = 0.95
CALM = (1.00, 1.01, 0.99, 1.0, 1.005)
DEARER = tuple(1.5 * value for value in CALM)


@pytest.fixture
def report_of(case):
    """A report of pairs: name, old values, new values."""

    def make(*pairs, limits=(), unfair=(), notes=(), **fields):
        asked = Asked(level=LEVEL, limits=tuple(parse_limit(limit) for limit in limits))
        around = Around(unfair=unfair, notes=notes)
        rows = []
        for name, old, new in pairs:
            pair = hold(case(name, old, **fields), case(name, new, **fields), around, ())
            rows += rows_of(pair, asked, "NVIDIA H200, 700 W")
        return summary(rows, "0001_before", "0002_after", asked, by=None)

    return make


def test_what_a_reviewer_reads(report_of):
    """Marker, verdict, a row with both sides, change, interval and verdict, then where it was measured."""
    lines = markdown(report_of(("b8", CALM, DEARER), limits=["mean:5%"])).splitlines()

    assert lines[0] == "<!-- pytest-joules -->"
    assert lines[1] == "### ❌ energy: 0002&#95;after against 0001&#95;before"
    assert "1 REGRESSED (limit mean:5%)" in lines[3]
    (row,) = [line for line in lines if "<code>" in line]
    assert row.startswith("| <code>b8</code> | 1.00 J/token | 1.50 J/token | +50.0 % | +")
    assert row.endswith(" | 🔴 REGRESSED |")
    assert "NVIDIA H200, 700 W; joules of gpu:0" in lines[-1]


def test_equal_input_gives_equal_text(report_of):
    """An update without news changes nothing in the comment."""
    pairs = [(f"b{number}", CALM, DEARER) for number in range(5)]
    assert markdown(report_of(*pairs)) == markdown(report_of(*pairs))


def test_joules_that_are_not_measured_are_labelled(report_of):
    """The label stands above the table."""
    text = markdown(report_of(("b8", CALM, CALM), method="modelled"))
    assert text.index("> joules are modelled, not measured") < text.index("| case |")


def test_why_cases_are_not_compared_is_said_once(report_of):
    """Cases with the same reason share a line that names it."""
    text = markdown(report_of(("b1", CALM, CALM), ("b8", CALM, CALM), unfair=("host cpu A against B",)))
    assert "- <code>b1</code>, <code>b8</code>: incomparable: host cpu A against B" in text


def test_a_large_comparison_shows_what_changed(report_of):
    """Beyond a hundred rows only changes are shown, and the rest is counted; it fits into a comment."""
    calm = [(f"calm{number}", CALM, CALM) for number in range(MOST_ROWS + 20)]
    text = markdown(report_of(*calm, ("hot", CALM, DEARER)))

    assert "<code>hot</code>" in text
    assert "<code>calm1</code>" not in text
    assert f"and {MOST_ROWS + 20} more rows" in text
    everything = markdown(report_of(*[(f"hot{number}" * 30, CALM, DEARER) for number in range(500)]))
    assert len(everything) < 65_536


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a|b", "a&#124;b"),
        ("`x`", "&#96;x&#96;"),
        ("<img src=x>", "&#60;img src=x&#62;"),
        ("&lt;", "&#38;lt;"),
        ("@team", "&#64;team"),
        ("[x](http://y)", "&#91;x&#93;(http&#58;//y)"),
        ("www.example.org", "www&#46;example.org"),
        (":tada:", "&#58;tada:"),
        ("fixes #12", "fixes &#35;12"),
        ("a\nb\x1b", "a&#92;nb&#92;x1b"),
        ("test_x.py::test_y[b8]", "test&#95;x.py::test&#95;y&#91;b8&#93;"),
    ],
)
def test_names_are_data(name, said):
    """No sign of Markdown, HTML or GitHub's own survives in a name."""
    assert escaped(name) == said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(name=st.text(min_size=1, max_size=2 * LONGEST_NAME))
def test_no_name_breaks_the_table(report_of, name):
    """Whatever a case is called, its row stays one line with as many cells as the head, and nothing in it is a tag."""
    lines = markdown(report_of((name, CALM, DEARER))).split("\n")
    head, line, row = next(lines[at : at + 3] for at, text in enumerate(lines) if text.startswith("| case |"))

    assert len({text.count("|") for text in (head, line, row)}) == 1
    cell = re.fullmatch(r"\| <code>(.*?)</code> \|.*", row)
    assert cell is not None
    assert not set("<>`|@[]*\\") & set(cell[1])


def test_comments_of_several_jobs_have_markers_of_their_own():
    """A name goes into the marker; one that could end the HTML comment is refused."""
    assert marker("a100 nightly") == "<!-- pytest-joules a100 nightly -->"
    for name in ("-->", "a--b", "", "a\n", "-", "x-"):
        with pytest.raises(ConfigurationError):
            marker(name)


def test_no_name_calls_people_or_issues(report_of):
    """In a sentence a mention or an issue number is parted from its sign; in the table it stands in code."""
    text = markdown(report_of(("@team fixes #12", CALM, DEARER), limits=["mean:5%"]))
    assert "&#64;&#8203;team fixes &#35;&#8203;12" in text
    assert "<code>&#64;team fixes &#35;12</code>" in text
    assert "@" not in text


@pytest.fixture
def told():
    """One case of a name that regressed by a tenth, explained."""

    def make(name):
        before, after = (side(spread=STEADY, name=name, seconds=seconds) for seconds in (2.0, 2.2))
        pair = Pair(state=State.COMPARED, baseline=before, candidate=after)
        return told_of(moved([(pair, Verdict.REGRESSED)], {}, {}, level=LEVEL))

    return make


def test_a_case_that_moved_is_a_bullet(told):
    """Verdict, case, sentence and costs; then how many more there are, and what the costs rest on."""
    assert why_lines(told("b8"), more=3) == [
        "**why, and what it costs**",
        "",
        "- **REGRESSED** b8: +10.0 % J/token: 10.0 % more time at the same power. "
        "Costs: 4.17 kWh (4.06 kWh to 4.27 kWh) and 1.91 kgCO2e more per million requests.",
        "- and 3 more",
        "",
        "costs: 458 gCO2e/kWh (world average of 2025, Ember); "
        "of the metered domains alone, cooling and losses of supplies not in them",
        "",
    ]
    assert len([line for line in why_lines(told("b8") * 30) if line.startswith("- **")]) == MOST_NOTED
    assert "- and 10 more" in why_lines(told("b8") * 30)


def test_cases_without_an_explanation_are_counted():
    """Nothing moved is nothing said; what moved and cannot be split is a number."""
    assert why_lines(()) == []
    assert "- 3 are not explained" in why_lines((), more=3)


def test_no_name_in_an_explanation_is_markup(told):
    """A hostile name is plain text in its bullet: no code, tag, link or mention, and one line."""
    (bullet,) = [line for line in why_lines(told("\x1b[31m@all`8`|<b>\n- [x](y)")) if line.startswith("- ")]
    name = bullet.removeprefix("- **REGRESSED** ").split(": +")[0]

    assert not set("`<>|[]@\x1b\n") & set(name)
    assert "&#64;&#8203;all" in name


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("name", ["GH-26", "gh-26 again", COMMIT, COMMIT[:7], f"x {COMMIT.upper()}"])
def test_no_name_links_an_issue_or_a_commit(report_of, told, name):
    """Outside of code, GH-26 and hex digits that GitHub would take for a commit are parted; a reader sees the same."""
    text = markdown(report_of((name, CALM, DEARER), limits=["mean:5%"])) + "\n".join(why_lines(told(name)))
    outside = html.unescape(re.sub(r"<code>.*?</code>", "", text))

    assert name in outside.replace("\u200b", "")
    assert not re.search(r"gh-\d|\b[0-9a-f]{7,40}\b", outside, re.IGNORECASE)
