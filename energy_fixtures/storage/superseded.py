"""Runs in a shared store that were cut off and gone on from: once another run holds all their results, they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from energy_fixtures.errors import ResultFileError
from energy_fixtures.record import holds
from energy_fixtures.records import Result
from energy_fixtures.storage.listing import ListedRun
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.remote import StoreError
from energy_fixtures.storage.shared_store import SharedStore
from energy_fixtures.store import read_run

MOST_LOOKED_AT = 20
"""Newest runs that were cut off; each has to be brought here."""


def remove_superseded(
    location: Location, machine: str, new: str, results: Sequence[Result], say: Callable[[str], None]
) -> list[str]:
    """Remove each run of this machine that was cut off and of which every Result is in a new run; which.

    Args:
        location: Of the store.
        machine: This machine's folder in it.
        new: Address of the new run.
        results: That it holds.
        say: Takes a sentence where the store cannot be asked: then a run is there beside its successor.
    """
    gone: list[str] = []
    try:
        store = SharedStore(location, machine)
        cut_off = [run for run in store.listed() if not run.whole and location / run.reference != new]
        for run in cut_off[-MOST_LOOKED_AT:]:
            if _held(store, run, results):
                store.remote.delete([one.name for one in (*run.spare, *(part.found for part in run.parts[::-1]))])
                gone.append(location / run.reference)
    except StoreError as error:
        say(f"{error}; a run that was gone on from may be there still, with results that {new} holds as well")
    return gone


def _held(store: SharedStore, run: ListedRun, results: Sequence[Result]) -> bool:
    try:
        earlier = read_run(store.fetch(run)).results
    except ResultFileError:  # nobody knows what it held
        return False
    return bool(earlier) and holds(results, earlier)
