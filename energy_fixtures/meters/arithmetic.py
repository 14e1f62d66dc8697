"""From what counters and power samples say to joules that can be believed; pure, without zeus."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from energy_fixtures.errors import MeasurementInvalid

# No part of one machine that Zeus reads draws this much: the largest boards and sockets stay below a quarter of it.
IMPOSSIBLE_W = 10_000.0
# A counter may hand over the joules of its last step late, so a short window can hold a second's worth of them.
LATE_S = 1.0


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


def held_energy(samples: Sequence[tuple[float, float]], begin_s: float, end_s: float) -> float:
    """Joules between two times when each power sample holds until the next one.

    Args:
        samples: (time in s, power in W), times increasing. Zeus keeps a sample only when the power has changed.
        begin_s: Start, on the samples' clock. Before the first sample its power is assumed.
        end_s: End, on the samples' clock.

    Raises:
        MeasurementInvalid: There is no sample at all.
    """
    if not samples:
        raise MeasurementInvalid(
            "no power sample was taken for a GPU without energy counter; check that nvidia-smi shows its power"
        )
    times = [-math.inf, *(when for when, _ in samples[1:]), math.inf]
    spans = (max(0.0, min(end_s, until) - max(begin_s, since)) for since, until in itertools.pairwise(times))
    return math.fsum(power_w * span_s for (_, power_w), span_s in zip(samples, spans, strict=True))


def believable(domain: str, joules: float, duration_s: float, range_j: float | None) -> float:
    """The joules of one domain if a counter can have given them.

    Args:
        domain: For the message.
        joules: Difference of the counter's two values.
        duration_s: Length of the window.
        range_j: Of a RAPL counter, the joules at which it starts again from zero.

    Raises:
        MeasurementInvalid: Not finite, negative, or more than any board or socket can draw.
    """
    limit_j = IMPOSSIBLE_W * (duration_s + LATE_S)
    if range_j is not None and math.isfinite(joules) and limit_j < range_j:
        joules %= range_j  # it cannot have gone round twice, so the remainder is right whatever Zeus has counted
    if not math.isfinite(joules) or joules < 0 or joules > limit_j:
        raise MeasurementInvalid(
            f"the counter of {domain} moved by {joules:.6g} J in {duration_s:.3g} s, which no counter that runs on "
            f"can do (between 0 and {limit_j:.6g} J); it was reset or is broken, so measure again"
        )
    return joules
