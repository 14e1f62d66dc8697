"""A sweep's folder: its plan, and a journal for every attempt at a group. Whoever opens it knows what is left to do.

plan.json               written once
journals/0007-x1f3.jsonl  one per attempt at group 7: appended while it runs, never changed afterwards
lost.json               cases that were given up, with the reason; written at the end
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

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.store import publish
from reports.sweep.journal import Finished, Journal, Writer, journal_of, lines_of
from reports.sweep.plan import Plan, plan_text, read_plan


class State:
    """The folder of one sweep.

    Args:
        folder: Made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        before = self.plan
        if before is not None:
            self._name()
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
        """Sixteen hex digits of this sweep alone."""
        return (self.folder / "id").read_text()

    def hold(self) -> None:
        """Be the only driver until `release`, or this process ends.

        Raises:
            ConfigurationError: Another one is at work.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
        return [journal_of(lines_of(path.read_bytes())) for path in paths]

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
        """By case, why it has no answer."""
        path = self.folder / "lost.json"
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path.exists() else {}

    def _name(self) -> None:
        """Give the sweep its identity once, whoever comes first."""
        if not (self.folder / "id").exists():
            mine = self.folder / f".id-{secrets.token_hex(4)}"
            mine.write_text(secrets.token_hex(8))
            with contextlib.suppress(FileExistsError):
                os.link(mine, self.folder / "id")
            mine.unlink()

    def put_aside(self, when: str) -> Path:
        """Move the folder away, so that the same command begins anew; where it lies now."""
        self.release()
        aside = self.folder.with_name(f"{self.folder.name}.{when}")
        self.folder.rename(aside)
        return aside
