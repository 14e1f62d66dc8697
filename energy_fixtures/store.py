"""Results to and from disk, in pytest-benchmark's own shape and layout, never losing one.

    <root>/<machine>/NNNN_<commit>_<time>.jsonl    while the session runs: one line per finished case, fsynced
    <root>/<machine>/NNNN_<commit>_<time>.json     when it ends: one document, published by an atomic rename

The document is what pytest-benchmark writes (`machine_info`, `commit_info`, `benchmarks`, `datetime`, `version`) plus
the top-level `energy` block, a `Run`. A session that was killed leaves its journal; `Store.recover` turns it into a
document, so that no finished case is lost. A journal that is being written is locked and left alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.record import Record
from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run

_RUN = re.compile(r"\d{4,}_.*\.json", re.DOTALL | re.ASCII)


class Head(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What pytest-benchmark's document says above its benchmarks; the dictionaries are its own and stay untyped."""

    machine_info: dict[str, Any]
    commit_info: dict[str, Any]
    datetime: str
    version: str


class Entry(Record, frozen=True, kw_only=True):
    """One journal line: the head first, then a Result with its pytest-benchmark entry, or an Environment before it."""

    head: Head | None = None
    environment: Environment | None = None
    result: Result | None = None
    benchmark: dict[str, Any] | None = None


class _Version(msgspec.Struct):
    schema_version: int


class _VersionOnly(msgspec.Struct):
    energy: _Version | None = None


class _Document(msgspec.Struct):
    energy: Run


def read_run(path: Path) -> Run:
    """The `energy` block of a result file.

    Raises:
        ResultFileError: Not readable, not JSON, without an energy block, of a newer schema, or with values that
            break a record's rule; one sentence that names the file.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ResultFileError(f"cannot read result file {path.name}: {error.strerror}") from error
    try:
        version = msgspec.json.decode(text, type=_VersionOnly).energy
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultFileError(
            f"{path.name} is not a whole result file ({error}); name one that --energy-save wrote"
        ) from error
    if version is None:
        raise ResultFileError(
            f"{path.name} has no `energy` block: it was saved without energy; measure again with --energy-save"
        )
    if version.schema_version > SCHEMA_VERSION:
        raise ResultFileError(
            f"{path.name} has energy schema {version.schema_version}, this version reads up to {SCHEMA_VERSION}; upgrade pytest-joules"
        )
    try:
        return msgspec.json.decode(text, type=_Document).energy
    except msgspec.DecodeError as error:
        raise ResultFileError(f"{path.name} breaks the record rules: {error}") from error


def _has_energy(path: Path) -> bool:
    """Whether it is a run of ours, or a broken file whose reader shall say so."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_VersionOnly).energy is not None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return True


class RunWriter:
    """Writes one session's results; open one with `Store.begin`."""

    def __init__(self, journal: FileIO, journal_path: Path, path: Path, head: Head) -> None:
        self.path = path
        self._journal = journal
        self._journal_path = journal_path
        self._head = head
        self._environments: dict[str, Environment] = {}
        self._journalled: set[str] = set()
        self._results: list[Result] = []
        self._benchmarks: list[dict[str, Any]] = []
        self._append(Entry(head=head))

    def append(self, result: Result, environment: Environment, benchmark: dict[str, Any] | None) -> None:
        """Make one finished Result durable before the next case starts; without a `benchmark` it has no valid trial.

        Raises:
            OSError: The journal cannot be written; the Result is kept for `close`, which writes everything once more.
        """
        self._environments[environment.key] = environment
        self._results.append(result)
        if benchmark is not None:
            self._benchmarks.append(benchmark)
        if environment.key not in self._journalled:
            self._append(Entry(environment=environment))
            self._journalled.add(environment.key)
        self._append(Entry(result=result, benchmark=benchmark))

    def document(self) -> bytes:
        """The whole document, as pytest-benchmark writes it, with the energy block."""
        return _document(self._head, self._environments, self._results, self._benchmarks)

    def close(self) -> Path | None:
        """Publish the document and drop the journal; None when no Result came."""
        published = publish(self.path, self.document()) if self._results else None
        self._journal_path.unlink(missing_ok=True)  # only now: if publishing failed, the journal still holds everything
        self._journal.close()
        return published

    def _append(self, entry: Entry) -> None:
        """Write a whole line or, when that fails, none of it: lines that come later must stay readable."""
        line = memoryview(msgspec.json.encode(entry) + b"\n")
        begin = self._journal.tell()
        try:
            while line:
                line = line[self._journal.write(line) :]
            os.fsync(self._journal.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                self._journal.seek(begin)
                self._journal.truncate()
            raise


class Store:
    """The folder of one machine among all runs.

    Args:
        root: As `--energy-storage` or `--benchmark-storage` name it; by default `.benchmarks`.
        machine: Folder name of this machine: pytest-benchmark's id, plus the GPU's name where there is one.
    """

    def __init__(self, root: Path, machine: str) -> None:
        self.root = root
        self.folder = root / machine

    def begin(self, tag: str, head: Head) -> RunWriter:
        """Open a new run.

        Args:
            tag: What follows the number in the file's name.
            head: Machine and commit, as pytest-benchmark tells them.

        Raises:
            ConfigurationError: The folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._numbering():
                path = self.folder / f"{self._next_number():04d}_{tag}.jsonl"
                journal = FileIO(path, "xb")
                fcntl.flock(journal, fcntl.LOCK_EX)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write results to {self.root} ({error.strerror}); name a writable folder with --energy-storage"
            ) from error
        return RunWriter(journal, path, path.with_suffix(".json"), head)

    def runs(self) -> list[Path]:
        """This machine's documents, oldest first."""
        try:
            names = [name for name in os.listdir(self.folder) if _RUN.fullmatch(name)]
        except OSError:  # nothing was saved yet
            return []
        # by number: the run after 9999 comes last
        return [self.folder / name for name in sorted(names, key=lambda name: (int(name.split("_")[0]), name))]

    def find(self, reference: str | None) -> Path | None:
        """The document that `reference` means: a path, a number (`0003` or `3`), a part of the name, or the newest (None).

        None when there is no run at all and none was named.

        Raises:
            ConfigurationError: A run was named that does not exist.
        """
        runs = self.runs()
        if reference is None:  # pytest-benchmark keeps runs of its own in this folder
            return next((run for run in reversed(runs) if _has_energy(run)), None)
        if Path(reference).is_file():
            return Path(reference)
        number = f"{int(reference):04d}_" if reference.isdecimal() else None
        found = [run for run in runs if (run.name.startswith(number) if number else reference in run.name)]
        if not found:
            known = ", ".join(run.stem for run in runs[-3:]) or "none yet"
            raise ConfigurationError(
                f"no saved run matches {reference!r} in {self.folder.name}; the newest are: {known}"
            )
        return found[-1]

    def newest(self, count: int) -> list[Run]:
        """The newest runs with energy, oldest first; files that cannot be read are passed over."""
        found: list[Run] = []
        for path in reversed(self.runs()):
            if len(found) == count:
                break
            with contextlib.suppress(ResultFileError):  # whoever compares with it by name is told what is wrong
                found.append(read_run(path))
        return found[::-1]

    def recover(self) -> list[Path]:
        """Turn the journals of sessions that were killed into documents; says which.

        A journal that is being written, or whose document cannot be written now, stays for a later session.
        """
        recovered = []
        for journal in sorted(self.folder.glob("[0-9]*_*.jsonl")) if self.folder.is_dir() else []:
            with contextlib.suppress(OSError), journal.open("rb") as lines:
                fcntl.flock(lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
                document = _replay(lines.read())
                if document is not None:
                    recovered.append(publish(journal.with_suffix(".json"), document))
                journal.unlink()
        return recovered

    @contextlib.contextmanager
    def _numbering(self) -> Iterator[None]:
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _next_number(self) -> int:
        numbers = (re.match(r"(\d+)_", path.name) for path in self.folder.glob("[0-9]*_*.json*"))
        return 1 + max((int(number[1]) for number in numbers if number), default=0)


def begin_file(path: Path, head: Head) -> tuple[RunWriter, Path | None]:
    """Open a run that will be published at `path` itself, `--energy-json`; its journal lies hidden beside it until then.

    Returns:
        The writer, and where the cases of an earlier session went that was killed before it could write this file.

    Raises:
        ConfigurationError: The folder is missing or cannot be written, or another session writes this file now.
    """
    journal_path = path.with_name(f".{path.name}.journal")
    if path.is_dir():
        raise ConfigurationError(f"--energy-json={path} is a folder; name a file in it")
    try:
        journal = FileIO(os.open(journal_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left_over = _replay(journal.readall())
        rescued = None if left_over is None else publish(path.with_name(f"{path.stem}.recovered.json"), left_over)
        journal.seek(0)
        journal.truncate()
    except BlockingIOError as error:
        raise ConfigurationError(
            f"--energy-json={path} is being written by another session; name another file"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"--energy-json={path} cannot be written: {error.strerror}") from error
    return RunWriter(journal, journal_path, path, head), rescued


def publish(path: Path, content: bytes) -> Path:
    """Write a file so that a reader sees all of it or nothing, also after a power cut."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path


def _document(
    head: Head, environments: dict[str, Environment], results: list[Result], benchmarks: list[dict[str, Any]]
) -> bytes:
    run = Run(schema_version=SCHEMA_VERSION, environments=environments, results=tuple(results))
    document = {
        "machine_info": head.machine_info,
        "commit_info": head.commit_info,
        "benchmarks": benchmarks,
        "datetime": head.datetime,
        "version": head.version,
        "energy": run,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _replay(text: bytes) -> bytes | None:
    """The document of a journal, up to its last whole line; None when no Result was finished."""
    head: Head | None = None
    environments: dict[str, Environment] = {}
    results: list[Result] = []
    benchmarks: list[dict[str, Any]] = []
    for line in text.split(b"\n")[:-1]:  # what follows the last line end was cut off while being written
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except msgspec.DecodeError:
            break  # a torn line: what follows it was never acknowledged
        head = entry.head or head
        if entry.environment is not None:
            environments[entry.environment.key] = entry.environment
        if entry.result is not None:
            results.append(entry.result)
        if entry.benchmark is not None:
            benchmarks.append(entry.benchmark)
    return _document(head, environments, results, benchmarks) if head is not None and results else None
