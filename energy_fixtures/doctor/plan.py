"""How the seconds of an examination are spent; pure."""

from __future__ import annotations

from dataclasses import dataclass

from energy_fixtures.errors import ConfigurationError

DEFAULT_S = 50.0
"""With the start of Zeus and a look at each counter's period this makes about a minute."""

QUICK_S = 12.0
SHORTEST_S = 5.0
LONGEST_S = 3600.0

LOOK_S = 2.0  # finding what there is, and each counter's period
FEWEST_WINDOWS, MOST_WINDOWS = 6, 200
SHORTEST_WINDOW_S, LONGEST_WINDOW_S = 0.25, 1.0
SPANS = 6  # of one round of `read_rate.ORDER`
BETWEEN_SPANS_S = 0.25  # looking for a tick, and the update of rest after it
SHORTEST_SPAN_S, LONGEST_SPAN_S = 0.25, 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Windows at rest, then spans per counter for the effect of the read rate."""

    windows: int
    window_s: float
    span_s: float
    rounds: int

    @classmethod
    def of(cls, seconds: float, counters: int) -> Plan:
        """Half of the time goes to the windows, which all counters share, half to the spans, which they take in turn.

        Many counters take longer than `seconds`: spans below SHORTEST_SPAN_S would show nothing.
        """
        half_s = max(0.0, seconds - LOOK_S) / 2
        window_s = min(LONGEST_WINDOW_S, max(SHORTEST_WINDOW_S, half_s / (2 * FEWEST_WINDOWS)))
        each_s = half_s / max(1, counters)
        span_s = min(LONGEST_SPAN_S, max(SHORTEST_SPAN_S, each_s / SPANS - BETWEEN_SPANS_S))
        return cls(
            windows=min(MOST_WINDOWS, max(FEWEST_WINDOWS, int(half_s / window_s))),
            window_s=window_s,
            span_s=span_s,
            rounds=max(1, int(each_s / (SPANS * (span_s + BETWEEN_SPANS_S)))),
        )


def seconds_of(asked_s: float | None, *, quick: bool) -> float:
    """How long to measure.

    Args:
        asked_s: What the user said, None for the default.
        quick: Whether a first look is enough.

    Raises:
        ConfigurationError: Both were said, or so many seconds cannot be used.
    """
    if asked_s is None:
        return QUICK_S if quick else DEFAULT_S
    if quick:
        raise ConfigurationError("--quick says how long already; leave it or --seconds out")
    if not SHORTEST_S <= asked_s <= LONGEST_S:
        raise ConfigurationError(f"--seconds is {asked_s:g}; it needs {SHORTEST_S:g} to {LONGEST_S:g}")
    return asked_s
