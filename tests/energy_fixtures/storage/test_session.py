"""A pytest session that saves in a shared store: what it says, what it compares with, what nobody may see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.storage.location import Location
from energy_fixtures.storage.remote import Remote
from energy_fixtures.storage.shared_store import SharedStore
from energy_fixtures.storage.spool import Spool

ROOT = Path(__file__).parents[3]
KEY = "AKIAPLANTEDKEYID0000"
SECRET = "planted-secret-zX81-never-to-be-seen"
PLAIN = """
import pathlib, time

def work():
    time.sleep(0.02)

def test_one(energy):
    began = time.monotonic()
    energy.pedantic(work, rounds=3)
    pathlib.Path("windows.txt").write_text(f"{began} {time.monotonic()}")

def test_two(energy):
    energy.pedantic(work, rounds=3)
"""


def session(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """One session in a process of its own, with a simulated meter."""
    (folder / "test_plain.py").write_text(PLAIN)
    plugins = ("-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider")
    quick = ("--energy-meter=simulated:300", "--energy-idle=0", "--energy-autosave")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--rootdir={folder}", *plugins, *quick, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def git(folder: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder under git, on branch main."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def test_a_session_saves_there_and_the_next_compares_by_branch(s3: Any, shared: Location, project: Path) -> None:
    """Results go to the store, outside of every window; a later session on another branch finds main's newest run."""
    first = session(project, f"--energy-storage={shared}")
    assert first.returncode == 0, first.stdout + first.stderr
    (run,) = SharedStore(shared).listed()
    assert f"energy results saved in {shared}/{run.reference}" in first.stdout
    assert run.branch == "main" and run.whole and Spool(shared).waiting() == []
    began, ended = map(float, (project / "windows.txt").read_text().split())
    assert [moment for _, _, moment in s3.seen if began <= moment <= ended] == []
    git(project, "checkout", "-q", "-b", "topic")
    second = session(project, f"--energy-storage={shared}", "--energy-compare=main")
    assert second.returncode == 0, second.stdout + second.stderr
    assert f"baseline: {run.name.of_run}" in second.stdout
    assert [one.branch for one in SharedStore(shared).listed()] == ["main", "topic"]


def test_wrong_credentials_lose_nothing_and_are_seen_nowhere(
    s3: Any, shared: Location, project: Path, tmp_path: Path
) -> None:
    """The session measures, keeps its results here, ends with 1 and one sentence; no output and no file holds the secret."""
    loud = ("--log-level=DEBUG", "-o", "log_cli=true", "--showlocals", "--tb=long", "-rA", "-vv")
    failed = session(
        project, f"--energy-storage={shared}", *loud, AWS_SECRET_ACCESS_KEY=SECRET + "-wrong", AWS_SESSION_TOKEN=SECRET
    )
    assert failed.returncode == 1
    assert failed.stdout.count("NOT saved") == 1 and "joules storage push" in failed.stdout
    assert "refuses the credentials" in failed.stdout and "Traceback" not in failed.stdout + failed.stderr
    seen = (
        failed.stdout
        + failed.stderr
        + "".join(f"{path} {path.read_bytes().decode('latin-1')}" for path in tmp_path.rglob("*") if path.is_file())
    )
    assert "planted-secret" not in seen
    assert KEY not in seen
    assert len(Spool(shared).waiting()) == 1
    Spool(shared).send(Remote(shared))
    assert len(SharedStore(shared).listed()) == 1


def test_an_address_with_credentials_is_refused_at_once(project: Path) -> None:
    """The session ends with 4 before anything is measured, and what was in the address is not repeated."""
    refused = session(project, f"--energy-storage=s3://KEY:{SECRET}@lab/x")
    assert refused.returncode == 4
    assert "holds a user or a password" in refused.stdout + refused.stderr
    assert SECRET not in refused.stdout + refused.stderr
    assert not (project / "windows.txt").exists()


def test_to_resume_needs_a_file_here(project: Path, local_url: Location) -> None:
    """A shared store holds no journal to go on from: the sentence says what does."""
    refused = session(project, f"--energy-storage={local_url}", "--energy-resume")
    assert refused.returncode == 4 and "--energy-json" in refused.stdout + refused.stderr


def test_collecting_asks_the_store_for_nothing(s3: Any, shared: Location, project: Path) -> None:
    """A session that only collects neither imports fsspec nor sends a request."""
    assert session(project, f"--energy-storage={shared}", "--collect-only").returncode == 0
    assert s3.seen == []
