"""Where a baseline comes from: a folder of saved runs, a shared store, or an address of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.readings import MEASURED
from energy_fixtures.records import Environment, Run
from energy_fixtures.storage.address import split
from energy_fixtures.storage.location import Location, is_url
from energy_fixtures.storage.shared_store import SharedStore
from energy_fixtures.store import Store
from reports.comparison import Baseline
from reports.options import names_a_file


class Saved(Protocol):
    """Saved runs of one machine: a `Store` or a `SharedStore`."""

    @property
    def place(self) -> str:
        """Where they are, for sentences."""
        ...

    def runs(self) -> list[Path]:
        """As files, oldest first; of a shared store the newest ones."""
        ...

    def find(self, reference: str | None, *, whole: bool = False, fits: Callable[[Run], bool] = ...) -> Path | None:
        """The one that a reference means."""
        ...


def saved_runs(shared: Location | None, folder: Path, machine: str, say: Callable[[str], None]) -> Saved:
    """The runs that this machine's sessions are compared with.

    Args:
        shared: The shared store that takes the folder's place, None for none.
        folder: Of saved runs.
        machine: This machine's folder in either.
        say: Takes a sentence for each object of a shared store that is passed over, and for each clock that runs ahead.
    """
    return Store(folder, machine) if shared is None else SharedStore(shared, machine, say)


def find_baseline(
    saved: Saved, reference: str | None, *, whole: bool, fits: Callable[[Run], bool], say: Callable[[str], None]
) -> Path | None:
    """The run that `--energy-compare` means; None where there is none yet: no run at all, or a named file that is not there.

    Args:
        saved: Where to look, unless the reference is an address of its own.
        reference: As `Store.find` and `SharedStore.find` take it, or a run's address; None for the newest.
        whole: Whether the newest has to be one that was not cut off.
        fits: Whether a run of a branch may be compared with.
        say: As for `saved_runs`.

    Raises:
        ConfigurationError: A run was named that does not exist.
        StoreError, ResultFileError: The shared store or the run cannot be read.
    """
    if reference is not None and is_url(reference):
        location, name = split(reference)
        return SharedStore(location, say=say).find(name, whole=whole, fits=fits)
    try:
        return saved.find(reference, whole=whole, fits=fits)
    except ConfigurationError:
        if reference is not None and names_a_file(reference):
            return None
        raise


def fitting(here: Environment, meter: str) -> Callable[[Run], bool]:
    """Whether a run may be compared with on this machine: host and boards by the rules, joules of the same kind.

    Args:
        here: Host and boards of this machine.
        meter: As `--energy-meter` names it; what `auto` will choose is not known yet without a board.
    """
    kind = meter.partition(":")[0]
    methods: Collection[str] | None = None
    if kind in ("simulated", "modelled", "replay"):
        methods = (kind,)
    elif kind == "zeus" or here.boards:
        methods = MEASURED

    def fits(run: Run) -> bool:
        kinds = {result.method for result in run.results}
        return not Baseline("", run).elsewhere(here) and (methods is None or kinds <= set(methods))

    return fits


def stated(sentences: Sequence[str]) -> tuple[str, ...]:
    """Sentences as lines of the session's header, each once."""
    return tuple(f"energy: {sentence}" for sentence in dict.fromkeys(sentences))
