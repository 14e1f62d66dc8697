"""What an estimate says, as records for the terminal, the page and the JSON alike. Wh per query, as the papers say it."""

from __future__ import annotations

from collections.abc import Mapping

from energy_fixtures.record import Record
from reports.estimate.scenario import Boundary, Method, Parameters, Reference, Regime


class Quantiles(Record, frozen=True, kw_only=True):
    """Wh at the 5th, 25th, 50th, 75th and 95th percentile."""

    p5: float
    p25: float
    p50: float
    p75: float
    p95: float


class ModelEstimate(Record, frozen=True, kw_only=True):
    """One model. `in_blend`: whether it is one of the dearest. `basis`: what its figure rests on."""

    model: str
    wh: Quantiles
    in_blend: bool
    basis: str
    notes: tuple[str, ...] = ()


class Beside(Record, frozen=True, kw_only=True):
    """The blend by the other method, under the same assumptions."""

    method: Method
    models: tuple[str, ...]
    wh: Quantiles


class Footprint(Record, frozen=True, kw_only=True):
    """What the median query stands for; `money_per_million` None without a price."""

    gco2e: float
    water_ml: float
    money_per_million: float | None
    currency: str
    basis: str


class LeverEstimate(Record, frozen=True, kw_only=True):
    """Efficiency measures together: by how much they divide, and what is left of the blend."""

    levers: tuple[str, ...]
    divisor_p5: float
    divisor_median: float
    divisor_p95: float
    wh: Quantiles


class FleetCase(Record, frozen=True, kw_only=True):
    """One kind of day of a fleet; `low_gwh` and `high_gwh` are P5 and P95."""

    name: str
    gwh_per_day: float
    low_gwh: float
    high_gwh: float


class FleetYear(Record, frozen=True, kw_only=True):
    """The main case some years from now."""

    year: int
    queries_per_day: float
    gwh_per_day: float


class FleetEstimate(Record, frozen=True, kw_only=True):
    """So many queries a day, and figures to hold them against; years, tonnes, cubic metres and money are of `cases[main]`."""

    queries_per_day: float
    factor: float
    cases: tuple[FleetCase, ...]
    main: int
    interval: str
    years: tuple[FleetYear, ...]
    lines: Mapping[str, float]
    tco2e_per_day: float
    water_m3_per_day: float
    money_per_day: float | None


class TraceModel(Record, frozen=True, kw_only=True):
    """All requests of a trace served by one model, or an equal part by each of several."""

    model: str
    total_wh: float
    low_wh: float
    high_wh: float
    wh_per_request: float


class TraceEstimate(Record, frozen=True, kw_only=True):
    """A fleet of a trace: the lengths are those of its rows, every one of them."""

    files: tuple[str, ...]
    requests: int
    input_tokens: int
    output_tokens: int
    distinct_lengths: int
    empty_answers: int
    models: tuple[TraceModel, ...]
    interval: str


class Swing(Record, frozen=True, kw_only=True):
    """How far one assumption alone moves the blend's median, Wh."""

    assumption: str
    low: str
    high: str
    low_wh: float
    high_wh: float

    @property
    def width(self) -> float:
        """From one end to the other."""
        return abs(self.high_wh - self.low_wh)


class Answer(Record, frozen=True, kw_only=True, omit_defaults=False):
    """An estimate: never measured, and it says so.

    `origin` says what the costs rest on, `changed` names what is assumed otherwise than published, `assumptions` is the scenario in words, `notes` are doubts.
    """

    what: str
    origin: str
    title: str
    method: Method
    parameters: Parameters
    changed: tuple[str, ...]
    regime: Regime
    boundary: Boundary
    includes: str
    draws: int
    seed: int
    models: tuple[ModelEstimate, ...]
    blend_of: tuple[str, ...]
    blend: Quantiles | None
    beside: Beside | None
    footprint: Footprint | None
    levers: tuple[LeverEstimate, ...]
    fleet: FleetEstimate | None
    trace: TraceEstimate | None
    sensitivity: tuple[Swing, ...]
    references: tuple[Reference, ...]
    assumptions: Mapping[str, str]
    notes: tuple[str, ...]
