"""Predictions and evaluations for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from energy_fixtures.units import duration, quantity, significant
from reports.predict.answer import Prediction
from reports.predict.physics import TERMS
from reports.render.text import plain

TERM_NAMES = {
    "idle": "boards at rest, for the time it takes",
    "awake": "boards held awake, launching and waiting for the host",
    "weights": "reading weights",
    "kv_cache": "reading the KV cache",
    "compute": "computing",
    "communication": "waiting for other boards",
}


def prediction_page(known: Prediction) -> list[RenderableType]:
    """The answer in a sentence, its terms, what it was asked, and what weakens it."""
    wh, asked = known.wh_per_request, known.inputs
    level = f"{100 * wh.level:.0f} %"
    boards = f"{asked.gpu_count} x {asked.gpu}" if asked.gpu_count > 1 else asked.gpu
    lines = [
        f"{asked.model} on {boards}: {quantity(wh.value, 'Wh')} per request, {quantity(wh.low, 'Wh')} to"
        f" {quantity(wh.high, 'Wh')} with {level} probability (predicted, not measured; GPUs only)",
    ]
    table = Table(title="joules per request by cause", box=box.SIMPLE, title_justify="left")
    table.add_column("cause")
    for heading in ("prefill", "decode", "together", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    total = known.joules_per_request.value
    for term in TERMS:
        prefill, decode = known.terms["prefill"][term], known.terms["decode"][term]
        if prefill + decode > 0:
            table.add_row(TERM_NAMES[term], *_joules(prefill, decode), f"{100 * (prefill + decode) / total:.0f} %")
    sums = [sum(known.terms[phase].values()) for phase in ("prefill", "decode")]
    table.add_row("all", *_joules(*sums), "100 %", style="bold")
    per_token = quantity(known.joules_per_output_token.value, "J/token")
    below = [
        f"batch {asked.batch}, {asked.input_tokens} tokens in, {asked.output_tokens} out, {asked.dtype}, {asked.execution}:"
        f" about {duration(known.seconds_per_batch)} for the batch, {per_token} of output",
        f"architecture: {asked.architecture}, {asked.layers} layers, {asked.parameters / 1e9:.4g} B parameters,"
        f" {asked.active_parameters / 1e9:.4g} B of them multiplied per token",
        *known.flags,
        f"fitted on {known.fitted_on}",
    ]
    return [
        Text(plain(lines[0]), style="bold"),
        Text(""),
        table,
        *(Text(plain(line)) for line in below),
    ]


def _joules(*values: float) -> Sequence[str]:
    """Each value and their sum, one unit for all so that they can be added by eye."""
    return [f"{significant(value)} J" if value else "—" for value in (*values, sum(values))]
