"""Power at rest over consecutive short windows, and the power sensor beside the counter; pure but for `take_moments`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from energy_fixtures.doctor.spread import deviation, edge_uncertainty, mean, uncertainty_of_mean
from energy_fixtures.doctor.ticks import Moment, TickingCounter
from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.examination import Agreement, IdlePower
from energy_fixtures.meters.base import PowerSample


def take_moments(
    counters: Sequence[TickingCounter],
    *,
    windows: int,
    window_s: float,
    until: Callable[[float], None],
    failed: Callable[[str, str], None],
) -> dict[str, list[Moment]]:
    """Read every counter at the ends of consecutive windows; what it showed, by domain.

    Args:
        counters: All are read in the same windows, each at its own good moment.
        windows, window_s: How many, and how long each.
        until: Called with the moment up to which there is nothing to do; it waits, or samples power.
        failed: Called with domain and sentence when a counter cannot be read any more; it is then left alone.
    """
    moments: dict[str, list[Moment]] = {counter.domain: [] for counter in counters}
    reading = list(counters)
    if not reading:
        return moments
    clock = reading[0].clock
    begin_s = clock()
    for window in range(windows + 1):
        due: list[tuple[float, TickingCounter]] = []
        for counter in tuple(reading):
            try:
                due.append((counter.next_s(max(begin_s + window * window_s, clock())), counter))
            except MeasurementInvalid as error:
                failed(counter.domain, str(error))
                reading.remove(counter)
        for when_s, counter in sorted(due, key=lambda pair: pair[0]):
            until(when_s)
            try:
                moments[counter.domain].append(counter.read_at(when_s))
            except MeasurementInvalid as error:
                failed(counter.domain, str(error))
                reading.remove(counter)
    return moments


def idle_power(counter: TickingCounter, moments: Sequence[Moment]) -> IdlePower | None:
    """Mean and spread of the windows between these moments; None with fewer than three.

    Raises:
        MeasurementInvalid: The counter went backwards.
    """
    if len(moments) < 3:
        return None
    powers_w = [counter.power_w(begin, end) for begin, end in itertools.pairwise(moments)]
    lengths_s = [end.at_s - begin.at_s for begin, end in itertools.pairwise(moments)]
    length_s = mean(lengths_s)
    return IdlePower(
        mean_w=counter.power_w(moments[0], moments[-1]),
        spread_w=deviation(powers_w),
        lowest_w=min(powers_w),
        highest_w=max(powers_w),
        window_s=length_s,
        windows=len(powers_w),
        edge_j=edge_uncertainty([power_w * length_s for power_w in powers_w]),  # as if all were equally long
    )


def agreement(counter: TickingCounter, moments: Sequence[Moment], samples: Sequence[PowerSample]) -> Agreement | None:
    """The sensor's mean over the counter's, window by window; None where fewer than two windows can be compared.

    Raises:
        MeasurementInvalid: The counter went backwards.
    """
    ratios: list[float] = []
    used: list[float] = []
    for begin, end in itertools.pairwise(moments):
        counted_w = counter.power_w(begin, end)
        sampled_w = [sample.power_w for sample in samples if begin.at_s <= sample.at_s < end.at_s]
        if counted_w > 0 and sampled_w:
            ratios.append(mean(sampled_w) / counted_w)
            used += sampled_w
    if len(ratios) < 2:
        return None
    return Agreement(
        sensor_w=mean(used), ratio=mean(ratios), uncertainty=uncertainty_of_mean(ratios), samples=len(used)
    )
