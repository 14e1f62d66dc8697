"""One table per question: a case per row, its figures, its place towards the baseline, its notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from energy_fixtures.metrics import Metric, headline
from energy_fixtures.records import Environment, Result
from energy_fixtures.units import scale_of, significant
from reports.comparison import Pair, State, contrast
from reports.gate import Verdict, percent_change
from reports.ideal.gap import WHAT
from reports.metrics import named
from reports.noise import Between
from reports.render.captions import caption, column_captions, gap_captions
from reports.render.columns import UNKNOWN, Column, default_metrics
from reports.render.text import Footnotes, doubts_of, honest, plain

STYLES = {
    Verdict.REGRESSED: "bold red",
    Verdict.IMPROVED: "green",
    Verdict.INCOMPARABLE: "yellow",
    Verdict.INCONCLUSIVE: "yellow",
}


WIDEST_NAME = 36
"""Columns of a case's name before it is folded; leaves room for the usual figures in 100 columns."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A case's place towards the baseline, as the table shows it. `verdict` is None where no limit was named."""

    pair: Pair
    verdict: Verdict | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """How to show results.

    Attributes:
        level: Confidence of every ±, in (0, 1).
        metrics: Columns, empty for the usual ones. sort: `name`, a metric, or None for the order they ran in.
        compared: By full name; empty when there is no baseline.
        narrow: Leave out of the usual columns what can be told from the others.
        everywhere: Doubts that hold for every table and are said once, below the last.
        between: What two sessions differ by on their own, for intervals of changes; None where both sides are of one.
        boards: File of boards beside the table, for the gap to the ideal.
    """

    level: float
    metrics: tuple[str, ...] = ()
    sort: str | None = None
    compared: Mapping[str, Compared] = field(default_factory=dict)
    narrow: bool = False
    everywhere: tuple[str, ...] = ()
    between: Between | None = None
    boards: Path | None = None


def question_table(
    title: str, results: Sequence[Result], environments: Mapping[str, Environment], view: View
) -> list[RenderableType]:
    """The table, then its caption, its notes, each a renderable.

    Args:
        title: What is asked.
        results: At least one; all obtained by one method.
        environments: By key, for the caption.
        view: How to show them.
    """
    rows = sorted_results(results, environments, view)
    shown = (*_shared_doubts(rows), *view.everywhere)
    notes = Footnotes()
    table = new_table(honest(title, rows[0].method))
    metrics = tuple(named(name, environments, view.boards) for name in view.metrics) or default_metrics(
        rows, short=bool(view.compared) or view.narrow
    )
    columns = [column for column in (Column.of(metric, rows, view.level) for metric in metrics) if not column.empty]
    table.add_column("case", overflow="fold", max_width=WIDEST_NAME)
    for index, column in enumerate(columns):
        table.add_column(Text(column.heading + (" ±" if index == 0 else "")), justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    if view.compared:
        _comparison_columns(table, view)
    cells = [_notes(result, view, shown, notes) for result in rows]
    if any(cells):
        table.add_column("notes", no_wrap=True)
    for row, result in enumerate(rows):
        figures = [column.spread(row) if index == 0 else column.value(row) for index, column in enumerate(columns)]
        change = _comparison_cells(result, columns, view) if view.compared else []
        note = [Text(cells[row])] if any(cells) else []
        table.add_row(Text(plain(result.case)), *(Text(text) for text in figures), Text(trials(result)), *change, *note)
    said = [caption(rows, environments, view.level), *column_captions(rows, columns)]
    if any(metric.name in WHAT for metric in metrics):
        said += gap_captions(rows, environments, view.boards)
    return [table, *(Text(line) for line in said), *note_lines(shown, notes, view)]


def new_table(title: str) -> Table:
    """An empty table in this project's look."""
    return Table(
        title=Text(plain(title), style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
    )


def sorted_results(results: Sequence[Result], environments: Mapping[str, Environment], view: View) -> list[Result]:
    """By name, best first by a metric (unknown last), or as they ran."""
    if view.sort is None:
        return list(results)
    if view.sort == "name":
        return sorted(results, key=lambda result: result.case)
    metric = named(view.sort, environments, view.boards)
    sign = -1.0 if metric.direction == "higher" else 1.0

    def place(result: Result) -> tuple[bool, float]:
        values = metric.values(result)
        return (not values, sign * sum(values) / len(values) if values else 0.0)

    return sorted(results, key=place)


def trials(result: Result) -> str:
    """How many trials count, `2/3` when one of three does not."""
    valid, total = len(result.valid_trials), len(result.trials)
    return str(total) if valid == total else f"{valid}/{total}"


def note_lines(shown: Sequence[str], notes: Footnotes, view: View) -> list[Text]:
    """What holds for all cases of a table and is not said of all tables anyway, then the numbered notes."""
    here = (f"all cases: {sentence}" for sentence in shown if sentence not in view.everywhere)
    return [Text(plain(line)) for line in (*here, *notes.lines())]


def shared(groups: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What every one of several groups holds."""
    first, *rest = groups
    return tuple(item for item in first if all(item in group for group in rest)) if rest else ()


def _shared_doubts(rows: Sequence[Result]) -> tuple[str, ...]:
    return shared([doubts_of(result) for result in rows])


def _notes(result: Result, view: View, shown: Sequence[str], notes: Footnotes) -> str:
    sentences = [sentence for sentence in doubts_of(result) if sentence not in shown]
    if len(result.valid_trials) == 1:
        sentences.append("one valid trial has no spread; raise --energy-min-rounds")
    compared = view.compared.get(result.fullname)
    if compared is not None and compared.pair.differences:
        sentences.append(f"{compared.pair.state.value}: {'; '.join(compared.pair.differences)}")
    return notes.mark(sentences)


def _comparison_columns(table: Table, view: View) -> None:
    table.add_column("baseline", justify="right", no_wrap=True)
    table.add_column("change", justify="right", no_wrap=True)
    if any(compared.verdict for compared in view.compared.values()):
        table.add_column("verdict", no_wrap=True)


def _comparison_cells(result: Result, columns: Sequence[Column], view: View) -> list[Text]:
    compared = view.compared.get(result.fullname)
    judged = any(other.verdict for other in view.compared.values())
    if compared is None:
        return [Text(UNKNOWN), Text(""), *([Text("")] if judged else [])]
    old, change = _past(result, compared.pair, columns, view)
    verdict = compared.verdict
    last = [Text(verdict.value if verdict else "", style=STYLES.get(verdict, "") if verdict else "")] if judged else []
    return [Text(old), Text(change), *last]


def _past(result: Result, pair: Pair, columns: Sequence[Column], view: View) -> tuple[str, str]:
    """Baseline's mean and the change, of the metric that the first column shows."""
    if pair.state is not State.COMPARED or pair.baseline is None:
        return UNKNOWN, pair.state.value
    metric = first_metric(result, columns)
    values = metric.values(pair.baseline)
    against = contrast(metric, pair, view.level, view.between)
    if not values or against is None or against.value is None:
        return UNKNOWN, "unknown"
    mean = sum(values) / len(values)
    factor = next((column.factor for column in columns if column.metric is metric), scale_of(mean, metric.unit)[0])
    change = percent_change(against.value)
    if against.low is not None and against.high is not None:
        change += f"\n({percent_change(against.low)[:-2]} to {percent_change(against.high)[:-2]})"
    return significant(mean / factor), change


def first_metric(result: Result, columns: Sequence[Column]) -> Metric:
    """The metric a row is compared by: the first column that has a value for it."""
    return next((column.metric for column in columns if column.metric.values(result)), headline(result))
