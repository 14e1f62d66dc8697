"""What one session keeps of what it measured: every Result in memory and, at once, in each file that was asked for."""

from __future__ import annotations

import os

from energy_fixtures import timing
from energy_fixtures.options import Options
from energy_fixtures.records import Environment, Result
from energy_fixtures.store import Head, RunWriter, Store, begin_file

CUT_OFF = "energy: an earlier session was cut off; its finished cases are in {}"


class Recording:
    """One session's results and the files that they go to.

    Attributes:
        results: In the order in which they finished.
        environments: By key, of the results.
        saved: Files that were published, relative to the working folder.
        unsaved: Files that could not be written, with the reason.
    """

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.environments: dict[str, Environment] = {}
        self.saved: list[str] = []
        self.unsaved: dict[str, str] = {}
        self._writers: list[RunWriter] = []

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
        if options.save or options.autosave:
            store = Store(options.storage, timing.machine_folder(board_names))
            self._writers.append(store.begin(options.save or timing.tag(head.commit_info), head))
            lines += [CUT_OFF.format(os.path.relpath(path)) for path in store.recover()]
        if options.json is not None:
            writer, rescued = begin_file(options.json, head)
            self._writers.append(writer)
            if rescued is not None:
                lines.append(CUT_OFF.format(os.path.relpath(rescued)))
        return lines

    def keep(self, result: Result, environment: Environment) -> None:
        """Make a finished Result durable everywhere; a full disk must not stop the measuring, `close` tries again."""
        self.results.append(result)
        self.environments[environment.key] = environment
        for writer in self._writers:
            try:
                writer.append(result, environment, timing.entry_of(result))
            except OSError as error:
                self.unsaved[os.path.relpath(writer.path)] = error.strerror or str(error)

    def close(self) -> None:
        """Publish every file."""
        for writer in self._writers:
            try:
                published = writer.close()
            except OSError as error:
                self.unsaved[os.path.relpath(writer.path)] = error.strerror or str(error)
                continue
            if published is not None:
                self.unsaved.pop(os.path.relpath(published), None)  # a line may have failed, the whole did not
                self.saved.append(os.path.relpath(published))
        self._writers = []
