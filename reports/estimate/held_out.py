"""How well each fit foretells a row that it has not seen: every published row left out in turn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from energy_fixtures.errors import ConfigurationError
from reports.estimate.scenario import Row, Served
from reports.estimate.sections import Section
from reports.estimate.throughput import Phases, Scatter, node_phases, piecewise, pooled
from reports.statistics import quantile

LEVEL = 0.90


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """One row and what was said of it without it, output tokens/s; `inside`: whether the refined 90 % interval holds it."""

    model: str
    row: Row
    released: float
    refined: float
    inside: bool


def held_out(models: Sequence[Served]) -> Iterator[HeldOut]:
    """Rows of models that keep two others which tell prefill from decode."""
    for model in models:
        for number, row in enumerate(model.rows):
            rest = replace(model, rows=model.rows[:number] + model.rows[number + 1 :])
            try:
                fit, released = node_phases(rest), piecewise(rest)
            except ConfigurationError:
                continue
            others = [rest if one is model else one for one in models]
            scatter = pooled([node_phases(one) for one in others])
            assert scatter is not None  # other models have rows enough
            lengths = np.array([row.input_tokens]), np.array([row.output_tokens])
            seconds = fit.cost(*lengths).item()
            off = abs(math.log(row.output_tokens / row.tokens_per_s / seconds))
            yield HeldOut(
                model=model.name,
                row=row,
                released=released.tokens_per_s(*lengths).item(),
                refined=row.output_tokens / seconds,
                inside=off <= _reach(fit, scatter, row, seconds),
            )


def _reach(fit: Phases, scatter: Scatter, row: Row, seconds: float) -> float:
    """Half of the predictive interval of ln(seconds): the fit's own doubt, and the row's scatter around it."""
    share = fit.prefill * row.input_tokens / seconds
    (r00, _), (r10, r11) = fit.root
    doubt = math.hypot(share * r00 + (1 - share) * r10, (1 - share) * r11)
    return quantile(scatter.freedom, LEVEL) * scatter.deviation * math.hypot(doubt, 1)


def typical_factor(found: Sequence[float], true: Sequence[float]) -> float:
    """Geometric mean of the larger over the smaller: 1.3 when a figure is typically a factor of 1.3 off."""
    return math.exp(math.fsum(abs(math.log(a / b)) for a, b in zip(found, true, strict=True)) / len(found))


def held_out_section(models: Sequence[Served]) -> Section:
    """Both methods side by side."""
    rows = list(held_out(models))
    true = [one.row.tokens_per_s for one in rows]
    inside = sum(one.inside for one in rows)
    return Section(
        heading=f"Throughput of {len(rows)} published rows, each foretold without it",
        columns=("method", "typically off by a factor of", "inside its 90 % interval"),
        rows=(
            ("released", f"{typical_factor([one.released for one in rows], true):.2f}", "it has none"),
            ("refined", f"{typical_factor([one.refined for one in rows], true):.2f}", f"{inside} of {len(rows)}"),
        ),
    )
