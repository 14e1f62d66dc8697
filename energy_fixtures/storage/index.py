"""Every figure of every run as one table, without reading the runs again.

    files there, by name and stamp ─┬─ known to the cache ──────────────────────┐
                                    └─ new ─► read whole ─► rows ─► cache ──────┴─► polars.DataFrame

The cache is described in `segments`; without it, or when it cannot be read, it is made again from what is there. In a shared store, snapshots of it lie beside the runs, so that a new machine reads
one file and not all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from energy_fixtures.errors import ResultFileError
from energy_fixtures.storage.cache import cache_folder
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.remote import StoreError
from energy_fixtures.storage.rows import Row, Source, broken, rows_of
from energy_fixtures.storage.segments import Segments, frame
from energy_fixtures.storage.shelf import FolderShelf, Shelf, StoreShelf, Unreadable
from energy_fixtures.storage.snapshots import MANY, read_fullest, snapshots, write

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("run", "machine", "board", "commit", "branch", "dirty", "started_at", "environment", "method",
           "question", "case", "fullname", "metric", "mean", "sd", "rounds")  # fmt: skip
"""Of `open_index`, in this order."""

BATCH = 1_000
"""Files whose rows are kept together."""


def open_index(
    location: Location,
    *,
    metric: str | None = None,
    rebuild: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> pl.DataFrame:
    """Every figure of every run of a folder or a shared store, one row per (run, fullname, metric), oldest first.

    Args:
        location: A folder of saved runs in pytest-benchmark's layout, or a shared store.
        metric: Only rows of this metric, which is quicker; None for all. A name without a row gives no row.
        rebuild: Read every file again, whatever the cache says.
        say: Takes a sentence for each file that cannot be read, and for each clock that runs ahead.

    Returns:
        The columns `COLUMNS`, of these kinds:

        - run: String. A name by which `joules compare --storage` finds it, `MACHINE/NAME`; unique.
        - machine: String. The machine's folder: system, Python, and boards.
        - board: String, null without one. `H200`, `2 × H200`.
        - commit, branch: String, null where unknown. dirty: Boolean, null where unknown.
        - started_at: Datetime in UTC, microseconds: when the case was finished. In a shared store never later than the store's own
          clock, so that a machine whose clock runs ahead hides nobody.
        - environment: String. Key of the Environment: equal exactly for equal ones.
        - method: String. How joules were obtained: `counter`, `modelled`, `simulated`, ...; never mix measured with others.
        - question, case, fullname: String, as in Result.
        - metric: String, a name of `metrics.METRICS`; its unit is there.
        - mean, sd: Float64, in the metric's unit, over valid trials; sd is the sample standard deviation, null below two.
        - rounds: Int64. Valid trials that have the metric.

        Of a case that a run holds several times, the last counts. Files that cannot be read have no row.

    Raises:
        ConfigurationError: There is no such folder; the store cannot be named or its extra is missing.
        StoreError: The store cannot be reached.
    """
    import polars as pl

    segments = Segments(cache_folder("index", location.key))
    with segments.locked():
        if rebuild:
            segments.clear()
        shelf = StoreShelf(location, say) if location.shared else FolderShelf(location.folder)
        try:
            rows = _updated(segments, shelf, say)
            return _table(rows, metric, say)
        except pl.exceptions.PolarsError:  # the cache is broken somewhere inside: it is a copy
            segments.clear()
            return _table(_updated(segments, shelf, say), metric, say)


def _table(rows: pl.LazyFrame | None, metric: str | None, say: Callable[[str], None]) -> pl.DataFrame:
    """What `open_index` returns, of all rows."""
    import polars as pl

    if rows is None:
        return frame(()).select(COLUMNS)
    for file, problem in rows.filter(pl.col("problem").is_not_null()).select("file", "problem").collect().iter_rows():
        say(f"{file} is passed over: {problem}")
    wanted = pl.col("metric").is_not_null() if metric is None else pl.col("metric") == metric
    return rows.filter(wanted).select(COLUMNS).collect().sort("started_at", maintain_order=True)


def _updated(segments: Segments, shelf: Shelf, say: Callable[[str], None]) -> pl.LazyFrame | None:
    """All rows of the cache, brought in line with what is there."""
    _forget_gone(segments, shelf)
    fresh = _unknown(segments, shelf)
    if isinstance(shelf, StoreShelf) and len(fresh) >= MANY:
        fresh = _take_snapshot(segments, shelf, fresh, say)
    _read(segments, shelf, fresh)
    if isinstance(shelf, StoreShelf):
        _leave_snapshot(segments, shelf, say)
    return segments.scan()


def _stamps(segments: Segments) -> dict[str, str]:
    """Stamp by file, of every file that the cache knows."""
    import polars as pl

    rows = segments.scan()
    if rows is None:
        return {}
    table = rows.filter(pl.col("metric").is_null()).select("file", "stamp").collect()
    return dict(zip(table["file"].to_list(), table["stamp"].to_list(), strict=True))


def _forget_gone(segments: Segments, shelf: Shelf) -> None:
    """Rows of files that went or changed go; and of many segments it makes one."""
    import polars as pl

    rows, there = segments.scan(), shelf.sources
    gone = [name for name, stamp in _stamps(segments).items() if name not in there or there[name].stamp != stamp]
    if rows is not None and (gone or segments.many):
        segments.add(rows.filter(~pl.col("file").is_in(gone)).collect(), whole=True)


def _unknown(segments: Segments, shelf: Shelf) -> list[str]:
    known = _stamps(segments)
    return [name for name in shelf.sources if name not in known]


def _read(segments: Segments, shelf: Shelf, names: Sequence[str]) -> None:
    """Read files and keep their rows, some at a time: who interrupts it loses little."""
    for start in range(0, len(names), BATCH):
        rows: list[Row] = []
        for name, content in shelf.read(names[start : start + BATCH]):
            rows += _rows(shelf.sources[name], content)
        segments.add(frame(rows), whole=False)


def _rows(source: Source, content: bytes | Unreadable) -> list[Row]:
    """Of one file; a broken one is remembered, so that it is neither read nor told as new every time."""
    if isinstance(content, Unreadable):
        return [broken(source if content.lasting else source._replace(stamp=""), content.why)]
    try:
        return rows_of(content, source)
    except ResultFileError as error:
        return [broken(source, str(error))]


def _take_snapshot(segments: Segments, shelf: StoreShelf, names: list[str], say: Callable[[str], None]) -> list[str]:
    """What the store's own copy of the index tells of these files goes into the cache; the files that it does not know."""
    import polars as pl

    table = read_fullest(shelf.remote, shelf.objects, say)
    if table is None:
        return names
    stamps = pl.DataFrame({"file": names, "stamp": [shelf.sources[name].stamp for name in names]})
    segments.add(table.join(stamps, on=["file", "stamp"], how="semi"), whole=False)
    return _unknown(segments, shelf)


def _leave_snapshot(segments: Segments, shelf: StoreShelf, say: Callable[[str], None]) -> None:
    """When many files came since the store's newest copy of the index, it gets another."""
    rows, known = segments.scan(), snapshots(shelf.objects)
    if rows is None or len(shelf.sources) - (known[-1].files if known else 0) < MANY:
        return
    try:
        write(shelf.remote, rows.collect(), len(shelf.sources))
    except StoreError as error:
        say(f"the store's copy of the index was not renewed: {error}")
