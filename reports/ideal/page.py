"""An answer of `joules ideal` for a terminal: a row per phase, then what the figures rest on."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.units import quantity, significant
from reports.ideal.answer import Answer, Phase
from reports.render.columns import UNKNOWN
from reports.render.tables import new_table
from reports.render.text import plain

HEADINGS = (
    "phase",
    "operations",
    "bytes",
    "time",
    "bound by",
    "ideal",
    "floor",
    "ideal per\ntoken",
    "floor per\ntoken",
)
GIB = 2**30


def terminal(answer: Answer) -> list[RenderableType]:
    """The table, then its notes."""
    boards = answer.board if answer.gpu_count == 1 else f"{answer.gpu_count} x {answer.board}"
    requests = "request" if answer.batch_size == 1 else "requests"
    lengths = f"{answer.batch_size} {requests} of {answer.input_tokens} + {answer.output_tokens} tokens"
    table = new_table(f"{answer.model} on {boards}, {answer.dtype}, {lengths} (modelled, not measured)")
    for index, heading in enumerate(HEADINGS):
        table.add_column(Text(heading), justify="left" if index in (0, 4) else "right", no_wrap=True)
    table.add_row(*_cells("prefill", answer.prefill))
    table.add_row(*_cells("decode", answer.decode))
    table.add_row(*_together(answer))
    return [table, *(Text(plain(line)) for line in _notes(answer))]


def _cells(name: str, phase: Phase) -> list[Text]:
    moved = phase.weight_bytes + phase.cache_read_bytes + phase.cache_written_bytes
    told = (
        name,
        large(phase.flop, "FLOP"),
        large(moved, "B"),
        quantity(max(phase.compute_s, phase.memory_s), "s") if phase.flop else UNKNOWN,
        phase.bound_by if phase.flop else UNKNOWN,
        quantity(phase.ideal_j, "J"),
        quantity(phase.floor_j, "J"),
        quantity(phase.ideal_joules_per_token, "J"),
        quantity(phase.floor_joules_per_token, "J"),
    )
    return [Text(cell) for cell in told]


def _together(answer: Answer) -> list[Text]:
    phases = (answer.prefill, answer.decode)
    moved = sum(phase.weight_bytes + phase.cache_read_bytes + phase.cache_written_bytes for phase in phases)
    told = (
        "both",
        large(sum(phase.flop for phase in phases), "FLOP"),
        large(moved, "B"),
        quantity(answer.time_s, "s"),
        "",
        quantity(answer.ideal_j, "J"),
        quantity(answer.floor_j, "J"),
        quantity(answer.ideal_joules_per_output_token, "J"),
        quantity(answer.floor_joules_per_output_token, "J"),
    )
    return [Text(cell) for cell in told]


def _notes(answer: Answer) -> list[str]:
    per_request = f"{quantity(answer.ideal_joules_per_request, 'J')} ideal, {quantity(answer.floor_joules_per_request, 'J')} floor"
    rest = "unknown, and left out of the floor (--idle-w)" if answer.idle_w is None else f"{answer.idle_w:g} W"
    lines = [
        f"per request: {per_request}; per token: prefill of prompt tokens, decode of output tokens after the first, both of all"
        " output tokens",
        f"ideal: operations at the {answer.peak} peak and {answer.tdp_w:g} W; floor: bytes at peak bandwidth and power at rest as"
        f" well; at rest: {rest}",
        f"{large(answer.parameters, 'parameters')}, {large(answer.active_parameters, 'active')}, {answer.attention};"
        f" weights and cache {significant(answer.memory_bytes / GIB)} GiB",
        f"board: {answer.board_source}",
    ]
    if not answer.fits:
        lines.insert(
            0, "does not fit: weights and cache need more memory than there is; the figures are arithmetic only"
        )
    return lines


def large(value: float, unit: str) -> str:
    """With the prefixes of large numbers.

    >>> large(7.2e12, "FLOP"), large(0.0, "B"), large(512.0, "B")
    ('7.20 TFLOP', '0 B', '512 B')
    """
    words = unit in ("parameters", "active")
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor * 0.9995:
            return f"{significant(value / factor)} {prefix}{' ' if words else ''}{unit}"
    return f"{significant(value)} {unit}"
