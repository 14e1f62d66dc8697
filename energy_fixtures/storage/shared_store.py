"""One machine's view of a shared store, as `energy_fixtures.store.Store` is of a folder: which run a reference means.

reference ─► list of names ─► one run ─► its groups, each checked against its name ─► one file in the cache here
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from energy_fixtures.durable import make_folder, publish
from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.records import Run
from energy_fixtures.storage.cache import cache_folder
from energy_fixtures.storage.listing import ListedRun, runs_of
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.merge import merged
from energy_fixtures.storage.names import content_word, word
from energy_fixtures.storage.remote import Remote
from energy_fixtures.store import is_path, read_run

NEWEST_RUNS = 20
"""As many as are brought here: who asks for the noise between sessions, or for one that fits, looks at no more."""

MOST_KEPT = 200
"""Runs that stay in the cache here."""


class SharedStore:
    """The runs of a shared store.

    Args:
        location: Its address.
        machine: Only runs of this machine's folder; None for all.
        say: Takes a sentence for each object that is passed over, and for each clock that runs ahead.

    Raises:
        ConfigurationError: The address cannot be used here.
    """

    def __init__(
        self, location: Location, machine: str | None = None, say: Callable[[str], None] = lambda sentence: None
    ) -> None:
        self.location = location
        self.remote = Remote(location)
        self.machine = None if machine is None else word(machine)
        self._say = say
        self._listed: list[ListedRun] | None = None

    @property
    def place(self) -> str:
        """Where this looks, for sentences."""
        return str(self.location) if self.machine is None else self.location / self.machine

    def listed(self) -> list[ListedRun]:
        """Every run there, oldest first; asked once.

        Raises:
            StoreError: The store cannot be reached.
        """
        if self._listed is None:
            self._listed = runs_of(self.remote.list(self.machine or ""))
        return self._listed

    def runs(self) -> list[Path]:
        """The newest runs as files here, oldest first; those that cannot be read are passed over."""
        found = []
        for run in self.listed()[-NEWEST_RUNS:]:
            try:
                found.append(self.fetch(run))
            except ResultFileError as error:
                self._say(str(error))
        return found

    def find(
        self, reference: str | None, *, whole: bool = False, fits: Callable[[Run], bool] = lambda run: True
    ) -> Path | None:
        """The run that `reference` means, as a file here; None where there is no run at all yet.

        In this order: the newest (None); a path; the whole name of a run, its sixteen digits, or what `--energy-save` called
        it; a branch: its newest run that `fits`, of the newest `NEWEST_RUNS`, else its newest; a part of a name. Each may
        follow a machine's folder and a slash. Runs that were cut off come last.

        Args:
            reference: As above.
            whole: Never one that was cut off, where the newest is asked for.
            fits: Whether a run of a branch may be compared with.

        Raises:
            ConfigurationError: A run was named that is not there, or is there of several machines.
            ResultFileError: It is there and cannot be read.
            StoreError: The store cannot be reached.
        """
        if reference is not None and is_path(reference):
            return Path(reference)
        runs = self.listed()
        if reference is None or not runs:
            found = [run for run in runs if run.whole] or ([] if whole else runs)
            return self._newest(found, reference) if found else None
        machine, _, rest = reference.partition("/")
        of_machine = [run for run in runs if rest and run.name.machine == machine]
        for among, name in ((runs, reference), (of_machine, rest)):
            called = word(name)
            exact = [run for run in among if name in (run.name.of_run, run.name.run) or run.name.title == called]
            if exact:
                return self._newest(exact, name)
            of_branch = [run for run in among if run.name.branch == called]
            if of_branch:
                return self._of_branch(of_branch, name, fits)
        if of_machine and rest == "newest":
            return self._newest(of_machine, rest)
        among, part = (of_machine, rest) if of_machine else (runs, reference)
        found = [run for run in among if part in run.name.of_run]
        if not found:
            raise ConfigurationError(self._nothing(reference, runs))
        return self._newest(found, part)

    def fetch(self, run: ListedRun) -> Path:
        """A run as one file in the cache here, made of the groups that are whole.

        Raises:
            ResultFileError: None of them is.
            StoreError: The store cannot be reached.
        """
        if run.doubt is not None:
            self._say(run.doubt)
        facts = "\n".join(f"{part.found.name} {part.found.stamp} {run.whole}" for part in run.parts)
        digits = hashlib.sha256(facts.encode()).hexdigest()[:16]
        path = cache_folder("runs", self.location.key, run.name.machine, digits) / f"{run.name.of_run}.json"
        if path.is_file():
            return path
        contents, whole = [], run.whole
        expected = {part.found.name: part.name.content for part in run.parts}
        for name, content in self.remote.read_all([part.found for part in run.parts]):
            if isinstance(content, bytes) and content_word(content) == expected[name]:
                contents.append(content)
            else:
                whole = False
                said = "was not written whole" if isinstance(content, bytes) else str(content)
                self._say(f"{self.location / name} {said} and is passed over" if isinstance(content, bytes) else said)
        if not contents:
            raise ResultFileError(f"{self.location / run.reference} holds no group that can be read")
        document = merged(contents, run.reference, whole=whole)
        if not whole and run.whole:  # some of it may be readable later: nothing of this stays
            path = path.with_name(f"{path.stem}.part.json")
        make_folder(path.parent)
        publish(path, document)
        _forget_oldest(cache_folder("runs"))
        return path

    def _newest(self, runs: Sequence[ListedRun], reference: str | None) -> Path:
        """The newest of these, one that was not cut off where there is one; all of one machine."""
        machines = sorted({run.name.machine for run in runs})
        if len(machines) > 1:
            asked = reference or "newest"
            said = ", ".join(f"{machine}/{asked}" for machine in machines)
            raise ConfigurationError(f"{asked!r} is a run of several machines; name one: {said}")
        return self.fetch(([run for run in runs if run.whole] or list(runs))[-1])

    def _of_branch(self, runs: Sequence[ListedRun], branch: str, fits: Callable[[Run], bool]) -> Path:
        for run in sorted(runs, key=lambda run: run.whole)[: -NEWEST_RUNS - 1 : -1]:
            try:
                path = self.fetch(run)
                if fits(read_run(path)):
                    return path
            except ResultFileError as error:
                self._say(str(error))
        if len(runs) > NEWEST_RUNS:
            self._say(
                f"none of the newest {NEWEST_RUNS} runs of {branch} may be compared with; older ones are not looked at"
            )
        return self._newest(runs, branch)

    def _nothing(self, reference: str, runs: Sequence[ListedRun]) -> str:
        known = ", ".join(run.name.of_run for run in runs[-3:]) or "none yet"
        branches = ", ".join(dict.fromkeys(run.branch for run in reversed(runs) if run.branch is not None))
        said = f"; its branches are: {branches}" if branches else ""
        return f"no run in {self.place} matches {reference!r}; the newest are: {known}{said}"


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*/*/*/*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in files[: max(0, len(files) - MOST_KEPT)]:
        path.unlink(missing_ok=True)
