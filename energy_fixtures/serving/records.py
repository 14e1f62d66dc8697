"""The words of serving: how requests arrive, what became of each, and which service level they were held to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from energy_fixtures.readings import MOST_COUNTED, Counted, Reading, Seconds, Since
from energy_fixtures.record import Record, need

Process = Literal["all_at_once", "constant", "poisson", "gamma", "trace"]
"""How requests come:

all_at_once   every one at the first moment; with `max_concurrency` the next one follows when one has ended
constant      one every 1 / request_rate seconds
poisson       gaps drawn from the exponential distribution with that mean
gamma         gaps drawn from the gamma distribution with that mean and shape `burstiness`; 1 is poisson, less is burstier
trace         at the recorded times of `workload`, each multiplied by `time_scale`
"""

Failure = Literal["at_capacity", "http_error", "malformed", "cut_off", "stalled", "unreachable"]
"""Why a request brought no whole answer:

at_capacity   the server answered 429 or 503
http_error    it answered with another status than 200, or said inside the stream that an error happened
malformed     what it streamed was no event stream of the OpenAI completions API
cut_off       the stream ended before its end was announced
stalled       nothing came for longer than the client waits
unreachable   the connection was refused or reset
"""

HIGHEST_RATE = 1e5  # requests/s; one machine sends some thousands


class Arrivals(Record, frozen=True, kw_only=True):
    """When the requests of one run are sent, and what they share. Build it with one of the five constructors.

    Attributes:
        process: See `Process`.
        requests: Of one run, N.
        request_rate: Requests per second over all of them, conversations included; `constant`, `poisson`, `gamma` only.
        burstiness: Shape of the gamma distribution, vLLM's definition; `gamma` only.
        time_scale: Recorded seconds are multiplied by this; `trace` only. Below 1 is faster than it was.
        max_concurrency: Most requests on their way at once; None for no limit.
        workload: Trace or generator that the lengths come from (and with `trace` the times); None for the Scenario's
            own lengths, with `trace` for the session's `--energy-workload`. With a workload the Scenario's lengths are then the longest that are asked for: longer ones are cut, and counted.
        turns: Requests of one conversation. Each repeats the conversation before it and comes when the one before
            ended; only first turns have a scheduled time.
        shared_prefix_tokens: So many tokens at the start of every prompt are the same, part of `input_tokens`.
    """

    process: Process
    requests: int
    request_rate: float | None = None
    burstiness: float | None = None
    time_scale: float | None = None
    max_concurrency: int | None = None
    workload: str | None = None
    turns: int = 1
    shared_prefix_tokens: int = 0

    def __post_init__(self) -> None:
        need(self.requests >= 1, "requests must be >= 1", self.requests)
        need(self.turns >= 1, "turns must be >= 1", self.turns)
        need(self.requests % self.turns == 0, f"requests must be a multiple of {self.turns} turns", self.requests)
        need(self.shared_prefix_tokens >= 0, "shared_prefix_tokens must be >= 0", self.shared_prefix_tokens)
        need(
            self.max_concurrency is None or self.max_concurrency >= 1,
            "max_concurrency must be >= 1",
            self.max_concurrency,
        )
        rated = self.process in ("constant", "poisson", "gamma")
        if rated:
            rate = self.request_rate
            need(
                rate is not None and 0 < rate <= HIGHEST_RATE,
                f"{self.process} arrivals need a request_rate in (0, {HIGHEST_RATE:g}]",
                rate,
            )
        else:
            need(self.request_rate is None, f"{self.process} arrivals have no request_rate", self.request_rate)
        if self.process == "gamma":
            shape = self.burstiness
            need(shape is not None and 0 < shape < float("inf"), "gamma arrivals need a burstiness > 0", shape)
        else:
            need(
                self.burstiness is None, f"burstiness belongs to gamma arrivals, not to {self.process}", self.burstiness
            )
        if self.process == "trace":
            scale = self.time_scale
            need(scale is not None and 0 < scale < float("inf"), "trace arrivals need a time_scale > 0", scale)
        else:
            need(
                self.time_scale is None, f"time_scale belongs to trace arrivals, not to {self.process}", self.time_scale
            )
        shared = self.turns > 1 or self.shared_prefix_tokens > 0
        need(
            not (shared and self.workload is not None),
            "turns and shared_prefix_tokens need the Scenario's own lengths, not a workload's",
            self.workload,
        )

    @classmethod
    def all_at_once(cls, requests: int, *, max_concurrency: int | None = None) -> Arrivals:
        """Every request at the first moment, or as many as `max_concurrency` allows."""
        return cls(process="all_at_once", requests=requests, max_concurrency=max_concurrency)

    @classmethod
    def constant(cls, requests: int, request_rate: float) -> Arrivals:
        """One every 1 / `request_rate` seconds."""
        return cls(process="constant", requests=requests, request_rate=request_rate)

    @classmethod
    def poisson(cls, requests: int, request_rate: float) -> Arrivals:
        """Independent of each other, `request_rate` per second on average."""
        return cls(process="poisson", requests=requests, request_rate=request_rate)

    @classmethod
    def gamma(cls, requests: int, request_rate: float, burstiness: float) -> Arrivals:
        """In bursts where `burstiness` < 1, evenly where it is large."""
        return cls(process="gamma", requests=requests, request_rate=request_rate, burstiness=burstiness)

    @classmethod
    def trace(cls, requests: int, workload: str | None = None, *, time_scale: float = 1.0) -> Arrivals:
        """As recorded in `workload`, lengths included; in the session's `--energy-workload` where none is named."""
        return cls(process="trace", requests=requests, workload=workload, time_scale=time_scale)


class Served(Record, frozen=True, kw_only=True, array_like=True):
    """One request of a run, in seconds after the run began.

    Attributes:
        due_s: When it was to be sent: its scheduled time, or later when the turn before it ended or a place among
            `max_concurrency` became free.
        sent_s: When it was sent. What lies between is the client's own delay.
        first_token_s: None where none came.
        ended_s: When its last token came, or when it failed.
        output_tokens: That came.
        failure: None for a whole answer.
    """

    due_s: Seconds
    sent_s: Seconds
    first_token_s: Seconds | None
    ended_s: Seconds
    output_tokens: Counted
    failure: Failure | None = None


class Gaps(Record, frozen=True, kw_only=True):
    """Inter-token latencies of a run as vLLM counts them: every gap between two successive chunks of one request.

    Quantiles are linear between the two nearest gaps, as NumPy's default. A chunk may hold several tokens.
    """

    count: Counted
    mean_s: Seconds
    p50_s: Seconds
    p90_s: Seconds
    p95_s: Seconds
    p99_s: Seconds


class Steady(Record, frozen=True, kw_only=True):
    """The steady state of a run, as ML.ENERGY bounds it: B first tokens until N - B - 1 answers are whole.

    Attributes:
        begin_s, end_s: In seconds after the run began.
        output_tokens: Tokens that came in between, the first of a request included.
        requests: Answers that became whole in between.
        reading: What a meter saw in between; None where it could not look twice at once.
    """

    begin_s: Seconds
    end_s: Seconds
    output_tokens: Annotated[float, Meta(ge=0, le=MOST_COUNTED)]
    requests: Counted
    reading: Reading | None = None

    @property
    def duration_s(self) -> float:
        """Length of the steady state."""
        return self.end_s - self.begin_s


class ServingRun(Record, frozen=True, kw_only=True):
    """What became of all requests of one arrival run.

    Attributes:
        requests: In the order they were planned.
        duration_s: From the run's beginning to the last answer's end.
        steady: None where it was not reached, as after failures.
        gaps: None where no request had two chunks.
        client_cpu_s: CPU seconds of the load client, which draws power on the machine that is metered.
        foreign_requests: Requests of others that the server finished meanwhile; None where it does not tell.
        cut: Requests of the workload that were longer than the Scenario allows.
        said: The first words of each kind of failure, the server's or the client's own; without folders and keys.
    """

    requests: tuple[Served, ...]
    duration_s: Seconds
    steady: Steady | None = None
    gaps: Gaps | None = None
    client_cpu_s: Seconds | None = None
    foreign_requests: Since | None = None
    cut: Counted = 0
    said: Mapping[Failure, str] = {}


class Limit(Record, frozen=True, kw_only=True, array_like=True):
    """One latency that a service level bounds: `share` of the requests stay within `seconds`."""

    latency: Literal["ttft", "tpot", "e2el"]
    share: float
    seconds: float

    def __post_init__(self) -> None:
        need(0 < self.share <= 1, "the share of a limit is in (0, 1]", self.share)
        need(0 < self.seconds < float("inf"), "a limit is above 0 seconds", self.seconds)


class ServiceLevel(Record, frozen=True, kw_only=True):
    """What was asked of the latencies; a request is good when it keeps each limit's seconds."""

    limits: tuple[Limit, ...]

    def __post_init__(self) -> None:
        need(len(self.limits) >= 1, "a service level has at least one limit", self.limits)
