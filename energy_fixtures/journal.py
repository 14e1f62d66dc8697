"""What a session writes down of itself while it runs, a line per finished case, and what a later one makes of it.

line    head, then an Environment before the first Result made in it, then Results; each fsynced (store.RunWriter)
replay  every whole line that can be read ─► Contents ─► a document; a line that cannot is told, and keeps the journal
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from energy_fixtures.foreign import Refused, from_json
from energy_fixtures.origin import Origin
from energy_fixtures.record import Record
from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run

UNREADABLE = "energy: a journal that was left behind could not be read whole; it is kept as {}"


class Head(Record, frozen=True, kw_only=True):
    """What pytest-benchmark's document says above its benchmarks; the dictionaries are its own and stay untyped.

    `origin` is ours, for whoever resumes the session; a document carries it only when the session was cut off.
    """

    machine_info: dict[str, Any]
    commit_info: dict[str, Any]
    datetime: str
    version: str
    origin: Origin | None = None


class Entry(Record, frozen=True, kw_only=True):
    """One journal line: the head first, then a Result with its pytest-benchmark entry, or an Environment before it."""

    head: Head | None = None
    environment: Environment | None = None
    result: Result | None = None
    benchmark: dict[str, Any] | None = None


@dataclass(frozen=True)
class Contents:
    """What a journal and a document both hold."""

    head: Head
    environments: dict[str, Environment]
    results: list[Result]
    benchmarks: list[dict[str, Any]]

    def document(self, *, unfinished: bool) -> bytes:
        """As pytest-benchmark writes it, with the energy block."""
        run = Run(
            schema_version=SCHEMA_VERSION,
            environments=self.environments,
            results=tuple(self.results),
            unfinished=(self.head.origin or Origin()) if unfinished else None,
        )
        document = {
            "machine_info": self.head.machine_info,
            "commit_info": self.head.commit_info,
            "benchmarks": self.benchmarks,
            "datetime": self.head.datetime,
            "version": self.head.version,
            "energy": run,
        }
        return msgspec.json.format(msgspec.json.encode(document), indent=1)


class Replayed(NamedTuple):
    """What a journal says.

    Attributes:
        contents: None when no Result was finished, or nothing says whose they are.
        complete: Whether that is all that it says, so that it may go: it is ours, and every whole line was read.
    """

    contents: Contents | None
    complete: bool


def replay(text: bytes) -> Replayed:
    """What a journal holds in its whole lines; what follows the last line end was cut off while being written."""
    head: Head | None = None
    environments: dict[str, Environment] = {}
    results: list[Result] = []
    benchmarks: list[dict[str, Any]] = []
    readable = True
    for line in text.split(b"\n")[:-1]:
        try:
            entry = from_json(line, Entry)
        except Refused:
            entry = Entry()
        readable = readable and entry != Entry()  # a line of somebody else's may be JSON and say nothing to us
        head = entry.head or head
        if entry.environment is not None:
            environments[entry.environment.key] = entry.environment
        if entry.result is not None:
            results.append(entry.result)
        if entry.benchmark is not None:
            benchmarks.append(entry.benchmark)
    contents = Contents(head, environments, results, benchmarks) if head is not None and results else None
    return Replayed(contents, complete=readable and (head is not None or not text))
