"""All blocks of one side as one Run, and how far its joules moved between the first and the last block. Pure.

Trials are numbered anew and otherwise kept as they were measured. A block that was measured under other circumstances than
the first one of its side is left out, and that is said: its trials are no repetition.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec

from energy_fixtures.environment import differences, incomparable
from energy_fixtures.metrics import headline
from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run, Trial
from reports.comparison import scenario_differences


@dataclass(frozen=True, kw_only=True)
class Merged:
    """One side.

    Attributes:
        run: One Result per case, in order of appearance.
        sizes: By full name, how many trials each merged block brought, in order; their sum is the number of trials.
        notes: What was left out or differed between blocks, a clause each.
    """

    run: Run
    sizes: Mapping[str, tuple[int, ...]]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Last block over first block of one side, of each case's headline metric.

    `middle` is the median over the cases, `farthest` the one farthest from 1, of case `case`.
    """

    middle: float
    farthest: float
    case: str
    cases: int


def merge(runs: Sequence[Run]) -> Merged:
    """Put the blocks of one side together, in the order they ran.

    Args:
        runs: One per block. Of several results with one full name in a block the last one counts, as in a baseline.
    """
    environments: dict[str, Environment] = {}
    groups: dict[str, list[Result]] = {}
    notes: dict[str, None] = {}  # each once, in order
    for number, run in enumerate(runs, 1):
        for name, result in {result.fullname: result for result in run.results}.items():
            first = groups.get(name, [result])[0]
            then = environments.get(first.environment, run.environments[result.environment])
            now = run.environments[result.environment]
            unlike = _unlike(first, then, result, now)
            if unlike:
                notes[f"block {number} is left out where it is no repetition: {'; '.join(unlike)}"] = None
                continue
            for note in differences(then, now):
                notes[f"block {number}: {note}"] = None
            environments.setdefault(result.environment, now)
            groups.setdefault(name, []).append(result)
    results = tuple(_joined(group) for group in groups.values())
    used = {result.environment for result in results}
    kept = {key: environment for key, environment in environments.items() if key in used}
    return Merged(
        run=Run(schema_version=SCHEMA_VERSION, environments=kept, results=results),
        sizes={name: tuple(len(result.trials) for result in group) for name, group in groups.items()},
        notes=tuple(notes),
    )


def drift(merged: Merged) -> Drift | None:
    """How far a side moved from its first to its last block; None where it has one block, or no case has joules in both."""
    moved: list[tuple[str, float]] = []
    for result in merged.run.results:
        sizes = merged.sizes[result.fullname]
        if len(sizes) < 2:
            continue
        metric = headline(result)
        first = metric.values(msgspec.structs.replace(result, trials=result.trials[: sizes[0]]))
        last = metric.values(msgspec.structs.replace(result, trials=result.trials[-sizes[-1] :]))
        if first and last and math.fsum(first) > 0 and math.fsum(last) > 0:
            moved.append((result.case, math.fsum(last) / len(last) / (math.fsum(first) / len(first))))
    if not moved:
        return None
    case, farthest = max(moved, key=lambda one: abs(math.log(one[1])))
    return Drift(middle=median(value for _, value in moved), farthest=farthest, case=case, cases=len(moved))


def metered_j(runs: Sequence[Run]) -> float:
    """Joules inside all metered windows, every domain counted, invalid windows too: they were spent as well."""
    trials = [trial for run in runs for result in run.results for trial in (*result.trials, *result.prefill_trials)]
    return math.fsum(math.fsum(trial.reading.energy_j.values()) for trial in trials)


def _unlike(first: Result, then: Environment, later: Result, now: Environment) -> list[str]:
    clauses = [*incomparable(then, now), *scenario_differences(first.scenario, later.scenario)]
    if first.method != later.method and not any("joules against" in clause for clause in clauses):
        clauses.append(f"{first.method} joules against {later.method} joules")
    if first.scope != later.scope:
        clauses.append(f"joules of {' '.join(first.scope)} against {' '.join(later.scope)}")
    return clauses


def _joined(group: Sequence[Result]) -> Result:
    return msgspec.structs.replace(
        group[0],
        trials=_numbered([trial for result in group for trial in result.trials]),
        prefill_trials=_numbered([trial for result in group for trial in result.prefill_trials]),
        idle_w=_mean_idle([result.idle_w for result in group]),
    )


def _numbered(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    return tuple(msgspec.structs.replace(trial, index=index) for index, trial in enumerate(trials))


def _mean_idle(blocks: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Power at rest over the blocks, of the domains that every block knows."""
    known = [domain for domain in blocks[0] if all(domain in block for block in blocks)]
    return {domain: math.fsum(block[domain] for block in blocks) / len(blocks) for domain in known}
