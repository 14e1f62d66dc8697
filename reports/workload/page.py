"""`joules workload` for a terminal: lengths, how often which, cells, and what weakens them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from energy_fixtures.units import duration, significant
from energy_fixtures.workloads.synthetic import Published
from reports.render.tables import new_table
from reports.render.text import plain
from reports.workload.answer import Answer, InCells
from reports.workload.summary import Pace, Side, Summary

BAR = 24
UNKNOWN = "—"
_FIGURES = ("mean", "sd", "median", "p90", "p95", "p99", "smallest", "largest")


def renderables(answer: Answer) -> list[RenderableType]:
    """The whole page."""
    made = ", synthetic: drawn, not recorded" if answer.synthetic else ""
    return [
        _title(f"workload {plain(answer.workload)}: {_requests(answer.summary.requests)}{made}"),
        _lengths(answer),
        *(Text(plain(line)) for line in _source(answer)),
        Text(),
        _title("requests by length, in classes up to a power of two"),
        _histogram(answer.summary),
        Text(),
        _title("requests by cell, lengths rounded up to a bin"),
        _cells(answer.binned),
        *(Text(line) for line in _inflation(answer.binned, answer.summary.requests)),
        *(Text(f"note: {plain(doubt)}") for doubt in answer.doubts),
    ]


def sentence(answer: Answer) -> str:
    """The workload in one line, for whoever has the page in a file."""
    binned = answer.binned
    label = f"{answer.workload} (synthetic)" if answer.synthetic else answer.workload
    return (
        f"{plain(label)}: {_requests(answer.summary.requests)}, {binned.kept:,} of them in {len(binned.cells)} of "
        f"{binned.cells_possible} cells; binning inflates {_factors(binned)}"
    )


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count:,} requests"


def _title(text: str) -> Text:
    return Text(text, style="bold")


def _table() -> Table:
    """In this project's look; its title stands above it, where a narrow table does not fold it."""
    table = new_table("")
    table.title = None
    return table


def _lengths(answer: Answer) -> Table:
    table = _table()
    for heading in ("tokens", *(name.replace("smallest", "min").replace("largest", "max") for name in _FIGURES)):
        table.add_column(heading, justify="left" if heading == "tokens" else "right", no_wrap=True)
    for name in ("input", "output"):
        side: Side = getattr(answer.summary, name)
        table.add_row(name, *(_figure(getattr(side, figure)) for figure in _FIGURES))
        if answer.reference is not None:
            published: Published = getattr(answer.reference, name)
            table.add_row("  published", *(_figure(getattr(published, figure, None)) for figure in _FIGURES))
    return table


def _source(answer: Answer) -> Iterable[str]:
    if answer.reference is not None:
        yield f"published: {answer.reference.stands_for} in Energy Considerations of LLM Inference, Tables 1 to 3"
    if answer.summary.pace is not None:
        yield _pace(answer.summary.pace, answer.summary.requests)
    else:
        yield "no arrival times: when requests come is a choice of whoever sends them"
    if not answer.synthetic:
        left_out = "".join(f", {count:,} left out: {reason}" for reason, count in answer.left_out.items())
        yield f"{answer.kind} format, {answer.rows_read:,} row{'s' * (answer.rows_read != 1)} read{left_out or ', none left out'}"
        unpacked = " unpacked" if answer.unpacked_sha256 else ""
        published = f", that of {answer.published_as}" if answer.published_as else ""
        yield f"SHA-256 {answer.unpacked_sha256 or answer.sha256}{unpacked}{published}"


def _pace(pace: Pace, requests: int) -> str:
    if requests == 1:
        return "one request: no gap between arrivals"
    if pace.rate_per_s is None or pace.gap_cv is None:
        return "all requests come at once"
    return (
        f"over {duration(pace.duration_s)}: {significant(pace.rate_per_s)} requests/s, "
        f"gaps between arrivals with a coefficient of variation of {pace.gap_cv:.2f}"
    )


def _histogram(summary: Summary) -> Table:
    table = _table()
    table.add_column("tokens", justify="right", no_wrap=True)
    for name in ("input", "output"):
        table.add_column(name, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
    most_in = max(one.input_requests for one in summary.classes)
    most_out = max(one.output_requests for one in summary.classes)
    for one in summary.classes:
        table.add_row(
            f"≤ {one.up_to_tokens:,}",
            f"{one.input_requests:,}",
            _bar(one.input_requests, most_in),
            f"{one.output_requests:,}",
            _bar(one.output_requests, most_out),
        )
    return table


def _bar(count: int, most: int) -> str:
    """Eighths of a block; something that is there shows."""
    eighths = max(round(8 * BAR * count / most), 1 if count else 0)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _cells(binned: InCells) -> Table:
    table = _table()
    table.add_column("input \\ output", justify="right", no_wrap=True)
    for bin_out in binned.output_bins:
        table.add_column(f"≤ {bin_out:,}", justify="right", no_wrap=True)
    counts = {(cell.input_tokens, cell.output_tokens): cell.requests for cell in binned.cells}
    for bin_in in binned.input_bins:
        row = (counts.get((bin_in, bin_out)) for bin_out in binned.output_bins)
        table.add_row(f"≤ {bin_in:,}", *(f"{count:,}" if count else "·" for count in row))
    return table


def _inflation(binned: InCells, requests: int) -> Sequence[str]:
    outside = [
        f"{count:,} with {what}"
        for count, what in (
            (binned.beyond_output, f"more than {binned.output_bins[-1]:,} output tokens"),
            (binned.beyond_input, f"more than {binned.input_bins[-1]:,} input tokens"),
            (binned.beyond_both, "more than both limits"),
        )
        if count
    ]
    kept = (
        f"{binned.kept:,} of {_requests(requests)} ({100 * binned.kept / requests:.2f} %) in {len(binned.cells)} of "
        f"{binned.cells_possible} cells" + (f"; left out {', '.join(outside)}" if outside else "")
    )
    return (kept, f"binning inflates {_factors(binned)}")


def _factors(binned: InCells) -> str:
    if binned.input_inflation is None or binned.output_inflation is None:
        return "nothing: no request fits into a cell"
    return (
        f"input ×{binned.input_inflation:.4f} ({binned.binned_input_tokens:,} / {binned.input_tokens:,}), "
        f"output ×{binned.output_inflation:.4f} ({binned.binned_output_tokens:,} / {binned.output_tokens:,})"
    )


def _figure(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
