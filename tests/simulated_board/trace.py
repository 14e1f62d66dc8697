"""The schedules of `nvml.c` in Python: what a board or a CPU truly drew, in closed form."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path

Points = Sequence[tuple[float, float]]
_WAVE = re.compile(r"([\d.]+)([/~])([\d.]+)@([\d.]+)")


def step(at_s: float, before: float, after: float) -> str:
    """A schedule with one change, at `at_s` seconds after the origin."""
    return f"{at_s!r}:{before},{at_s!r}:{after}"


def true_energy_j(trace: object, begin_s: float, end_s: float, *, origin_s: float = 0.0) -> float:
    """Joules of a power trace between two moments of `time.monotonic()`.

    Args:
        trace: What `SIMULATED_BOARD_WATTS` is set to, in any of the forms that `nvml.c` lists. Board n draws n watts
            more than that, which is n · (end_s - begin_s) joules.
        begin_s: On CLOCK_MONOTONIC.
        end_s: On CLOCK_MONOTONIC.
        origin_s: What `SIMULATED_BOARD_ORIGIN_S` is set to.
    """
    text = str(trace)
    if text.startswith("file:"):
        text = Path(text[5:]).read_text()
    return _integral(text, end_s - origin_s) - _integral(text, begin_s - origin_s)


def _integral(text: str, until_s: float) -> float:
    """Joules from the origin to `until_s` seconds after it."""
    wave = _WAVE.fullmatch(text.strip())
    if wave is not None and wave[2] == "~":
        low, high, period_s = float(wave[1]), float(wave[3]), float(wave[4])
        angular = 2 * math.pi / period_s
        return (low + high) / 2 * until_s + (high - low) / 2 / angular * (1 - math.cos(angular * until_s))
    if wave is not None:
        low, high, period_s = float(wave[1]), float(wave[3]), float(wave[4])
        return _repeated([(0, low), (period_s / 2, low), (period_s / 2, high), (period_s, high)], until_s, period_s)
    if ":" not in text:
        return float(text) * until_s
    listed, _, period = text.partition("@")
    pairs = [pair.split(":") for pair in listed.replace(",", " ").split()]
    points = [(float(at_s), float(value)) for at_s, value in pairs]
    return _repeated(points, until_s, float(period)) if period else _once(points, until_s) - _once(points, 0)


def _repeated(points: Points, until_s: float, period_s: float) -> float:
    periods, rest_s = divmod(until_s, period_s)
    start_j = _once(points, 0)
    return periods * (_once(points, period_s) - start_j) + _once(points, rest_s) - start_j


def _once(points: Points, until_s: float) -> float:
    """The area below straight lines between points, from the first point on; level outside."""
    first_s, first_w = points[0]
    if until_s < first_s:
        return first_w * (until_s - first_s)
    area_j = 0.0
    for (from_s, from_w), (to_s, to_w) in itertools.pairwise(points):
        if to_s > until_s:
            end_w = from_w + (to_w - from_w) * (until_s - from_s) / (to_s - from_s)
            return area_j + (until_s - from_s) * (from_w + end_w) / 2
        area_j += (to_s - from_s) * (from_w + to_w) / 2
    last_s, last_w = points[-1]
    return area_j + last_w * (until_s - last_s)
