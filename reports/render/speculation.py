"""The table of question `speculative`: guessing ahead beside not guessing, by batch size, and where it stops paying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Environment, Result, Scenario
from reports.break_even import PER_TOKEN, Point, Series, sentence, series_of
from reports.render.captions import caption
from reports.render.columns import UNKNOWN, Column, figure_with_spread
from reports.render.tables import WIDEST_NAME, View, new_table, note_lines, shared, trials
from reports.render.text import Footnotes, doubts_of, honest, plain
from reports.statistics import summarise


def speculation_table(
    title: str, results: Sequence[Result], environments: Mapping[str, Environment], view: View
) -> list[RenderableType]:
    """Table, one closing sentence per way of guessing ahead, caption and notes; empty when nothing guesses ahead.

    Args:
        title: What is asked.
        results: All obtained by one method.
        environments: By key, for the caption.
        view: Level of every interval; its columns and order do not apply here.
    """
    series = series_of(results, view.level)
    if not series:
        return []
    points = [(one, point) for one in series for point in one.points]
    labels = dict(zip(series, labels_of(series), strict=True))
    used = [result for _, point in points for result in (point.autoregressive, point.speculative) if result is not None]
    energy = Column.of(PER_TOKEN, used, view.level)
    accepted = Column.of(METRICS["joules_per_accepted_token"], [point.speculative for _, point in points], view.level)
    acceptance = Column.of(METRICS["acceptance_rate"], [point.speculative for _, point in points], view.level)
    shown = (*shared([doubts_of(point.speculative) for _, point in points]), *view.everywhere)
    notes = Footnotes()
    marks = [_notes(point, shown, notes) for _, point in points]
    table = new_table(honest(title, results[0].method))
    table.add_column("guessing ahead", overflow="fold", max_width=WIDEST_NAME)
    both = (f"autoregressive\n{energy.unit} ±", f"speculative\n{energy.unit} ±")
    for heading in ("batch", *both, "saving", "acceptance"):
        table.add_column(heading, justify="right", no_wrap=True)
    if not accepted.empty:
        table.add_column(Text(accepted.heading), justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    if any(marks):
        table.add_column("notes", no_wrap=True)
    for row, (one, point) in enumerate(points):
        table.add_row(
            Text(labels[one] if point is one.points[0] else ""),
            str(point.batch_size),
            _energy(point.autoregressive, energy.factor, view.level),
            _energy(point.speculative, energy.factor, view.level),
            _saving(point),
            _share(acceptance, row),
            *([] if accepted.empty else [accepted.value(row)]),
            trials(point.speculative),
            *([Text(marks[row])] if any(marks) else []),
            end_section=point is one.points[-1],
        )
    closing = [Text(f"{labels[one]}: {sentence(one.points)}", style="bold") for one in series]
    return [table, *closing, Text(caption(used, environments, view.level)), *note_lines(shown, notes, view)]


def names_shown(results: Sequence[Result], level: float) -> frozenset[str]:
    """Full names of the results that stand in the table."""
    points = [point for one in series_of(results, level) for point in one.points]
    both = [result for point in points for result in (point.autoregressive, point.speculative)]
    return frozenset(result.fullname for result in both if result is not None)


def labels_of(series: Sequence[Series]) -> list[str]:
    """`vllm ngram`, with as many further words as it takes to tell the series apart."""
    labels = [f"{one.scenario.engine} {one.speculation.method}" for one in series]
    distinctions = (
        [f"look-ahead {one.speculation.num_tokens}" for one in series],
        [f"{one.scenario.input_tokens} + {one.scenario.output_tokens} tokens" for one in series],
        [_rest(one.scenario) for one in series],
        [f"#{number}" for number, _ in enumerate(series, start=1)],
    )
    for words in distinctions:
        if len(set(labels)) == len(labels):
            break
        if len(set(words)) > 1:
            labels = [f"{label}, {word}" if word else label for label, word in zip(labels, words, strict=True)]
    return [plain(label) for label in labels]


def _rest(scenario: Scenario) -> str:
    parts = [scenario.execution, scenario.decoding.method, scenario.speculation and scenario.speculation.draft_model]
    return " ".join(str(part) for part in parts if part)


def _energy(result: Result | None, factor: float, level: float) -> str:
    values = PER_TOKEN.values(result) if result is not None else ()
    return figure_with_spread(summarise(values, level) if values else None, factor)


def _saving(point: Point) -> str:
    return UNKNOWN if point.saving is None else f"{100 * point.saving:+.1f} %"


def _share(acceptance: Column, row: int) -> str:
    summary = acceptance.summaries[row]
    return UNKNOWN if summary is None else f"{100 * summary.center:.0f} %"


def _notes(point: Point, shown: Sequence[str], notes: Footnotes) -> str:
    said = [sentence for sentence in doubts_of(point.speculative) if sentence not in shown]
    if point.autoregressive is None:
        said.append("the same work without guessing ahead was not measured")
    else:
        known = (*shown, *said)
        said += [f"autoregressive: {doubt}" for doubt in doubts_of(point.autoregressive) if doubt not in known]
    return notes.mark(said)
