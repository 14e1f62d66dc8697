"""Why did the joules move? A change split into power, time and tokens, in one sentence that a reviewer understands.

    baseline ─┐                  ┌─► parts        what each factor adds, exactly
              ├─► explain ─► Explanation          .sentence, .costs()
    candidate ┘                  └─► conditions   what else was different

What is not told apart from noise is not offered as a cause. See docs/explanation.md for the formulas and their limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from energy_fixtures.environment import differences
from energy_fixtures.metrics import METRICS
from energy_fixtures.readings import MEASURED, Method
from energy_fixtures.records import Environment, Result
from reports.explain.conditions import Condition, conditions, work_differs
from reports.explain.costs import MILLION, WORLD_GRID_GCO2E_PER_KWH, Costs, OwnJoules, own_joules
from reports.explain.decomposition import PER_TOKEN, Split, split_change
from reports.explain.parts import UNSEEN, Part, compared, noise_of
from reports.noise import Between

__all__ = ["Costs", "Explanation", "OwnJoules", "explain", "own_joules"]

MOST_CAUSES = 3
MOST_CONDITIONS = 3
"""A sentence holds no more; the rest is in the data."""

LITTLE = 0.25
"""Share of the whole change below which a remainder is not worth a word, and below which a part is called the same where its
whole interval lies there."""

NOISE = "not told apart from noise"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why one case's joules moved. Plain data, so that it may come from another process.

    Attributes:
        split: The whole and its parts.
        conditions: What else was seen on both sides, the most telling first.
        work: How the work of an iteration differs, a clause each; empty for the same work.
        around: What differs between the two environments although they may be compared; text from the files.
        request: The change of joules per request, or per iteration where there are none, as `request_of` says.
        method: How the joules were obtained.
    """

    split: Split
    conditions: tuple[Condition, ...]
    work: tuple[str, ...]
    around: tuple[str, ...]
    request: Part
    request_of: Literal["requests", "iterations"]
    method: Method

    @property
    def unit(self) -> str:
        """What the whole is in, as the sentence says it."""
        return "J/token" if self.split.metric == PER_TOKEN.name else "J per iteration"

    @property
    def change(self) -> float:
        """The whole's ratio, after over before."""
        return math.exp(self.split.whole.adds)

    @property
    def causes(self) -> tuple[Part, ...]:
        """The parts that are told apart from noise, largest first; phases stand for time where one of them is told."""
        split = self.split
        phases = [phase for phase in split.phases if phase.told]
        time = phases or [split.time]
        tokens = [] if split.tokens is None else [split.tokens]
        told = [part for part in (split.power, *time, *tokens) if part.told]
        return tuple(sorted(told, key=lambda part: -abs(part.adds)))

    @property
    def rest(self) -> float:
        """What the causes leave over of the whole's logarithm."""
        return self.split.whole.adds - math.fsum(part.adds for part in self.causes)

    def share(self, part: Part) -> float | None:
        """A part's share of the whole change; below 0 where it works against it, None where there is no change."""
        whole = self.split.whole.adds
        return None if abs(whole) < UNSEEN else part.adds / whole

    @property
    def sentence(self) -> str:
        """The change, its causes in order of size, then what else was different; no name from a file is in it."""
        notable = [condition.said for condition in self.conditions if condition.notable]
        if len(notable) > MOST_CONDITIONS:
            notable = [*notable[:MOST_CONDITIONS], f"and {len(notable) - MOST_CONDITIONS} more"]
        clauses = [*self._causes_said(), *_energies_said(self.split.energies), *notable]
        work = f"not the same work ({', '.join(self.work)}): " if self.work else ""
        return work + self._head() + (f": {'; '.join(clauses)}" if clauses else "")

    def costs(
        self,
        requests: int = MILLION,
        grid_gco2e_per_kwh: float = WORLD_GRID_GCO2E_PER_KWH,
        price_per_kwh: float | None = None,
        currency: str = "",
    ) -> Costs:
        """What the change costs for so many requests (iterations of a plain function): joules, grams of CO2e, money.

        Args:
            requests: How many.
            grid_gco2e_per_kwh: Grams of CO2 equivalent per kWh; the default is the world's average, see its source.
            price_per_kwh: Of electricity; None for no money.
            currency: Printed behind the money.
        """
        part = self.request
        ends = (
            None if part.reach is None else part.before * _expm1(part.adds + sign * part.reach) * requests
            for sign in (-1, 1)
        )
        return Costs(
            count=requests,
            of=self.request_of,
            energy_j=(part.after - part.before) * requests if abs(part.adds) >= UNSEEN else 0.0,
            low_j=next(ends),
            high_j=next(ends),
            grid_gco2e_per_kwh=grid_gco2e_per_kwh,
            price_per_kwh=price_per_kwh,
            currency=currency,
            method=self.method,
            same_work=not self.work,
        )

    def _head(self) -> str:
        whole = self.split.whole
        label = "" if self.method in MEASURED else f" ({self.method}, not measured)"
        head = f"{signed_percent(whole.adds)} {self.unit}{label}"
        if whole.told:
            return head
        before, after = self.split.windows
        why = "" if whole.reach is not None else f" (no spread: n = {after} against {before})"
        return f"{head}, {NOISE}{why}"

    def _causes_said(self) -> list[str]:
        causes, split = self.causes, self.split
        if not causes:
            alone = "neither power nor time is by itself told apart from noise"
            return [alone] if split.whole.told else []
        little = LITTLE * abs(split.whole.adds)
        said = ", ".join(_phrase(part) for part in causes[:MOST_CAUSES])
        comma = "," if len(causes) > 1 else ""
        if all(part.name in ("time", "prefill", "decode") for part in causes) and split.power.within(little):
            said += f"{comma} at the same power"
        elif all(part.name == "power" for part in causes) and split.time.within(little):
            said += f"{comma} in the same time"
        if abs(self.rest) > max(little, UNSEEN):
            return [said, f"the rest ({signed_percent(self.rest)}) {NOISE}"]
        return [said]


def explain(
    baseline: Result,
    candidate: Result,
    before: Environment | None = None,
    after: Environment | None = None,
    *,
    level: float = 0.95,
    between: Between | None = None,
) -> Explanation | None:
    """Why the joules of a case moved.

    Args:
        baseline, candidate: The same case, then and now. Invalid trials do not count.
        before, after: Where they were measured; None leaves `Explanation.around` empty.
        level: Confidence of every interval, in (0, 1).
        between: What two sessions differ by on their own; None where both sides were measured in turn in one session.

    Returns:
        None where there is nothing to split: other methods or other domains, no valid trial on a side, joules or seconds
        of zero.
    """
    if baseline.method != candidate.method or baseline.scope != candidate.scope:
        return None
    between = None if between is None else between.of(candidate.fullname)
    found = split_change(baseline, candidate, level, between)
    if found is None:
        return None
    request = METRICS["joules_per_request"]
    per_request = bool(request.values(baseline) and request.values(candidate))
    known = request if per_request else METRICS["joules_per_iteration"]
    noise = noise_of(known, baseline, candidate, level, between)
    part = compared("energy", known.values(baseline), known.values(candidate), noise)
    if part is None:
        return None
    return Explanation(
        split=found,
        conditions=conditions(baseline, candidate, level),
        work=work_differs(baseline, candidate, level),
        around=() if before is None or after is None else tuple(differences(before, after)),
        request=part,
        request_of="requests" if per_request else "iterations",
        method=candidate.method,
    )


def percent(log_change: float) -> str:
    """The size of a change of logarithms, without its sign; of a fall below the old value, of a rise above it.

    >>> percent(math.log(1.061)), percent(math.log(0.5)), percent(math.log(1.0012))
    ('6.1 %', '50.0 %', '0.12 %')
    """
    change = abs(100 * _expm1(log_change))
    return f"{change:.{2 if change < 0.95 else 1}f} %"


def signed_percent(log_change: float) -> str:
    """A change of logarithms.

    >>> signed_percent(math.log(1.061)), signed_percent(math.log(0.5)), signed_percent(0.0)
    ('+6.1 %', '-50.0 %', '0.0 %')
    """
    if abs(log_change) < UNSEEN:
        return "0.0 %"
    return ("+" if log_change > 0 else "-") + percent(log_change)


def _phrase(part: Part) -> str:
    """For example `5.8 % longer decode (adds 5.3 %)`; what it adds is left out where it is the change itself."""
    rises = part.change > 0
    words = {
        "energy": "more joules" if rises else "fewer joules",
        "power": "more power" if rises else "less power",
        "time": "more time" if rises else "less time",
        "tokens": f"{'more' if rises else 'fewer'} output tokens per iteration",
        "prefill": "longer prefill" if rises else "shorter prefill",
        "decode": "longer decode" if rises else "shorter decode",
    }
    own, adds = percent(part.change), percent(part.adds)
    effect = "" if own == adds and part.name != "tokens" else f" ({'adds' if part.adds > 0 else 'saves'} {adds})"
    return f"{own} {words[part.name]}{effect}"


def _energies_said(energies: tuple[Part, ...]) -> list[str]:
    told = [f"{signed_percent(part.change)} joules in {part.name}" for part in energies if part.told]
    return [", ".join(told)] if told else []


def _expm1(value: float) -> float:
    return math.expm1(value) if value < 700 else math.inf  # overflows at 709
