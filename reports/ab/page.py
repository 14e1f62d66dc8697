"""An A/B outcome for a terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from energy_fixtures.metrics import Metric, headline
from energy_fixtures.record import Record
from energy_fixtures.units import duration, quantity
from reports.ab.outcome import SIDES, Outcome
from reports.comparison import Pair, State, contrast
from reports.explain.prices import Prices
from reports.explain.told import Told
from reports.gate import Verdict, percent_change
from reports.statistics import Ratio

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST_NOTES = 10
WIDE = 100  # columns of a table in a file
TOLD = (Verdict.REGRESSED, Verdict.INCOMPARABLE, Verdict.INCONCLUSIVE)
"""Verdicts whose sentence is printed; the others stand in the table."""

SCHEMA = 1
USUAL = Prices()


class CaseRecord(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One case: its headline metric on both sides (SI), B over A with its interval, and what was said of it."""

    fullname: str
    case: str
    state: str
    metric: str
    unit: str
    method: str
    a: tuple[float, ...]
    b: tuple[float, ...]
    a_blocks: tuple[int, ...]
    b_blocks: tuple[int, ...]
    ratio: float | None
    low: float | None
    high: float | None
    verdict: str | None
    sentences: tuple[str, ...]
    differences: tuple[str, ...]


class OutcomeRecord(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The whole outcome; `level` is the confidence of each `low` and `high`, `drift` last over first block by side."""

    schema_version: int
    a: str
    b: str
    how: str
    order: str
    took_s: float
    energy_j: float
    stopped: str | None
    limits: tuple[str, ...]
    level: float
    cases: tuple[CaseRecord, ...]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]
    differing: tuple[str, ...]
    drift: dict[str, float]
    explanations: tuple[Told, ...]
    notes: tuple[str, ...]


def terminal(outcome: Outcome, prices: Prices = USUAL) -> list[RenderableType]:
    """Header, the usual tables with A as the baseline, and what a reader has to know."""
    from rich.text import Text

    from reports.render.explanation import terminal_lines
    from reports.render.tables import Compared, View
    from reports.render.terminal import report
    from reports.render.text import plain

    compared = {name: Compared(pair=pair, verdict=outcome.worst(name)) for name, pair in outcome.pairs.items()}
    view = View(level=outcome.level, compared=compared)
    tables = report(outcome.candidate.results, outcome.candidate.environments, view)
    head = [
        f"joules ab · {_spent(outcome)}",
        *(f"  {name}  {label}" for name, label in _labelled(outcome)),
        f"  {outcome.how}",
    ]
    why = terminal_lines(*outcome.told(prices))
    foot = ["", "rows are of B, their baseline is A", *_closing(outcome), *why]
    return [*(Text(plain(line)) for line in head), *tables, *(Text(plain(line)) for line in foot)]


def text(
    outcome: Outcome,
    form: Literal["table", "markdown", "json"],
    prices: Prices = USUAL,
    comment: str | None = None,
) -> str:
    """The outcome as the content of a file, in the form asked for; `comment` as `markdown` takes it."""
    from reports.render.text import to_lines

    if form == "markdown":
        return markdown(outcome, prices, comment)
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(record(outcome, prices))).decode() + "\n"
    return "\n".join(to_lines(terminal(outcome, prices), width=WIDE, colour=False)) + "\n"


def markdown(outcome: Outcome, prices: Prices = USUAL, comment: str | None = None) -> str:
    """The same for a pull request: the hidden marker of `comment`, one table over all cases, then lines.

    Raises:
        ConfigurationError: See `reports.render.markdown.marker`.
    """
    from reports.render.markdown import calm, escaped, marker, why_lines

    judged = bool(outcome.limits)

    def said(sentence: str) -> str:
        return " ".join(
            calm(escaped(word), commits=True) for word in sentence.split()
        )  # as a whole a long one would be shortened

    lines = [
        marker(comment),
        "### joules ab",
        "",
        *(f"- **{name}** {said(label)}" for name, label in _labelled(outcome)),
    ]
    lines += [f"- {said(_spent(outcome))}; {said(outcome.how)}", ""]
    lines += [f"| case | metric | A | B | change | n |{' verdict |' if judged else ''}"]
    lines += [f"|---|---|---:|---:|---:|---:|{'---|' if judged else ''}"]
    for name, pair in outcome.pairs.items():
        metric, against = _figures(pair, outcome.level)
        old, new = (metric.values(side) if side is not None else [] for side in (pair.baseline, pair.candidate))
        means = [quantity(sum(values) / len(values), metric.unit) if values else "—" for values in (old, new)]
        change = _change(against) if pair.state is State.COMPARED else pair.state.value
        verdict = outcome.worst(name)
        last = [("" if verdict is None else verdict.value)] if judged else []
        cells = [f"`{metric.name}` ({pair.candidate.method})", *means, change, f"{len(old)} / {len(new)}", *last]
        lines.append(f"| {' | '.join([calm(escaped(pair.candidate.case)), *cells])} |")
    lines += ["", *(f"- {said(line)}" for line in _closing(outcome))]
    why = why_lines(*outcome.told(prices))
    lines += ["", *why] if why else []
    return "\n".join(lines) + "\n"


def record(outcome: Outcome, prices: Prices = USUAL) -> OutcomeRecord:
    """The same for programs, with the values of every valid trial."""
    return OutcomeRecord(
        schema_version=SCHEMA,
        a=outcome.labels[0],
        b=outcome.labels[1],
        how=outcome.how,
        order=outcome.spent.order,
        took_s=outcome.spent.took_s,
        energy_j=outcome.spent.energy_j,
        stopped=outcome.spent.stopped,
        limits=tuple(limit.expression for limit in outcome.limits),
        level=outcome.level,
        cases=tuple(_case(outcome, name, pair) for name, pair in outcome.pairs.items()),
        missing=tuple(result.fullname for result in outcome.missing),
        ignored=outcome.ignored,
        differing=outcome.differing,
        explanations=outcome.told(prices, most=None)[0],
        drift={name: moved.middle for name, moved in outcome.drifts.items()},
        notes=outcome.notes,
    )


def _case(outcome: Outcome, name: str, pair: Pair) -> CaseRecord:
    metric, against = _figures(pair, outcome.level)
    past = pair.baseline
    return CaseRecord(
        fullname=name,
        case=pair.candidate.case,
        state=pair.state.value,
        metric=metric.name,
        unit=metric.unit,
        method=pair.candidate.method,
        a=() if past is None else tuple(metric.values(past)),
        b=tuple(metric.values(pair.candidate)),
        a_blocks=_blocks_of(outcome, pair),
        b_blocks=outcome.sides[1].sizes[name],
        ratio=None if against is None else against.value,
        low=None if against is None else against.low,
        high=None if against is None else against.high,
        verdict=None if (worst := outcome.worst(name)) is None else worst.value,
        sentences=tuple(judgement.sentence for judgement in outcome.judgements[name]),
        differences=pair.differences,
    )


def _blocks_of(outcome: Outcome, pair: Pair) -> tuple[int, ...]:
    """Trials by block of the partner in A, which may have another name there: it holds the same trials."""
    if pair.baseline is None:
        return ()
    held = pair.baseline.trials
    names = (result.fullname for result in outcome.sides[0].run.results if result.trials is held)
    return next((outcome.sides[0].sizes[name] for name in names), ())


def _figures(pair: Pair, level: float) -> tuple[Metric, Ratio | None]:
    metric = headline(pair.candidate)
    return metric, contrast(metric, pair, level)


def _change(against: Ratio | None) -> str:
    if against is None or against.value is None:
        return "unknown"
    said = percent_change(against.value)
    if against.low is None or against.high is None:
        return said
    return f"{said} ({percent_change(against.low)} to {percent_change(against.high)})"


def _labelled(outcome: Outcome) -> Iterator[tuple[str, str]]:
    return zip(SIDES, outcome.labels, strict=True)


def _spent(outcome: Outcome) -> str:
    spent = outcome.spent
    blocks = f"{len(spent.order)} blocks {' '.join(spent.order)}"
    return f"{blocks} · {duration(spent.took_s)} · {quantity(spent.energy_j, 'J')} in metered windows"


def _closing(outcome: Outcome) -> list[str]:
    lines = [f"stopped early: {outcome.spent.stopped}"] if outcome.spent.stopped else []
    lines += list(_drift_lines(outcome))
    if outcome.ignored:
        lines += _some("paired although the work differs, as the options ask:", outcome.ignored)
    if outcome.differing:
        lines += _some("compared although these differ:", outcome.differing)
    if outcome.missing:
        lines += _some("only in A:", [result.case for result in outcome.missing])
    lines += outcome.notes
    if outcome.limits:
        limits = ", ".join(limit.expression for limit in outcome.limits)
        counted = ", ".join(f"{count} {verdict.value}" for verdict, count in outcome.verdicts.items())
        lines.append(f"energy gate ({limits}): {counted or 'nothing to judge'}")
        judgements = [one for some in outcome.judgements.values() for one in some]
        lines += [f"  {kind.value} {one.sentence}" for kind in TOLD for one in judgements if one.verdict is kind]
    return lines


def _drift_lines(outcome: Outcome) -> Iterator[str]:
    """How far each side moved by itself: what steady drift remains hits both sides alike."""
    said = []
    for name, moved in outcome.drifts.items():
        one = f"{name} {percent_change(moved.middle)}"
        more = f" (median of {moved.cases} cases, farthest {percent_change(moved.farthest)} in {moved.case})"
        said.append(one + (more if moved.cases > 1 else ""))
    if said:
        yield f"drift, last block against first: {'; '.join(said)}"


def _some(title: str, notes: Sequence[str]) -> list[str]:
    more = [f"  and {len(notes) - MOST_NOTES} more"] if len(notes) > MOST_NOTES else []
    return [title, *(f"  {note}" for note in notes[:MOST_NOTES]), *more]
