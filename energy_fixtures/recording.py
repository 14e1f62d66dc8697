"""What one session keeps of what it measured: every Result in memory and, at once, in each file that was asked for."""

from __future__ import annotations

import os
from pathlib import Path

from energy_fixtures import timing
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.options import Options
from energy_fixtures.origin import Origin
from energy_fixtures.record import holds
from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run
from energy_fixtures.resume import CutOff, cut_off
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.outgoing import OutgoingRun
from energy_fixtures.storage.superseded import remove_superseded
from energy_fixtures.store import Head, RunWriter, Store, begin_file, recovered_beside

KEPT = "cases that reached the journal beside it are saved when the next session writes there"
CUT_OFF = "energy: an earlier session was cut off; its finished cases are in {}"


class Recording:
    """One session's results and the files that they go to.

    Attributes:
        results: In the order in which they finished.
        environments: By key, of the results.
        saved: Files that were published, relative to the working folder.
        unsaved: Files that could not be written, with the reason and where their cases are.
        cut_off: Runs to go on from, newest first, where that was asked for.
        superseded: Such runs that were removed, here and in the shared store, because what was published holds all of them.
        doubts: Sentences for the end of the session.
    """

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.environments: dict[str, Environment] = {}
        self.saved: list[str] = []
        self.unsaved: dict[str, str] = {}
        self.cut_off: list[CutOff] = []
        self.superseded: list[str] = []
        self.doubts: list[str] = []
        self._writers: list[RunWriter] = []
        self._shared: OutgoingRun | None = None
        self._shared_machine: tuple[Location, str] | None = None

    def open(self, options: Options, head: Head, board_names: tuple[str, ...]) -> list[str]:
        """Begin a file for each place that the options name; the header's lines.

        Args:
            options: What the user asked for.
            head: Machine and commit.
            board_names: Of the GPUs, for the machine's folder.

        Raises:
            ConfigurationError: A place cannot be written.
        """
        lines: list[str] = []
        if options.shared is not None and (options.save or options.autosave):
            if options.resume and options.json is None:
                raise ConfigurationError(
                    "--energy-resume goes on from a file on this machine, and --energy-storage is a shared store; "
                    "name a file to go on from with --energy-json"
                )
            self._shared_machine = options.shared, timing.machine_folder(board_names)
            self._shared = OutgoingRun(*self._shared_machine, head, options.save)
            lines += self._shared.open()
        elif options.save or options.autosave:
            store = Store(options.storage, timing.machine_folder(board_names))
            self._writers.append(store.begin(options.save or timing.tag(head.commit_info), head))
            lines += [CUT_OFF.format(os.path.relpath(path)) for path in store.recover(lines.append)]
            self.cut_off += cut_off(store.runs()) if options.resume else []
        if options.json is not None:
            writer, rescued = begin_file(options.json, head, lines.append)
            self._writers.append(writer)
            if rescued is not None:
                lines.append(CUT_OFF.format(os.path.relpath(rescued)))
            beside = [path for path in (options.json, *recovered_beside(options.json)) if path.is_file()]
            by_age = sorted(beside, key=lambda path: path.stat().st_mtime_ns)
            self.cut_off += cut_off(by_age) if options.resume else []
        return lines

    def keep(self, result: Result, environment: Environment) -> None:
        """Make a finished Result durable everywhere; a full disk must not stop the measuring, `close` tries again."""
        self.results.append(result)
        self.environments[environment.key] = environment
        for writer in self._writers:
            try:
                writer.append(result, environment, timing.entry_of(result))
            except OSError as error:
                self._not_saved(writer.path, error)
        if self._shared is not None:
            self._shared.keep(result, environment, timing.entry_of(result))

    def between(self, *, ended: bool) -> None:
        """Nothing is metered now, before the next case: what is finished may be sent to a shared store.

        Args:
            ended: Whether the engine has ended that the cases until now shared.
        """
        if self._shared is not None:
            self._shared.send(ended=ended)

    def run(self, origin: Origin | None = None) -> Run:
        """All of it as one Run; `origin` where the session was cut off."""
        results = tuple(self.results)
        return Run(schema_version=SCHEMA_VERSION, environments=self.environments, results=results, unfinished=origin)

    def close(self, *, unfinished: bool = False) -> None:
        """Publish every file; with `unfinished` each says that the session was cut off before its cases were done."""
        for writer in self._writers:
            try:
                published = writer.close(unfinished=unfinished)
            except OSError as error:
                self._not_saved(writer.path, error)
                continue
            if published is not None:
                self.unsaved.pop(os.path.relpath(published), None)  # a line may have failed, the whole did not
                self.saved.append(os.path.relpath(published))
        self._writers = []
        shared, self._shared = self._shared, None
        if shared is not None:
            self._close_shared(shared, unfinished=unfinished)
        self._remove_superseded(shared)

    def _close_shared(self, shared: OutgoingRun, *, unfinished: bool) -> None:
        shared.close(unfinished=unfinished)
        if shared.problem is not None:
            self.unsaved[shared.reference] = shared.problem
        elif self.results:
            self.saved.append(shared.reference)

    def _not_saved(self, path: Path, error: OSError) -> None:
        self.unsaved[os.path.relpath(path)] = f"{error.strerror or error}; {KEPT}"

    def _remove_superseded(self, shared: OutgoingRun | None) -> None:
        """A run that was gone on from would be there twice: it goes when every one of its results is elsewhere."""
        if self.unsaved or not self.saved:
            return
        for earlier in self.cut_off:
            name = os.path.relpath(earlier.path)
            if name not in self.saved and holds(self.results, earlier.run.results):
                earlier.path.unlink(missing_ok=True)
                self.superseded.append(name)
        if self.cut_off and shared is not None and self._shared_machine is not None:
            new, say = shared.reference, self.doubts.append
            self.superseded += remove_superseded(*self._shared_machine, new, self.results, say)
