"""A small git repository whose only case takes as long as its code says, and `joules ab` inside it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.records import Result, Run
from reports.ab.merge import Merged, merge
from reports.cli import main

ROOT = Path(__file__).parents[3]
PLUGINS = ("-p", "energy_fixtures.plugin", "-p", "reports.plugin", "--energy-meter=simulated:400")

WORK = "import time\n\ndef work():\n    time.sleep({seconds})\n"
CASE = "from work import work\n\ndef test_work(energy):\n    energy.pedantic(work, rounds=6)\n"

IDENTITY = {
    **{f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Repository:
    """A folder under git."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str) -> str:
        """What git prints."""
        command = ["git", "-C", str(self.path), *words]
        return subprocess.run(
            command, env={**os.environ, **IDENTITY}, capture_output=True, text=True, check=True
        ).stdout

    def write(self, **files: str) -> None:
        """Write Python files by their stem."""
        for stem, text in files.items():
            (self.path / f"{stem}.py").write_text(text)

    def commit(self, subject: str, **files: str) -> str:
        """Write files and commit everything; the full hash."""
        self.write(**files)
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={subject}")
        return self.git("rev-parse", "HEAD").strip()

    @property
    def worktrees(self) -> int:
        """How many there are, the repository's own included."""
        return self.git("worktree", "list").count("\n")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One commit, tagged `base`, in which the work takes 100 ms; the current folder."""
    for name, value in {**IDENTITY, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)  # so that TMPDIR counts
    folder = tmp_path / "project"
    folder.mkdir()
    made = Repository(folder)
    (folder / ".gitignore").write_text("__pycache__\n")
    made.commit("Work for 100 ms", work=WORK.format(seconds=0.1), test_work=CASE)
    made.git("tag", "base")
    monkeypatch.chdir(folder)
    return made


@pytest.fixture
def ab(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `joules ab`: exit status, what was printed, what was said beside it."""

    def run(*words: str, pytest_words: Sequence[str] = ()) -> tuple[int, str, str]:
        status = main(["ab", *words, "--", *PLUGINS, *pytest_words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def left_over(tmp_path: Path) -> Callable[[], list[str]]:
    """Names of temporary folders that are still there."""
    return lambda: sorted(path.name for path in tmp_path.glob("joules-ab-*"))


@pytest.fixture
def side(run_of: Callable[..., Run]) -> Callable[..., Merged]:
    """A side of blocks, each a list of results."""

    def make(*blocks: Sequence[Result]) -> Merged:
        return merge([run_of(*block) for block in blocks])

    return make


@pytest.fixture
def as_json() -> Callable[[object], str]:
    """A record as it is stored."""
    return lambda value: msgspec.json.encode(value, order="sorted").decode()
