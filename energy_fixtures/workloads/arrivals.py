"""When requests come: the times of one run, drawn from a seed. Pure, and without NumPy.

    all at once   | | | | |          0, 0, 0, ...
    constant      |   |   |   |      one every 1 / rate
    poisson       | |     |  |       independent gaps, exponential with mean 1 / rate
    gamma         ||    | |||   |    gaps gamma distributed with mean 1 / rate and shape `burstiness`
    trace         as recorded, times a factor

The first request comes at 0. vLLM stretches a drawn run to its exact length; here gaps stay as drawn, so that they keep
their law, and a run's rate varies from seed to seed. All rounds of a case use the seed of its Scenario, so this is the
same in each of them, and in a baseline.

Source: burstiness as in vLLM 0.32, `vllm/benchmarks/serve.py`: shape = burstiness, scale = 1 / (rate × burstiness).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.serving.records import Arrivals


def arrival_times_s(arrivals: Arrivals, seed: int, recorded_s: Sequence[float] | None = None) -> list[float]:
    """Seconds after the run's beginning at which conversations start, never falling, the first at 0.

    Args:
        arrivals: How they come. `request_rate` counts every request, so conversations of several turns start at that
            rate over the turns.
        seed: Equal seeds give equal times, on every machine.
        recorded_s: Times of the workload's requests, in order; needed for `trace`.

    Returns:
        `arrivals.requests // arrivals.turns` times.

    Raises:
        ConfigurationError: The workload of a trace holds no times, or fewer than are asked for.
    """
    count = arrivals.requests // arrivals.turns
    if arrivals.process == "all_at_once":
        return [0.0] * count
    if arrivals.process == "trace":
        return _replayed(arrivals, count, recorded_s)
    assert arrivals.request_rate is not None  # of these processes an Arrivals has one
    rate = arrivals.request_rate / arrivals.turns
    if arrivals.process == "constant":
        return [index / rate for index in range(count)]
    gap_s = _gap(arrivals, rate, seed)
    return list(itertools.accumulate((gap_s() for _ in range(count - 1)), initial=0.0))


def _gap(arrivals: Arrivals, rate: float, seed: int) -> Callable[[], float]:
    # a string as seed is hashed by SHA-512: unlike with integers, near seeds give unrelated streams
    draw = random.Random(f"joules arrivals {seed}")
    if arrivals.process == "poisson":
        return lambda: draw.expovariate(rate)
    assert arrivals.burstiness is not None  # of gamma arrivals
    shape, scale = arrivals.burstiness, 1 / (rate * arrivals.burstiness)
    return lambda: draw.gammavariate(shape, scale)


def _replayed(arrivals: Arrivals, count: int, recorded_s: Sequence[float] | None) -> list[float]:
    assert arrivals.time_scale is not None  # of trace arrivals
    if recorded_s is None:
        raise ConfigurationError(
            f"workload {arrivals.workload!r} holds no times to replay; use a trace with times, or another arrival process"
        )
    if len(recorded_s) < count:
        raise ConfigurationError(
            f"workload {arrivals.workload!r} holds {len(recorded_s)} requests and {count} are to be replayed; ask for fewer"
        )
    first_s = recorded_s[0]
    return [(at_s - first_s) * arrivals.time_scale for at_s in recorded_s[:count]]
