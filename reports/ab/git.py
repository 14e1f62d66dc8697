"""The few questions asked of git, and worktrees that are gone afterwards. Nothing here writes to the user's checkout or index."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, JoulesError
from energy_fixtures.units import shortened

LONGEST_SUBJECT = 60

HOOK_VARIABLES = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"})
"""Set inside git's hooks; they would send every git below to the user's own checkout and index."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit by its full hash, its short one, and the first line of its message, shortened."""

    sha: str
    short: str
    subject: str


def top_of(folder: Path) -> Path:
    """The checkout that `folder` lies in.

    Raises:
        ConfigurationError: It lies in none, or git is not installed.
    """
    done = _git(folder, "rev-parse", "--show-toplevel")
    if done.returncode != 0:
        raise ConfigurationError(
            f"{folder.name}/ lies in no git checkout, so it has no revisions; start joules ab inside one, "
            "or compare options with --a and --b"
        )
    return Path(done.stdout.rstrip("\n"))


def commit_of(top: Path, revision: str, option: str) -> Commit:
    """The commit that a revision names.

    Raises:
        ConfigurationError: There is no such commit; the sentence names the option.
    """
    named = not revision.startswith("-") and _git(top, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if not named or named.returncode != 0:
        raise ConfigurationError(
            f"{option} {revision}: this repository knows no such revision; name a commit, a branch or a tag, "
            "or fetch it first"
        )
    sha = named.stdout.strip()
    short, _, subject = _asked(top, "log", "-1", "--no-show-signature", "--format=%h%x09%s", sha).partition("\t")
    return Commit(sha=sha, short=short, subject=shortened(subject, LONGEST_SUBJECT))


def is_dirty(top: Path) -> bool:
    """Whether tracked files of the checkout differ from its commit, or untracked ones lie in it."""
    return bool(_asked(top, "status", "--porcelain"))


def state_of(top: Path) -> str:
    """A digest that changes when somebody commits, checks out or edits a tracked file."""
    said = _asked(top, "rev-parse", "HEAD") + _asked(top, "diff", "--no-ext-diff", "HEAD")
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()


@contextlib.contextmanager
def worktree(top: Path, commit: Commit, folder: Path) -> Iterator[Path]:
    """Check a commit out into `folder`, and take it away again whatever happens.

    Raises:
        JoulesError: git cannot check it out.
    """
    try:
        # no hooks: a post-checkout hook of the user is not for a copy that lives for minutes
        done = _git(top, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", str(folder), commit.sha)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise JoulesError(f"git cannot check out {commit.short} beside this checkout: {said[-1] if said else '?'}")
        yield folder
    finally:
        with undisturbed():
            _remove(top, folder)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Clearing up is not cut short by a second Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler or signal.SIG_DFL)


def _remove(top: Path, folder: Path) -> None:
    """Remove a worktree; where git refuses, the folder goes and git forgets it.

    Only then is `prune` called: it also forgets worktrees of the user that happen to be on a drive that is not mounted.
    """
    if _git(top, "worktree", "remove", "--force", "--force", str(folder)).returncode == 0:
        return
    shutil.rmtree(folder, ignore_errors=True)
    if str(folder) in _git(top, "worktree", "list", "--porcelain").stdout:
        _git(top, "worktree", "prune")


def _asked(top: Path, *words: str) -> str:
    done = _git(top, *words)
    if done.returncode != 0:
        raise JoulesError(f"git {words[0]} failed: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run git; its optional locks stay away, so that looking at a checkout does not write its index.

    A session of its own keeps a Ctrl-C of the terminal from it.
    """
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    environ = {name: value for name, value in os.environ.items() if name not in HOOK_VARIABLES}
    try:
        return subprocess.run(
            command,
            env={**environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ConfigurationError(
            "git is not installed, and revisions need it; install it, or use --a and --b"
        ) from None
