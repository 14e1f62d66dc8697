"""What a meter saw in one window: joules by domain, how sure it is of them, and what else happened on the boards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from energy_fixtures.record import Record, need

Method = Literal["counter", "integrated power", "modelled", "replay", "simulated"]
"""How joules were obtained. Only the first two are measured; the others never meet them in one comparison."""

MEASURED: frozenset[str] = frozenset({"counter", "integrated power"})

MOST_JOULES = 1e15
"""No window holds this much, a day's output of a power station is a tenth of it; sums of such values stay finite."""

LEAST = 1e-30
"""Joules and seconds of a window are 0 or no less: rounding alone leaves more, and quotients of what is left stay finite."""

LONGEST_S = 1e9
"""No window is thirty years long; sums and squares of such values stay finite."""

MOST_WATTS = 1e9
"""No machine at rest takes what a power station gives."""

MOST_COUNTED = 10**15
"""No window holds so many iterations, and no request so many tokens; a float still holds every whole number up to it."""

Counted = Annotated[int, Meta(ge=0, le=MOST_COUNTED)]
"""How many of something; asked while a file is decoded, so that no Python runs for each of a million requests."""

Since = Annotated[int, Meta(ge=-MOST_COUNTED, le=MOST_COUNTED)]
"""What a counter of an engine grew by; below zero where the counter began anew meanwhile."""

Seconds = Annotated[float, Meta(gt=-LONGEST_S, lt=LONGEST_S)]
"""A latency; below zero where two clocks disagree."""

Part = Literal["tick", "quantum", "edges", "sample_gaps", "board_gain"]
"""Where an uncertainty comes from:

tick          when a counter stepped is known to within the reads around it
quantum       a counter advances by whole steps
edges         what was drawn between a window's end and the counter's nearest steps is reconstructed
sample_gaps   power between two samples is not seen (integrated power only)
board_gain    one board's sensor says a few percent more or less than another's (arXiv 2312.02741); the same in every
              window of one board, so it cancels when a board is compared with itself
"""

COVERAGE = 1.96
"""Standard uncertainties to either side of a value that hold the truth in 95 of 100 cases (GUM, normal distribution)."""


class BoardTrace(Record, frozen=True, kw_only=True):
    """What was seen on one board inside one window, beside its joules.

    Attributes:
        timeline: (seconds after the window's start, W, degrees Celsius or None), times increasing, thinned for storage.
        temperature_start_c, temperature_end_c, temperature_max_c: None where the board does not tell.
        sm_clock_min_hz, sm_clock_max_hz: Over the samples inside the window.
        power_limit_min_w, power_limit_max_w: Equal unless somebody changed it meanwhile.
        throttle: Names of the clock event reasons that were active at any sample, `idle` left out.
        foreign_processes: Most processes on the board at once that belong neither to the work nor to this process.
        mig: Whether the board is partitioned, so that its readings are of the whole card.
    """

    timeline: tuple[tuple[float, float, float | None], ...] = ()
    temperature_start_c: float | None = None
    temperature_end_c: float | None = None
    temperature_max_c: float | None = None
    sm_clock_min_hz: float | None = None
    sm_clock_max_hz: float | None = None
    power_limit_min_w: float | None = None
    power_limit_max_w: float | None = None
    throttle: tuple[str, ...] = ()
    foreign_processes: int | None = None
    mig: bool | None = None


class Reading(Record, frozen=True, kw_only=True):
    """What the meter saw between the two ends of one window.

    Attributes:
        energy_j: Joules by domain (`gpu:0`, `cpu:0`, `dram:0`, `soc`), gross. A domain whose counter gave nonsense is
            left out and `invalid_reasons` says why.
        duration_s: Monotonic time.
        method: How the joules were obtained.
        uncertainty_j: One standard uncertainty by domain (GUM), of all parts but `board_gain`, where the meter can
            state it. energy ± COVERAGE times it covers what an ideal sensor of the same gain would have read in 95 of
            100 windows.
        parts_j: Each part of the uncertainty by domain, one standard uncertainty each, `board_gain` among them.
        integrated_j: Joules by domain from sampled power, beside the counter's, where both exist.
        integrated_uncertainty_j: One standard uncertainty of those, from what lies between the samples.
        boards: What else was seen, by GPU domain.
        invalid_reasons: Codes for why this reading cannot be true.
        doubts: Codes for what weakens it.
    """

    energy_j: dict[str, float]
    duration_s: float
    method: Method
    uncertainty_j: Mapping[str, float] = {}
    parts_j: Mapping[str, Mapping[Part, float]] = {}
    integrated_j: Mapping[str, float] = {}
    integrated_uncertainty_j: Mapping[str, float] = {}
    boards: Mapping[str, BoardTrace] = {}
    invalid_reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # asked before the rule is put into words: a large file holds a million readings
        if not (LEAST <= self.duration_s < LONGEST_S or self.duration_s == 0):
            need(False, f"duration_s must be 0, or from {LEAST:g} to {LONGEST_S:g}", self.duration_s)
        for domain, joules in self.energy_j.items():
            if not (LEAST <= joules < MOST_JOULES or joules == 0):
                need(False, f"energy_j of {domain} must be a number, 0 or from {LEAST:g} to {MOST_JOULES:g}", joules)
        for domain, joules in self.uncertainty_j.items():
            if not 0 <= joules < MOST_JOULES:
                need(False, f"uncertainty_j of {domain} must be a number >= 0", joules)

    def joules(self, domains: tuple[str, ...] | None = None) -> float | None:
        """Sum over `domains` (all that were metered when None); None when one of them was not metered."""
        if domains is not None and len(domains) == 1:  # most scopes; a comparison of large runs asks a million times
            return self.energy_j.get(domains[0])
        wanted = tuple(self.energy_j) if domains is None else domains
        if not wanted or any(domain not in self.energy_j for domain in wanted):
            return None
        return math.fsum(self.energy_j[domain] for domain in wanted)

    def relative_error(self, domains: tuple[str, ...]) -> float | None:
        """Half of the 95 % interval of the sum over `domains` as a share of it, None where it is not stated.

        The domains' errors are taken as independent, but for the board's gain, which is not part of it.
        """
        total_j = self.joules(domains)
        if len(domains) == 1 and total_j and domains[0] in self.uncertainty_j:
            return COVERAGE * self.uncertainty_j[domains[0]] / total_j
        if not total_j or any(domain not in self.uncertainty_j for domain in domains):
            return None
        return COVERAGE * math.hypot(*(self.uncertainty_j[domain] for domain in domains)) / total_j
