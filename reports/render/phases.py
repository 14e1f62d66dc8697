"""What a report says of prefill and decode: where they come from, and whether they add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from energy_fixtures.phases import PhaseSplit, Route, split
from energy_fixtures.readings import COVERAGE
from energy_fixtures.reasons import REASONS
from energy_fixtures.records import Result
from energy_fixtures.units import quantity

ROUTES: dict[Route, str] = {
    "beside": "prefill from windows that end at the first token",
    "inside": "both from the power inside each window",
    "both": "prefill from windows that end at the first token, decode from the power inside the others",
}
DIVISORS = "prefill per input token, decode per output token after the first"

NOT_ADDING_UP = REASONS["phases_do_not_add_up"]


def phase_doubts(result: Result) -> tuple[str, ...]:
    """What weakens the phases of a result, each in a sentence; nothing where phases were not asked for.

    That they do not add up is found here and not stored: it follows from the raw windows.
    """
    if not result.prefill_trials:
        return ()
    invalid = Counter(code for trial in result.prefill_trials for code in trial.invalid_reasons)
    total = len(result.prefill_trials)
    sentences = [
        f"{count} of {total} windows that end at the first token do not count: "
        + (f"{REASONS[code].sentence}; {REASONS[code].remedy}" if code in REASONS else code)
        for code, count in invalid.items()
    ]
    found = split(result)
    if found is None:
        return (*sentences, "phases are not known: no valid window of each kind")
    if found.unchecked is not None:
        sentences.append(f"phases are not checked: {found.unchecked}")
    if found.adds_up is False:
        sentences.append(f"{NOT_ADDING_UP.sentence} ({_figures(found)}); {NOT_ADDING_UP.remedy}")
    return tuple(sentences)


def phases_said(results: Sequence[Result]) -> str | None:
    """What the phases of a table are divided by and where they come from; None where it has none."""
    routes = dict.fromkeys(found.route for result in results if (found := split(result)) is not None)
    return f"{DIVISORS}; {', or '.join(ROUTES[route] for route in routes)}" if routes else None


def _figures(found: PhaseSplit) -> str:
    """For example `+0.21 J ± 0.08 J of 1.50 J per iteration`."""
    assert found.residual_j is not None and found.residual_u_j is not None  # as adds_up is known
    sign = "+" if found.residual_j > 0 else ""
    left, error = quantity(found.residual_j, "J"), quantity(COVERAGE * found.residual_u_j, "J")
    return f"{sign}{left} ± {error} of {quantity(found.whole_j, 'J')} per iteration"
