"""The published shapes: does energy follow lengths and batches here as the papers found? Pure: Results in, checks out.

Papers measured other boards and models. A figure of theirs counts as found here where our whole interval lies within a
factor `NEAR` of it; a finding without a figure has the limit that stands in its sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Result
from reports.lines import lines_of
from reports.papers import rows_of
from reports.published import FIGURES, Published
from reports.statistics import Ratio, ratio, summarise

NEAR = 1.5  # the papers' own figures differ by more between boards and models (Table IV of arXiv 2511.05597)
STRAIGHT = (0.8, 1.25)  # a late token over an early one: the cache that decode reads grows by less in these lengths
SHORT_TOKENS = 128  # prefill is flat up to here and grows beyond (arXiv 2504.17674)
FLAT = 0.5  # of what it would grow by in proportion, on the logarithm: below is nearer to flat than to proportional

REQUEST, PREFILL = METRICS["joules_per_request"], METRICS["prefill_joules_per_input_token"]
Verdict = Literal["pass", "fail", "open"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One shape: what was compared, what was found (`change`) and the range in which it counts as found."""

    what: str
    engine: str
    batch_size: int
    change: Ratio
    low: float
    high: float
    published: str

    @property
    def verdict(self) -> Verdict:
        """`pass` where the whole interval lies in the range, `fail` where it lies outside, else `open`."""
        if self.change.low is None or self.change.high is None:
            return "open"
        if self.change.high < self.low or self.change.low > self.high:
            return "fail"
        return "pass" if self.low <= self.change.low and self.change.high <= self.high else "open"


def checks_of(results: Sequence[Result], level: float) -> tuple[Check, ...]:
    """Every check that these results allow, question by question."""
    known = [one for one in results if one.scenario is not None and one.scenario.speculation is None]
    return (*_lengths(known, level), *_batches(known, level), *_prefill(known, level), *_decode(known, level))


def _lengths(results: Sequence[Result], level: float) -> Iterator[Check]:
    """E(900, 100) and E(100, 900) over E(100, 100)."""
    for row in rows_of("geometry", results, level):
        if row.published is not None and row.metric is REQUEST:
            yield _near(row.what, row.candidate, row.change, row.published)


def _batches(results: Sequence[Result], level: float) -> Iterator[Check]:
    """Energy of one of a hundred requests over that of one alone."""
    alone = {_held(one, "batch_size"): one for one in results if _batch(one) == 1 and REQUEST.values(one)}
    for result in results:
        base = alone.get(_held(result, "batch_size"))
        if base is not None and _batch(result) >= 100 and REQUEST.values(result) and base.method == result.method:
            lengths = f"{_tokens(result, 'input_tokens')} + {_tokens(result, 'output_tokens')}"
            change = ratio(REQUEST.values(base), REQUEST.values(result), level)
            what = f"{_engine(result)} {lengths}, one of {_batch(result)} / one alone"
            yield _near(what, result, change, FIGURES["batched against alone"])


def _prefill(results: Sequence[Result], level: float) -> Iterator[Check]:
    """Prefill's joules of the longest short prompt over those of the shortest."""
    for series in _series(results, "input_tokens").values():
        short = sorted(length for length in series if length <= SHORT_TOKENS and PREFILL.values(series[length]))
        if len(short) < 2:
            continue
        first, last = short[0], short[-1]
        base, new = ([tokens * value for value in PREFILL.values(series[tokens])] for tokens in (first, last))
        yield Check(
            what=f"{_engine(series[last])} prefill of {last} tokens / of {first}",
            engine=_engine(series[last]),
            batch_size=_batch(series[last]),
            change=ratio(base, new, level),
            low=0.0,
            high=(last / first) ** FLAT,
            published=f"flat at short inputs; below {(last / first) ** FLAT:.2g} for {last / first:.3g} times the tokens",
        )


def _decode(results: Sequence[Result], level: float) -> Iterator[Check]:
    """Joules of a late output token over those of an early one, by the ends and the middle of each series."""
    straight = {
        (one.engine, one.batch_size, one.beside): one for one in lines_of(results) if one.axis == "output_tokens"
    }
    for series in _series(results, "output_tokens").values():
        lengths = sorted(length for length in series if REQUEST.values(series[length]))
        if len(lengths) < 3:
            continue
        chosen = [lengths[0], lengths[len(lengths) // 2], lengths[-1]]
        example = series[lengths[-1]]
        line = straight.get((_engine(example), _batch(example), _tokens(example, "input_tokens")))
        explained = "" if line is None else f"; a straight line explains {100 * line.explained:.1f} %"
        yield Check(
            what=f"{_engine(example)} output token {chosen[1]} to {chosen[2]} / {chosen[0]} to {chosen[1]}",
            engine=_engine(example),
            batch_size=_batch(example),
            change=_late(chosen, [series[length] for length in chosen], level),
            low=STRAIGHT[0],
            high=STRAIGHT[1],
            published=f"decode energy is linear in output length: {STRAIGHT[0]} to {STRAIGHT[1]}{explained}",
        )


def _late(lengths: Sequence[int], results: Sequence[Result], level: float) -> Ratio:
    """Slope of the second half over the first, with the errors of the three means carried through."""
    means = [summarise(REQUEST.values(one), level) for one in results]
    early, late = (
        (means[place + 1].center - means[place].center) / (lengths[place + 1] - lengths[place]) for place in (0, 1)
    )
    if early <= 0 or late <= 0:
        return Ratio(value=None, low=None, high=None, level=level)
    steps = [lengths[1] - lengths[0], lengths[2] - lengths[1]]
    weights = [1 / (steps[0] * early), 1 / (steps[0] * early) + 1 / (steps[1] * late), 1 / (steps[1] * late)]
    halves = [mean.half_width for mean in means]
    if any(half is None for half in halves):
        return Ratio(value=late / early, low=None, high=None, level=level)
    # each half is `quantile` of its own few windows wide: summed as it is, the interval is too wide rather than too narrow
    reach = math.hypot(*(weight * (half or 0.0) for weight, half in zip(weights, halves, strict=True)))
    return Ratio(
        value=late / early, low=late / early * math.exp(-reach), high=late / early * math.exp(reach), level=level
    )


def _near(what: str, result: Result, change: Ratio, published: Published) -> Check:
    values = [value.ratio for value in published.values]
    if published.printed == "factor":
        values = values[:1]  # the mean over models; the others are single models
    return Check(
        what=what,
        engine=_engine(result),
        batch_size=_batch(result),
        change=change,
        low=min(values) / NEAR,
        high=max(values) * NEAR,
        published=published.sentence,
    )


def _series(results: Sequence[Result], axis: str) -> Mapping[str, Mapping[int, Result]]:
    found: dict[str, dict[int, Result]] = {}
    for result in results:
        found.setdefault(f"{_held(result, axis)} {result.method}", {})[_tokens(result, axis)] = result
    return found


def _held(result: Result, axis: str) -> str:
    """Equal for results that differ in one field of their scenarios alone."""
    return msgspec.structs.replace(result.scenario, **{axis: 1}).key if result.scenario is not None else ""


def _tokens(result: Result, axis: str) -> int:
    return int(getattr(result.scenario, axis))


def _batch(result: Result) -> int:
    return _tokens(result, "batch_size")


def _engine(result: Result) -> str:
    return "" if result.scenario is None else result.scenario.engine
