"""A meter that follows a made-up power trace, for tests, demos and machines without a counter.

    simulated                                  300 W on gpu:0
    simulated:400                              400 W on gpu:0
    simulated:square=100/600@0.7               100 W, then 600 W, each for half of 0.7 s, over and over
    simulated:sine=100/600@0.7                 between 100 W and 600 W, one swing in 0.7 s
    simulated:gpu:0=400,cpu:0=square=20/80@1   one trace per domain
    simulated:400,noise=2%,seed=7              every window off by a normal error of 2 %, the same in every session

Watts and seconds are decimal numbers. A trace starts when the meter is made. A window's joules are the exact integral
of the trace between its two ends, so that without noise the joules of adjoining windows add up.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.meters.base import MeterInfo, RecordedWindows, State
from energy_fixtures.meters.domains import choose_domains
from energy_fixtures.readings import Reading

DEFAULT_POWER_W = 300.0  # the order of one busy data-centre board; a round number so that nobody takes it for measured
DEFAULT_DOMAIN = "gpu:0"

_DOMAIN = re.compile(r"(gpu:\d+|cpu:\d+|dram:\d+|soc)=")
_TRACE = re.compile(r"(?P<shape>square|sine)=(?P<low>[^/@]+)/(?P<high>[^/@]+)@(?P<period>[^/@]+)")


@dataclass(frozen=True, kw_only=True)
class PowerTrace:
    """Power over time: `constant` at `high_w`, or between two levels with a period. Low comes first."""

    shape: str
    low_w: float
    high_w: float
    period_s: float

    def energy_j(self, until_s: float) -> float:
        """Joules from the trace's start to `until_s` seconds after it, in closed form."""
        if self.shape == "constant":
            return self.high_w * until_s
        whole, rest_s = divmod(until_s, self.period_s)
        mean_w, swing_w = (self.high_w + self.low_w) / 2, (self.high_w - self.low_w) / 2
        if self.shape == "square":
            half_s = self.period_s / 2
            part_j = self.low_w * min(rest_s, half_s) + self.high_w * max(0.0, rest_s - half_s)
        else:  # P(t) = mean - swing · cos(2πt/T), which starts at low_w
            part_j = mean_w * rest_s - swing_w * self.period_s / math.tau * math.sin(math.tau * rest_s / self.period_s)
        return whole * mean_w * self.period_s + part_j


@dataclass(frozen=True, kw_only=True)
class SimulatedSpec:
    """What stands after `simulated:`. `noise` is a relative standard deviation."""

    traces: tuple[tuple[str, PowerTrace], ...]
    noise: float = 0.0
    seed: int = 0


def parse_simulated(spec: str | None) -> SimulatedSpec:
    """Read the SPEC of `simulated[:SPEC]`; see the module's text for the grammar.

    Raises:
        ConfigurationError: The sentence quotes the part that is wrong and shows how it is written.
    """
    traces: dict[str, PowerTrace] = {}
    parsed = SimulatedSpec(traces=())
    for item in [part.strip() for part in (spec or "").split(",")] if spec is not None else []:
        if item.startswith("noise="):
            parsed = replace(parsed, noise=_noise(item))
        elif item.startswith("seed="):
            if not item[5:].isdecimal() or len(item) > 5 + 18:
                raise _bad(item, "a seed is a whole number of at most 18 digits, as in seed=7")
            parsed = replace(parsed, seed=int(item[5:]))
        else:
            match = _DOMAIN.match(item)
            domain = match[1] if match else DEFAULT_DOMAIN
            if domain in traces:
                raise _bad(item, f"{domain} has a trace already; give each domain one")
            traces[domain] = _trace(item[match.end() :] if match else item, item)
    if not traces:
        traces[DEFAULT_DOMAIN] = _constant(DEFAULT_POWER_W)
    return replace(parsed, traces=tuple(traces.items()))


def _constant(watts: float) -> PowerTrace:
    return PowerTrace(shape="constant", low_w=watts, high_w=watts, period_s=1.0)


def _trace(text: str, item: str) -> PowerTrace:
    match = _TRACE.fullmatch(text)
    if match is None:
        if text.startswith(("square", "sine")):
            raise _bad(item, "a periodic trace is written square=LOW/HIGH@SECONDS, as in square=100/600@0.7")
        rule = "watts are a number >= 0, as in 400, or a trace, as in square=100/600@0.7"
        return _constant(_number(text, item, rule))
    low, high = (_number(match[name], item, "the two levels are watts >= 0") for name in ("low", "high"))
    period = _number(match["period"], item, "the period is a number of seconds > 0")
    if period < 1e-6:
        raise _bad(item, "the period is a number of seconds, at least a millionth")
    return PowerTrace(shape=match["shape"], low_w=low, high_w=high, period_s=period)


def _noise(item: str) -> float:
    text = item.removeprefix("noise=")
    if not text.endswith("%"):
        raise _bad(item, "noise is a percentage, as in noise=2%")
    noise = _number(text[:-1], item, "noise is a percentage, as in noise=2%") / 100
    if noise >= 0.5:
        raise _bad(item, "noise must stay below 50%")
    return noise


def _number(text: str, item: str, rule: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise _bad(item, rule) from None
    if not math.isfinite(number) or number < 0 or number > 1e9:
        raise _bad(item, rule)
    return number


def _bad(item: str, rule: str) -> ConfigurationError:
    return ConfigurationError(f"--energy-meter=simulated cannot read {item!r}: {rule}")


@dataclass(frozen=True)
class _Window:
    begun_at_s: float


class SimulatedMeter:
    """Reads joules off a power trace; every Reading says that it was not measured."""

    def __init__(
        self,
        spec: str | None = None,
        *,
        wanted: tuple[str, ...] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parsed = parse_simulated(spec)
        traces = dict(parsed.traces)
        self._traces = {domain: traces[domain] for domain in choose_domains(wanted, traces, meter="simulated")}
        self._noise = parsed.noise
        self._random = random.Random(parsed.seed)
        self._clock = clock
        self._started_at_s = clock()
        self.info = MeterInfo(
            name="simulated",
            method="simulated",
            domains=tuple(self._traces),
            resolution_s=0.0,
            details=(("trace", spec or f"{DEFAULT_POWER_W:g}"),),
        )

    def begin(self, label: str, pids: tuple[int, ...]) -> object:
        """Note the time; see `Meter.begin`."""
        return _Window(self._clock())

    def end(self, token: object) -> Reading:
        """Integrate the trace since `begin`; see `Meter.end`."""
        assert isinstance(token, _Window), "end() takes what begin() gave"
        begin_s, end_s = token.begun_at_s - self._started_at_s, self._clock() - self._started_at_s
        true_j = {domain: trace.energy_j(end_s) - trace.energy_j(begin_s) for domain, trace in self._traces.items()}
        return Reading(
            energy_j={domain: max(0.0, joules * (1 + self._error())) for domain, joules in true_j.items()},
            duration_s=end_s - begin_s,
            method="simulated",
            uncertainty_j={domain: joules * self._noise for domain, joules in true_j.items()} if self._noise else {},
            doubts=("simulated_not_measured",),
        )

    def _error(self) -> float:
        return self._random.gauss(0.0, self._noise) if self._noise else 0.0

    def state(self, since_s: float, domains: tuple[str, ...] | None = None) -> State | None:
        """None: there is no board."""
        return None

    def recorded(self, label: str) -> RecordedWindows | None:
        """None: this meter reads now."""
        return None

    def close(self) -> None:
        """Nothing is held."""
