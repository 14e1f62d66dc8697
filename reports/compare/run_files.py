"""Saved runs by number, name or path, read so that a large one never lies in memory as records.

    file ─► map into memory ─► where each result stands in it (Index) ─► one Result at a time, when it is asked for

As records a run takes several times the memory of its file, and a comparison looks at one pair of results at a time.
Two large files are cut in two processes at once.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.foreign import MOST_RESULT_BYTES
from energy_fixtures.record import Record
from energy_fixtures.records import SCHEMA_VERSION, Environment, Result
from energy_fixtures.storage.address import split
from energy_fixtures.storage.location import Location, is_url, location_of
from energy_fixtures.storage.shared_store import SharedStore
from energy_fixtures.store import Store, is_path, read_run
from reports.compare.forked import cores, shared_out
from reports.compare.glance import Glance
from reports.console import say

LARGE_BYTES = 32 * 2**20
"""From this size on it pays to start a process for a file."""

RELEASE_BYTES = 64 * 2**20
"""After reading this much, the mapped pages of a file are given back."""

NEWEST = "newest"

Found = TypeVar("Found", Result, Glance)

_PREFIX = 200  # bytes of a result that are looked for before all of it is
_BETWEEN = re.compile(rb"[\s,]*")
_NAME_FIRST = re.compile(rb'\{\s*"fullname":\s*"([^"\\]*)"')  # how the store writes a result


class _Cut(msgspec.Struct):
    schema_version: int
    environments: dict[str, Environment]
    results: list[msgspec.Raw]


class _Document(msgspec.Struct):
    energy: _Cut


class _Named(msgspec.Struct):
    fullname: str


class Index(Record, frozen=True, kw_only=True):
    """Where each result of a file stands, in bytes, by full name; of several with one name the last one counts."""

    environments: dict[str, Environment]
    places: dict[str, tuple[int, int]]


class RunFile:
    """One run, its results by full name.

    Args:
        path: A result file.
        index: Of this file; made when it is None.

    Raises:
        ConfigurationError: It cannot be read, is broken, foreign, without energy, or of a newer version; one sentence.
    """

    def __init__(self, path: Path, index: Index | None = None) -> None:
        self.path = path
        self.name = path.stem
        self._read_bytes = 0
        self._last: Result | None = None
        self._whole, self._glance = msgspec.json.Decoder(Result), msgspec.json.Decoder(Glance)
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size > MOST_RESULT_BYTES:
                    raise ValueError
                self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.index = index or _index(self._content)
        except (OSError, ValueError, RecursionError) as error:
            # msgspec's and Unicode's are ValueErrors; an empty file cannot be mapped; JSON may nest without end
            raise self._broken() from error
        self._bytes = memoryview(self._content)
        self.environments = self.index.environments
        self.release()

    @property
    def names(self) -> list[str]:
        """Full names of all results, in run order."""
        return list(self.index.places)

    def __contains__(self, name: object) -> bool:
        return name in self.index.places

    def result(self, name: str) -> Result:
        """The result of that full name; the last one is kept, because learning, rows and explanations ask for it in turn.

        Raises:
            ConfigurationError: It breaks the records' rules.
        """
        if self._last is None or self._last.fullname != name:
            self._last = None  # of a large case two would not fit into memory
            self._last = self._decoded(name, self._whole)
        return self._last

    def glance(self, name: str) -> Glance:
        """The little of it that most rows need.

        Raises:
            ConfigurationError: That little breaks the records' rules.
        """
        return self._decoded(name, self._glance)

    def _decoded(self, name: str, decoder: msgspec.json.Decoder[Found]) -> Found:
        start, end = self.index.places[name]
        try:
            result = decoder.decode(self._bytes[start:end])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._broken() from error
        if result.fullname != name:
            raise self._broken()
        self._read_bytes += end - start
        if self._read_bytes > RELEASE_BYTES:
            self.release()
        return result

    def environment(self, result: Result | Glance) -> Environment | None:
        """Where one of its results was made; None where the file does not say."""
        return self.environments.get(result.environment)

    def release(self) -> None:
        """Give mapped pages back; they stay in the system's cache and return when they are read again."""
        self._read_bytes = 0
        if hasattr(mmap, "MADV_DONTNEED"):
            self._content.madvise(mmap.MADV_DONTNEED)

    def _broken(self) -> ConfigurationError:
        """What is wrong with the file, in the words of the reader that looks at the whole of it."""
        try:
            read_run(self.path)
        except ResultFileError as error:
            return ConfigurationError(str(error))
        return ConfigurationError(f"{self.path.name} changed while it was read; compare again")


def open_runs(paths: Sequence[Path]) -> list[RunFile]:
    """Read result files, two large ones at once.

    Raises:
        ConfigurationError: As `RunFile`.
    """
    large = all(path.stat().st_size >= LARGE_BYTES for path in paths)
    if not large or len(paths) < 2:
        return [RunFile(path) for path in paths]
    answers = shared_out(_indexes, [str(path) for path in paths], min(cores(), len(paths)))
    indexes = [index for answer in answers for index in msgspec.msgpack.decode(answer, type=list[Index])]
    return [RunFile(path, index) for path, index in zip(paths, indexes, strict=True)]


def _indexes(paths: Sequence[str]) -> bytes:
    return msgspec.msgpack.encode([RunFile(Path(path)).index for path in paths])


def _index(content: mmap.mmap) -> Index:
    """Cut a document.

    Raises:
        ValueError: It is no result file of a version that is known.
    """
    cut = msgspec.json.decode(content, type=_Document).energy
    if cut.schema_version > SCHEMA_VERSION:
        raise ValueError
    places: dict[str, tuple[int, int]] = {}
    end = 0
    for result in cut.results:
        size = len(memoryview(result))
        start = _start(content, result, end)
        end = start + size
        places[_name_of(result)] = (start, end)
    return Index(environments=cut.environments, places=places)


def _start(content: mmap.mmap, piece: msgspec.Raw, end: int) -> int:
    """Where a result begins: behind a comma after the end of the one before, the first one wherever its bytes are."""
    if end:
        between = _BETWEEN.match(content, end)
        return end if between is None else between.end()
    whole = memoryview(piece)
    for found in re.finditer(re.escape(bytes(whole[:_PREFIX])), content):
        if content[found.start() : found.start() + len(whole)] == whole:
            return found.start()
    raise ValueError


def _name_of(result: msgspec.Raw) -> str:
    found = _NAME_FIRST.match(result)  # ten times as fast as looking for the field in all of it
    return found[1].decode() if found else msgspec.json.decode(result, type=_Named).fullname


def find_run(reference: str, storage: str | Path) -> Path:
    """The file that `reference` means: a path, the address of a run in a shared store, or a saved run.

    A saved run goes by what `Store.find` and `SharedStore.find` take, or `newest`. The folders of all machines are looked
    through; `FOLDER/0001` names a run of one of them. Of a shared store the run comes into the cache here.

    Args:
        reference: As above.
        storage: Folder of saved runs, or address of a shared store.

    Raises:
        ConfigurationError: No run matches, or runs of several machines do.
        StoreError: The shared store cannot be reached.
    """
    if is_url(reference):
        return _in_store(*split(reference))
    if is_path(reference):
        return Path(reference)
    location = location_of(str(storage))
    if reference and location.shared:
        return _in_store(location, None if reference == NEWEST else reference)
    root = location.folder
    if not reference or Path(reference).is_dir():
        raise ConfigurationError(
            f"{reference!r} is not a result file; name a file, or a saved run by its number or name"
        )
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
    folder, _, name = reference.partition("/")
    if folder not in folders:  # a branch's name may have a slash as well
        folder, name = "", reference
    rest = None if name == NEWEST else name
    found = [path for one in folders if folder in ("", one) for path in _in_folder(rest, Store(root, one))]
    if len(found) > 1:
        said = ", ".join(f"{path.parent.name}/{name}" for path in found)
        raise ConfigurationError(f"{reference!r} is a run of several machines; name one: {said}")
    if not found:
        raise ConfigurationError(
            f"no result file and no run saved under {root} matches {reference!r}; "
            "name a file, or the folder of saved runs with --storage"
        )
    return found[0]


def _in_store(location: Location, name: str | None) -> Path:
    path = SharedStore(location, say=say).find(name)
    if path is None:
        raise ConfigurationError(f"{location} holds no run yet; save one there with --energy-storage {location}")
    return path


def _in_folder(reference: str | None, store: Store) -> Iterator[Path]:
    try:
        path = store.find(reference)
    except ConfigurationError:  # this machine has none; another one may
        return
    if path is not None:
        yield path
