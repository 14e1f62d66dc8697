"""A comparison for a terminal: a case per row, then what is missing, what differs, and the verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.units import quantity
from reports.compare.rows import Figure, Report, Row
from reports.comparison import State
from reports.gate import Verdict, percent_change
from reports.render.explanation import MOST, terminal_lines
from reports.render.tables import STYLES, WIDEST_NAME, new_table
from reports.render.text import Footnotes, plain

MOST_ROWS = 200
"""More would take seconds to draw and nobody reads them; `csv` and `json` hold all."""

MOST_NAMES = 10
MOST_OPEN = 3  # of sentences on cases that could not be decided; they are much alike

UNKNOWN = "—"

_COMMIT = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")


def comparison_report(report: Report) -> list[RenderableType]:
    """Table, notes and verdict, each a renderable."""
    notes = Footnotes()
    present = [row for row in report.rows if row.state != State.MISSING.value]
    shown = present[:MOST_ROWS]
    parts: list[RenderableType] = []
    for metric in dict.fromkeys(row.metric for row in shown):
        parts += [Text(""), _table(report, [row for row in shown if row.metric == metric], notes)]
    if len(present) > len(shown):
        parts.append(Text(f"and {len(present) - len(shown)} more rows; --format csv or json has all"))
    why = terminal_lines(report.explanations[:MOST], len(report.explanations[MOST:]) + report.unexplained)
    lines = [*notes.lines(), *sentences(report), *why, *missing_line(report), *below(report)]
    return [*parts, *(Text(plain(line)) for line in lines), Text(""), Text(plain(report.sentence), style="bold")]


def below(report: Report) -> list[str]:
    """What stands below the figures: what differs around the cases, how the figures came about, the place."""
    return [*report.notes, report.environment]


def sentences(report: Report) -> list[str]:
    """What the gate says of the cases that regressed, and of some that it cannot decide on."""
    lines = []
    for verdict, most in ((Verdict.REGRESSED, MOST_NAMES), (Verdict.INCONCLUSIVE, MOST_OPEN)):
        said = [
            f"{verdict.value} {one}" for row in report.rows if row.verdict == verdict.value for one in row.sentences
        ]
        lines += said[:most]
        lines += [f"and {len(said) - most} more {verdict.value}"] if len(said) > most else []
    return lines


def missing_line(report: Report) -> list[str]:
    """The cases that only the baseline has."""
    missing = list(dict.fromkeys(row.case for row in report.rows if row.state == State.MISSING.value))
    if not missing:
        return []
    rest = len(missing) - MOST_NAMES
    names = ", ".join(missing[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
    return [f"missing, only in {short(report.baseline)}: {names}"]


def title(report: Report) -> str:
    """What is compared."""
    runs = [short(name) for name in (report.candidate, report.baseline) if name is not None]
    if report.by is not None:
        return f"{' and '.join(reversed(runs))} by {report.by}"
    return " against ".join(runs)


def short(run: str) -> str:
    """A run's name with eight digits of its commit, as git says it.

    >>> short("0002_6050dc8c502b29051e6310ff8a42d51e95d9e011_20261121_132133")
    '0002_6050dc8c_20261121_132133'
    """
    return _COMMIT.sub(lambda found: found[0][:8], run)


def figure(one: Figure | None, unit: str) -> str:
    """The mean; an em dash where it is unknown."""
    return UNKNOWN if one is None else quantity(one.mean, unit)


def change(row: Row) -> str:
    """The change in percent, or why there is none."""
    if row.change is None:
        return row.state if row.state != State.COMPARED.value else "unknown"
    return "unknown" if row.change.ratio is None else percent_change(row.change.ratio)


def interval(row: Row) -> str:
    """The interval of the change; empty where there is none."""
    if row.change is None or row.change.low is None or row.change.high is None:
        return ""
    return f"{percent_change(row.change.low)[:-2]} to {percent_change(row.change.high)[:-2]}"


def relative(row: Row) -> str:
    """The change over that of the control, with its interval; empty where there is none."""
    one = row.relative
    if one is None or one.ratio is None:
        return ""
    if one.low is None or one.high is None:
        return percent_change(one.ratio)
    if one.low == one.high:  # the control itself
        return "control"
    return f"{percent_change(one.ratio)} ({percent_change(one.low)[:-2]} to {percent_change(one.high)[:-2]})"


def judged(row: Row) -> str:
    """The verdict, or without a limit whether a difference is shown at all."""
    return row.verdict or row.shown or ""


def _table(report: Report, rows: Sequence[Row], notes: Footnotes) -> RenderableType:
    labels = f" ({'; '.join(report.labels)})" if report.labels else ""
    table = new_table(f"{rows[0].metric}: {title(report)}{labels}")
    table.add_column("case", overflow="fold", max_width=WIDEST_NAME)
    if report.by is not None:
        table.add_column(report.by, overflow="fold", max_width=WIDEST_NAME)
    sides = ("first", "this") if report.by else ("baseline", "candidate")
    for heading in (*sides, "change", f"{100 * report.level:g} % interval", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    if report.control is not None:
        table.add_column(plain(report.control), justify="right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    marks = [notes.mark(row_notes(row)) for row in rows]
    if any(marks):
        table.add_column("notes", no_wrap=True)
    names = unique_names(rows)
    for row, mark in zip(rows, marks, strict=True):
        style = next((style for verdict, style in STYLES.items() if verdict.value == row.verdict), "")
        cells = [plain(names[row.fullname]), *([plain(row.of)] if report.by else [])]
        cells += [
            figure(row.baseline, row.unit),
            figure(row.candidate, row.unit),
            change(row),
            interval(row),
            _trials(row),
            *([relative(row)] if report.control is not None else []),
        ]
        table.add_row(
            *(Text(cell) for cell in cells), Text(judged(row), style=style), *([Text(mark)] if any(marks) else [])
        )
    return table


def row_notes(row: Row) -> list[str]:
    """Why a case is not compared."""
    return [f"{row.state}: {'; '.join(row.differences)}"] if row.differences else []


def unique_names(rows: Sequence[Row]) -> dict[str, str]:
    """By full name: the short name, or the full one where several tests share the short one."""
    owners: dict[str, set[str]] = {}
    for row in rows:
        owners.setdefault(row.case, set()).add(row.fullname)
    return {row.fullname: row.case if len(owners[row.case]) == 1 else row.fullname for row in rows}


def _trials(row: Row) -> str:
    counts = [str(one.trials) for one in (row.baseline, row.candidate) if one is not None]
    return " / ".join(counts)
