"""Power and state of the boards, sampled while the counters rest between their readings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from energy_fixtures.boards import Facts
from energy_fixtures.doctor.spread import mean
from energy_fixtures.examination import BoardFinding
from energy_fixtures.meters.base import PowerSample
from energy_fixtures.meters.nvml_sensor import BoardSensor, Conditions

SAMPLE_S = 0.1  # as often as most boards renew their power (arXiv 2312.02741)


class Sampler:
    """Looks at every board's power from time to time; keeps what it saw.

    Args:
        sensors: Of the boards.
        clock, sleep: Monotonic seconds, and waiting on the same clock.
    """

    def __init__(
        self,
        sensors: Sequence[BoardSensor],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sensors = sensors
        self._clock, self._sleep = clock, sleep
        self._started_c = {sensor.domain: _told(sensor.temperature_c) for sensor in sensors}
        self.samples: dict[str, list[PowerSample]] = {sensor.domain: [] for sensor in sensors}

    def until(self, moment_s: float) -> None:
        """Sample all boards every SAMPLE_S until a moment of the clock."""
        while self._sensors and self._clock() + SAMPLE_S < moment_s:
            for sensor in self._sensors:
                power_w = _told(sensor.power_w)
                if power_w is not None:
                    self.samples[sensor.domain].append(PowerSample(self._clock(), power_w))
            self._sleep(min(SAMPLE_S, max(0.0, moment_s - self._clock())))

    def boards(self, facts: Sequence[Facts]) -> tuple[BoardFinding, ...]:
        """How each board is now, with what was sampled. `facts` are those of gpu:0, gpu:1, ..., also without a sensor."""
        seen = {sensor.domain: self._board(sensor, facts) for sensor in self._sensors}
        silent = [place for place in range(len(facts)) if f"gpu:{place}" not in seen]
        return (*seen.values(), *(BoardFinding(domain=f"gpu:{place}", facts=facts[place]) for place in silent))

    def _board(self, sensor: BoardSensor, facts: Sequence[Facts]) -> BoardFinding:
        place = int(sensor.domain.partition(":")[2])
        seen = Conditions() if sensor.conditions is None else sensor.conditions()
        samples = self.samples[sensor.domain]
        return BoardFinding(
            domain=sensor.domain,
            facts=facts[place] if place < len(facts) else {},
            sensor_w=mean([sample.power_w for sample in samples]) if samples else None,
            temperature_start_c=self._started_c[sensor.domain],
            temperature_end_c=_told(sensor.temperature_c),
            sm_clock_hz=seen.sm_clock_hz,
            power_limit_w=seen.power_limit_w,
            throttle=seen.throttle,
            # this process has nothing on a board and starts nothing that has
            foreign_processes=None if seen.processes is None else len(seen.processes),
            mig=seen.mig,
        )


def _told(ask: Callable[[], float] | None) -> float | None:
    """What a sensor says, None where it does not: each maker's library has errors of its own."""
    if ask is None:
        return None
    try:
        return ask()
    except Exception:  # a board that is lost, or tells less than before, must not end the examination
        return None
