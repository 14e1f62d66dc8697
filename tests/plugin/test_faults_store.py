"""Faults while results are stored: what the user sees, that nothing valid is lost and nothing wrong is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from energy_fixtures.store import read_run
from tests.plugin.faults import FULL_DISK

TWO = """
import os, resource, time
from pathlib import Path

def test_one(energy):
    energy.pedantic(time.sleep, args=(0.01,), rounds=2)

def test_two(energy):
    if os.environ.get("NO_ROOM"):
        (journal,) = Path(".benchmarks").glob("*/*.jsonl")
        most = journal.stat().st_size + 100
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    energy.pedantic(time.sleep, args=(0.01,), rounds=2)
"""

TOGETHER = """
import os, time
from pathlib import Path
import pytest

@pytest.mark.parametrize("case", range(3))
def test_x(energy, case):
    Path(f"{os.environ['NAME']}{case}.here").touch()
    until_s = time.monotonic() + 20
    while len(list(Path(".").glob(f"*{case}.here"))) < 2 and time.monotonic() < until_s:
        time.sleep(0.005)
    energy.pedantic(time.sleep, args=(0.01,), rounds=2)
"""


SLOW_START = """
import os, time
from pathlib import Path
import energy_fixtures.store as store

number = store.Store._next_number

def slow(self):
    found = number(self)
    time.sleep(0.3)
    return found

store.Store._next_number = slow  # the other session looks for its number meanwhile

def pytest_sessionstart():
    Path(f"{os.environ['NAME']}.start").touch()
    until_s = time.monotonic() + 20
    while len(list(Path(".").glob("*.start"))) < 2 and time.monotonic() < until_s:
        time.sleep(0.005)
"""


def saved(pytester: pytest.Pytester) -> list[Path]:
    return sorted(pytester.path.glob(".benchmarks/*/*.json"))


def cases(path: Path) -> list[str]:
    return [result.case for result in read_run(path).results]


def test_disk_that_fills_up_in_the_middle(pytester: pytest.Pytester, run, monkeypatch: pytest.MonkeyPatch):
    """When the kernel cuts a line short, the session says what was not saved; what came before is saved by the next."""
    pytester.makepyfile(test_work=TWO)
    monkeypatch.setenv("NO_ROOM", "1")
    done = run("--energy-save=a", own_process=True)
    (journal,) = pytester.path.glob(".benchmarks/*/*.jsonl")
    lines = journal.read_bytes().split(b"\n")

    assert done.ret == 1
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["energy results NOT saved in *0001_a.json: File too large; *"])
    assert saved(pytester) == []
    assert lines.pop() == b""
    assert all(isinstance(json.loads(line), dict) for line in lines)
    monkeypatch.delenv("NO_ROOM")
    run("--energy-save=b", own_process=True).stdout.fnmatch_lines(["*an earlier session was cut off*0001_a.json"])
    first, second = saved(pytester)
    assert (first.name, cases(first)) == ("0001_a.json", ["test_one"])
    assert (second.name, cases(second)) == ("0002_b.json", ["test_one", "test_two"])


def test_disk_that_stays_full_keeps_the_journal(pytester: pytest.Pytester, run, monkeypatch: pytest.MonkeyPatch):
    """While a killed session's cases cannot be written, they stay where they are and nothing else is harmed."""
    pytester.makepyfile(test_work=TWO)
    monkeypatch.setenv("NO_ROOM", "1")
    run("--energy-save=a", own_process=True)
    monkeypatch.delenv("NO_ROOM")
    (journal,) = pytester.path.glob(".benchmarks/*/*.jsonl")
    before = journal.read_bytes()
    pytester.makeconftest(FULL_DISK)
    done = run("--energy-compare", own_process=True)

    assert done.ret == 0
    done.stdout.fnmatch_lines(["energy baseline: none found in *"])
    assert journal.read_bytes() == before


def test_newest_file_is_cut_short(sleeper: pytest.Pytester, run):
    """A truncated newest run ends the comparison with its name and exit 4; older runs and new savings are untouched."""
    for name in ("a", "b"):
        run(f"--energy-save={name}").assert_outcomes(passed=1)
    older, newest = saved(sleeper)
    whole, torn = older.read_bytes(), newest.read_bytes()[: newest.stat().st_size // 2]
    newest.write_bytes(torn)
    done = run("--energy-compare")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*0002_b.json is not a whole result file*"])
    run("--energy-compare=1", "--energy-save=c").stdout.fnmatch_lines(["energy baseline 0001_a: 1 compared*"])
    assert (older.read_bytes(), newest.read_bytes()) == (whole, torn)
    assert [path.name for path in saved(sleeper)] == ["0001_a.json", "0002_b.json", "0003_c.json"]


def test_two_sessions_save_at_once(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, run):
    """Two sessions that measure and save side by side each keep all their cases in a file of their own."""
    pytester.makeconftest(SLOW_START)
    pytester.makepyfile(test_work=TOGETHER)
    plugins = ("-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider")
    sessions = []
    for name in ("left", "right"):
        monkeypatch.setenv("NAME", name)
        command = [sys.executable, "-m", "pytest", *plugins, "--energy-meter=simulated:300", f"--energy-save={name}"]
        sessions.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    said = [session.communicate()[0] for session in sessions]

    assert [session.returncode for session in sessions] == [0, 0], said
    files = saved(pytester)
    assert sorted(path.name[5:] for path in files) == ["left.json", "right.json"]
    assert sorted(path.name[:5] for path in files) == ["0001_", "0002_"]
    assert [cases(path) for path in files] == [["0", "1", "2"]] * 2
    assert not list(pytester.path.glob(".benchmarks/*/*.jsonl"))
    assert all("NOT saved" not in text for text in said)
