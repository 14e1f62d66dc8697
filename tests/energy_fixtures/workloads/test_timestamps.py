"""Time stamps of every kind that the traces hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.workloads.timestamps import parse

SECOND_NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.one_of(st.datetimes(datetime(1969, 12, 31), datetime(2262, 1, 2)), st.datetimes())  # years 1 to 9999


def ns_of(moment: datetime) -> int:
    """Nanoseconds since 1970, exactly."""
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - EPOCH) // timedelta(microseconds=1) * 1000


def read(*texts: str | None) -> list[int | None]:
    return parse(pl.Series(texts, dtype=pl.String)).ns.to_list()


@pytest.mark.parametrize(
    ("text", "moment", "more_ns", "zone"),
    [
        ("2023-11-16 18:15:46.6805900", datetime(2023, 11, 16, 18, 15, 46, 680590), 0, ""),
        ("2023-11-16 18:15:46.6805907", datetime(2023, 11, 16, 18, 15, 46, 680590), 700, ""),
        ("2024-05-12 00:00:00.001163+00:00", datetime(2024, 5, 12, 0, 0, 0, 1163), 0, "+00:00"),
        ("2024-05-12 00:00:00+00:00", datetime(2024, 5, 12), 0, "+00:00"),
        ("2024-05-12T00:00:00Z", datetime(2024, 5, 12), 0, "+00:00"),
        ("2024-05-12 00:00:00", datetime(2024, 5, 12), 0, ""),
        ("2024-05-12 02:00:00.5+0200", datetime(2024, 5, 12, 0, 0, 0, 500000), 0, "+02:00"),
        ("2024-05-11 22:30:00-01:30", datetime(2024, 5, 12), 0, "-01:30"),
    ],
)
def test_each_form_is_read_to_the_last_digit(text: str, moment: datetime, more_ns: int, zone: str) -> None:
    """The two releases' forms and their ISO relatives give the right nanosecond and the right zone."""
    stamps = parse(pl.Series([text]))
    assert stamps.ns.to_list() == [ns_of(moment) + more_ns]
    assert stamps.zones == {zone}


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "x", "2024-05-12", "2024-13-12 00:00:00.001163+00:00", "2024-05-12 00:00:00.-01163+00:00", "12.5"),
        *(
            "0001-01-01 00:00:00",
            "1969-12-31 23:59:59.9999999",
            "2262-01-01 00:00:00.000000+00:00",
            "9999-12-31 23:59:59Z",
        ),
        *("2024-05-12 00:00:00+99:99", "2024-05-12 00:00:00+14:01", "2024-05-12 00:00:00-02:60"),
    ],
)
def test_what_is_no_time_is_null(text: str | None) -> None:
    """Anything else becomes null, and adds no zone; its neighbours are read all the same."""
    assert read(text) == [None]
    assert parse(pl.Series([text], dtype=pl.String)).zones == frozenset()
    assert read("2024-05-12 00:00:00Z", text, "2024-05-12 00:00:01Z") == [
        ns_of(datetime(2024, 5, 12)),
        None,
        ns_of(datetime(2024, 5, 12, 0, 0, 1)),
    ]


@given(moments=st.lists(st.tuples(MOMENTS, st.integers(-14 * 60, 14 * 60), st.booleans()), min_size=1, max_size=8))
def test_reading_by_position_and_in_general_agree_with_the_standard_library(
    moments: list[tuple[datetime, int, bool]],
) -> None:
    """Whatever mixture of zones and decimals a column holds, every moment is the one that was written."""
    texts, wanted = [], []
    for moment, minutes, zoned in moments:
        local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))) if zoned else moment
        texts.append(local.isoformat(sep=" "))
        wanted.append(ns_of(local) if 1970 <= moment.year < 2262 else None)
    assert read(*texts) == wanted
