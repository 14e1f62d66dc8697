"""The result files of a location, as the index reads them: which there are, what each holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_RESULT_BYTES, Refused, read_file
from energy_fixtures.storage.listing import Part, runs_of
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.names import content_word
from energy_fixtures.storage.remote import Found, Remote
from energy_fixtures.storage.rows import Source
from energy_fixtures.store import is_run


class Unreadable(NamedTuple):
    """Why a file could not be read, as a clause; a `lasting` reason holds until the file changes."""

    why: str
    lasting: bool = False


class Shelf(Protocol):
    """Files by name, each with a stamp that changes when its content does."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """Every file, in order."""
        ...

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | Unreadable]]:
        """The content of some of them, in order."""
        ...


class FolderShelf:
    """The documents of a folder of saved runs, of all its machines.

    Args:
        root: The folder.

    Raises:
        ConfigurationError: There is no such folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            machines = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
            found = [source for machine in machines for source in _in_folder(root, machine)]
        except OSError as error:
            raise ConfigurationError(f"cannot read the folder of saved runs {root}: {error.strerror}") from error
        self.sources: Mapping[str, Source] = {source.file: source for source in found}

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | Unreadable]]:
        """As `Shelf`."""
        for name in names:
            try:
                yield name, read_file(self.root / name, MOST_RESULT_BYTES)
            except OSError as error:
                yield name, Unreadable(f"it cannot be read ({error.strerror})")
            except Refused as error:
                yield name, Unreadable(str(error), lasting=True)


class StoreShelf:
    """The case groups of a shared store, each checked against its name.

    Args:
        location: Of the store.
        say: Takes a sentence for each clock that runs ahead.

    Attributes:
        objects: Everything there, snapshots of the index among it.

    Raises:
        ConfigurationError, StoreError: It cannot be named, or not reached.
    """

    def __init__(self, location: Location, say: Callable[[str], None]) -> None:
        self.remote = Remote(location)
        self.objects: Sequence[Found] = self.remote.list()
        runs = runs_of(self.objects)
        for doubt in dict.fromkeys(run.doubt for run in runs):
            if doubt is not None:
                say(doubt)
        self._parts = {part.found.name: part for run in runs for part in run.parts}
        self.sources: Mapping[str, Source] = {
            part.found.name: _source(part, run.reference, late=run.ahead is not None)
            for run in runs
            for part in run.parts
        }

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | Unreadable]]:
        """As `Shelf`."""
        for name, content in self.remote.read_all([self._parts[name].found for name in names]):
            if not isinstance(content, bytes):
                yield name, Unreadable(str(content))
            elif content_word(content) != self._parts[name].name.content:
                yield name, Unreadable("it was not written whole: its content is not what its name says", lasting=True)
            else:
                yield name, content


def _in_folder(root: Path, machine: str) -> Iterator[Source]:
    with os.scandir(root / machine) as entries:
        files = (entry for entry in entries if is_run(entry.name) and entry.is_file())  # a pipe would be waited for
        runs = sorted(files, key=lambda entry: entry.name)
    for entry in runs:
        facts, name = entry.stat(), f"{machine}/{entry.name}"
        yield Source(name, f"{facts.st_size}-{facts.st_mtime_ns}", name.removesuffix(".json"), machine, None)


def _source(part: Part, run: str, *, late: bool) -> Source:
    latest = part.found.modified if late else None
    return Source(part.found.name, part.found.stamp, run, part.name.machine, latest)
