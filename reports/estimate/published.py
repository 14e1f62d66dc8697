"""How far this is from what was published: `joules estimate --check`.

released method, v2      every figure, from the draws asked for, and replayed digit by digit from the release's own seed
v1                       what v1's constants give
measured elsewhere       GPU energy against the same boundary here
Google                   its decomposition adds up, and full_stack follows from its accelerators
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from msgspec.structs import replace

from energy_fixtures.units import significant
from reports.estimate.blend import at, blended, dearest
from reports.estimate.boundary import ACCELERATOR_SHARE, GOOGLE, GOOGLE_PUE, IDLE_FACTOR
from reports.estimate.costs import Released
from reports.estimate.distributions import Floats
from reports.estimate.estimate import Draws, drawn
from reports.estimate.fleet import SERVING
from reports.estimate.held_out import held_out_section
from reports.estimate.levers import divisors
from reports.estimate.reading import published_models, published_references, read_scenario
from reports.estimate.replay import replay, replay_fleet
from reports.estimate.scenario import Regime, Scenario, Tokens
from reports.estimate.sections import Section
from reports.estimate.ways import priced, pue_of

if TYPE_CHECKING:
    from rich.console import RenderableType

MEAN_TO_MEDIAN = 0.6931471805599453  # ln 2, of an exponential
MEASURED = (("Llama 3.1 70B", 361.0), ("Llama 3.1 405B", None), ("Mixtral 8x22B", 389.0))
"""Models that were measured, with the mean of their output tokens where it is known."""

# Values behind the article's two digits, from 4e6 draws of the released code's equation: P25, median, P75.
LARGE_SAMPLE: dict[tuple[Regime, str], tuple[float, float, float]] = {
    ("traditional", "blend"): (0.1625, 0.309, 0.607),
    ("test-time", "blend"): (2.129, 3.902, 7.05),
    ("traditional", "DeepSeek-R1"): (0.258, 0.632, 1.297),
    ("test-time", "DeepSeek-R1"): (4.298, 10.574, 21.785),
    ("traditional", "Llama 3.1 Nemotron Ultra 253B"): (0.0514, 0.1259, 0.2584),
    ("test-time", "Llama 3.1 Nemotron Ultra 253B"): (0.856, 2.098, 4.306),
    ("traditional", "Llama 3.1 70B"): (0.0490, 0.0959, 0.1657),
    ("test-time", "Llama 3.1 70B"): (0.391, 0.765, 1.346),
}
# The released files, seed 42 and 10,000 draws.
SEED_42: dict[tuple[Regime, str], tuple[float, float, float]] = {
    ("traditional", "blend"): (0.1647, 0.3083, 0.6019),
    ("test-time", "blend"): (2.1505, 3.9068, 7.0467),
    ("traditional", "DeepSeek-R1"): (0.2572, 0.6333, 1.2922),
    ("test-time", "DeepSeek-R1"): (4.2927, 10.6016, 21.7058),
    ("traditional", "Llama 3.1 Nemotron Ultra 253B"): (0.0520, 0.1299, 0.2629),
    ("test-time", "Llama 3.1 Nemotron Ultra 253B"): (0.8663, 2.1661, 4.3819),
    ("traditional", "Llama 3.1 70B"): (0.0488, 0.0950, 0.1658),
    ("test-time", "Llama 3.1 70B"): (0.3891, 0.7570, 1.3479),
}
SEED_42_FLEET: dict[Regime, tuple[float, float, float]] = {
    "traditional": (0.73142, 0.72223, 0.74035),
    "test-time": (10.52967, 10.38185, 10.67438),
}
LARGE_FLEET = {"traditional": 0.731, "test-time": 10.50, "traditional, better serving": 0.3298, "10 % test-time": 1.711}
V1: dict[Regime, tuple[float, float, float]] = {"traditional": (0.180, 0.342, 0.671), "test-time": (2.36, 4.32, 7.80)}
QUARTILES = ("P25", "median", "P75")


@dataclass(frozen=True, kw_only=True)
class Check:
    """A published figure and ours. `digits` after the point for one that has to agree in all that are shown."""

    what: str
    published: float
    ours: float
    unit: str = "Wh"
    digits: int | None = None

    @property
    def off(self) -> float:
        """Ours over theirs, less one."""
        return self.ours / self.published - 1

    @property
    def exact(self) -> bool:
        """Whether all shown digits agree."""
        return self.digits is not None and round(self.ours, self.digits) == self.published


def checks(draws: int) -> tuple[list[Check], list[Check], list[Check], list[Check]]:
    """Released figures from so many draws, the replay, measured figures, and Google's."""
    return list(large_sample(draws)), list(replayed()), list(measured(draws)), list(google())


def report(draws: int = 1_000_000) -> list[RenderableType]:
    """For the terminal."""
    from reports.estimate.terminal import rendered

    return rendered(sections_of(draws))


def sections_of(draws: int) -> list[Section]:
    """The same as tables."""
    large, again, seen, others = checks(draws)
    headings = (
        f"Released method, {draws:,} draws, beside a large sample of the release's equation",
        "The release's own random numbers (seed 42, 10,000 draws), digit by digit",
        "Measured by ML.ENERGY (boards alone, medians or means of its own mix), beside the mean here, gpu_only",
        "Google's median prompt: its parts add up, and its total follows from its accelerators",
    )
    tables = [_section(heading, found) for heading, found in zip(headings, (large, again, seen, others), strict=True)]
    return [*tables, held_out_section(published_models())]


def _section(heading: str, found: Sequence[Check]) -> Section:
    rows = tuple(
        (
            one.what,
            f"{_shown(one, one.published)} {one.unit}",
            f"{_shown(one, one.ours)} {one.unit}",
            "every digit" if one.exact else f"{one.off:+.1%}",
        )
        for one in found
    )
    return Section(heading=heading, columns=("what", "published", "here", "off"), rows=rows)


def _shown(one: Check, value: float) -> str:
    return significant(value, 4) if one.digits is None else f"{value:.{one.digits}f}"


def large_sample(draws: int) -> Iterator[Check]:
    """Blend, models and fleets of v2, then v1's blend."""
    days: dict[str, float] = {}
    for regime in ("traditional", "test-time"):
        scenario = read_scenario(options={"draws": draws, "regime": regime})
        found = _drawn(scenario)
        for (of, name), published in LARGE_SAMPLE.items():
            if of == regime:
                yield from _quartiles(f"{name}, {regime}", published, _of(found, name))
        pool = np.concatenate(found.of_dearest)
        scale = scenario.fleet.queries_per_day * scenario.fleet.factor / 1e9
        days[regime] = float(pool.mean()) * scale
        improved = pool / divisors(scenario, SERVING[regime], len(pool))
        days[f"{regime}, better serving"] = float(improved.mean()) * scale
    days["10 % test-time"] = 0.9 * days["traditional"] + 0.1 * days["test-time"]
    for name, published_gwh in LARGE_FLEET.items():
        yield Check(what=f"fleet of 1e9 queries, {name}", published=published_gwh, ours=days[name], unit="GWh a day")
    for regime, published in V1.items():
        found = _drawn(read_scenario(options={"draws": draws, "regime": regime, "parameters": "v1"}))
        yield from _quartiles(f"v1 blend, {regime}", published, _of(found, "blend"))


def _drawn(scenario: Scenario) -> Draws:
    return drawn(priced(scenario), scenario, scenario.regime)


def _of(found: Draws, name: str) -> Floats:
    return blended(found.of_dearest) if name == "blend" else found.wh[found.names.index(name)]


def _quartiles(what: str, published: Sequence[float], wh: Floats, digits: int | None = None) -> Iterator[Check]:
    for label, share, value in zip(QUARTILES, (0.25, 0.5, 0.75), published, strict=True):
        yield Check(what=f"{what}, {label}", published=value, ours=at(wh, share), digits=digits)


def replayed() -> Iterator[Check]:
    """Blend, models and fleets from NumPy's legacy generator."""
    totals = {}
    for regime in ("traditional", "test-time"):
        wh = replay_regime(regime)
        names = dearest({name: float(np.median(one)) for name, one in wh.items()})
        parts = {name: np.sort(one) for name, one in wh.items()}
        parts["blend"] = blended([parts[name] for name in names])
        for (of, name), published in SEED_42.items():
            if of == regime:
                yield from _quartiles(f"{name}, {regime}", published, parts[name], digits=4)
        scenario = read_scenario()
        found = [value / 1e9 for value in replay_fleet(wh, scenario.fleet.queries_per_day, scenario.fleet.factor)]
        totals[regime] = found[0]
        for label, ours, one in zip(("median", "P5", "P95"), found, SEED_42_FLEET[regime], strict=True):
            yield Check(what=f"fleet, {regime}, {label}", published=one, ours=ours, unit="GWh a day", digits=5)
    mix = 0.9 * totals["traditional"] + 0.1 * totals["test-time"]
    yield Check(what="fleet, 10 % test-time", published=1.711, ours=mix, unit="GWh a day", digits=3)


def replay_regime(regime: Regime) -> dict[str, Floats]:
    """Wh of every draw by model."""
    scenario = read_scenario()
    costs = {one.name: cast(Released, one.cost) for one in priced(scenario)}
    median = scenario.tokens.traditional if regime == "traditional" else scenario.tokens.test_time
    return replay(costs, pue_of(scenario), median_tokens=median, input_tokens=float(scenario.tokens.input))


def measured(draws: int) -> Iterator[Check]:
    """The mean query of each method with the measured mean of output tokens, where it is known, else with the default."""
    published = {one.name.split(",")[0]: one.wh for one in published_references() if one.boundary == "gpu_only"}
    for method in ("released", "refined"):
        for name, tokens in MEASURED:
            scenario = read_scenario(
                options={"draws": draws, "method": method, "boundary": "gpu_only", "models": [name]}
            )
            if tokens is not None:
                scenario = replace(scenario, tokens=Tokens(traditional=tokens * MEAN_TO_MEDIAN))
            found = _drawn(scenario)
            yield Check(what=f"{name}, {method}", published=published[name], ours=float(found.wh[0].mean()))


def google() -> Iterator[Check]:
    """Sums, factors and water of the median Gemini prompt."""
    yield Check(what="accelerators + host + idle + overhead", published=0.24, ours=GOOGLE.total_wh, digits=2)
    yield Check(what="water at 1.15 L/kWh", published=0.253, ours=GOOGLE.water_ml(1.15), unit="mL", digits=3)
    whole = GOOGLE.accelerators_wh / ACCELERATOR_SHARE * IDLE_FACTOR * GOOGLE_PUE
    yield Check(what="full_stack from the accelerators at PUE 1.09", published=0.24, ours=whole)
    yield Check(
        what="full_stack over active_accelerator", published=1.72, ours=whole / GOOGLE.accelerators_wh, unit="×"
    )
