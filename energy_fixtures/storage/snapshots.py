"""Copies of the index in a shared store, so that a new machine reads one file and not all runs.

    <prefix>/_index/1_20261121T213658Z_000640_<sha256>.parquet      the rows of 640 files

Immutable like the runs. One that is not whole, or of another version, is passed over; a new one is written when enough
files came since the last.
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from energy_fixtures.storage.listing import INDEX
from energy_fixtures.storage.names import content_word
from energy_fixtures.storage.remote import Found, Remote, StoreError
from energy_fixtures.storage.segments import VERSION, fits, parquet

if TYPE_CHECKING:
    import polars as pl

MANY = 64
"""Files that are worth a snapshot: to read, when so many are unknown here; to write, when so many are in none."""

_NAME = re.compile(rf"{INDEX}/(\d+)_(\d{{8}}T\d{{6}}Z)_(\d+)_([0-9a-f]{{32}})\.parquet")


class Snapshot(NamedTuple):
    """One that is there."""

    files: int
    when: str
    content: str
    name: str


def snapshots(objects: Sequence[Found], version: int = VERSION) -> list[Snapshot]:
    """Those of a version among a store's objects, the fullest last."""
    found = [(_NAME.fullmatch(one.name), one.name) for one in objects]
    return sorted(
        Snapshot(int(told[3]), told[2], told[4], name) for told, name in found if told and int(told[1]) == version
    )


def read_fullest(remote: Remote, objects: Sequence[Found], say: Callable[[str], None]) -> pl.DataFrame | None:
    """The rows of the fullest snapshot that is whole; None without any."""
    import polars as pl

    for snapshot in reversed(snapshots(objects)):
        try:
            content = remote.read(snapshot.name)
            if content_word(content) == snapshot.content:
                table = pl.read_parquet(io.BytesIO(content))
                if fits(table.schema):
                    return table
            say(f"{snapshot.name} was not written whole and is passed over")
        except (StoreError, pl.exceptions.PolarsError) as error:
            said = str(error) if isinstance(error, StoreError) else f"{snapshot.name} is no table and is passed over"
            say(said)
    return None


def write(remote: Remote, table: pl.DataFrame, files: int) -> None:
    """One more snapshot.

    Raises:
        StoreError: It cannot be written; who may only read loses nothing by it.
    """
    content = parquet(table)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    remote.write(f"{INDEX}/{VERSION}_{now}_{files:06d}_{content_word(content)}.parquet", content)
