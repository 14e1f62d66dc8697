"""The row of a pair with nothing unusual about it, from the little of a file that it needs: in half of the time.

Nearly all pairs of two large runs did the same work, on one domain each, with tokens in every trial. What is unusual in any
way is left to `reports.comparison.hold` and `reports.compare.rows.rows_of`, which say what it is; where both can answer
they give the same row.
"""

from __future__ import annotations

from statistics import median

from energy_fixtures.metrics import METRICS, Metric
from energy_fixtures.readings import COVERAGE, LEAST
from reports.compare.glance import Glance
from reports.compare.rows import Asked, Row, Sample, compared_row
from reports.comparison import Around

PER_TOKEN, PER_ITERATION = METRICS["joules_per_output_token"], METRICS["joules_per_iteration"]


def usual(asked: Asked) -> bool:
    """Whether a glance can be enough: no metric was named and no limit."""
    return not asked.metrics and not asked.limits


def quick_row(past: Glance, candidate: Glance, around: Around, where: str, asked: Asked) -> Row | None:
    """The only row of a pair that is compared; None where a glance is not enough to know."""
    if around.unfair or bytes(past.scenario) != bytes(candidate.scenario) or past.method != candidate.method:
        return None
    if past.scope != candidate.scope or len(past.scope) != 1:
        return None
    known = PER_ITERATION if candidate.trials[0].generation is None else PER_TOKEN
    base, new = _sample(known, past), _sample(known, candidate)
    return (
        None if base is None or new is None else compared_row(candidate, known, where, base, new, around.notes, asked)
    )


def _sample(known: Metric, result: Glance) -> Sample | None:
    """As the metric and `own_error` give it; None unless all trials count, and have joules and what these are divided by."""
    (domain,), method = result.scope, result.method
    values, errors = [], []
    for trial in result.trials:
        reading, generation = trial.reading, trial.generation
        joules, error = reading.energy_j.get(domain), reading.uncertainty_j.get(domain)
        if generation is not None and generation.serving:  # a stream of requests has rules of its own
            return None
        if generation is None:
            count = trial.iterations if known is PER_ITERATION else 0
        else:
            count = sum([one.output_tokens for one in generation.requests]) if known is PER_TOKEN else 0
        if not joules or count <= 0 or trial.invalid_reasons or reading.method != method:
            return None
        if joules < LEAST or 0 < reading.duration_s < LEAST:  # whoever reads the whole of it says what is wrong
            return None
        values.append(joules / count)
        if error is not None:
            errors.append(COVERAGE * error / joules / COVERAGE)  # in this order the last digit is the same
    return Sample(tuple(values), median(errors) if errors else 0.0)
