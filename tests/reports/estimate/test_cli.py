"""`joules estimate` among the other commands: that it is there, how it ends, and that nothing heavy comes with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reports.cli import main

HEAVY = ("numpy", "polars", "altair", "scipy", "ray", "rich")


def test_it_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """joules --help lists it, and its own help names its options."""
    assert main(["--help"]) == 0
    assert "estimate" in capsys.readouterr().out
    assert main(["estimate", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(option in printed for option in ("--set", "--regime", "--boundary", "--trace", "--results", "--check"))


def test_wrong_use_ends_with_four(capsys: pytest.CaptureFixture[str]) -> None:
    """A PUE below 1 is status 4 and one line on the terminal for errors."""
    assert main(["estimate", "--set", "pue.p5=0.9"]) == 4
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("joules: the scenario: pue: PUE is facility over IT energy")
    assert printed.err.count("\n") == 1


def test_its_options_import_nothing_heavy() -> None:
    """Importing the command's options loads no library that only an answer needs."""
    script = f"import sys, reports.estimate.cli\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
