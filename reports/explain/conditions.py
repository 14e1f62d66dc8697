"""What was otherwise around the joules, before and after: work that differs, acceptance, clocks, heat, limits.

None of it is part of the split; it is what a reader looks at next. Means are over the trials that count, boards over those in
scope; windows that do not count are only ever counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from energy_fixtures.metrics import METRICS
from energy_fixtures.readings import BoardTrace
from energy_fixtures.records import Generation, Result, Trial
from energy_fixtures.units import quantity
from reports.explain.parts import differ, possible

Kind = Literal[
    "acceptance",
    "throttled",
    "power limit",
    "clock",
    "preemptions",
    "prefix cache",
    "power cap",
    "clock wandered",
    "temperature",
]

NOTABLE_CLOCK = 0.02
"""Boards step their clocks by 15 MHz, which is 1 %; power goes at least linearly with the clock."""

NOTABLE_C = 5.0
"""Boards tell whole degrees and swing by one or two in steady heat."""

HALF = 0.5
"""A doubt is notable where it holds for half of the windows more, or less, than before."""

Values = Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One thing before and after. `notable` says whether it belongs in the sentence; `said` is how."""

    kind: Kind
    before: float
    after: float
    notable: bool
    said: str


def conditions(baseline: Result, candidate: Result, level: float) -> tuple[Condition, ...]:
    """All that both sides know, the most telling first."""
    return tuple(found for look in _LOOKS if (found := look(baseline, candidate, level)) is not None)


def work_differs(baseline: Result, candidate: Result, level: float) -> tuple[str, ...]:
    """One clause per count in which the work of an iteration differs; empty for the same work."""
    counts: dict[str, Callable[[Generation], float]] = {
        "requests": lambda generation: len(generation.requests),
        "prompt tokens": lambda generation: generation.input_tokens,
        "output tokens": lambda generation: generation.output_tokens,
    }
    clauses = []
    for name, count in counts.items():
        old, new = (_of_generation(result, count) for result in (baseline, candidate))
        if old and new and (differ(old, new, level) or _constants_differ(old, new)):
            clauses.append(f"{_count(fmean(new))} {name} per iteration against {_count(fmean(old))}")
    return tuple(clauses)


def _acceptance(baseline: Result, candidate: Result, level: float) -> Condition | None:
    known = METRICS["acceptance_rate"]
    return _condition(
        "acceptance",
        known.values(baseline),
        known.values(candidate),
        lambda old, new: differ(old, new, level),
        lambda old, new: f"acceptance {_moved(old, new)} from {old:.2f} to {new:.2f}",
    )


def _throttled(baseline: Result, candidate: Result, level: float) -> Condition:
    """Such windows do not count, so they are counted among all."""
    old, new = (
        [float("throttled" in trial.invalid_reasons) for trial in result.trials] for result in (baseline, candidate)
    )
    said = f"throttled in {sum(new):.0f} of {len(new)} windows, before in {sum(old):.0f} of {len(old)}, none of which count"
    return Condition(kind="throttled", before=fmean(old), after=fmean(new), notable=any(old) or any(new), said=said)


def _power_limit(baseline: Result, candidate: Result, level: float) -> Condition | None:
    return _condition(
        "power limit",
        *_of_boards(baseline, candidate, lambda board: board.power_limit_max_w),
        lambda old, new: fmean(old) != fmean(new),
        lambda old, new: f"power limit from {quantity(old, 'W')} to {quantity(new, 'W')}",
    )


def _clock(baseline: Result, candidate: Result, level: float) -> Condition | None:
    def notable(old: Values, new: Values) -> bool:
        return differ(old, new, level) and abs(fmean(new) / fmean(old) - 1) >= NOTABLE_CLOCK

    return _condition(
        "clock",
        *_of_boards(baseline, candidate, _middle_clock_hz),
        notable,
        lambda old, new: f"clock {100 * (new / old - 1):+.0f} %",
    )


def _preemptions(baseline: Result, candidate: Result, level: float) -> Condition | None:
    old, new = (_of_generation(result, lambda generation: generation.preemptions) for result in (baseline, candidate))
    return _condition(
        "preemptions",
        old,
        new,
        lambda old, new: any(old) != any(new) or differ(old, new, level),
        lambda old, new: f"preemptions {_moved(old, new)} from {_count(old)} to {_count(new)} per iteration",
    )


def _prefix_cache(baseline: Result, candidate: Result, level: float) -> Condition | None:
    old, new = (_cached(result) for result in (baseline, candidate))
    return _condition(
        "prefix cache",
        old,
        new,
        lambda old, new: any(old) != any(new) or differ(old, new, level),
        lambda old, new: f"{100 * new:.0f} % of the prompts from the prefix cache against {100 * old:.0f} %",
    )


def _doubted(kind: Kind, code: str, words: str) -> Callable[[Result, Result, float], Condition | None]:
    def look(baseline: Result, candidate: Result, level: float) -> Condition | None:
        old, new = (
            [float(code in (*trial.doubts, *trial.reading.doubts)) for trial in result.valid_trials]
            for result in (baseline, candidate)
        )
        said = f"{words} in {sum(new):.0f} of {len(new)} windows, before in {sum(old):.0f} of {len(old)}"
        return _condition(kind, old, new, lambda old, new: abs(fmean(new) - fmean(old)) >= HALF, lambda *means: said)

    return look


def _temperature(baseline: Result, candidate: Result, level: float) -> Condition | None:
    return _condition(
        "temperature",
        *_of_boards(baseline, candidate, _middle_temperature_c),
        lambda old, new: abs(fmean(new) - fmean(old)) >= NOTABLE_C,
        lambda old, new: f"board {abs(new - old):.0f} °C {'warmer' if new > old else 'cooler'}",
    )


_LOOKS: tuple[Callable[[Result, Result, float], Condition | None], ...] = (
    _acceptance,
    _throttled,
    _power_limit,
    _clock,
    _preemptions,
    _prefix_cache,
    _doubted("power cap", "power_capped", "held at its power limit"),
    _doubted("clock wandered", "clock_changed", "clock wandering"),
    _temperature,
)


def _condition(
    kind: Kind,
    old: Values,
    new: Values,
    notable: Callable[[Values, Values], bool],
    said: Callable[[float, float], str],
) -> Condition | None:
    """None where one side does not know, or has figures that cannot be."""
    if not old or not new or not all(map(possible, (*old, *new))):
        return None
    before, after = fmean(old), fmean(new)
    return Condition(kind=kind, before=before, after=after, notable=notable(old, new), said=said(before, after))


def _constants_differ(old: Values, new: Values) -> bool:
    """Counts that are the same in every window need no spread to be different."""
    return len(set(old)) == len(set(new)) == 1 and old[0] != new[0]


def _of_generation(result: Result, count: Callable[[Generation], float | None]) -> list[float]:
    """Per iteration, by valid trial that knows it."""
    known = [(trial, count(trial.generation)) for trial in result.valid_trials if trial.generation is not None]
    return [value / trial.iterations for trial, value in known if value is not None and possible(value)]


def _cached(result: Result) -> list[float]:
    generations = [trial.generation for trial in result.valid_trials if trial.generation is not None]
    return [
        one.prefix_cache_hit_tokens / one.input_tokens
        for one in generations
        if one.prefix_cache_hit_tokens is not None and one.input_tokens and possible(one.prefix_cache_hit_tokens)
    ]


def _of_boards(
    baseline: Result, candidate: Result, of: Callable[[BoardTrace], float | None]
) -> tuple[list[float], list[float]]:
    """By valid trial, the mean over the boards in scope that know it."""

    def mean(trial: Trial, scope: tuple[str, ...]) -> float | None:
        boards = [trial.reading.boards[domain] for domain in scope if domain in trial.reading.boards]
        values = [value for board in boards if (value := of(board)) is not None and possible(value)]
        return fmean(values) if values else None

    old, new = ([mean(trial, one.scope) for trial in one.valid_trials] for one in (baseline, candidate))
    return [value for value in old if value is not None], [value for value in new if value is not None]


def _middle_clock_hz(board: BoardTrace) -> float | None:
    """None for a clock of zero too: a board that works has one."""
    return (
        (board.sm_clock_min_hz + board.sm_clock_max_hz) / 2 if board.sm_clock_min_hz and board.sm_clock_max_hz else None
    )


def _middle_temperature_c(board: BoardTrace) -> float | None:
    if board.temperature_start_c is None or board.temperature_end_c is None:
        return None
    return (board.temperature_start_c + board.temperature_end_c) / 2


def _moved(old: float, new: float) -> str:
    return "fell" if new < old else "rose"


def _count(value: float) -> str:
    return f"{value:.10g}" if value == round(value) else f"{value:.3g}"
