"""What a result file says of its commit, in pytest-benchmark's own words, and the newest run of a branch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from energy_fixtures.errors import ResultFileError
from energy_fixtures.foreign import MOST_RESULT_BYTES, Refused, read_file
from energy_fixtures.records import Run

_NONE = ("unversioned", "unknown", "")
"""What pytest-benchmark writes where there is no commit; for a branch it writes words in brackets."""


class _Commit(msgspec.Struct):
    commit_info: Any = None


def commit_info_of(content: bytes) -> dict[str, Any]:
    """`commit_info` of a result file's content; empty where it has none."""
    try:
        found = msgspec.json.decode(content, type=_Commit).commit_info
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # whoever reads the results is told what is wrong
        return {}
    return found if isinstance(found, dict) else {}


def commit_of(commit_info: Mapping[str, Any], name: str) -> str | None:
    """Its `id` or `branch`; None where there is none.

    >>> commit_of({"branch": "(detached head)"}, "branch") is None
    True
    """
    found = commit_info.get(name)
    return found if isinstance(found, str) and found not in _NONE and not found.startswith("(") else None


def with_branch(commit_info: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """`commit_info` with the branch that GitHub or GitLab say, where git has none: their checkouts are detached.

    >>> with_branch({"branch": "(detached head)"}, {"CI_COMMIT_BRANCH": "main"})
    {'branch': 'main'}
    """
    if commit_of(commit_info, "branch") is not None:
        return commit_info
    on_github = environ.get("GITHUB_REF_NAME") if environ.get("GITHUB_REF_TYPE") == "branch" else None
    said = (
        environ.get("GITHUB_HEAD_REF"),
        environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
        environ.get("CI_COMMIT_BRANCH"),
    )
    branch = next((name for name in (*said, on_github) if name), None)
    return commit_info if branch is None else {**commit_info, "branch": branch}


def newest_of_branch(
    runs: Sequence[Path], branch: str, fits: Callable[[Run], bool], read: Callable[[Path], Run]
) -> Path | None:
    """The newest run of a branch that was not cut off and fits, else its newest; None without any.

    Args:
        runs: Oldest first.
        branch: Its whole name, as git had it when the run was measured.
        fits: Asked of each, newest first.
        read: Reads a result file.
    """
    newest: Path | None = None
    for path in reversed(runs):
        with contextlib.suppress(OSError, Refused, ResultFileError):  # a broken file is of no branch
            if commit_of(commit_info_of(read_file(path, MOST_RESULT_BYTES)), "branch") == branch:
                run = read(path)
                newest = newest or path
                if run.unfinished is None and fits(run):
                    return path
    return newest
