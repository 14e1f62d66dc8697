"""Go on with a run that was cut off: which of its results need not be measured again, and why the others do.

    newest run of the store   cut off? ──► and the one before it? ──► ... up to one that is whole: these are resumed
    case                      finished there, and code, settings, scenario and environment are the same? its Result holds
                              anything differs: measured anew, and the reason is said once

Code, settings, scenario, host, boards, meter and package versions are known before an engine is loaded. What a loaded
engine says of itself is compared as well where it is loaded anyway, for a case that has still to be measured.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from energy_fixtures import origin
from energy_fixtures.errors import ResultFileError, harmless
from energy_fixtures.origin import Origin
from energy_fixtures.records import Environment, Result, Run, Scenario
from energy_fixtures.rules import rule_of
from energy_fixtures.store import read_run
from energy_fixtures.units import shortened

LONGEST_REASON = 160
MOST_REASONS = 5
"""Said before anything is measured; the others are said when their case comes."""
FEWEST_TRIALS = 2
"""Below two valid trials a case that had more has failed."""
SAME_MEMORY = 0.01
"""A machine's memory, as its kernel counts it, differs by less from one boot to the next."""

Fact = str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a case would be measured as now.

    Attributes:
        name: Full name of the Result.
        scenario: As a Result keeps it.
        params: The test's plain parameters.
        environment: `engine` is empty as long as none is loaded.
        largest: Its batch size is the most that is tried.
        prefill: Its windows are measured a second time up to the first token.
    """

    name: str
    scenario: Scenario
    params: Mapping[str, str | int | float | bool | None]
    environment: Environment
    largest: bool = False
    prefill: bool = False


@dataclass(frozen=True, kw_only=True)
class CutOff:
    """A saved run whose session was cut off."""

    path: Path
    run: Run

    @property
    def origin(self) -> Origin:
        """What it ran with."""
        assert self.run.unfinished is not None, "of a run that was cut off"
        return self.run.unfinished


def cut_off(paths: Sequence[Path]) -> list[CutOff]:
    """The runs to go on from, newest first: those at the end of `paths`, oldest first, up to one that is whole.

    Files that cannot be read, or hold no energy, are passed over: whoever compares with one is told what is wrong.
    """
    found: list[CutOff] = []
    for path in reversed(paths):
        with contextlib.suppress(ResultFileError):
            run = read_run(path)
            if run.unfinished is None:
                break
            found.append(CutOff(path=path, run=run))
    return found


class Resume:
    """What one session takes over from the runs before it.

    Args:
        runs: The runs to go on from, newest first; none where nothing is resumed.
        now: What this session runs with.
        say: Told each reason for which a case is measured anew, once.
    """

    def __init__(self, runs: Sequence[CutOff], now: Origin, say: Callable[[str], None]) -> None:
        self._runs = tuple(runs)
        self._say = say
        self._said: set[str] = set()
        self._taken: set[str] = set()
        self._changed = {run.path: origin.changes(run.origin, now) for run in runs}
        self._results = {run.path: {result.fullname: result for result in run.run.results} for run in runs}

    def take(self, wanted: Wanted, ask: Callable[[], Mapping[str, Fact] | None]) -> tuple[Result, Environment] | None:
        """The Result of an earlier session with its Environment; None where the case has to be measured.

        It is given once: a test that runs a second time in one session is there to be measured again.

        Args:
            wanted: The case.
            ask: What the engine says of itself; None where it is not loaded for this.
        """
        if wanted.name in self._taken:
            return None
        found = self._same(wanted)
        if found is not None and (engine := ask()) is not None:
            wanted = replace(wanted, environment=msgspec.structs.replace(wanted.environment, engine=engine))
            found = self._same(wanted)
        if found is None:
            for reason in self.reasons(wanted):
                self.tell(reason)
            return None
        self._taken.add(wanted.name)
        return found

    def holds(self, wanted: Wanted) -> bool:
        """Whether the case is finished and, as far as is known before an engine is loaded, still the same."""
        return self._same(wanted) is not None

    def reasons(self, wanted: Wanted) -> list[str]:
        """Why the newest Result of that name does not hold; empty where any does, or there is none."""
        found = [reasons for _, _, reasons in self._candidates(wanted)]
        return found[0] if found and all(found) else []

    def tell(self, reason: str) -> None:
        """Say a reason, once in the session."""
        if reason not in self._said:
            self._said.add(reason)
            self._say(_starts_over(reason))

    def header(self, wanted: Sequence[Wanted]) -> list[str]:
        """What the session says before it measures, of the cases that are known by now."""
        if not self._runs:
            return ["energy resume: nothing to resume, starts fresh: no run that was cut off comes last here"]
        finished = [one for one in wanted if any(one.name in named for named in self._results.values())]
        same = sum(self.holds(one) for one in finished)
        names = ", ".join(harmless(run.path.stem) for run in self._runs)
        cases = f"{same} of {len(wanted)} case{'' if len(wanted) == 1 else 's'} finished there and the same"
        known = cases if wanted else "cases that a test names while it runs are looked up then"
        reasons = list(dict.fromkeys(reason for one in finished for reason in self.reasons(one)))[:MOST_REASONS]
        self._said.update(reasons)
        return [
            f"energy resume: goes on from {names}: {known}",
            *map(_starts_over, reasons),
        ]

    def _same(self, wanted: Wanted) -> tuple[Result, Environment] | None:
        return next(
            ((result, environment) for result, environment, reasons in self._candidates(wanted) if not reasons), None
        )

    def _candidates(self, wanted: Wanted) -> Iterator[tuple[Result, Environment, list[str]]]:
        """Every Result of that name, newest first, with its Environment and why it does not hold."""
        for run in self._runs:
            result = self._results[run.path].get(wanted.name)
            environment = None if result is None else run.run.environments.get(result.environment)
            if result is not None and environment is not None and result.scenario is not None:
                yield result, environment, [*self._changed[run.path], *_differences(wanted, result, environment)]


def _starts_over(reason: str) -> str:
    return f"  starts over: {shortened(harmless(reason), LONGEST_REASON)}"


def when(result: Result, now: datetime.datetime) -> str:
    """The time at which a Result was measured, as a clock on the wall here shows it; with the date where it is another.

    >>> utc = datetime.timezone.utc
    >>> class At: started_at = "2026-11-21T14:02:31+00:00"
    >>> when(At(), datetime.datetime(2026, 11, 21, 15, tzinfo=utc)), when(At(), datetime.datetime(2026, 11, 22, tzinfo=utc))
    ('14:02', '2026-11-21 14:02')
    """
    then = datetime.datetime.fromisoformat(result.started_at).astimezone(now.tzinfo)
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%Y-%m-%d %H:%M}"


def _differences(wanted: Wanted, result: Result, environment: Environment) -> list[str]:
    """Why this Result is not what the case would be now, one clause each."""
    scenario = result.scenario
    assert scenario is not None, "of a case on an engine"
    found: list[str] = []
    if wanted.largest and scenario.batch_size <= wanted.scenario.batch_size:  # what was found, against the most to try
        scenario = msgspec.structs.replace(scenario, batch_size=wanted.scenario.batch_size)
    if scenario.key != wanted.scenario.key:
        found += _changed(scenario, wanted.scenario)
    found += [
        f"{name} {result.params.get(name)} -> {value}"
        for name, value in wanted.params.items()
        if result.params.get(name) != value
    ]
    if len(result.valid_trials) < min(FEWEST_TRIALS, len(result.trials)):
        found.append(f"{result.case} had {len(result.valid_trials)} valid of {len(result.trials)} trials")
    if wanted.prefill and not result.prefill_trials:
        found.append(f"the prefill of {result.case} was not measured")
    return [*found, *_moved(environment, wanted.environment)]


def _changed(then: Scenario, now: Scenario) -> Iterator[str]:
    for name in Scenario.__struct_fields__:
        old, new = getattr(then, name), getattr(now, name)
        if old != new:
            yield f"{name.replace('_', ' ')} {old} -> {new}"


def _moved(then: Environment, now: Environment) -> Iterator[str]:
    """What differs around the case; whatever an engine that is not loaded has not said is left out."""
    if len(then.boards) != len(now.boards):
        yield f"number of boards {len(then.boards)} -> {len(now.boards)}"
        return
    sides: list[tuple[str, Mapping[str, Fact], Mapping[str, Fact]]] = [
        ("host", then.host, now.host),
        *(("board", old, new) for old, new in zip(then.boards, now.boards, strict=True)),
        ("package", then.packages, now.packages),
        ("meter", then.meter, now.meter),
        *([("engine", then.engine, now.engine)] if now.engine else []),
    ]
    for side, before, after in sides:
        for name in sorted({*before, *after}):
            old, new = before.get(name), after.get(name)
            if old != new and not _no_matter(side, name, old, new):
                label = name if side == "package" else f"{side} {name.replace('_', ' ')}"
                yield f"{label} {'none' if old is None else old} -> {'none' if new is None else new}"


def _no_matter(side: str, name: str, old: Fact | None, new: Fact | None) -> bool:
    if side == "host" and name == "memory_bytes" and isinstance(old, int) and isinstance(new, int):
        return abs(old - new) <= SAME_MEMORY * max(old, new)
    return rule_of(f"{side}.{name}").says == "ignored"
