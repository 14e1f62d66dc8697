"""What a node's pytest process writes down as it goes, one JSON line each, fsynced: nothing that was finished is lost.

    begin     which group on which machine, from when
    started   the next case
    finished  a case with pytest's reports and its results
    given     cases that it will not start, because another slot takes them
    end       how the process ended; missing where it was killed

The last line may be torn by a kill; it was never acknowledged and does not count.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from energy_fixtures.record import Record
from energy_fixtures.records import Environment, Result


class Begin(Record, frozen=True, kw_only=True):
    """Head of a journal.

    Attributes:
        sweep: Identity of the sweep.
        group: Its number.
        node: What a person calls the machine.
        clock: Equal where `began_s`, `ended_s` are of one clock: one boot of one machine.
        boards: How many accelerators it has for itself; 0 where it has the machine.
        devices: Their names for CUDA, None where they were not narrowed.
        began_s: Monotonic seconds.
    """

    sweep: str
    group: int
    node: str
    clock: str
    boards: int
    devices: str | None
    began_s: float


class Finished(Record, frozen=True, kw_only=True):
    """A case that came to its end.

    Attributes:
        nodeid: pytest's.
        reports: pytest's reports of set-up, call and tear-down, as `pytest_report_to_serializable` gives them.
        results: What it measured.
        environments: Those that the results name.
        began_s, ended_s: Monotonic seconds of that machine.
        crashed: Why another try may end otherwise: its engine was killed, or hung; None for an answer that holds.
    """

    nodeid: str
    reports: tuple[dict[str, Any], ...]
    results: tuple[Result, ...] = ()
    environments: tuple[Environment, ...] = ()
    began_s: float
    ended_s: float
    crashed: str | None = None


class End(Record, frozen=True, kw_only=True):
    """The process ended by itself, with pytest's exit status; `why` where it could not do what it was told."""

    status: int
    ended_s: float
    why: str | None = None


class Line(Record, frozen=True, kw_only=True):
    """One line: exactly one of these."""

    begin: Begin | None = None
    started: str | None = None
    finished: Finished | None = None
    given: tuple[str, ...] | None = None
    end: End | None = None


class Journal(Record, frozen=True, kw_only=True):
    """A journal read back. `begin` is None where not even the first line is whole."""

    begin: Begin | None
    finished: tuple[Finished, ...]
    started: str | None
    end: End | None

    @property
    def ended_s(self) -> float | None:
        """Monotonic seconds of the last thing that it tells."""
        if self.end is not None:
            return self.end.ended_s
        return self.finished[-1].ended_s if self.finished else None


class Writer:
    """Appends to a journal.

    Args:
        path: Of a file that is not there yet.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)

    def write(self, line: Line) -> None:
        """Make a line durable."""
        self.copy(msgspec.json.encode(line) + b"\n")

    def copy(self, lines: bytes) -> None:
        """Make whole lines of another journal durable."""
        left = memoryview(lines)
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)


def lines_of(text: bytes) -> Sequence[Line]:
    """The whole lines of a journal, up to the first that cannot be read."""
    found = []
    for line in text.split(b"\n")[:-1]:
        try:
            found.append(msgspec.json.decode(line, type=Line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            break
    return found


def journal_of(lines: Iterable[Line]) -> Journal:
    """What lines say together."""
    begin, started, end, finished = None, None, None, []
    for line in lines:
        begin = line.begin or begin
        started = line.started or started
        end = line.end or end
        if line.finished is not None:
            finished.append(line.finished)
            started = None
    return Journal(begin=begin, finished=tuple(finished), started=started, end=end)
