"""A small project of plain-function energy tests, and the `joules` command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAIN = "import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))"

CONFTEST = 'pytest_plugins = ["energy_fixtures.plugin", "reports.plugin"]\n'
SLEEPS = """
import time, pytest

@pytest.mark.parametrize("n", range({count}))
def test_sleep(energy, n):
    energy.pedantic(time.sleep, args=({seconds},), rounds=2)
"""
MIXED = """
import pytest

def test_fails(energy):
    energy(sum, range(10))
    assert False, "as told"

@pytest.mark.skip(reason="not today")
def test_skipped(energy): pass

def test_plain(): pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three files: six short cases, three short cases, and one case of each other outcome."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_a.py").write_text(SLEEPS.format(count=6, seconds=0.02))
    (folder / "test_b.py").write_text(SLEEPS.format(count=3, seconds=0.02))
    (folder / "test_c.py").write_text(MIXED)
    return folder


@pytest.fixture
def environ() -> dict[str, str]:
    """An environment in which this project's code is found and nothing of the session's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "JOULES_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}


@pytest.fixture
def start(environ: Mapping[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Begin `joules sweep` in a folder."""

    def begin(folder: Path, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, "sweep", *arguments],
            cwd=folder,
            env=dict(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return begin


@pytest.fixture
def joules(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., tuple[int, str]]:
    """Run `joules sweep` in a folder: its exit status and all that it printed."""

    def run(folder: Path, *arguments: str) -> tuple[int, str]:
        process = start(folder, *arguments)
        said, _ = process.communicate(timeout=300)
        return process.returncode, said

    return run
