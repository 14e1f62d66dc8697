"""The terminal's view, the words and the figures for Prometheus."""

from __future__ import annotations

import json

import pytest

from energy_fixtures.live import Concluded, LiveFeed
from reports.cli import main
from reports.live.follow import newest
from reports.live.prometheus import exposition
from reports.live.terminal import course


def test_once_says_everything(feed: LiveFeed, capsys: pytest.CaptureFixture[str]):
    """`joules live --once` shows step, joules, what is left, and each test with its verdict."""
    assert main(["live", "--once"]) == 0
    said = capsys.readouterr().out
    for part in ("test_x[b1]: round 1 of 5", "600 J in 2 windows", "1 (1 failed)", "2, about 4",
                 "2.00 J/token", "REGRESSED"):  # fmt: skip
        assert part in said


def test_once_for_programs(feed: LiveFeed, capsys: pytest.CaptureFixture[str]):
    """`--format json` holds the same, unknown as null."""
    assert main(["live", "--once", "--format", "json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["now"]["joules"] == 600 and seen["now"]["power_w"] is None
    assert [row["verdict"] for row in seen["rows"]] == ["REGRESSED"]


def test_names_cannot_paint_the_terminal(feed: LiveFeed, capsys: pytest.CaptureFixture[str]):
    """Escape sequences and markup of a test's name are shown as what they are."""
    feed.concluded("a::\x1b[31mred[/red]", "x", "skipped", "why \x1b]0;title\x07")
    assert main(["live", "--once"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\\x1b[31mred[/red]" in said


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["live", "--once"], 1, "no run of this user on this machine is known; start one with pytest benchmarks"),
        (["live", "--once", "--pid", "7"], 1, "process 7 is no run of this user"),
        (["live", "--serve", "--once"], 4, "--serve shows a page; leave out --once and --format"),
        (["live", "--metrics"], 4, "--metrics belongs to the page; give --serve as well"),
        (["live", "--port", "80"], 4, "--port belongs to the page"),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
):
    """What cannot be shown, or was asked wrongly, is said in a sentence with a remedy."""
    assert main(arguments) == status
    assert sentence in capsys.readouterr().err


def test_figures_for_prometheus(feed: LiveFeed):
    """Every sample has a type, labels are escaped, and joules say by which method they came."""
    found = newest()
    assert found is not None and found.picture is not None
    found.picture.add(Concluded(at=1.0, fullname="a::b", case="b", outcome="skipped"))
    said = exposition(found.picture)
    assert 'joules_window_energy_joules_total{method="counter"} 600.0\n' in said
    assert 'joules_tests_total{outcome="skipped"} 1.0\n' in said
    assert 'joules_verdicts_total{verdict="REGRESSED"} 1.0\n' in said
    names = {line.split("{")[0].split(" ")[0] for line in said.splitlines() if not line.startswith("#")}
    assert names == {line.split()[2] for line in said.splitlines() if line.startswith("# TYPE")}
    assert exposition(None).splitlines()[-1] == "joules_up 0.0"


def test_the_course_of_power():
    """Bars rise from zero to the highest value; the newest are kept."""
    assert course([0.0, 50.0, 100.0], 3) == "▁▅█ 0 to 100"
    assert course([9.0, 0.0, 0.0], 2) == "▁▁ 0 to 0"
