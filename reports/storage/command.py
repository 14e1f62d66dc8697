"""What `joules storage` says and does, without a command line."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

from energy_fixtures.errors import ResultFileError
from energy_fixtures.record import Record
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.remote import Remote, StoreError
from energy_fixtures.storage.retention import Policy, Saved, going, remove, saved_runs
from energy_fixtures.storage.spool import spools, waiting_sentence


class Listed(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One run for a program; `size_bytes` of all its files, `groups` how many these are."""

    run: str
    machine: str
    branch: str | None
    began: str
    whole: bool
    groups: int
    size_bytes: int


class Pushed(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What came of sending what waits for one store; `reason` is None where nothing waits any more."""

    storage: str
    sent: int
    waiting: int
    reason: str | None


def listed(
    location: Location, branch: str | None, machine: str | None, last: int | None, say: Callable[[str], None]
) -> list[Listed]:
    """The runs of a location, oldest first.

    Args:
        location: A folder or a shared store.
        branch, machine: Only of these; a part of a machine's name is enough. None for all.
        last: Only the newest so many; None for all.
        say: Takes what is to be doubted.
    """
    found = [
        _told(run)
        for run in saved_runs(location, say)
        if branch in (None, run.branch) and (machine is None or machine in run.machine)
    ]
    return found if last is None else found[len(found) - min(last, len(found)) :]


def pruned(location: Location, policy: Policy, say: Callable[[str], None]) -> tuple[list[Saved], list[Saved]]:
    """The runs that a policy lets go, and those that stay."""
    runs = saved_runs(location, say)
    gone = going(runs, policy, datetime.datetime.now(datetime.UTC))
    names = {run.reference for run in gone}
    return gone, [run for run in runs if run.reference not in names]


def drop(location: Location, runs: Sequence[Saved]) -> None:
    """Remove these runs.

    Raises:
        ResultFileError, StoreError: One cannot be removed.
    """
    try:
        remove(location, runs)
    except OSError as error:
        raise ResultFileError(f"{Path(str(error.filename)).name} cannot be removed: {error.strerror}") from error


def pushed(location: Location | None, say: Callable[[str], None] = lambda line: None) -> list[Pushed]:
    """Send what waits on this machine, for one store or for all that something waits for.

    A store that cannot be reached keeps none of the others from being sent to. `say` takes a line for each journal that
    could not be read whole.
    """
    found = []
    for spool in spools():
        if location not in (None, spool.location):
            continue
        spool.recover(say)
        if not spool.waiting():
            continue
        try:
            sent = spool.send(Remote(spool.location))
            reason = None if sent.reason is None else waiting_sentence(sent)
            found.append(Pushed(storage=str(spool.location), sent=sent.sent, waiting=sent.waiting, reason=reason))
        except StoreError as error:
            waiting = len(spool.waiting())
            found.append(Pushed(storage=str(spool.location), sent=0, waiting=waiting, reason=str(error)))
    return found


def _told(run: Saved) -> Listed:
    return Listed(
        run=run.reference,
        machine=run.machine,
        branch=run.branch,
        began=run.began.isoformat(timespec="seconds"),
        whole=run.whole,
        groups=len(run.files),
        size_bytes=run.size,
    )
