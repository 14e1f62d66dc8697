"""One session's results on their way to a shared store.

    case finished ─► journal here (fsync) ─► group finished ─► document here ─► between tests: sent ─► gone from here
                                             session ends   ─►  the rest, the last one marked as the last

Nothing is sent while a window is metered: `keep` only writes here, as for a folder; `send` is called between tests, after
the engine of the finished group has ended, and at the end of the session.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from energy_fixtures.durable import publish
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Environment, Result
from energy_fixtures.storage.commits import commit_of
from energy_fixtures.storage.listing import INDEX
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.names import begin
from energy_fixtures.storage.remote import Remote, StoreError
from energy_fixtures.storage.spool import Sent, Spool, waiting_sentence
from energy_fixtures.store import Head, RunWriter


class OutgoingRun:
    """What `Recording` writes to instead of a file in a folder.

    Args:
        location: Of the store.
        machine: This machine's folder in it.
        head: Machine and commit.
        title: What the user called the run, None for nothing.

    Attributes:
        reference: By which the run is found, once it is there.
        problem: Why not all of it is there, with what to do; None where it is.

    Raises:
        ConfigurationError: The address cannot be used here, or results cannot be kept on this machine until they are sent.
    """

    def __init__(self, location: Location, machine: str, head: Head, title: str | None = None) -> None:
        commit = head.commit_info
        self._head = head
        self._remote = Remote(location)
        self._spool = Spool(location)
        self._name = begin(
            machine, commit_of(commit, "id"), commit_of(commit, "branch"), dirty=bool(commit.get("dirty")), title=title
        )
        self.reference = f"{location}/{self._name.machine}/{self._name.of_run}"
        self.problem: str | None = None
        self._group: str | None = None
        self._writer: RunWriter | None = self._spool.begin(self._name, head)
        self._count = 0  # results of the open group
        self._held: list[tuple[Result, Environment, dict[str, Any] | None]] = []  # no journal could be begun for them
        self._stuck: list[RunWriter] = []  # whose documents could not be written
        self._finished = False  # whether a group waits that was not tried yet

    def open(self) -> list[str]:
        """Take up what earlier sessions left here and send it; the header's lines."""
        lines: list[str] = []
        recovered = self._spool.recover(lines.append)
        if recovered:
            lines.append(f"energy: {recovered} earlier session parts were cut off; their cases are sent")
        if self._spool.waiting():
            sent = self._send()
            if sent.sent:
                lines.append(f"energy: {sent.sent} files of earlier sessions sent to {self._spool.location}")
        else:
            self._look()
        if self.problem is not None:
            lines.append(f"energy: {self.problem}")
        return lines

    def keep(self, result: Result, environment: Environment, benchmark: dict[str, Any] | None) -> None:
        """Make a Result durable on this machine.

        Args:
            result, environment, benchmark: As `RunWriter.append` takes them. Another engine ends the group before, as
                a plain function does.
        A full disk must not stop the measuring: what cannot be written is tried again with the next, and by `close`.
        """
        group = None if result.scenario is None else environment.key
        if self._count and group != self._group:
            self._end_group()
        self._group = group
        self._held.append((result, environment, benchmark))
        self._write()

    def send(self, *, ended: bool) -> None:
        """Send finished groups; to be called between tests. After a failure only the end of the session tries again.

        Args:
            ended: Whether the engine of the open group has ended.
        """
        if self._count and ended:
            self._end_group()
        if self._finished and self.problem is None:
            self._finished = False
            self._send()

    def close(self, *, unfinished: bool = False) -> None:
        """End the last group and send everything; `problem` says what could not be, and where it is."""
        self._write()
        whole = not (unfinished or self._stuck or self._held)
        stuck = [*self._stuck, *([self._writer] if self._writer is not None else [])]
        try:
            if whole and (self._count or self._name.group > 1):
                self._begin()
                assert self._writer is not None  # _begin raises otherwise
                stuck = [self._writer]
                self._writer.path = self._spool.path(replace(self._name, last=True))
                if (
                    not self._count
                ):  # the group before was sent already: this one says nothing but that the run is whole
                    publish(self._writer.path, self._writer.document())
            for writer in stuck:
                writer.close(unfinished=not whole)
        except (OSError, ConfigurationError) as error:
            self._send()
            said = error.strerror if isinstance(error, OSError) else str(error)
            self.problem = (
                f"{said}; cases that reached the journal in {self._spool.folder} are sent by the next session"
            )
        else:
            self._send()
            if self._held:
                self.problem = f"{len(self._held)} results could be written nowhere on this machine; its disk is full"

    def _write(self) -> None:
        """What is held, into the open group's journal."""
        try:
            self._begin()
        except ConfigurationError:
            return
        assert self._writer is not None  # _begin raises otherwise
        for one in self._held:
            self._count += 1
            with contextlib.suppress(OSError):  # the writer holds it, and its document is written from what it holds
                self._writer.append(*one)
        self._held = []

    def _begin(self) -> None:
        if self._writer is None:
            following = replace(self._name, group=self._name.group + 1)
            self._writer = self._spool.begin(following, self._head)
            self._name = following

    def _end_group(self) -> None:
        writer, self._writer, self._count = self._writer, None, 0
        assert writer is not None  # it holds the results that were counted
        try:
            writer.close()
            self._finished = True
        except OSError:  # its journal holds everything; the end of the session tries again
            self._stuck.append(writer)

    def _send(self) -> Sent:
        sent = self._spool.send(self._remote)
        self.problem = None if sent.reason is None else waiting_sentence(sent)
        return sent

    def _look(self) -> None:
        """Ask the store for something small: what is wrong with it is better known before an hour of measuring."""
        try:
            self._remote.list(INDEX)
        except StoreError as error:
            self.problem = f"{error}; results are kept on this machine until they can be sent"
