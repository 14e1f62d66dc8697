"""What `joules doctor` finds on a machine: records with a stable JSON form, and no opinion on how to print them."""

from __future__ import annotations

from collections.abc import Mapping

from energy_fixtures.record import Record

SCHEMA_VERSION = 1
"""Of the JSON of an Examination; it grows when a field changes its meaning or goes."""

Fact = str | int | float | bool


class IdlePower(Record, frozen=True, kw_only=True):
    """One counter over consecutive short windows at rest.

    Attributes:
        mean_w, spread_w: Mean of the windows' powers and their standard deviation.
        lowest_w, highest_w: The extremes of the windows.
        window_s, windows: How long each was (mean), and how many there were.
        edge_j: One standard uncertainty of the joules at one end of a window, as far as the windows show it.
    """

    mean_w: float
    spread_w: float
    lowest_w: float
    highest_w: float
    window_s: float
    windows: int
    edge_j: float


class ReadRate(Record, frozen=True, kw_only=True):
    """How much less a counter advances at rest the more often it is read.

    Attributes:
        once_short, fast_short: Share of the power that is missing when it is read about once per update (100 times a
            second where it updates faster than can be waited for) and at `fast_hz`, against reading it at the ends of the span only. Negative: there was more.
        uncertainty: One standard uncertainty of both shares, from the scatter of equal spans.
        once_hz, fast_hz: How often it was really read in those spans.
        span_s, spans: How long each span was, and how many of each kind there were.
    """

    once_short: float
    fast_short: float
    uncertainty: float
    once_hz: float
    fast_hz: float
    span_s: float
    spans: int


class Agreement(Record, frozen=True, kw_only=True):
    """The counter beside the power sensor of the same board over the same windows at rest.

    Attributes:
        sensor_w: Mean of the sampled power.
        ratio: Sampled power over the counter's.
        uncertainty: One standard uncertainty of the ratio, from its scatter over the windows.
        samples: How many times power was sampled.
    """

    sensor_w: float
    ratio: float
    uncertainty: float
    samples: int


class ShortestWindow(Record, frozen=True, kw_only=True):
    """How long a window has to be for an error of `error` (half of a 95 % interval, as a share of its joules).

    Attributes:
        level_s: While power is level; `level_edge_j` is what one end then is uncertain by, at `level_w`.
        changing_s: At worst: power jumps by `swing_w` somewhere inside the counter's tick at both ends, around a mean of
            `changing_w`. No power samples are taken to help; with them it is less.
    """

    error: float
    level_s: float
    level_w: float
    level_edge_j: float
    changing_s: float
    changing_w: float
    swing_w: float


class CounterFinding(Record, frozen=True, kw_only=True):
    """What is known of one domain's energy counter.

    Attributes:
        domain: `gpu:0`, `cpu:0`, ...
        contents: What its joules contain, in one phrase.
        period_s, period_error_s, step_j, read_s: See `meters.base.Cadence`; None where it could not be
            measured, which for `step_j` is also the case at perfectly level power.
        range_j: Where the counter starts again from zero, None where it does not.
        wraps_after_s: How long that takes at idle power.
        problem: What kept it from being examined, in one sentence with the remedy; None when all went well.
    """

    domain: str
    contents: str | None = None
    period_s: float | None = None
    period_error_s: float | None = None
    step_j: float | None = None
    read_s: float | None = None
    range_j: float | None = None
    wraps_after_s: float | None = None
    idle: IdlePower | None = None
    read_rate: ReadRate | None = None
    agreement: Agreement | None = None
    shortest_window: ShortestWindow | None = None
    problem: str | None = None


class BoardFinding(Record, frozen=True, kw_only=True):
    """How one board was while it was examined.

    Attributes:
        facts: What `energy_fixtures.boards` says of it: name, driver, power limit, ECC, MIG, persistence, clocks.
        sensor_w: Mean of the power that it says it draws, also where it has no counter.
        temperature_start_c, temperature_end_c: None where the board does not tell.
        sm_clock_hz, power_limit_w, throttle, foreign_processes, mig: As seen at the end; None where the board does not tell.
    """

    domain: str
    facts: Mapping[str, Fact] = {}
    sensor_w: float | None = None
    temperature_start_c: float | None = None
    temperature_end_c: float | None = None
    sm_clock_hz: float | None = None
    power_limit_w: float | None = None
    throttle: tuple[str, ...] | None = None
    foreign_processes: int | None = None
    mig: bool | None = None


class Modelled(Record, frozen=True, kw_only=True):
    """What stands in where nothing can be measured: watts of a core and where they come from."""

    idle_w_per_core: float
    load_w_per_core: float
    cores: int
    source: str


class Verdict(Record, frozen=True, kw_only=True):
    """What follows for a measurement on this machine.

    Attributes:
        measured: Whether joules can be measured here at all.
        shortest_level_s, shortest_changing_s: The longest of the domains' shortest windows; None without a counter.
        loses_when_read_fast: Domains whose counter falls short when it is read quickly.
        doubts: Codes of `energy_fixtures.reasons` that a measurement here would carry, by domain; "" is the machine.
    """

    measured: bool
    shortest_level_s: float | None = None
    shortest_changing_s: float | None = None
    loses_when_read_fast: tuple[str, ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()


class Examination(Record, frozen=True, kw_only=True):
    """Everything that one run of `joules doctor` found.

    Attributes:
        schema_version: `SCHEMA_VERSION`.
        examined_at: ISO 8601, UTC.
        took_s: How long it all took.
        host, packages: See `energy_fixtures.environment`.
        missing: One sentence per kind of meter that cannot be read, each with its one-line fix.
        modelled: What the modelled meter would take.
    """

    schema_version: int
    examined_at: str
    took_s: float
    host: Mapping[str, Fact]
    packages: Mapping[str, str]
    counters: tuple[CounterFinding, ...]
    boards: tuple[BoardFinding, ...]
    missing: tuple[str, ...]
    modelled: Modelled
    verdict: Verdict
