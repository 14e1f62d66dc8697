"""Which saved runs may go. Pure: runs in, those that go out.

A run stays when any of these holds:

    it is among the newest `last` of its machine
    it is younger than `days`: since it began or, if that is later, since the store took the last of it
    it is among the newest `last` of its machine on a baseline branch (of which one always stays)
    its session may be running still: it is not whole and younger than `UNFINISHED`
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.foreign import MOST_RESULT_BYTES, Refused, read_file
from energy_fixtures.storage.commits import commit_info_of, commit_of
from energy_fixtures.storage.listing import runs_of
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.names import word
from energy_fixtures.storage.remote import Remote
from energy_fixtures.storage.shelf import FolderShelf
from energy_fixtures.storage.snapshots import snapshots
from energy_fixtures.store import decode_run

UNFINISHED = datetime.timedelta(days=7)
"""A session that has not ended by then was killed, and its machine has not been on since."""

SNAPSHOTS = 2
"""Copies of the index that stay: the fullest, and one that somebody may be reading."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What stays.

    Attributes:
        last: Newest runs of each machine, and of each machine on each baseline branch; None: not by number.
        days: Younger runs; None: not by age.
        branches: Baseline branches.
    """

    last: int | None
    days: float | None
    branches: Collection[str]

    def __post_init__(self) -> None:
        if self.last is None and self.days is None:
            raise ConfigurationError("prune needs to know what stays: give --keep-last, --keep-days or both")


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One saved run, wherever it is.

    Attributes:
        reference: `MACHINE/NAME`.
        machine: Its folder.
        branch: None where it is not known. In a shared store as a word of its name.
        began: UTC.
        taken: When the store had all of it, by its own clock: the clock of a machine may be behind. None in a folder.
        whole: Whether its session ended.
        size: Bytes.
        files: That it is made of, relative to the location.
        spare: Further files of it, which nobody reads.
    """

    reference: str
    machine: str
    branch: str | None
    began: datetime.datetime
    whole: bool
    size: int
    files: tuple[str, ...]
    taken: datetime.datetime | None = None
    spare: tuple[str, ...] = ()


def saved_runs(location: Location, say: Callable[[str], None] = lambda sentence: None) -> list[Saved]:
    """Every run of a folder or a shared store, oldest first.

    In a folder, pytest-benchmark's own files and files that cannot be read are none of ours, and stay.

    Raises:
        ConfigurationError: There is no such folder, or the store cannot be named.
        StoreError: It cannot be reached.
    """
    if not location.shared:
        return _in_folder(location.folder)
    runs = runs_of(Remote(location).list())
    for run in runs:
        if run.doubt is not None:
            say(run.doubt)
    return [
        Saved(
            reference=run.reference,
            machine=run.name.machine,
            branch=run.branch,
            began=run.began,
            whole=run.whole,
            size=run.size,
            files=tuple(part.found.name for part in run.parts),
            taken=run.taken,
            spare=tuple(found.name for found in run.spare),
        )
        for run in runs
    ]


def going(runs: Sequence[Saved], policy: Policy, now: datetime.datetime) -> list[Saved]:
    """The runs that go.

    Args:
        runs: All there are, oldest first.
        policy: What stays.
        now: UTC.
    """
    stay: set[str] = set()
    by_machine: dict[str, list[Saved]] = defaultdict(list)
    on_branch: dict[tuple[str, str], list[Saved]] = defaultdict(list)
    words = {branch: word(branch) for branch in policy.branches}  # a long branch is cut in a shared store's names
    for run in runs:
        by_machine[run.machine].append(run)
        for branch, cut in words.items():
            if run.branch in (branch, cut):
                on_branch[run.machine, branch].append(run)
        age = now - max(run.began, run.taken or run.began)
        young = policy.days is not None and age < datetime.timedelta(days=policy.days)
        if young or (not run.whole and age < UNFINISHED):
            stay.add(run.reference)
    for mine in by_machine.values():
        stay.update(run.reference for run in mine[len(mine) - min(policy.last or 0, len(mine)) :])
    for mine in on_branch.values():
        whole = [run for run in mine if run.whole] or mine
        stay.update(run.reference for run in whole[-max(policy.last or 0, 1) :])
    return [run for run in runs if run.reference not in stay]


def remove(location: Location, runs: Sequence[Saved]) -> None:
    """Remove runs. The last group first: a run that lost some of its groups says so.

    Raises:
        OSError, StoreError: One cannot be removed; those before it are gone.
    """
    if not location.shared:
        for run in runs:
            for file in run.files:
                (location.folder / file).unlink(missing_ok=True)
        return
    remote = Remote(location)
    for run in runs:
        remote.delete((*run.spare, *run.files[::-1]))
    old = snapshots(remote.list())[:-SNAPSHOTS]
    remote.delete([snapshot.name for snapshot in old])


def _in_folder(folder: Path) -> list[Saved]:
    found = []
    for source in FolderShelf(folder).sources.values():
        path = folder / source.file
        try:
            content = read_file(path, MOST_RESULT_BYTES)
            run = decode_run(content, path.name)
        except (OSError, Refused, ResultFileError):
            continue
        moments = [datetime.datetime.fromisoformat(result.started_at) for result in run.results]
        found.append(
            Saved(
                reference=source.run,
                machine=source.machine,
                branch=commit_of(commit_info_of(content), "branch"),
                began=min(moments, default=datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)),
                whole=run.unfinished is None,
                size=len(content),
                files=(source.file,),
            )
        )
    return sorted(found, key=lambda run: (run.began, run.reference))
