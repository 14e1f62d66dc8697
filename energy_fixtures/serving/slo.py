"""Service levels: read, held against the answers of a run. Pure.

    ttft_p99_ms:500,tpot_p99_ms:50      99 of 100 first tokens within 0.5 s, 99 of 100 mean gaps within 50 ms

A request is good when it keeps the seconds of every limit, whatever the percentile; the level is met when enough of them
do. A request that brought no whole answer is good in nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Request
from energy_fixtures.serving.records import Limit, ServiceLevel

LATENCIES: dict[str, Callable[[Request], float | None]] = {
    "ttft": lambda request: request.ttft_s,
    "tpot": lambda request: request.tpot_s,
    "e2el": lambda request: request.e2e_s,
}

EXAMPLE = "for example ttft_p99_ms:500,tpot_p99_ms:50"

_LIMIT = re.compile(r"(?P<latency>[a-z0-9]+)_p(?P<percent>\d{1,2}(?:\.\d+)?|100)_ms:(?P<ms>\d+(?:\.\d+)?)", re.ASCII)


def service_level(text: str) -> ServiceLevel:
    """The service level that a person typed.

    Raises:
        ConfigurationError: A part that is no limit, an unknown latency, or the same latency twice.

    >>> service_level("ttft_p99_ms:500").limits[0].seconds
    0.5
    """
    limits: dict[str, Limit] = {}
    for part in text.split(","):
        found = _LIMIT.fullmatch(part.strip())
        if found is None or found["latency"] not in LATENCIES or not 0 < float(found["percent"]) <= 100:
            raise ConfigurationError(
                f"{part.strip()!r} is no limit; give ttft, tpot or e2el with a percentile and milliseconds, {EXAMPLE}"
            )
        latency, seconds = found["latency"], float(found["ms"]) / 1e3
        if latency in limits:
            raise ConfigurationError(f"{latency} is limited twice; give each latency once, {EXAMPLE}")
        if seconds <= 0:
            raise ConfigurationError(f"{part.strip()!r} allows no time at all; give milliseconds above 0")
        limits[latency] = Limit(latency=latency, share=float(found["percent"]) / 100, seconds=seconds)  # type: ignore[arg-type]  # it is one of LATENCIES
    return ServiceLevel(limits=tuple(limits.values()))


def worded(level: ServiceLevel) -> str:
    """A service level as a person reads it.

    >>> worded(service_level("ttft_p99_ms:500,tpot_p95_ms:50"))
    'TTFT p99 <= 500 ms, TPOT p95 <= 50 ms'
    """
    return ", ".join(
        f"{limit.latency.upper()} p{100 * limit.share:g} <= {1e3 * limit.seconds:g} ms" for limit in level.limits
    )


def is_good(request: Request, level: ServiceLevel) -> bool:
    """Whether a request keeps every limit; a latency that it cannot have (one token has no TPOT) is kept."""
    for limit in level.limits:
        seconds = LATENCIES[limit.latency](request)
        if seconds is not None and seconds > limit.seconds:
            return False
    return True


def is_met(requests: Sequence[Request], sent: int, level: ServiceLevel) -> bool:
    """Whether enough of all that were sent keep each limit; `requests` are the whole answers among them."""
    return all(_keeping(requests, limit) >= limit.share * sent for limit in level.limits)


def _keeping(requests: Sequence[Request], limit: Limit) -> int:
    latency = LATENCIES[limit.latency]
    return sum(1 for request in requests if (seconds := latency(request)) is None or seconds <= limit.seconds)
