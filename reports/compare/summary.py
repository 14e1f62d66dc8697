"""The Report of a comparison from its rows: counts, one sentence, what is said of all. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from energy_fixtures.readings import Method
from reports.compare.control import Control
from reports.compare.rows import Asked, Report, Row
from reports.comparison import State
from reports.gate import Verdict, percent_change
from reports.noise import Between
from reports.render.text import NOT_MEASURED

MOST_NOTES = 10
MOST_PLACES = 3

ACROSS = (
    "across boards, by choice and not normalised: sensors of two boards differ by about 5 % (arXiv 2312.02741), and the "
    "machines around them differ"
)

REFUSING = (State.INCOMPARABLE.value, State.OTHER_WORKLOAD.value, State.MISSING.value)
"""States that --strict does not accept."""


def summary(
    rows: Sequence[Row],
    baseline: str,
    candidate: str | None,
    asked: Asked,
    *,
    by: str | None,
    strict: bool = False,
    between: Between | None = None,
    control: Control | None = None,
) -> Report:
    """Put rows together.

    Args:
        rows: In the order they are to be shown.
        baseline, candidate: Names of the runs.
        asked: What was asked of every case.
        by: The axis, None for old against new.
        strict: Whether states in `REFUSING` refuse the run.
        between: What two sessions differ by on their own, where two sessions are compared.
        control: What relates two boards to each other, None for none.
    """
    counts = _counts(rows)
    refused = strict and any(counts.get(state) for state in REFUSING)
    verdict: Literal["passed", "regressed", "refused"] = "refused" if refused else "passed"
    if counts.get(Verdict.REGRESSED.value):
        verdict = "regressed"
    notes = [*([] if control is None else [control.sentence]), *_notes(rows)]
    if between is not None:
        notes.append(
            f"intervals of changes hold the spread of trials and what two sessions differ by; {between.sentence}"
        )
    return Report(
        verdict=verdict,
        sentence=(
            _sentence(rows, counts, asked, by)
            if candidate is not None or by is not None
            else f"measured {_many(counts['cases'], 'case')}, compared with nothing"
        )
        + (_refusal(counts) if refused else ""),
        baseline=baseline,
        candidate=candidate,
        by=by,
        level=asked.level,
        limits=tuple(limit.expression for limit in asked.limits),
        labels=_labels(rows),
        counts=counts,
        rows=tuple(rows),
        notes=tuple(notes),
        environment=_environment(rows),
        control=None if control is None else control.label,
    )


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    """Cases by state, then by their worst verdict; only what there is."""
    states = {(row.fullname, row.of): row.state for row in rows}
    worst: dict[tuple[str, str], str] = {}
    order = [verdict.value for verdict in Verdict]
    for row in rows:
        key = (row.fullname, row.of)
        if row.verdict is not None and (key not in worst or order.index(row.verdict) < order.index(worst[key])):
            worst[key] = row.verdict
    by_state, by_verdict = Counter(states.values()), Counter(worst.values())
    return {
        "cases": len(states),
        **{state: by_state[state] for state in sorted(by_state)},
        **{verdict: by_verdict[verdict] for verdict in order if by_verdict[verdict]},
    }


def _sentence(rows: Sequence[Row], counts: dict[str, int], asked: Asked, by: str | None) -> str:
    compared = [row for row in rows if row.change is not None]
    if not compared:
        seen = ", ".join(f"{count} {state}" for state, count in counts.items() if state != "cases")
        return f"nothing was compared: {seen or 'no case'}"
    if asked.limits:
        said = [f"{counts[verdict.value]} {verdict.value}" for verdict in Verdict if counts.get(verdict.value)]
        limits = ", ".join(limit.expression for limit in asked.limits)
        sentence = f"of {_many(counts['cases'], 'case')} {', '.join(said) or 'none could be judged'} (limit {limits})"
        worst = _extreme([row for row in rows if row.verdict == Verdict.REGRESSED.value])
        return sentence + (f"; worst {worst}" if worst else "")
    shown = Counter(row.shown for row in compared)
    than = "the first of their group" if by else "before"
    parts = [f"{shown['worse']} worse than {than}"] if shown["worse"] else []
    parts += [f"{shown['better']} better"] if shown["better"] else []
    parts += [f"of {shown[None]} no difference is shown"] if shown[None] else []
    extreme = _extreme([row for row in compared if row.shown is not None])
    what = _many(len(compared), "comparison" if by else "figure") + ("" if by else " compared")
    return f"of {what}: {', '.join(parts)} ({100 * asked.level:g} % intervals)" + (
        f"; largest change {extreme}" if extreme else ""
    )


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _extreme(rows: Sequence[Row]) -> str:
    known = [(row.change.ratio, row) for row in rows if row.change is not None and row.change.ratio is not None]
    if not known:
        return ""
    ratio, row = max(known, key=lambda one: max(one[0], 1 / one[0]) if one[0] > 0 else 0.0)
    return f"{percent_change(ratio)} in {row.case}" + (f", {row.of}" if row.of else "") + f" ({row.metric})"


def _refusal(counts: dict[str, int]) -> str:
    return f"; refused, --strict: {', '.join(f'{counts[state]} {state}' for state in REFUSING if counts.get(state))}"


def _labels(rows: Sequence[Row]) -> tuple[str, ...]:
    methods: Counter[Method] = Counter(row.method for row in rows)
    labels = [
        f"joules are {NOT_MEASURED[method]}" + ("" if count == len(rows) else f" in {count} of {len(rows)} rows")
        for method, count in methods.items()
        if method in NOT_MEASURED
    ]
    crossed = [row for row in rows if any(note.startswith("across boards: ") for note in row.notes)]
    return (*labels, *((ACROSS,) if crossed else ()))


def _notes(rows: Sequence[Row]) -> list[str]:
    """What differs around the cases that were compared, and for how many of them when not for all."""
    compared = {(row.fullname, row.of): row.notes for row in rows if row.state == State.COMPARED.value}
    seen = Counter(note for notes in compared.values() for note in notes)
    lines = [
        f"compared although: {note}" + ("" if count == len(compared) else f" ({count} of {len(compared)} cases)")
        for note, count in seen.items()
    ]
    more = [f"and {len(lines) - MOST_NOTES} more differences"] if len(lines) > MOST_NOTES else []
    return [*lines[:MOST_NOTES], *more]


def _environment(rows: Sequence[Row]) -> str:
    places = list(dict.fromkeys(row.where for row in rows if row.candidate is not None))
    scopes = list(dict.fromkeys(" + ".join(row.scope) for row in rows))
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    where = " / ".join(places[:MOST_PLACES]) + more
    return "; ".join(part for part in (where, f"joules of {' or '.join(scopes)}" if scopes else "") if part)
