"""--energy-html: the session as one page."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

WINDOW = "energy.pedantic(time.sleep, args=(0.01,), rounds=4)"


def test_a_session_is_a_page(pytester, run):
    """The page has the verdict, says that joules are not measured, and replaces what was there."""
    pytester.makepyfile(f"import time\ndef test_a(energy): {WINDOW}\ndef test_b(energy): {WINDOW}\n")
    Path("page.html").write_text("old")
    run("--energy-html=page.html").assert_outcomes(passed=2)

    page = html.unescape(Path("page.html").read_text())
    assert page.startswith("<!doctype html>") and "old</" not in page
    assert "<title>Energy: this session</title>" in page
    assert "Measured 2 cases, compared with nothing." in page
    assert "Joules are simulated, not measured." in page
    assert '"test_a"' in page and '"test_b"' in page


def test_a_gated_session_says_what_changed(pytester, run):
    """With a baseline the page begins with the gate's verdict, in both forms of the report alike."""
    pytester.makepyfile(f"import time\ndef test_a(energy): {WINDOW}\n")
    run("--energy-save=first").assert_outcomes(passed=1)
    done = run("--energy-compare-fail=mean:300%", "--energy-html=page.html", "--energy-markdown=page.md")

    done.assert_outcomes(passed=1)
    page = html.unescape(Path("page.html").read_text())
    assert "What changed: this session against 0001_first" in page
    assert "(limit mean:300%" in page
    assert "energy: this session against 0001\\_first" in html.unescape(Path("page.md").read_text()).replace("_", "\\_")


def test_nothing_measured_writes_nothing(pytester, run):
    """A session without energy leaves no page."""
    pytester.makepyfile("def test_a(): pass\n")
    run("--energy-html=page.html").assert_outcomes(passed=1)

    assert not Path("page.html").exists()


@pytest.mark.parametrize("path", ["nowhere/page.html", "."])
def test_wrong_use_is_told_before_anything_runs(pytester, run, path):
    """One sentence and exit status 4."""
    pytester.makepyfile("def test_a(energy): energy(sum, range(9))\n")
    done = run(f"--energy-html={path}")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*--energy-html={path}: name a file in a folder that exists"])


def test_pages_that_cannot_be_written_fail_the_session(pytester, run):
    """Each is one sentence below the report, the other is written all the same, and the run is not green."""
    pytester.makepyfile(f"import pathlib, time\ndef test_a(energy):\n    {WINDOW}\n    pathlib.Path('gone').rmdir()\n")
    Path("gone").mkdir()
    done = run("--energy-html=gone/page.html", "--energy-markdown=page.md")

    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*--energy-html gone/page.html cannot be written: *"])
    assert Path("page.md").exists()
