"""Results to and from disk, in pytest-benchmark's own shape and layout, never losing one.

    <root>/<machine>/NNNN_<commit>_<time>.jsonl    while the session runs: one line per finished case, fsynced
    <root>/<machine>/NNNN_<commit>_<time>.json     when it ends: one document, published by an atomic rename

The document is what pytest-benchmark writes (`machine_info`, `commit_info`, `benchmarks`, `datetime`, `version`) plus
the top-level `energy` block, a `Run`. A session that was killed leaves its journal; `Store.recover` turns it into a
document, so that no finished case is lost. A journal that is being written is locked and left alone; one that cannot be
read whole is kept beside its document, as `.jsonl.unreadable`.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import itertools
import os
import re
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

from energy_fixtures.durable import keep_names, make_folder, remove_partials
from energy_fixtures.durable import publish as publish  # reports write their pages with it
from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.foreign import MOST_RESULT_BYTES, Refused, from_json, read_file
from energy_fixtures.journal import UNREADABLE, Contents, replay
from energy_fixtures.journal import Entry as Entry
from energy_fixtures.journal import Head as Head  # whoever opens a run needs it
from energy_fixtures.record import holds
from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run
from energy_fixtures.storage.commits import newest_of_branch

_RUN = re.compile(r"\d{4,}_.*\.json", re.DOTALL | re.ASCII)


def is_run(name: str) -> bool:
    """Whether a file of that name is a saved run of this layout."""
    return _RUN.fullmatch(name) is not None


def is_path(reference: str) -> bool:
    """Whether a reference is the path of a file that is there; a bare word is a name, whatever lies in the working folder.

    >>> is_path("main"), is_path("no/such.json")
    (False, False)
    """
    named = os.sep in reference or reference.lower().endswith((".json", ".jsonl"))
    return named and Path(reference).is_file()


class _Version(msgspec.Struct):
    schema_version: int
    unfinished: Any = None


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
        return decode_run(read_file(path, MOST_RESULT_BYTES), path.name)
    except OSError as error:
        raise ResultFileError(f"cannot read result file {path.name}: {error.strerror}") from error
    except Refused as error:
        raise ResultFileError(f"{path.name} is no result file: {error}") from error


def decode_run(content: bytes, name: str) -> Run:
    """The `energy` block of a result file's content; `name` is what to call it.

    Raises:
        ResultFileError: As `read_run`.
    """
    try:
        version = from_json(content, _VersionOnly).energy
    except Refused as error:
        raise ResultFileError(
            f"{name} is not a whole result file ({error}); name one that --energy-save wrote"
        ) from error
    if version is None:
        raise ResultFileError(
            f"{name} has no `energy` block: it was saved without energy; measure again with --energy-save"
        )
    if version.schema_version > SCHEMA_VERSION:
        raise ResultFileError(
            f"{name} has energy schema {version.schema_version}, this version reads up to {SCHEMA_VERSION}; upgrade pytest-joules"
        )
    try:
        return from_json(content, _Document).energy
    except Refused as error:
        raise ResultFileError(f"{name} breaks the record rules: {error}") from error


def _has_energy(path: Path, *, whole: bool) -> bool:
    """Whether it is a run of ours (that was not cut off, if `whole`), or a broken file whose reader shall say so."""
    try:
        energy = from_json(read_file(path, MOST_RESULT_BYTES), _VersionOnly).energy
    except (OSError, Refused):
        return True
    return energy is not None and not (whole and energy.unfinished is not None)


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
        keep_names(journal_path.parent)

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

    def document(self, *, unfinished: bool = False) -> bytes:
        """The whole document, as pytest-benchmark writes it, with the energy block."""
        contents = Contents(self._head, self._environments, self._results, self._benchmarks)
        return contents.document(unfinished=unfinished)

    def close(self, *, unfinished: bool = False) -> Path | None:
        """Publish the document and drop the journal; None when no Result came.

        With `unfinished` the document says that the session was cut off before all its cases were done.
        """
        published = publish(self.path, self.document(unfinished=unfinished)) if self._results else None
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

    @property
    def place(self) -> str:
        """Where it is, for sentences."""
        return os.path.relpath(self.folder)

    def begin(self, tag: str, head: Head) -> RunWriter:
        """Open a new run.

        Args:
            tag: What follows the number in the file's name.
            head: Machine and commit, as pytest-benchmark tells them.

        Raises:
            ConfigurationError: The folder cannot be written.
        """
        try:
            make_folder(self.folder)
            with self._numbering():
                path = self.folder / f"{self._next_number():04d}_{tag}.jsonl"
                journal = FileIO(path, "xb")
                fcntl.flock(journal, fcntl.LOCK_EX)
            return RunWriter(journal, path, path.with_suffix(".json"), head)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write results to {self.root} ({error.strerror}); name a writable folder with --energy-storage"
            ) from error

    def runs(self) -> list[Path]:
        """This machine's documents, oldest first."""
        try:
            names = [entry.name for entry in os.scandir(self.folder) if is_run(entry.name) and entry.is_file()]
        except OSError:  # nothing was saved yet
            return []
        # by number: the run after 9999 comes last
        return [self.folder / name for name in sorted(names, key=lambda name: (int(name.split("_")[0]), name))]

    def find(
        self, reference: str | None, *, whole: bool = False, fits: Callable[[Run], bool] = lambda run: True
    ) -> Path | None:
        """The document that `reference` means.

        In this order: the newest (None); a path; a number (`0003` or `3`); a whole name (the file's, its stem, or what
        follows the number: the name of `--energy-save`); a branch; a part of a name. None when there is no run at all and
        none was named. With `whole` the newest is one that was not cut off. Of a branch it is the newest whole run that
        `fits`, else its newest.

        Raises:
            ConfigurationError: A run was named that does not exist.
        """
        runs = self.runs()
        if reference is None:  # pytest-benchmark keeps runs of its own in this folder
            return next((run for run in reversed(runs) if _has_energy(run, whole=whole)), None)
        if is_path(reference):
            return Path(reference)
        number = int(reference) if reference.isdecimal() else None
        numbered = [run for run in runs if int(run.name.partition("_")[0]) == number]
        named = [run for run in runs if reference in (run.name, run.stem, run.stem.partition("_")[2])]
        if numbered or named:
            return (numbered or named)[-1]
        branched = None if reference.endswith(".json") else newest_of_branch(runs, reference, fits, read_run)
        if branched is not None:
            return branched
        found = [run for run in runs if number is None and reference in run.name]
        if not found:
            known = ", ".join(run.stem for run in runs[-3:]) or "none yet"
            file = (
                f"; the file of that name is {os.path.join(os.curdir, reference)}" if Path(reference).is_file() else ""
            )
            raise ConfigurationError(
                f"no saved run matches {reference!r} in {self.folder.name}; the newest are: {known}{file}"
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

    def recover(self, say: Callable[[str], None] = lambda line: None) -> list[Path]:
        """Turn the journals of sessions that were killed into documents, marked as unfinished; says which.

        A journal that is being written, or whose document cannot be written now, stays for a later session. One whose
        document is there was published by a session that was killed before it could drop the journal. One that cannot be
        read whole, or is not ours, keeps its content under another name.

        Args:
            say: Takes a line for each journal that was kept so.
        """
        recovered = []
        for journal in sorted(self.folder.glob("[0-9]*_*.jsonl")) if self.folder.is_dir() else []:
            with contextlib.suppress(OSError, Refused):
                if not journal.is_file():  # a pipe would be waited for
                    continue
                with journal.open("rb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    (left, complete), path = replay(read_file(journal, MOST_RESULT_BYTES)), journal.with_suffix(".json")
                    if left is not None and not _is_in(left, path):
                        recovered.append(publish(path, left.document(unfinished=True)))
                    if complete:
                        journal.unlink()
                    else:
                        kept = journal.rename(_unreadable(journal))
                        say(UNREADABLE.format(os.path.relpath(kept)))
        remove_partials(self.folder)
        return recovered

    @contextlib.contextmanager
    def _numbering(self) -> Iterator[None]:
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _next_number(self) -> int:
        numbers = (re.match(r"(\d+)_", path.name) for path in self.folder.glob("[0-9]*_*.json*"))
        return 1 + max((int(number[1]) for number in numbers if number), default=0)


def begin_file(path: Path, head: Head, say: Callable[[str], None] = lambda line: None) -> tuple[RunWriter, Path | None]:
    """Open a run that will be published at `path` itself, `--energy-json`; its journal lies hidden beside it until then.

    Args:
        path: The file.
        head: Machine and commit.
        say: Takes a line where that journal of an earlier session cannot be read whole and is kept.

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
        content = journal.readall()
        left_over, complete = replay(content)
        rescued = None
        if left_over is not None and not any(_is_in(left_over, one) for one in (path, *recovered_beside(path))):
            rescued = publish(_free_name(path), left_over.document(unfinished=True))
        if not complete:
            kept = publish(_unreadable(journal_path), content)
            say(UNREADABLE.format(os.path.relpath(kept)))
        journal.seek(0)
        journal.truncate()
        remove_partials(path.parent, glob.escape(path.name))
        return RunWriter(journal, journal_path, path, head), rescued
    except BlockingIOError as error:
        raise ConfigurationError(
            f"--energy-json={path} is being written by another session; name another file"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"--energy-json={path} cannot be written: {error.strerror}") from error


def recovered_beside(path: Path) -> list[Path]:
    """The documents that `begin_file` made of the journals of sessions that were killed while they wrote `path`."""
    return sorted(path.parent.glob(f"{glob.escape(path.stem)}.recovered*.json"))


def _free_name(path: Path) -> Path:
    """For the cases of a killed session; those of one before it stay where they are."""
    names = (f"{path.stem}.recovered{'' if count == 1 else f'-{count}'}.json" for count in itertools.count(1))
    return next(free for name in names if not (free := path.with_name(name)).exists())


def _unreadable(journal: Path) -> Path:
    """For a journal that cannot be read whole; those before it stay where they are."""
    names = (f"{journal.name}.unreadable{'' if count == 1 else f'-{count}'}" for count in itertools.count(1))
    return next(free for name in names if not (free := journal.with_name(name)).exists())


def _is_in(contents: Contents, path: Path) -> bool:
    """Whether a document holds every one of these results already."""
    with contextlib.suppress(ResultFileError):
        return holds(read_run(path).results, contents.results)
    return False
