"""--energy-markdown: the session as a page, whole or added to GitHub's step summary; prices in what changes cost."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

WINDOW = "energy.pedantic(time.sleep, args=(0.01,), rounds=4)"


@pytest.fixture
def project(pytester, run) -> Path:
    """Two tests that measure a short sleep, with a saved run `0001_first` of both, a hundredth as dear."""
    pytester.makepyfile(test_work=f"import time\ndef test_a(energy): {WINDOW}\ndef test_b(energy): {WINDOW}\n")
    run("--energy-save=first").assert_outcomes(passed=2)
    (saved,) = pytester.path.glob(".benchmarks/*/0001_first.json")
    document = json.loads(saved.read_text())
    for result in document["energy"]["results"]:
        for trial in result["trials"]:
            trial["reading"]["energy_j"] = {name: joules / 100 for name, joules in trial["reading"]["energy_j"].items()}
    saved.write_text(json.dumps(document))
    return saved


def test_a_session_is_a_page(pytester, run):
    """Without a baseline the page has a row per case, says that joules are not measured, and what measuring took."""
    pytester.makepyfile(f"import time\ndef test_a(energy): {WINDOW}\n")
    run("--energy-markdown=page.md").assert_outcomes(passed=1)

    page = html.unescape(Path("page.md").read_text())
    assert page.startswith("<!-- pytest-joules -->\n### energy: this session\n")
    assert "**measured 1 case, compared with nothing**" in page
    assert "> joules are simulated, not measured" in page
    assert "| <code>test_a</code> | " in page
    assert "measuring took " in page


def test_the_page_of_a_gated_session(project, run):
    """Verdict, sentence, explanation and costs at the prices that were named are on the page, old content is not."""
    Path("page.md").write_text("old")
    done = run(
        "--energy-compare-fail=mean:300%",
        "--energy-markdown=page.md",
        "--energy-price-per-kwh=0.3EUR",
        "--energy-grid-g-per-kwh=100",
    )

    done.assert_outcomes(failed=2)
    page = html.unescape(Path("page.md").read_text())
    assert "### ❌ energy: this session against 0001_first" in page
    assert "of 2 cases 2 REGRESSED" in page
    assert "**why, and what it costs**" in page
    for text in (page, done.stdout.str()):
        assert "costs: 100 gCO2e/kWh, 0.3 EUR per kWh" in text
    assert "old" not in page.splitlines()


def test_a_step_summary_is_added_to(pytester, run, monkeypatch):
    """What other steps wrote to GitHub's summary stays."""
    pytester.makepyfile(f"import time\ndef test_a(energy): {WINDOW}\n")
    Path("summary.md").write_text("# other step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    run("--energy-markdown=summary.md").assert_outcomes(passed=1)

    assert Path("summary.md").read_text().startswith("# other step\n<!-- pytest-joules -->\n")


def test_nothing_measured_writes_nothing(pytester, run):
    """A session without energy leaves no page."""
    pytester.makepyfile("def test_a(): pass\n")
    run("--energy-markdown=page.md").assert_outcomes(passed=1)

    assert not Path("page.md").exists()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (
            "--energy-markdown=nowhere/page.md",
            "*--energy-markdown=nowhere/page.md: name a file in a folder that exists",
        ),
        ("--energy-markdown=.", "*--energy-markdown=.: name a file in a folder that exists"),
        ("--energy-price-per-kwh=cheap", "*--energy-price-per-kwh=cheap: give the price of a kilowatt-hour*"),
        ("--energy-grid-g-per-kwh=-1", "*--energy-grid-g-per-kwh=-1: give grams of CO2 equivalent*"),
    ],
)
def test_wrong_use_is_told_before_anything_runs(pytester, run, option, words):
    """One sentence and exit status 4."""
    pytester.makepyfile("def test_a(energy): energy(sum, range(9))\n")
    done = run(option)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([words])


def test_a_page_that_cannot_be_written_fails_the_session(pytester, run):
    """A folder that went away meanwhile is one sentence below the report, and no green run without its page."""
    pytester.makepyfile(f"import pathlib, time\ndef test_a(energy):\n    {WINDOW}\n    pathlib.Path('gone').rmdir()\n")
    Path("gone").mkdir()
    done = run("--energy-markdown=gone/page.md")

    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*--energy-markdown gone/page.md cannot be written: *"])
    assert "Traceback" not in done.stdout.str()
