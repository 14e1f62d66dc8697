"""Power at rest: what the metered domains draw before any engine is loaded, so that joules net of it can be told."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from energy_fixtures import guards
from energy_fixtures.errors import JoulesError
from energy_fixtures.meters.base import Meter
from energy_fixtures.readings import Reading
from energy_fixtures.reasons import REASONS
from energy_fixtures.runner import CLOCK, Clock
from energy_fixtures.units import quantity

LABEL = "idle"


@dataclass(frozen=True, kw_only=True)
class Idle:
    """Watts at rest by domain; `why_not` says in a clause why one was wanted and is missing, None where all is well."""

    watts: dict[str, float] = field(default_factory=dict)
    why_not: str | None = None

    def header_lines(self) -> list[str]:
        """What the session's header says of it; nothing where nothing was wanted."""
        shown = ", ".join(f"{domain} {quantity(watts, 'W', 2)}" for domain, watts in self.watts.items())
        lines = [f"idle: {shown}"] if shown else []
        return lines if self.why_not is None else [*lines, f"idle: not known: {self.why_not}"]

    def doubts(self, scope: tuple[str, ...]) -> tuple[str, ...]:
        """Codes for results over `scope`; none where no baseline was wanted."""
        wanted = self.why_not is not None or bool(self.watts)
        return ("no_idle_baseline",) if wanted and any(domain not in self.watts for domain in scope) else ()


def measure_idle(meter: Meter, seconds: float, clock: Clock = CLOCK) -> Idle:
    """Power of every domain over `seconds` of doing nothing; no baseline while somebody else works on a board."""
    try:
        token = meter.begin(LABEL, (os.getpid(),))
        clock.sleep(seconds)
        reading = meter.end(token)
    except JoulesError as error:  # without a baseline the session still measures
        return Idle(why_not=str(error))
    reasons = (*reading.invalid_reasons, *guards.reading_invalid(reading, meter.info.domains, None))
    busy = _shared(reading)
    watts = {domain: joules / reading.duration_s for domain, joules in reading.energy_j.items() if domain not in busy}
    if busy:
        where = " and ".join(busy)
        return Idle(watts=watts, why_not=f"other work is on {where} already; {REASONS['no_idle_baseline'].remedy}")
    if reasons:
        return Idle(why_not=f"{REASONS[reasons[0]].sentence}; {REASONS[reasons[0]].remedy}")
    return Idle(watts=watts)


def _shared(reading: Reading) -> list[str]:
    return [domain for domain, board in reading.boards.items() if board.foreign_processes]
