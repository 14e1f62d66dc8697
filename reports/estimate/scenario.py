"""What an estimate assumes, in one record: the keys of a scenario file and of `--set`, with the published values as defaults.

Units stand in the names. kW, Wh and kWh are the papers' and the bills' own units and stay at this edge.

Source of the defaults, where no other is named:
    Felipe Oviedo et al., "Energy Use of AI Inference, Efficiency Pathways, and Test-Time Scaling", Joule, 2026
    (arXiv 2509.20241), and its released code, microsoft/aienergy_simulation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from energy_fixtures.record import Record, need
from reports.explain.costs import WORLD_GRID_GCO2E_PER_KWH

Method = Literal["released", "refined"]
Parameters = Literal["v1", "v2"]
Regime = Literal["traditional", "test-time", "agentic"]
Boundary = Literal["gpu_only", "active_accelerator", "facility", "full_stack"]

MOST_DRAWS = 20_000_000
"""Per model; more would need more memory than a laptop has, and the third digit stands long before."""

MOST_TOKENS = 10_000_000
"""No context is longer; powers of such lengths stay finite."""

MOST_TURNS = 1_000


class Spread(Record, frozen=True, kw_only=True):
    """A lognormal given by its 5th and 95th percentile; a constant where both are equal."""

    p5: float
    p95: float

    def __post_init__(self) -> None:
        need(math.isfinite(self.p5) and self.p5 > 0, "p5 must be above 0", self.p5)
        need(math.isfinite(self.p95) and self.p95 >= self.p5, "p95 must not lie below p5", self.p95)


class Node(Record, frozen=True, kw_only=True):
    """What serves: the highest power of a node, and of those of single models.

    `gpu_share` is the boards' part of it: 8 boards of 700 W in an NVIDIA DGX H100 of at most 10.2 kW (its user guide).
    """

    power_kw: float = 10.2
    models: Mapping[str, float] = msgspec.field(default_factory=lambda: {"DeepSeek-R1": 12.8})
    gpu_share: float = 5.6 / 10.2

    def __post_init__(self) -> None:
        for name, power_kw in (("power_kw", self.power_kw), *self.models.items()):
            need(0 < power_kw < 1e6, f"{name} must be above 0 kW", power_kw)
        need(0 < self.gpu_share <= 1, "gpu_share lies in (0, 1]", self.gpu_share)

    def power_of(self, model: str) -> float:
        """Highest power of the node that serves this model, kW."""
        return self.models.get(model, self.power_kw)


class Utilisation(Record, frozen=True, kw_only=True):
    """Share of the highest power that a busy node draws.

    `follows_throughput` takes 0.24 + 0.56 TPS / TPS_max instead of drawing it: the released code's sensitivity run.
    """

    p5: float = 0.4
    p95: float = 0.9
    follows_throughput: bool = False

    def __post_init__(self) -> None:
        need(0 < self.p5 <= self.p95 <= 1, "utilisation needs 0 < p5 <= p95 <= 1", (self.p5, self.p95))


class Pue(Record, frozen=True, kw_only=True):
    """Energy of the facility over that of its machines (ISO/IEC 30134-2)."""

    p5: float = 1.05
    p95: float = 1.60

    def __post_init__(self) -> None:
        fits = 1 <= self.p5 <= self.p95 < 100
        need(fits, "PUE is facility over IT energy and needs 1 <= p5 <= p95", (self.p5, self.p95))


class Tokens(Record, frozen=True, kw_only=True):
    """Lengths of a query: a fixed prompt, and the medians of exponentially distributed answers.

    `input_divisor` adds L_in / divisor to the output tokens (released method only; 30 in its sensitivity run).
    """

    input: int = 500
    traditional: float = 300.0
    test_time: float = 5_000.0
    input_divisor: float | None = None

    def __post_init__(self) -> None:
        for name in ("input", "traditional", "test_time"):
            need(
                1 <= getattr(self, name) <= MOST_TOKENS,
                f"{name} lies between 1 and {MOST_TOKENS:,} tokens",
                getattr(self, name),
            )
        divisor = self.input_divisor
        need(divisor is None or 0 < divisor < math.inf, "input_divisor must be above 0", divisor)


class Agentic(Record, frozen=True, kw_only=True):
    """A task of several turns whose context grows by each answer and by what tools return. Own example, not published.

    Attributes:
        turns: Calls of the model per task.
        input: Prompt of the first turn, tokens.
        output: Median answer of a turn, tokens, exponentially distributed.
        growth: Tokens that tools and the user add between two turns, beside the answers themselves.
        cached_share: Part of the earlier turns' context that a prefix cache keeps from being computed again. Counts in the
            refined method only: the released one knows the prompt's length and nothing of a cache.
    """

    turns: int = 10
    input: int = 2_000
    output: float = 300.0
    growth: float = 1_000.0
    cached_share: float = 0.9

    def __post_init__(self) -> None:
        need(1 <= self.turns <= MOST_TURNS, f"turns lie between 1 and {MOST_TURNS:,}", self.turns)
        need(1 <= self.input <= MOST_TOKENS, f"input lies between 1 and {MOST_TOKENS:,} tokens", self.input)
        need(1 <= self.output <= MOST_TOKENS, f"output lies between 1 and {MOST_TOKENS:,} tokens", self.output)
        need(0 <= self.growth <= MOST_TOKENS, f"growth lies between 0 and {MOST_TOKENS:,} tokens", self.growth)
        need(0 <= self.cached_share <= 1, "cached_share lies in [0, 1]", self.cached_share)


class FleetPlan(Record, frozen=True, kw_only=True):
    """So many queries a day.

    `factors` multiply to 1.3256: unevenly used nodes and interconnect. The released code does not say which is which.
    `growth_per_year` is of the queries, 0.5 for half as many again each year, told for `years` years from now.
    """

    queries_per_day: float = 1e9
    long_share: float = 0.1
    growth_per_year: float = 0.0
    years: int = 0
    factors: tuple[float, ...] = (1.10, 1.076, 1.12)

    def __post_init__(self) -> None:
        need(0 < self.queries_per_day <= 1e15, "queries_per_day must be above 0 and at most 1e15", self.queries_per_day)
        need(0 <= self.long_share <= 1, "long_share lies in [0, 1]", self.long_share)
        need(-1 < self.growth_per_year <= 100, "growth_per_year lies between -1 and 100", self.growth_per_year)
        need(0 <= self.years <= 50, "years lie between 0 and 50", self.years)
        for factor in self.factors:
            need(1 <= factor <= 10, "a fleet factor lies between 1 and 10", factor)

    @property
    def factor(self) -> float:
        """All factors multiplied, 1.3256 as published."""
        return math.prod(self.factors)


class Levers(Record, frozen=True, kw_only=True):
    """By how much an efficiency measure divides the energy. `serving_fleet*` and `routing` are of the fleet scripts."""

    model: Spread = Spread(p5=1.5, p95=10.0)
    serving: Spread = Spread(p5=1.5, p95=5.0)
    hardware: Spread = Spread(p5=1.5, p95=2.5)
    routing: Spread = Spread(p5=1.5, p95=5.0)
    serving_fleet: Spread = Spread(p5=1.5, p95=3.5)
    serving_fleet_long: Spread = Spread(p5=1.5, p95=3.0)


class Grid(Record, frozen=True, kw_only=True):
    """What a kilowatt-hour stands for.

    `water_l_per_kwh` is of the machines, cooling left out: Google's fleet in 2024 (arXiv 2508.15734). No price is assumed.
    """

    gco2e_per_kwh: float = WORLD_GRID_GCO2E_PER_KWH
    water_l_per_kwh: float = 1.15
    price_per_kwh: float | None = None
    currency: str = ""

    def __post_init__(self) -> None:
        need(0 <= self.gco2e_per_kwh < 1e5, "gco2e_per_kwh must not be below 0", self.gco2e_per_kwh)
        need(0 <= self.water_l_per_kwh < 1e5, "water_l_per_kwh must not be below 0", self.water_l_per_kwh)
        need(
            self.price_per_kwh is None or 0 <= self.price_per_kwh < 1e6,
            "price_per_kwh must not be below 0",
            self.price_per_kwh,
        )


class Row(Record, frozen=True, kw_only=True):
    """One published or measured throughput: output tokens per second of the whole node at these lengths."""

    input_tokens: float
    output_tokens: float
    tokens_per_s: float
    source: str

    def __post_init__(self) -> None:
        for name in ("input_tokens", "output_tokens"):
            need(
                1 <= getattr(self, name) <= MOST_TOKENS,
                f"{name} lies between 1 and {MOST_TOKENS:,}",
                getattr(self, name),
            )
        need(0 < self.tokens_per_s < 1e12, "tokens_per_s must be above 0", self.tokens_per_s)


class Served(Record, frozen=True, kw_only=True):
    """A model with the rows that are known of it."""

    name: str
    rows: tuple[Row, ...]
    params_b: float | None = None
    active_params_b: float | None = None
    quantization: str = ""
    hardware: str = ""


class Reference(Record, frozen=True, kw_only=True):
    """A figure from elsewhere that is shown beside the estimate, in the same boundary only."""

    name: str
    wh: float
    boundary: Boundary
    source: str


class Scenario(Record, frozen=True, kw_only=True):
    """Everything that an estimate assumes.

    `models` None stands for every model with enough rows. `served` adds models, or replaces those of the same name.
    `traces` are files of requests, for a fleet with the lengths of their rows.
    """

    title: str = ""
    method: Method = "released"
    parameters: Parameters = "v2"
    regime: Regime = "traditional"
    boundary: Boundary = "facility"
    models: tuple[str, ...] | None = None
    draws: int = 1_000_000
    seed: int = 42
    node: Node = Node()
    utilisation: Utilisation = Utilisation()
    pue: Pue = Pue()
    tokens: Tokens = Tokens()
    agentic: Agentic = Agentic()
    fleet: FleetPlan = FleetPlan()
    levers: Levers = Levers()
    grid: Grid = Grid()
    served: tuple[Served, ...] = ()
    traces: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        need(1 <= self.draws <= MOST_DRAWS, f"draws lie between 1 and {MOST_DRAWS:,} per model", self.draws)
        need(0 <= self.seed < 2**128, "a seed is a whole number from 0", self.seed)
        need(self.models is None or len(self.models) > 0, "models names at least one", self.models)
