"""A against A: what sessions differ by on their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reports.cli import main
from reports.past import learnt_from

WORK = """
import time

def test_sleep(energy):
    energy.pedantic(time.sleep, args=(0.01,), rounds=3)
"""
PLUGINS = ("-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with one test, the present one, in which pytest finds our plugins."""
    (tmp_path / "test_work.py").write_text(WORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", f"{' '.join(PLUGINS)} -p pytest_benchmark.plugin --energy-meter=simulated:400")
    return tmp_path


def test_sessions_are_run_saved_and_learnt_from(project, capsys):
    """Every session is in the store for later gates, and the sentence says what they differ by."""
    assert main(["calibrate", "--sessions", "3", "--", "test_work.py"]) == 0

    saved = sorted(project.glob(".benchmarks/*/*_calibrate_*.json"))
    said = capsys.readouterr().out
    assert [path.name[:15] for path in saved] == ["0001_calibrate_", "0002_calibrate_", "0003_calibrate_"]
    assert "learnt from 2 pairs of runs of the same code" in said
    assert learnt_from(saved).sentence in said


def test_a_failing_session_is_told_with_its_output(project, capsys):
    """A session whose test fails ends the calibration with exit status 1 and the end of its output."""
    (project / "test_work.py").write_text("def test_x(energy):\n    assert energy(sum, [1]) == 2\n")

    assert main(["calibrate", "--sessions", "2", "--", "test_work.py"]) == 1
    said = capsys.readouterr().err
    assert "session 1 of 2 ended with exit status 1" in said
    assert "assert 1 == 2" in said


def test_one_session_differs_from_nothing(project, capsys):
    """Fewer than two sessions are a wrong use."""
    assert main(["calibrate", "--sessions", "1", "--", "test_work.py"]) == 4
    assert "a difference needs at least 2 sessions" in capsys.readouterr().err


def test_output_that_cannot_be_written_is_a_sentence():
    """A full disk behind a redirection ends with exit status 1 and no traceback."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    import subprocess

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from reports.cli import main; sys.exit(main(['doctor', '--quick']))"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr.split("Exception ignored")[0]
