"""Time stamps of a trace as nanoseconds, with what they say about their zone.

    2023-11-16 18:15:46.6805900          seven decimals, no zone      (Azure 2023)
    2024-05-12 00:00:00.001163+00:00     six decimals, UTC            (Azure 2024)
    2024-05-12 00:00:00+00:00            the same at a full second

These are read by position, which is several times quicker than a general parser; everything else ISO 8601 allows with a
blank or a T goes through that one. Years before 1970 and from 2262 on do not fit into 64 bits of nanoseconds, or are no time
of a request: they are not readable, as is a zone that no clock has.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

UTC = "+00:00"
NO_ZONE = ""

_SECONDS = "%Y-%m-%d %H:%M:%S"
_END_US = 9_214_646_400_000_000  # 2262-01-01
_MOST_ZONE_S = 14 * 3600
_ZONE = r":\d{2}(?:\.\d+)?\s*([Zz]|[+-]\d{2}:?\d{2})$"


@dataclass(frozen=True, kw_only=True)
class Stamps:
    """Nanoseconds since 1970 in UTC (where there is no zone: of the clock that was written), null where not readable.

    `zones` holds every offset that was seen, `NO_ZONE` for stamps without one.
    """

    ns: pl.Series
    zones: frozenset[str]


def parse(texts: pl.Series) -> Stamps:
    """Read time stamps; what is none becomes null and has no zone."""
    ns, zone = _by_position(texts)
    zones = {zone} if ns.null_count() < len(ns) else set()
    if ns.null_count():
        rest = _general(texts.filter(ns.is_null()))
        ns = ns.scatter(ns.is_null().arg_true(), rest["ns"])
        zones |= set(rest.filter(pl.col("ns").is_not_null())["zone"].unique())
    return Stamps(ns=ns, zones=frozenset(zones))


def _by_position(texts: pl.Series) -> tuple[pl.Series, str]:
    """Those of the more frequent of the two usual lengths, null for the others, and their zone."""
    lengths = texts.str.len_bytes()
    utc = (lengths == 32).sum() >= (lengths == 27).sum()
    text = pl.col("text")
    usual = (pl.col("length") == 32) & text.str.ends_with(UTC) if utc else pl.col("length") == 27
    found = pl.DataFrame({"text": texts, "length": lengths}).select(
        usual=usual,
        # seconds repeat many times in a long trace: each is parsed once
        second=text.str.slice(0, 19).str.to_datetime(_SECONDS, time_unit="us", strict=False, cache=True).cast(pl.Int64),
        fraction=text.str.slice(19, 7 if utc else 8).cast(pl.Float64, strict=False),
    )
    known = pl.col("usual") & pl.col("fraction").is_between(0, 1, closed="left") & _possible(pl.col("second"))
    ns = pl.col("second") * 1000 + (pl.col("fraction") * 1e9).round().cast(pl.Int64)
    return found.select(ns=pl.when(known).then(ns))["ns"], UTC if utc else NO_ZONE


def _possible(us: pl.Expr) -> pl.Expr:
    return us.is_between(0, _END_US, closed="left")


def _general(texts: pl.Series) -> pl.DataFrame:
    text = pl.col("text").str.strip_chars().str.replace("T", " ", literal=True)
    zone = text.str.extract(_ZONE).str.to_uppercase().str.replace("Z", UTC, literal=True).fill_null(NO_ZONE)
    split = texts.alias("text").to_frame().select(text=text, zone=zone)
    clock = pl.col("text").str.replace(r"\s*([Zz]|[+-]\d{2}:?\d{2})$", "")
    # beyond its years a parser of nanoseconds wraps around, so that one of microseconds has to look first
    us = clock.str.to_datetime(f"{_SECONDS}%.f", time_unit="us", strict=False).cast(pl.Int64)
    ns = clock.str.to_datetime(f"{_SECONDS}%.f", time_unit="ns", strict=False).cast(pl.Int64)
    hours, minutes = (pl.col("zone").str.slice(*place).cast(pl.Int64, strict=False) for place in ((1, 2), (-2, 2)))
    ahead_s = hours * 3600 + minutes * 60
    zoned = (pl.col("zone") == NO_ZONE) | ((minutes < 60) & (ahead_s <= _MOST_ZONE_S))
    signed_s = pl.when(pl.col("zone") == NO_ZONE).then(0).when(pl.col("zone").str.starts_with("-")).then(-ahead_s)
    return split.select(
        ns=pl.when(_possible(us) & zoned).then(ns - signed_s.otherwise(ahead_s) * 1_000_000_000),
        zone=pl.when(pl.col("zone").str.len_bytes() == 5)
        .then(pl.col("zone").str.slice(0, 3) + ":" + pl.col("zone").str.slice(3, 2))
        .otherwise(pl.col("zone")),
    )
