"""Which Result of a baseline belongs to which Result of now, and whether the two may be compared.

Result now ──fullname──► Result then ──scenario, method, scope, environment──► Pair with one State
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import msgspec

from energy_fixtures.environment import differences, incomparable
from energy_fixtures.metrics import Metric, own_error
from energy_fixtures.reasons import REASONS
from energy_fixtures.records import Environment, Result, Run, Scenario
from reports.explain.parts import Noise
from reports.noise import Between
from reports.replication import FEWEST, session_ratio
from reports.statistics import Ratio, quantile, ratio


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
    `sessions` says how many trials each session brought, of the baseline and of the candidate, in order; None where each
    side is of one session.
    """

    state: State
    candidate: Result
    baseline: Result | None = None
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sessions: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    @property
    def replicated(self) -> bool:
        """Whether both sides have several sessions, so that these and not their rounds are what is repeated."""
        return self.sessions is not None and all(sum(map(bool, sizes)) >= FEWEST for sizes in self.sessions)


@dataclass(frozen=True, kw_only=True)
class Around:
    """What two environments say of each other: why they may not be compared, and what differs although they may.

    `across_boards` where they are of two boards, compared by choice: a board's number is then no matter.
    """

    unfair: tuple[str, ...]
    notes: tuple[str, ...]
    across_boards: bool = False

    @classmethod
    def of(cls, then: Environment | None, now: Environment | None) -> Around:
        """Ask two environments; None stands for one that a file does not hold."""
        if then is None or now is None:
            side = "the baseline" if then is None else "the new run"
            return cls(unfair=(f"{side} does not say where it was measured",), notes=())
        return cls(unfair=tuple(incomparable(then, now)), notes=tuple(differences(then, now)))


class Baseline:
    """A stored run, ready to be compared with.

    Args:
        name: What to call it in sentences.
        run: Its results; of several with one full name the last one counts.
    """

    def __init__(self, name: str, run: Run) -> None:
        self.name = name
        self.environments = run.environments
        self.results = run.results
        self._by_name = {result.fullname: result for result in run.results}

    @property
    def names(self) -> tuple[str, ...]:
        """Full names of its cases."""
        return tuple(self._by_name)

    def pair(self, candidate: Result, environment: Environment) -> Pair:
        """Find the past of a Result and say whether the two may be compared."""
        past = self._by_name.get(candidate.fullname)
        if past is None:
            return Pair(state=State.NEW, candidate=candidate)
        around = Around.of(self.environments.get(past.environment), environment)
        return hold(past, candidate, around, scenario_differences(past.scenario, candidate.scenario))

    def missing(self, results: Sequence[Result], expected: Callable[[str], bool]) -> tuple[Result, ...]:
        """Results of the baseline that have none now, among those whose full name was `expected` to run."""
        seen = {result.fullname for result in results}
        return tuple(past for name, past in self._by_name.items() if name not in seen and expected(name))

    def stale(self, now: datetime.datetime, days: float) -> str | None:
        """A sentence when the newest result is older than `days`, None when it is not, or does not say."""
        moments = [datetime.datetime.fromisoformat(result.started_at) for result in self.results]
        age_days = (now - max(moments)).total_seconds() / 86_400 if moments else 0.0
        if age_days <= days:
            return None
        return f"the baseline is {age_days:.0f} days old, stale after {days:g}; save a newer one"

    def elsewhere(self, here: Environment) -> tuple[str, ...]:
        """What differs between this machine and every one the baseline knows; empty when one of them is this machine.

        Only host and boards are asked, so that it can be known before an engine is loaded.
        """
        found: list[list[str]] = []
        for past in self.environments.values():
            found.append(incomparable(past, msgspec.structs.replace(here, engine=past.engine, meter=past.meter)))
        fewest = min(found, key=len, default=[])
        return tuple(fewest)


def hold(past: Result, candidate: Result, around: Around, other_work: tuple[str, ...]) -> Pair:
    """Put two results side by side and say whether they may be compared.

    Args:
        past, candidate: The old one and the new one.
        around: What their environments say of each other.
        other_work: A clause for each way in which they did not do the same.
    """
    if other_work:
        return Pair(state=State.OTHER_WORKLOAD, candidate=candidate, baseline=past, differences=other_work)
    unfair = list(around.unfair)
    if past.method != candidate.method and not any("joules against" in clause for clause in unfair):
        unfair.append(f"{past.method} joules against {candidate.method} joules")
    if past.scope != candidate.scope and not (around.across_boards and _kinds(past) == _kinds(candidate)):
        unfair.append(f"joules of {' '.join(past.scope)} against {' '.join(candidate.scope)}")
    if not any(trial.valid for trial in past.trials):
        unfair.append(f"no valid trial in the baseline ({_invalid(past)})")
    if not any(trial.valid for trial in candidate.trials):
        unfair.append(f"no valid trial now ({_invalid(candidate)})")
    if unfair:
        return Pair(state=State.INCOMPARABLE, candidate=candidate, baseline=past, differences=tuple(unfair))
    return Pair(state=State.COMPARED, candidate=candidate, baseline=past, notes=around.notes)


def contrast(metric: Metric, pair: Pair, level: float, between: Between | None = None) -> Ratio | None:
    """New over old of one metric; None where the pair is not compared or one side lacks the metric.

    Never narrower than what the meter itself may be off by: repeats that a coarse counter shows as equal are not exact.

    Args:
        metric, pair, level: What is asked of what, and how sure.
        between: What two sessions differ by on their own; None where both sides are of one session. Where each side is of
            several sessions they show it themselves, and it is not added; where it is known that a side is of one session
            of its own, and nothing else, it is assumed.
    """
    if pair.state is not State.COMPARED or pair.baseline is None:
        return None
    base, new = metric.values(pair.baseline), metric.values(pair.candidate)
    if not base or not new:
        return None
    if pair.replicated:
        return no_narrower(session_ratio(*by_session(metric, pair), level), own_share(metric, pair))
    if between is None and pair.sessions is not None:
        between = Between()
    own_days = None if between is None else between.of(pair.candidate.fullname)
    return contrast_of(base, new, level, own=own_share(metric, pair), between=own_days)


def contrast_of(
    base: Sequence[float], new: Sequence[float], level: float, *, own: float, between: Between | None
) -> Ratio:
    """The same of values that are known already, at least one on each side; `own` is what `own_share` says of them.

    Half of the interval of what two sessions differ by is added to that of the rounds as independent errors are, by
    squares; the gate, which looks often, adds them as they are (`reports.noise.Between.reach`).
    """
    found = ratio(base, new, level)
    if found.value is None or found.low is None or found.high is None or (own <= 0 and between is None):
        return found
    spread = math.log(found.high / found.value) if found.high < math.inf else math.inf
    reach = Noise(level=level, own=own, between=between).reach(spread)
    high = found.value * math.exp(reach) if reach < 700 else math.inf  # exp overflows at 709
    return Ratio(value=found.value, low=found.value * math.exp(-reach), high=high, level=level)


def own_share(metric: Metric, pair: Pair) -> float:
    """One standard uncertainty of a pair's ratio from the meters alone, as a share; 0 where none is stated.

    More trials do not lessen it: windows of the same work meet the steps of a counter alike (`metrics.own_error`), unless they
    scatter by half a step and more; taking it off by what the trials show lets a coarse counter pass for a change (`perf.ab`).
    A gain of the board is no part of it, since it is the same on both sides.
    """
    sides = (pair.baseline, pair.candidate)
    return math.hypot(*(own_error(metric, side) for side in sides if side is not None))


def no_narrower(found: Ratio, share: float) -> Ratio:
    """The ratio with an interval that holds at least a standard uncertainty of `share` at its level."""
    if share <= 0 or found.value is None or found.low is None or found.high is None:
        return found
    reach = quantile(math.inf, found.level) * share
    low, high = found.value * math.exp(-reach), found.value * math.exp(min(reach, 700.0))  # exp overflows at 709
    return replace(found, low=min(found.low, low), high=max(found.high, high))


def by_session(metric: Metric, pair: Pair) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    """Values of both sides by session, one per valid trial; a side whose sessions are not known is one."""
    assert pair.baseline is not None, "asked of pairs that are compared"
    sizes = pair.sessions or ((len(pair.baseline.trials),), (len(pair.candidate.trials),))
    return split_values(metric, pair.baseline, sizes[0]), split_values(metric, pair.candidate, sizes[1])


def split_values(metric: Metric, result: Result, sizes: Sequence[int]) -> list[tuple[float, ...]]:
    """Values of a metric by session: `sizes` says how many trials, valid or not, each of them brought."""
    found, start = [], 0
    for size in sizes:
        trials = result.trials[start : start + size]
        start += size
        found.append(metric.values(msgspec.structs.replace(result, trials=trials)) if trials else ())
    return found


def _kinds(result: Result) -> list[str]:
    """What kinds of domains joules are summed over: `gpu:1` on one machine may be `gpu:0` on another."""
    return sorted(domain.split(":")[0] for domain in result.scope)


def scenario_differences(old: Scenario | None, new: Scenario | None) -> tuple[str, ...]:
    """One clause per field in which two Scenarios differ; empty for equal ones."""
    if old is None or new is None:
        return () if old is new else ("a plain function against a scenario",)
    if old == new or old.key == new.key:  # equal ones need no digest
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
