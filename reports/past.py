"""The newest runs of a store with what each of them measured, for `reports.noise.learn`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from energy_fixtures.errors import ResultFileError
from energy_fixtures.foreign import MOST_RESULT_BYTES, Refused, from_json, read_file
from energy_fixtures.records import Run
from energy_fixtures.store import read_run
from reports.noise import Between, learn

COUNT = 20
"""Runs that tell how much sessions differ by on their own; older ones are of another season."""

CALIBRATION = re.compile(r"\d{4,}_(calibrate_[0-9a-f]{8})\.json", re.ASCII)
"""Name of a run that `joules calibrate` saved; all of one call have the same eight digits."""

_NO_COMMIT = frozenset({"unversioned", "unknown", ""})
"""What pytest-benchmark writes as a commit where there is none."""


class _Head(msgspec.Struct):
    commit_info: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A run of the store; `code` is equal for runs that measured the same code, None where that is not known."""

    run: Run
    code: str | None


def learnt_from(paths: Sequence[Path], most_bytes: int | None = None) -> Between:
    """What sessions differ by on their own, from the newest runs of one machine.

    Args:
        paths: Its result files, oldest first.
        most_bytes: Larger files are passed over: reading them would take longer than the question they help with.
    """
    kept = newest(paths, most_bytes)
    return learn([one.run for one in kept], [one.code for one in kept])


def newest(paths: Iterable[Path], most_bytes: int | None = None) -> list[Kept]:
    """The newest COUNT of these runs, oldest first; files that cannot be read or hold no energy are passed over."""
    found: list[Kept] = []
    for path in reversed(list(paths)):
        if len(found) == COUNT:
            break
        with contextlib.suppress(OSError, ResultFileError):  # whoever compares with it by name is told what is wrong
            if most_bytes is None or path.stat().st_size <= most_bytes:
                run = read_run(path)
                if run.unfinished is None:  # whoever went on from it holds the same results again
                    found.append(Kept(run=run, code=code_of(path)))
    return found[::-1]


def code_of(path: Path) -> str | None:
    """What a run measured: the calibration it belongs to, else its commit; None without one, or with edits on top.

    Example:
        >>> code_of(Path("0003_calibrate_0badcafe.json"))
        'calibrate_0badcafe'
    """
    calibration = CALIBRATION.fullmatch(path.name)
    if calibration is not None:
        return calibration[1]
    try:
        commit = from_json(read_file(path, MOST_RESULT_BYTES), _Head).commit_info
    except (OSError, Refused):  # a file that another program wrote
        return None
    name = commit.get("id")
    return name if isinstance(name, str) and name not in _NO_COMMIT and not commit.get("dirty") else None
