"""Which code and which settings a session's results hang on, beside their Scenario and Environment. Pure but for git.

in a git checkout   the commit, and a digest of what is changed or new since, the session's own outputs aside
anywhere else       a digest of each test file, of the conftest.py files above it and of the ini file
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from energy_fixtures.record import Record

GIT_WAIT_S = 30.0
NEW_CODE = (".py", ".pyi", ".toml", ".ini", ".cfg")
"""Files that git does not know yet count when they end like this: a log or a plot beside them is no code."""
EVERYWHERE = ("conftest.py", ".toml", ".ini", ".cfg")
"""Files that decide about every test: one that was not there before is a change."""
DIGITS = 12
VARIABLES = re.compile(r"OMP_NUM_THREADS|MKL_NUM_THREADS|CUDA_VISIBLE_DEVICES|VLLM_.+|TORCH_.+", re.DOTALL)
"""Variables of the environment that decide how much work is done, where, and by what."""
UNSAID = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
"""Of those, none whose name has such a word is looked at."""
_PLAIN = re.compile(r"[A-Za-z0-9.,:+_-]{1,40}")


class Origin(Record, frozen=True, kw_only=True):
    """What one session ran with.

    Attributes:
        commit: Of git, None where there is none.
        changes: Digest of the uncommitted changes, None where there are none.
        files: Digest by path of the files that tests are read from, where there is no git; empty where there is.
        settings: Options away from their default that decide results, by flag, as text; and variables of the environment.
    """

    commit: str | None = None
    changes: str | None = None
    files: Mapping[str, str] = {}
    settings: Mapping[str, str] = {}


def origin_of(root: Path, tests: Iterable[Path], outputs: Collection[Path], settings: Mapping[str, str]) -> Origin:
    """The Origin of a session that starts now.

    Args:
        root: pytest's root folder.
        tests: Files that its tests stand in.
        outputs: Files and folders that it writes itself.
        settings: Options and variables that decide results.
    """
    told = _git(root, "rev-parse", "HEAD", "--show-toplevel")
    if told is None:
        read = sorted({*tests, *(file for test in tests for file in _above(test, root))})
        return Origin(files={os.path.relpath(file, root): _digest([file], root) for file in read}, settings=settings)
    commit, top = told.splitlines()[:2]
    tracked = _git(root, "diff", "HEAD", "--name-only", "--no-renames", "--no-ext-diff", "-z") or ""
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z") or ""
    changed = [Path(top, name) for name in tracked.split("\0") if name]
    changed += [root / name for name in untracked.split("\0") if name.endswith(NEW_CODE)]
    own = {output.resolve() for output in outputs}
    counted = sorted(file for file in changed if own.isdisjoint((file.resolve(), *file.resolve().parents)))
    return Origin(commit=commit, changes=_digest(counted, root) if counted else None, settings=settings)


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that decide results, as settings: words and numbers as they are, anything else as a digest.

    >>> variables({"OMP_NUM_THREADS": "4", "VLLM_API_KEY": "s", "HOME": "/root", "VLLM_CACHE_ROOT": "/fast"})
    {'OMP_NUM_THREADS': '4', 'VLLM_CACHE_ROOT': 'sha256:cde14744c72f'}
    """
    return {
        name: value if _PLAIN.fullmatch(value) else f"sha256:{hashlib.sha256(os.fsencode(value)).hexdigest()[:DIGITS]}"
        for name, value in sorted(environ.items())
        if VARIABLES.fullmatch(name) and not UNSAID.search(name)
    }


def changes(then: Origin, now: Origin) -> list[str]:
    """What is not as it was, one clause each; empty when all of it is.

    >>> changes(Origin(commit="a" * 40), Origin(commit="b" * 40, settings={"--energy-min-rounds": "9"}))
    ['commit aaaaaaaaaaaa -> bbbbbbbbbbbb', '--energy-min-rounds default -> 9']
    """
    found = []
    if then.commit != now.commit:
        found.append(f"commit {(then.commit or 'none')[:DIGITS]} -> {(now.commit or 'none')[:DIGITS]}")
    elif then.changes != now.changes:
        found.append("the uncommitted changes are others")
    for file, digest in now.files.items():
        if then.files.get(file, digest if not file.endswith(EVERYWHERE) else None) != digest:
            found.append(f"{file} was changed")
    found += [f"{file} is gone" for file in then.files if file.endswith(EVERYWHERE) and file not in now.files]
    for flag in sorted({*then.settings, *now.settings}):
        old, new = then.settings.get(flag, "default"), now.settings.get(flag, "default")
        if old != new:
            found.append(f"{flag} {old} -> {new}")
    return found


def _above(test: Path, root: Path) -> Iterator[Path]:
    """The files that pytest reads on its way from `root` to a test."""
    for folder in (test.parent, *test.parent.parents):
        names = ("conftest.py", *(("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg") if folder == root else ()))
        yield from (folder / name for name in names if (folder / name).is_file())
        if folder == root:
            return


def _digest(files: Iterable[Path], root: Path) -> str:
    """Over paths below `root` and contents; a file that is gone counts as such."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(os.path.relpath(file, root)) + b"\0")
        with contextlib.suppress(OSError), file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


def _git(folder: Path, *words: str) -> str | None:
    """What git answers; None where there is no git, no checkout, no commit, or no answer in time."""
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # reading must not write into the user's checkout
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, timeout=GIT_WAIT_S, check=False, env=environ
        )
        return os.fsdecode(done.stdout) if done.returncode == 0 else None
    return None
