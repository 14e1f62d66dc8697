"""Joules of a whole system on chip from the fields that Zeus gives; pure."""

from __future__ import annotations

import math
from typing import Any


def soc_joules(measurement: Any) -> float | None:
    """Joules of a whole SoC from Zeus' fields in mJ, each part once; None when it holds none.

    Jetson: its total rail, else CPU + GPU.
    Apple: CPU + GPU + GPU SRAM + DRAM + ANE; clusters and cores are inside CPU.
    """
    total_mj = getattr(measurement, "total_energy_mj", None)
    if total_mj is not None:
        return float(total_mj) / 1000
    parts = ("cpu_energy_mj", "gpu_energy_mj", "cpu_total_mj", "gpu_mj", "gpu_sram_mj", "dram_mj", "ane_mj")
    known = [value for value in (getattr(measurement, part, None) for part in parts) if value is not None]
    return math.fsum(known) / 1000 if known else None
