"""Which Result of a baseline belongs to which Result of now, and whether the two may be compared.

Result now ──fullname──► Result then ──scenario, method, scope, environment──► Pair with one State
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec

from energy_fixtures.environment import differences, incomparable
from energy_fixtures.metrics import Metric
from energy_fixtures.reasons import REASONS
from energy_fixtures.records import Environment, Result, Run, Scenario
from reports.statistics import Ratio, ratio


class State(Enum):
    """Where a case stands towards the baseline."""

    COMPARED = "compared"
    NEW = "new"
    MISSING = "missing"
    OTHER_WORKLOAD = "other workload"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A case with its past.

    `differences` says, one clause each, why the two are not compared; empty when they are. `notes` says what differs
    around them although they are compared: another driver, another version. `baseline` is None for a new case.
    """

    state: State
    candidate: Result
    baseline: Result | None = None
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Baseline:
    """A stored run, ready to be compared with.

    Args:
        name: What to call it in sentences.
        run: Its results; of several with one full name the last one counts.
    """

    def __init__(self, name: str, run: Run) -> None:
        self.name = name
        self.environments = run.environments
        self._by_name = {result.fullname: result for result in run.results}

    def pair(self, candidate: Result, environment: Environment) -> Pair:
        """Find the past of a Result and say whether the two may be compared."""
        past = self._by_name.get(candidate.fullname)
        if past is None:
            return Pair(state=State.NEW, candidate=candidate)
        other_work = scenario_differences(past.scenario, candidate.scenario)
        if other_work:
            return Pair(state=State.OTHER_WORKLOAD, candidate=candidate, baseline=past, differences=other_work)
        unfair = self._unfair(past, candidate, environment)
        if unfair:
            return Pair(state=State.INCOMPARABLE, candidate=candidate, baseline=past, differences=unfair)
        notes = tuple(differences(self.environments[past.environment], environment))
        return Pair(state=State.COMPARED, candidate=candidate, baseline=past, notes=notes)

    def missing(self, results: Sequence[Result], expected: Callable[[str], bool]) -> tuple[Result, ...]:
        """Results of the baseline that have none now, among those whose full name was `expected` to run."""
        seen = {result.fullname for result in results}
        return tuple(past for name, past in self._by_name.items() if name not in seen and expected(name))

    def elsewhere(self, here: Environment) -> tuple[str, ...]:
        """What differs between this machine and every one the baseline knows; empty when one of them is this machine.

        Only host and boards are asked, so that it can be known before an engine is loaded.
        """
        found: list[list[str]] = []
        for past in self.environments.values():
            found.append(incomparable(past, msgspec.structs.replace(here, engine=past.engine, meter=past.meter)))
        fewest = min(found, key=len, default=[])
        return tuple(fewest)

    def _unfair(self, past: Result, candidate: Result, environment: Environment) -> tuple[str, ...]:
        then = self.environments.get(past.environment)
        if then is None:
            return ("the baseline does not say where it was measured",)
        unfair = incomparable(then, environment)
        if past.method != candidate.method and not any("joules against" in clause for clause in unfair):
            unfair.append(f"{past.method} joules against {candidate.method} joules")
        if past.scope != candidate.scope:
            unfair.append(f"joules of {' '.join(past.scope)} against {' '.join(candidate.scope)}")
        if not past.valid_trials:
            unfair.append(f"no valid trial in the baseline ({_invalid(past)})")
        if not candidate.valid_trials:
            unfair.append(f"no valid trial now ({_invalid(candidate)})")
        return tuple(unfair)


def contrast(metric: Metric, pair: Pair, level: float) -> Ratio | None:
    """New over old of one metric; None where the pair is not compared or one side lacks the metric."""
    if pair.state is not State.COMPARED or pair.baseline is None:
        return None
    base, new = metric.values(pair.baseline), metric.values(pair.candidate)
    return ratio(base, new, level) if base and new else None


def scenario_differences(old: Scenario | None, new: Scenario | None) -> tuple[str, ...]:
    """One clause per field in which two Scenarios differ; empty for equal ones."""
    if old is None or new is None:
        return () if old is new else ("a plain function against a scenario",)
    if old.key == new.key:
        return ()
    before, after = msgspec.structs.asdict(old), msgspec.structs.asdict(new)
    differing = [name for name in before if before[name] != after[name]]
    return tuple(f"{name} {_word(before[name])} against {_word(after[name])}" for name in differing)


def _word(value: object) -> str:
    if isinstance(value, msgspec.Struct):
        said = msgspec.structs.asdict(value)
        return " ".join(str(part) for part in said.values() if part is not None)
    return "none" if value is None else str(value)


def _invalid(result: Result) -> str:
    codes = dict.fromkeys(code for trial in result.trials for code in trial.invalid_reasons)
    return "; ".join(REASONS[code].sentence if code in REASONS else code for code in codes)
