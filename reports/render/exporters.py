"""A comparison for programs: JSON, CSV, Bencher's metric format, github-action-benchmark's custom JSON.

The last two hold one run, the candidate, and follow it over time elsewhere. Their names are `question[case]`.

Sources:
    https://bencher.dev/docs/reference/bencher-metric-format/
    https://github.com/benchmark-action/github-action-benchmark (customSmallerIsBetter, customBiggerIsBetter)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.readings import MEASURED
from energy_fixtures.units import significant
from reports.compare.rows import Figure, Report, Row
from reports.render.text import NOT_MEASURED, plain, plain_json

COLUMNS = (
    "case", "question", "fullname", "of", "against", "metric", "unit", "method", "measured", "scope", "where", "state",
    "baseline", "baseline_low", "baseline_high", "baseline_trials", "candidate", "candidate_low", "candidate_high",
    "candidate_trials", "ratio", "ratio_low", "ratio_high", "relative", "relative_low", "relative_high", "relative_to",
    "verdict", "differences", "notes", "explanation", "costs",
)  # fmt: skip


_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


class _Charted(msgspec.Struct, omit_defaults=True):
    """One entry of github-action-benchmark; `range` and `extra` are strings there."""

    name: str
    unit: str
    value: float
    range: str | None = None
    extra: str | None = None


class _Metric(msgspec.Struct, omit_defaults=True):
    """One measure of Bencher; the bounds are optional there."""

    value: float
    lower_value: float | None = None
    upper_value: float | None = None


def as_json(report: Report) -> str:
    """Everything, as `Report` says."""
    return _text(report)


def as_csv(report: Report) -> str:
    """A line per row; unknown is empty. Text that a spreadsheet would take for a formula is quoted with an apostrophe.

    The explanation stands in the rows of joules of its case, because joules are what it is about.
    """
    why = {one.fullname: one for one in report.explanations}
    paper = io.StringIO()
    writer = csv.writer(paper, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.rows:
        change, side = row.change, row.relative
        told = why.get(row.fullname) if "J" in row.unit else None
        named = [row.case, row.question, row.fullname, row.of, row.against]
        writer.writerow(
            [
                *(_cell(text) for text in named),
                row.metric,
                row.unit,
                row.method,
                "yes" if row.method in MEASURED else "no",
                _cell(" ".join(row.scope)),
                _cell(row.where),
                row.state,
                *_figures(row.baseline),
                *_figures(row.candidate),
                *((change.ratio, change.low, change.high) if change is not None else (None, None, None)),
                *((side.ratio, side.low, side.high) if side is not None else (None, None, None)),
                _cell(report.control or "") if side is not None else None,
                row.verdict,
                _cell("; ".join(row.differences)),
                _cell("; ".join(row.notes)),
                *((None, None) if told is None else (_cell(told.sentence), _cell(told.costs.sentence))),
            ]
        )
    return paper.getvalue()


def as_bencher(report: Report) -> str:
    """Value and interval of the candidate by case and measure; a measure of joules that were not measured says so."""
    names = _names(report.rows)
    found: dict[str, dict[str, _Metric]] = {}
    for row in report.rows:
        if row.candidate is None:
            continue
        slug = row.metric.replace("_", "-") + ("" if row.method in MEASURED else f"-{row.method}")
        one = row.candidate
        metric = _Metric(value=one.mean, lower_value=one.low, upper_value=one.high)
        found.setdefault(names[row.fullname, row.of], {})[slug] = metric
    return _text(found)


def as_github_action_benchmark(report: Report) -> str:
    """Entries for customSmallerIsBetter, or customBiggerIsBetter where metrics are better when higher.

    Raises:
        ConfigurationError: Metrics of both kinds, or of none: one file has one direction.
    """
    directions = {row.metric: row.direction for row in report.rows if row.candidate is not None}
    if len(set(directions.values())) > 1 or None in directions.values():
        said = ", ".join(f"{name} ({direction or 'neither'})" for name, direction in directions.items())
        raise ConfigurationError(
            f"github-action-benchmark takes metrics of one better side in a file, got {said}; name one kind with --metric"
        )
    names = _names(report.rows)
    several = len(directions) > 1
    return _text(
        [_charted(row, names[row.fullname, row.of], several) for row in report.rows if row.candidate is not None]
    )


def _charted(row: Row, name: str, several: bool) -> _Charted:
    assert row.candidate is not None  # rows without one are left out
    one = row.candidate
    label = "" if row.method in MEASURED else f" ({row.method})"
    half = None if one.low is None or one.high is None else (one.high - one.low) / 2
    lines = [f"{one.trials} trials", plain(row.where), plain(f"joules of {' + '.join(row.scope)}")]
    lines += [NOT_MEASURED[row.method]] if row.method in NOT_MEASURED else []
    return _Charted(
        name=f"{name}{f' {row.metric}' if several else ''}{label}",
        unit=row.unit,
        value=one.mean,
        range=None if half is None else significant(half, 2),
        extra="\n".join(lines),
    )


def _names(rows: Sequence[Row]) -> dict[tuple[str, str], str]:
    """`question[case]` by case, its full name where two would have the same, so that none replaces another."""
    short = {(row.fullname, row.of): f"{row.question}[{row.case}]" for row in rows}
    taken: dict[str, int] = {}
    for name in short.values():
        taken[name] = taken.get(name, 0) + 1
    return {
        (fullname, of): plain(name if taken[name] == 1 else f"{fullname} {of}".strip())
        for (fullname, of), name in short.items()
    }


def _figures(one: Figure | None) -> tuple[float | None, float | None, float | None, int | None]:
    return (None, None, None, None) if one is None else (one.mean, one.low, one.high, one.trials)


def _cell(text: str) -> str:
    said = plain(text)
    return f"'{said}" if said.startswith(_FORMULA) else said


def _text(record: object) -> str:
    return plain_json(msgspec.json.format(msgspec.json.encode(record), indent=1).decode()) + "\n"
