"""The index's cache: Parquet segments that are only added, until one takes the place of all before it.

    <cache>/index/<location>/000001-full.parquet      rows of all files there were
                             000002-more.parquet      rows of files that came later
                             000003-full.parquet      takes the place of both

Each is written beside and renamed, sorted by metric so that one metric is found without reading the others. Numbers are
given under a lock. A segment that cannot be read, or is of another version, empties the whole cache: it is a copy.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from energy_fixtures.durable import publish
from energy_fixtures.storage.rows import Row

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
"""Of the rows; part of the folder's name, so that an older cache is not read but made again."""

MOST_SEGMENTS = 16
ROW_GROUP = 50_000


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Rows as a table."""
    import polars as pl

    return pl.DataFrame(rows, schema=_schema(), orient="row")


def parquet(table: pl.DataFrame) -> bytes:
    """The table as a file, by metric; the rows of files themselves, without a metric, come first."""
    import io

    content = io.BytesIO()
    table.sort("metric", nulls_last=False, maintain_order=True).write_parquet(content, row_group_size=ROW_GROUP)
    return content.getvalue()


class Segments:
    """The segments of one location.

    Args:
        folder: Theirs alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"rows-{VERSION}"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """While this is held nobody else reads or adds; another process waits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def scan(self) -> pl.LazyFrame | None:
        """All rows, None without any; an unreadable cache is emptied."""
        import polars as pl

        valid = self._valid()
        if not valid:
            return None
        try:
            found = pl.scan_parquet(valid)
            if fits(found.collect_schema()):
                return found
        except (pl.exceptions.PolarsError, OSError):
            found = None
        self.clear()
        return None

    def add(self, table: pl.DataFrame, *, whole: bool) -> None:
        """One more segment; a `whole` one takes the place of all before it."""
        before = self._valid()
        number = 1 + max((int(path.name[:6]) for path in self.folder.glob("*.parquet")), default=0)
        publish(self.folder / f"{number:06d}-{'full' if whole else 'more'}.parquet", parquet(table))
        for path in before if whole else ():
            path.unlink(missing_ok=True)

    @property
    def many(self) -> bool:
        """Whether it is time for a whole one."""
        return len(self._valid()) >= MOST_SEGMENTS

    def clear(self) -> None:
        """Forget everything."""
        for path in self.folder.glob("*.parquet"):
            path.unlink(missing_ok=True)

    def _valid(self) -> list[Path]:
        """The newest whole one and what came after it."""
        paths = sorted(self.folder.glob("[0-9]*-*.parquet"))
        whole = [index for index, path in enumerate(paths) if path.name.endswith("-full.parquet")]
        return paths[whole[-1] if whole else 0 :]


def fits(schema: Mapping[str, pl.DataType]) -> bool:
    """Whether a table has the columns of this version."""
    return dict(schema) == _schema()


def _schema() -> dict[str, pl.DataType]:
    import polars as pl

    kinds: dict[str, pl.DataType] = dict.fromkeys(Row._fields, pl.String())
    return {
        **kinds,
        "dirty": pl.Boolean(),
        "started_at": pl.Datetime("us", "UTC"),
        "mean": pl.Float64(),
        "sd": pl.Float64(),
        "rounds": pl.Int64(),
    }
