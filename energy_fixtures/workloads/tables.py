"""Traces that are tables of numbers: Azure's of 2023 and 2024, and BurstGPT.

    file ─► blocks of whole lines ─► columns ─► usable rows, the others counted by reason ─► arrays, by arrival

A block that does not parse as a whole is read again line by line, so that one bad row costs one row.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads import timestamps
from energy_fixtures.workloads.blocks import Source, shown
from energy_fixtures.workloads.lengths import Lengths, Provenance

if TYPE_CHECKING:
    from energy_fixtures.workloads.lengths import Tokens

RAGGED = "more fields than the header has"
NOT_WHOLE = "tokens missing or not whole numbers"
NO_INPUT = "no input tokens (zero or negative)"
NO_OUTPUT = "no output tokens (zero or negative)"
FAILED = "failed (no response tokens)"
NO_TIME = "time stamp missing or not readable"

_WHOLE = re.compile(r"([+-]?\d{1,18})(?:\.0*)?", re.ASCII)
_AT_ONCE = 2  # blocks parsed at the same time
_LAST_S = 1e11  # three thousand years; further seconds are no time of a request
_SMALL = np.iinfo(np.int32).max


@dataclass(frozen=True, kw_only=True)
class Table:
    """A format: the columns that are needed, how it writes time, and what no output means in it."""

    kind: str
    time: str
    input: str
    output: str
    clock: bool  # time stamps with a date, not seconds
    no_output: str = NO_OUTPUT

    @property
    def needed(self) -> tuple[str, str, str]:
        """The columns in the order of the format."""
        return self.time, self.input, self.output


AZURE = Table(kind="azure", time="TIMESTAMP", input="ContextTokens", output="GeneratedTokens", clock=True)
BURSTGPT = Table(
    kind="burstgpt",
    time="Timestamp",
    input="Request tokens",
    output="Response tokens",
    clock=False,
    no_output=FAILED,
)
TABLES = (AZURE, BURSTGPT)


def recognise(header: str) -> tuple[Table, tuple[str, ...]] | None:
    """The format with most of its columns in this header, and the header's columns; None where no column is known."""
    seen = tuple(name.strip() for name in next(csv.reader([header]), []))
    table = max(TABLES, key=lambda known: sum(name in seen for name in known.needed))
    return (table, seen) if set(table.needed) & set(seen) else None


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What one block gave. `time` is nanoseconds or seconds, by format."""

    input: Tokens
    output: Tokens
    time: pl.Series
    rows: int
    left_out: Counter[str]
    zones: frozenset[str]


def read(source: Source, table: Table, columns: Sequence[str]) -> Lengths:
    """Read a whole trace.

    Raises:
        ConfigurationError: A column is missing or there twice, no row is usable, or only some stamps have a zone.
    """
    wrong = [name for name in table.needed if columns.count(name) != 1]
    if wrong:
        seen = "no" if wrong[0] not in columns else f"{columns.count(wrong[0])} times the"
        raise ConfigurationError(
            f"{source.path} looks like {table.kind} but has {seen} column {wrong[0]!r}; "
            f"needed are {', '.join(table.needed)}, seen were {shown(', '.join(columns))}"
        )
    rows, left_out, zones = 0, Counter[str](), set[str]()
    first: float | None = None
    columns_of: tuple[list[Any], ...] = ([], [], [])  # input, output, seconds
    for part in _in_turn(source, table, columns):
        rows, left_out, zones = rows + part.rows, left_out + part.left_out, zones | part.zones
        if len(part.time):
            first = part.time[0] if first is None else first  # nanoseconds since 1970 do not fit into a float
            # divided by NumPy: Polars multiplies by the reciprocal, which makes 15 s 15.000000000000002
            seconds = (part.time - first).cast(pl.Float64).to_numpy() / (1e9 if table.clock else 1.0)
            for column, piece in zip(columns_of, (part.input, part.output, seconds), strict=True):
                column.append(piece)
    if first is None:
        said = "".join(f", {count} with {reason}" for reason, count in left_out.items())
        raise ConfigurationError(f"{source.path} has no usable row: {rows} read{said}")
    doubts = _zones(source, zones)
    arrays, more = _by_arrival(*(_joined(column) for column in columns_of))
    return Lengths(
        input_tokens=arrays[0],
        output_tokens=arrays[1],
        arrival_s=arrays[2],
        provenance=Provenance(
            name=source.path.name,
            kind=table.kind,
            synthetic=False,
            rows_read=rows,
            left_out=left_out,
            sha256=source.sha256,
            unpacked_sha256=source.unpacked_sha256,
            doubts=(*doubts, *more),
        ),
    )


def _in_turn(source: Source, table: Table, columns: Sequence[str]) -> Iterator[_Part]:
    """The parts in the order of the file, several blocks being parsed while the next is read."""
    waiting: list[Future[_Part]] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for number, block in enumerate(source.blocks()):
            rows = block if number else block.partition(b"\n")[2]  # the first line is the header
            if len(waiting) == _AT_ONCE:
                yield waiting.pop(0).result()
            waiting.append(pool.submit(_part, rows, table, columns))
        for parsed in waiting:
            yield parsed.result()


def _part(block: bytes, table: Table, columns: Sequence[str]) -> _Part:
    frame, ragged = _frame(block, table, columns)
    zones: frozenset[str] = frozenset()
    if table.clock:
        stamps = timestamps.parse(frame["time"])
        frame, zones = frame.with_columns(stamps.ns.alias("time")), stamps.zones
    reasons = {
        NOT_WHOLE: pl.col("input").is_null() | pl.col("output").is_null(),
        NO_INPUT: pl.col("input") < 1,
        table.no_output: pl.col("output") < 1,
        NO_TIME: pl.col("time").is_null() if table.clock else ~(pl.col("time").abs() <= _LAST_S).fill_null(False),
    }
    left_out = Counter({RAGGED: ragged} if ragged else {})
    usable = frame
    for reason, holds in reasons.items():
        bad = usable.select(holds.fill_null(False).alias("bad"))["bad"]
        if count := int(bad.sum()):
            left_out[reason] = count
            usable = usable.filter(~bad)
    return _Part(
        input=_tokens(usable["input"]),
        output=_tokens(usable["output"]),
        time=usable["time"].rechunk(),
        rows=frame.height + ragged,
        left_out=left_out,
        zones=zones,
    )


def _frame(block: bytes, table: Table, columns: Sequence[str]) -> tuple[pl.DataFrame, int]:
    """The columns time, input and output, null where a value is none; and how many lines had too many fields."""
    short = {table.time: "time", table.input: "input", table.output: "output"}
    time = pl.String() if table.clock else pl.Float64()
    types: dict[str, pl.DataType] = {"time": time, "input": pl.Int64(), "output": pl.Int64()}
    names = [short.get(name, f"other {place}") for place, name in enumerate(columns)]
    if not block.strip():
        return pl.DataFrame(schema=types), 0
    try:
        schema = {name: types.get(name, pl.String()) for name in names}
        frame = pl.read_csv(block, has_header=False, schema=schema).select(*types)
        rows = block.count(b"\n") + (not block.endswith(b"\n")) if b'"' in block else frame.height
        if frame.height == rows:  # no quoted line end has swallowed a row
            blank = frame.filter(pl.all_horizontal(pl.all().is_null())).height
            return frame.filter(~pl.all_horizontal(pl.all().is_null())) if blank else frame, 0
    except pl.exceptions.PolarsError:
        pass
    return _line_by_line(block, names, types)


def _line_by_line(block: bytes, names: Sequence[str], types: dict[str, pl.DataType]) -> tuple[pl.DataFrame, int]:
    rows: list[tuple[str | float | None, int | None, int | None]] = []
    places = [names.index(name) for name in types]
    ragged = 0
    for line in block.decode("utf-8").split("\n"):
        try:
            fields = next(csv.reader([line.rstrip("\r")]), [])
        except csv.Error:  # a field longer than any of a table
            fields = ["?"]
        if not any(field.strip() for field in fields):
            continue
        if len(fields) > len(names):
            ragged += 1
            continue
        fields += [""] * (len(names) - len(fields))
        time, tokens_in, tokens_out = (fields[place].strip() for place in places)
        rows.append((_time(time, types["time"]), _whole(tokens_in), _whole(tokens_out)))
    return pl.DataFrame(rows, schema=types, orient="row"), ragged


def _time(text: str, kind: pl.DataType) -> str | float | None:
    if kind == pl.String():
        return text
    try:
        return float(text)
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    """A whole number also where it is written 12.0, as tools do that know no missing integers."""
    found = _WHOLE.fullmatch(text)
    return None if found is None else int(found[1])


def _tokens(series: pl.Series) -> Tokens:
    tokens: Tokens = series.cast(pl.Int32 if (series <= _SMALL).all() else pl.Int64).to_numpy()
    return tokens


def _zones(source: Source, zones: set[str]) -> tuple[str, ...]:
    if timestamps.NO_ZONE in zones and len(zones) > 1:
        named = ", ".join(sorted(zones - {timestamps.NO_ZONE}))
        raise ConfigurationError(
            f"{source.path} has time stamps with a zone ({named}) and others without; give all of them one, or none"
        )
    if len(zones) > 1:
        return (f"time stamps of several zones ({', '.join(sorted(zones))}), put in order in UTC",)
    return ()


def _joined(pieces: list[Any]) -> NDArray[Any]:
    """One array; each piece is let go as soon as it is copied, since a week of requests fills a gigabyte."""
    joined = np.empty(sum(map(len, pieces)), dtype=np.result_type(*{piece.dtype for piece in pieces}))
    filled = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        joined[filled : filled + len(piece)] = piece
        filled += len(piece)
    return joined


def _by_arrival(*arrays: NDArray[Any]) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
    """The arrays in the order of the last one, which then begins at 0; and a doubt where it was not in order."""
    ordered, arrival_s = list(arrays), arrays[-1]
    doubts: tuple[str, ...] = ()
    falls = int(np.count_nonzero(arrival_s[1:] < arrival_s[:-1]))
    if falls:
        order = np.argsort(arrival_s, kind="stable")
        ordered = [array[order] for array in arrays]
        stamps = "1 time stamp lies" if falls == 1 else f"{falls} time stamps lie"
        doubts = (f"{stamps} before the one above; the requests were sorted by arrival",)
    ordered[-1] -= ordered[-1][0]
    return ordered, doubts
