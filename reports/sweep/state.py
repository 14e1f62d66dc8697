"""A sweep's folder: its plan, and a journal for every attempt at a group. Whoever opens it knows what is left to do.

plan.json               written once
journals/0007-x1f3.jsonl  one per attempt at group 7: appended while it runs, never changed afterwards
lost.json               cases that were given up, with the reason; written at the end
reported                exit status of the report that told of every case
id                      of this sweep alone; names its folders on nodes
.lock                   held by the driver that works on it
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from energy_fixtures.durable import keep_names
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_RESULT_BYTES, MOST_TABLE_BYTES, Refused, from_json, read_file
from energy_fixtures.store import publish
from reports.sweep.journal import Finished, Journal, Writer, journal_of, lines_of
from reports.sweep.order import is_identity
from reports.sweep.plan import Plan, plan_text, read_plan

BEGUN = {".lock", "id", "journals"}
"""What a driver that was killed may have made before the plan was written."""


class State:
    """The folder of one sweep.

    Args:
        folder: Made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.abspath(folder))  # . has no name to put aside under
        self._lock: int | None = None

    @property
    def plan(self) -> Plan | None:
        """The plan; None where nothing was begun.

        Raises:
            ConfigurationError: The file is no plan.
        """
        path = self.folder / "plan.json"
        return read_plan(path) if path.exists() else None

    def begin(self, plan: Plan) -> None:
        """Write the plan down.

        Raises:
            ConfigurationError: The folder cannot be written, or belongs to other work.
        """
        self._check_ours()
        before = self.plan
        if before is not None:
            if before.key != plan.key:
                raise ConfigurationError(
                    f"{self.folder} holds a sweep of another selection or other code; name another folder with --state"
                )
            return
        try:
            (self.folder / "journals").mkdir(parents=True, exist_ok=True)
            self._name()
            publish(self.folder / "plan.json", plan_text(plan))
        except OSError as error:
            raise ConfigurationError(f"--state {self.folder} cannot be written: {error.strerror}") from error

    @property
    def identity(self) -> str:
        """Sixteen hex digits of this sweep alone.

        Raises:
            ConfigurationError: The file says something else: it names folders that are removed in the end.
        """
        path = self.folder / "id"
        said = self._content(path, MOST_TABLE_BYTES).decode("utf-8", errors="replace")
        if not is_identity(said):
            raise ConfigurationError(
                f"{path} is no identity of a sweep; begin anew with --fresh, or name another folder with --state"
            )
        return said

    def hold(self) -> None:
        """Be the only driver until `release`, or this process ends.

        Raises:
            ConfigurationError: Another one is at work, or the folder is no sweep's.
        """
        self._check_ours()
        try:
            while not self._locked():  # by another driver that has put the folder aside meanwhile
                self.release()
        except BlockingIOError as error:
            raise ConfigurationError(
                f"another joules sweep works on {self.folder}; wait for it, or name another folder with --state"
            ) from error
        except OSError as error:
            raise ConfigurationError(f"--state {self.folder} cannot be written: {error.strerror}") from error

    def release(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def writer(self, group: int, token: str | None = None) -> Writer:
        """A new journal for an attempt at a group; the same token always names the same file."""
        (self.folder / "journals").mkdir(parents=True, exist_ok=True)
        return Writer(self.journal_path(group, token or secrets.token_hex(4)))

    def journal_path(self, group: int, token: str) -> Path:
        """Where the journal of an attempt lies."""
        return self.folder / "journals" / f"{group:04d}-{token}.jsonl"

    def journals(self) -> list[Journal]:
        """All of them, in order of their names."""
        paths = sorted((self.folder / "journals").glob("*.jsonl")) if self.folder.is_dir() else []
        return [journal_of(lines_of(self._content(path, MOST_RESULT_BYTES))) for path in paths]

    def finished(self) -> dict[str, Finished]:
        """By case, its first answer that holds."""
        found: dict[str, Finished] = {}
        for journal in self.journals():
            for case in journal.finished:
                if case.crashed is None:
                    found.setdefault(case.nodeid, case)
        return found

    def crashed(self) -> dict[str, Finished]:
        """By case, how its last attempt ended whose engine was killed or hung."""
        return {
            case.nodeid: case for journal in self.journals() for case in journal.finished if case.crashed is not None
        }

    def give_up(self, lost: Mapping[str, str]) -> None:
        """Keep why cases have no answer."""
        publish(self.folder / "lost.json", msgspec.json.encode(dict(lost)))

    def lost(self) -> dict[str, str]:
        """By case, why it has no answer.

        Raises:
            ConfigurationError: The file is not what `give_up` writes.
        """
        path = self.folder / "lost.json"
        try:
            return from_json(self._content(path, MOST_TABLE_BYTES), dict[str, str]) if path.exists() else {}
        except Refused as error:
            raise ConfigurationError(f"{path} does not say which cases were given up ({error}); remove it") from error

    def mark_reported(self, status: int) -> None:
        """Keep that every case was told of, and pytest's exit status."""
        publish(self.folder / "reported", str(status).encode())

    @property
    def reported(self) -> int | None:
        """Exit status of the report that told of every case; None where there was none yet."""
        path = self.folder / "reported"
        said = self._content(path, MOST_TABLE_BYTES) if path.exists() else b""
        return int(said) if said in (b"0", b"1") else None

    def put_aside(self, when: str) -> Path:
        """Move the folder away, so that the same command begins anew; where it lies now.

        Raises:
            ConfigurationError: It cannot be moved.
        """
        name = f"{self.folder.name}.{when}"
        aside, count = self.folder.with_name(name), 1
        while aside.exists():
            count += 1
            aside = self.folder.with_name(f"{name}-{count}")
        try:
            self.folder.rename(aside)
        except OSError as error:
            raise ConfigurationError(f"{self.folder} cannot be moved to {aside.name}: {error.strerror}") from error
        finally:
            self.release()
        return aside

    # -- parts ---------------------------------------------------------------------------------------------------

    def _check_ours(self) -> None:
        """A folder of the user's own is never written to, nor moved away."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigurationError(f"--state {self.folder} cannot be read: {error.strerror}") from error
        if "plan.json" in names and (self.folder / "id").exists():
            return
        if any(name not in BEGUN and not name.startswith((".id-", ".plan.json.")) for name in names):
            raise ConfigurationError(
                f"--state {self.folder} holds other files; name a folder that is empty or not there yet"
            )

    def _locked(self) -> bool:
        """Whether the lock that was got is the one that lies in the folder now."""
        path = self.folder / ".lock"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(FileNotFoundError):
            return os.fstat(self._lock).st_ino == path.stat().st_ino
        return False

    def _name(self) -> None:
        """Give the sweep its identity once, whoever comes first."""
        if not (self.folder / "id").exists():
            mine = self.folder / f".id-{secrets.token_hex(4)}"
            publish(mine, secrets.token_hex(8).encode())
            with contextlib.suppress(FileExistsError):
                os.link(mine, self.folder / "id")
            mine.unlink()
            keep_names(self.folder)

    def _content(self, path: Path, most_bytes: int) -> bytes:
        try:
            return read_file(path, most_bytes)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
        except Refused as error:
            raise ConfigurationError(f"{path} is no file of a sweep: {error}") from error
