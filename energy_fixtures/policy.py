"""What the options mean with the session's meter: the defaults that depend on how well it reads."""

from __future__ import annotations

import math

from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.options import Options
from energy_fixtures.protocol import Plan
from energy_fixtures.readings import MEASURED

SHORTEST_WINDOW_S = 0.2
STEPS_PER_WINDOW = 10
"""A window starts with so many counter periods, the default of --energy-min-window; it grows where that is too few."""
MAX_ERROR = 0.01
MAX_WARMUP_S = 10.0
MAX_WARMUP_UNMEASURED_S = 0.5
"""Modelled joules follow time and CPU use: a level board changes nothing in them, so little is spent on one."""
IDLE_S = 2.0


def plan_for(options: Options, info: MeterInfo) -> Plan:
    """The options as a plan for every case of the session."""
    measured = info.method in MEASURED
    return Plan(
        rounds=options.rounds,
        warmup_rounds=options.warmup_rounds,
        min_window_s=options.min_window_s or max(SHORTEST_WINDOW_S, STEPS_PER_WINDOW * info.resolution_s),
        max_time_s=options.max_time_s,
        max_warmup_s=options.max_warmup_s or (MAX_WARMUP_S if measured else MAX_WARMUP_UNMEASURED_S),
        max_error=options.max_error or (MAX_ERROR if measured else math.inf),
        cooldown_s=options.cooldown_s,
        steady=measured,
    )


def idle_s_for(options: Options, info: MeterInfo) -> float:
    """How long to look at power at rest; what is played back has none of its own."""
    if info.method == "replay":
        return 0.0
    if options.idle_s is None:
        return IDLE_S if info.method in MEASURED else 0.0
    return options.idle_s
