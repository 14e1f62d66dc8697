"""What stands around a comparison: other versions, an older file, a session that was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

KILLED = """
import os, signal, time

def test_a(energy):
    energy.pedantic(time.sleep, args=(0.01,), rounds=2)

def test_b(energy):
    if os.environ.get("KILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    energy.pedantic(time.sleep, args=(0.01,), rounds=2)
"""


def change(path: Path, side: str, **facts: object) -> None:
    """Rewrite one side of the only environment in a result file, None for a field that shall be unknown."""
    document = json.loads(path.read_text())
    (environment,) = document["energy"]["environments"].values()
    for name, value in facts.items():
        environment[side].pop(name, None)
        if value is not None:
            environment[side][name] = value
    path.write_text(json.dumps(document))


@pytest.fixture
def saved(sleeper: pytest.Pytester, run) -> Path:
    """A result file of one case."""
    run("--energy-json=before.json").assert_outcomes(passed=1)
    return sleeper.path / "before.json"


def test_another_version_is_said_once(saved: Path, run):
    """A kernel and a package that changed are compared across, and each is a line below the comparison."""
    change(saved, "host", kernel="1.0")
    change(saved, "packages", numpy="0.9")
    done = run("--energy-compare=before.json")

    assert done.ret == 0
    done.stdout.fnmatch_lines(
        [
            "energy baseline before: 1 compared, 0 missing",
            "compared although these differ:",
            f"  kernel 1.0 against {os.uname().release}",
            "  numpy 0.9 against *",
        ]
    )


def test_equal_surroundings_need_no_word(saved: Path, run):
    """Where nothing differs nothing is said."""
    assert "although" not in run("--energy-compare=before.json").stdout.str()


def test_an_older_file_is_compared(saved: Path, run):
    """A file that knows fewer fields is compared, and one line says what it does not tell."""
    change(saved, "host", cores=None, memory_bytes=None)
    done = run("--energy-compare=before.json")

    done.stdout.fnmatch_lines(
        ["energy baseline before: 1 compared*", "  the baseline does not say: cores, memory bytes"]
    )


def test_hostile_versions_cannot_paint_the_terminal(saved: Path, run):
    """A note from a file is shown as data."""
    change(saved, "host", kernel="\x1b[31mred")
    text = run("--energy-compare=before.json").stdout.str()

    assert r"kernel \x1b[31mred against" in text
    assert "\x1b[31mred" not in text


def test_a_killed_session_can_be_compared_with(pytester: pytest.Pytester, run, monkeypatch: pytest.MonkeyPatch):
    """--energy-compare finds the finished cases of a session that was killed, and says where they are now."""
    pytester.makepyfile(test_work=KILLED)
    monkeypatch.setenv("KILL", "1")
    assert run("--energy-save=before", own_process=True).ret == -signal.SIGKILL
    monkeypatch.delenv("KILL")
    done = run("--energy-compare", own_process=True)

    assert done.ret == 0
    done.stdout.fnmatch_lines(
        [
            "energy: an earlier session was cut off; its finished cases are in *0001_before.json",
            "energy baseline: 0001_before, the newest run",
            "energy baseline 0001_before: 1 compared, 1 new, 0 missing",
        ]
    )


def test_a_session_that_still_runs_is_not_compared_with(pytester: pytest.Pytester, run):
    """The journal of a session that is writing is left to it."""
    pytester.makepyfile(test_work=KILLED)
    run("--energy-save=before").assert_outcomes(passed=2)
    (saved,) = pytester.path.glob(".benchmarks/*/0001_before.json")
    journal = saved.with_name("0002_now.jsonl")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import fcntl; f = open({str(journal)!r}, 'wb'); fcntl.flock(f, 2); print(1, flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = run("--energy-compare")
        holder.kill()

    assert journal.exists()
    done.stdout.fnmatch_lines(["energy baseline 0001_before: 2 compared, 0 missing"])
