"""What an A/B outcome says, in each form."""

from __future__ import annotations

import html
import json

import pytest

from reports.ab.outcome import Spent, conclude, reportable
from reports.ab.page import markdown, record, text
from reports.explain.prices import Prices
from reports.gate import Verdict, parse_limit

EQUAL = [1.0, 1.01, 0.99, 1.0, 1.005, 0.995]
DEARER = [1.2 * value for value in EQUAL]


@pytest.fixture
def outcome(side):
    """Conclude from the blocks of both sides."""

    def make(a, b, **changes):
        sides = (side(*a), side(*b))
        spent = Spent(order="ABBA", rounds=6, took_s=75.0, energy_j=1234.0)
        fields = {
            "labels": ("1a2b3c4 Base", "5d6e7f8 Head"),
            "how": "the same packages",
            "spent": spent,
            "limits": [parse_limit("mean:5%")],
            "level": 0.95,
            "by_options": False,
        }
        return conclude(sides, **{**fields, **changes})

    return make


@pytest.fixture
def dearer(case, outcome):
    """Two cases of which one takes a fifth more in B."""
    a = [[case("b1", EQUAL[:3]), case("b8", EQUAL[:3])], [case("b1", EQUAL[3:]), case("b8", EQUAL[3:])]]
    b = [[case("b1", DEARER[:3]), case("b8", EQUAL[:3])], [case("b1", DEARER[3:]), case("b8", EQUAL[3:])]]
    return outcome(a, b)


def test_a_change_and_no_change(dearer):
    """Twenty percent more is REGRESSED, the same is UNCHANGED, and the gate fails."""
    assert [dearer.worst(name) for name in dearer.pairs] == [Verdict.REGRESSED, Verdict.UNCHANGED]
    assert dearer.regressed


def test_terminal(dearer):
    """The table shows both sides with the change; around it stand what was compared, what it took, drift and verdicts."""
    printed = text(dearer, "table")
    head, *_ = printed.splitlines()
    assert head == "joules ab · 4 blocks A B B A · 1 min 15 s · 1.23 kJ in metered windows"
    for words in (
        "  A  1a2b3c4 Base",
        "  B  5d6e7f8 Head",
        "  the same packages",
        "rows are of B, their baseline is A",
        "drift, last block against first: A ",
        "energy gate (mean:5%): 1 REGRESSED, 1 UNCHANGED",
        "  REGRESSED b1: mean joules_per_output_token 1.20 J/token against 1.00 J/token",
    ):
        assert any(line.startswith(words) for line in printed.splitlines()), (words, printed)


def test_markdown(dearer):
    """One table row per case with both means, the change with its interval, both counts and the verdict."""
    lines = markdown(dearer).splitlines()
    assert lines[:2] == ["<!-- pytest-joules -->", "### joules ab"]
    assert "- **A** 1a2b3c4 Base" in lines
    (row,) = [line for line in lines if line.startswith("| b1 |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1].startswith("`joules_per_output_token` (")
    assert cells[4].startswith("+20.0 % (+")
    assert cells[5:] == ["6 / 6", "REGRESSED"]
    (sentence,) = [line for line in lines if line.startswith("- REGRESSED b1: mean")]
    assert sentence.endswith(" %)")  # not shortened


def test_a_name_in_the_marker(dearer):
    """A name stands in the hidden marker of Markdown, and nowhere else."""
    named, plain = text(dearer, "markdown", comment="gpu-a100"), text(dearer, "markdown")
    assert named.splitlines()[0] == "<!-- pytest-joules gpu-a100 -->"
    assert named.splitlines()[1:] == plain.splitlines()[1:]


def test_json(dearer):
    """Every valid value of both sides, by block, with the ratio, so that a program can judge by itself."""
    seen = json.loads(text(dearer, "json"))
    first, second = seen["cases"]
    assert first["a"] == pytest.approx(EQUAL) and first["b"] == pytest.approx(DEARER)
    assert first["a_blocks"] == first["b_blocks"] == [3, 3]
    assert first["ratio"] == pytest.approx(1.2)
    assert first["low"] < 1.2 < first["high"]
    assert (first["verdict"], second["verdict"]) == ("REGRESSED", "UNCHANGED")
    assert seen["order"] == "ABBA" and seen["limits"] == ["mean:5%"]


def test_without_limits_there_is_no_verdict(case, outcome):
    """Nothing is judged that nobody asked to judge."""
    found = outcome([[case("b1", EQUAL)]], [[case("b1", DEARER)]], limits=[])
    assert not found.regressed
    assert "gate" not in text(found, "table") and "verdict" not in markdown(found)
    assert record(found).cases[0].verdict is None


def test_cases_of_one_side_alone(case, outcome):
    """A case that only one side has is named, and fails nothing."""
    found = outcome([[case("old", EQUAL)]], [[case("new", DEARER)]])
    assert "only in A:\n  old" in text(found, "table")
    assert record(found).missing == ("benchmarks/test_frameworks.py::test_frameworks[old]",)
    assert [one.state for one in record(found).cases] == ["new"]
    assert not found.regressed


def test_other_work_is_no_comparison_between_revisions(case, outcome):
    """A revision that changes a Scenario is told, not compared; options that do are compared, and it is said."""
    a, b = [[case("b1", EQUAL)]], [[case("b1", DEARER, output_tokens=20)]]
    revisions, options = outcome(a, b), outcome(a, b, by_options=True)
    assert list(revisions.verdicts) == [Verdict.INCOMPARABLE]
    assert "output_tokens 10 against 20" in text(revisions, "table")
    assert list(options.verdicts) == [Verdict.REGRESSED]
    said = text(options, "table")
    assert "paired although the work differs, as the options ask:\n  output_tokens 10 against 20" in said


def test_nothing_from_a_commit_or_a_file_paints_or_links(case, outcome):
    """Control characters, table bars, tags and mentions in subjects and case names come out as plain text."""
    name = "b1\x1b[31m|<b>@all`"
    found = outcome([[case(name, EQUAL)]], [[case(name, DEARER)]], labels=("\x1b]0;x", "[a](http://b) <img>"))
    assert "\x1b" not in text(found, "table") + markdown(found)
    page = markdown(found).partition("\n")[2]  # the hidden marker, which is ours, stands before
    assert "<" not in page and "@all" not in page and "[a](" not in page and "http://" not in page
    (row,) = [line for line in page.splitlines() if line.startswith("| b1")]
    assert row.count("|") == 8


def test_two_trials_a_side_are_needed_for_a_report(case, side):
    """One valid trial on a side is nothing to report; two on each side are."""
    one, two = side([case("b1", [1.0])]), side([case("b1", [1.0, 1.1])])
    assert not reportable((one, two))
    assert reportable((two, two))
    assert not reportable((two, side()))


def test_a_case_that_moved_is_explained(dearer):
    """Every form says what the change is made of and what it costs; the case that did not move is left out."""
    prices = Prices(grid_gco2e_per_kwh=100.0, price_per_kwh=0.3, currency="EUR")
    (one,) = record(dearer, prices).explanations

    assert (one.case, one.verdict) == ("b1", "REGRESSED")
    assert one.sentence.startswith("+20.0 % J/token")
    assert (one.costs.grid_gco2e_per_kwh, one.costs.currency) == (100.0, "EUR")
    for printed in (" ".join(text(dearer, "table", prices).split()), html.unescape(markdown(dearer, prices))):
        assert one.sentence in printed
        assert one.costs.sentence in printed
        assert one.costs.basis in printed


def test_what_did_not_move_is_not_explained(case, outcome):
    """Without a limit there is no verdict, and nothing to explain."""
    sides = [[case("b1", EQUAL[:3])], [case("b1", EQUAL[3:])]], [[case("b1", DEARER[:3])], [case("b1", DEARER[3:])]]
    plain = outcome(*sides, limits=[])

    assert record(plain).explanations == ()
    assert "costs" not in text(plain, "table") + markdown(plain)
