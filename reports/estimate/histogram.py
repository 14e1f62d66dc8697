"""The lengths of a trace: two columns of every row, counted by pair, so that memory stays small.

Nothing is binned or sampled: lengths are whole numbers, and rows with the same two are one entry with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import Refused, check_packed
from reports.estimate.distributions import Floats
from reports.estimate.scenario import MOST_TOKENS

if TYPE_CHECKING:
    import polars as pl

COLUMNS = (
    ("ContextTokens", "GeneratedTokens"),  # Azure LLM inference traces, 2023 and 2024
    ("Request tokens", "Response tokens"),  # BurstGPT
    ("input_tokens", "output_tokens"),
    ("num_prefill_tokens", "num_decode_tokens"),  # Vidur
)
"""Names of the two columns that are looked for, in this order."""

_ABOVE = 2**24
"""More than MOST_TOKENS: both lengths go into one number, which is grouped in half the time and memory of two columns."""

_WRONG = -1


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How often each pair of lengths occurs: inputs, outputs, counts, each of shape (pairs,)."""

    files: tuple[str, ...]
    inputs: Floats
    outputs: Floats
    counts: Floats

    @property
    def requests(self) -> int:
        """Rows of all files."""
        return int(self.counts.sum())


def read_histogram(paths: Sequence[Path]) -> Histogram:
    """Count pairs of lengths over CSV files (also .gz and .zst) and Parquet files.

    Raises:
        ConfigurationError: A file cannot be read, lacks both columns, or holds lengths that none can have.
    """
    import polars as pl

    named = f"--trace {', '.join(path.name for path in paths)}"
    tables = [_lazily(path) for path in paths]
    try:
        counted = pl.concat(tables).group_by("pair").agg(pl.len().alias("count")).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ConfigurationError(f"{named} cannot be read: {_first_line(error)}") from error
    if counted.height == 0:
        raise ConfigurationError(f"{named} holds no requests")
    problems = (
        (pl.col("pair").is_null(), "without a length"),
        (pl.col("pair") == _WRONG, f"whose lengths are no whole numbers from 0 to {MOST_TOKENS:,}"),
    )
    for where, what in problems:
        rows = counted.filter(where)["count"].sum()
        if rows:
            raise ConfigurationError(f"{named} holds {rows:,} rows {what}; leave them out")
    counted = counted.sort("pair")  # the order of groups is not fixed, and sums of floats depend on it
    pairs, counts = counted["pair"].to_numpy(), counted["count"].to_numpy()
    inputs, outputs = np.divmod(pairs, _ABOVE)
    return Histogram(
        files=tuple(path.name for path in paths),
        inputs=inputs.astype(np.float64),
        outputs=outputs.astype(np.float64),
        counts=counts.astype(np.float64),
    )


def _lazily(path: Path) -> pl.LazyFrame:
    import polars as pl

    if not path.is_file():
        raise ConfigurationError(f"--trace {path.name} is not a file; name a CSV or Parquet file of requests")
    try:
        check_packed(path)
        table = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_csv(path, infer_schema_length=1000)
        schema = table.collect_schema()
    except (pl.exceptions.PolarsError, OSError, Refused) as error:
        raise ConfigurationError(f"--trace {path.name} cannot be read: {_first_line(error)}") from error
    for given, generated in COLUMNS:
        if given in schema and generated in schema:
            return table.select(_pair(*(_length(name, schema[name]) for name in (given, generated))).alias("pair"))
    wanted = "; ".join(" and ".join(pair) for pair in COLUMNS)
    raise ConfigurationError(f"--trace {path.name} has no columns of lengths; it needs {wanted}")


def _length(name: str, kind: pl.DataType) -> pl.Expr:
    """A column as whole numbers; _WRONG where it holds none, null where it holds nothing."""
    import polars as pl

    column = pl.col(name)
    if not kind.is_integer():  # 3.7 tokens must not become 3
        number = column.cast(pl.Float64).fill_nan(None)
        fits = (number == number.floor()) & number.is_between(0, MOST_TOKENS)
        column = pl.when(fits).then(number).otherwise(pl.when(number.is_null()).then(None).otherwise(_WRONG))
    return column.cast(pl.Int64)


def _pair(given: pl.Expr, generated: pl.Expr) -> pl.Expr:
    import polars as pl

    fits = given.is_between(0, MOST_TOKENS) & generated.is_between(0, MOST_TOKENS)
    known = given.is_not_null() & generated.is_not_null()
    return pl.when(fits).then(given * _ABOVE + generated).otherwise(pl.when(known).then(_WRONG))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
