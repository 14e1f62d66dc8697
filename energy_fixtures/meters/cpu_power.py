"""Watts per core for the modelled meter, from the user, from a small table, or from a stated assumption.

A core here is a logical CPU, as the operating system counts them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from energy_fixtures.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class CorePower:
    """Watts of one core, doing nothing and fully busy, and where they come from."""

    idle_w: float
    load_w: float
    source: str


# The average of the servers in SPECpower_ssj2008 that Cloud Carbon Footprint takes for a virtual CPU of unknown make
# (MIN_WATTS_AVG and MAX_WATTS_AVG in its AwsFootprintEstimationConstants.ts).
UNKNOWN_IDLE_W = 0.74
UNKNOWN_LOAD_W = 3.5

# No data sheet states idle power; the ratio of the two averages above stands in for it.
IDLE_SHARE = UNKNOWN_IDLE_W / UNKNOWN_LOAD_W

# Part of the model name -> TDP in watts of one package, its threads. Makers' data sheets: Intel ARK (ark.intel.com,
# "TDP" or "Processor Base Power") and AMD's processor specifications (amd.com, "Default TDP").
_TDP = {
    "E5-2680 v4": (120, 28),  # Intel ARK
    "E5-2690 v4": (135, 28),  # Intel ARK
    "Platinum 8180": (205, 56),  # Intel ARK
    "Platinum 8280": (205, 56),  # Intel ARK
    "Gold 6248 ": (150, 40),  # Intel ARK; the space keeps 6248R out
    "Gold 6338 ": (205, 64),  # Intel ARK
    "Platinum 8358 ": (250, 64),  # Intel ARK
    "Platinum 8380 ": (270, 80),  # Intel ARK
    "Platinum 8480+": (350, 112),  # Intel ARK
    "PLATINUM 8592+": (350, 128),  # Intel ARK
    "i9-13900K": (125, 32),  # Intel ARK
    "i7-13700K": (125, 24),  # Intel ARK
    "EPYC 7502 ": (180, 64),  # AMD
    "EPYC 7742 ": (225, 128),  # AMD
    "EPYC 7763 ": (280, 128),  # AMD
    "EPYC 9554 ": (360, 128),  # AMD
    "EPYC 9654 ": (360, 192),  # AMD
    "EPYC 9755 ": (500, 256),  # AMD
    "Ryzen 9 5950X": (105, 32),  # AMD
    "Ryzen 9 7950X ": (170, 32),  # AMD
}


def core_power(cpu_watts: str | None, cpu_model: str) -> CorePower:
    """Watts per core: `--energy-cpu-watts` if given, else by the CPU's model name, else the stated default.

    Raises:
        ConfigurationError: `cpu_watts` is not IDLE:LOAD or LOAD.
    """
    if cpu_watts is not None:
        return _from_user(cpu_watts)
    for name, (tdp_w, threads) in _TDP.items():
        if name.lower() in f"{cpu_model} ".lower():
            load_w = tdp_w / threads
            source = f"TDP of {tdp_w} W over {threads} threads of {name.strip()}, idle assumed {IDLE_SHARE:.0%} of it"
            return CorePower(idle_w=load_w * IDLE_SHARE, load_w=load_w, source=source)
    return CorePower(
        idle_w=UNKNOWN_IDLE_W,
        load_w=UNKNOWN_LOAD_W,
        source="assumed for an unknown CPU, set --energy-cpu-watts",
    )


def _from_user(text: str) -> CorePower:
    idle, colon, load = text.rpartition(":")
    try:
        idle_w, load_w = float(idle) if colon else 0.0, float(load)
    except ValueError:
        idle_w = load_w = math.nan
    if not (math.isfinite(load_w) and 0 <= idle_w <= load_w and load_w > 0):
        raise ConfigurationError(
            f"--energy-cpu-watts is {text!r}; it needs watts per core as IDLE:LOAD with 0 <= IDLE <= LOAD, as in 2:8, "
            "or the watts of a busy core alone, as in 8"
        )
    source = "--energy-cpu-watts" if colon else "--energy-cpu-watts, idle taken as 0"
    return CorePower(idle_w=idle_w, load_w=load_w, source=source)


def cpu_model_name() -> str:
    """The CPU's name as the operating system knows it; empty when it does not."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        import platform

        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
