"""What every record is made of: immutable, checked at birth, with a stable JSON form and a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec


def need(fact: bool, rule: str, seen: object) -> None:
    """Refuse a value that breaks `rule`; msgspec turns this into its ValidationError while decoding.

    Raises:
        ValueError: The rule and what was seen.
    """
    if not fact:
        raise ValueError(f"{rule}, got {seen!r}")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the records: immutable, named fields only."""


def digest(record: Record) -> str:
    """Sixteen hex digits over the record's JSON with sorted keys; fields at their default do not count."""
    return hashlib.sha256(msgspec.json.encode(record, order="sorted")).hexdigest()[:16]


def holds(kept: Iterable[Record], wanted: Iterable[Record]) -> bool:
    """Whether every one of these records is kept, as it is."""
    written = set(map(msgspec.json.encode, kept))
    return all(msgspec.json.encode(record) in written for record in wanted)
