"""The Environments behind the keys of an index, read from as few runs as hold them all."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from energy_fixtures.errors import ResultFileError
from energy_fixtures.records import Environment
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.shared_store import SharedStore
from energy_fixtures.store import read_run

if TYPE_CHECKING:
    import polars as pl


def environments_of(location: Location, frame: pl.DataFrame) -> dict[str, Environment]:
    """By key; a key whose run cannot be read any more is left out.

    Args:
        location: Where the runs are.
        frame: Rows of the index with `environment`, `run` and `started_at`.

    Raises:
        StoreError: A shared store cannot be reached.
    """
    newest = frame.sort("started_at").group_by("environment", maintain_order=True).last()
    store = SharedStore(location) if location.shared else None
    found: dict[str, Environment] = {}
    for key, run in newest.select("environment", "run").reverse().iter_rows():
        if key in found:
            continue
        with contextlib.suppress(ResultFileError):  # it went meanwhile: what hangs on it stands as a series of its own
            path = location.folder / f"{run}.json" if store is None else store.find(run)
            found.update({} if path is None else read_run(path).environments)
    return found
